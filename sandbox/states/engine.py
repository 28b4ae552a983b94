"""The run of an execution, from state to state.

JSONata, JSONPath, Choice, Map and Parallel are MiniStack's; walking from state to state and carrying out tasks is done
here, because MiniStack's loop knows no TimeoutSeconds of a machine, no MaxDelaySeconds, no jitter and no role.
https://states-language.net/spec.html
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from sandbox import adapter, authz, clock
from sandbox.api import Json
from sandbox.states import errors, runs, tasks
from sandbox.states.attempts import execute_task
from sandbox.states.runs import Run, StoppedError, Waiting, event, ministack
from sandbox.states.tasks import Actor

STATES = "states.amazonaws.com"
# Where an execution remembers when it was started, on the sandbox's clock.
STARTED = "sandboxStarted"
# https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html#xray-iam: without them there is no
# trace, and nothing fails.
_TRACING = ("xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets")


# --- the walk ---------------------------------------------------------------------------------------------------------


def run(execution_arn: str, resumed: Waiting | None = None) -> None:
    """Carry an execution out, in the thread it was given; a restored one from the task on that waits for its token."""
    execution = ministack("_executions").get(execution_arn)
    if not execution:
        return
    current = Run(execution, resumed=resumed)
    runs.enter(current)
    try:
        _run(current)
    except StoppedError:
        pass
    except Exception as error:  # noqa: BLE001  whatever it was, the execution failed and says so
        if not isinstance(error, ministack("_ExecutionError")):
            error = errors.execution_error("States.Runtime", f"{type(error).__name__}: {error}")
        fail(execution, error.error, error.cause)  # type: ignore[attr-defined]
    finally:
        runs.leave(current)


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
    current.context = context
    start = definition.get("StartAt")
    if current.resumed is not None:
        start, given, context["variables"] = current.resumed.state, current.resumed.given, current.resumed.variables
    output = walk(definition.get("States", {}), start, given, execution, context, top=True)
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
    execution["stopDate"] = ministack("now_iso")()


def fail(execution: dict[str, Any], error: str, cause: str) -> None:
    """End a running execution as FAILED. One that was aborted or timed out stays what it is."""
    if execution["status"] != "RUNNING":
        return
    _end(execution, "FAILED")
    execution["error"], execution["cause"] = error, cause
    event(execution, "ExecutionFailed", {"executionFailedEventDetails": {"error": error, "cause": cause}})
    ministack("_emit_execution_status_event")(execution)


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
        entered = ministack("now_iso")()
        context["State"] = {"Name": name, "EnteredTime": entered, "RetryCount": 0}
        kind = state.get("Type")
        resumed = runs.current().resumed if top else None
        if resumed is not None:
            context["State"]["EnteredTime"] = resumed.entered
        if top and resumed is None:
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
