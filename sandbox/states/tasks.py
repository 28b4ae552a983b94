"""What a task does: an API call through the sandbox's front door, with a session of the state machine's role.

So every rule of the sandbox holds for state machines: identity and resource policies, other accounts' resources, Lake
Formation, faults, the ledger. https://docs.aws.amazon.com/step-functions/latest/dg/integrate-services.html.
"""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import UnknownServiceError
from botocore.model import ListShape, MapShape, OperationNotFoundError, Shape, StructureShape

from sandbox import authz, clock, frontdoor, wire
from sandbox.api import AwsError, Json
from sandbox.states import errors

# aws-sdk names (SDK for Java 2.x) that differ from botocore's.
_SDK_SERVICES = {"sfn": "states", "eventbridge": "events", "cloudwatchlogs": "logs", "cloudwatch": "monitoring"}
_TERMINAL = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_POLL_SECONDS = 0.1
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html: 256 KiB as UTF-8.
MAXIMUM_PAYLOAD = 262_144


@dataclass(frozen=True)
class Actor:
    """The session in which a task acts, and the execution it acts for."""

    access_key: str
    account: str
    region: str
    execution_arn: str
    machine_arn: str


@dataclass(frozen=True)
class Integration:
    """A task's `Resource`, taken apart."""

    service: str
    action: str
    pattern: str = ""
    """`sync`, `sync:2`, `waitForTaskToken` or nothing: request and response."""
    sdk: str | None = None
    function: str | None = None
    activity: str | None = None


def parse(resource: str) -> Integration:
    """Take a `Resource` apart; raises States.Runtime for one Step Functions does not know."""
    if ":function:" in resource and resource.split(":")[2] == "lambda":
        return Integration("lambda", "invoke", function=resource)
    if ":activity:" in resource:
        return Integration("states", "activity", activity=resource)
    found = re.fullmatch(r"arn:aws[a-z-]*:states:[^:]*:[^:]*:(.+)", resource)
    if found is None:
        raise errors.execution_error("States.Runtime", f"The resource '{resource}' is not valid.")
    name, _, pattern = found.group(1).partition(".")
    parts = name.split(":")
    if parts[0] == "aws-sdk" and len(parts) == 3:
        sdk = parts[1].lower()
        return Integration(_SDK_SERVICES.get(sdk, sdk), parts[2], pattern, sdk=sdk)
    if len(parts) == 2 and parts[0] in errors.OPTIMISED:
        return Integration(parts[0], parts[1], pattern)
    raise errors.execution_error("States.Runtime", f"The resource '{resource}' is not supported by this sandbox.")


def perform(integration: Integration, arguments: Json, actor: Actor) -> Json:
    """Carry the task out and return its result; raises MiniStack's execution error."""
    if integration.function is not None:
        return _invoke({"FunctionName": integration.function, "Payload": arguments}, actor)["Payload"]
    if not isinstance(arguments, dict):
        raise errors.execution_error("States.Runtime", "The arguments of a service integration must be an object.")
    if integration.sdk is not None:
        return _sdk(integration, arguments, actor)
    if integration.service == "lambda":
        return _invoke(arguments, actor)
    if integration.service == "events":
        return _put_events(arguments, actor)
    if integration.service == "states":
        return _start_execution(integration, arguments, actor)
    return _call("optimised", integration, _text_members(integration.service, arguments), actor)


def assume(role_arn: str, actor: Actor) -> Actor:
    """`Credentials.RoleArn`: act as another role, as the machine's role may assume it.

    https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html
    """
    params = {"RoleArn": role_arn, "RoleSessionName": "StepFunctions", "ExternalId": actor.machine_arn}
    try:
        answer = _front("sts", "AssumeRole", params, actor)
    except AwsError as failure:
        raise errors.execution_error("States.TaskFailed", failure.message) from failure
    key = answer["Credentials"]["AccessKeyId"]
    return Actor(key, authz.account_of(role_arn), actor.region, actor.execution_arn, actor.machine_arn)


def _front(service: str, operation: str, params: dict[str, Any], actor: Actor) -> dict[str, Any]:
    return frontdoor.call(
        service, operation, params, access_key=actor.access_key, account=actor.account, region=actor.region
    )


# --- Lambda -----------------------------------------------------------------------------------------------------------


def _invoke(arguments: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html."""
    params = {key: value for key, value in arguments.items() if key != "Payload"}
    params["Payload"] = json.dumps(arguments.get("Payload", {})).encode()
    try:
        answer = _front("lambda", "Invoke", params, actor)
    except AwsError as failure:
        raise errors.from_service("lambda", failure) from failure
    payload = _loaded(answer.get("Payload"))
    if answer.get("FunctionError"):
        kind = payload.get("errorType") if isinstance(payload, dict) else None
        raise errors.execution_error(kind or "Lambda.Unknown", json.dumps(payload))
    version = answer.get("ExecutedVersion") or "$LATEST"
    return {"ExecutedVersion": version, "Payload": payload, "StatusCode": answer.get("StatusCode", 200)}


def _loaded(payload: Json) -> Json:
    text = payload.read() if isinstance(payload, io.IOBase) else payload
    if text in (None, b"", ""):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace") if isinstance(text, bytes) else text


# --- EventBridge, nested executions -----------------------------------------------------------------------------------


def _put_events(arguments: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html."""
    entries = []
    for entry in arguments.get("Entries", []):
        sent = dict(entry)
        if not isinstance(sent.get("Detail", ""), str):
            sent["Detail"] = json.dumps(sent["Detail"])
        sent["Resources"] = [*sent.get("Resources", []), actor.execution_arn, actor.machine_arn]
        entries.append(sent)
    try:
        answer = _front("events", "PutEvents", {**arguments, "Entries": entries}, actor)
    except AwsError as failure:
        raise errors.from_service("events", failure) from failure
    if answer.get("FailedEntryCount"):
        raise errors.execution_error("EventBridge.FailedEntry", json.dumps(answer))
    return answer


def _start_execution(integration: Integration, arguments: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html."""
    if integration.action != "startExecution":
        raise errors.execution_error("States.Runtime", f"states:{integration.action} is not an integration.")
    given = arguments.get("Input", {})
    params = {
        "stateMachineArn": arguments.get("StateMachineArn", ""),
        "input": given if isinstance(given, str) else json.dumps(given),
    }
    if arguments.get("Name"):
        params["name"] = arguments["Name"]
    try:
        started = _front("states", "StartExecution", params, actor)
        if not integration.pattern.startswith("sync"):
            return {"ExecutionArn": started["executionArn"], "StartDate": _plain(started["startDate"])}
        while True:
            described = _front("states", "DescribeExecution", {"executionArn": started["executionArn"]}, actor)
            if described["status"] in _TERMINAL:
                break
            clock.sleep(_POLL_SECONDS)
    except AwsError as failure:
        raise errors.from_service("states", failure) from failure
    result = {_pascal(key): _plain(value) for key, value in described.items()}
    if described["status"] != "SUCCEEDED":
        raise errors.execution_error("States.TaskFailed", json.dumps(result))
    if integration.pattern == "sync:2":
        result["Output"] = json.loads(result.get("Output") or "null")
    return result


# --- everything else --------------------------------------------------------------------------------------------------


def _text_members(service: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Optimised integrations take JSON where the API takes text."""
    member = {"sqs": "MessageBody", "sns": "Message"}.get(service)
    if member and not isinstance(arguments.get(member, ""), str):
        return {**arguments, member: json.dumps(arguments[member])}
    return arguments


def _sdk(integration: Integration, arguments: dict[str, Any], actor: Actor) -> dict[str, Any]:
    return _call("aws-sdk", integration, arguments, actor)


def _call(kind: str, integration: Integration, arguments: dict[str, Any], actor: Actor) -> dict[str, Any]:
    service, operation = integration.service, _pascal(integration.action)
    try:
        described = wire.model(service).operation_model(operation)
    except (OperationNotFoundError, UnknownServiceError) as error:
        resource = f"{kind}:{integration.sdk or service}:{integration.action}"
        raise errors.execution_error("States.Runtime", f"The resource '{resource}' does not exist.") from error
    params = _named_as_in(described.input_shape, arguments) if described.input_shape else {}
    try:
        answer = _front(service, operation, params, actor)
    except AwsError as failure:
        raise errors.from_service(service, failure, sdk=integration.sdk) from failure
    return {_pascal(key): _plain(value, pascal=kind == "aws-sdk") for key, value in answer.items()}


def _named_as_in(shape: Shape, value: Json) -> Json:
    """Members by the API's names: Step Functions spells them as the SDK for Java does (`LfTag` for `LFTag`)."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        known = {name.lower(): name for name in shape.members}
        named = {}
        for key, item in value.items():
            name = known.get(key.lower())
            if name is None:
                raise errors.execution_error(
                    "States.Runtime", f"The field '{key}' is not supported by Step Functions in this API action."
                )
            named[name] = _named_as_in(shape.members[name], item)
        return named
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [_named_as_in(shape.member, item) for item in value]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _named_as_in(shape.value, item) for key, item in value.items()}
    return value


def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]


def _plain(value: Json, *, pascal: bool = False) -> Json:
    """JSON that a state can carry."""
    if isinstance(value, dict):
        return {(_pascal(key) if pascal else key): _plain(item, pascal=pascal) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, pascal=pascal) for item in value]
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, io.IOBase):
        return _plain(value.read())
    return value


def check_size(value: Json) -> None:
    """Raises States.DataLimitExceeded for what is too large to pass on."""
    if len(json.dumps(value).encode()) > MAXIMUM_PAYLOAD:
        raise errors.execution_error(
            "States.DataLimitExceeded",
            "The state/task returned a result with a size exceeding the maximum number of bytes service limit.",
        )
