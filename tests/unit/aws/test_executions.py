"""The executions of central's state machines, against Step Functions as botocore describes it."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from datamesh.aws.executions import Executions
from datamesh.aws.retry import Retrier
from datamesh.models.executions import Execution, HistoryEvent

ACCOUNT = "111111111111"
MACHINE = "datamesh-central-share-data-product"
EXECUTION = f"arn:aws:states:eu-west-1:{ACCOUNT}:execution:{MACHINE}:one"
STATE_MACHINE = f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:{MACHINE}"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HISTORY: dict[str, Any] = {"executionArn": EXECUTION, "maxResults": 500, "includeExecutionData": False}


@pytest.fixture
def client() -> Any:
    return boto3.client("stepfunctions", region_name="eu-west-1")


def gateway(client: Any) -> Executions:
    return Executions(ACCOUNT, client, Retrier(sleep=lambda _seconds: None))


def test_an_execution_is_described(client: Any) -> None:
    with Stubber(client) as stub:
        answer = {
            "executionArn": EXECUTION,
            "stateMachineArn": STATE_MACHINE,
            "status": "FAILED",
            "startDate": NOW,
            "input": "{}",
        }
        stub.add_response("describe_execution", answer, {"executionArn": EXECUTION})
        assert gateway(client).described(MACHINE, "one") == Execution(status="FAILED", input="{}")


@pytest.mark.parametrize("error", ["ExecutionDoesNotExist", "InvalidArn"])
def test_an_unknown_execution_is_none(client: Any, error: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("describe_execution", error)
        assert gateway(client).described(MACHINE, "one") is None


def test_a_history_is_read_without_what_was_passed_on(client: Any) -> None:
    first = {
        "events": [
            {"timestamp": NOW, "type": "ExecutionStarted", "id": 1, "executionStartedEventDetails": {"roleArn": "r"}},
            {
                "timestamp": NOW,
                "type": "TaskStateEntered",
                "id": 2,
                "previousEventId": 1,
                "stateEnteredEventDetails": {"name": "Ask"},
            },
        ],
        "nextToken": "more",
    }
    second = {
        "events": [
            {
                "timestamp": NOW,
                "type": "TaskFailed",
                "id": 3,
                "previousEventId": 2,
                "taskFailedEventDetails": {
                    "resourceType": "lambda",
                    "resource": "invoke",
                    "error": "Boom",
                    "cause": "It broke",
                },
            },
            {
                "timestamp": NOW,
                "type": "TaskStateExited",
                "id": 4,
                "previousEventId": 3,
                "stateExitedEventDetails": {"name": "Ask"},
            },
        ]
    }
    with Stubber(client) as stub:
        # What states were given, task tokens among it, is not asked for.
        stub.add_response("get_execution_history", first, HISTORY)
        stub.add_response("get_execution_history", second, HISTORY | {"nextToken": "more"})
        assert gateway(client).history(EXECUTION) == [
            HistoryEvent(1, 0, "ExecutionStarted", NOW),
            HistoryEvent(2, 1, "TaskStateEntered", NOW, "Ask"),
            HistoryEvent(3, 2, "TaskFailed", NOW, None, "Boom", "It broke"),
            HistoryEvent(4, 3, "TaskStateExited", NOW, "Ask"),
        ]


def test_of_a_long_history_the_first_events_are_read(client: Any) -> None:
    page = {
        "events": [{"timestamp": NOW, "type": "ExecutionStarted", "id": number} for number in range(1, 501)],
        "nextToken": "more",
    }
    with Stubber(client) as stub:
        stub.add_response("get_execution_history", page, HISTORY)
        stub.add_response("get_execution_history", page, HISTORY | {"nextToken": "more"})
        assert len(gateway(client).history(EXECUTION)) == 1_000
        stub.assert_no_pending_responses()


def test_a_history_that_is_forgotten_is_empty(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("get_execution_history", "ExecutionDoesNotExist")
        assert gateway(client).history(EXECUTION) == []


def test_an_execution_is_started_once(client: Any) -> None:
    expected = {"stateMachineArn": STATE_MACHINE, "name": "one-retry", "input": "{}"}
    with Stubber(client) as stub:
        stub.add_response("start_execution", {"executionArn": EXECUTION, "startDate": NOW}, expected)
        gateway(client).start(MACHINE, "one-retry", "{}")
        stub.add_client_error("start_execution", "ExecutionAlreadyExists", expected_params=expected)
        gateway(client).start(MACHINE, "one-retry", "{}")
        stub.add_client_error("start_execution", "ThrottlingException", expected_params=expected)
        stub.add_response("start_execution", {"executionArn": EXECUTION, "startDate": NOW}, expected)
        gateway(client).start(MACHINE, "one-retry", "{}")
        stub.assert_no_pending_responses()


def test_what_is_not_allowed_is_not_swallowed(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("start_execution", "AccessDeniedException")
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            gateway(client).start(MACHINE, "one-retry", "{}")
