"""Reconciliation: what stands in Lake Formation is what the registry says should stand, whatever happened to it.

It looks without any lock, and looks again under the consumer's lock before it calls anything a difference: whoever
grants or takes back right now is neither disturbed nor reported. A large mesh is compared in many steps, each of some
tables; what passes between them stays small.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import Field

from datamesh.logic import access_work
from datamesh.logic.access import ensure_granted
from datamesh.logic.access_ports import Outbox
from datamesh.logic.admission import deciding_again
from datamesh.logic.approvals import Approvals
from datamesh.logic.drift import Comparison, DriftWorld, Finding, Mesh, told_of
from datamesh.logic.ports import Registry
from datamesh.logic.share_facts import granted
from datamesh.logic.stranded_requests import FLOW, StrandedRequests
from datamesh.logic.tag_work import tag_work
from datamesh.models.base import Model
from datamesh.models.commands import ReconcileAccess
from datamesh.models.errors import GrantFailed, GrantNotVisible, InvalidEvent, InvalidRowFilter, RecordBusy
from datamesh.models.events import Entry, make_entry
from datamesh.models.facts import MAX_DRIFTS, Drift, DriftKind, GrantDriftFound
from datamesh.models.ledger import LedgerEvent, LedgerKind
from datamesh.models.permissions import FilterResource, Grant, TagPolicyResource
from datamesh.models.registry import Append, DomainRecord
from datamesh.models.steps import Json, StepRequest

Heal = Literal["report", "missing", "all"]
# Each table takes two calls, and a function 300 seconds.
MAX_TABLES = 60
MAX_ENTRIES = 10
TAGS = "#tags"
MENDED: Mapping[Heal, frozenset[DriftKind]] = {
    "report": frozenset(),
    "missing": frozenset({"missing", "wrong_filter"}),
    "all": frozenset({"missing", "wrong_filter", "dangling_filter", "excess"}),
}


class World(NamedTuple):
    """What reconciliation touches."""

    drift: DriftWorld
    approvals: Approvals
    outbox: Outbox

    @property
    def registry(self) -> Registry:
        """The registry."""
        return self.drift.registry


class ReconcileConfig(NamedTuple):
    """What the deployment gives the flow."""

    account_id: str
    prefix: str
    domain_tag_key: str
    heal: Heal
    own_role_arn: str


class Position(Model):
    """How far the comparison is: what passes from step to step. Domains are left in the order of their names."""

    domains: tuple[str, ...]
    product: str | None = Field(None, description="The last product of the first of the domains that was compared.")
    counts: dict[DriftKind, int] = Field(default_factory=dict)
    healed: int = 0
    skipped: int = Field(0, description="Differences of consumers whose access was being changed.")
    items: tuple[Drift, ...] = ()
    again: tuple[uuid.UUID, ...] = Field(
        (), description="Requests that were granted again: their consumers have yet to be told."
    )


class AccessReconciliation:
    """The steps of reconcile_access. Every step may be repeated."""

    def __init__(self, world: World, config: ReconcileConfig) -> None:
        self._world = world
        self._config = config

    def settle(self, request: StepRequest, now: datetime) -> Json:
        """Answer executions that were not reached, and end requests that nothing brings forward, some at a time."""
        after = str(request.payload.get("after") or "")
        if not after:
            self._world.approvals.resend(now)
        stranded = StrandedRequests(self._world.registry, self._world.approvals, self._world.outbox)
        cause = request.envelope.metadata_or_substitute()
        entries: list[Entry] = []
        for record in self._world.registry.all_requests():
            number = str(record.request_id)
            if number <= after:
                continue
            after = number
            said = stranded.end(record, now)
            if said is not None:
                entries.append(
                    make_entry(said.data, cause=cause, now=now, target_account=said.account_id, discriminator=number)
                )
            if len(entries) == MAX_ENTRIES:
                break
        if entries:
            return {"outcome": "say", "entries": [entry.to_json() for entry in entries], "after": after}
        return {"outcome": "settled", "at": {}}

    def compare(self, request: StepRequest, now: datetime) -> Json:
        """Compare some tables, mend what is to be mended, and return how far that came."""
        heal = self._heal(request)
        domains = {domain.domain: domain for domain in self._world.registry.all_domains()}
        given = request.payload.get("at")
        at = Position.model_validate(given) if given else Position(domains=(*sorted(domains), TAGS))
        work = _Work(self._world, self._config, domains=domains, heal=heal, execution=request.execution.id, now=now)
        room = MAX_TABLES
        while at.domains and room > 0 and not at.again:
            at, used = work.advance(at)
            room -= used
        progress = {"counts": at.counts, "healed": at.healed, "skipped": at.skipped}
        if at.again:
            left = at.model_copy(update={"again": at.again[MAX_ENTRIES:]})
            entries = self._granted_again(request, at.again[:MAX_ENTRIES], now)
            if entries:
                return {"outcome": "again", "entries": entries, "at": left.to_json(), **progress}
            at = left
        if at.domains or at.again:
            return {"outcome": "more", "at": at.to_json(), **progress}
        if not at.counts:
            return {"outcome": "sound", **progress}
        fact = GrantDriftFound(heal=heal, counts=at.counts, healed=at.healed, items=at.items)
        entry = make_entry(fact, cause=request.envelope.metadata_or_substitute(), now=now)
        return {"outcome": "drift", "entries": [entry.to_json()], **progress}

    def _granted_again(self, request: StepRequest, request_ids: Sequence[uuid.UUID], now: datetime) -> list[Json]:
        """Return what lets consumers pass on again what they have again: their own grants went with central's."""
        registry, cause = self._world.registry, request.envelope.metadata_or_substitute()
        entries: list[Entry] = []
        for request_id in request_ids:
            record = registry.request(request_id)
            grants = (
                registry.grants(record.product.domain, record.product.name)
                if record is not None and record.product is not None
                else []
            )
            for grant in grants:
                if record is not None and grant.request_id == request_id:
                    fact = granted(record, grant, catalog_account=self._config.account_id, matches=())
                    entries.append(
                        make_entry(
                            fact,
                            cause=cause,
                            now=now,
                            target_account=record.account_id,
                            discriminator=str(request_id),
                        )
                    )
        return [entry.to_json() for entry in entries]

    def _heal(self, request: StepRequest) -> Heal:
        envelope = request.envelope
        if envelope.account != self._config.account_id:
            raise InvalidEvent(f"{envelope.account} has no say in what is reconciled")
        return envelope.data(ReconcileAccess).heal or self._config.heal


class _Work:
    """One step's share of a comparison."""

    def __init__(
        self,
        world: World,
        config: ReconcileConfig,
        *,
        domains: Mapping[str, DomainRecord],
        heal: Heal,
        execution: str,
        now: datetime,
    ) -> None:
        self._world = world
        self._own_role_arn = config.own_role_arn
        self._heal = heal
        self._execution = execution
        self._now = now
        self._domains = domains
        mesh = Mesh(
            account_id=config.account_id,
            prefix=config.prefix,
            domain_tag_key=config.domain_tag_key,
            domains=domains,
        )
        self._comparison = Comparison(world.drift, mesh)

    def advance(self, at: Position) -> tuple[Position, int]:
        """Compare the next product, or a domain's databases or all tag expressions; return how much work that was."""
        name, rest = at.domains[0], at.domains[1:]
        if name == TAGS:
            return self._add(at, "tag expressions", self._comparison.expressions).model_copy(
                update={"domains": rest}
            ), MAX_TABLES
        domain = self._domains.get(name)
        if domain is None:
            return at.model_copy(update={"domains": rest, "product": None}), 0
        if at.product is None:
            at = self._add(at, name, lambda: self._comparison.database(domain))
            return at.model_copy(update={"product": ""}), 2
        following = [each for each in self._world.registry.products(name) if each.name > at.product]
        if not following:
            return at.model_copy(update={"domains": rest, "product": None}), 0
        product = following[0]
        at = self._add(at, f"{name}.{product.name}", lambda: self._comparison.product(product))
        return at.model_copy(update={"product": product.name}), max(product.table_count, 1)

    def _add(self, at: Position, place: str, look: Callable[[], list[Finding]]) -> Position:
        """Look, and look again under the lock of each consumer that something is found of."""
        first = look()
        found: list[tuple[Finding, bool]] = []
        skipped = 0
        for consumer in sorted({finding.consumer for finding in first}, key=lambda name: name or ""):
            try:
                found += self._under_lock(consumer, place, look)
            except RecordBusy:
                skipped += sum(finding.consumer == consumer for finding in first)
        counts: dict[DriftKind, int] = dict(at.counts)
        for finding, _ in found:
            counts[finding.kind] = counts.get(finding.kind, 0) + 1
        again = [
            finding.request_id
            for finding, mended in found
            if mended and finding.kind == "missing" and finding.request_id is not None
        ]
        items = (*at.items, *(told_of(finding, healed=mended) for finding, mended in found))[:MAX_DRIFTS]
        return at.model_copy(
            update={
                "counts": counts,
                "healed": at.healed + sum(mended for _, mended in found),
                "skipped": at.skipped + skipped,
                "items": items,
                "again": tuple(dict.fromkeys((*at.again, *again))),
            }
        )

    def _under_lock(
        self, consumer: str | None, place: str, look: Callable[[], list[Finding]]
    ) -> list[tuple[Finding, bool]]:
        """Return what is really different of a consumer, and whether it was mended."""
        registry = self._world.registry
        if consumer is not None:
            access_work.take(registry, consumer, self._execution, self._now)
        try:
            found = [finding for finding in look() if finding.consumer == consumer]
            if not found:
                return []
            self._enter("DriftFound", place, consumer, found)
            results = [(finding, finding.kind in MENDED[self._heal] and self._mend(finding)) for finding in found]
            if mended := [finding for finding, done in results if done]:
                self._enter("DriftHealed", place, consumer, mended)
            return results
        finally:
            if consumer is not None:
                access_work.release(registry, consumer, self._execution)

    def _mend(self, finding: Finding) -> bool:
        """Make it be as it should be; False when that was not possible now: the next comparison finds it again."""
        try:
            if isinstance(finding.grant.resource if finding.grant else None, TagPolicyResource):
                with tag_work(self._world.registry, f"{self._execution}/mend", self._now):
                    # Others may have changed tags or grants by them since.
                    if finding not in self._comparison.expressions():
                        return True
                    self._change(finding)
            else:
                self._change(finding)
        except (GrantFailed, GrantNotVisible, InvalidRowFilter, RecordBusy):
            return False
        return True

    def _change(self, finding: Finding) -> None:
        drift, grant, wanted = self._world.drift, finding.grant, finding.filter
        match finding.kind:
            case "missing" | "wrong_filter":
                if wanted is not None:
                    drift.filters.ensure(wanted)
                if grant is not None:
                    ensure_granted(drift.permissions, [grant])
            case "excess" if grant is not None:
                drift.permissions.revoke([grant])
                if finding.instead is not None:
                    ensure_granted(drift.permissions, [finding.instead])
            case "dangling_filter" if wanted is not None:
                resource = FilterResource(
                    catalog_id=self._comparison.mesh.account_id,
                    database=wanted.database,
                    table=wanted.table,
                    name=wanted.name,
                )
                rows = drift.permissions.list_permissions(resource=resource)
                # Who made the filter may drop it, which shows nobody anything and goes with it.
                drift.permissions.revoke(row for row in rows if "SELECT" in row.permissions)
                # An administrator may not drop what others made without this.
                drift.permissions.grant([Grant(principal=self._own_role_arn, resource=resource, permissions=("DROP",))])
                drift.filters.delete(wanted.database, wanted.table, wanted.name)
            case _:
                pass

    def _enter(self, kind: LedgerKind, place: str, consumer: str | None, findings: list[Finding]) -> None:
        event = LedgerEvent(
            kind=kind,
            at=self._now,
            actor=FLOW,
            request_id=_one_request(findings),
            domain=consumer,
            details={
                "place": place,
                "heal": self._heal,
                "count": len(findings),
                "items": [
                    told_of(finding, healed=kind == "DriftHealed").model_dump(mode="json")
                    for finding in findings[:MAX_DRIFTS]
                ],
            },
        )
        deciding_again(lambda: self._world.registry.write([Append(event)]))


def _one_request(findings: list[Finding]) -> uuid.UUID | None:
    requests: Iterator[uuid.UUID | None] = (finding.request_id for finding in findings)
    return next(iter(found)) if len(found := set(requests)) == 1 else None
