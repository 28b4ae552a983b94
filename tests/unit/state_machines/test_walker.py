"""The offline walker itself: it must fail where Step Functions would."""

from typing import Any

import pytest

from tests.support.asl_walk import TaskCall, TaskError, walk


def machine(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": states[0][0], "States": dict(states)}


def task(**fields: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": True, **fields}


def echo(call: TaskCall) -> Any:
    return call.arguments


def test_arguments_output_and_variables() -> None:
    definition = machine(
        (
            "One",
            task(
                Arguments={"a": "{% $states.input.x %}"}, Assign={"kept": "{% $states.result.Payload.a %}"}, Next="Two"
            ),
        ),
        ("Two", {"Type": "Pass", "Output": {"kept": "{% $kept %}", "text": "plain"}, "Next": "Three"}),
        ("Three", {"Type": "Succeed", "Output": "{% $merge([$states.input, {'more': 1}]) %}"}),
    )
    done = walk(definition, {"x": [1, None]}, echo)
    assert (done.output, done.transitions) == ({"kept": [1, None], "text": "plain", "more": 1}, 3)


@pytest.mark.parametrize(
    "expression", ["$states.input.missing", "$unknown", "$states.result.x", "1 + 'a'", "$states.input."]
)
def test_what_is_undefined_or_wrong_fails(expression: str) -> None:
    done = walk(machine(("One", {"Type": "Pass", "Output": f"{{% {expression} %}}"})), {}, echo)
    assert (done.status, done.error) == ("FAILED", "States.QueryEvaluationError")


def test_an_explicit_null_is_a_value() -> None:
    done = walk(machine(("One", {"Type": "Pass", "Output": {"x": "{% $states.input.x %}"}})), {"x": None}, echo)
    assert done.output == {"x": None}


def test_the_first_matching_retrier_decides_and_counts_for_itself() -> None:
    definition = machine(
        (
            "One",
            task(
                Retry=[{"ErrorEquals": ["A"], "MaxAttempts": 2}, {"ErrorEquals": ["B"], "MaxAttempts": 1}],
                Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
            ),
        ),
        ("Caught", {"Type": "Succeed"}),
    )
    errors = iter(["A", "B", "A", "A"])

    def answer(_: TaskCall) -> Any:
        raise TaskError(next(errors), "why")

    done = walk(definition, {}, answer)
    assert (done.output, done.path) == ({"Error": "A", "Cause": "why"}, ["One", "Caught"])
    assert done.transitions == 2 + 3


@pytest.mark.parametrize(
    ("names", "error", "caught"),
    [
        (["States.ALL"], "Anything", True),
        (["States.ALL"], "States.DataLimitExceeded", False),
        (["States.ALL"], "States.Runtime", False),
        (["States.TaskFailed"], "Anything", True),
        (["States.TaskFailed"], "States.Timeout", False),
        (["Other"], "Anything", False),
    ],
)
def test_which_errors_a_catcher_takes(names: list[str], error: str, caught: bool) -> None:
    definition = machine(
        ("One", task(Catch=[{"ErrorEquals": names, "Next": "Caught"}])), ("Caught", {"Type": "Succeed"})
    )

    def answer(_: TaskCall) -> Any:
        raise TaskError(error)

    assert (walk(definition, {}, answer).status == "SUCCEEDED") is caught


def test_a_choice_goes_where_its_condition_says() -> None:
    definition = machine(
        (
            "One",
            {"Type": "Choice", "Choices": [{"Condition": "{% $states.input.x = 1 %}", "Next": "Yes"}], "Default": "No"},
        ),
        ("Yes", {"Type": "Succeed"}),
        ("No", {"Type": "Fail", "Error": "No", "Cause": "{% 'not ' & $states.input.x %}"}),
    )
    assert walk(definition, {"x": 1}, echo).path == ["One", "Yes"]
    assert walk(definition, {"x": "2"}, echo).cause == "not 2"
    definition["States"]["One"]["Choices"][0]["Condition"] = "{% $states.input.x %}"
    assert walk(definition, {"x": "2"}, echo).error == "States.QueryEvaluationError"


def test_an_endless_execution_is_noticed() -> None:
    with pytest.raises(RecursionError):
        walk(machine(("One", {"Type": "Pass", "Next": "One"})), {}, echo)


def test_a_callback_gets_a_token() -> None:
    waiting = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"Payload": {"step": "start", "task_token": "{% $states.context.Task.Token %}"}},
    }
    done = walk(machine(("One", waiting)), {}, lambda _: {"woken": True})
    assert done.calls[0].arguments["Payload"]["task_token"]
    assert done.output == {"woken": True}
