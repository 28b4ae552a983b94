"""What MiniStack answers or does otherwise than AWS, mended one by one. Each mend says what it is for.

The measure is a second `terraform plan` without a change, and a refusal where AWS refuses.
"""

from __future__ import annotations

import contextvars
import json
import time
from collections.abc import Callable
from typing import Any

from sandbox import adapter, authz, clock, wire
from sandbox.api import Json

adapter.uses("core.responses", "error_response_json")
adapter.uses("services.apigateway", "_authorizers")
adapter.uses("services.cloudfront", "_RHP_SPEC")
adapter.uses("services.stepfunctions", "_state_machines")

# Schedules come due, session credentials expire, messages become visible again on the sandbox's clock.
_ON_OUR_CLOCK = (
    "core.iam_evaluator",
    "services.cognito",
    "services.eventbridge",
    "services.scheduler",
    "services.sns",
    "services.sqs",
    "services.sts",
)
_LAMBDA = "lambda.amazonaws.com"
_OF_JWT = {"authorizerId", "authorizerType", "identitySource", "jwtConfiguration", "name"}


def install() -> None:
    """Apply all mends."""
    adapter.patch("core.iam_evaluator", "pin_request_origin", _secure_transport)
    adapter.patch("core.iam_evaluator", "_request_origin", _secure_by_default)
    for module in _ON_OUR_CLOCK:
        adapter.patch(module, "time", lambda _: _Time())
    adapter.patch("core.router", "_is_aws_service_name", _known_service)
    adapter.patch("services.cloudwatch", "_describe_alarms", _whole_alarms)
    for name in ("_create_state_machine", "_update_state_machine"):
        adapter.patch("services.stepfunctions", name, _keep_tracing)
    adapter.patch("services.apigateway", "_create_authorizer", _only_what_it_has)
    adapter.patch("services.cloudfront", "_build_rhp_config_xml", _without_empty_lists)
    shown = adapter.internal("services.cloudfront", "_build_rhp_config_xml")
    adapter.internal("services.cloudfront", "_RHP_SPEC")["build_config"] = shown
    adapter.patch("core.lambda_runtime", "_PYTHON_WORKER_SCRIPT", _tell_error_type)
    adapter.uses("core.lambda_runtime", "Worker")
    worker = adapter.internal("core.lambda_runtime", "Worker")
    worker.invoke = _carry_error_type(worker.invoke)
    adapter.patch("services.lambda_svc", "_execute_function_warm", _name_error_type)
    adapter.patch("services.lambda_svc", "_create_function", _assumable_role)
    adapter.patch("services.lambda_svc", "_emit_lambda_logs", _permitted_logs)


def _secure_transport(original: Callable[[str, bool], None]) -> Callable[[str, bool], None]:
    """aws:SecureTransport is true: this port stands for AWS's TLS endpoints."""

    def pin(source_ip: str, secure_transport: bool) -> None:  # noqa: ARG001  MiniStack's signature
        original(source_ip, True)

    return pin


def _secure_by_default(_original: Json) -> Json:
    """The same where no request is served: deliveries from topics to queues, schedules."""
    return contextvars.ContextVar("sandbox_request_origin", default=("127.0.0.1", True))


class _Time:
    """Python's `time` on the sandbox's clock, for what expires or comes due in MiniStack."""

    time = staticmethod(clock.time)
    sleep = staticmethod(clock.sleep)

    @staticmethod
    def gmtime(seconds: float | None = None) -> Json:
        """The time in UTC."""
        return time.gmtime(clock.time() if seconds is None else seconds)

    def __getattr__(self, name: str) -> Json:
        return getattr(time, name)


def _known_service(_original: Callable[[str], bool]) -> Callable[[str], bool]:
    """MiniStack loads all of botocore's models (ten seconds) when it first meets a service it does not have."""
    known = frozenset({*wire.service_names(), *adapter.handlers})
    return lambda name: name in known


# --- CloudWatch -------------------------------------------------------------------------------------------------------


def _whole_alarms(original: Callable[..., Json]) -> Callable[..., Json]:
    """DescribeAlarms in the Query protocol, which the Terraform provider speaks, leaves out most of an alarm."""

    def describe(params: Json, data: Json, is_cbor: bool, is_json: bool = False) -> Json:
        if is_cbor or is_json:
            return original(params, data, is_cbor, is_json)
        first = {key: value[0] if isinstance(value, list) else value for key, value in params.items()}
        asked: dict[str, Any] = {
            name: first[name]
            for name in ("AlarmNamePrefix", "StateValue", "MaxRecords", "NextToken")
            if first.get(name)
        }
        for name in ("AlarmNames", "AlarmTypes"):
            asked[name] = [value for key, value in sorted(first.items()) if key.startswith(f"{name}.member.")]
        status, _, body = original(params, asked, False, True)
        if status >= 400:
            return original(params, data, is_cbor, is_json)
        return wire.encode_query("monitoring", "DescribeAlarms", json.loads(body))

    return describe


# --- Step Functions ---------------------------------------------------------------------------------------------------


def _keep_tracing(original: Callable[[dict[str, Any]], Json]) -> Callable[[dict[str, Any]], Json]:
    """A state machine keeps its tracing configuration; without one AWS shows it as disabled."""

    def create_or_update(data: dict[str, Any]) -> Json:
        answer = original(data)
        if answer[0] < 300:
            arn = data.get("stateMachineArn") or json.loads(answer[2])["stateMachineArn"]
            machine = adapter.internal("services.stepfunctions", "_state_machines").get(arn)
            if machine is not None and ("tracingConfiguration" in data or "tracingConfiguration" not in machine):
                machine["tracingConfiguration"] = data.get("tracingConfiguration") or {"enabled": False}
        return answer

    return create_or_update


# --- API Gateway ------------------------------------------------------------------------------------------------------


def _only_what_it_has(original: Callable[[str, dict[str, Any]], Json]) -> Callable[[str, dict[str, Any]], Json]:
    """A JWT authorizer shows nothing of what belongs to Lambda authorizers (API_CreateAuthorizer)."""

    def create(api_id: str, data: dict[str, Any]) -> Json:
        answer = original(api_id, data)
        if answer[0] >= 300 or data.get("authorizerType", "JWT") != "JWT":
            return answer
        made = json.loads(answer[2])
        record = adapter.internal("services.apigateway", "_authorizers")[api_id][made["authorizerId"]]
        for name in [name for name in record if name not in _OF_JWT]:
            del record[name]
        return answer[0], answer[1], json.dumps({name: made[name] for name in made if name in _OF_JWT}).encode()

    return create


# --- CloudFront -------------------------------------------------------------------------------------------------------


def _without_empty_lists(original: Callable[[Json, Json], None]) -> Callable[[Json, Json], None]:
    """A response headers policy that adds and removes no headers of its own shows no lists of them."""

    def build(parent: Json, config: Json) -> None:
        original(parent, config)
        for name, key in (("CustomHeadersConfig", "CustomHeaders"), ("RemoveHeadersConfig", "RemoveHeaders")):
            for element in [] if config[key] else parent.findall(name):
                parent.remove(element)

    return build


# --- Lambda -----------------------------------------------------------------------------------------------------------
# A failed function's answer names the exception's class in `errorType` and shows its stack; Step Functions matches it.
# https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html. And an exception ends the invocation, not the
# execution environment (https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html): MiniStack ends
# the worker at every error it reports, so a handler's exception travels as a result with this key.
_FAILURE = "__sandbox_failure__"
_REPORTED = '{"status": "error", "error": str(e), "trace": traceback.format_exc()}'


class _TypedMessage(str):
    """An error message that remembers its exception's class on its way through MiniStack."""

    kind: str
    trace: list[str]


def _tell_error_type(script: str) -> str:
    failure = '{"error": str(e), "type": type(e).__name__, "trace": traceback.format_exc()}'
    told = script.replace(_REPORTED, f'{{"status": "ok", "result": {{"{_FAILURE}": {failure}}}}}')
    if told == script:
        raise AttributeError("ministack.core.lambda_runtime reports errors otherwise now: mend sandbox/mends.py")
    return told


def _carry_error_type(original: Callable[..., Json]) -> Callable[..., Json]:
    def invoke(self: Json, *args: Json, **kwargs: Json) -> Json:
        answer = original(self, *args, **kwargs)
        result = answer.get("result")
        if isinstance(result, dict) and _FAILURE in result:
            failure = result[_FAILURE]
            message = _TypedMessage(failure["error"])
            message.kind, message.trace = failure["type"], failure["trace"].splitlines()
            return {**answer, "status": "error", "result": None, "error": message, "trace": failure["trace"]}
        return answer

    return invoke


def _name_error_type(original: Callable[..., Json]) -> Callable[..., Json]:
    def execute(func: Json, event: Json, request_id: str) -> Json:
        result = original(func, event, request_id)
        body = result.get("body") if isinstance(result, dict) else None
        if isinstance(body, dict) and isinstance(message := body.get("errorMessage"), _TypedMessage):
            result["body"] = {
                "errorMessage": str(message),
                "errorType": message.kind,
                "requestId": request_id,
                "stackTrace": message.trace,
            }
        return result

    return execute


def _permitted_logs(original: Callable[..., None]) -> Callable[..., None]:
    """A function writes logs and traces as its role; without the permission they are missing, and nothing else says so.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
    """

    def emit(func: Json, request_id: str, log_text: str, *rest: Json, **more: Json) -> None:
        config = func.get("config") or func
        role, arn = str(config.get("Role", "")), str(config.get("FunctionArn", ""))
        if (config.get("TracingConfig") or {}).get("Mode") == "Active":
            for action in ("xray:PutTraceSegments", "xray:PutTelemetryRecords"):
                authz.check(role, action, "*")
        parts = arn.split(":")
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config.get('FunctionName', '')}"
        stream = f"arn:aws:logs:{parts[3]}:{parts[4]}:log-group:{group}:log-stream:{request_id}" if parts[4:] else "*"
        decisions = [authz.check(role, f"logs:{name}", stream) for name in ("CreateLogStream", "PutLogEvents")]
        if all(decision.allowed for decision in decisions):
            original(func, request_id, log_text, *rest, **more)

    return emit


def _assumable_role(original: Callable[[dict[str, Any]], Json]) -> Callable[[dict[str, Any]], Json]:
    """CreateFunction refuses a role that does not trust Lambda (API_CreateFunction)."""

    def create(data: dict[str, Any]) -> Json:
        role = data.get("Role", "")
        name = f"arn:aws:lambda:{adapter.region()}:{adapter.account()}:function:{data.get('FunctionName', '')}"
        source = {"aws:SourceArn": name, "aws:SourceAccount": adapter.account()}
        if not authz.check_assume(role, _LAMBDA, context=source).allowed:
            refuse = adapter.internal("core.responses", "error_response_json")
            message = "The role defined for the function cannot be assumed by Lambda."
            return refuse("InvalidParameterValueException", message, 400)
        return original(data)

    return create
