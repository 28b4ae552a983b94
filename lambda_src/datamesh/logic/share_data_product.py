"""Access: admit and decide, ask people where the policy says so, grant, record.

One flow for three commands: a request for access, its extension, and what central itself asks to add to it. The policy
decides on what would be shown, once when it is asked and once more when it is granted; what people agreed to is void
when that differs. Parts: request_admission (who asks), named_requests and tag_requests (what is shown and granted),
request_decisions (the policy), request_approvals (the people), share_record (what remains), share_facts (who is told).
"""

from contextlib import suppress
from datetime import datetime

from datamesh.logic import access_work
from datamesh.logic.access_grants import Access
from datamesh.logic.admission import LEASE, MAX_ERROR, Verdict, changed, deciding_again, held, judge
from datamesh.logic.answers import DUPLICATE, error_text, rejected
from datamesh.logic.request_admission import Asking, check_request, command_of, drafted, read, rejection_of, standing
from datamesh.logic.request_approvals import ENTERED, RequestApprovals, waiting
from datamesh.logic.request_decisions import Decisions
from datamesh.logic.request_states import FLOW, entered, entry, moved
from datamesh.logic.senders import actor_of
from datamesh.logic.share_facts import addressees, entries
from datamesh.logic.share_record import ShareRecord
from datamesh.logic.share_world import Seen, ShareConfig, World
from datamesh.models.errors import (
    CommandRejection,
    DatameshError,
    ExposureChanged,
    InvalidEvent,
    LeaseLost,
    RequestIdReused,
    Transient,
)
from datamesh.models.ledger import LedgerEvent
from datamesh.models.registry import Append, Change, Check, RequestRecord, Save
from datamesh.models.steps import Json, StepRequest

# What would be shown may change while people decide; that it does so again and again is no reason to ask for ever.
MAX_ASKED = 3


class ProductSharing:
    """The steps of share_data_product. Every step may be repeated."""

    def __init__(self, world: World, config: ShareConfig) -> None:
        self._world = world
        self._registry = world.registry
        self._config = config
        self._access = Access(world, config)
        self._decisions = Decisions(world.registry, config)
        self._approvals = RequestApprovals(world, self._decisions)
        self._record_of = ShareRecord(world, config, self._access)

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks for what, and decide: approved, waiting for people, or refused."""
        try:
            return deciding_again(lambda: self._admit(request, now))
        except CommandRejection as rejection:
            refusal = Append(self._refusal(request, rejection, now))
            # Whoever tries what he may not is not told only: the ledger keeps it.
            deciding_again(lambda: self._registry.write([refusal]))
            return rejected(request.envelope, rejection, now)

    def open_stage(self, request: StepRequest, now: datetime) -> Json:
        """Ask the people of a stage, who answer to the task that called."""
        record = waiting(self._request(request), request.execution.id)
        token = str(request.payload.get("task_token", ""))
        return self._approvals.open_stage(record, token, lambda each: self._look(request, each, now), now)

    def deadline(self, request: StepRequest, now: datetime) -> Json:
        """Say what follows when nobody decided in time."""
        return self._approvals.deadline(waiting(self._request(request), request.execution.id), now)

    def resume(self, request: StepRequest, now: datetime) -> Json:
        """Read what was decided: the next stage, the grant, or the end. Whoever woke the execution proves nothing."""
        return deciding_again(lambda: self._resume(request, now))

    def grant(self, request: StepRequest, now: datetime) -> Json:
        """Look once more at what would be shown, then grant just that."""
        return deciding_again(lambda: self._grant(request, now))

    def record(self, request: StepRequest, now: datetime) -> Json:
        """Record the grant with its end, and return the facts to publish."""
        return deciding_again(lambda: self._record(request, now))

    def confirm(self, request: StepRequest, now: datetime) -> Json:
        """Release the request and the consumer: the facts are published."""
        return deciding_again(lambda: self._confirm(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Mark the request as failed with nothing granted, so that the command sent again starts over."""
        return deciding_again(lambda: self._fail(request, now))

    # --- admit ---

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        registry = self._registry
        asking = read(request, registry, account_id=self._config.account_id, now=now)
        seen, execution = registry.request(asking.command.request_id), request.execution.id
        done = _done(seen, asking, execution, now)
        if done is not None:
            return self._said_again(done, asking, execution, now)
        record = _restarted(drafted(asking, registry, execution, now), seen)
        # An attempt that failed may have granted already.
        started = seen is not None and seen.status != "REJECTED"
        try:
            check_request(record)
            record = self._with_tables(record)
            decision = self._decisions.decide(record, self._look(request, record, now), now)
        except CommandRejection as rejection:
            self._refuse(record, rejection, request, now, granted=started)
            return rejected(asking.envelope, rejection, now)
        decided = decision.request
        taken_back = self._taken_back(decided, request, now) if started and not decision.automatic else []
        # Only while the domain stands: one that leaves looks for what it holds first.
        registry.write([Save(decided), *decision.changes, *taken_back, Check(asking.consumer.record)])
        if decision.automatic:
            return {"outcome": "admitted", "request_id": str(decided.request_id), "tables": list(decided.tables)}
        return self._approvals.pending(decided, now, asking.metadata)

    def _said_again(self, record: RequestRecord, asking: Asking, execution: str, now: datetime) -> Json:
        """Return what a step has said before its answer was lost; to another execution that it is a repetition."""
        if record.status == "REJECTED":
            return rejected(asking.envelope, rejection_of(record), now)
        if record.execution_id == execution and record.status == "PENDING":
            return self._approvals.pending(record, now, asking.metadata)
        if record.execution_id == execution and record.status == "APPROVED":
            return {"outcome": "admitted", "request_id": str(record.request_id), "tables": list(record.tables)}
        return DUPLICATE

    def _with_tables(self, record: RequestRecord) -> RequestRecord:
        """Return a request for a whole product with the tables that it has now."""
        if record.product is None or record.tables:
            return record
        return record.model_copy(update={"tables": self._access.tables_of(record)})

    def _look(self, request: StepRequest, record: RequestRecord, now: datetime) -> Seen:
        return self._access.look(record, command_of(request), now)

    # --- decided ---

    def _resume(self, request: StepRequest, now: datetime) -> Json:
        record = self._request(request)
        known = record is not None and record.execution_id == request.execution.id
        if record is None or not known or record.status not in {"PENDING", "APPROVED", *ENTERED}:
            raise LeaseLost(f"{request.execution.id} does not wait for a decision on the request any more")
        return self._approvals.resume(record, request.envelope.metadata(), now)

    # --- grant ---

    def _grant(self, request: StepRequest, now: datetime) -> Json:
        record = self._kept(request, now)
        holder = request.execution.id
        access_work.take(self._registry, record.domain, holder, now)
        try:
            with self._access.working(record, f"{holder}/{request.step}", now):
                if record.of is not None:
                    standing(self._registry, record.of, record.domain, "request_id")
                seen = self._look(request, record, now)
                if seen.exposure.digest != record.exposure:
                    decision = self._decisions.decide(self._asked_anew(record, now), seen, now)
                    taken_back = [] if decision.automatic else self._access.take_back(record)
                    self._registry.write([Save(decision.request), *decision.changes, *taken_back])
                    record = decision.request
                    if not decision.automatic:
                        access_work.release(self._registry, record.domain, holder)
                        return self._approvals.pending(record, now, request.envelope.metadata())
                granted = self._access.grant(record, seen, now)
        except CommandRejection as rejection:
            self._refuse(changed(record, now=now), rejection, request, now, granted=True)
            access_work.release(self._registry, record.domain, holder)
            return rejected(request.envelope, rejection, now)
        return {
            "outcome": "granted",
            "request_id": str(record.request_id),
            "resource_shares": list(granted.shares),
            "matches": [match.to_json() for match in seen.matches],
        }

    def _asked_anew(self, record: RequestRecord, now: datetime) -> RequestRecord:
        """Return a request to be decided on once more, on what it would show now. Raises ExposureChanged."""
        if sum(step.status == "PENDING" for step in record.history) >= MAX_ASKED:
            raise ExposureChanged(
                f"What {record.request_id} would show has changed {MAX_ASKED} times since it was asked"
            )
        return changed(record, now=now)

    # --- record, confirm ---

    def _record(self, request: StepRequest, now: datetime) -> Json:
        record = self._kept(request, now)
        shares = tuple(request.payload.get("resource_shares") or ())
        cause = request.envelope.metadata()
        record = self._record_of.recorded(record, shares, now)
        self._record_of.schedule(record, cause, now)
        facts = self._record_of.facts(record, request.payload.get("matches") or ())
        # Who will show the addition has to know that he may.
        to = addressees(self._registry, record, producers=record.sort == "widening" and record.expression is not None)
        return {"outcome": "granted", "entries": entries(facts, to, cause, now)}

    def _confirm(self, request: StepRequest, now: datetime) -> Json:
        record = self._request(request)
        # The consumer may have been faster to provision than this step to confirm.
        settled = record is not None and record.status in {"GRANTED", "PROVISIONED"}
        if record is None or record.execution_id != request.execution.id or not settled:
            record = held(record, request.execution.id)
            by, why = record.decided_by or FLOW, "Granted in Lake Formation"
            self._registry.write([Save(moved(record, "GRANTED", now=now, by=by, why=why))])
        access_work.release(self._registry, record.domain, request.execution.id)
        return {"outcome": "confirmed"}

    # --- refused, failed ---

    def _refuse(
        self, record: RequestRecord, rejection: CommandRejection, request: StepRequest, now: datetime, *, granted: bool
    ) -> None:
        """Record a rejection. What an earlier attempt may have granted is revoked first: refused is never granted.

        What other requests of the account were granted stays granted. The record is saved in the version given.
        """
        refused = record.model_copy(
            update={
                **entered(record, "REJECTED", now=now, by=FLOW, why=rejection.message),
                "rejection": rejection.code,
                "rejected_field": rejection.field,
                "reason": rejection.message,
                "granted_at": None,
            }
        )
        taken_back = self._taken_back(refused, request, now) if granted else []
        self._registry.write([Save(refused), *taken_back, Append(self._refusal(request, rejection, now, record))])

    def _refusal(
        self, request: StepRequest, rejection: CommandRejection, now: datetime, record: RequestRecord | None = None
    ) -> LedgerEvent:
        envelope = request.envelope
        return LedgerEvent(
            kind="CommandRefused",
            at=now,
            actor=actor_of(envelope, self._config.account_id),
            request_id=record.request_id if record is not None else None,
            domain=record.domain if record is not None else None,
            details={
                "command": envelope.detail_type,
                "event": envelope.id,
                "code": rejection.code,
                "field": rejection.field,
                "reason": rejection.message[:2_048],
            },
        )

    def _taken_back(self, record: RequestRecord, request: StepRequest, now: datetime) -> list[Change]:
        access_work.take(self._registry, record.domain, request.execution.id, now)
        with self._access.working(record, f"{request.execution.id}/{request.step}", now):
            changes = self._access.take_back(record)
        access_work.release(self._registry, record.domain, request.execution.id)
        return changes

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        try:
            record = self._request(request)
        except InvalidEvent:
            return {"outcome": "failed", "recorded": False}
        mine = record is not None and record.execution_id == request.execution.id
        if record is None or not mine or record.status not in {"PENDING", "APPROVED"}:
            if record is not None and mine:
                access_work.release(self._registry, record.domain, request.execution.id)
            return {"outcome": "failed", "recorded": False}
        error = error_text(request)[:MAX_ERROR]
        if record.status == "PENDING":
            self._approvals.cancel(record, error, now)
        taken_back: list[Change] = []
        try:
            taken_back = self._taken_back(record, request, now)
        except Transient:
            raise
        except DatameshError:
            # The registry keeps the grant then: reconciliation knows of it.
            access_work.release(self._registry, record.domain, request.execution.id)
        marked = moved(record, "FAILED", now=now, by=FLOW, why=error, error=error, granted_at=None, expires_at=None)
        failed = entry("AccessFailed", marked, now=now, actor=FLOW, error=error)
        self._registry.write([Save(marked), failed, *taken_back])
        with suppress(Transient):
            self._record_of.unschedule(marked)
        return {"outcome": "failed", "recorded": True}

    # --- parts ---

    def _request(self, request: StepRequest) -> RequestRecord | None:
        return self._registry.request(command_of(request).request_id)

    def _kept(self, request: StepRequest, now: datetime) -> RequestRecord:
        """Return the request if this execution holds it, and hold it for longer. Raises LeaseLost."""
        record = held(self._request(request), request.execution.id)
        if record.status != "APPROVED":
            raise LeaseLost(f"{request.execution.id} no longer grants, the request is {record.status}")
        kept = changed(record, now=now, lease_expires_at=now + LEASE)
        self._registry.write([Save(kept)])
        return kept


def _done(seen: RequestRecord | None, asking: Asking, execution: str, now: datetime) -> RequestRecord | None:
    """Return the record of a request if it needs nothing any more; None when it starts, or starts over.

    Raises RequestIdReused when it asked for something else, RecordBusy while another execution works on it.
    """
    if seen is None:
        return None
    if seen.digest != asking.digest:
        raise RequestIdReused(f"The request {asking.command.request_id} asked for something else")
    if seen.status == "REVOKING":
        # Whoever takes it back is done one day; it is never granted again by the same request.
        return seen
    same_event = seen.stamp.event_id == asking.metadata.event_id
    # A request that was refused may be made again, for what was in its way may have been mended.
    same = seen.status != "REJECTED" or same_event
    verdict = judge(seen, same_command=same, execution_id=execution, now=now)
    return None if verdict is Verdict.START else seen


def _restarted(draft: RequestRecord, seen: RequestRecord | None) -> RequestRecord:
    """Return a request as it is decided on: its first version, or the next one of what has failed or was refused."""
    if seen is None:
        return draft
    return draft.model_copy(
        update={"version": seen.version + 1, "history": seen.history, "requested_at": seen.requested_at}
    )
