"""Walks a rendered state machine offline: JSONata evaluated for real, tasks answered by a fake.

It covers what the definitions of this project use (Task, Choice, Pass, Succeed, Fail; Arguments, Output, Assign;
Retry and Catch) and counts state transitions the way AWS bills them: one for every state entered and one for every
retry. Nothing waits in `walk`; an `Execution` pauses where AWS would wait, for a retry or to be called back, and goes
on when it is told to. What is undefined in an expression fails with States.QueryEvaluationError, as on AWS.
Source: https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import jsonata

MAX_TRANSITIONS = 1000


class TaskError(Exception):
    """What a fake raises to make a task fail with an error name, as Lambda reports the class of an exception."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause


@dataclass(frozen=True)
class TaskCall:
    """One attempt of one task, its arguments evaluated."""

    state: str
    resource: str
    arguments: dict[str, Any]
    retry_count: int

    @property
    def step(self) -> str | None:
        """The step asked of the flow's function, None for a service integration."""
        payload = self.arguments.get("Payload")
        return str(payload["step"]) if isinstance(payload, Mapping) else None


Answer = Callable[[TaskCall], Any]
"""Answers a task with what its API would return (for a function: the payload alone), or raises TaskError."""


@dataclass
class Walk:
    """How an execution went."""

    status: Literal["SUCCEEDED", "FAILED"]
    output: Any = None
    error: str | None = None
    cause: str | None = None
    path: list[str] = field(default_factory=list)
    transitions: int = 0
    calls: list[TaskCall] = field(default_factory=list)

    @property
    def published(self) -> list[dict[str, Any]]:
        """The entries of all attempts to publish."""
        return [entry for call in self.calls for entry in call.arguments.get("Entries", [])]


@dataclass(frozen=True)
class Pause:
    """An execution that waits: for so many seconds at most to be called back by a `token`, or for its next attempt."""

    state: str
    seconds: float
    token: str | None = None
    answered: Any = None
    """What the task that hands the token out was answered: `walk` takes it for what the callback says."""


Steps = Generator[Pause, Any, tuple[str | None, Any]]


def walk(definition: Mapping[str, Any], execution_input: Any, answer: Answer) -> Walk:
    """Run an execution of `definition` to its end and return how it went."""
    execution = Execution(definition, execution_input, answer)
    while execution.pause is not None:
        execution.go_on(execution.pause.answered)
    return execution.walk


class Execution:
    """A run of a state machine up to where it waits: `pause` says what for, and is None when it has ended."""

    def __init__(
        self, definition: Mapping[str, Any], execution_input: Any, answer: Answer, execution_id: str | None = None
    ) -> None:
        walker = _Walker(definition, execution_input, answer, execution_id)
        self.walk = walker.result
        self.pause: Pause | None = None
        self._steps = walker.run()
        self._advance(lambda: next(self._steps))

    def go_on(self, output: Any = None) -> None:
        """Call it back with this output, or let it try again."""
        self._advance(lambda: self._steps.send(output))

    def time_out(self) -> None:
        """Let the task that waits to be called back fail with States.Timeout."""
        self._advance(lambda: self._steps.throw(TaskError("States.Timeout")))

    def abort(self, error: str) -> None:
        """End it where it waits: nothing that would clean up runs."""
        self._steps.close()
        self.pause, self.walk.status, self.walk.error = None, "FAILED", error

    def _advance(self, step: Callable[[], Pause]) -> None:
        try:
            self.pause = step()
        except StopIteration:
            self.pause = None


class _Walker:
    def __init__(
        self, definition: Mapping[str, Any], execution_input: Any, answer: Answer, execution_id: str | None = None
    ) -> None:
        self.definition = definition
        self.answer = answer
        self.variables: dict[str, Any] = {}
        self.result = Walk(status="SUCCEEDED")
        self.context: dict[str, Any] = {
            "Execution": {
                "Id": execution_id or "arn:aws:states:eu-west-1:111111111111:execution:datamesh-flow:walk",
                "Name": execution_id.rsplit(":", 1)[-1] if execution_id is not None else "walk",
                "Input": execution_input,
                "StartTime": "2026-01-01T00:00:00.000Z",
            }
        }

    def run(self) -> Generator[Pause, Any, None]:
        name: str | None = self.definition["StartAt"]
        data = copy.deepcopy(self.context["Execution"]["Input"])
        try:
            while name is not None:
                name, data = yield from self._enter(name, data)
        except TaskError as failure:
            self.result.status = "FAILED"
            self.result.error, self.result.cause = failure.error, failure.cause
        else:
            self.result.output = data

    def _enter(self, name: str, data: Any) -> Steps:
        self._count()
        self.result.path.append(name)
        self.context["State"] = {"Name": name, "RetryCount": 0}
        state = self.definition["States"][name]
        match state["Type"]:
            case "Task":
                return (yield from self._task(name, state, data))
            case "Choice":
                return self._choice(state, data), data
            case "Pass":
                self._assign(state, data)
                return state.get("Next"), self._field(state, "Output", data, default=data)
            case "Succeed":
                return None, self._field(state, "Output", data, default=data)
            case "Fail":
                raise TaskError(self._field(state, "Error", data), self._field(state, "Cause", data))
            case other:
                raise NotImplementedError(f"the walker knows no {other} state")

    def _choice(self, state: Mapping[str, Any], data: Any) -> str:
        for rule in state["Choices"]:
            met = self._evaluate(rule["Condition"], data)
            if not isinstance(met, bool):
                raise TaskError("States.QueryEvaluationError", f"{rule['Condition']} is no condition")
            if met:
                return str(rule["Next"])
        return str(state["Default"])

    def _task(self, name: str, state: Mapping[str, Any], data: Any) -> Steps:
        used: dict[int, int] = {}
        while True:
            try:
                return (yield from self._attempt(name, state, data))
            except TaskError as failure:
                index = _matching(state.get("Retry", []), failure.error)
                if index is not None and used.get(index, 0) < state["Retry"][index]["MaxAttempts"]:
                    used[index] = used.get(index, 0) + 1
                    self.context["State"]["RetryCount"] += 1
                    self._count()
                    yield Pause(name, _interval(state["Retry"][index], used[index]))
                    continue
                caught = _matching(state.get("Catch", []), failure.error)
                if caught is None:
                    raise
                catcher = state["Catch"][caught]
                error_output = {"Error": failure.error, "Cause": failure.cause}
                output = self._field(catcher, "Output", data, default=error_output, error_output=error_output)
                self._assign(catcher, data, error_output=error_output)
                return str(catcher["Next"]), output

    def _attempt(self, name: str, state: Mapping[str, Any], data: Any) -> Steps:
        resource = str(state["Resource"])
        token = f"{self.context['Execution']['Name']}-token-{self.result.transitions}"
        waits = resource.endswith(".waitForTaskToken")
        if waits:
            self.context["Task"] = {"Token": token}
        arguments = self._field(state, "Arguments", data, default={})
        call = TaskCall(name, resource, json.loads(json.dumps(arguments)), self.context["State"]["RetryCount"])
        self.result.calls.append(call)
        answered = copy.deepcopy(self.answer(call))
        if waits:
            seconds = self._field(state, "TimeoutSeconds", data, default=math.inf)
            answered = yield Pause(name, float(seconds), token, answered)
        if resource.endswith("lambda:invoke"):
            answered = {"StatusCode": 200, "Payload": answered}
        output = self._field(state, "Output", data, default=answered, result=answered)
        self._assign(state, data, result=answered)
        return state.get("Next"), output

    def _count(self) -> None:
        self.result.transitions += 1
        if self.result.transitions > MAX_TRANSITIONS:
            raise RecursionError("the execution does not end")

    def _field(self, state: Mapping[str, Any], name: str, data: Any, *, default: Any = "", **given: Any) -> Any:
        return self._evaluate(state[name], data, **given) if name in state else default

    def _assign(self, state: Mapping[str, Any], data: Any, **given: Any) -> None:
        # Output and Assign of a state do not see each other's values, so the new ones count from the next state on.
        if "Assign" in state:
            self.variables = {**self.variables, **self._evaluate(state["Assign"], data, **given)}

    def _evaluate(self, value: Any, data: Any, **given: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: self._evaluate(item, data, **given) for key, item in value.items()}
        if isinstance(value, list):
            return [self._evaluate(item, data, **given) for item in value]
        if isinstance(value, str) and value.startswith("{%"):
            return self._expression(value.removeprefix("{%").removesuffix("%}").strip(), data, **given)
        return value

    def _expression(self, text: str, data: Any, *, result: Any = None, error_output: Any = None) -> Any:
        states = {"input": data, "context": self.context}
        if result is not None:
            states["result"] = result
        if error_output is not None:
            states["errorOutput"] = error_output
        bindings = {**self.variables, "states": states}
        try:
            value = jsonata.Jsonata.jsonata(text).evaluate(None, bindings)
            undefined = value is None and not jsonata.Jsonata.jsonata(f"$exists(({text}))").evaluate(None, bindings)
        except jsonata.JException as problem:
            raise TaskError("States.QueryEvaluationError", f"{text}: {problem}") from problem
        if undefined:
            raise TaskError("States.QueryEvaluationError", f"{text} is undefined")
        return value


def _interval(retrier: Mapping[str, Any], attempt: int) -> float:
    """Return how long AWS waits before an attempt, at most: the definitions have full jitter."""
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2) ** (attempt - 1)
    return float(min(seconds, retrier.get("MaxDelaySeconds", math.inf)))


def _matching(rules: list[dict[str, Any]], error: str) -> int | None:
    """Return the first rule that takes an error. States.ALL leaves two errors alone, States.TaskFailed the timeout."""
    for index, rule in enumerate(rules):
        names = rule["ErrorEquals"]
        if error in names:
            return index
        if "States.ALL" in names and error not in {"States.DataLimitExceeded", "States.Runtime"}:
            return index
        if "States.TaskFailed" in names and error != "States.Timeout":
            return index
    return None
