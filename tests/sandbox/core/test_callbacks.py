"""A task that waits for its token: how long, who may answer, and what an answer that comes too late is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, refusal
from tests.sandbox.core.test_states import Machines, task, wait_until
from tests.sandbox.functions.support import deploy

Role = Callable[..., str]
ASKER = """
import boto3

def handler(event, context):
    boto3.client("dynamodb").put_item(TableName="tokens", Item={"id": {"S": "1"}, "token": {"S": event["token"]}})
"""
SECONDS = "{% $states.input.days * 86400 %}"


@pytest.fixture
def machines(clean_sandbox: Sandbox, make_role: Role) -> Machines:
    clean_sandbox.client("dynamodb", CENTRAL).create_table(
        TableName="tokens",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    role = make_role("asker", {"Action": "dynamodb:PutItem", "Resource": "*"})
    deploy(clean_sandbox, CENTRAL, "asker", ASKER, role)
    return Machines(clean_sandbox, make_role)


def asking(**more: Any) -> dict[str, Any]:
    arguments = {"FunctionName": "asker", "Payload": {"token": "{% $states.context.Task.Token %}"}}
    return {
        "Ask": task("lambda:invoke.waitForTaskToken", arguments, TimeoutSeconds=SECONDS, **more),
        "Late": {"Type": "Pass", "Output": "{% $states.input %}", "End": True},
    }


CATCH = [{"ErrorEquals": ["States.Timeout"], "Next": "Late", "Output": {"error": "{% $states.errorOutput.Error %}"}}]


def ask(machines: Machines, **more: Any) -> tuple[str, str]:
    """Start an execution that waits for two days; its ARN and its token."""
    may = {"Action": "lambda:InvokeFunction", "Resource": "*"}
    execution = machines.start(asking(**more), may, given={"days": 2})
    table = machines.sandbox.client("dynamodb", CENTRAL)
    item = wait_until(lambda: table.get_item(TableName="tokens", Key={"id": {"S": "1"}}).get("Item"))
    return execution, item["token"]["S"]


def answerer(machines: Machines, name: str, resource: str) -> Any:
    role = machines.make_role(
        name, {"Action": ["states:SendTaskSuccess", "states:SendTaskFailure"], "Resource": resource}
    )
    return machines.sandbox.client("stepfunctions", role_arn=role)


def test_the_wait_ends_on_the_sandboxs_clock_and_is_caught(machines: Machines) -> None:
    execution, token = ask(machines, Catch=CATCH)
    machines.sandbox.advance(2 * 86_400 - 60)
    assert machines.client.describe_execution(executionArn=execution)["status"] == "RUNNING"
    machines.sandbox.advance(61)
    ended = machines.result(execution)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"error": "States.Timeout"})
    machine = ended["stateMachineArn"]
    late = answerer(machines, "late", machine)
    code, _ = refusal(lambda: late.send_task_success(taskToken=token, output="{}"))
    assert code == "TaskTimedOut"
    assert refusal(lambda: late.send_task_failure(taskToken=token))[0] == "TaskTimedOut"


def test_without_a_catcher_the_execution_fails_with_the_timeout(machines: Machines) -> None:
    execution, _ = ask(machines)
    machines.sandbox.advance(3 * 86_400)
    ended = machines.result(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")


def test_only_who_may_answers_and_only_once(machines: Machines) -> None:
    execution, token = ask(machines)
    machine = machines.client.describe_execution(executionArn=execution)["stateMachineArn"]
    stranger = answerer(machines, "stranger", f"{machine}-other")
    assert refusal(lambda: stranger.send_task_success(taskToken=token, output="{}"))[0] == "AccessDeniedException"
    good = answerer(machines, "good", machine)
    assert refusal(lambda: good.send_task_success(taskToken=token, output="{nothing"))[0] == "InvalidOutput"
    good.send_task_success(taskToken=token, output='{"approved": true}')
    ended = machines.result(execution)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"approved": True})
    assert refusal(lambda: good.send_task_success(taskToken=token, output="{}"))[0] == "TaskTimedOut"
    anyone = answerer(machines, "anyone", "*")
    assert refusal(lambda: anyone.send_task_success(taskToken="x" * 40, output="{}"))[0] == "InvalidToken"


def test_a_failure_is_the_tasks_error(machines: Machines) -> None:
    execution, token = ask(machines)
    answerer(machines, "good", "*").send_task_failure(taskToken=token, error="Refused", cause="by the owner")
    ended = machines.result(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "Refused", "by the owner")


def test_a_waiting_execution_waits_on_after_a_restore(machines: Machines) -> None:
    execution, token = ask(machines, Catch=CATCH)
    machines.sandbox.snapshot("waiting")
    answerer(machines, "good", "*").send_task_success(taskToken=token, output='{"first": 1}')
    assert machines.result(execution)["status"] == "SUCCEEDED"
    machines.sandbox.restore("waiting")
    assert machines.client.describe_execution(executionArn=execution)["status"] == "RUNNING"
    answerer(machines, "again", "*").send_task_success(taskToken=token, output='{"second": 2}')
    assert json.loads(machines.result(execution)["output"]) == {"second": 2}
    machines.sandbox.restore("waiting")
    machines.sandbox.advance(3 * 86_400)
    assert json.loads(machines.result(execution)["output"]) == {"error": "States.Timeout"}


def test_the_seconds_must_be_a_positive_whole_number(machines: Machines) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": "*"}
    ended = machines.run(asking(), may, given={"days": -1})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_an_execution_tells_the_sandboxs_time(machines: Machines) -> None:
    machines.sandbox.advance(100 * 86_400)
    told = {
        "now": "{% $now() %}",
        "millis": "{% $millis() %}",
        "start": "{% $states.context.Execution.StartTime %}",
        "entered": "{% $states.context.State.EnteredTime %}",
    }
    ended = machines.run({"Tell": {"Type": "Pass", "Output": told, "End": True}})
    output = json.loads(ended["output"])
    expected = datetime.fromisoformat(machines.sandbox.now()).timestamp()
    moments = [datetime.fromisoformat(output[name]).timestamp() for name in ("now", "start", "entered")]
    moments += [output["millis"] / 1000, ended["startDate"].timestamp(), ended["stopDate"].timestamp()]
    assert all(abs(moment - expected) < 10 for moment in moments), output
