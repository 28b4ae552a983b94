"""Waking an execution is tolerant of every way in which nobody waits any more."""

from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from datamesh.aws.retry import Retrier
from datamesh.aws.step_functions import StepFunctions

ARN = "arn:aws:states:eu-west-1:222222222222:execution:machine:one"


@pytest.fixture
def sfn() -> Iterator[tuple[StepFunctions, Stubber]]:
    client = boto3.client("stepfunctions")
    with Stubber(client) as stubber:
        yield StepFunctions(client, Retrier(total=2, sleep=lambda _: None)), stubber
        stubber.assert_no_pending_responses()


def test_a_waiting_task_is_ended(sfn: tuple[StepFunctions, Stubber]) -> None:
    step_functions, stubber = sfn
    stubber.add_response("send_task_success", {}, {"taskToken": "token", "output": '{"run_id": "1"}'})
    assert step_functions.succeed("token", {"run_id": "1"})


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_token_that_nobody_waits_with_is_no_error(sfn: tuple[StepFunctions, Stubber], code: str) -> None:
    step_functions, stubber = sfn
    stubber.add_client_error("send_task_success", code)
    assert not step_functions.succeed("token", {})


def test_a_refusal_is_raised(sfn: tuple[StepFunctions, Stubber]) -> None:
    step_functions, stubber = sfn
    stubber.add_client_error("send_task_success", "AccessDeniedException")
    with pytest.raises(ClientError):
        step_functions.succeed("token", {})


def test_an_execution_with_its_output(sfn: tuple[StepFunctions, Stubber]) -> None:
    step_functions, stubber = sfn
    stubber.add_response(
        "describe_execution",
        {
            "executionArn": ARN,
            "stateMachineArn": ARN.replace("execution", "stateMachine"),
            "status": "SUCCEEDED",
            "startDate": 1_767_322_000,
            "input": "not json",
            "output": '{"role": "producer"}',
        },
        {"executionArn": ARN},
    )
    execution = step_functions.execution(ARN)
    assert execution is not None
    assert (execution.output_object, execution.input_object) == ({"role": "producer"}, {})


def test_an_execution_that_is_forgotten(sfn: tuple[StepFunctions, Stubber]) -> None:
    step_functions, stubber = sfn
    stubber.add_client_error("describe_execution", "ExecutionDoesNotExist")
    assert step_functions.execution(ARN) is None
