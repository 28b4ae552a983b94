"""How an event gets into each kind of target, and with whose permission.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sandbox import adapter, authz, clock
from sandbox.api import AwsError
from sandbox.events import access, inputs, store
from sandbox.events.model import Arn, Bus, DeliveryError, Event, Rule

# Step Functions and SQS refuse larger input; EventBridge cannot make it smaller, so it does not retry.
_EXECUTION_INPUT = 262_144

_NO_PERMISSIONS = {"AccessDenied", "AccessDeniedException", "KMSAccessDeniedException", "KMSAccessDenied"}
_NO_RESOURCE = {
    "AWS.SimpleQueueService.NonExistentQueue",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFoundException",
    "StateMachineDeleting",
    "StateMachineDoesNotExist",
}
_INVALID = {
    "InvalidArn",
    "InvalidArnException",
    "InvalidExecutionInput",
    "InvalidParameterValueException",
    "InvalidRequestContentException",
    "MissingParameter",
    "ValidationException",
}

Send = Callable[[Event, Rule, Mapping[str, Any]], None]
Forward = Callable[[Event], None]


def account_of(target: Mapping[str, Any]) -> str | None:
    """The account that a target is in."""
    try:
        return Arn.parse(str(target.get("Arn", ""))).account
    except ValueError:
        return None


def kind_of(arn: str) -> str | None:
    """The kind of a target: a key of `SENDERS`, `bus`, or None when the sandbox has no delivery to it."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return None
    if parsed.service == "events":
        prefix = parsed.resource.split("/")[0]
        return {"event-bus": "bus", "api-destination": "api-destination"}.get(prefix)
    return parsed.service if parsed.service in SENDERS else None


def needs_role(arn: str) -> bool:
    """Targets that EventBridge reaches through a role only.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html
    """
    return kind_of(arn) in {"bus", "states", "api-destination"}


def deliver(event: Event, rule: Rule, target: Mapping[str, Any], forward: Forward) -> None:
    """Hand the event to one target; `forward` takes it when the target is another bus.

    Raises `DeliveryError` when the target does not take it.
    """
    kind = kind_of(str(target.get("Arn", "")))
    if kind == "bus":
        _to_bus(event, rule, target, forward)
    elif kind is None:
        raise DeliveryError("SDK_CLIENT_ERROR", f"The sandbox has no delivery to {target.get('Arn')}")
    else:
        try:
            SENDERS[kind](event, rule, target)
        except AwsError as error:
            raise delivery_error(error) from error


def delivery_error(error: AwsError) -> DeliveryError:
    """What EventBridge makes of a target's refusal: permissions, missing resources and bad input are final.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
    """
    code = error.code.rpartition("#")[2]
    if code in _NO_PERMISSIONS:
        return DeliveryError("NO_PERMISSIONS", error.message)
    if code in _NO_RESOURCE:
        return DeliveryError("NO_RESOURCE", error.message)
    if code in _INVALID:
        return DeliveryError("INVALID_PARAMETER", error.message)
    if "Throttl" in code or code in {"TooManyRequestsException", "ExecutionLimitExceeded", "RequestThrottled"}:
        return DeliveryError("THROTTLING", error.message, retryable=True)
    return DeliveryError("ERROR_FROM_TARGET", f"{code}: {error.message}", retryable=True)


def _to_bus(event: Event, rule: Rule, target: Mapping[str, Any], forward: Forward) -> None:
    """Another bus, here or in another account. An event travels from bus to bus once only.

    "If a receiver account sets up a rule that sends events received from a sender account on to a third account, these
    events are not sent"; the same for a third bus in one account.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
    """
    arn = Arn.parse(str(target["Arn"]))
    bus = Bus.of(str(target["Arn"]), account=arn.account, region=arn.region)
    if rule.scheduled:
        _put_by_schedule(event, rule, target, bus, forward)
        return
    if event.forwarded or (event.foreign and bus.account != event.bus.account):
        raise DeliveryError(
            "THIRD_ACCOUNT_HOP_DETECTED",
            f"The event came to {event.bus.arn} from account {event.account} and is not sent on to {bus.arn}",
        )
    role = access.require_role(target.get("RoleArn"), rule)
    if not store.bus_exists(bus.account, bus.region, bus.name):
        raise DeliveryError("NO_RESOURCE", f"Event bus {bus.arn} does not exist")
    access.require_forwarding(role, event, rule, bus)
    detail = None
    if inputs.shapes_input(target):
        detail = inputs.payload(event, rule, target)
        _require_object(detail)
    forward(event.on(bus, detail))


def _put_by_schedule(event: Event, rule: Rule, target: Mapping[str, Any], bus: Bus, forward: Forward) -> None:
    """The schedule's role puts a new event on the bus, of the schedule's account, with the input as its detail.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html#templated-eventbridge
    """
    role = access.require_role(target.get("RoleArn"), rule)
    try:
        access.require_put(authz.caller_for(role), bus, source=event.source, detail_type=event.detail_type)
    except AwsError as refused:
        raise DeliveryError("NO_PERMISSIONS", refused.message) from refused
    if not store.bus_exists(bus.account, bus.region, bus.name):
        raise DeliveryError("NO_RESOURCE", f"Event bus {bus.arn} does not exist")
    detail = str(target.get("Input") or "{}")
    _require_object(detail)
    forward(replace(event, id=str(uuid.uuid4()), time=int(clock.time()), resources=(), bus=bus, detail=detail))


def _require_object(detail: str) -> None:
    try:
        if isinstance(json.loads(detail), dict):
            return
    except ValueError as error:
        raise DeliveryError("INVALID_JSON", "The transformed detail is not JSON") from error
    raise DeliveryError("INVALID_JSON", "The transformed detail is not a JSON object")


def _to_state_machine(event: Event, rule: Rule, target: Mapping[str, Any]) -> None:
    """A state machine, version or alias in the rule's own account, with the target's role.

    https://docs.aws.amazon.com/step-functions/latest/dg/tutorial-cloudwatch-events-s3.html. The execution's name starts
    with the event id and is new for every delivery: a duplicate event starts a second execution, as on AWS.
    """
    arn = Arn.parse(str(target["Arn"]))
    role = access.require_role(target.get("RoleArn"), rule)
    if arn.account != rule.bus.account:
        raise DeliveryError("NO_PERMISSIONS", f"{target['Arn']}: no delivery to state machines of other accounts")
    access.require_action(role, "states:StartExecution", str(target["Arn"]), rule)
    payload = inputs.payload(event, rule, target)
    if len(payload.encode()) > _EXECUTION_INPUT:
        raise DeliveryError("INVALID_PARAMETER", "The input of an execution is limited to 262,144 bytes")
    adapter.invoke_raw(
        "states",
        "StartExecution",
        {"stateMachineArn": target["Arn"], "input": payload, "name": f"{event.id}_{uuid.uuid4()}"},
        account=arn.account,
        region=arn.region,
    )


def _to_function(event: Event, rule: Rule, target: Mapping[str, Any]) -> None:
    """A function, invoked asynchronously: its own retries and failure destination take over from here.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
    """
    arn = Arn.parse(str(target["Arn"]))
    access.require_action(
        target.get("RoleArn"),
        "lambda:InvokeFunction",
        str(target["Arn"]),
        rule,
        adapter.function_policy(str(target["Arn"])),
    )
    adapter.invoke_raw(
        "lambda",
        "Invoke",
        {
            "FunctionName": target["Arn"],
            "InvocationType": "Event",
            "Payload": inputs.payload(event, rule, target).encode(),
        },
        account=arn.account,
        region=arn.region,
    )


def _to_queue(event: Event, rule: Rule, target: Mapping[str, Any]) -> None:
    """An SQS queue. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sqs-permissions"""
    _same_region(target, rule)
    access.require_action(
        target.get("RoleArn"), "sqs:SendMessage", str(target["Arn"]), rule, adapter.queue_policy(str(target["Arn"]))
    )
    parameters: dict[str, Any] = {"MessageBody": inputs.payload(event, rule, target)}
    group = (target.get("SqsParameters") or {}).get("MessageGroupId")
    if group:
        parameters |= {"MessageGroupId": group, "MessageDeduplicationId": event.id}
    send_message(str(target["Arn"]), parameters, rule, with_role=bool(target.get("RoleArn")))


def send_message(queue_arn: str, parameters: dict[str, Any], rule: Rule, *, with_role: bool = False) -> None:
    """Put a message into a queue that EventBridge may write to; its key must let EventBridge in too, if it has one.

    Raises `DeliveryError` or `AwsError`.
    """
    arn = Arn.parse(queue_arn)
    queue = {"account": arn.account, "region": arn.region}
    url = adapter.invoke_raw("sqs", "GetQueueUrl", {"QueueName": arn.resource}, **queue)["QueueUrl"]
    key = adapter.key_arn(adapter.queue_attributes(queue_arn).get("KmsMasterKeyId"), arn.account, arn.region)
    if key is not None and not with_role:
        access.require_key(key, rule)
    adapter.invoke_raw("sqs", "SendMessage", {"QueueUrl": url, **parameters}, **queue)


def _to_topic(event: Event, rule: Rule, target: Mapping[str, Any]) -> None:
    """An SNS topic. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions"""
    _same_region(target, rule)
    arn = Arn.parse(str(target["Arn"]))
    access.require_action(
        target.get("RoleArn"), "sns:Publish", str(target["Arn"]), rule, adapter.topic_policy(str(target["Arn"]))
    )
    key = adapter.key_arn(adapter.topic_attributes(str(target["Arn"])).get("KmsMasterKeyId"), arn.account, arn.region)
    if key is not None and not target.get("RoleArn"):
        access.require_key(key, rule)
    adapter.invoke_raw(
        "sns",
        "Publish",
        {"TopicArn": target["Arn"], "Message": inputs.payload(event, rule, target)},
        account=arn.account,
        region=arn.region,
    )


def _to_log_group(event: Event, rule: Rule, target: Mapping[str, Any]) -> None:
    """A CloudWatch Logs group that the account's log resource policies open to EventBridge.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-cloudwatchlogs-permissions
    """
    _same_region(target, rule)
    arn = Arn.parse(str(target["Arn"]))
    group = arn.resource.removeprefix("log-group:").removesuffix(":*")
    place = {"account": arn.account, "region": arn.region}
    policies = adapter.invoke_raw("logs", "DescribeResourcePolicies", {}, **place).get("resourcePolicies", [])
    statements = [
        statement for policy in policies for statement in _statements(json.loads(policy.get("policyDocument") or "{}"))
    ]
    stream = str(uuid.uuid4())
    stream_arn = f"arn:{arn.partition}:logs:{arn.region}:{arn.account}:log-group:{group}:log-stream:{stream}"
    merged = {"Version": "2012-10-17", "Statement": statements}
    access.require_action(None, "logs:CreateLogStream", stream_arn, rule, merged)
    access.require_action(None, "logs:PutLogEvents", stream_arn, rule, merged)
    named = {"logGroupName": group, "logStreamName": stream}
    adapter.invoke_raw("logs", "CreateLogStream", named, **place)
    line = {"timestamp": event.time * 1000, "message": inputs.payload(event, rule, target)}
    adapter.invoke_raw("logs", "PutLogEvents", {**named, "logEvents": [line]}, **place)


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = policy.get("Statement", [])
    return found if isinstance(found, list) else [found]


def _to_api_destination(event: Event, rule: Rule, target: Mapping[str, Any]) -> None:
    """An HTTP endpoint behind a connection, with the target's role.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html: 401, 407, 409, 429 and 5xx are
    retried, other refusals are not.
    """
    role = access.require_role(target.get("RoleArn"), rule)
    access.require_action(role, "events:InvokeApiDestination", str(target["Arn"]), rule)
    payload = inputs.payload(event, rule, target)
    try:
        status = store.call_api_destination(str(target["Arn"]), payload, event.envelope(), target)
    except OSError as error:
        raise DeliveryError("CONNECTION_FAILURE", str(error), retryable=True) from error
    if status is None:
        raise DeliveryError("NO_RESOURCE", f"{target['Arn']} or its connection does not exist or is not active")
    if not 200 <= status < 300:
        again = status in {401, 407, 409, 429} or status >= 500
        raise DeliveryError("ERROR_FROM_TARGET", f"The endpoint answered {status}", retryable=again)


def _same_region(target: Mapping[str, Any], rule: Rule) -> None:
    region = Arn.parse(str(target["Arn"])).region
    if region != rule.bus.region:
        raise DeliveryError("CROSS_REGION_INGESTION_FAILED", f"{target['Arn']} is not in {rule.bus.region}")


SENDERS: dict[str, Send] = {
    "states": _to_state_machine,
    "lambda": _to_function,
    "sqs": _to_queue,
    "sns": _to_topic,
    "logs": _to_log_group,
    "api-destination": _to_api_destination,
}
