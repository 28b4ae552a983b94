"""A product leaves: nobody is granted it any more, then all access to it ends, then its tables leave the catalog.

Access ends as everywhere, by revoke_access: central asks for it as governance does, request by request, and waits. The
data stays where it is.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol

from datamesh.logic.admission import LEASE, Verdict, changed, deciding_again, failed, held, judge
from datamesh.logic.answers import DUPLICATE, answering, entries_of, error_text, read_command, stamp_of
from datamesh.logic.ports import Catalog, LfTags, Permissions, Registry
from datamesh.logic.senders import registered_sender, sender_of
from datamesh.logic.tag_work import tag_work
from datamesh.models.catalog import DATA_OWNER, DATA_PRODUCT
from datamesh.models.commands import DeregisterDataProduct, ProductRef, RevokeDataProductAccess
from datamesh.models.errors import CommandRejection, ProductInUse, ProductNotFound
from datamesh.models.events import CENTRAL_SOURCE, make_entry
from datamesh.models.facts import DataProductDeregistered, SharingMode
from datamesh.models.permissions import Grant, TableResource
from datamesh.models.registry import (
    STANDING,
    Change,
    Drop,
    GiveBack,
    ProductRecord,
    RequestRecord,
    Save,
    table_claim,
)
from datamesh.models.steps import Json, StepRequest

# Of one PutEvents: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
ENDED_AT_ONCE = 10
REASON = "The product leaves the mesh"


class ProductCatalog(Catalog, Protocol):
    """Central's Data Catalog, from which tables go."""

    def delete_table(self, database: str, name: str) -> bool:
        """Delete a table; False when it was gone."""


class World(NamedTuple):
    """What the end of a product touches."""

    registry: Registry
    catalog: ProductCatalog
    permissions: Permissions
    lf_tags: LfTags


class ProductDeregistration:
    """The steps of deregister_data_product. Every step may be repeated."""

    def __init__(self, world: World, *, account_id: str, own_role_arn: str) -> None:
        self._world = world
        self._account_id = account_id
        self._own_role_arn = own_role_arn

    def admit(self, request: StepRequest, now: datetime) -> Json:
        """Check who asks, and hold the product's record: from now on nothing of it is granted."""
        return answering(request, now, lambda: deciding_again(lambda: self._admit(request, now)))

    def end(self, request: StepRequest, now: datetime) -> Json:
        """Return the commands that end access to the product, ten at a time; `ended` when there is none any more."""
        return deciding_again(lambda: self._end(request, now))

    def wait(self, request: StepRequest, now: datetime) -> Json:  # noqa: ARG002 - all steps look alike
        """Raise ProductInUse until the access that was asked to end has ended."""
        record = self._held(request)
        asked = {str(each) for each in request.payload.get("requests") or ()}
        left = [each for each in self._in_use(record) if str(each.request_id) in asked]
        if left:
            raise ProductInUse(f"{len(left)} of {len(asked)} requests have not ended yet, e.g. {left[0].request_id}")
        return {"outcome": "waited"}

    def remove(self, request: StepRequest, now: datetime) -> Json:
        """Take the product's tables out of the catalog, and return the fact to publish."""
        record = self._held(request)
        for mode, database in _databases(record):
            if mode == "tbac":
                with tag_work(self._world.registry, f"{request.execution.id}/{request.step}", now):
                    self._remove_tables(record, database, tagged=True)
            else:
                self._remove_tables(record, database, tagged=False)
        tables = tuple(table.name for table in self._world.registry.tables(record.domain, record.name))
        fact = DataProductDeregistered(
            domain=record.domain,
            product=record.name,
            catalog_account=self._account_id,
            databases=tuple(database for _, database in _databases(record)),
            tables=tables,
            access_modes=tuple(mode for mode, _ in _databases(record)),
        )
        entries = entries_of(request.envelope.metadata(), now, record.account_id, fact)
        return {"outcome": "removed", "entries": entries}

    def close(self, request: StepRequest, now: datetime) -> Json:
        """Give the tables' names back, and record that the product is gone: the fact is published."""
        return deciding_again(lambda: self._close(request, now))

    def fail(self, request: StepRequest, now: datetime) -> Json:
        """Mark the record as failed, so that the command sent again goes on."""
        return deciding_again(lambda: self._fail(request, now))

    def _admit(self, request: StepRequest, now: datetime) -> Json:
        envelope, metadata, command = read_command(request, DeregisterDataProduct, now)
        registry, stamp = self._world.registry, stamp_of(metadata)
        sender, domain = sender_of(envelope, metadata, self._account_id), registry.domain(command.domain)
        registered_sender(domain, command.domain, sender.account_of(domain))
        record = registry.product(command.domain, command.name)
        if record is None:
            raise ProductNotFound(f"There is no product {command.domain}.{command.name}", "name")
        same = record.stamp.event_id == metadata.event_id
        if record.status == "DEREGISTERED":
            if same or not stamp.newer_than(record.stamp):
                return DUPLICATE
            raise ProductNotFound(f"There is no product {command.domain}.{command.name} any more", "name")
        newest = [content.stamp for content in (record.content, record.pending) if content is not None]
        if not same and any(not stamp.newer_than(said) for said in newest):
            # It was registered again since.
            return DUPLICATE
        verdict = judge(record, same_command=same, execution_id=request.execution.id, now=now)
        if verdict is Verdict.DUPLICATE:
            return DUPLICATE
        if verdict is Verdict.START:
            holding = changed(
                record,
                now=now,
                status="DEREGISTERING",
                stamp=stamp,
                execution_id=request.execution.id,
                lease_expires_at=now + LEASE,
                error=None,
            )
            registry.write([Save(holding)])
        return {"outcome": "admitted", "domain": command.domain, "product": command.name}

    def _end(self, request: StepRequest, now: datetime) -> Json:
        record = self._held(request)
        # However many have to end: each round holds the record for its own time.
        self._world.registry.write([Save(changed(record, now=now, lease_expires_at=now + LEASE))])
        ending = self._in_use(record)[:ENDED_AT_ONCE]
        if not ending:
            return {"outcome": "ended"}
        entries = [
            make_entry(
                RevokeDataProductAccess(request_id=each.request_id, domain=None, reason=REASON),
                cause=request.envelope.metadata(),
                now=now,
                source=CENTRAL_SOURCE,
                # A later round asks anew.
                discriminator=f"{each.request_id}/{each.version}",
            ).to_json()
            for each in ending
        ]
        return {"outcome": "ending", "requests": [str(each.request_id) for each in ending], "entries": entries}

    def _in_use(self, record: ProductRecord) -> list[RequestRecord]:
        """Return the requests by which somebody has access to the product, gets it, or may get it."""
        registry = self._world.registry
        product = ProductRef(domain=record.domain, name=record.name)
        granted = {grant.request_id for grant in registry.grants(record.domain, record.name)}
        return [
            each
            for each in registry.all_requests()
            if each.product == product
            and (
                each.status in {"PENDING", "APPROVED", "REVOKING"}
                or each.request_id in granted
                or (each.status in STANDING and each.sort == "access")
            )
        ]

    def _remove_tables(self, record: ProductRecord, database: str, *, tagged: bool) -> None:
        world = self._world
        for name in self._own_tables(record, database):
            if tagged:
                # Before anything else: what carries no LF-tag of its own is shown by fewer expressions, never by more.
                world.lf_tags.set_column_tags(database, name, {})
                world.lf_tags.set_table_tags(database, name, {})
            resource = TableResource(catalog_id=self._account_id, database=database, name=name)
            world.permissions.revoke(
                Grant(principal=row.principal, resource=resource, permissions=row.permissions, grantable=row.grantable)
                for row in world.permissions.list_permissions(resource=resource)
                if row.resource == resource
            )
            # An administrator may not drop what others made without this; it goes with the table.
            world.permissions.grant([Grant(principal=self._own_role_arn, resource=resource, permissions=("DROP",))])
            world.catalog.delete_table(database, name)

    def _own_tables(self, record: ProductRecord, database: str) -> list[str]:
        """Return the product's tables, also those that a failed registration left behind. Never another's."""
        return [
            table.name
            for table in self._world.catalog.list_tables(database)
            if table.parameters.get(DATA_PRODUCT) == record.name
            and table.parameters.get(DATA_OWNER) == record.account_id
        ]

    def _close(self, request: StepRequest, now: datetime) -> Json:
        command, registry = request.envelope.data(DeregisterDataProduct), self._world.registry
        found = registry.product(command.domain, command.name)
        if found is not None and found.execution_id == request.execution.id and found.status == "DEREGISTERED":
            return {"outcome": "closed"}
        record = held(found, request.execution.id)
        changes: list[Change] = []
        for table in registry.tables(record.domain, record.name):
            changes += [Drop(table), GiveBack(table_claim(record.domain, table.name, record.name))]
        registry.write_all(changes, record)
        # The record stays, so that an older registration that comes late does not bring the product back.
        gone = changed(
            record,
            now=now,
            status="DEREGISTERED",
            access_mode="nrac",
            pending_mode=None,
            locations=(),
            content=None,
            pending=None,
            resource_shares=(),
            table_count=0,
            registered_at=None,
            outcome=None,
        )
        registry.write([Save(gone)])
        return {"outcome": "closed"}

    def _fail(self, request: StepRequest, now: datetime) -> Json:
        try:
            _, _, command = read_command(request, DeregisterDataProduct, now)
        except CommandRejection:
            return {"outcome": "failed", "recorded": False}
        record = failed(
            self._world.registry.product(command.domain, command.name),
            execution_id=request.execution.id,
            error=error_text(request),
            now=now,
        )
        if record is not None:
            self._world.registry.write([Save(record)])
        return {"outcome": "failed", "recorded": record is not None}

    def _held(self, request: StepRequest) -> ProductRecord:
        command = request.envelope.data(DeregisterDataProduct)
        return held(self._world.registry.product(command.domain, command.name), request.execution.id)


def _databases(record: ProductRecord) -> Iterator[tuple[SharingMode, str]]:
    """Yield where the product has tables, or a registration that failed may have left some."""
    placed = record.placed | (record.placed_by(record.pending_mode) if record.pending_mode is not None else {})
    yield from placed.items()
