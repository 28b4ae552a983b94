"""The ARNs on which IAM checks the calls of EventBridge.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
"""

from __future__ import annotations

from sandbox.api import Call
from sandbox.events.model import Bus

_ON_BUS = {"PutPermission", "RemovePermission"}
_ON_NAMED_BUS = {"CreateEventBus", "DeleteEventBus", "DescribeEventBus", "UpdateEventBus"}
_ON_RULE = {"PutRule", "DeleteRule", "DescribeRule", "EnableRule", "DisableRule"}
_ON_TARGETS = {"PutTargets", "RemoveTargets", "ListTargetsByRule"}
_ON_TAGGED = {"TagResource", "UntagResource", "ListTagsForResource"}
_NAMED = {"Archive": "ArchiveName", "Connection": "Name", "ApiDestination": "Name", "Replay": "ReplayName"}
_KINDS = {"Archive": "archive", "Connection": "connection", "ApiDestination": "api-destination", "Replay": "replay"}


def event_resources(call: Call) -> list[str]:
    """The resources of a call; none for PutEvents, which `put_events` authorises entry by entry."""
    operation, params = call.operation, call.params
    if operation == "PutEvents":
        return []
    if operation in _ON_TAGGED:
        return [str(params.get("ResourceARN", "*"))]
    bus = _bus(call, params.get("Name") if operation in _ON_NAMED_BUS else params.get("EventBusName"))
    if operation in _ON_BUS | _ON_NAMED_BUS:
        return [bus.arn]
    if operation in _ON_RULE | _ON_TARGETS:
        return [rule_arn(bus, str(params.get("Name" if operation in _ON_RULE else "Rule", "")))]
    if operation == "ListRules":
        return [rule_arn(bus, str(params.get("NamePrefix") or "*"))]
    for kind, member in _NAMED.items():
        if operation.endswith(kind) and params.get(member):
            return [f"arn:aws:events:{call.region}:{call.caller.account}:{_KINDS[kind]}/{params[member]}"]
    return ["*"]


def rule_arn(bus: Bus, name: str) -> str:
    """The ARN of a rule: those of the default bus do not name it."""
    path = name if bus.name == "default" else f"{bus.name}/{name}"
    return f"arn:aws:events:{bus.region}:{bus.account}:rule/{path}"


def _bus(call: Call, named: object) -> Bus:
    try:
        return Bus.of(str(named) if named else None, account=call.caller.account, region=call.region)
    except ValueError:
        return Bus(call.caller.account, call.region, "*")
