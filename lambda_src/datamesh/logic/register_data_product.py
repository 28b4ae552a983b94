"""Registration of a product: admit, create and tag the tables, grant them to their producer, record, tell."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access import account_grants, ensure_granted
from datamesh.logic.access_ports import DataFilters
from datamesh.logic.admission import LEASE, Verdict, changed, claimed, deciding_again, failed, held, judge
from datamesh.logic.answers import DUPLICATE, answering, error_text, read_command, stamp_of
from datamesh.logic.domains import strongest
from datamesh.logic.held_back import Declared, HeldBack
from datamesh.logic.held_back import World as HeldBackWorld
from datamesh.logic.locations import check_apart, check_location
from datamesh.logic.placements import TagPlacements, clear_defaults, place, put
from datamesh.logic.ports import Catalog, LfTags, Permissions, Registry
from datamesh.logic.products import DesiredProduct, flag_changes, is_superseded, merge
from datamesh.logic.senders import actor_of, registered_sender, sender_of
from datamesh.logic.table_records import fitting
from datamesh.logic.tag_events import telling
from datamesh.logic.tag_work import tag_work
from datamesh.logic.tagging import Plan, Tagging, TagRules
from datamesh.logic.tagging import World as TagWorld
from datamesh.logic.tags import effective
from datamesh.models.arns import s3_arn
from datamesh.models.commands import RegisterDataProduct
from datamesh.models.errors import (
    CatalogInconsistent,
    CommandRejection,
    GrantNotVisible,
    InvalidCommand,
    LeaseLost,
    TableNameTaken,
    WriteConflict,
)
from datamesh.models.events import Entry, Metadata, make_entry
from datamesh.models.facts import (
    DataProductRegistered,
    RegisteredTable,
    RegistrationOutcome,
    SharingMode,
    TableOutcome,
)
from datamesh.models.ledger import LedgerEvent
from datamesh.models.permissions import TagPolicyResource
from datamesh.models.registry import (
    Append,
    Change,
    Check,
    Drop,
    GiveBack,
    ProductRecord,
    Save,
    TableRecord,
    Take,
    table_claim,
)
from datamesh.models.steps import Json, StepRequest
from datamesh.models.tags import MAX_TAGS, conditions

PRODUCER_PERMISSIONS = ("ALTER", "DESCRIBE", "SELECT")
# What was done with each table in each database, and the shares that carry the grants, both by what is shared by.
Outcomes = Mapping[SharingMode, Mapping[str, TableOutcome]]
Shares = Mapping[SharingMode, tuple[str, ...]]


class World(NamedTuple):
    """What registration of a product touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    lf_tags: LfTags
    filters: DataFilters


class Held(NamedTuple):
    """A command in progress: the record that this execution holds and what is to become of the product."""

    command: RegisterDataProduct
    record: ProductRecord
    desired: DesiredProduct


class Done(NamedTuple):
    """What earlier steps have done."""

    outcomes: Outcomes
    shares: Shares


class ProductRegistration:
    """The steps of register_data_product. Every step may be repeated."""

    def __init__(self, world: World, rules: TagRules, *, account_id: str, partition: str) -> None:
        self._world = world
        self._rules = rules
        self._tagging = Tagging(TagWorld(world.registry, world.catalog, world.lf_tags), rules, account_id=account_id)
        held_back = HeldBackWorld(world.registry, world.catalog, world.permissions, world.filters)
        self._held_back = HeldBack(held_back, rules, account_id=account_id)
        self._account_id = account_id
        self._partition = partition

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks for what, hold the product's record, claim the tables' names."""
        return answering(request, now, lambda: deciding_again(lambda: self._admit(request, now)))

    def tables(self, request: StepRequest, now: datetime) -> Json:
        """Bring every table into the catalog with its LF-tags, and tell what was done with each."""

        def act() -> Json:
            try:
                return deciding_again(lambda: self._tables(request, now))
            except CommandRejection:
                deciding_again(lambda: self._withdraw(request, now))
                raise

        return answering(request, now, act)

    def grant(self, request: StepRequest, now: datetime) -> Json:  # noqa: ARG002 - all steps look alike
        """Grant the tables to the producer's account. By LF-tag it holds them since its domain was registered."""
        _, record, desired = self._held(request)
        placed = record.placed_by(desired.access_mode)
        shares: dict[SharingMode, tuple[str, ...]] = {}
        if "nrac" in placed:
            shares["nrac"] = ensure_granted(
                self._world.permissions,
                account_grants(
                    record.account_id,
                    catalog_id=self._account_id,
                    database=record.database,
                    tables=[table.spec.name for table in desired.tables],
                    permissions=PRODUCER_PERMISSIONS,
                ),
            )
        if "tbac" in placed:
            shares["tbac"] = self._own_shares(record)
        return {
            "outcome": "granted",
            "resource_shares": {mode: list(carried) for mode, carried in shares.items()},
            "tables": request.payload.get("tables", []),
        }

    def _own_shares(self, record: ProductRecord) -> tuple[str, ...]:
        """Return the shares that carry to a producer's account what carries its domain's LF-tag.

        Raises GrantNotVisible while the grants, which its domain's registration makes, are not listed.
        """
        if record.account_id == self._account_id:
            return ()
        expression = conditions(self._own_expression(record))
        shares = set[str]()
        for kind in ("LF_TAG_POLICY_DATABASE", "LF_TAG_POLICY_TABLE"):
            rows = self._world.permissions.list_permissions(principal=record.account_id, resource_type=kind)
            own = [
                row
                for row in rows
                if isinstance(row.resource, TagPolicyResource) and row.resource.expression == expression
            ]
            if not own:
                raise GrantNotVisible(f"{record.account_id} is not granted what carries the LF-tag of {record.domain}")
            shares.update(share for row in own for share in row.shares)
        return tuple(sorted(shares))

    def _own_expression(self, record: ProductRecord) -> dict[str, tuple[str, ...]]:
        return {self._rules.domain_tag_key: (record.domain,)}

    def record(self, request: StepRequest, now: datetime) -> Json:
        """Put the product in force, and return the fact to publish."""
        return deciding_again(lambda: self._record(request, now))

    def tell(self, request: StepRequest, now: datetime) -> Json:
        """Return the next facts to publish about tables whose LF-tags or columns changed; none when all are told."""
        command = request.envelope.data(RegisterDataProduct)
        record = held(self._world.registry.product(command.domain, command.product.name), request.execution.id)
        entries = self._tagging.announcements(record, request.envelope.metadata(), now)
        return telling(entries, request.payload.get("told"))

    def confirm(self, request: StepRequest, now: datetime) -> Json:
        """Release the record: the fact is published."""
        return deciding_again(lambda: self._confirm(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Mark the record as failed, so that the command sent again starts over."""
        return deciding_again(lambda: self._fail(request, now))

    # --- admit ---

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, command = read_command(request, RegisterDataProduct, now)
        registry, stamp, spec = self._world.registry, stamp_of(metadata), command.product
        sender, found = sender_of(envelope, metadata, self._account_id), registry.domain(command.domain)
        domain = registered_sender(found, command.domain, sender.account_of(found))
        for number, table in enumerate(spec.tables):
            check_location(table.location, domain.config, f"product.tables.{number}.location")
        record = registry.product(command.domain, spec.name)
        same = record is not None and record.stamp.event_id == metadata.event_id
        verdict = judge(record, same_command=same, execution_id=request.execution.id, now=now)
        if verdict is Verdict.DUPLICATE:
            return DUPLICATE
        recorded = registry.tables(command.domain, spec.name)
        if not same and is_superseded(record, recorded, spec, stamp):
            return DUPLICATE
        if record is not None and record.status == "DEREGISTERED" and not stamp.newer_than(record.stamp):
            # The product has left since: what was said before does not bring it back.
            return DUPLICATE
        desired = merge(record, recorded, spec, stamp)
        self._tagging.check_known(_tags_of(command))
        self._check_names(command, desired)
        self._check_apart(command, desired)
        if record is None or verdict is Verdict.START:
            execution_id, content = request.execution.id, desired.content
            locations = _locations(desired, record.locations if record is not None else ())
            record = (
                claimed(
                    record,
                    stamp=stamp,
                    execution_id=execution_id,
                    now=now,
                    pending=content,
                    locations=locations,
                    tag_database=domain.databases.tbac,
                    access_mode=record.access_mode if record.content is not None else desired.access_mode,
                )
                if record is not None
                else ProductRecord(
                    status="REGISTERING",
                    stamp=stamp,
                    execution_id=execution_id,
                    lease_expires_at=now + LEASE,
                    updated_at=now,
                    domain=command.domain,
                    name=spec.name,
                    account_id=domain.record.account_id,
                    database=domain.databases.nrac,
                    tag_database=domain.databases.tbac,
                    access_mode=desired.access_mode,
                    locations=locations,
                    pending=content,
                )
            )
            # Only while the domain stands: one that leaves looks for its products first.
            registry.write([Save(record), Check(domain.record)])
        try:
            # Once more, now that others can see what this product is about to use: of two at once, one sees the other.
            self._check_apart(command, desired)
        except CommandRejection:
            deciding_again(lambda: self._withdraw(request, now))
            raise
        self._claim_names(request, command, desired, record, now)
        return {"outcome": "admitted", "domain": command.domain, "product": spec.name}

    def _check_names(self, command: RegisterDataProduct, desired: DesiredProduct) -> None:
        claims = [table_claim(command.domain, name, command.product.name) for name in desired.new_names]
        owners = self._world.registry.owners(claims)
        for claim in claims:
            owner = owners.get(claim.key, claim.owner)
            if owner != claim.owner:
                raise TableNameTaken(f"{claim.key.sk.removeprefix('TABLE#')} is a table of the product {owner}")

    def _check_apart(self, command: RegisterDataProduct, desired: DesiredProduct) -> None:
        """Check that no new table shares objects with a table of another product of the domain."""
        new = set(desired.new_names)
        others = {
            product.name: product.locations or self._recorded_locations(product)
            for product in self._world.registry.products(command.domain)
            if new and product.name != command.product.name
        }
        for number, table in enumerate(command.product.tables):
            if table.name in new:
                check_apart(table.location, others, f"product.tables.{number}.location")

    def _recorded_locations(self, product: ProductRecord) -> tuple[str, ...]:
        return tuple(table.spec.location for table in self._world.registry.tables(product.domain, product.name))

    def _claim_names(
        self,
        request: StepRequest,
        command: RegisterDataProduct,
        desired: DesiredProduct,
        record: ProductRecord,
        now: datetime,
    ) -> None:
        """Claim the names of new tables. Another product may have been faster since they were checked."""
        claims = [Take(table_claim(command.domain, name, command.product.name)) for name in desired.new_names]
        try:
            self._world.registry.write_all(claims, record)
        except WriteConflict:
            held(self._world.registry.product(command.domain, command.product.name), request.execution.id)
            try:
                self._check_names(command, desired)
            except CommandRejection:
                deciding_again(lambda: self._withdraw(request, now))
                raise
            raise

    # --- tables ---

    def _tables(self, request: StepRequest, now: datetime) -> Json:
        held_now = self._held(request)
        if "tbac" not in held_now.record.placed_by(held_now.desired.access_mode):
            return self._place(held_now, request, now)
        # What standing tag grants will show is checked and done without a grant or a change of tags in between.
        with tag_work(self._world.registry, f"{request.execution.id}/{request.step}", now):
            return self._place(held_now, request, now)

    def _place(self, held_now: Held, request: StepRequest, now: datetime) -> Json:
        """Decide on all tables in all databases, and only then change anything."""
        command, record, desired = held_now
        self._tagging.check_known(_tags_of(command))
        placed = record.placed_by(desired.access_mode)
        self._check_catalog(record, placed)
        placements = {
            mode: [place(self._world.catalog, database, record, desired.content, table) for table in desired.tables]
            for mode, database in placed.items()
        }
        tagged = TagPlacements(
            self._world.catalog,
            self._world.lf_tags,
            self._tagging,
            placements.get("tbac", []),
            self._world.registry.tag_grants() if "tbac" in placed else [],
        )
        plan: Plan | None = None
        if "tbac" in placed:
            own = {self._rules.domain_tag_key: record.domain}
            plan = tagged.plan(record, desired.content, placed["tbac"], own)
            _check_numbers(plan, command)
            self._tagging.check(plan)
        in_force = record.access_mode if record.content is not None else None
        # Before anybody can hear of it: what grants by name show without an approval, they show no longer.
        specs = {table.spec.name: table.spec for table in desired.tables}
        self._held_back.narrow(
            Declared(record, [desired.content], specs), holder=f"{request.execution.id}/{request.step}", now=now
        )
        if desired.access_mode not in {in_force, record.pending_mode}:
            # From here on there may be tables in another database: no later command can forget them.
            widened = changed(record, now=now, pending_mode=desired.access_mode)
            self._world.registry.write([Save(widened)])
        outcomes: list[Json] = []
        for mode, database in placed.items():
            retagged: Collection[str] = ()
            if plan is not None and mode == "tbac":
                retagged = tagged.make(plan, self._world.permissions, database)
            else:
                for placement in placements[mode]:
                    put(self._world.catalog, placement, record, desired.content)
                clear_defaults(self._world.permissions, database, {table.spec.name for table in desired.tables})
            is_new = record.content is None or mode not in record.placed
            outcomes += [
                {
                    "mode": mode,
                    "name": placement.name,
                    "outcome": placement.outcome(desired, is_new=is_new, is_retagged=placement.name in retagged),
                }
                for placement in placements[mode]
            ]
        return {"outcome": "created", "domain": command.domain, "product": record.name, "tables": outcomes}

    def _check_catalog(self, record: ProductRecord, placed: Mapping[SharingMode, str]) -> None:
        """Lake Formation does not protect what lies in a location that is not registered: never publish that."""
        domain = self._world.registry.domain(record.domain)
        if domain is None or domain.config is None:
            raise CatalogInconsistent(f"The domain {record.domain} is gone")
        location = s3_arn(self._partition, domain.config.bucket, domain.config.prefix)
        if self._world.permissions.location_role(location) is None:
            raise CatalogInconsistent(f"{location} is not registered with Lake Formation")
        for database in placed.values():
            if self._world.catalog.get_database(database) is None:
                raise CatalogInconsistent(f"The database {database} is gone")

    def _withdraw(self, request: StepRequest, now: datetime) -> None:
        """Undo the admission of a command that is rejected after it; its claims are given back first."""
        command, record, desired = self._held(request)
        claims = [GiveBack(table_claim(command.domain, name, record.name)) for name in desired.new_names]
        mine = self._world.registry.owners([change.claim for change in claims])
        self._world.registry.write_all(
            [change for change in claims if mine.get(change.claim.key) == record.name], record
        )
        if record.version == 1:
            self._world.registry.write([Drop(record)])
            return
        pending = record.pending.stamp if record.pending else None
        own = pending == stamp_of(request.envelope.metadata())
        # What a newer command has left pending is still to be done.
        settled = (
            record.content is not None and record.outcome is None and (own or pending in {None, record.content.stamp})
        )
        given_back = {table.spec.location for table in desired.tables if table.record is None}
        self._world.registry.write(
            [
                Save(
                    changed(
                        record,
                        now=now,
                        status="REGISTERED" if settled else "FAILED",
                        stamp=record.content.stamp if record.content else record.stamp,
                        locations=tuple(location for location in record.locations if location not in given_back),
                        pending=None if settled or own else record.pending,
                        error=None if settled else "An earlier registration has not been completed",
                    )
                )
            ]
        )

    # --- record, confirm, fail ---

    def _record(self, request: StepRequest, now: datetime) -> Json:
        _, metadata, _ = read_command(request, RegisterDataProduct, now)
        _, record, desired = self._held(request)
        done = Done(_outcomes(request.payload.get("tables")), _shares(request.payload.get("resource_shares")))
        flags = flag_changes(record, desired)
        self._record_tables(record, desired)
        outcome = self._overall(record, desired, done.outcomes)
        in_force = {
            "content": desired.content,
            "access_mode": desired.access_mode,
            "pending_mode": None,
            "outcome": outcome,
            "resource_shares": tuple(sorted({share for carried in done.shares.values() for share in carried})),
        }
        if in_force != {name: getattr(record, name) for name in in_force}:
            record = changed(
                record,
                now=now,
                locations=_locations(desired),
                table_count=len(desired.tables),
                registered_at=record.registered_at or now,
                **in_force,
            )
            actor = actor_of(request.envelope, self._account_id)
            entered = [Append(_flags_entry(record, flags, now, actor))] if flags else []
            self._world.registry.write([Save(record), *entered])
        self._tagging.record(record, stamp_of(metadata), now, guard=record)
        entries = self._facts(record, desired, done, metadata, now)
        return {
            "outcome": outcome,
            "entries": [entry.to_json() for entry in entries],
            "tags_changed": self._tagging.has_changed(record, stamp_of(metadata)),
        }

    def _facts(
        self,
        record: ProductRecord,
        desired: DesiredProduct,
        done: Done,
        metadata: Metadata,
        now: datetime,
    ) -> list[Entry]:
        """Return the fact to publish, for each way in which the product is shared."""
        entries: list[Entry] = []
        for mode, database in record.placed.items():
            fact = DataProductRegistered(
                domain=record.domain,
                product=record.name,
                access_mode=mode,
                catalog_account=self._account_id,
                database=database,
                expression=self._own_expression(record) if mode == "tbac" else None,
                tables=tuple(
                    RegisteredTable(
                        name=table.spec.name,
                        location=table.spec.location,
                        outcome=done.outcomes.get(mode, {}).get(table.spec.name, "unchanged"),
                    )
                    for table in desired.tables
                ),
                resource_shares=done.shares.get(mode, ()),
                outcome=record.outcome or "unchanged",
            )
            # Two facts of one type with one cause are told apart by their ids.
            discriminator = "" if mode == "nrac" else mode
            entries.append(
                make_entry(fact, cause=metadata, now=now, target_account=record.account_id, discriminator=discriminator)
            )
        return entries

    def _record_tables(self, record: ProductRecord, desired: DesiredProduct) -> None:
        changes: list[Change] = []
        for table in desired.tables:
            if table.record is None:
                changes.append(
                    Save(
                        TableRecord(
                            domain=record.domain,
                            product=record.name,
                            name=table.spec.name,
                            spec=table.spec,
                            stamp=table.stamp,
                        )
                    )
                )
            elif (table.record.spec, table.record.stamp) != (table.spec, table.stamp):
                changes.append(
                    Save(
                        fitting(
                            table.record.model_copy(
                                update={"spec": table.spec, "stamp": table.stamp, "version": table.record.version + 1}
                            )
                        )
                    )
                )
        self._world.registry.write_all(changes, record)

    @staticmethod
    def _overall(record: ProductRecord, desired: DesiredProduct, outcomes: Outcomes) -> RegistrationOutcome:
        if record.content is None:
            return "registered"
        touched = desired.content_changed or any(
            outcome != "unchanged" for placed in outcomes.values() for outcome in placed.values()
        )
        return strongest(record.outcome, "updated" if touched else "unchanged")

    def _confirm(self, request: StepRequest, now: datetime) -> Json:
        command = request.envelope.data(RegisterDataProduct)
        record = self._world.registry.product(command.domain, command.product.name)
        if record is not None and record.execution_id == request.execution.id and record.status == "REGISTERED":
            return {"outcome": "confirmed"}
        record = held(record, request.execution.id)
        self._world.registry.write([Save(changed(record, now=now, status="REGISTERED", pending=None, outcome=None))])
        return {"outcome": "confirmed"}

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        try:
            _, _, command = read_command(request, RegisterDataProduct, now)
        except CommandRejection:
            return {"outcome": "failed", "recorded": False}
        record = failed(
            self._world.registry.product(command.domain, command.product.name),
            execution_id=request.execution.id,
            error=error_text(request),
            now=now,
        )
        if record is not None:
            self._world.registry.write([Save(record)])
        return {"outcome": "failed", "recorded": record is not None}

    def _held(self, request: StepRequest) -> Held:
        """Return the command, the record that this execution holds, and what the product is to become."""
        envelope = request.envelope
        command = envelope.data(RegisterDataProduct)
        record = held(self._world.registry.product(command.domain, command.product.name), request.execution.id)
        if record.pending is None:
            raise LeaseLost(f"{command.domain}.{command.product.name} has nothing pending")
        tables: Sequence[TableRecord] = self._world.registry.tables(command.domain, command.product.name)
        return Held(command, record, merge(record, tables, command.product, stamp_of(envelope.metadata())))


def _check_numbers(plan: Plan, command: RegisterDataProduct) -> None:
    """Check that no table or column would carry more LF-tags than a resource takes, columns to come included.

    On the way from one tag to another a column may carry inherited ones itself, so all count. Raises InvalidCommand.
    """
    places = {table.name: f"product.tables.{number}.tags" for number, table in enumerate(command.product.tables)}
    for name, spec in plan.specs.items():
        of_table = effective(plan.after[name])
        carriers = {name: of_table}
        for column in (*spec.columns, *spec.partition_keys):
            carriers[f"{name}.{column.name}"] = of_table | column.tags
        for what, tags in carriers.items():
            if len(tags) > MAX_TAGS + 1:
                raise InvalidCommand(
                    f"{what} would carry {len(tags)} LF-tags, inherited ones included, of at most {MAX_TAGS + 1}",
                    places.get(name, "product.tags"),
                )


def _flags_entry(
    record: ProductRecord, flags: Mapping[str, Sequence[object]], now: datetime, actor: str
) -> LedgerEvent:
    """Return what the ledger is to say of changed flags."""
    return LedgerEvent(
        kind="SensitivityChanged",
        at=now,
        actor=actor,
        domain=record.domain,
        details={"product": record.name, "flags": {name: list(values) for name, values in flags.items()}},
    )


def _outcomes(tables: object) -> Outcomes:
    found: dict[SharingMode, dict[str, TableOutcome]] = {}
    for row in tables if isinstance(tables, list) else []:
        found.setdefault(row["mode"], {})[row["name"]] = row["outcome"]
    return found


def _shares(shares: object) -> Shares:
    return {mode: tuple(carried) for mode, carried in shares.items()} if isinstance(shares, dict) else {}


def _locations(desired: DesiredProduct, more: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(sorted({table.spec.location for table in desired.tables} | set(more)))


def _tags_of(command: RegisterDataProduct) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield all LF-tags of a command with the path of the field they stand in."""
    yield "product.tags", command.product.tags
    for number, table in enumerate(command.product.tables):
        path = f"product.tables.{number}"
        yield f"{path}.tags", table.tags
        for part, columns in (("columns", table.columns), ("partition_keys", table.partition_keys)):
            for place_in_part, column in enumerate(columns):
                yield f"{path}.{part}.{place_in_part}.tags", column.tags
