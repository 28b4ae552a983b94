"""Requests for access, as people see them: who may look at one, and what may be done with it by whom.

Whoever may not look at a request hears that there is none.
"""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from datamesh.logic.portal.authorization import Caller
from datamesh.logic.ports import Registry
from datamesh.logic.record_event import redacted
from datamesh.models.api.requests import Extension, RequestDetail, RequestSummary, StageView, VoteView
from datamesh.models.api.routes import BY_OPERATION, KEEPERS, OWNERS
from datamesh.models.approvals import ApprovalRecord
from datamesh.models.commands import ExtendDataProductAccess, RevokeDataProductAccess
from datamesh.models.errors import DatameshError, NotAllowed, NotFound, StateConflict
from datamesh.models.registry import STANDING, RequestRecord

# Of these the last step of their history says why.
_OVER = frozenset({"EXPIRED", "CANCELLED", "REVOKED", "FAILED", "REVOKING"})


class Seen(NamedTuple):
    """A request with the stages of its approval that were opened, and who looks at it."""

    record: RequestRecord
    stages: tuple[ApprovalRecord, ...]
    caller: Caller

    @property
    def why_not_cancel(self) -> DatameshError | None:
        """Why the person may not take it back; None when it may."""
        caller, record = self.caller, self.record
        asked = caller.email in {record.requested_by, (record.asked_by or "").removeprefix("person:")}
        may = caller.may(BY_OPERATION["cancel_request"].access, record.domain) and (
            asked or _has(caller, record.domain, OWNERS) or _governs(caller)
        )
        if not may:
            return NotAllowed(f"Who asked takes a request back, or an owner of {record.domain}")
        if record.status == "PENDING":
            return None
        if record.status == "APPROVED":
            return StateConflict("The request is approved and being granted: it cannot be taken back any more")
        if record.status in STANDING:
            return StateConflict("The request is granted: end its access instead")
        return StateConflict(f"Nothing waits for a decision: the request is {record.status}")

    @property
    def why_not_extend(self) -> DatameshError | None:
        """Why the person may not ask to keep the access; None when it may."""
        record = self.record
        if not self.caller.may(BY_OPERATION["extend_access"].access, record.domain):
            return NotAllowed(f"Members of {record.domain} ask to keep its access")
        return self._why_nothing_stands()

    @property
    def why_not_revoke(self) -> DatameshError | None:
        """Why the person may not end the access; None when it may."""
        record = self.record
        if not self._speaks_for():
            return NotAllowed("Owners of the consumer, owners and stewards of the producer, and governance end access")
        never_ended = record.status == "FAILED" and all(change.status != "REVOKING" for change in record.history)
        if record.sort == "access" and never_ended:
            # A grant that failed may have granted something all the same.
            return None
        return self._why_nothing_stands()

    def _why_nothing_stands(self) -> DatameshError | None:
        record = self.record
        if record.of is not None:
            return StateConflict(f"The access belongs to the request {record.of}: ask with that one")
        if record.status not in STANDING:
            return StateConflict(f"Nothing is granted by the request: it is {record.status}")
        return None

    def _speaks_for(self) -> tuple[str | None, ...]:
        """Return the domains for which the person may end the access, None stands for governance, the nearest first."""
        caller, record = self.caller, self.record
        # What a tag expression matches is many owners': none of them can end another's sharing.
        producer = record.product.domain if record.product is not None else None
        found: list[str | None] = [record.domain] if _has(caller, record.domain, OWNERS) else []
        found += [producer] if producer is not None and _has(caller, producer, KEEPERS) else []
        found += [None] if _governs(caller) else []
        return tuple(found)

    def cancellation(self, reason: str) -> RevokeDataProductAccess:
        """Return what takes the request back. Raises NotAllowed, StateConflict."""
        _check(self.why_not_cancel)
        domain = self.record.domain if self.record.domain in self.caller.domains else None
        return RevokeDataProductAccess(request_id=self.record.request_id, domain=domain, reason=reason)

    def extension(self, asked: Extension, request_id: uuid.UUID) -> ExtendDataProductAccess:
        """Return what asks to keep the access, by a request of its own. Raises NotAllowed, StateConflict."""
        _check(self.why_not_extend)
        return ExtendDataProductAccess(
            request_id=request_id,
            domain=self.record.domain,
            extends=self.record.request_id,
            duration_days=asked.duration_days,
            justification=asked.justification,
            requested_by=self.caller.email,
        )

    def revocation(self, reason: str) -> RevokeDataProductAccess:
        """Return what ends the access, in the name of a domain or of governance. Raises NotAllowed, StateConflict."""
        _check(self.why_not_revoke)
        domain, *_ = self._speaks_for()
        return RevokeDataProductAccess(request_id=self.record.request_id, domain=domain, reason=reason)

    def detail(self) -> RequestDetail:
        """Return the request as it is shown."""
        record, ruling = self.record, self.record.ruling
        steps = tuple(step.model_copy(update={"why": redacted(step.why)}) for step in record.history)
        return RequestDetail(
            **dict(request_summary(record)),
            tables=record.tables,
            columns=record.columns,
            rows=record.rows,
            later_tables=record.later_tables,
            principals=record.principals,
            justification=record.justification,
            purpose=record.purpose,
            duration_days=record.duration_days,
            rule=None if ruling is None else ruling.rule,
            sensitive=None if ruling is None else ruling.sensitive,
            reasons=() if ruling is None else ruling.reasons,
            stages=tuple(map(stage_view, self.stages)),
            history=steps,
            granted_at=record.granted_at,
            rejection=record.rejection,
            rejected_field=record.rejected_field,
            may_cancel=self.why_not_cancel is None,
            may_extend=self.why_not_extend is None,
            may_revoke=self.why_not_revoke is None,
        )


def look(registry: Registry, request_id: uuid.UUID, caller: Caller) -> Seen:
    """Return a request that a person may look at. Raises NotFound."""
    record = registry.request(request_id)
    stages = registry.approvals(request_id) if record is not None else []
    if record is None or not may_see(record, stages, caller):
        raise NotFound(f"There is no request {request_id}, or none that you may see")
    return Seen(record, tuple(stages), caller)


def may_see(record: RequestRecord, stages: Iterable[ApprovalRecord], caller: Caller) -> bool:
    """Tell whether a person belongs to the consumer, keeps what is asked for, was asked to decide, or oversees all."""
    if caller.may(BY_OPERATION["get_request"].access, record.domain):
        return True
    producers = {*record.producers, *([record.product.domain] if record.product is not None else [])}
    if any(_has(caller, producer, KEEPERS) for producer in producers):
        return True
    return any(caller.email in stage.approvers for stage in stages)


def request_summary(record: RequestRecord) -> RequestSummary:
    """Return a request in a list."""
    return RequestSummary(
        request_id=record.request_id,
        sort=record.sort,
        of=record.of,
        status=record.status,
        domain=record.domain,
        product=record.product,
        expression=record.expression,
        requested_by=record.requested_by,
        requested_at=record.requested_at,
        expires_at=record.expires_at,
        reason=_reason(record),
        waiting_for=_waiting_for(record),
    )


def stage_view(stage: ApprovalRecord) -> StageView:
    """Return a stage of an approval as it is shown."""
    return StageView(
        number=stage.number,
        name=stage.name,
        status=stage.status,
        approvers=tuple(sorted(stage.approvers)),
        quorum=sum(seat.quorum for seat in stage.seats),
        votes=tuple(VoteView(**dict(vote)) for vote in stage.votes),
        opened_at=stage.opened_at,
        deadline=stage.deadline,
        escalated=stage.escalated,
        reason=stage.reason,
    )


def _reason(record: RequestRecord) -> str | None:
    text = record.reason
    if record.status in _OVER and record.history:
        text = record.history[-1].why
    return None if text is None else redacted(text)


def _waiting_for(record: RequestRecord) -> str | None:
    if record.status != "PENDING" or record.ruling is None or record.stage is None:
        return None
    return record.ruling.stages[record.stage].name if record.stage < len(record.ruling.stages) else None


def _has(caller: Caller, domain: str, roles: frozenset[str]) -> bool:
    return bool(caller.domains.get(domain, frozenset()) & roles)


def _governs(caller: Caller) -> bool:
    return "admin" in caller.mesh


def _check(why_not: DatameshError | None) -> None:
    if why_not is not None:
        raise why_not
