"""State machine definitions as the tests see them: found, rendered as Terraform's templatefile does, linted, checked.

cfn-lint knows the fields of every state (rule E3601) but not whether a `Next` names a state; the graph check does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]

TEMPLATE_INPUTS: dict[str, str] = {
    "function_arn": "arn:aws:lambda:eu-west-1:111111111111:function:datamesh-flow:live",
    "event_bus_arn": "arn:aws:events:eu-west-1:111111111111:event-bus/datamesh-central",
    "partition": "aws",
}
"""What the module `workflow` hands to every definition: exactly these names, in every machine."""

LAMBDA_INVOKE = "arn:aws:states:::lambda:invoke"

TRANSIENT_LAMBDA_ERRORS = frozenset(
    {
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
    }
)

# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
# https://docs.aws.amazon.com/step-functions/latest/dg/connect-eventbridge.html (FailedEntry, <Service>.<Error>)
AWS_ERRORS: frozenset[str] = TRANSIENT_LAMBDA_ERRORS | {
    "EventBridge.FailedEntry",
    "EventBridge.InternalException",
    "EventBridge.SdkClientException",
    "EventBridge.ThrottlingException",
    "Lambda.Unknown",
    "States.ALL",
    "States.DataLimitExceeded",
    "States.HeartbeatTimeout",
    "States.Permissions",
    "States.QueryEvaluationError",
    "States.Runtime",
    "States.TaskFailed",
    "States.Timeout",
}

_SUBSTITUTION = re.compile(r"(?<!\$)\$\{\s*([^}]*?)\s*\}")
_DIRECTIVE = re.compile(r"(?<!%)%\{")


class TemplateError(Exception):
    """The template uses an input that nobody supplies, or holds a sequence that Terraform would read as its own."""


def definition_paths() -> list[Path]:
    """Return every state machine definition of the modules, in a stable order."""
    return sorted((REPOSITORY / "modules").glob("**/*.asl.json"))


def flow_of(path: Path) -> str:
    """Return the flow a definition belongs to: the noun in its file name."""
    return path.name.removesuffix(".asl.json")


def template_inputs(text: str) -> set[str]:
    """Return the names of all `${...}` substitutions in a template."""
    return set(_SUBSTITUTION.findall(text))


def render_text(text: str, inputs: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Render a template as `templatefile` does and parse the result.

    Raises TemplateError for an unknown input and for `%{`, which Terraform takes for a directive of its own
    (JSONata's `{%{` contains it), and ValueError when the result is not JSON.
    Source: https://developer.hashicorp.com/terraform/language/expressions/strings
    """
    if _DIRECTIVE.search(text):
        raise TemplateError("'%{' is a template directive of Terraform; write '{% {' with a space")
    values = TEMPLATE_INPUTS if inputs is None else inputs
    if unknown := template_inputs(text) - set(values):
        raise TemplateError(f"nobody supplies {sorted(unknown)}")
    rendered = _SUBSTITUTION.sub(lambda match: values[match.group(1)], text)
    definition: dict[str, Any] = json.loads(rendered)
    return definition


def render(path: Path, inputs: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Render and parse one definition file. Raises as `render_text`."""
    return render_text(path.read_text(encoding="utf-8"), inputs)


def lint(definition: Mapping[str, Any]) -> list[str]:
    """Return cfn-lint's findings on a rendered definition, wrapped in a CloudFormation template of one resource."""
    import cfnlint.api  # noqa: PLC0415 - takes seconds, and most users of this module only render
    from cfnlint.config import ManualArgs  # noqa: PLC0415

    # cfn-lint takes no JSONata there, Step Functions does:
    # https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html
    plain = {
        name: state | {"TimeoutSeconds": 1} if isinstance(state, dict) and waits_for_people(state) else state
        for name, state in definition.get("States", {}).items()
    }
    definition = {**definition, "States": plain}
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "StateMachine": {
                "Type": "AWS::StepFunctions::StateMachine",
                "Properties": {
                    "RoleArn": "arn:aws:iam::111111111111:role/workflow",
                    "DefinitionString": json.dumps(definition),
                },
            }
        },
    }
    config = ManualArgs(regions=["eu-west-1"], ignore_checks=["W"])
    return [str(match) for match in cfnlint.api.lint(json.dumps(template), config=config)]


def tasks(definition: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the Task states by name. Definitions of this project hold no Map and no Parallel state."""
    return {name: state for name, state in definition["States"].items() if state["Type"] == "Task"}


def is_function_call(state: Mapping[str, Any]) -> bool:
    """Tell whether a Task state calls the flow's function, with or without waiting for a task token."""
    resource = str(state.get("Resource", ""))
    return resource.removesuffix(".waitForTaskToken").endswith(":states:::lambda:invoke")


def waits_for_people(state: Mapping[str, Any]) -> bool:
    """Tell whether a Task state waits to be called back, for as long as its input says."""
    return str(state.get("Resource", "")).endswith(".waitForTaskToken") and isinstance(state.get("TimeoutSeconds"), str)


def step_names(definition: Mapping[str, Any]) -> set[str]:
    """Return the `step` of every call of the flow's function."""
    return {
        str(state["Arguments"]["Payload"]["step"]) for state in tasks(definition).values() if is_function_call(state)
    }


def error_names(definition: Mapping[str, Any]) -> set[str]:
    """Return every error name that a Retry or a Catch of the definition matches."""
    rules = [
        rule for state in definition["States"].values() for rule in (*state.get("Retry", []), *state.get("Catch", []))
    ]
    return {str(name) for rule in rules for name in rule["ErrorEquals"]}


def successors(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all states that can follow a state."""
    if "Next" in state:
        yield state["Next"]
    if "Default" in state:
        yield state["Default"]
    for rule in (*state.get("Choices", []), *state.get("Catch", [])):
        yield rule["Next"]


def graph_errors(definition: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the graph: targets that do not exist, states that nothing leads to, dead ends."""
    states: Mapping[str, Mapping[str, Any]] = definition["States"]
    errors = []
    start = definition["StartAt"]
    if start not in states:
        return [f"StartAt names {start!r}, which is no state"]
    for name, state in states.items():
        errors += [
            f"{name!r} leads to {target!r}, which is no state" for target in successors(state) if target not in states
        ]
        terminal = state["Type"] in {"Succeed", "Fail"}
        if not terminal and state["Type"] != "Choice" and ("Next" in state) == bool(state.get("End")):
            errors.append(f"{name!r} must have either Next or End")
        if state["Type"] == "Choice" and "Default" not in state:
            errors.append(f"{name!r} has no Default: an unmatched input would fail with States.NoChoiceMatched")
    reached: set[str] = set()
    ahead: list[str] = [start]
    while ahead:
        name = ahead.pop()
        if name in states and name not in reached:
            reached.add(name)
            ahead.extend(successors(states[name]))
    errors += [f"nothing leads to {name!r}" for name in states if name not in reached]
    return errors


def task_errors(name: str, state: Mapping[str, Any]) -> list[str]:
    """Return which of the rules for every task of this project a Task state breaks."""
    errors = [f"{name!r} has no {field}" for field in ("Comment", "Retry", "Catch") if not state.get(field)]
    timeout = state.get("TimeoutSeconds")
    # How long people have is said by the approval policy.
    computed = waits_for_people(state) and isinstance(timeout, str) and timeout.startswith("{%")
    if not computed and (not isinstance(timeout, int) or timeout <= 0):
        errors.append(f"{name!r} has no TimeoutSeconds")
    for retrier in state.get("Retry", []):
        wanted = {"ErrorEquals", "IntervalSeconds", "BackoffRate", "MaxAttempts", "MaxDelaySeconds", "JitterStrategy"}
        if missing := wanted - set(retrier):
            errors.append(f"{name!r}: a retrier lacks {sorted(missing)}")
        if retrier.get("JitterStrategy") != "FULL":
            errors.append(f"{name!r}: a retrier has no full jitter")
        if "States.ALL" in retrier["ErrorEquals"]:
            errors.append(f"{name!r}: a retrier repeats every error, those that no repetition mends too")
    if is_function_call(state):
        retried = {error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]}
        if unretried := TRANSIENT_LAMBDA_ERRORS - retried:
            errors.append(f"{name!r} does not retry {sorted(unretried)}")
    catchers = state.get("Catch", [])
    if catchers and catchers[-1]["ErrorEquals"] != ["States.ALL"]:
        errors.append(f"{name!r}: the last catcher must take States.ALL")
    if any("States.ALL" in catcher["ErrorEquals"] for catcher in catchers[:-1]):
        errors.append(f"{name!r}: a catcher behind States.ALL can never match")
    return errors


def expressions(value: Any) -> Iterator[str]:
    """Yield every JSONata expression (the text between `{%` and `%}`) in a definition or a part of one."""
    if isinstance(value, str) and value.startswith("{%") and value.endswith("%}"):
        yield value[2:-2].strip()
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from expressions(item)
