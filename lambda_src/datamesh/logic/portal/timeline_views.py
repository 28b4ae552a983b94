"""Events and executions of the timeline, as people see them.

Who belongs to a domain sees what concerns that one, and nothing of what the same flow means for others.
"""

import re
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from datamesh.logic.portal.authorization import Caller
from datamesh.logic.portal.causes import in_words
from datamesh.logic.portal.paging import Paging
from datamesh.models.api.operations import ExecutionSummary, MeshEvent
from datamesh.models.api.routes import OVERSEERS
from datamesh.models.errors import InvalidRequest
from datamesh.models.events import CENTRAL_SOURCE
from datamesh.models.timeline import TimelineEvent, TimelineExecution

# What central answers to a command that somebody sent, whomever else it concerns.
ANSWERS = frozenset({"CommandRejected", "WorkflowFailed"})
# How the keys of the timeline begin.
_PLACE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-")


def mesh_event(event: TimelineEvent) -> MeshEvent:
    """Return an event as it is shown."""
    return MeshEvent(
        event_id=event.event_id,
        detail_type=event.detail_type,
        source=event.source,
        account=event.account,
        occurred_at=event.occurred_at,
        causation_id=event.causation_id,
        target_account=event.target_account,
        data=event.data,
    )


def execution_summary(execution: TimelineExecution) -> ExecutionSummary:
    """Return an execution in a list."""
    return ExecutionSummary(
        execution_id=execution.execution_id,
        workflow=execution.workflow,
        status=execution.status,
        domain=execution.domains[0] if execution.domains else None,
        subject=execution.subject,
        correlation_id=execution.correlation_id,
        started_at=execution.started_at,
        stopped_at=execution.stopped_at,
        error=execution.error,
        cause=None if execution.cause is None else in_words(execution.cause),
    )


def oversees(caller: Caller) -> bool:
    """Tell whether a person sees whatever happens in the mesh."""
    return bool(caller.mesh & OVERSEERS)


def concerns(caller: Caller, domains: Iterable[str]) -> bool:
    """Tell whether a person sees what concerns these domains."""
    return oversees(caller) or not caller.domains.keys().isdisjoint(domains)


def started(execution: TimelineExecution, event: TimelineEvent) -> bool:
    """Tell whether an event started an execution. Its sender chose the id, so that whose it was counts as well."""
    return (execution.event_id, execution.source, execution.account) == (event.event_id, event.source, event.account)


def answers(event: TimelineEvent, command: TimelineEvent, executions: Iterable[TimelineExecution]) -> bool:
    """Tell whether an event is central's answer to the sender of a command, and not to one who took the command's id.

    A rejection is addressed to the sender. A failure is addressed to nobody: its execution tells who started it.
    """
    if event.source != CENTRAL_SOURCE or event.detail_type not in ANSWERS or event.causation_id != command.event_id:
        return False
    if event.detail_type == "CommandRejected":
        return event.target_account == command.account
    failed = event.data.get("execution_arn")
    return any(execution.execution_arn == failed and started(execution, command) for execution in executions)


def visible(
    events: Iterable[TimelineEvent], executions: Collection[TimelineExecution], caller: Caller
) -> tuple[TimelineEvent, ...]:
    """Return the events of a flow that a person sees, each once: those of its domains, and its own with the answers.

    The clocks of senders differ: an answer may seem to come before what it answers. Ids are chosen by senders, so that
    each event is looked at by itself: who takes the id of another's event sees no more by that.
    """
    flow = list(events)
    seen: dict[uuid.UUID, list[TimelineEvent]] = {}
    for event in flow:
        if _own(event, caller):
            seen.setdefault(event.event_id, []).append(event)
    found: dict[tuple[uuid.UUID, str, str], TimelineEvent] = {}
    for event in flow:
        causes = [] if event.causation_id is None else seen.get(event.causation_id, [])
        if _own(event, caller) or any(answers(event, command, executions) for command in causes):
            found.setdefault((event.event_id, event.source, event.account), event)
    return tuple(found.values())


def _own(event: TimelineEvent, caller: Caller) -> bool:
    return event.person == caller.email or concerns(caller, event.domains)


def position_of(paging: Paging) -> str | None:
    """Return where a page of the timeline begins. Raises InvalidRequest."""
    position = paging.position
    if position is not None and not _PLACE.match(position):
        raise InvalidRequest("The cursor is none that this API gave", "cursor")
    return position


def kept_since(now: datetime, days: int) -> datetime:
    """Return how far back the timeline goes."""
    return now - timedelta(days=days)
