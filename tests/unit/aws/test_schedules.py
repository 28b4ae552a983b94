"""One-time schedules are made, moved and removed, whatever state they are in."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from datamesh.aws.retry import Retrier
from datamesh.aws.schedules import OneTimeSchedules, ScheduleTarget

TARGET = ScheduleTarget(
    group="datamesh-central",
    role_arn="arn:aws:iam::111111111111:role/datamesh-central-schedules",
    bus_arn="arn:aws:events:eu-west-1:111111111111:event-bus/datamesh-central",
    dead_letter_arn="arn:aws:sqs:eu-west-1:111111111111:datamesh-central-schedules-dlq",
)
NAME = "datamesh-expire-3b9c2f0e-7f44-4d0e-9d1e-0a8a5ad1a001"
AT = datetime(2026, 3, 1, 11, 30, 59, 999_999, tzinfo=UTC)
DETAIL = {"metadata": {"event_id": "1"}, "data": {"warning": False}}
CREATED = {"ScheduleArn": f"arn:aws:scheduler:eu-west-1:111111111111:schedule/datamesh-central/{NAME}"}


def request(**changes: Any) -> dict[str, Any]:
    return {
        "ActionAfterCompletion": "DELETE",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "GroupName": "datamesh-central",
        "Name": NAME,
        "ScheduleExpression": "at(2026-03-01T11:30:59)",
        "ScheduleExpressionTimezone": "UTC",
        "State": "ENABLED",
        "Target": {
            "Arn": TARGET.bus_arn,
            "DeadLetterConfig": {"Arn": TARGET.dead_letter_arn},
            "EventBridgeParameters": {"DetailType": "ExpireDataProductAccess", "Source": "datamesh.central"},
            "Input": json.dumps(DETAIL, separators=(",", ":")),
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
            "RoleArn": TARGET.role_arn,
        },
        **changes,
    }


@pytest.fixture
def scheduler() -> Iterator[tuple[OneTimeSchedules, Stubber]]:
    client = boto3.client("scheduler")
    with Stubber(client) as stubber:
        yield OneTimeSchedules(TARGET, client, Retrier(total=5, sleep=lambda _: None)), stubber
        stubber.assert_no_pending_responses()


def test_a_schedule_is_made(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_client_error("update_schedule", "ResourceNotFoundException")
    stubber.add_response("create_schedule", CREATED, request())
    schedules.set(NAME, AT, "ExpireDataProductAccess", DETAIL)


def test_a_schedule_is_moved(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_response("update_schedule", CREATED, request())
    schedules.set(NAME, AT, "ExpireDataProductAccess", DETAIL)


def test_another_time_zone_is_written_as_utc(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_response("update_schedule", CREATED, request(ScheduleExpression="at(2026-03-01T10:00:00)"))
    local = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    schedules.set(NAME, local, "ExpireDataProductAccess", DETAIL)


def test_one_that_somebody_makes_in_between_is_moved(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_client_error("update_schedule", "ResourceNotFoundException")
    stubber.add_client_error("create_schedule", "ConflictException")
    stubber.add_response("update_schedule", CREATED, request())
    schedules.set(NAME, AT, "ExpireDataProductAccess", DETAIL)


def test_one_that_keeps_changing_is_an_error(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    for _ in range(3):
        stubber.add_client_error("update_schedule", "ConflictException")
    with pytest.raises(ClientError, match="ConflictException"):
        schedules.set(NAME, AT, "ExpireDataProductAccess", DETAIL)


def test_a_role_that_is_not_known_yet_and_a_throttle_are_waited_out(
    scheduler: tuple[OneTimeSchedules, Stubber],
) -> None:
    schedules, stubber = scheduler
    message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
    stubber.add_client_error("update_schedule", "ThrottlingException")
    stubber.add_client_error("update_schedule", "ResourceNotFoundException")
    stubber.add_client_error("create_schedule", "ValidationException", message)
    stubber.add_response("create_schedule", CREATED, request())
    schedules.set(NAME, AT, "ExpireDataProductAccess", DETAIL)


def test_what_is_wrong_is_raised(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_client_error("update_schedule", "ValidationException", "Invalid Schedule Expression")
    with pytest.raises(ClientError, match="Invalid Schedule Expression"):
        schedules.set(NAME, AT, "ExpireDataProductAccess", DETAIL)


def test_a_schedule_is_removed(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_response("delete_schedule", {}, {"GroupName": "datamesh-central", "Name": NAME})
    schedules.remove(NAME)


def test_one_that_is_gone_counts_as_removed(scheduler: tuple[OneTimeSchedules, Stubber]) -> None:
    schedules, stubber = scheduler
    stubber.add_client_error("delete_schedule", "ResourceNotFoundException")
    schedules.remove(NAME)
