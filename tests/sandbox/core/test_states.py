"""State machines act as their own role, and end as AWS ends them."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION, refusal

Role = Callable[..., str]
WAIT = {"Type": "Wait", "Seconds": 900, "End": True}
HANDLER = """
import json
import boto3

class NotYetVisibleError(Exception):
    pass

calls = 0

def handler(event, context):
    global calls
    calls += 1
    if event.get("fails", 0) >= calls:
        raise NotYetVisibleError("not yet")
    if "token" in event:
        boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output=json.dumps({"answer": 42}))
    return {"calls": calls}
"""


class Machines:
    """Creates and runs state machines in the central account."""

    def __init__(self, sandbox: Sandbox, make_role: Role) -> None:
        self.sandbox, self.make_role = sandbox, make_role
        self.client = sandbox.client("stepfunctions", CENTRAL)
        self._count = 0

    def start(self, states: dict[str, Any], *allowed: dict[str, Any], given: Any = None, **machine: Any) -> str:
        self._count += 1
        role = self.make_role(f"machine-{self._count}", *allowed, service="states.amazonaws.com")
        definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states, **machine}
        arn = self.client.create_state_machine(
            name=f"machine-{self._count}", definition=json.dumps(definition), roleArn=role
        )["stateMachineArn"]
        return str(self.client.start_execution(stateMachineArn=arn, input=json.dumps(given or {}))["executionArn"])

    def result(self, execution: str) -> dict[str, Any]:
        ended: dict[str, Any] = wait_until(lambda: self._ended(execution))
        return ended

    def _ended(self, execution: str) -> dict[str, Any] | None:
        described: dict[str, Any] = self.client.describe_execution(executionArn=execution)
        return described if described["status"] != "RUNNING" else None

    def run(self, states: dict[str, Any], *allowed: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self.result(self.start(states, *allowed, **more))

    def history(self, execution: str) -> list[str]:
        return [event["type"] for event in self.client.get_execution_history(executionArn=execution)["events"]]


def wait_until(found: Callable[[], Any], seconds: float = 60) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.02)
    raise AssertionError("It did not happen in time.")


@pytest.fixture
def machines(clean_sandbox: Sandbox, make_role: Role) -> Machines:
    return Machines(clean_sandbox, make_role)


@pytest.fixture
def function(clean_sandbox: Sandbox, make_role: Role) -> str:
    """The ARN of the alias of a function that fails as often as asked and answers task tokens."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("h.py", HANDLER)
    client = clean_sandbox.client("lambda", CENTRAL)
    client.create_function(
        FunctionName="work",
        Runtime="python3.11",
        Role=make_role("work", {"Action": "states:SendTaskSuccess", "Resource": "*"}),
        Handler="h.handler",
        Code={"ZipFile": archive.getvalue()},
        Publish=True,
        Timeout=30,
    )
    return str(client.create_alias(FunctionName="work", Name="live", FunctionVersion="1")["AliasArn"])


def task(resource: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Arguments": arguments, "End": True, **more}


def invoke(function: str, payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    return task("lambda:invoke", {"FunctionName": function, "Payload": payload}, **more)


def test_a_function_is_invoked_with_the_right_to_its_alias(machines: Machines, function: str) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": function}
    output = "{% $states.result.Payload %}"
    ended = machines.run({"Work": invoke(function, {}, Output=output)}, may)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"calls": 1})


def test_without_the_right_the_task_fails_as_on_aws(machines: Machines, function: str) -> None:
    unqualified = function.removesuffix(":live")
    ended = machines.run({"Work": invoke(function, {})}, {"Action": "lambda:InvokeFunction", "Resource": unqualified})
    assert (ended["status"], ended["error"]) == ("FAILED", "Lambda.AWSLambdaException")
    assert f"is not authorized to perform: lambda:InvokeFunction on resource: {function} because" in ended["cause"]
    assert machines.sandbox.ledger(action="lambda:InvokeFunction", allowed=False, role=":role/machine-1")


@pytest.mark.parametrize(
    ("resource", "arguments", "error"),
    [
        ("dynamodb:getItem", {"TableName": "t", "Key": {"pk": {"S": "x"}}}, "DynamoDB.AmazonDynamoDBException"),
        ("aws-sdk:lakeformation:getDataLakeSettings", {}, "LakeFormation.AccessDeniedException"),
        ("aws-sdk:s3:listBuckets", {}, "S3.AccessDeniedException"),
        (
            "sns:publish",
            {"TopicArn": f"arn:aws:sns:{REGION}:{CENTRAL}:t", "Message": {}},
            "SNS.AuthorizationErrorException",
        ),
    ],
)
def test_every_action_is_checked(machines: Machines, resource: str, arguments: dict[str, Any], error: str) -> None:
    ended = machines.run({"Act": task(resource, arguments)})
    assert (ended["status"], ended["error"]) == ("FAILED", error)
    assert "is not authorized to perform" in ended["cause"]


def test_events_are_put_on_a_bus_the_role_may_use(machines: Machines) -> None:
    bus = machines.sandbox.client("events", CENTRAL).create_event_bus(Name="mesh")["EventBusArn"]
    entry = {"EventBusName": bus, "Source": "datamesh.central", "DetailType": "Said", "Detail": {"data": {}}}
    publish = {"Publish": task("events:putEvents", {"Entries": [entry]})}
    refused = machines.run(publish)
    assert refused["error"].startswith("EventBridge.")
    assert "events:PutEvents" in refused["cause"]
    assert machines.run(publish, {"Action": "events:PutEvents", "Resource": bus})["status"] == "SUCCEEDED"


def test_an_entry_that_was_not_taken_fails_the_task(machines: Machines) -> None:
    machines.sandbox.inject(service="events", action="PutEventsEntry", kind="internal", count=1)
    bus = machines.sandbox.client("events", CENTRAL).create_event_bus(Name="mesh")["EventBusArn"]
    entry = {"EventBusName": bus, "Source": "datamesh.central", "DetailType": "Said", "Detail": "no json"}
    publish = {"Publish": task("events:putEvents", {"Entries": [entry]})}
    ended = machines.run(publish, {"Action": "events:PutEvents", "Resource": bus})
    assert ended["error"] == "EventBridge.FailedEntry"


def test_a_functions_error_keeps_its_name_and_is_retried(machines: Machines, function: str) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": function}
    retry = {
        "ErrorEquals": ["NotYetVisibleError"],
        "IntervalSeconds": 1,
        "BackoffRate": 2,
        "MaxAttempts": 3,
        "MaxDelaySeconds": 1,
        "JitterStrategy": "FULL",
    }
    output = "{% $states.result.Payload.calls %}"
    ended = machines.run({"Work": invoke(function, {"fails": 2}, Retry=[retry], Output=output)}, may)
    assert (ended["status"], ended["output"]) == ("SUCCEEDED", "3")


def test_retries_end_and_the_catcher_sees_the_error(machines: Machines, function: str) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": function}
    states = {
        "Work": {
            **invoke(function, {"fails": 9}),
            "Retry": [{"ErrorEquals": ["NotYetVisibleError"], "MaxAttempts": 1, "IntervalSeconds": 1}],
            "Catch": [
                {
                    "ErrorEquals": ["States.ALL"],
                    "Assign": {"error": "{% $states.errorOutput.Error %}"},
                    "Next": "Failed",
                }
            ],
        },
        "Failed": {"Type": "Fail", "Error": "{% $error %}", "Cause": "It stayed so."},
    }
    ended = machines.run(states, may)
    assert (ended["status"], ended["error"], ended["cause"]) == ("FAILED", "NotYetVisibleError", "It stayed so.")


def test_a_callback_resumes_the_task(machines: Machines, function: str) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": function}
    payload = {"token": "{% $states.context.Task.Token %}"}
    arguments = {"FunctionName": function, "Payload": payload}
    ended = machines.run({"Ask": task("lambda:invoke.waitForTaskToken", arguments, TimeoutSeconds=60)}, may)
    assert (ended["status"], json.loads(ended["output"])) == ("SUCCEEDED", {"answer": 42})


def test_a_task_that_is_not_answered_times_out_on_the_clock(machines: Machines, function: str) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": function}
    arguments = {"FunctionName": function, "Payload": {"seen": "{% $states.context.Task.Token %}"}}
    wait = task("lambda:invoke.waitForTaskToken", arguments, TimeoutSeconds=3600)
    execution = machines.start({"Ask": wait}, may)
    wait_until(lambda: machines.sandbox.ledger(action="lambda:InvokeFunction", allowed=True))
    machines.sandbox.advance(3601)
    ended = machines.result(execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
    assert "TaskTimedOut" in machines.history(execution)


def test_a_machine_has_a_timeout_of_its_own(machines: Machines) -> None:
    execution = machines.start({"Wait": WAIT}, TimeoutSeconds=600)
    machines.sandbox.advance(601)
    assert machines.result(execution)["status"] == "TIMED_OUT"
    assert machines.history(execution)[-1] == "ExecutionTimedOut"
    statuses = wait_until(lambda: told(machines, execution, "TIMED_OUT"))
    assert statuses == ["RUNNING", "TIMED_OUT"]


def test_a_stopped_execution_says_so(machines: Machines) -> None:
    execution = machines.start({"Wait": WAIT})
    machines.client.stop_execution(executionArn=execution, error="Stop", cause="Enough.")
    ended = machines.result(execution)
    assert (ended["status"], ended["error"], ended["cause"]) == ("ABORTED", "Stop", "Enough.")
    assert wait_until(lambda: told(machines, execution, "ABORTED")) == ["RUNNING", "ABORTED"]


def told(machines: Machines, execution: str, last: str) -> list[str] | None:
    """The status changes of an execution on the default bus, once the last one is there."""
    seen = [item["detail"]["status"] for item in machines.sandbox.events() if execution in str(item)]
    return seen if last in seen else None


def test_a_wait_ends_on_the_clock(machines: Machines) -> None:
    execution = machines.start({"Wait": WAIT})
    wait_until(lambda: "WaitStateEntered" in machines.history(execution))
    machines.sandbox.advance(901)
    assert machines.result(execution)["status"] == "SUCCEEDED"


def test_assign_sees_the_values_before_it(machines: Machines) -> None:
    states = {
        "First": {"Type": "Pass", "Assign": {"x": 1}, "Next": "Second"},
        "Second": {"Type": "Pass", "Assign": {"x": 2, "y": "{% $x %}"}, "Output": "{% $x %}", "Next": "Last"},
        "Last": {"Type": "Pass", "Output": "{% [$states.input, $x, $y] %}", "End": True},
    }
    assert json.loads(machines.run(states)["output"]) == [1, 2, 1]


def test_a_branch_keeps_its_variables(machines: Machines) -> None:
    inner = {"Set": {"Type": "Pass", "Assign": {"x": 2}, "Output": "{% $x %}", "End": True}}
    states = {
        "Set": {"Type": "Pass", "Assign": {"x": 1}, "Next": "Branch"},
        "Branch": {"Type": "Parallel", "Branches": [{"StartAt": "Set", "States": inner}], "Next": "Last"},
        "Last": {"Type": "Pass", "Output": "{% $x %}", "End": True},
    }
    assert json.loads(machines.run(states)["output"]) == 1


def test_an_undefined_field_is_an_evaluation_error(machines: Machines) -> None:
    ended = machines.run({"Look": {"Type": "Pass", "Output": "{% $states.input.missing %}", "End": True}})
    assert ended["error"] == "States.QueryEvaluationError"


def test_states_all_does_not_catch_a_runtime_error(machines: Machines) -> None:
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]
    states = {
        "Act": task("aws-sdk:dynamodb:noSuchCall", {}, Catch=catch),
        "Caught": {"Type": "Succeed"},
    }
    assert machines.run(states)["error"] == "States.Runtime"


def test_a_machine_needs_a_role_that_trusts_step_functions(machines: Machines) -> None:
    role = machines.make_role("for-lambda")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    code, message = refusal(lambda: machines.client.create_state_machine(name="m", definition=definition, roleArn=role))
    assert code == "AccessDeniedException"
    assert message.startswith("Neither the global service principal states.amazonaws.com")


def test_starting_twice_by_name_is_idempotent_while_it_runs(machines: Machines) -> None:
    execution = machines.start({"Wait": WAIT})
    machine = execution.replace(":execution:", ":stateMachine:").rsplit(":", 1)[0]
    name = execution.rsplit(":", 1)[1]
    again = machines.client.start_execution(stateMachineArn=machine, name=name, input="{}")
    assert again["executionArn"] == execution
    code, _ = refusal(lambda: machines.client.start_execution(stateMachineArn=machine, name=name, input='{"x": 1}'))
    assert code == "ExecutionAlreadyExists"


def test_a_token_answers_once(machines: Machines, function: str) -> None:
    may = {"Action": "lambda:InvokeFunction", "Resource": function}
    arguments = {"FunctionName": function, "Payload": {"seen": "{% $states.context.Task.Token %}"}}
    execution = machines.start({"Ask": task("lambda:invoke.waitForTaskToken", arguments)}, may)

    def token() -> str | None:
        events = machines.client.get_execution_history(executionArn=execution)["events"]
        found = [event for event in events if event["type"] == "TaskScheduled"]
        if not found:
            return None
        return str(json.loads(found[0]["taskScheduledEventDetails"]["parameters"])["Payload"]["seen"])

    key = wait_until(token)
    wait_until(lambda: machines.sandbox.ledger(action="lambda:InvokeFunction", allowed=True))
    assert refusal(lambda: machines.client.send_task_success(taskToken=key, output="no json"))[0] == "InvalidOutput"
    machines.client.send_task_failure(taskToken=key, error="Refused", cause="No.")
    assert machines.result(execution)["error"] == "Refused"
    assert refusal(lambda: machines.client.send_task_success(taskToken=key, output="{}"))[0] == "TaskTimedOut"
    assert refusal(lambda: machines.client.send_task_success(taskToken="other", output="{}"))[0] == "InvalidToken"
