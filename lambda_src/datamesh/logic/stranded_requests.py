"""Requests that nothing brings forward any more: nobody waits for their decision, nobody ended them in time, or whoever
worked on them is gone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from datamesh.logic.access_ports import Outbox
from datamesh.logic.admission import changed, deciding_again
from datamesh.logic.approvals import Approvals
from datamesh.logic.notices import notices_for
from datamesh.logic.ports import Registry
from datamesh.models.approvals import ApprovalRecord
from datamesh.models.commands import ExpireDataProductAccess, RevokeDataProductAccess
from datamesh.models.events import EventData
from datamesh.models.facts import DataProductAccessDenied
from datamesh.models.ledger import LedgerEvent, LedgerKind
from datamesh.models.registry import STANDING, Append, RequestRecord, RequestStatus, Save, StateChange

FLOW = "datamesh:reconcile_access"
# The execution that waits acts on a deadline by itself; only what it has not done for so long is done here.
PATIENCE = timedelta(hours=1)
# A schedule fires within a minute, and the end of an access takes some minutes.
LATE = timedelta(minutes=15)

_ENDS: dict[str, tuple[RequestStatus, LedgerKind]] = {
    "DENIED": ("DENIED", "AccessDenied"),
    "EXPIRED": ("EXPIRED", "AccessExpired"),
    "CANCELLED": ("CANCELLED", "AccessCancelled"),
}


class Said(NamedTuple):
    """What is to be published about a request, and to whom; None: to central's own flows."""

    data: EventData
    account_id: str | None


class StrandedRequests:
    """Finds and ends them. Everything may be repeated."""

    def __init__(self, registry: Registry, approvals: Approvals, outbox: Outbox) -> None:
        self._registry = registry
        self._approvals = approvals
        self._outbox = outbox

    def end(self, record: RequestRecord, now: datetime) -> Said | None:
        """End a request that is stranded, or return what lets its own flow end it; None for all others."""
        if record.status == "PENDING":
            return deciding_again(lambda: self._end_pending(record, now))
        overdue = record.expires_at is not None and record.expires_at + LATE < now
        if record.status in STANDING and record.sort == "access" and record.expires_at is not None and overdue:
            return Said(ExpireDataProductAccess(request_id=record.request_id, expires_at=record.expires_at), None)
        if record.in_progress and record.sort == "access" and record.lease_expires_at + PATIENCE < now:
            # Who granted or took back has died with its cleaning up: something may be granted, and without an end.
            reason = (
                f"The workflow that worked on the request is gone since {record.lease_expires_at:%Y-%m-%d %H:%M} UTC"
            )
            return Said(RevokeDataProductAccess(request_id=record.request_id, reason=reason), None)
        return None

    def _end_pending(self, record: RequestRecord, now: datetime) -> Said | None:
        current = self._registry.request(record.request_id)
        if current is None or current.status != "PENDING":
            return None
        stages = self._registry.approvals(current.request_id)
        if max(_moments(current, stages)) + PATIENCE > now:
            return None
        last = stages[-1] if stages else None
        if last is not None and last.status == "OPEN":
            self._approvals.overdue(last.request_id, last.number, now, ())
            last = self._registry.approval(last.request_id, last.number)
        status, kind = _ENDS.get(last.status if last is not None else "", ("FAILED", "AccessFailed"))
        reason = (last.reason if last is not None else None) or "The workflow that waited for the decision is gone"
        ended = changed(
            current,
            now=now,
            status=status,
            decided_by=FLOW,
            reason=reason,
            error=reason if status == "FAILED" else None,
            history=(*current.history, StateChange(status=status, at=now, by=FLOW, why=reason)),
        )
        event = LedgerEvent(
            kind=kind,
            at=now,
            actor=FLOW,
            request_id=current.request_id,
            domain=current.domain,
            details={"reason": reason},
        )
        self._registry.write([Save(ended), Append(event)])
        if status not in {"DENIED", "EXPIRED", "CANCELLED"}:
            return None
        self._outbox.put(notices_for(self._registry, ended, "decided"))
        fact = DataProductAccessDenied.model_validate(
            {
                "request_id": current.request_id,
                "domain": current.domain,
                "product": current.product,
                "expression": current.expression,
                "status": status,
                "decided_by": FLOW,
                "reason": reason,
            }
        )
        return Said(fact, current.account_id)


def _moments(record: RequestRecord, stages: list[ApprovalRecord]) -> Iterator[datetime]:
    """Yield when something happened to a request last, or is to happen."""
    yield record.updated_at
    for stage in stages:
        yield stage.deadline if stage.status == "OPEN" else stage.decided_at or stage.opened_at
