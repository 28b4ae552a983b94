"""Task states: an attempt, its time limits and callbacks, retries and catchers.

https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from sandbox import clock
from sandbox.api import Json
from sandbox.states import errors, runs, tasks
from sandbox.states.runs import Run, StoppedError, Waiting, event, ministack

# https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html: at most 99,999,999 seconds.
_LONGEST_TIMEOUT = 99_999_999
_random = random.Random()  # noqa: S311  jitter, not a secret


def execute_task(
    state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[Json, str | None]:
    """A Task state with Retry, Catch, TimeoutSeconds and HeartbeatSeconds."""

    def attempt() -> tuple[Json, str | None]:
        return _attempt(state, given, execution, context)

    return with_retry_and_catch(state, given, context, attempt)


def with_retry_and_catch(
    state: dict[str, Any], given: Json, context: dict[str, Any], attempt: Callable[[], tuple[Json, str | None]]
) -> tuple[Json, str | None]:
    """Retry and Catch of Task, Map and Parallel states."""
    entered = context["State"]
    failure = ministack("_ExecutionError")
    counts: dict[int, int] = {}
    while True:
        context["State"] = {**entered, "RetryCount": sum(counts.values())}
        try:
            return attempt()
        except failure as error:
            retrier, index = ministack("_find_matching_retrier")(state.get("Retry", []), error.error, counts)
            if retrier is not None:
                runs.pause(delay(retrier, counts.get(index, 0)))
                counts[index] = counts.get(index, 0) + 1
                continue
            catcher = ministack("_find_matching_catcher")(state.get("Catch", []), error.error)
            if catcher is None:
                raise
            language = ministack("_state_query_language")(state, context)
            shown = {"Error": error.error, "Cause": error.cause}
            return ministack("_apply_catcher")(catcher, given, context, language, shown), catcher["Next"]


def delay(retrier: dict[str, Any], retries: int) -> float:
    """IntervalSeconds x BackoffRate^n, at most MaxDelaySeconds; with full jitter anything below."""
    interval = float(retrier.get("IntervalSeconds", 1))
    seconds = interval * float(retrier.get("BackoffRate", 2.0)) ** retries
    if "MaxDelaySeconds" in retrier:
        seconds = min(seconds, float(retrier["MaxDelaySeconds"]))
    if retrier.get("JitterStrategy") == "FULL":
        return _random.uniform(0, seconds)
    return seconds


def _attempt(
    state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[Json, str | None]:
    jsonata = ministack("_state_query_language")(state, context) == "JSONata"
    resource = state.get("Resource", "")
    integration = tasks.parse(resource)
    waits = integration.pattern == "waitForTaskToken"
    current = runs.current()
    resumed, current.resumed = (current.resumed, None) if current.resumed else (None, None)
    token = resumed.token if resumed else uuid.uuid4().hex + uuid.uuid4().hex
    if waits:
        context["Task"] = {"Token": token}
    if jsonata:
        arguments = ministack("_apply_jsonata_arguments")(state, given, context)
    else:
        arguments = ministack("_apply_parameters")(
            state, ministack("_apply_input_path")(state, given, context), context
        )
    tasks.check_size(arguments)
    details = {"resourceType": integration.service, "resource": _shown(integration)}
    event(execution, "TaskScheduled", {"taskScheduledEventDetails": {**details, "parameters": json.dumps(arguments)}})
    event(execution, "TaskStarted", {"taskStartedEventDetails": details})
    try:
        limits = _limits(state, given, context, jsonata=jsonata)
        if resumed is not None:
            result = _answer(Waiter(token, resumed.deadline, resumed.heartbeat, current), _place(context, given))
        else:
            result = _result(state, integration, arguments, context, limits, token if waits else None, given)
        tasks.check_size(result)
    except ministack("_ExecutionError") as error:
        kind = "TaskTimedOut" if error.error in ("States.Timeout", "States.HeartbeatTimeout") else "TaskFailed"
        described = {**details, "error": error.error, "cause": error.cause}
        event(execution, kind, {f"{kind[0].lower()}{kind[1:]}EventDetails": described})
        raise
    event(execution, "TaskSucceeded", {"taskSucceededEventDetails": {**details, "output": json.dumps(result)}})
    if jsonata:
        output = ministack("_apply_jsonata_output")(state, given, context, result=result, default=result)
        ministack("_apply_state_assign")(state, given, context, result=result)
    else:
        selected = ministack("_apply_result_selector")(state, result)
        output = ministack("_apply_result_path")(state, given, selected)
        output = ministack("_apply_output_path")(state, output, context)
    return output, ministack("_next_or_end")(state)


def _shown(integration: tasks.Integration) -> str:
    name = f"{integration.sdk}:{integration.action}" if integration.sdk else integration.action
    return f"{name}.{integration.pattern}" if integration.pattern else name


@dataclass(frozen=True)
class Waiter:
    """A token and how long its task waits for it."""

    token: str
    deadline: float | None
    heartbeat: float | None
    run: Run


@dataclass(frozen=True)
class _Place:
    """Where in its execution a task stands."""

    state: str
    given: Json
    context: dict[str, Any]


def _place(context: dict[str, Any], given: Json) -> _Place:
    return _Place(context["State"]["Name"], given, context)


def _result(  # noqa: PLR0917  an attempt in all its parts
    state: dict[str, Any],
    integration: tasks.Integration,
    arguments: Json,
    context: dict[str, Any],
    limits: tuple[float | None, float | None],
    token: str | None,
    given: Json,
) -> Json:
    if integration.activity is not None:
        return ministack("_invoke_activity")(integration.activity, arguments)
    current = runs.current()
    if current.actor is None:
        raise errors.execution_error("States.Runtime", current.refusal)
    actor = current.actor
    if "Credentials" in state:
        credentials = ministack("_apply_jsonata_template")(state["Credentials"], arguments, context)
        actor = tasks.assume(credentials["RoleArn"], actor)
    timeout, heartbeat = limits
    deadline = clock.time() + timeout if timeout is not None else None
    if token is None:
        return _bounded(lambda: tasks.perform(integration, arguments, actor), deadline, current)
    waiter = Waiter(token, deadline, heartbeat, current)
    return _answer(waiter, _place(context, given), lambda: tasks.perform(integration, arguments, actor))


def _limits(
    state: dict[str, Any], given: Json, context: dict[str, Any], *, jsonata: bool
) -> tuple[float | None, float | None]:
    """TimeoutSeconds and HeartbeatSeconds: numbers, JSONata expressions over the state's input, or JSONPath's …Path.

    https://docs.aws.amazon.com/step-functions/latest/dg/state-task.html#task-state-fields
    """
    found = [_seconds(state, name, given, context, jsonata=jsonata) for name in ("TimeoutSeconds", "HeartbeatSeconds")]
    return found[0], found[1]


def _seconds(state: dict[str, Any], name: str, given: Json, context: dict[str, Any], *, jsonata: bool) -> float | None:
    value = state.get(name)
    if jsonata and isinstance(value, str):
        value = ministack("_apply_jsonata_template")(value, given, context)
    elif not jsonata and f"{name}Path" in state:
        picked = ministack("_apply_input_path")({"InputPath": state[f"{name}Path"]}, given, context)
        value = picked if picked is not None else "nothing"
    if value is None:
        return None
    # https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: what an expression may yield.
    whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
    if not whole or not 0 < value <= _LONGEST_TIMEOUT:
        kind = "States.QueryEvaluationError" if jsonata else "States.Runtime"
        shown = f"The field '{name}' must be a positive integer, but it is {json.dumps(value)}."
        raise errors.execution_error(kind, shown)
    return float(value)


def _bounded(work: Callable[[], Json], deadline: float | None, current: Run) -> Json:
    """Do it in a thread of its own, to be able to leave it: a task that times out goes on, its result is ignored."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox-task")
    future: Future[Json] = pool.submit(copy_context().run, work)
    pool.shutdown(wait=False)
    while True:
        if current.stopped.is_set():
            raise StoppedError
        left = None if deadline is None else deadline - clock.time()
        if left is not None and left <= 0 and not future.done():
            raise errors.execution_error("States.Timeout", "")
        try:
            return future.result(timeout=0.1 if left is None else max(0.0, min(left, 0.1)))
        except FutureTimeoutError:
            if future.done():
                raise


def _answer(waiter: Waiter, place: _Place, ask: Callable[[], Json] | None = None) -> Json:
    """Hand the token out with `ask` (a restored execution has done so already) and wait until it comes back.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token
    """
    run, token = waiter.run, waiter.token
    machine = str(run.execution.get("stateMachineArn", "*"))
    tokens = ministack("_task_tokens")
    info = tokens[token] if ask is None else runs.open_token(token, machine)
    try:
        if ask is not None:
            run.asking = place.context is run.context
            _bounded(ask, waiter.deadline, run)
        if place.context is run.context:
            variables = dict(place.context.get("variables", {}))
            entered = place.context["State"]["EnteredTime"]
            run.waiting = Waiting(
                place.state, place.given, variables, token, waiter.deadline, waiter.heartbeat, entered
            )
            run.asking = False
        while not info["event"].wait(0.02):
            if run.stopped.is_set():
                raise StoppedError
            now = clock.time()
            if waiter.deadline is not None and now >= waiter.deadline:
                raise errors.execution_error("States.Timeout", "")
            if waiter.heartbeat is not None and now - info["beat"] >= waiter.heartbeat:
                raise errors.execution_error("States.HeartbeatTimeout", "")
    finally:
        run.waiting, run.asking = None, False
        # After a restore the token is the restored execution's.
        if tokens.get(token) is info:
            tokens.pop(token, None)
        if run.execution["status"] != runs.ABANDONED:
            runs.closed_tokens[token] = machine
    if info["error"]:
        raise errors.execution_error(info["error"].get("Error", ""), info["error"].get("Cause", ""))
    return json.loads(info["result"])
