"""What became of a command, told from the events of its flow.

Only central's own word counts: a domain may send what it likes under any correlation id. Of all that central says about
a command (a fact of the table below, a rejection, a failure) the newest decides, so that a workflow that was started
again and came to its end is no failure any more.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from datamesh.logic.portal.authorization import Caller
from datamesh.logic.portal.causes import in_words
from datamesh.logic.portal.commands import is_owned
from datamesh.logic.portal.timeline_views import (
    ANSWERS,
    answers,
    concerns,
    execution_summary,
    mesh_event,
    started,
    visible,
)
from datamesh.logic.record_event import redacted
from datamesh.models.api.base import OperationStatus
from datamesh.models.api.operations import Operation
from datamesh.models.errors import NotFound
from datamesh.models.events import CENTRAL_SOURCE
from datamesh.models.executions import RETRYABLE
from datamesh.models.registry import RequestRecord
from datamesh.models.timeline import TimelineEvent, TimelineExecution

# By command, the facts with which central has done what it was asked. A request for access is done when it is taken:
# how people decide and what it is granted is the life of the request, which `/v1/access-requests/{request_id}` tells.
DONE: Mapping[str, frozenset[str]] = {
    "RegisterDataDomain": frozenset({"DataDomainRegistered"}),
    "DeregisterDataDomain": frozenset({"DataDomainDeregistered"}),
    "RegisterDataProduct": frozenset({"DataProductRegistered"}),
    "DeregisterDataProduct": frozenset({"DataProductDeregistered"}),
    "RequestDataProductAccess": frozenset(
        {
            "DataProductAccessRequested",
            "DataProductAccessApproved",
            "DataProductAccessDenied",
            "DataProductAccessGranted",
        }
    ),
    "ExtendDataProductAccess": frozenset(
        {
            "DataProductAccessRequested",
            "DataProductAccessApproved",
            "DataProductAccessDenied",
            "DataProductAccessExtended",
        }
    ),
    "RevokeDataProductAccess": frozenset({"DataProductAccessRevoked", "DataProductAccessExpired"}),
}
# A workflow that has ended well says its facts first, but both come by ways of their own. When nothing is heard for so
# long there was nothing to do: the command came twice, or what it asks for was so already.
QUIET = timedelta(seconds=30)
# More is shown of no flow.
MAX_SHOWN = 100


class Outcome(NamedTuple):
    """What became of a command."""

    status: OperationStatus
    error: str | None = None
    message: str | None = None
    field: str | None = None


PENDING = Outcome("PENDING")
SUCCEEDED = Outcome("SUCCEEDED")


class Known(NamedTuple):
    """All that is known of a flow, and how the requests stand that commands speak of."""

    events: tuple[TimelineEvent, ...]
    executions: tuple[TimelineExecution, ...]
    request_of: Callable[[uuid.UUID], RequestRecord | None]


def operation(correlation_id: uuid.UUID, known: Known, caller: Caller, *, central: str, now: datetime) -> Operation:
    """Return what became of a command, and what a person may see of its flow.

    Of its own command a person is told that it is under way before anything was heard of it. Of several commands the
    person's own counts: anybody may send one under any correlation id. Raises NotFound for a flow that the person may
    not see.
    """
    events = visible(known.events, known.executions, caller)
    executions = [execution for execution in known.executions if concerns(caller, execution.domains)]
    if not events and not executions:
        if is_owned(correlation_id, caller):
            return Operation(correlation_id=correlation_id, status="PENDING", events=())
        raise NotFound(f"Nothing is known of an operation {correlation_id}, or nothing that you may see")
    command = _command_of(events) or _command_of(known.events) or _command_of(events, honest=False)
    found = PENDING if command is None else outcome_of(command, known, central=central, now=now)
    return Operation(
        correlation_id=correlation_id,
        **found._asdict(),
        events=tuple(map(mesh_event, events[:MAX_SHOWN])),
        executions=tuple(map(execution_summary, executions[:MAX_SHOWN])),
    )


def outcome_of(command: TimelineEvent, known: Known, *, central: str, now: datetime) -> Outcome:
    """Return what became of a command: what was said to its sender, and what its sender's event started."""
    executions = [execution for execution in known.executions if started(execution, command)]
    said = [
        event
        for event in known.events
        if event.source == CENTRAL_SOURCE and event.account == central and event.causation_id == command.event_id
        if event.detail_type not in ANSWERS or answers(event, command, executions)
    ]
    told = [(event.occurred_at, outcome) for event in said if (outcome := _told(event, command)) is not None]
    told += [
        (each.stopped_at, _failed(each.error, each.cause))
        for each in executions
        if each.status in RETRYABLE and each.stopped_at is not None
    ]
    last, outcome = max(told, key=lambda pair: pair[0], default=(None, PENDING))
    again = max((each.started_at for each in executions if each.status == "RUNNING"), default=None)
    if outcome.status == "FAILED" and again is not None and last is not None and again > last:
        return PENDING
    if outcome is PENDING and _nothing_to_say(command, known.request_of, executions, now):
        return SUCCEEDED
    return outcome


def _command_of(events: Iterable[TimelineEvent], *, honest: bool = True) -> TimelineEvent | None:
    """Return the command that a flow began with. One that speaks for another domain than its sender's concerns two."""
    return next((event for event in events if event.detail_type in DONE and not (honest and event.domains[1:])), None)


def _told(event: TimelineEvent, command: TimelineEvent) -> Outcome | None:
    """Return what an event of central says about a command; None when it says nothing of its end."""
    if event.detail_type in DONE[command.detail_type]:
        return SUCCEEDED
    if event.detail_type == "CommandRejected":
        code, message, field = (_text(event.data.get(name)) for name in ("code", "message", "field"))
        return Outcome("REJECTED", code, message, field)
    if event.detail_type == "WorkflowFailed":
        return _failed(_text(event.data.get("error")), _text(event.data.get("cause")))
    return None


def _failed(error: str | None, cause: str | None) -> Outcome:
    return Outcome("FAILED", error or "WorkflowFailed", None if cause is None else in_words(redacted(cause)))


def _nothing_to_say(
    command: TimelineEvent,
    request_of: Callable[[uuid.UUID], RequestRecord | None],
    executions: Iterable[TimelineExecution],
    now: datetime,
) -> bool:
    """Tell whether a command was done of which central says nothing in its flow."""
    if command.detail_type == "RevokeDataProductAccess" and command.request_id is not None:
        request = request_of(command.request_id)
        if request is not None and request.status == "CANCELLED":
            # Central says so in the flow of the request that was taken back.
            return True
    ends = [None if each.status == "RUNNING" else each.stopped_at for each in executions]
    return bool(ends) and all(end is not None and now >= end + QUIET for end in ends)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
