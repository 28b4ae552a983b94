"""EventBridge Scheduler: one-time schedules that put an event on central's own bus, and then delete themselves."""

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule
from datamesh.models.events import CENTRAL_SOURCE

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient

# A schedule of the same name is being changed or deleted by another call; a new role is not known everywhere yet.
# https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
_RULES: tuple[Rule, ...] = (
    Rule(
        Handling.RETRY,
        frozenset({"ValidationException"}),
        ("must allow aws eventbridge scheduler to assume the role",),
        budget=30,
        cap=10,
    ),
    Rule(Handling.RETRY, THROTTLES | HICCUPS, budget=60, cap=10),
    *RULES,
)
_ATTEMPTS = 3
# A day of trying, as EventBridge itself does before the dead-letter queue has the event.
_RETRY_POLICY = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


@dataclass(frozen=True)
class ScheduleTarget:
    """Where schedules live, and as whom they put what on which bus."""

    group: str
    role_arn: str
    bus_arn: str
    dead_letter_arn: str


class OneTimeSchedules:
    """Gateway to one group of schedules."""

    def __init__(
        self,
        target: ScheduleTarget,
        client: "EventBridgeSchedulerClient | None" = None,
        retrier: Retrier | None = None,
    ) -> None:
        self._target = target
        self._client = client or clients.scheduler()
        self._retrier = retrier or Retrier()

    def set(self, name: str, at: datetime, detail_type: str, detail: dict[str, Any]) -> None:
        """Make or move a schedule, to the second. One whose time is past already fires at once.

        Source: https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#one-time
        """
        exceptions = self._client.exceptions
        request = self._request(name, at, detail_type, detail)
        for attempt in range(_ATTEMPTS):
            last = attempt == _ATTEMPTS - 1
            # Between the two calls the schedule may come or go: it fires, or another execution makes it.
            try:
                self._retrier.run(lambda: self._client.update_schedule(**request), rules=_RULES)
            except exceptions.ResourceNotFoundException:
                pass
            except exceptions.ConflictException:
                if last:
                    raise
                continue
            else:
                return
            try:
                self._retrier.run(lambda: self._client.create_schedule(**request), rules=_RULES)
            except exceptions.ConflictException:
                if last:
                    raise
                continue
            return

    def remove(self, name: str) -> None:
        """Remove a schedule; one that is gone, or has fired, counts as removed.

        Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteSchedule.html
        """
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._retrier.run(
                lambda: self._client.delete_schedule(GroupName=self._target.group, Name=name), rules=_RULES
            )

    def _request(self, name: str, at: datetime, detail_type: str, detail: dict[str, Any]) -> dict[str, Any]:
        # The input is the event's detail: EventBridge takes it as it is.
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
        return {
            "ActionAfterCompletion": "DELETE",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "GroupName": self._target.group,
            "Name": name,
            "ScheduleExpression": f"at({at.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "State": "ENABLED",
            "Target": {
                "Arn": self._target.bus_arn,
                "DeadLetterConfig": {"Arn": self._target.dead_letter_arn},
                "EventBridgeParameters": {"DetailType": detail_type, "Source": CENTRAL_SOURCE},
                "Input": json.dumps(detail, separators=(",", ":")),
                "RetryPolicy": _RETRY_POLICY,
                "RoleArn": self._target.role_arn,
            },
        }
