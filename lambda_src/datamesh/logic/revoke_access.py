"""Access ends: it is revoked, its time is over, or the consumer could never use it.

The consumer takes back first what it passed on, because Lake Formation does not find that any more once central has
revoked its grant (docs/decisions/0015-the-consumer-takes-back-first.md). A consumer that does not answer is not waited
for. The request is REVOKING until everything is gone and everybody told; whoever crashes on the way is taken over.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from datamesh.logic import access_work
from datamesh.logic.access import listed_as
from datamesh.logic.access_ports import DataFilters, Outbox, Schedules, TagSearch
from datamesh.logic.admission import LEASE, Verdict, changed, deciding_again, held, judge
from datamesh.logic.answers import DUPLICATE, answering, entries_of, error_text, stamp_of
from datamesh.logic.approvals import Approvals
from datamesh.logic.ending_requests import MAX_REASON, EndingRequests, Moot, Wanted, refusal_of
from datamesh.logic.endings import Endings, Scope
from datamesh.logic.notices import notices_for
from datamesh.logic.ports import Permissions, Registry
from datamesh.logic.senders import actor_of
from datamesh.logic.tag_work import tag_work
from datamesh.models.errors import (
    CommandRejection,
    GrantStillVisible,
    InvalidEvent,
    LeaseLost,
    RecordBusy,
    RequestNotStanding,
    StillLinked,
    WriteConflict,
)
from datamesh.models.events import Entry, EventData, Metadata, make_entry
from datamesh.models.facts import (
    DataProductAccessExpired,
    DataProductAccessExpiring,
    DataProductAccessRevoked,
)
from datamesh.models.ledger import LedgerEvent, LedgerKind
from datamesh.models.permissions import FilterResource, Grant, GrantedPermission
from datamesh.models.registry import STANDING, Append, Change, Drop, Ending, RequestRecord, Save, StateChange
from datamesh.models.steps import Json, StepRequest

FLOW = "datamesh:revoke_access"
# How long central waits for the consumer to take back what it passed on.
PATIENCE = timedelta(seconds=120)
_ENTERED: dict[str, LedgerKind] = {"REVOKED": "AccessRevoked", "EXPIRED": "AccessExpired", "FAILED": "AccessFailed"}


class World(NamedTuple):
    """What the end of an access touches."""

    registry: Registry
    permissions: Permissions
    tag_search: TagSearch
    filters: DataFilters
    schedules: Schedules
    outbox: Outbox
    approvals: Approvals


class AccessRevocation:
    """The steps of revoke_access. Every step may be repeated."""

    def __init__(self, world: World, *, account_id: str, prefix: str, own_role_arn: str) -> None:
        self._world = world
        self._account_id = account_id
        self._own_role_arn = own_role_arn
        self._prefix = prefix
        self._requests = EndingRequests(world.registry, account_id=account_id)
        self._endings = Endings(
            world.registry, world.tag_search, account_id=account_id, database_prefix=prefix.replace("-", "_")
        )

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who wants what to end, and hold the request's record and the consumer's lock."""

        def act() -> Json:
            try:
                return deciding_again(lambda: self._admit(request, now))
            except CommandRejection as rejection:
                if refusal_of(rejection):
                    self._enter_refusal(request, rejection.code, rejection.message, now)
                raise

        return answering(request, now, act)

    def cut(self, request: StepRequest, now: datetime) -> Json:
        """Revoke at once what was granted to principals directly, and return what the consumer is told."""
        record = self._held(request)
        scope = self._endings.scope(record)
        if scope.grant_to == "principals":
            self._world.permissions.revoke(
                [*self._endings.filter_grants(scope), *self._endings.expression_grants(scope)]
            )
        fact = self._endings.announcement(scope)
        return {"outcome": "cut", "entries": entries_of(_metadata(request), now, record.account_id, fact)}

    def finish(self, request: StepRequest, now: datetime) -> Json:
        """Revoke everything of the request, and return the facts to publish.

        Raises StillLinked until the consumer has answered or was waited for long enough, and RecordBusy while somebody
        else works on LF-tags.
        """
        record = self._held(request)
        if not _is_over(record):
            self._await_consumer(record, now)
            if record.expression is not None:
                with tag_work(self._world.registry, f"{request.execution.id}/finish", now):
                    self._revoke_expression(record)
                    deciding_again(lambda: self._settle(request, now))
            else:
                self._revoke_filters(self._endings.scope(record))
                deciding_again(lambda: self._settle(request, now))
        return {"outcome": "finished", "entries": self._facts(record, _metadata(request), now)}

    def confirm(self, request: StepRequest, now: datetime) -> Json:
        """Release record and lock, and let the people know: the facts are published."""
        return deciding_again(lambda: self._confirm(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Let another execution take over at once. The request stays REVOKING: something of it may still be granted."""
        return deciding_again(lambda: self._fail(request, now))

    # --- Admission ---

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        wanted = self._requests.read(request, now)
        if isinstance(wanted, Moot):
            if wanted.forged:
                self._enter_refusal(request, "SenderNotOwner", wanted.why, now)
            return {"outcome": "moot", "reason": wanted.why}
        record = wanted.record
        if wanted.warning:
            return self._warn(record, _metadata(request), now)
        if record.status == "PENDING":
            return self._cancel(request, wanted, now)
        if not self._starts(request, wanted, now):
            return DUPLICATE
        access_work.take(self._world.registry, record.domain, request.execution.id, now)
        try:
            self._hold(request, record, wanted.ending, now)
        except WriteConflict:
            access_work.release(self._world.registry, record.domain, request.execution.id)
            raise
        return {"outcome": "admitted", "request_id": str(record.request_id)}

    def _starts(self, request: StepRequest, wanted: Wanted, now: datetime) -> bool:
        """Tell whether this execution may end the access; False when that was done, or is being done, already.

        Raises RequestNotStanding, and RecordBusy while another execution works on the request for another reason.
        """
        record = wanted.record
        same = record.stamp.event_id == _metadata(request).event_id
        if record.ending is not None and record.status == "REVOKING":
            # That its time is over both a schedule says and reconciliation.
            same = same or record.ending.status == wanted.ending.status == "EXPIRED"
        if record.in_progress:
            verdict = judge(record, same_command=same, execution_id=request.execution.id, now=now)
            return verdict is not Verdict.DUPLICATE
        asked_for = request.envelope.detail_type == "RevokeDataProductAccess"
        if record.status in STANDING and record.sort == "access":
            return True
        # A grant that failed may have granted something all the same.
        if asked_for and record.status == "FAILED" and record.sort == "access" and not _has_ended(record):
            return True
        if not asked_for or same or record.status == "CANCELLED":
            return False
        if record.of is not None:
            raise RequestNotStanding(f"The access belongs to the request {record.of}: end that one")
        raise RequestNotStanding(f"Nothing is granted by the request: it is {record.status}")

    def _hold(self, request: StepRequest, record: RequestRecord, ending: Ending, now: datetime) -> None:
        taken_over = record.status == "REVOKING" and record.ending is not None
        own = record.status == "REVOKING" and record.execution_id == request.execution.id
        why = f"Taken over by {request.execution.id}" if taken_over else ending.reason
        history = record.history
        if not own and not _is_over(record):
            by = FLOW if taken_over else ending.by
            history = (*history, StateChange(status="REVOKING", at=now, by=by, why=why))
        holding = changed(
            record,
            now=now,
            status="REVOKING",
            stamp=stamp_of(_metadata(request)),
            execution_id=request.execution.id,
            lease_expires_at=now + LEASE,
            error=None,
            # Whoever was first decides what the end is called.
            ending=record.ending if taken_over else ending,
            unlinked=record.unlinked if taken_over else None,
            history=history,
        )
        entered = [] if taken_over else [Append(_event("AccessEnding", holding, ending, now))]
        self._world.registry.write([Save(holding), *entered])

    def _cancel(self, request: StepRequest, wanted: Wanted, now: datetime) -> Json:
        """Take back what waits for a decision. The execution that waits ends the request."""
        if request.envelope.detail_type != "RevokeDataProductAccess":
            return {"outcome": "moot", "reason": "Nothing is granted yet"}
        ending = wanted.ending
        request_id = wanted.record.request_id
        if not self._world.approvals.cancel(request_id, by=ending.by, reason=ending.reason, now=now):
            raise RecordBusy(f"The request {request_id} is being decided on, or nobody was asked yet")
        return {"outcome": "cancelled", "request_id": str(request_id)}

    def _warn(self, record: RequestRecord, cause: Metadata, now: datetime) -> Json:
        fact = DataProductAccessExpiring.model_validate(_identity(record) | {"expires_at": record.expires_at})
        self._world.outbox.put(notices_for(self._world.registry, record, "access_expiring"))
        return {"outcome": "warned", "entries": entries_of(cause, now, record.account_id, fact)}

    # --- The end ---

    def _await_consumer(self, record: RequestRecord, now: datetime) -> None:
        since = max(change.at for change in record.history if change.status == "REVOKING")
        if record.unlinked is None and now < since + PATIENCE:
            raise StillLinked(f"{record.domain} has not taken back yet what it passed on of {record.request_id}")

    def _revoke_filters(self, scope: Scope) -> None:
        """Revoke what is granted on the request's own filters, whoever has it, and delete them."""
        permissions, expected = self._world.permissions, self._endings.filter_grants(scope)
        resources = [self._endings.resource(scope, table) for table in scope.filters]
        listed = self._readers(resources)
        # What is listed is revoked just as it is: an account's option to grant only together with its permission.
        wanted = {(grant.principal, grant.resource): grant for grant in expected} | {
            (row.principal, row.resource): Grant(
                principal=row.principal, resource=row.resource, permissions=row.permissions, grantable=row.grantable
            )
            for row in listed
        }
        permissions.revoke(wanted.values())
        left = self._readers(resources) if listed else []
        if left:
            raise GrantStillVisible(f"{left[0].principal} is still listed on {left[0].resource}, {len(left)} in all")
        for resource in resources:
            self._delete_filter(resource)

    def _readers(self, resources: Sequence[FilterResource]) -> list[GrantedPermission]:
        """Return who may read by filters. Who made one may drop it, which shows nobody anything and goes with it.

        Of a table without columns there never was a filter, and what is granted on none cannot be asked for.
        """
        filters = self._world.filters
        there = [each for each in resources if filters.get(each.database, each.table, each.name) is not None]
        rows = [row for resource in there for row in self._world.permissions.list_permissions(resource=resource)]
        return [row for row in rows if "SELECT" in row.permissions]

    def _delete_filter(self, resource: FilterResource) -> None:
        place = (resource.database, resource.table, resource.name)
        if self._world.filters.get(*place) is None:
            return
        # An administrator may not drop what others made without this; it goes with the filter.
        self._world.permissions.grant([Grant(principal=self._own_role_arn, resource=resource, permissions=("DROP",))])
        self._world.filters.delete(*place)
        if self._world.filters.get(*place) is not None:
            raise GrantStillVisible(f"{resource.name} of {resource.database}.{resource.table} is there still")

    def _revoke_expression(self, record: RequestRecord) -> None:
        """Revoke the request's tag expression, as far as no other request of the consumer needs it."""
        permissions, grants = self._world.permissions, self._endings.expression_grants(self._endings.scope(record))
        permissions.revoke(grants)
        gone = {(grant.principal, grant.resource) for grant in grants}
        for principal, kind in sorted({(grant.principal, listed_as(grant.resource)) for grant in grants}):
            rows = permissions.list_permissions(principal=principal, resource_type=kind)
            if any((row.principal, row.resource) in gone for row in rows):
                raise GrantStillVisible(f"{principal} still holds the tag expression of {record.request_id}")

    def _settle(self, request: StepRequest, now: datetime) -> None:
        """Record that nothing of the request is granted any more. Its status follows when everybody was told."""
        record = self._held(request)
        ending = _ending(record)
        if _is_over(record):
            return
        for what in ("expire", "warn"):
            self._world.schedules.remove(f"{self._prefix}-{what}-{record.request_id}")
        scope = self._endings.scope(record)
        over = changed(
            record,
            now=now,
            history=(*record.history, StateChange(status=ending.status, at=now, by=ending.by, why=ending.reason)),
        )
        entered = _event(_ENTERED[ending.status], over, ending, now, unlinked=record.unlinked is not None)
        changes: list[Change] = [Save(over), Append(entered)]
        changes += [Drop(grant) for grant in (scope.own, scope.own_tags) if grant is not None]
        self._world.registry.write(changes)

    def _facts(self, record: RequestRecord, cause: Metadata, now: datetime) -> list[Json]:
        """Return what the consumer is told, and the owner of the product."""
        ending, identity = _ending(record), _identity(record)
        fact: EventData
        if ending.status == "EXPIRED" and record.expires_at is not None:
            fact = DataProductAccessExpired.model_validate(identity | {"expired_at": record.expires_at})
        else:
            said = {"revoked_by": ending.by, "reason": ending.reason}
            fact = DataProductAccessRevoked.model_validate(identity | said)
        targets = [record.account_id]
        if record.product is not None:
            producer = self._world.registry.domain(record.product.domain)
            targets += [producer.account_id] if producer is not None else []
        entries: list[Entry] = [
            make_entry(fact, cause=cause, now=now, target_account=target, discriminator=target)
            for target in dict.fromkeys(targets)
        ]
        return [entry.to_json() for entry in entries]

    def _confirm(self, request: StepRequest, now: datetime) -> Json:
        registry = self._world.registry
        found = registry.request(_request_id(request))
        if found is not None and found.execution_id == request.execution.id and not found.in_progress:
            access_work.release(registry, found.domain, request.execution.id)
            return {"outcome": "confirmed"}
        record = held(found, request.execution.id)
        ended = changed(record, now=now, status=_ending(record).status, ending=None)
        # The messages may come first: their sender waits until the record says so.
        self._world.outbox.put(notices_for(registry, ended, "access_ended"))
        registry.write([Save(ended)])
        access_work.release(registry, record.domain, request.execution.id)
        return {"outcome": "confirmed"}

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        registry = self._world.registry
        try:
            record = registry.request(_request_id(request))
        except (CommandRejection, InvalidEvent):
            return {"outcome": "failed", "recorded": False}
        mine = record is not None and record.execution_id == request.execution.id and record.status == "REVOKING"
        if record is not None and mine:
            error = error_text(request)[:4_000]
            registry.write([Save(changed(record, now=now, error=error, lease_expires_at=now))])
            access_work.release(registry, record.domain, request.execution.id)
        return {"outcome": "failed", "recorded": mine}

    # --- Parts ---

    def _held(self, request: StepRequest) -> RequestRecord:
        record = held(self._world.registry.request(_request_id(request)), request.execution.id)
        # What others of the consumer need holds only as long as the lock does.
        _ending(record)
        return record

    def _enter_refusal(self, request: StepRequest, code: str, why: str, now: datetime) -> None:
        envelope = request.envelope
        event = LedgerEvent(
            kind="CommandRefused",
            at=now,
            actor=actor_of(envelope, self._account_id),
            details={"command": envelope.detail_type, "code": code, "reason": why[:MAX_REASON]},
        )
        deciding_again(lambda: self._world.registry.write([Append(event)]))


def _request_id(request: StepRequest) -> uuid.UUID:
    data = request.envelope.detail.get("data")
    try:
        return uuid.UUID(str(data["request_id"] if isinstance(data, dict) else data))
    except (KeyError, ValueError) as error:
        raise InvalidEvent("The event names no request") from error


def _metadata(request: StepRequest) -> Metadata:
    return request.envelope.metadata()


def _ending(record: RequestRecord) -> Ending:
    """Return why the access ends. Raises LeaseLost when somebody else has ended it, or grants it anew."""
    if record.status != "REVOKING" or record.ending is None:
        raise LeaseLost(f"The access of request {record.request_id} does not end (any more)")
    return record.ending


def _is_over(record: RequestRecord) -> bool:
    """Tell whether nothing is granted any more, though perhaps nobody was told yet."""
    return record.status == "REVOKING" and bool(record.history) and record.history[-1].status != "REVOKING"


def _has_ended(record: RequestRecord) -> bool:
    return any(change.status == "REVOKING" for change in record.history)


def _identity(record: RequestRecord) -> Json:
    return {
        "request_id": record.request_id,
        "domain": record.domain,
        "product": record.product,
        "expression": record.expression,
    }


def _event(kind: LedgerKind, record: RequestRecord, ending: Ending, now: datetime, **details: object) -> LedgerEvent:
    return LedgerEvent(
        kind=kind,
        at=now,
        actor=ending.by,
        request_id=record.request_id,
        domain=record.domain,
        details={"status": ending.status, "reason": ending.reason, **details},
    )
