"""Approvals: the stages of a request's approval, from their opening to their deadline.

logic/deciding.py takes the votes. The records of stages, links and what waits are written in these two files only, and
the request's own record never.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from datamesh.logic.access_ports import Callbacks, Outbox
from datamesh.logic.admission import deciding_again
from datamesh.logic.deciding import Deciding, next_version, stage_event
from datamesh.logic.exposed import Exposure
from datamesh.logic.ports import Registry
from datamesh.models.approvals import ApprovalRecord, AskedTable, OpenApproval, Seat
from datamesh.models.errors import CatalogInconsistent
from datamesh.models.notifications import Notification, NotificationKind
from datamesh.models.registry import Append, Change, Check, RequestRecord, Save

ASKING = "datamesh:share_data_product"
# The clock of Step Functions and the registry's differ, and the deadline is computed before the task starts.
EARLY = timedelta(minutes=1)
# Of the names of all tables together, twice: a record of the registry has 400 KB.
MAX_NAMES_BYTES = 100_000
_OVER = frozenset({"DENIED", "EXPIRED", "CANCELLED", "REVOKING", "REVOKED", "REJECTED", "FAILED"})


class Approvals(Deciding):
    """The stages of the mesh's approvals. Everything may be repeated."""

    def __init__(self, registry: Registry, outbox: Outbox, callbacks: Callbacks) -> None:
        super().__init__(registry, callbacks)
        self._outbox = outbox

    def open(
        self,
        record: RequestRecord,
        *,
        number: int,
        seats: tuple[Seat, ...],
        task_token: str,
        now: datetime,
        exposure: Exposure | None = None,
    ) -> ApprovalRecord:
        """Ask the people of a stage, who answer to the task of this token.

        `exposure` is what the record's digest is of: they are shown just this. Opened again for the same it only takes
        the newer token, and a stage that is decided already answers at once. When the request shows something else by
        now the stage starts anew: votes are gone, links void.
        """
        if record.exposure is None or record.ruling is None:
            raise CatalogInconsistent(f"The request {record.request_id} was not decided on: nobody can be asked")
        stage = record.ruling.stages[number]
        wanted = ApprovalRecord(
            request_id=record.request_id,
            number=number,
            name=stage.name,
            digest=record.exposure,
            shown=shown_tables(exposure),
            seats=seats,
            opened_at=now,
            deadline=now + timedelta(hours=stage.deadline_hours),
            task_token=task_token,
        )
        approval = deciding_again(lambda: self._open(wanted, record.domain, now))
        if approval.status == "OPEN":
            return self._tell(approval, "approval_escalated" if approval.escalated else "approval_needed")
        self._answer(approval, now)
        return self._registry.approval(record.request_id, number) or approval

    def overdue(
        self, request_id: uuid.UUID, number: int, now: datetime, escalation: tuple[Seat, ...]
    ) -> Literal["escalated", "expired", "decided"]:
        """Say what follows from a deadline: others may decide as well, once, or the stage has expired.

        `decided`: somebody was faster, or the request was cancelled; the record says which. After `escalated` the
        stage has to be opened again, for a new task.
        """
        outcome, approval = deciding_again(lambda: self._overdue(request_id, number, now, escalation))
        if outcome == "escalated" and approval is not None:
            self._tell(approval, "approval_escalated")
        return outcome

    def cancel(self, request_id: uuid.UUID, *, by: str, reason: str, now: datetime) -> bool:
        """End what waits for a decision, and wake the execution; False when nothing of the request waits."""
        cancelled = deciding_again(lambda: self._cancel(request_id, by, reason, now))
        for approval in cancelled:
            self._answer(approval, now)
        return bool(cancelled)

    # --- Opening, deadline, cancelling ---

    def _open(self, wanted: ApprovalRecord, domain: str, now: datetime) -> ApprovalRecord:
        request = self._registry.request(wanted.request_id)
        before = self._registry.approval(wanted.request_id, wanted.number)
        changes: list[Change] = [] if request is None else [Check(request)]
        if before is not None and before.digest == wanted.digest and before.status != "EXPIRED":
            approval = next_version(before, task_token=wanted.task_token, answered=False)
        else:
            approval = wanted if before is None else wanted.model_copy(update={"version": before.version + 1})
            changes.append(Append(stage_event("StageOpened", approval, ASKING, now, domain, **_asked(approval))))
        if request is not None and request.status in _OVER and approval.status == "OPEN":
            reason = request.reason or f"The request is {request.status.lower()}"
            approval = approval.model_copy(update={"status": "CANCELLED", "decided_at": now, "reason": reason})
            changes = [change for change in changes if not isinstance(change, Append)]
        self._registry.write([Save(approval), *changes, *self._listed(approval)])
        return approval

    def _overdue(
        self, request_id: uuid.UUID, number: int, now: datetime, escalation: tuple[Seat, ...]
    ) -> tuple[Literal["escalated", "expired", "decided"], ApprovalRecord | None]:
        approval = self._registry.approval(request_id, number)
        if approval is None:
            return "expired", None
        if approval.status != "OPEN":
            # Whoever asks here reads the decision: nothing is left to answer.
            self._close(request_id, number)
            return ("expired" if approval.status == "EXPIRED" else "decided"), approval
        if approval.escalated and now < approval.deadline - EARLY:
            # The same deadline, told again.
            return "escalated", approval
        request = self._registry.request(request_id)
        domain = None if request is None else request.domain
        if approval.escalated or not escalation:
            reason = f"Nobody decided by {approval.deadline:%Y-%m-%d %H:%M} UTC"
            expired = next_version(
                approval, status="EXPIRED", decided_at=now, reason=reason, answered=True, task_token=None
            )
            event = stage_event("StageExpired", expired, ASKING, now, domain, reason=reason)
            self._registry.write([Save(expired), Append(event), *self._unlisted(expired)])
            return "expired", expired
        escalated = next_version(
            approval,
            escalated=True,
            escalation=escalation,
            told=False,
            deadline=now + (approval.deadline - approval.opened_at),
            task_token=None,
        )
        event = stage_event("StageEscalated", escalated, ASKING, now, domain, **_asked(escalated))
        self._registry.write([Save(escalated), Append(event), *self._listed(escalated)])
        return "escalated", escalated

    def _cancel(self, request_id: uuid.UUID, by: str, reason: str, now: datetime) -> list[ApprovalRecord]:
        cancelled, changes = [], []
        for approval in self._registry.approvals(request_id):
            if approval.status == "OPEN":
                why = f"{by}: {reason}"
                ended = next_version(approval, status="CANCELLED", decided_at=now, cancelled_by=by, reason=why)
                cancelled.append(ended)
                changes.append(Save(ended))
            elif approval.status == "CANCELLED" and not approval.answered:
                cancelled.append(approval)
        if changes:
            self._registry.write(changes)
        return cancelled

    # --- What lies beside ---

    def _tell(self, approval: ApprovalRecord, kind: NotificationKind) -> ApprovalRecord:
        """Queue what the people are told. Told twice when it crashes in between: the outbox sends it once."""
        if approval.told:
            return approval
        self._outbox.put(notifications(approval, kind))
        return deciding_again(lambda: self._told(approval))

    def _told(self, approval: ApprovalRecord) -> ApprovalRecord:
        current = self._registry.approval(approval.request_id, approval.number)
        if current is None or current.told or current.digest != approval.digest:
            return current or approval
        if current.escalated != approval.escalated:
            return current
        told = next_version(current, told=True)
        self._registry.write([Save(told)])
        return told

    def _listed(self, approval: ApprovalRecord) -> list[Change]:
        """Return what lists a stage among those that wait."""
        before = self._open_approval(approval)
        if before is not None and before.deadline == approval.deadline:
            return []
        return [
            Save(
                OpenApproval(
                    version=1 if before is None else before.version + 1,
                    request_id=approval.request_id,
                    number=approval.number,
                    deadline=approval.deadline,
                )
            )
        ]


def shown_tables(exposure: Exposure | None) -> tuple[AskedTable, ...]:
    """Return what people are told of an exposure: of a great many columns the first ones of each table."""
    tables = () if exposure is None else exposure.tables
    room = MAX_NAMES_BYTES // max(1, len(tables))
    return tuple(
        AskedTable(
            name=table.name,
            columns=_first(table.columns, room),
            column_count=len(table.columns),
            sensitive=_first(table.sensitive, room),
        )
        for table in tables
    )


def _first(names: tuple[str, ...], room: int) -> tuple[str, ...]:
    """Return the names that fit, with what JSON puts around each."""
    kept = []
    for name in names:
        room -= len(name.encode()) + 4
        if room < 0:
            break
        kept.append(name)
    return tuple(kept)


def notifications(approval: ApprovalRecord, kind: NotificationKind) -> list[Notification]:
    """Return what is to be sent: a mail to each person who may decide, and one message to each channel.

    Whoever may decide only since the escalation is reached by the escalation's own topic.
    """
    mails: dict[str, Notification] = {}
    for seat in (*approval.seats, *approval.escalation):
        for person in seat.approvers:
            mails.setdefault(
                person.email,
                Notification(
                    kind=kind,
                    request_id=approval.request_id,
                    number=approval.number,
                    digest=approval.digest,
                    channel="mail",
                    to=person.email,
                    topic_arn=seat.topic_arn,
                    domain=seat.producer,
                ),
            )
    channels: Sequence[Literal["slack", "webhook"]] = ("slack", "webhook")
    return [
        *mails.values(),
        *(
            Notification(
                kind=kind,
                request_id=approval.request_id,
                number=approval.number,
                digest=approval.digest,
                channel=channel,
            )
            for channel in channels
        ),
    ]


def _asked(approval: ApprovalRecord) -> dict[str, object]:
    """Return who was asked, for the ledger."""
    seats = [
        {
            "groups": list(seat.groups),
            "producer": seat.producer,
            "approvers": [person.email for person in seat.approvers],
            "quorum": seat.quorum,
        }
        for seat in (*approval.seats, *approval.escalation)
    ]
    return {"digest": approval.digest, "seats": seats, "deadline": approval.to_json()["deadline"]}
