"""Keeps the registry true to what the domains report and central's catalog says."""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.admission import ATTEMPTS, changed, deciding_again
from datamesh.logic.answers import stamp_of
from datamesh.logic.ports import Catalog, Registry
from datamesh.logic.schemas import schema_digest
from datamesh.logic.sensitivity import assess, is_pii
from datamesh.models.catalog import DATA_CLASSIFICATION, CatalogTable
from datamesh.models.errors import InvalidEvent, RecordBusy, SenderNotOwner, WriteConflict
from datamesh.models.events import DomainFact, Envelope
from datamesh.models.facts import (
    DataProductAccessProvisioned,
    DataProductCrawlFailed,
    DataProductLinked,
    DataProductSchemaUpdated,
)
from datamesh.models.registry import (
    CrawlState,
    IndexedColumn,
    ProductRecord,
    Save,
    Stamp,
    TableIndex,
    TableRecord,
)
from datamesh.models.steps import Json, StepRequest

# The rest of a record's 400 KB is for what was declared.
MAX_COLUMNS_BYTES = 150_000
MAX_REASONS = 50
IGNORED: Json = {"outcome": "ignored", "tables": []}


class World(NamedTuple):
    """What indexing touches."""

    registry: Registry
    catalog: Catalog


Update = Callable[[TableRecord], TableRecord]


class ProductIndexing:
    """The one step of index_data_product."""

    def __init__(self, world: World) -> None:
        self._world = world

    def index(self, request: StepRequest, now: datetime) -> Json:
        """Take a fact into the registry; what is older than what the registry has changes nothing.

        A fact that its sender may not state, or that does not follow its model, ends as the outcome `rejected`: nothing
        is wrong with this workflow, and running it again would not help.
        """
        try:
            return self._index(request.envelope, now)
        except (SenderNotOwner, InvalidEvent) as error:
            return {"outcome": "rejected", "code": error.code, "reason": error.message}

    def _index(self, envelope: Envelope, now: datetime) -> Json:
        stamp = stamp_of(envelope.metadata())
        if stamp.occurred_at > now and (stamp.occurred_at - now).total_seconds() > 300:
            raise InvalidEvent("occurred_at lies in the future")
        match envelope.detail_type:
            case "DataProductLinked":
                return self._linked(envelope, envelope.data(DataProductLinked), stamp)
            case "DataProductSchemaUpdated":
                return self._schema_updated(envelope, envelope.data(DataProductSchemaUpdated), stamp)
            case "DataProductCrawlFailed":
                return self._crawl_failed(envelope, envelope.data(DataProductCrawlFailed), stamp)
            case "DataProductAccessProvisioned":
                return self._provisioned(envelope, envelope.data(DataProductAccessProvisioned), stamp, now)
            case other:
                raise InvalidEvent(f"{other} is not indexed")

    def _linked(self, envelope: Envelope, fact: DataProductLinked, stamp: Stamp) -> Json:
        if fact.role == "consumer":
            self._check_domain(envelope, fact)
            return IGNORED
        product = self._product(envelope, fact.product.domain, fact.product.name)
        names = [table.name for table in fact.tables]
        index = self._indexer(product, stamp)

        def update(table: TableRecord) -> TableRecord:
            linked = stamp if stamp.newer_than(table.linked) else table.linked
            return index(table).model_copy(update={"linked": linked})

        return self._update_tables(product, names, update)

    def _schema_updated(self, envelope: Envelope, fact: DataProductSchemaUpdated, stamp: Stamp) -> Json:
        product = self._product(envelope, fact.domain, fact.product)
        index = self._indexer(product, stamp)

        def update(table: TableRecord) -> TableRecord:
            return _crawled(index(table), CrawlState(stamp=stamp, status="SUCCEEDED"))

        return self._update_tables(product, [table.name for table in fact.tables], update)

    def _crawl_failed(self, envelope: Envelope, fact: DataProductCrawlFailed, stamp: Stamp) -> Json:
        product = self._product(envelope, fact.domain, fact.product)
        states = {table.name: CrawlState(stamp=stamp, status=table.status, error=table.error) for table in fact.tables}
        index = self._indexer(product, stamp)

        def update(table: TableRecord) -> TableRecord:
            state = states[table.name]
            # Of a product whose crawl failed some tables may have been crawled well.
            return _crawled(index(table) if state.status == "SUCCEEDED" else table, state)

        return self._update_tables(product, list(states), update)

    def _provisioned(self, envelope: Envelope, fact: DataProductAccessProvisioned, stamp: Stamp, now: datetime) -> Json:
        self._check_domain(envelope, fact)

        def act() -> Json:
            record = self._world.registry.request(fact.request_id)
            if record is None or record.account_id != envelope.account or record.domain != fact.domain:
                raise SenderNotOwner(f"{fact.domain} has not made the request {fact.request_id}")
            if record.granted_at is None or not stamp.newer_than(record.provisioned):
                return IGNORED
            self._world.registry.write([Save(changed(record, now=now, status="PROVISIONED", provisioned=stamp))])
            return {"outcome": "indexed", "request_id": str(fact.request_id)}

        return deciding_again(act)

    def _check_domain(self, envelope: Envelope, fact: DomainFact) -> None:
        name = getattr(fact, "domain", "")
        domain = self._world.registry.domain(name)
        if domain is None or domain.account_id != envelope.account:
            raise SenderNotOwner(f"{envelope.account} may not speak for {name}")

    def _product(self, envelope: Envelope, domain: str, name: str) -> ProductRecord:
        product = self._world.registry.product(domain, name)
        if product is None or product.content is None or product.account_id != envelope.account:
            raise SenderNotOwner(f"{envelope.account} may not speak for {domain}.{name}")
        return product

    def _indexer(self, product: ProductRecord, stamp: Stamp) -> Update:
        """Return what takes a table's schema from the catalog, unless a newer fact has done so."""
        database = self._world.catalog.get_database(product.database)

        def index(table: TableRecord) -> TableRecord:
            if table.index is not None and not stamp.newer_than(table.index.stamp):
                return table
            found = self._world.catalog.get_table(product.database, table.name)
            if database is None or found is None:
                return table
            contents = [content for content in (product.content, product.pending) if content is not None]
            reasons = assess(database, [found], contents=contents, specs={table.name: table.spec}).reasons
            return table.model_copy(update={"index": table_index(found, stamp, reasons)})

        return index

    def _update_tables(self, product: ProductRecord, names: list[str], update: Update) -> Json:
        """Update the named tables, each on its own condition. Names that the product does not have are left out.

        Raises RecordBusy when a table keeps changing.
        """
        pending, done = set(names), list[str]()
        for _ in range(ATTEMPTS):
            recorded = {table.name: table for table in self._world.registry.tables(product.domain, product.name)}
            for name in sorted(pending & recorded.keys()):
                before = recorded[name]
                after = update(before)
                try:
                    if after != before:
                        self._world.registry.write([Save(after.model_copy(update={"version": before.version + 1}))])
                        done.append(name)
                except WriteConflict:
                    continue
                pending.discard(name)
            if not pending & recorded.keys():
                return {"outcome": "indexed" if done else "ignored", "tables": sorted(done)}
        raise RecordBusy(f"Tables of {product.domain}.{product.name} kept changing: {', '.join(sorted(pending))}")


def table_index(table: CatalogTable, stamp: Stamp, reasons: tuple[str, ...]) -> TableIndex:
    """Return what the registry keeps of a table in the catalog; of a very wide one not all columns."""
    columns = [
        IndexedColumn(
            name=column.name, type=column.type, comment=column.comment, pii=is_pii(column), partition_key=partition_key
        )
        for part, partition_key in ((table.columns, False), (table.partition_keys, True))
        for column in part
    ]
    kept, size = list[IndexedColumn](), 0
    for column in columns:
        size += len(column.model_dump_json())
        if size > MAX_COLUMNS_BYTES:
            break
        kept.append(column)
    classification = table.parameters.get(DATA_CLASSIFICATION)
    return TableIndex(
        stamp=stamp,
        columns=tuple(kept),
        column_count=len(columns),
        truncated=len(kept) < len(columns),
        digest=schema_digest(table),
        data_classification=classification.lower() if classification else None,
        sensitive=bool(reasons),
        reasons=reasons[:MAX_REASONS],
    )


def _crawled(table: TableRecord, state: CrawlState) -> TableRecord:
    if table.crawl is not None and not state.stamp.newer_than(table.crawl.stamp):
        return table
    return table.model_copy(update={"crawl": state})
