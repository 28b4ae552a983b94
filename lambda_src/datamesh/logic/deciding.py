"""Deciding on a stage: votes, and the answers that waiting executions take.

A decision is written first and answered second: the registry is the truth, and the callback only wakes the execution,
which reads it. So a crash between the two loses nothing: the same vote again, or `resend`, answers.
"""

import uuid
from datetime import datetime, timedelta

from datamesh.logic.access_ports import Callbacks
from datamesh.logic.admission import ATTEMPTS, deciding_again
from datamesh.logic.ports import Registry
from datamesh.logic.votes import Ballot, check_comment, check_eligible, check_open, said_before, status_after
from datamesh.models.approvals import ApprovalRecord, LinkRecord, OpenApproval, Vote
from datamesh.models.errors import BallotIncomplete, CallbackRefused, StageNotFound, Transient, VoteNotTaken
from datamesh.models.ledger import LedgerEvent, LedgerKind
from datamesh.models.registry import Append, Change, Check, Drop, Save

DECIDING = "datamesh:decide_approval"
# The task that asked may be replaced by its own retry: only what stays refused for longer is given up.
GIVE_UP_AFTER = timedelta(minutes=15)


class Deciding:
    """Takes votes on open stages. Everything may be repeated."""

    def __init__(self, registry: Registry, callbacks: Callbacks) -> None:
        self._registry = registry
        self._callbacks = callbacks

    def vote(self, request_id: uuid.UUID, number: int, ballot: Ballot, now: datetime) -> ApprovalRecord:
        """Take a vote, and wake the execution when it decides the stage.

        The same vote again returns the same. Raises a VoteNotTaken, which the ledger keeps, and RecordBusy.
        """
        ballot = ballot._replace(approver=ballot.approver.lower())
        try:
            approval = deciding_again(lambda: self._vote(request_id, number, ballot, now))
        except (BallotIncomplete, StageNotFound):
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
            check_eligible(approval, request, registry.approvals(request_id), config, ballot)
        check_open(approval, request, ballot, now)
        check_comment(ballot)
        vote = Vote(
            approver=ballot.approver, decision=ballot.decision, comment=ballot.comment.strip(), at=now, via=ballot.via
        )
        votes = (*approval.votes, vote)
        status = status_after(approval, votes)
        voted = next_version(approval, votes=votes, status=status, decided_at=None if status == "OPEN" else now)
        if status == "DENIED":
            voted = voted.model_copy(update={"reason": vote.comment})
        changes: list[Change] = [Save(voted)]
        if request is not None:
            changes.append(Check(request))
        if ballot.link is not None:
            changes.append(Save(_used(ballot.link, now)))
        said = vote.to_json() | {"digest": voted.digest, "status": status}
        domain = None if request is None else request.domain
        changes.append(Append(stage_event("VoteCast", voted, f"person:{vote.approver}", now, domain, **said)))
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
        expired = next_version(approval, status="EXPIRED", reason=reason, answered=True, task_token=None)
        request = self._registry.request(request_id)
        domain = None if request is None else request.domain
        event = stage_event("StageExpired", expired, DECIDING, now, domain, reason=reason)
        self._registry.write([Save(expired), Append(event), *self._unlisted(expired)])

    def _close(self, request_id: uuid.UUID, number: int) -> None:
        approval = self._registry.approval(request_id, number)
        if approval is None or approval.status == "OPEN":
            return
        changes = self._unlisted(approval)
        if not approval.answered:
            changes.append(Save(next_version(approval, answered=True, task_token=None)))
        if changes:
            self._registry.write(changes)

    # --- What lists a stage among those that wait ---

    def _unlisted(self, approval: ApprovalRecord) -> list[Change]:
        before = self._open_approval(approval)
        return [] if before is None else [Drop(before)]

    def _open_approval(self, approval: ApprovalRecord) -> OpenApproval | None:
        key = (approval.request_id, approval.number)
        return next((one for one in self._registry.open_approvals() if (one.request_id, one.number) == key), None)


def stage_event(
    kind: LedgerKind, approval: ApprovalRecord, actor: str, now: datetime, domain: str | None, **details: object
) -> LedgerEvent:
    """Return what the ledger is told of a stage."""
    about = {"stage": approval.number, "name": approval.name}
    return LedgerEvent(
        kind=kind, at=now, actor=actor, request_id=approval.request_id, domain=domain, details=about | details
    )


def next_version(approval: ApprovalRecord, **changes: object) -> ApprovalRecord:
    """Return the next version of a stage."""
    return approval.model_copy(update={**changes, "version": approval.version + 1})


def _used(link: LinkRecord, now: datetime) -> LinkRecord:
    return link.model_copy(update={"version": link.version + 1, "used_at": now})
