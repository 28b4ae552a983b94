"""Executions, as people see them: their steps without what was passed on, and how one is started again."""

import hashlib
import re
import uuid
from collections.abc import Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from datamesh.logic.portal.authorization import Caller
from datamesh.logic.portal.causes import in_words
from datamesh.logic.portal.timeline_views import concerns, execution_summary, mesh_event, started, visible
from datamesh.logic.record_event import MAX_CAUSE, MAX_ERROR, redacted
from datamesh.logic.report_workflow_failure import cause_of_execution
from datamesh.models.api.base import Accepted
from datamesh.models.api.operations import ExecutionDetail, ExecutionStep
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.errors import InvalidEvent, NotFound, StateConflict
from datamesh.models.events import Envelope
from datamesh.models.executions import RETRYABLE, Execution, HistoryEvent
from datamesh.models.timeline import TimelineEvent, TimelineExecution

MAX_STEPS = 200
MAX_EVENTS = 100
# Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
MAX_NAME = 80
_IDENTITY = re.compile(r"([a-z][a-z0-9_]{0,59}):([A-Za-z0-9_-]{1,80})")
_ENTERED, _EXITED = "StateEntered", "StateExited"
_OVER = frozenset({"ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"})
# What begins an attempt anew: what failed before was tried again.
_TRIED_AGAIN = frozenset({"TaskScheduled", "LambdaFunctionScheduled", "ActivityScheduled", "TaskSucceeded"})
_CUT = "…"


class Place(NamedTuple):
    """Which execution of which workflow."""

    workflow: str
    name: str

    def state_machine(self, prefix: str) -> str:
        """Return the name of the state machine."""
        return f"{prefix}{self.workflow.replace('_', '-')}"


def place_of(execution_id: str) -> Place:
    """Read `<workflow>:<name>`. Raises NotFound for whatever else."""
    found = _IDENTITY.fullmatch(execution_id)
    if found is None:
        raise NotFound("There is no such execution, or none that you may see")
    return Place(found[1], found[2])


def check_visible(execution: TimelineExecution | None, caller: Caller) -> TimelineExecution:
    """Return an execution if a person may see it. Raises NotFound."""
    if execution is None or not concerns(caller, execution.domains):
        raise NotFound("There is no such execution, or none that you may see")
    return execution


def execution_detail(
    execution: TimelineExecution,
    history: Sequence[HistoryEvent],
    events: Iterable[TimelineEvent],
    executions: Collection[TimelineExecution],
    caller: Caller,
) -> ExecutionDetail:
    """Return an execution with its steps and what a person may see of its flow."""
    shown = visible(events, executions, caller)
    started_by = next((event for event in shown if started(execution, event)), None)
    may = caller.may(BY_OPERATION["retry_execution"].access)
    return ExecutionDetail(
        **dict(execution_summary(execution)),
        started_by=None if started_by is None else mesh_event(started_by),
        steps=steps_of(history),
        events=tuple(map(mesh_event, shown[:MAX_EVENTS])),
        may_retry=may and execution.status in RETRYABLE,
    )


class _Step:
    """A state while the history is read."""

    def __init__(self, name: str, kind: str, entered: HistoryEvent) -> None:
        self.name, self.kind, self.entered = name, kind, entered
        self.exited: HistoryEvent | None = None
        self.trouble: HistoryEvent | None = None
        self.status: Literal["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED"] = "RUNNING"


def steps_of(history: Sequence[HistoryEvent]) -> tuple[ExecutionStep, ...]:
    """Return the states that an execution went through, in the order in which it entered them.

    Every event belongs to the state in which the event before it happened. A state that is left after an error that was
    not tried again has caught it; one that is not left when the execution ends is where it failed.
    """
    steps: list[_Step] = []
    within: dict[int, _Step | None] = {}
    for event in history:
        step = within.get(event.previous)
        if event.type.endswith(_ENTERED):
            step = _Step(event.state or "?", event.type.removesuffix(_ENTERED), event)
            steps.append(step)
        elif event.type.endswith(_EXITED):
            step = _left(steps, step, event)
        elif event.type in _OVER:
            for open_step in (each for each in steps if each.exited is None):
                open_step.status = "FAILED"
                open_step.exited = event
                open_step.trouble = open_step.trouble or event
        elif step is not None and event.type in _TRIED_AGAIN:
            step.trouble = None
        elif step is not None and event.error is not None:
            step.trouble = event
        within[event.id] = step
    return tuple(map(_shown, steps[:MAX_STEPS]))


def _left(steps: Iterable[_Step], step: _Step | None, event: HistoryEvent) -> _Step | None:
    if step is None or step.name != event.state or step.exited is not None:
        # The last event of a Map or Parallel state happened in a state inside it.
        step = next((each for each in reversed(list(steps)) if each.name == event.state and each.exited is None), None)
    if step is not None:
        step.exited = event
        step.status = "SUCCEEDED" if step.trouble is None else "CAUGHT"
    return step


def _shown(step: _Step) -> ExecutionStep:
    return ExecutionStep(
        name=step.name,
        type=step.kind,
        status=step.status,
        entered_at=step.entered.at,
        exited_at=None if step.exited is None else step.exited.at,
        error=None if step.trouble is None else _shortened(step.trouble.error, MAX_ERROR),
        cause=None if step.trouble is None else _shortened(_worded(step.trouble.cause), MAX_CAUSE),
    )


def _worded(cause: str | None) -> str | None:
    return None if cause is None else in_words(cause)


class Retry(NamedTuple):
    """An execution that is to be started again, with the input of the one that failed."""

    place: Place
    input: str
    accepted: Accepted


def retry_of(place: Place, failed: Execution | None, cause: uuid.UUID) -> Retry:
    """Return what starts a failed execution again.

    The name follows from the old one and the person's request, so that a repeated request starts it once. Raises
    NotFound, StateConflict for what has not failed.
    """
    if failed is None or failed.input is None:
        raise NotFound("There is no such execution (any more: Step Functions forgets after 90 days)")
    if failed.status not in RETRYABLE:
        raise StateConflict(f"Only what has failed is started again: this execution is {failed.status}")
    digest = hashlib.sha256(f"{place.workflow}:{place.name}/{cause}".encode()).hexdigest()[:16]
    # Of an execution that was a retry itself the name does not grow.
    stem = re.sub(r"-retry-[0-9a-f]{16}$", "", place.name)
    again = Place(place.workflow, f"{stem[: MAX_NAME - 23]}-retry-{digest}")
    correlation_id, command = _started_by(failed)
    accepted = Accepted(
        correlation_id=correlation_id or cause,
        command=command or "unknown",
        execution_id=f"{again.workflow}:{again.name}",
    )
    return Retry(again, failed.input, accepted)


def _started_by(execution: Execution) -> tuple[uuid.UUID | None, str | None]:
    """Return the flow that an execution belongs to, as the timeline has it, and the detail-type that started it."""
    metadata = cause_of_execution(execution.input_object)
    try:
        envelope = Envelope.read(execution.input_object)
    except InvalidEvent:
        return (None if metadata is None else metadata.correlation_id), None
    return (metadata or envelope.metadata_or_substitute()).correlation_id, envelope.detail_type


def _shortened(text: str | None, length: int) -> str | None:
    if text is None:
        return None
    text = redacted(text)
    return text if len(text) <= length else text[: length - len(_CUT)] + _CUT
