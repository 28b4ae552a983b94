"""The run of an execution: states, retries, timeouts, abortion.

JSONata, JSONPath, Choice, Map and Parallel are MiniStack's; walking from state to state and carrying out tasks is done
here, because MiniStack's loop knows no TimeoutSeconds of a machine, no MaxDelaySeconds, no jitter and no role.
https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html,
https://states-language.net/spec.html.
"""

from __future__ import annotations

import json
import random
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox import adapter, authz, clock
from sandbox.api import Json
from sandbox.states import errors, tasks
from sandbox.states.tasks import Actor

_MODULE = "services.stepfunctions"
adapter.uses(
    _MODULE,
    "_ExecutionError",
    "_add_event",
    "_apply_catcher",
    "_apply_input_path",
    "_apply_jsonata_arguments",
    "_apply_jsonata_output",
    "_apply_jsonata_template",
    "_apply_output_path",
    "_apply_parameters",
    "_apply_result_path",
    "_apply_result_selector",
    "_apply_state_assign",
    "_emit_execution_status_event",
    "_execute_choice",
    "_execute_map",
    "_execute_parallel",
    "_execute_pass",
    "_execute_wait",
    "_executions",
    "_fail_state_error",
    "_find_matching_catcher",
    "_find_matching_retrier",
    "_invoke_activity",
    "_next_or_end",
    "_state_machines",
    "_state_query_language",
    "_task_tokens",
)
adapter.uses("core.responses", "now_iso")

STATES = "states.amazonaws.com"
# Where an execution remembers when it was started, on the sandbox's clock.
STARTED = "sandboxStarted"
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html#xray-iam: without them there is no
# trace, and nothing fails.
_TRACING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets")
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_MAXIMUM_EVENTS = 25_000
_random = random.Random()  # noqa: S311  jitter, not a secret


@dataclass
class Run:
    """An execution under way. `stopped` is set when it was aborted, timed out or its state was replaced."""

    execution: dict[str, Any]
    actor: Actor | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    refusal: str = ""


class StoppedError(Exception):
    """The execution was ended from outside while a state was at work."""


_runs: dict[str, Run] = {}
_running: ContextVar[Run | None] = ContextVar("sandbox_execution", default=None)
# Tokens of tasks that are over: SendTask* answers TaskTimedOut for them.
closed_tokens: set[str] = set()


def ministack(name: str) -> Json:
    """A part of MiniStack's interpreter."""
    return adapter.internal(_MODULE, name)


def run_of(execution_arn: str) -> Run | None:
    """The run of an execution, when it is under way."""
    return _runs.get(execution_arn)


def abandon_all() -> None:
    """Stop all runs without a trace: the state they belong to is replaced."""
    for run in list(_runs.values()):
        run.execution["status"] = "ABANDONED"
        run.stopped.set()
    _runs.clear()
    closed_tokens.clear()


# --- the walk ---------------------------------------------------------------------------------------------------------


def run(execution_arn: str) -> None:
    """Carry an execution out, in the thread it was given."""
    execution = ministack("_executions").get(execution_arn)
    if not execution:
        return
    current = Run(execution)
    _runs[execution_arn] = current
    _running.set(current)
    try:
        _run(current)
    except StoppedError:
        pass
    except Exception as error:  # noqa: BLE001  whatever it was, the execution failed and says so
        if not isinstance(error, ministack("_ExecutionError")):
            error = errors.execution_error("States.Runtime", f"{type(error).__name__}: {error}")
        fail(execution, error.error, error.cause)  # type: ignore[attr-defined]
    finally:
        current.finished.set()
        _runs.pop(execution_arn, None)


def _run(current: Run) -> None:
    execution = current.execution
    machine = ministack("_state_machines").get(execution["stateMachineArn"])
    if not machine:
        raise errors.execution_error("States.Runtime", "State machine no longer exists")
    definition = json.loads(machine["definition"])
    traced = bool((machine.get("tracingConfiguration") or {}).get("enabled"))
    _become(current, machine["roleArn"], traced=traced)
    if definition.get("TimeoutSeconds"):
        started = execution.get(STARTED, clock.time())
        adapter.start_background(_watch, current, started + float(definition["TimeoutSeconds"]))
    given = json.loads(execution["input"] or "{}")
    context = {
        "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
        "Execution": {
            "Id": execution["executionArn"],
            "Input": given,
            "Name": execution["name"],
            "RedriveCount": 0,
            "RoleArn": machine["roleArn"],
            "StartTime": execution["startDate"],
        },
        "StateMachine": {"Id": execution["stateMachineArn"], "Name": machine["name"]},
        "variables": {},
    }
    output = walk(definition.get("States", {}), definition.get("StartAt"), given, execution, context, top=True)
    if execution["status"] == "RUNNING":
        text = json.dumps(output)
        _end(execution, "SUCCEEDED", output=text)
        event(execution, "ExecutionSucceeded", {"executionSucceededEventDetails": {"output": text}})
        ministack("_emit_execution_status_event")(execution)


def _become(current: Run, role_arn: str, *, traced: bool) -> None:
    """Open a session of the machine's role; a role that does not trust Step Functions fails each task instead."""
    execution = current.execution
    machine_arn = execution["stateMachineArn"]
    source = {"aws:SourceArn": machine_arn, "aws:SourceAccount": authz.account_of(machine_arn)}
    if not authz.check_assume(role_arn, STATES, context=source).allowed:
        current.refusal = (
            f"Neither the global service principal {STATES}, nor the regional one is authorized to assume the "
            f"provided role {role_arn}."
        )
        return
    keys = authz.open_session(role_arn, uuid.uuid4().hex)
    if traced:
        for action in _TRACING:
            authz.check(role_arn, action, "*")
    region = machine_arn.split(":")[3]
    current.actor = Actor(
        keys["AccessKeyId"], authz.account_of(machine_arn), region, execution["executionArn"], machine_arn
    )


def _watch(current: Run, deadline: float) -> None:
    """TimeoutSeconds of the machine: https://docs.aws.amazon.com/step-functions/latest/dg/statemachine-structure.html."""
    if clock.wait_until(deadline, current.finished) and current.execution["status"] == "RUNNING":
        _end(current.execution, "TIMED_OUT")
        event(current.execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
        current.stopped.set()
        ministack("_emit_execution_status_event")(current.execution)


def _end(execution: dict[str, Any], status: str, output: str | None = None) -> None:
    execution["status"] = status
    execution["output"] = output
    execution["stopDate"] = adapter.internal("core.responses", "now_iso")()


def fail(execution: dict[str, Any], error: str, cause: str) -> None:
    """End a running execution as FAILED. One that was aborted or timed out stays what it is."""
    if execution["status"] != "RUNNING":
        return
    _end(execution, "FAILED")
    execution["error"], execution["cause"] = error, cause
    event(execution, "ExecutionFailed", {"executionFailedEventDetails": {"error": error, "cause": cause}})
    ministack("_emit_execution_status_event")(execution)


def event(execution: dict[str, Any] | None, kind: str, details: dict[str, Any]) -> None:
    """An event in the execution's history."""
    if execution is None or "events" not in execution:
        return
    if len(execution["events"]) >= _MAXIMUM_EVENTS:
        raise errors.execution_error(
            "States.Runtime", "The execution reached the maximum number of history events (25000)."
        )
    ministack("_add_event")(execution, kind, details)


def walk(
    states: dict[str, Any],
    start: str | None,
    given: Json,
    execution: dict[str, Any],
    context: dict[str, Any],
    *,
    top: bool = False,
) -> Json:
    """From state to state until the end; returns the output. A sub-machine (Map, Parallel) walks without history."""
    name, current = start, given
    while name:
        if execution.get("status", "RUNNING") != "RUNNING":
            raise StoppedError
        state = states.get(name)
        if state is None:
            raise errors.execution_error("States.Runtime", f"State '{name}' not found in definition")
        entered = adapter.internal("core.responses", "now_iso")()
        context["State"] = {"Name": name, "EnteredTime": entered, "RetryCount": 0}
        kind = state.get("Type")
        if top:
            details = {"name": name, "input": json.dumps(current)}
            event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": details})
        current, following = _step(kind, state, current, execution, context)
        tasks.check_size(current)
        if top:
            details = {"name": name, "output": json.dumps(current)}
            event(execution, f"{kind}StateExited", {"stateExitedEventDetails": details})
        name = following
    return current


def _step(
    kind: str, state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[Json, str | None]:
    if kind == "Succeed":
        if ministack("_state_query_language")(state, context) == "JSONata":
            return ministack("_apply_jsonata_output")(state, given, context, default=given), None
        narrowed = ministack("_apply_input_path")(state, given, context)
        return ministack("_apply_output_path")(state, narrowed, context), None
    if kind == "Fail":
        raise errors.execution_error(*ministack("_fail_state_error")(state, given, context))
    if kind in ("Task", "Map", "Parallel"):
        work = execute_task if kind == "Task" else ministack(f"_execute_{kind.lower()}")
        output, following = work(state, given, execution, context)
    elif kind in ("Pass", "Choice", "Wait"):
        output, following = ministack(f"_execute_{kind.lower()}")(state, given, context)
    else:
        raise errors.execution_error("States.Runtime", f"Unknown state type: {kind}")
    return output, following


# --- tasks ------------------------------------------------------------------------------------------------------------


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
                pause(delay(retrier, counts.get(index, 0)))
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


def actor_run() -> Run:
    """The run in whose thread this is; raises `LookupError` outside of one."""
    current = _running.get()
    if current is None:
        raise LookupError("No execution runs here.")
    return current


def pause(seconds: float) -> None:
    """Wait on the sandbox's clock; raises `StoppedError` when the execution ends meanwhile."""
    current = _running.get()
    if not clock.sleep(seconds, current.stopped if current else None):
        raise StoppedError


def pause_until(moment: str) -> None:
    """Wait until an ISO 8601 time of the sandbox's clock."""
    pause(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() - clock.time())


def _attempt(
    state: dict[str, Any], given: Json, execution: dict[str, Any], context: dict[str, Any]
) -> tuple[Json, str | None]:
    jsonata = ministack("_state_query_language")(state, context) == "JSONata"
    resource = state.get("Resource", "")
    integration = tasks.parse(resource)
    waits = integration.pattern == "waitForTaskToken"
    token = uuid.uuid4().hex + uuid.uuid4().hex
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
        result = _result(state, integration, arguments, context, token if waits else None)
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


def _result(
    state: dict[str, Any], integration: tasks.Integration, arguments: Json, context: dict[str, Any], token: str | None
) -> Json:
    current = _running.get()
    if integration.activity is not None:
        return ministack("_invoke_activity")(integration.activity, arguments)
    if current is None or current.actor is None:
        raise errors.execution_error("States.Runtime", current.refusal if current else "There is no execution.")
    actor = current.actor
    if "Credentials" in state:
        credentials = ministack("_apply_jsonata_template")(state["Credentials"], arguments, context)
        actor = tasks.assume(credentials["RoleArn"], actor)
    timeout = _seconds(state, "TimeoutSeconds", arguments, context)
    deadline = clock.time() + timeout if timeout is not None else None
    if token is None:
        return _bounded(lambda: tasks.perform(integration, arguments, actor), deadline, current)
    heartbeat = _seconds(state, "HeartbeatSeconds", arguments, context)
    return _called_back(integration, arguments, actor, token, (deadline, heartbeat))


def _seconds(state: dict[str, Any], name: str, given: Json, context: dict[str, Any]) -> float | None:
    value = state.get(name)
    if isinstance(value, str):
        value = ministack("_apply_jsonata_template")(value, given, context)
    return None if value is None else float(value)


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


def _called_back(
    integration: tasks.Integration,
    arguments: Json,
    actor: Actor,
    token: str,
    limits: tuple[float | None, float | None],
) -> Json:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-wait-token."""
    deadline, heartbeat = limits
    current = actor_run()
    answered = threading.Event()
    tokens = ministack("_task_tokens")
    tokens[token] = {
        "event": answered,
        "result": None,
        "error": None,
        "heartbeat": None,
        "machine": actor.machine_arn,
        "beat": clock.time(),
    }
    try:
        _bounded(lambda: tasks.perform(integration, arguments, actor), deadline, current)
        while not answered.wait(0.02):
            if current.stopped.is_set():
                raise StoppedError
            now = clock.time()
            if deadline is not None and now >= deadline:
                raise errors.execution_error("States.Timeout", "")
            if heartbeat is not None and now - tokens[token]["beat"] >= heartbeat:
                raise errors.execution_error("States.HeartbeatTimeout", "")
        info = tokens[token]
    finally:
        tokens.pop(token, None)
        closed_tokens.add(token)
    if info["error"]:
        raise errors.execution_error(info["error"].get("Error", ""), info["error"].get("Cause", ""))
    return json.loads(info["result"])
