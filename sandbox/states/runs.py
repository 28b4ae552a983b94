"""The executions under way, and the parts of MiniStack's interpreter that walk them."""

from __future__ import annotations

import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox import adapter, clock, resources
from sandbox.api import Json
from sandbox.states import errors
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
    "now_iso",
)

# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
_MAXIMUM_EVENTS = 25_000
ABANDONED = "ABANDONED"


@dataclass
class Waiting:
    """A task of an execution that waits for its token, as a snapshot keeps it: all that is needed to wait on."""

    state: str
    given: Json
    variables: dict[str, Any]
    token: str
    deadline: float | None
    heartbeat: float | None
    entered: str


@dataclass
class Run:
    """An execution under way. `stopped` is set when it was aborted, timed out or its state was replaced."""

    execution: dict[str, Any]
    actor: Actor | None = None
    stopped: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    refusal: str = ""
    context: dict[str, Any] | None = None
    """Of the execution itself; branches and iterations have others."""
    asking: bool = False
    """A token is being handed out: its task will wait in a moment."""
    waiting: Waiting | None = None
    resumed: Waiting | None = None
    """Where a restored execution takes up again; None once it has."""


class StoppedError(Exception):
    """The execution was ended from outside while a state was at work."""


running: dict[str, Run] = {}
_current: ContextVar[Run | None] = ContextVar("sandbox_execution", default=None)
# Tokens of tasks that are over: SendTask* answers TaskTimedOut for them.
closed_tokens = resources.closed_task_tokens


def ministack(name: str) -> Json:
    """A part of MiniStack's interpreter."""
    return adapter.internal(_MODULE, name)


def run_of(execution_arn: str) -> Run | None:
    """The run of an execution, when it is under way."""
    return running.get(execution_arn)


def abandon_all() -> None:
    """Stop all runs without a trace: the state they belong to is replaced."""
    for run in list(running.values()):
        run.execution["status"] = ABANDONED
        run.stopped.set()
    running.clear()
    closed_tokens.clear()


def open_token(token: str, machine_arn: str) -> dict[str, Any]:
    """From now on this token can be answered; returns the record into which the answer comes."""
    info: dict[str, Any] = {
        "event": threading.Event(),
        "result": None,
        "error": None,
        "heartbeat": None,
        "machine": machine_arn,
        "beat": clock.time(),
    }
    ministack("_task_tokens")[token] = info
    return info


def enter(run: Run) -> None:
    """This thread, and those it starts, work for this run."""
    running[run.execution["executionArn"]] = run
    _current.set(run)


def leave(run: Run) -> None:
    """The run is over."""
    run.finished.set()
    if running.get(run.execution["executionArn"]) is run:
        del running[run.execution["executionArn"]]


def current() -> Run:
    """The run in whose thread this is; outside of one (TestState) a run without a role."""
    return _current.get() or Run({}, refusal="There is no execution whose role could act.")


def pause(seconds: float) -> None:
    """Wait on the sandbox's clock; raises `StoppedError` when the execution ends meanwhile."""
    if not clock.sleep(seconds, current().stopped):
        raise StoppedError


def pause_until(moment: str) -> None:
    """Wait until an ISO 8601 time of the sandbox's clock."""
    pause(datetime.fromisoformat(moment.replace("Z", "+00:00")).timestamp() - clock.time())


def event(execution: dict[str, Any] | None, kind: str, details: dict[str, Any]) -> None:
    """An event in the execution's history."""
    if execution is None or "events" not in execution:
        return
    if len(execution["events"]) >= _MAXIMUM_EVENTS:
        raise errors.execution_error(
            "States.Runtime", "The execution reached the maximum number of history events (25000)."
        )
    ministack("_add_event")(execution, kind, details)
