"""Approvals: the stages of a request's approval from their opening to the answer that the waiting execution takes.

A decision is written first and answered second: the registry is the truth, and the callback only wakes the execution,
which reads it. So a crash between the two loses nothing: the same vote again, or `resend`, answers. These records are
written here only, and the request's own record is never.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from datamesh.logic.access_ports import Callbacks, Outbox
from datamesh.logic.admission import ATTEMPTS, deciding_again
from datamesh.logic.exposed import Exposure
from datamesh.logic.ports import Registry
from datamesh.logic.votes import Ballot, check_comment, check_eligible, check_open, said_before, status_after
from datamesh.models.approvals import ApprovalRecord, AskedTable, LinkRecord, OpenApproval, Seat, Vote
from datamesh.models.errors import (
    CallbackRefused,
    CatalogInconsistent,
    CommentMissing,
    StageNotFound,
    Transient,
    VoteNotTaken,
)
from datamesh.models.ledger import LedgerEvent, LedgerKind
from datamesh.models.notifications import Notification, NotificationKind
from datamesh.models.registry import Append, Change, Check, Drop, RequestRecord, Save

ASKING = "datamesh:share_data_product"
DECIDING = "datamesh:decide_approval"
# The clock of Step Functions and the registry's differ, and the deadline is computed before the task starts.
EARLY = timedelta(minutes=1)
# The task that asked may be replaced by its own retry: only what stays refused for longer is given up.
GIVE_UP_AFTER = timedelta(minutes=15)
# Of all tables together, twice: a record of the registry has 400 KB, and a name at most 255 bytes.
MAX_NAMES = 500
_OVER = frozenset({"DENIED", "EXPIRED", "CANCELLED", "REVOKING", "REVOKED", "REJECTED", "FAILED"})


class Approvals:
    """The stages of the mesh's approvals. Everything may be repeated."""

    def __init__(self, registry: Registry, outbox: Outbox, callbacks: Callbacks) -> None:
        self._registry = registry
        self._outbox = outbox
        self._callbacks = callbacks

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

    def vote(self, request_id: uuid.UUID, number: int, ballot: Ballot, now: datetime) -> ApprovalRecord:
        """Take a vote, and wake the execution when it decides the stage.

        The same vote again returns the same. Raises a VoteNotTaken, which the ledger keeps, and RecordBusy.
        """
        ballot = ballot._replace(approver=ballot.approver.lower())
        try:
            approval = deciding_again(lambda: self._vote(request_id, number, ballot, now))
        except (CommentMissing, StageNotFound):
            # A slip in the form; or nothing that the ledger could say anything about.
            raise
        except VoteNotTaken as refusal:
            self.refused(request_id, number, ballot.approver, refusal, now, via=ballot.via)
            raise
        if approval.status != "OPEN":
            self._answer(approval, now)
        return approval

    def refused(
        self, request_id: uuid.UUID, number: int, approver: str, refusal: VoteNotTaken, now: datetime, *, via: str
    ) -> None:
        """Enter into the ledger that somebody tried to decide. Only of what the mesh has: nobody fills it from outside.

        Who had a wrong signature need not be the person of the link.
        """
        details = {"stage": number, "approver": approver, "via": via, "error": refusal.code, "reason": refusal.message}
        request = self._registry.request(request_id)
        event = LedgerEvent(
            kind="VoteRefused",
            at=now,
            actor=DECIDING,
            request_id=request_id,
            domain=None if request is None else request.domain,
            details=details,
        )
        deciding_again(lambda: self._registry.write([Append(event)]))

    def resend(self, now: datetime) -> int:
        """Answer what is decided and was not taken; return how many were taken now."""
        taken = 0
        for waiting in self._registry.open_approvals():
            approval = self._registry.approval(waiting.request_id, waiting.number)
            if approval is not None and approval.status != "OPEN":
                taken += self._answer(approval, now)
        return taken

    def close(self, approval: ApprovalRecord) -> None:
        """Record that the execution has the answer. A stage that is open stays as it is."""
        deciding_again(lambda: self._close(approval.request_id, approval.number))

    # --- Opening, deadline, cancelling ---

    def _open(self, wanted: ApprovalRecord, domain: str, now: datetime) -> ApprovalRecord:
        request = self._registry.request(wanted.request_id)
        before = self._registry.approval(wanted.request_id, wanted.number)
        changes: list[Change] = [] if request is None else [Check(request)]
        if before is not None and before.digest == wanted.digest and before.status != "EXPIRED":
            approval = _next(before, task_token=wanted.task_token, answered=False)
        else:
            approval = wanted if before is None else wanted.model_copy(update={"version": before.version + 1})
            changes.append(Append(self._event("StageOpened", approval, ASKING, now, domain, **_asked(approval))))
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
            expired = _next(approval, status="EXPIRED", decided_at=now, reason=reason, answered=True, task_token=None)
            event = self._event("StageExpired", expired, ASKING, now, domain, reason=reason)
            self._registry.write([Save(expired), Append(event), *self._unlisted(expired)])
            return "expired", expired
        escalated = _next(
            approval,
            escalated=True,
            escalation=escalation,
            told=False,
            deadline=now + (approval.deadline - approval.opened_at),
            task_token=None,
        )
        event = self._event("StageEscalated", escalated, ASKING, now, domain, **_asked(escalated))
        self._registry.write([Save(escalated), Append(event), *self._listed(escalated)])
        return "escalated", escalated

    def _cancel(self, request_id: uuid.UUID, by: str, reason: str, now: datetime) -> list[ApprovalRecord]:
        cancelled, changes = [], []
        for approval in self._registry.approvals(request_id):
            if approval.status == "OPEN":
                ended = _next(approval, status="CANCELLED", decided_at=now, reason=f"{by}: {reason}")
                cancelled.append(ended)
                changes.append(Save(ended))
            elif approval.status == "CANCELLED" and not approval.answered:
                cancelled.append(approval)
        if changes:
            self._registry.write(changes)
        return cancelled

    # --- Voting ---

    def _vote(self, request_id: uuid.UUID, number: int, ballot: Ballot, now: datetime) -> ApprovalRecord:
        registry = self._registry
        approval = registry.approval(request_id, number)
        if approval is None:
            raise StageNotFound("Nobody was asked to decide on such a stage")
        if said_before(approval, ballot):
            return approval
        # Whoever may not decide is told nothing of how it stands.
        request = registry.request(request_id)
        if request is not None:
            consumer = registry.domain(request.domain)
            config = None if consumer is None else consumer.config
            check_eligible(approval, request, registry.approvals(request_id), config, ballot.approver)
        check_open(approval, request, ballot, now)
        check_comment(ballot)
        vote = Vote(
            approver=ballot.approver, decision=ballot.decision, comment=ballot.comment.strip(), at=now, via=ballot.via
        )
        votes = (*approval.votes, vote)
        status = status_after(approval, votes)
        voted = _next(approval, votes=votes, status=status, decided_at=None if status == "OPEN" else now)
        if status == "DENIED":
            voted = voted.model_copy(update={"reason": vote.comment})
        changes: list[Change] = [Save(voted)]
        if request is not None:
            changes.append(Check(request))
        if ballot.link is not None:
            changes.append(Save(_used(ballot.link, now)))
        said = vote.to_json() | {"digest": voted.digest, "status": status}
        domain = None if request is None else request.domain
        changes.append(Append(self._event("VoteCast", voted, f"person:{vote.approver}", now, domain, **said)))
        registry.write(changes)
        return voted

    # --- Answering ---

    def _answer(self, approval: ApprovalRecord, now: datetime) -> bool:
        """Wake the execution; False when it has not taken the answer, which `resend` tries again."""
        for _ in range(ATTEMPTS):
            if approval.answered:
                return True
            if approval.task_token is None:
                # Between an escalation and the new task: that one is answered when it opens the stage.
                return False
            output = {"request_id": str(approval.request_id), "number": approval.number, "status": approval.status}
            try:
                self._callbacks.answer(approval.task_token, output)
            except CallbackRefused as refused:
                current = self._registry.approval(approval.request_id, approval.number)
                if current is None or current.status == "OPEN":
                    return False
                if current.task_token == approval.task_token and not current.answered:
                    return self._given_up(current, refused, now)
                approval = current
            except Transient:
                return False
            else:
                self.close(approval)
                return True
        return False

    def _given_up(self, approval: ApprovalRecord, refused: CallbackRefused, now: datetime) -> bool:
        """Expire an approval that nobody waits for, when that stays so. A denial or a cancelling stands as it is."""
        if now < (approval.decided_at or now) + GIVE_UP_AFTER:
            return False
        if approval.status != "APPROVED":
            self.close(approval)
            return False
        deciding_again(lambda: self._expire(approval.request_id, approval.number, refused.message, now))
        return False

    def _expire(self, request_id: uuid.UUID, number: int, problem: str, now: datetime) -> None:
        approval = self._registry.approval(request_id, number)
        if approval is None or approval.answered or approval.status != "APPROVED":
            return
        reason = f"It was decided, but nothing waits for the decision any more: {problem}"
        expired = _next(approval, status="EXPIRED", reason=reason, answered=True, task_token=None)
        request = self._registry.request(request_id)
        domain = None if request is None else request.domain
        event = self._event("StageExpired", expired, DECIDING, now, domain, reason=reason)
        self._registry.write([Save(expired), Append(event), *self._unlisted(expired)])

    def _close(self, request_id: uuid.UUID, number: int) -> None:
        approval = self._registry.approval(request_id, number)
        if approval is None or approval.status == "OPEN":
            return
        changes = self._unlisted(approval)
        if not approval.answered:
            changes.append(Save(_next(approval, answered=True, task_token=None)))
        if changes:
            self._registry.write(changes)

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
        told = _next(current, told=True)
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

    def _unlisted(self, approval: ApprovalRecord) -> list[Change]:
        before = self._open_approval(approval)
        return [] if before is None else [Drop(before)]

    def _open_approval(self, approval: ApprovalRecord) -> OpenApproval | None:
        key = (approval.request_id, approval.number)
        return next((one for one in self._registry.open_approvals() if (one.request_id, one.number) == key), None)

    @staticmethod
    def _event(
        kind: LedgerKind, approval: ApprovalRecord, actor: str, now: datetime, domain: str | None, **details: object
    ) -> LedgerEvent:
        about = {"stage": approval.number, "name": approval.name}
        return LedgerEvent(
            kind=kind, at=now, actor=actor, request_id=approval.request_id, domain=domain, details=about | details
        )


def shown_tables(exposure: Exposure | None) -> tuple[AskedTable, ...]:
    """Return what people are told of an exposure: of a great many columns the first ones of each table."""
    tables = () if exposure is None else exposure.tables
    room = MAX_NAMES // max(1, len(tables))
    return tuple(
        AskedTable(
            name=table.name,
            columns=table.columns[:room],
            column_count=len(table.columns),
            sensitive=table.sensitive[:room],
            rows=table.rows,
        )
        for table in tables
    )


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


def _next(approval: ApprovalRecord, **changes: object) -> ApprovalRecord:
    return approval.model_copy(update={**changes, "version": approval.version + 1})


def _used(link: LinkRecord, now: datetime) -> LinkRecord:
    return link.model_copy(update={"version": link.version + 1, "used_at": now})


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
