"""The people's part of share_data_product: a stage is opened, its deadline comes, and the decision is read.

One execution waits for the people on a callback. What wakes it says nothing: the decision is in the registry.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from datamesh.logic.admission import LEASE, changed
from datamesh.logic.approvals import Approvals
from datamesh.logic.exposed import Exposure
from datamesh.logic.notices import notices_for
from datamesh.logic.request_decisions import Decisions, ruling_of
from datamesh.logic.request_states import FLOW, entry, moved
from datamesh.logic.share_facts import addressees, batched, denied, entries, requested
from datamesh.logic.share_world import Seen, World
from datamesh.models.approvals import ApprovalRecord
from datamesh.models.errors import CommandRejection, LeaseLost
from datamesh.models.events import Metadata
from datamesh.models.ledger import LedgerKind
from datamesh.models.registry import RequestRecord, RequestStatus, Save
from datamesh.models.steps import Json

Look = Callable[[RequestRecord], Seen]
ENTERED: dict[str, LedgerKind] = {
    "DENIED": "AccessDenied",
    "EXPIRED": "AccessExpired",
    "CANCELLED": "AccessCancelled",
}
# A task that waits for less would time out before it has asked.
SHORTEST_WAIT = 60


class RequestApprovals:
    """Asks people about a request, and reads what they said."""

    def __init__(self, world: World, decisions: Decisions) -> None:
        self._world = world
        self._registry = world.registry
        self._decisions = decisions
        self._approvals = Approvals(world.registry, world.outbox, world.callbacks)

    def pending(self, record: RequestRecord, now: datetime, cause: Metadata | None = None) -> Json:
        """Return that people are to be asked, how long they have, and with a cause whom to tell of the request."""
        told: list[Json] = []
        if cause is not None:
            to = addressees(self._registry, record, producers=True)
            told = batched(entries([requested(record)], to, cause, now, attempt=_asked_before(record)))
        return {
            "outcome": "pending",
            "request_id": str(record.request_id),
            "seconds": self._seconds_left(record, now),
            "batches": told,
        }

    def open_stage(self, record: RequestRecord, task_token: str, look: Look, now: datetime) -> Json:
        """Ask the people of the stage. Raises QuorumUnreachable when too few are left by now."""
        number = _stage(record)
        self._approvals.open(
            record,
            number=number,
            seats=self._decisions.seats(record, number),
            task_token=task_token,
            now=now,
            exposure=_as_decided(record, look),
        )
        return {"outcome": "asked"}

    def deadline(self, record: RequestRecord, now: datetime) -> Json:
        """Say what follows when nobody decided in time: others are asked as well, or the request has expired."""
        number = _stage(record)
        escalation = self._decisions.escalation(record, number)
        if self._approvals.overdue(record.request_id, number, now, escalation) == "escalated":
            return self.pending(record, now)
        return {"outcome": "decided"}

    def resume(self, record: RequestRecord, cause: Metadata, now: datetime) -> Json:
        """Read what was decided: the next stage, the grant, or the end."""
        if record.status == "APPROVED":
            # The answer to an earlier attempt of this step was lost, and perhaps nobody was told.
            self._tell(record)
            return {"outcome": "approved", "request_id": str(record.request_id)}
        if record.status in ENTERED:
            self._tell(record)
            return self._ended(record, cause, now)
        number = _stage(record)
        approval = self._registry.approval(record.request_id, number)
        if approval is None or approval.status == "OPEN" or approval.digest != record.exposure:
            return self.pending(record, now)
        self._approvals.close(approval)
        if approval.status == "APPROVED":
            return self._approved(record, number, now)
        ended = self._end(record, approval, now)
        self._tell(ended)
        return self._ended(ended, cause, now)

    def cancel(self, record: RequestRecord, reason: str, now: datetime) -> None:
        """Void what waits: the execution that asked has come to an end without an answer."""
        self._approvals.cancel(record.request_id, by=FLOW, reason=reason, now=now)

    def _approved(self, record: RequestRecord, number: int, now: datetime) -> Json:
        stages = ruling_of(record).stages
        if number + 1 < len(stages):
            following = changed(record, now=now, stage=number + 1)
            self._registry.write([Save(following)])
            return self.pending(following, now)
        votes = [vote for each in self._registry.approvals(record.request_id)[: len(stages)] for vote in each.votes]
        people = tuple(dict.fromkeys(f"person:{vote.approver}" for vote in votes if vote.decision == "APPROVE"))
        by = ", ".join(people) or FLOW
        comments = "; ".join(f"{vote.approver}: {vote.comment}" for vote in votes if vote.decision == "APPROVE")
        approved = moved(
            record,
            "APPROVED",
            now=now,
            by=by,
            why=comments or "Approved",
            decided_by=by,
            reason=comments or "Approved",
            lease_expires_at=now + LEASE,
        )
        details = {"stages": [stage.name for stage in stages], "exposure": record.exposure, "by": list(people)}
        self._registry.write([Save(approved), entry("AccessApproved", approved, now=now, actor=FLOW, **details)])
        self._tell(approved)
        return {"outcome": "approved", "request_id": str(record.request_id)}

    def _end(self, record: RequestRecord, approval: ApprovalRecord, now: datetime) -> RequestRecord:
        status: RequestStatus = "DENIED"
        if approval.status in {"EXPIRED", "CANCELLED"}:
            status = "EXPIRED" if approval.status == "EXPIRED" else "CANCELLED"
        deniers = [f"person:{vote.approver}" for vote in approval.votes if vote.decision == "DENY"]
        by = (deniers[-1] if status == "DENIED" and deniers else approval.cancelled_by) or FLOW
        why = approval.reason or status.capitalize()
        ended = moved(record, status, now=now, by=by, why=why, decided_by=by, reason=why)
        details = {"stage": approval.number, "name": approval.name, "reason": why, "exposure": record.exposure}
        self._registry.write([Save(ended), entry(ENTERED[status], ended, now=now, actor=by, **details)])
        return ended

    def _ended(self, record: RequestRecord, cause: Metadata, now: datetime) -> Json:
        to = addressees(self._registry, record, producers=True)
        return {
            "outcome": "denied",
            "request_id": str(record.request_id),
            "status": record.status,
            "batches": batched(entries([denied(record)], to, cause, now)),
        }

    def _tell(self, record: RequestRecord) -> None:
        """Tell everybody who was asked, and the person who asked, how it ended. Repeated, it tells nobody twice."""
        self._world.outbox.put(notices_for(self._registry, record, "decided"))

    def _seconds_left(self, record: RequestRecord, now: datetime) -> int:
        number = _stage(record)
        approval = self._registry.approval(record.request_id, number)
        left = timedelta(hours=ruling_of(record).stages[number].deadline_hours)
        if approval is not None and approval.status == "OPEN" and approval.digest == record.exposure:
            left = approval.deadline - now
        return max(SHORTEST_WAIT, int(left.total_seconds()))


def waiting(record: RequestRecord | None, execution_id: str) -> RequestRecord:
    """Return a request that this execution asks people about. Raises LeaseLost."""
    if record is None or record.execution_id != execution_id or record.status != "PENDING":
        raise LeaseLost(f"{execution_id} does not wait for a decision on the request any more")
    return record


def _stage(record: RequestRecord) -> int:
    return record.stage or 0


def _asked_before(record: RequestRecord) -> int:
    """Return how often people were asked before this time: what changed meanwhile voided it."""
    return max(0, sum(step.status == "PENDING" for step in record.history) - 1)


def _as_decided(record: RequestRecord, look: Look) -> Exposure | None:
    """Return what people are asked about; None when it has changed since: what they say will be void."""
    try:
        exposure = look(record).exposure
    except CommandRejection:
        return None
    return exposure if exposure.digest == record.exposure else None
