"""What a schedule may say, and who may make it.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sandbox import adapter, authz
from sandbox.api import AwsError, Call, Handler
from sandbox.events import targets
from sandbox.scheduler import firing

_SCHEDULER = "scheduler.amazonaws.com"
_ON_SCHEDULE = {"CreateSchedule", "UpdateSchedule", "GetSchedule", "DeleteSchedule"}
_ON_GROUP = {"CreateScheduleGroup", "GetScheduleGroup", "DeleteScheduleGroup"}
_RATE = re.compile(r"rate\((\d+) (minute|minutes|hour|hours|day|days)\)")
_CRON = re.compile(r"cron\((\S+ ){5}\S+\)")
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
_RETRIES = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


def scheduler_resources(call: Call) -> list[str]:
    """The ARNs that Scheduler's actions are checked on.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridgescheduler.html
    """
    prefix = f"arn:aws:scheduler:{call.region}:{call.caller.account}"
    if call.operation in _ON_SCHEDULE:
        return [f"{prefix}:schedule/{call.params.get('GroupName', 'default')}/{call.params['Name']}"]
    if call.operation in _ON_GROUP:
        return [f"{prefix}:schedule-group/{call.params['Name']}"]
    if "ResourceArn" in call.params:
        return [str(call.params["ResourceArn"])]
    return ["*"]


def handle(call: Call, proceed: Handler) -> dict[str, Any]:
    """One call of Scheduler, which IAM has allowed."""
    if call.operation in {"CreateSchedule", "UpdateSchedule"}:
        _check(call)
    answer = proceed(call)
    if call.operation in {"CreateSchedule", "UpdateSchedule", "DeleteSchedule"}:
        firing.forget(adapter.account(), adapter.region(), call.params.get("GroupName", "default"), call.params["Name"])
    if call.operation == "GetSchedule":
        target = answer["Target"]
        answer["Target"] = {**target, "RetryPolicy": {**_RETRIES, **target.get("RetryPolicy", {})}}
    return answer


def _check(call: Call) -> None:
    params, target = call.params, call.params["Target"]
    expression, zone = str(params["ScheduleExpression"]), str(params.get("ScheduleExpressionTimezone") or "UTC")
    if not _understood(expression):
        raise AwsError("ValidationException", f"Invalid Schedule Expression {expression}.")
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise AwsError("ValidationException", f"Invalid Schedule Expression Timezone {zone}.") from error
    if params["FlexibleTimeWindow"]["Mode"] == "FLEXIBLE" and not params["FlexibleTimeWindow"].get(
        "MaximumWindowInMinutes"
    ):
        raise AwsError("ValidationException", "MaximumWindowInMinutes is required when the mode is FLEXIBLE.")
    _check_target(target)
    _check_role(call, str(target["RoleArn"]), str(params.get("GroupName", "default")))


def _understood(expression: str) -> bool:
    rate = _RATE.fullmatch(expression)
    if rate is not None:
        return int(rate.group(1)) > 0
    if expression.startswith("at("):
        try:
            datetime.strptime(expression, "at(%Y-%m-%dT%H:%M:%S)")  # noqa: DTZ007  the zone stands beside it
        except ValueError:
            return False
        return True
    return _CRON.fullmatch(expression) is not None


def _check_target(target: dict[str, Any]) -> None:
    kind = targets.kind_of(str(target["Arn"]))
    bus = target.get("EventBridgeParameters")
    if kind == "bus" and bus is None:
        raise AwsError("ValidationException", "EventBridgeParameters is required for target EventBridge PutEvents.")
    if kind != "bus" and bus is not None:
        raise AwsError("ValidationException", f"EventBridgeParameters is not supported for target {target['Arn']}.")
    if bus is not None and str(bus["Source"]).startswith("aws."):
        raise AwsError("ValidationException", "Value at 'target.eventBridgeParameters.source' must not start with aws.")


def _check_role(call: Call, role: str, group: str) -> None:
    """Passed by the caller, and assumable by Scheduler for schedules of this group.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html#setting-up-execution-role
    """
    if authz.account_of(role) != call.caller.account:
        raise AwsError("ValidationException", "Cross-account pass role is not allowed.")
    passed = authz.check(call.caller.arn, "iam:PassRole", role, context={"iam:PassedToService": _SCHEDULER})
    if not passed.allowed:
        raise AwsError("AccessDeniedException", authz.message(call.caller.arn, "iam:PassRole", role, passed), 403)
    source = f"arn:aws:scheduler:{call.region}:{call.caller.account}:schedule-group/{group}"
    context = {"aws:SourceArn": source, "aws:SourceAccount": call.caller.account}
    if not authz.check_assume(role, _SCHEDULER, context=context).allowed:
        raise AwsError(
            "ValidationException",
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
        )
