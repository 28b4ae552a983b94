"""Registration of a product: admit, create the tables, grant them to their producer, record."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access import account_grants, ensure_granted
from datamesh.logic.admission import LEASE, Verdict, changed, claimed, deciding_again, failed, held, judge
from datamesh.logic.answers import DUPLICATE, answering, entries_of, error_text, read_command, stamp_of
from datamesh.logic.domains import strongest
from datamesh.logic.locations import check_apart, check_location
from datamesh.logic.ports import Catalog, Permissions, Registry
from datamesh.logic.products import DesiredProduct, DesiredTable, is_superseded, merge
from datamesh.logic.senders import registered_sender
from datamesh.logic.tables import OUTCOMES, Action, decide
from datamesh.models.arns import s3_arn
from datamesh.models.catalog import CatalogTable
from datamesh.models.commands import RegisterDataProduct
from datamesh.models.errors import (
    CatalogInconsistent,
    CommandRejection,
    LeaseLost,
    TableNameTaken,
    WriteConflict,
)
from datamesh.models.facts import DataProductRegistered, RegisteredTable, RegistrationOutcome, TableOutcome
from datamesh.models.permissions import IAM_ALLOWED_PRINCIPALS, Grant, TableResource
from datamesh.models.registry import (
    Change,
    Drop,
    GiveBack,
    ProductContent,
    ProductRecord,
    Save,
    TableRecord,
    Take,
    table_claim,
)
from datamesh.models.steps import Json, StepRequest

PRODUCER_PERMISSIONS = ("ALTER", "DESCRIBE", "SELECT")


class World(NamedTuple):
    """What registration of a product touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions


class Held(NamedTuple):
    """A command in progress: the record that this execution holds and what is to become of the product."""

    command: RegisterDataProduct
    record: ProductRecord
    desired: DesiredProduct


class ProductRegistration:
    """The steps of register_data_product. Every step may be repeated."""

    def __init__(self, world: World, *, account_id: str, partition: str) -> None:
        self._world = world
        self._account_id = account_id
        self._partition = partition

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks for what, hold the product's record, claim the tables' names."""
        return answering(request, now, lambda: deciding_again(lambda: self._admit(request, now)))

    def tables(self, request: StepRequest, now: datetime) -> Json:
        """Bring every table into the catalog, and tell what was done with each."""

        def act() -> Json:
            try:
                return self._tables(request)
            except CommandRejection:
                deciding_again(lambda: self._withdraw(request, now))
                raise

        return answering(request, now, act)

    def grant(self, request: StepRequest, now: datetime) -> Json:  # noqa: ARG002 - all steps look alike
        """Grant the tables to the producer's account."""
        _, record, desired = self._held(request)
        shares = ensure_granted(
            self._world.permissions,
            account_grants(
                record.account_id,
                catalog_id=self._account_id,
                database=record.database,
                tables=[table.spec.name for table in desired.tables],
                permissions=PRODUCER_PERMISSIONS,
            ),
            record.account_id,
        )
        return {"outcome": "granted", "resource_shares": list(shares), "tables": request.payload.get("tables", [])}

    def record(self, request: StepRequest, now: datetime) -> Json:
        """Put the product in force, and return the fact to publish."""
        return deciding_again(lambda: self._record(request, now))

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
        domain = registered_sender(registry.domain(command.domain), command.domain, envelope.account)
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
        desired = merge(record, recorded, spec, stamp)
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
                    account_id=envelope.account,
                    database=domain.databases.nrac,
                    locations=locations,
                    pending=content,
                )
            )
            registry.write([Save(record)])
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

    def _tables(self, request: StepRequest) -> Json:
        command, record, desired = self._held(request)
        self._check_catalog(record)
        decisions = [self._decide(record, desired.content, table) for table in desired.tables]
        outcomes: list[Json] = []
        for table, (action, wanted) in zip(desired.tables, decisions, strict=True):
            done = self._apply(record, desired.content, table, action, wanted)
            outcomes.append({"name": table.spec.name, "outcome": self._outcome(table, desired, done)})
        self._clear_defaults(record, desired)
        return {"outcome": "created", "domain": command.domain, "product": record.name, "tables": outcomes}

    def _check_catalog(self, record: ProductRecord) -> None:
        """Lake Formation does not protect what lies in a location that is not registered: never publish that."""
        domain = self._world.registry.domain(record.domain)
        if domain is None or domain.config is None:
            raise CatalogInconsistent(f"The domain {record.domain} is gone")
        location = s3_arn(self._partition, domain.config.bucket, domain.config.prefix)
        if self._world.permissions.location_role(location) is None:
            raise CatalogInconsistent(f"{location} is not registered with Lake Formation")
        if self._world.catalog.get_database(record.database) is None:
            raise CatalogInconsistent(f"The database {record.database} is gone")

    def _decide(
        self, record: ProductRecord, content: ProductContent, table: DesiredTable
    ) -> tuple[Action, CatalogTable]:
        found = self._world.catalog.get_table(record.database, table.spec.name)
        return decide(found, record, content, table.spec, declared_anew=table.declared_anew)

    def _apply(
        self, record: ProductRecord, content: ProductContent, table: DesiredTable, action: Action, wanted: CatalogTable
    ) -> Action:
        if action == "create":
            if self._world.catalog.create_table(record.database, wanted):
                return "create"
            # It was created since we looked: what it is decides.
            action, wanted = self._decide(record, content, table)
            if action == "create":
                raise CatalogInconsistent(f"{record.database}.{table.spec.name} exists, but is not visible")
        if action == "update":
            self._world.catalog.update_table(record.database, wanted)
        return action

    @staticmethod
    def _outcome(table: DesiredTable, desired: DesiredProduct, action: Action) -> TableOutcome:
        if table.record is None:
            return "created"
        if action == "keep" and (table.declared_anew or desired.content_changed):
            # An earlier attempt brought it into the catalog and died before it was recorded.
            return "updated"
        return OUTCOMES[action]

    def _clear_defaults(self, record: ProductRecord, desired: DesiredProduct) -> None:
        """Revoke IAM_ALLOWED_PRINCIPALS on the tables: while it stands, nothing can be granted across accounts."""
        names = {table.spec.name for table in desired.tables}
        self._world.permissions.revoke(
            Grant(principal=row.principal, resource=row.resource, permissions=row.permissions, grantable=row.grantable)
            for row in self._world.permissions.list_permissions(principal=IAM_ALLOWED_PRINCIPALS, resource_type="TABLE")
            if isinstance(row.resource, TableResource)
            and row.resource.database == record.database
            and row.resource.name in names
        )

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
        envelope, metadata, _ = read_command(request, RegisterDataProduct, now)
        command, record, desired = self._held(request)
        outcomes = _outcomes(request.payload.get("tables"))
        shares = tuple(request.payload.get("resource_shares") or ())
        self._record_tables(record, desired)
        outcome = self._overall(record, desired, outcomes)
        if (record.content, record.outcome, record.resource_shares) != (desired.content, outcome, shares):
            self._world.registry.write(
                [
                    Save(
                        changed(
                            record,
                            now=now,
                            content=desired.content,
                            locations=_locations(desired),
                            resource_shares=shares,
                            table_count=len(desired.tables),
                            registered_at=record.registered_at or now,
                            outcome=outcome,
                        )
                    )
                ]
            )
        fact = DataProductRegistered(
            domain=command.domain,
            product=record.name,
            catalog_account=self._account_id,
            database=record.database,
            tables=tuple(
                RegisteredTable(
                    name=table.spec.name,
                    location=table.spec.location,
                    outcome=outcomes.get(table.spec.name, "unchanged"),
                )
                for table in desired.tables
            ),
            resource_shares=shares,
            outcome=outcome,
        )
        return {"outcome": outcome, "entries": entries_of(metadata, now, envelope.account, fact)}

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
                        table.record.model_copy(
                            update={"spec": table.spec, "stamp": table.stamp, "version": table.record.version + 1}
                        )
                    )
                )
        self._world.registry.write_all(changes, record)

    @staticmethod
    def _overall(
        record: ProductRecord, desired: DesiredProduct, outcomes: dict[str, TableOutcome]
    ) -> RegistrationOutcome:
        if record.content is None:
            return "registered"
        touched = desired.content_changed or any(outcome != "unchanged" for outcome in outcomes.values())
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


def _outcomes(tables: object) -> dict[str, TableOutcome]:
    rows = tables if isinstance(tables, list) else []
    return {row["name"]: row["outcome"] for row in rows}


def _locations(desired: DesiredProduct, more: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(sorted({table.spec.location for table in desired.tables} | set(more)))
