"""What EventBridge checks when buses, rules, targets and policies are written, and MiniStack does not.

Storage stays MiniStack's: each check either refuses the call or lets it through.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from sandbox import adapter
from sandbox.api import AwsError, Call, Handler
from sandbox.events import access, store, targets
from sandbox.events.model import Bus

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
MAXIMUM_BUSES = 100
MAXIMUM_RULES = 300
MAXIMUM_TARGETS = 5
MAXIMUM_POLICY_CHARACTERS = 10_240
MAXIMUM_PATTERN_CHARACTERS = 2_048

_LIMIT = "The requested resource exceeds the maximum number allowed."


def handle(call: Call, proceed: Handler) -> dict[str, Any]:
    """Check one management call, then let MiniStack store it. Raises `AwsError`."""
    call = _with_bus_name(call)
    check = CHECKS.get(call.operation)
    if check is not None:
        check(call)
    replacement = REPLACEMENTS.get(call.operation)
    if replacement is not None:
        return replacement(call)
    answer = proceed(call)
    return _with_unique_arn(call, answer) if call.operation in _UNIQUE_ARNS else answer


def _with_bus_name(call: Call) -> Call:
    """MiniStack keys rules by bus name; AWS takes the ARN as well."""
    named = call.params.get("EventBusName")
    if not isinstance(named, str) or not named.startswith("arn:"):
        return call
    bus = _bus(call)
    if bus.account != call.caller.account:
        raise AwsError("ResourceNotFoundException", f"Event bus {bus.name} does not exist.")
    return Call(call.service, call.operation, {**call.params, "EventBusName": bus.name}, call.caller, call.region)


def _bus(call: Call) -> Bus:
    try:
        return Bus.of(call.params.get("EventBusName"), account=call.caller.account, region=call.region)
    except ValueError as error:
        raise AwsError("ValidationException", "Parameter EventBusName is not valid.") from error


def _rules(call: Call) -> list[dict[str, Any]]:
    bus = _bus(call)
    return store.rules(bus.account, bus.region, bus.name)


def _existing_rule(call: Call, name: str) -> dict[str, Any]:
    found = next((rule for rule in _rules(call) if rule["Name"] == name), None)
    if found is None:
        raise AwsError("ResourceNotFoundException", f"Rule {name} does not exist on EventBus {_bus(call).name}.")
    return found


def _targets(call: Call, rule: str) -> list[dict[str, Any]]:
    bus = _bus(call)
    return store.targets(bus.account, bus.region, bus.name, rule)


def _create_event_bus(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html"""
    if store.bus_count(call.caller.account, call.region) >= MAXIMUM_BUSES:
        raise AwsError("LimitExceededException", _LIMIT)


def _delete_event_bus(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteEventBus.html"""
    name = str(call.params.get("Name", ""))
    if name != "default" and store.rules(call.caller.account, call.region, name):
        raise AwsError("ValidationException", f"Event bus {name} can't be deleted since it has rules.")


def _put_rule(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html

    300 rules a bus: one routing rule per domain ends at 300 domains. A role of the rule itself must be passed.
    """
    rules = _rules(call)
    name = str(call.params.get("Name", ""))
    if len(rules) >= MAXIMUM_RULES and name not in {rule["Name"] for rule in rules}:
        raise AwsError("LimitExceededException", _LIMIT)
    if len(str(call.params.get("EventPattern") or "")) > MAXIMUM_PATTERN_CHARACTERS:
        raise AwsError("LimitExceededException", "The event pattern exceeds the maximum length allowed.")
    if not call.params.get("EventPattern") and not call.params.get("ScheduleExpression"):
        raise AwsError("ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if call.params.get("RoleArn"):
        access.require_pass_role(call.caller, str(call.params["RoleArn"]))


def _delete_rule(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html: remove the targets first."""
    if _targets(call, str(call.params.get("Name", ""))):
        raise AwsError("ValidationException", "Rule can't be deleted since it has targets.")


def _switch_rule(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DisableRule.html"""
    _existing_rule(call, str(call.params.get("Name", "")))


def _of_existing_rule(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_ListTargetsByRule.html"""
    _existing_rule(call, str(call.params.get("Rule", "")))


def _put_targets(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutTargets.html

    Five targets a rule; buses, state machines and API destinations need a role; every role must be passed; the bus of
    another account must be open to the role already.
    """
    rule = _existing_rule(call, str(call.params.get("Rule", "")))
    added = list(call.params.get("Targets") or [])
    ids = {target["Id"] for target in _targets(call, rule["Name"])} | {target["Id"] for target in added}
    if len(ids) > MAXIMUM_TARGETS:
        raise AwsError("LimitExceededException", _LIMIT)
    for target in added:
        _check_target(call, str(rule["Arn"]), target)


def _check_target(call: Call, rule_arn: str, target: Mapping[str, Any]) -> None:
    arn = str(target.get("Arn", ""))
    kind = targets.kind_of(arn)
    if kind is None:
        raise AwsError(
            "ValidationException", f"Parameter {arn} is not valid. Reason: the sandbox cannot deliver to it."
        )
    shapes = [name for name in ("Input", "InputPath", "InputTransformer") if name in target]
    if len(shapes) > 1:
        raise AwsError(
            "ValidationException",
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target['Id']}.",
        )
    role = target.get("RoleArn")
    if targets.needs_role(arn) and not role:
        raise AwsError("ValidationException", f"RoleArn is required for target {arn}.")
    dead_letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if dead_letters and (targets.kind_of(dead_letters) != "sqs" or str(dead_letters).endswith(".fifo")):
        raise AwsError("ValidationException", "A dead-letter queue must be a standard SQS queue.")
    if role:
        access.require_pass_role(call.caller, str(role))
    if kind == "bus":
        bus = Bus.of(arn, account=call.caller.account, region=call.region)
        if bus.account != call.caller.account:
            access.require_target_bus_open(str(role), bus, rule_arn, call.caller.account)


def _put_permission(call: Call) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html

    `Policy` replaces the whole policy; the older form adds one statement. At most 10,240 characters.
    """
    bus = _bus(call)
    if not store.bus_exists(bus.account, bus.region, bus.name):
        raise AwsError("ResourceNotFoundException", f"Event bus {bus.name} does not exist.")
    if call.params.get("Policy"):
        policy = _policy_document(str(call.params["Policy"]))
    else:
        policy = _with_statement(adapter.bus_policy(bus.arn), bus, call.params)
    if len(json.dumps(policy, separators=(",", ":"))) > MAXIMUM_POLICY_CHARACTERS:
        raise AwsError("PolicyLengthExceededException", "The event bus policy is too long: 10,240 characters at most.")
    store.set_bus_policy(bus.arn, policy)
    return {}


def _policy_document(text: str) -> dict[str, Any]:
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise AwsError("ValidationException", "Parameter Policy is not valid. Reason: not JSON.") from error
    if not isinstance(policy, dict) or not isinstance(policy.get("Statement"), list | dict):
        raise AwsError("ValidationException", "Parameter Policy is not valid. Reason: it has no Statement.")
    return policy


def _with_statement(policy: dict[str, Any] | None, bus: Bus, params: Mapping[str, Any]) -> dict[str, Any]:
    for member in ("StatementId", "Principal", "Action"):
        if not params.get(member):
            raise AwsError("ValidationException", f"Parameter {member} is required when Policy is not given.")
    principal = str(params["Principal"])
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": params["Action"],
        "Resource": bus.arn,
    }
    condition = params.get("Condition")
    if condition:
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    existing = (policy or {}).get("Statement", [])
    kept = [
        one for one in (existing if isinstance(existing, list) else [existing]) if one.get("Sid") != statement["Sid"]
    ]
    return {"Version": "2012-10-17", **(policy or {}), "Statement": [*kept, statement]}


# Connections and API destinations have a random last part in their ARN, and botocore refuses ARNs without it.
_UNIQUE_ARNS = {"CreateConnection": "ConnectionArn", "CreateApiDestination": "ApiDestinationArn"}


def _with_unique_arn(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateConnection.html"""
    member = _UNIQUE_ARNS[call.operation]
    arn = f"{answer[member]}/{uuid.uuid4()}"
    store.rename(member, str(call.params["Name"]), arn)
    return {**answer, member: arn}


def _create_api_destination(call: Call) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateApiDestination.html"""
    connection = str(call.params.get("ConnectionArn", ""))
    if not store.connection_exists(connection):
        raise AwsError("ResourceNotFoundException", f"Connection '{connection}' does not exist.")


CHECKS: dict[str, Callable[[Call], None]] = {
    "CreateApiDestination": _create_api_destination,
    "CreateEventBus": _create_event_bus,
    "DeleteEventBus": _delete_event_bus,
    "PutRule": _put_rule,
    "DeleteRule": _delete_rule,
    "EnableRule": _switch_rule,
    "DisableRule": _switch_rule,
    "PutTargets": _put_targets,
    "RemoveTargets": _of_existing_rule,
    "ListTargetsByRule": _of_existing_rule,
}
REPLACEMENTS: dict[str, Callable[[Call], dict[str, Any]]] = {"PutPermission": _put_permission}
