"""Keeps the registry true to what the domains report and central's catalog says, and columns tagged as declared."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access_ports import DataFilters
from datamesh.logic.admission import ATTEMPTS, changed, deciding_again
from datamesh.logic.answers import stamp_of
from datamesh.logic.held_back import Declared, HeldBack
from datamesh.logic.held_back import World as HeldBackWorld
from datamesh.logic.ports import Catalog, LfTags, Permissions, Registry
from datamesh.logic.schemas import schema_digest
from datamesh.logic.sensitivity import assess, is_pii
from datamesh.logic.table_records import fitting
from datamesh.logic.tag_events import telling
from datamesh.logic.tag_work import tag_work
from datamesh.logic.tagging import Plan, Tagging, TagRules, column_names, declared_tags
from datamesh.logic.tagging import World as TagWorld
from datamesh.logic.tags import Matched, effective
from datamesh.models.catalog import DATA_CLASSIFICATION, CatalogTable
from datamesh.models.commands import RevokeDataProductAccess
from datamesh.models.errors import InvalidEvent, RecordBusy, SenderNotOwner, WriteConflict
from datamesh.models.events import CENTRAL_SOURCE, DomainFact, Entry, Envelope, Metadata, make_entry
from datamesh.models.facts import (
    DataProductAccessProvisioned,
    DataProductCrawlFailed,
    DataProductIndexed,
    DataProductLinked,
    DataProductSchemaUpdated,
    DataProductUnlinked,
    SharingMode,
)
from datamesh.models.ledger import LedgerEvent
from datamesh.models.registry import (
    STANDING,
    Append,
    CrawlState,
    IndexedColumn,
    ProductContent,
    ProductRecord,
    Save,
    Stamp,
    StateChange,
    TableIndex,
    TableRecord,
)
from datamesh.models.steps import Json, StepRequest
from datamesh.models.tags import TableTags

MAX_REASONS = 50
# PutEvents takes ten entries, and of each question the consumer may hear as well:
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_QUESTIONS = 5
IGNORED: Json = {"outcome": "ignored", "tables": [], "tags_changed": False, "product_changed": False}


class World(NamedTuple):
    """What indexing touches."""

    registry: Registry
    catalog: Catalog
    lf_tags: LfTags
    permissions: Permissions
    filters: DataFilters


class Report(NamedTuple):
    """What a domain said of a product of its own: when, and of the tables in which database."""

    product: ProductRecord
    metadata: Metadata
    stamp: Stamp
    mode: SharingMode
    holder: str


Update = Callable[[TableRecord], TableRecord]


class ProductIndexing:
    """The steps of index_data_product."""

    def __init__(self, world: World, rules: TagRules, *, account_id: str) -> None:
        self._world = world
        self._rules = rules
        self._tagging = Tagging(TagWorld(world.registry, world.catalog, world.lf_tags), rules, account_id=account_id)
        held_back = HeldBackWorld(world.registry, world.catalog, world.permissions, world.filters)
        self._held_back = HeldBack(held_back, rules, account_id=account_id)

    def index(self, request: StepRequest, now: datetime) -> Json:
        """Take a fact into the registry; what is older than what the registry has changes nothing.

        A fact that its sender may not state, or that does not follow its model, ends as the outcome `rejected`: nothing
        is wrong with this workflow, and running it again would not help. With `product_changed` the one of `entries`
        tells listeners so.
        """
        try:
            result = self._index(request, now)
        except (SenderNotOwner, InvalidEvent) as error:
            refused = {"outcome": "rejected", "code": error.code, "reason": error.message}
            result = {**refused, "tags_changed": False, "product_changed": False}
        return {**result, "schema": result["outcome"] != "rejected" and _reports_schema(request.envelope)}

    def tell(self, request: StepRequest, now: datetime) -> Json:
        """Return the next facts to publish about tables whose columns or LF-tags changed; none when all are told."""
        data = request.envelope.detail.get("data", {})
        product = data.get("product")
        reference = product if isinstance(product, dict) else {"domain": data.get("domain"), "name": product}
        record = self._product(request.envelope, str(reference.get("domain")), str(reference.get("name")))
        entries = self._tagging.announcements(record, request.envelope.metadata(), now)
        return telling(entries, request.payload.get("told"))

    def review(self, request: StepRequest, now: datetime) -> Json:
        """Hold back from standing grants what is sensitive now, and return what is to be asked or ended for that.

        By name additions are asked about; by LF-tag, where nothing can be held back, the grant has to end. A few at a
        time: those after the id in `asked`. None when all were said.
        """
        envelope = request.envelope
        data = envelope.detail["data"]
        reference = data["product"] if isinstance(data["product"], dict) else {**data, "name": data["product"]}
        product = self._product(envelope, reference["domain"], reference["name"])
        taken: list[str] = []
        by_id: dict[str, list[Entry]] = {}
        cause = envelope.metadata()
        if data.get("access_mode", "nrac") == "nrac":
            specs = {table.name: table.spec for table in self._world.registry.tables(product.domain, product.name)}
            declared = Declared(product, _contents(product), specs)
            taken = self._held_back.narrow(declared, holder=f"{request.execution.id}/{request.step}", now=now)
            for question in self._held_back.additions(declared):
                name = str(question.command.request_id)
                by_id[name] = [make_entry(question.command, cause=cause, now=now, discriminator=name)]
                if (news := question.news()) is not None:
                    to = question.standing.account_id
                    by_id[name].append(make_entry(news, cause=cause, now=now, target_account=to, discriminator=name))
        else:
            for ending in self._endings(product):
                name = str(ending.request_id)
                by_id[name] = [make_entry(ending, cause=cause, now=now, source=CENTRAL_SOURCE, discriminator=name)]
        asked = str(request.payload.get("asked") or "")
        batch = [name for name in sorted(by_id) if name > asked][:MAX_QUESTIONS]
        return {
            "outcome": "ask" if batch else "reviewed",
            "asked": batch[-1] if batch else asked,
            "held_back": taken[:MAX_REASONS],
            "entries": [entry.to_json() for name in batch for entry in by_id[name]],
        }

    def _endings(self, product: ProductRecord) -> list[RevokeDataProductAccess]:
        """Return what ends the standing tag grants that show what is sensitive now and nobody approved."""
        database, grants = product.placed.get("tbac"), self._world.registry.tag_grants()
        found: dict[str, RevokeDataProductAccess] = {}
        for table in self._world.registry.tables(product.domain, product.name) if database and grants else []:
            seen = self._tagging.look(database or "", table.name)
            if seen is None:
                continue
            plan = Plan(
                product=product,
                contents=_contents(product),
                specs={table.name: table.spec},
                recorded_specs={table.name: table.spec},
                tables={table.name: seen[0]},
                before={table.name: seen[1]},
                after={table.name: seen[1]},
            )
            for ending in self._tagging.endings(plan, grants):
                found.setdefault(str(ending.request_id), ending)
        return list(found.values())

    def _index(self, request: StepRequest, now: datetime) -> Json:
        envelope = request.envelope
        stamp = stamp_of(envelope.metadata())
        if stamp.occurred_at > now and (stamp.occurred_at - now).total_seconds() > 300:
            raise InvalidEvent("occurred_at lies in the future")
        match envelope.detail_type:
            case "DataProductLinked":
                return self._linked(request, envelope.data(DataProductLinked), now)
            case "DataProductSchemaUpdated":
                return self._schema_updated(request, envelope.data(DataProductSchemaUpdated), now)
            case "DataProductCrawlFailed":
                return self._crawl_failed(request, envelope.data(DataProductCrawlFailed), now)
            case "DataProductAccessProvisioned":
                return self._provisioned(envelope, envelope.data(DataProductAccessProvisioned), stamp, now)
            case "DataProductUnlinked":
                return self._unlinked(envelope, envelope.data(DataProductUnlinked), stamp, now)
            case other:
                raise InvalidEvent(f"{other} is not indexed")

    def _linked(self, request: StepRequest, fact: DataProductLinked, now: datetime) -> Json:
        if fact.role == "consumer":
            self._check_domain(request.envelope, fact)
            return IGNORED
        if fact.product is None:
            raise InvalidEvent("A producer links products of its own, by name")
        report = self._report(request, fact.product.domain, fact.product.name, fact.access_mode)
        index = self._indexer(report)

        def update(table: TableRecord) -> TableRecord:
            linked = report.stamp if report.stamp.newer_than(table.linked) else table.linked
            return index(table).model_copy(update={"linked": linked})

        return self._take(report, [table.name for table in fact.tables], update, now)

    def _schema_updated(self, request: StepRequest, fact: DataProductSchemaUpdated, now: datetime) -> Json:
        report = self._report(request, fact.domain, fact.product, fact.access_mode)
        index = self._indexer(report)

        def update(table: TableRecord) -> TableRecord:
            return _crawled(index(table), CrawlState(stamp=report.stamp, status="SUCCEEDED"))

        return self._take(report, [table.name for table in fact.tables], update, now)

    def _crawl_failed(self, request: StepRequest, fact: DataProductCrawlFailed, now: datetime) -> Json:
        report = self._report(request, fact.domain, fact.product, fact.access_mode)
        states = {
            table.name: CrawlState(stamp=report.stamp, status=table.status, error=table.error) for table in fact.tables
        }
        index = self._indexer(report)

        def update(table: TableRecord) -> TableRecord:
            state = states[table.name]
            # Of a product whose crawl failed some tables may have been crawled well.
            return _crawled(index(table) if state.status == "SUCCEEDED" else table, state)

        return self._take(report, list(states), update, now)

    def _provisioned(self, envelope: Envelope, fact: DataProductAccessProvisioned, stamp: Stamp, now: datetime) -> Json:
        self._check_domain(envelope, fact)

        def act() -> Json:
            record = self._world.registry.request(fact.request_id)
            if record is None or record.account_id != envelope.account or record.domain != fact.domain:
                raise SenderNotOwner(f"{fact.domain} has not made the request {fact.request_id}")
            standing = record.status in {"APPROVED", *STANDING}
            if record.granted_at is None or not standing or not stamp.newer_than(record.provisioned):
                return IGNORED
            said = StateChange(status="PROVISIONED", at=now, by=f"account:{envelope.account}", why="Linked and granted")
            update = {"status": "PROVISIONED", "provisioned": stamp, "history": (*record.history, said)}
            entered = LedgerEvent(
                kind="AccessProvisioned",
                at=now,
                actor=said.by,
                request_id=record.request_id,
                domain=record.domain,
                details={"principals": list(fact.principals), "databases": list(fact.databases or (fact.database,))},
            )
            self._world.registry.write([Save(changed(record, now=now, **update)), Append(entered)])
            return _of_request(fact)

        return deciding_again(act)

    def _unlinked(self, envelope: Envelope, fact: DataProductUnlinked, stamp: Stamp, now: datetime) -> Json:
        """Take down that the consumer has taken back what it passed on: revoke_access waits for it."""
        self._check_domain(envelope, fact)

        def act() -> Json:
            if fact.request_id is None:
                return IGNORED
            record = self._world.registry.request(fact.request_id)
            if record is None or record.account_id != envelope.account or record.domain != fact.domain:
                raise SenderNotOwner(f"{fact.domain} has not made the request {fact.request_id}")
            since = max((change.at for change in record.history if change.status == "REVOKING"), default=None)
            # Of an earlier end of the same request it says nothing about this one.
            early = since is None or stamp.occurred_at < since
            if record.status != "REVOKING" or early or not stamp.newer_than(record.unlinked):
                return IGNORED
            self._world.registry.write([Save(changed(record, now=now, unlinked=stamp))])
            return _of_request(fact)

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

    def _report(self, request: StepRequest, domain: str, name: str, mode: SharingMode) -> Report:
        product = self._product(request.envelope, domain, name)
        if mode not in product.placed:
            raise InvalidEvent(f"{domain}.{name} is not shared as {mode}")
        stamp = stamp_of(request.envelope.metadata())
        return Report(product, request.envelope.metadata(), stamp, mode, f"{request.execution.id}/{request.step}")

    def _take(self, report: Report, names: list[str], update: Update, now: datetime) -> Json:
        """Take what was reported of tables into the registry. In the tag-based database columns that appeared get the
        LF-tags that were declared for them, and what that means for consumers is recorded.
        """
        product, registry = report.product, self._world.registry
        with tag_work(registry, report.holder, now) if report.mode == "tbac" else nullcontext():
            if report.mode == "tbac":
                product = self._settled(product, now)
            withheld = self._tag_columns(product, names) if report.mode == "tbac" else []
            result = self._update_tables(product, names, update)
            if report.mode == "tbac":
                deciding_again(lambda: self._tagging.record(product, report.stamp, now, names=names))
        changed_tags = self._tagging.has_changed(product, report.stamp)
        news = self._news(report, names, now, retagged=changed_tags)
        said = {"tags_changed": changed_tags, "product_changed": bool(news), "entries": news}
        return result | said | ({"withheld": withheld[:MAX_REASONS]} if withheld else {})

    def _news(self, report: Report, names: Sequence[str], now: datetime, *, retagged: bool) -> list[Json]:
        """Return what tells listeners that the product was indexed; nothing when the fact changed nothing of it.

        What the registry has from this very fact was taken from it, by this attempt or by one whose answer was lost:
        the same event then says it again.
        """
        product = report.product
        tables = self._world.registry.tables(product.domain, product.name)
        if not retagged and not any(_speaks(table, report.stamp) for table in tables if table.name in names):
            return []
        fact = DataProductIndexed(domain=product.domain, product=product.name)
        return [make_entry(fact, cause=report.metadata, now=now).to_json()]

    def _settled(self, product: ProductRecord, now: datetime) -> ProductRecord:
        """Return a product as it is now. Raises RecordBusy while it is being registered: its tables are tagged first,
        and what was declared is recorded last.
        """
        found = self._world.registry.product(product.domain, product.name)
        if found is None or found.is_worked_on(now):
            raise RecordBusy(f"{product.domain}.{product.name} is being registered")
        return found

    def _tag_columns(self, product: ProductRecord, names: Sequence[str]) -> list[str]:
        """Give columns the LF-tags that were declared for them, except where that would show something sensitive.

        A registration is refused then; a crawler's finds cannot be, so the tags are withheld. Return why. Of a product
        whose last registration failed nobody knows which declaration its columns follow: those that carry tags keep
        them.
        """
        database, registry, grants = product.placed["tbac"], self._world.registry, self._world.registry.tag_grants()
        withheld: list[str] = []
        for table in registry.tables(product.domain, product.name):
            seen = self._tagging.look(database, table.name) if table.name in names else None
            if seen is None or product.content is None or not (table.spec.carries_tags or seen[1].columns):
                continue
            found, before = seen
            declared = declared_tags(before.database, product.content, table.spec, column_names(found))
            kept_as_they_are = before.columns if product.pending is not None else {}
            after = before.model_copy(update={"columns": {**declared.columns, **kept_as_they_are}})
            plan = Plan(
                product=product,
                contents=_contents(product),
                specs={table.name: table.spec},
                recorded_specs={table.name: table.spec},
                tables={table.name: found},
                before={table.name: before},
                after={table.name: after},
            )
            sensitive = self._tagging.sensitive_gains(plan, grants)
            withheld += [f"{gain.consumer}: {reason}" for gain, reasons in sensitive for reason in reasons]
            gained = {name for gain, _ in sensitive for name in gain.shown.columns}
            kept = {
                name
                for name in gained
                if self._tagging.reasons(plan, table.name, Matched(table=False, columns=(name,)))
            }
            self._tagging.apply(database, table.name, before, _except(after, before, kept))
        return withheld

    def _indexer(self, report: Report) -> Update:
        """Return what takes a table's schema from the catalog, unless a newer fact has done so."""
        product, stamp, tag_database = report.product, report.stamp, report.product.placed.get("tbac")
        name = product.placed[report.mode]
        database = self._world.catalog.get_database(name)

        def index(table: TableRecord) -> TableRecord:
            if table.index is not None and not stamp.newer_than(table.index.stamp):
                return table
            found = self._world.catalog.get_table(name, table.name)
            if database is None or found is None:
                return table
            seen = self._tagging.look(tag_database, table.name) if tag_database is not None else None
            tags = seen[1] if seen is not None else TableTags()
            reasons = assess(
                database,
                [found],
                contents=_contents(product),
                specs={table.name: table.spec},
                tags={table.name: tags},
                sensitive_tags=self._rules.sensitive_tags,
            ).reasons
            return fitting(table.model_copy(update={"index": table_index(found, stamp, reasons, tags)}))

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


def _reports_schema(envelope: Envelope) -> bool:
    """Tell whether a fact speaks of a producer's own tables."""
    return envelope.detail_type in {"DataProductSchemaUpdated", "DataProductCrawlFailed"} or (
        envelope.detail_type == "DataProductLinked" and envelope.detail.get("data", {}).get("role") == "producer"
    )


def table_index(table: CatalogTable, stamp: Stamp, reasons: tuple[str, ...], tags: TableTags) -> TableIndex:
    """Return what the registry keeps of a table in the catalog."""
    columns = [
        IndexedColumn(
            name=column.name,
            type=column.type,
            comment=column.comment,
            pii=is_pii(column),
            partition_key=partition_key,
            tags=tags.columns.get(column.name, {}),
        )
        for part, partition_key in ((table.columns, False), (table.partition_keys, True))
        for column in part
    ]
    classification = table.parameters.get(DATA_CLASSIFICATION)
    return TableIndex(
        stamp=stamp,
        columns=tuple(columns),
        column_count=len(columns),
        digest=schema_digest(table),
        data_classification=classification.lower() if classification else None,
        tags=effective(tags),
        sensitive=bool(reasons),
        reasons=reasons[:MAX_REASONS],
    )


def _speaks(table: TableRecord, stamp: Stamp) -> bool:
    """Tell whether something that the registry has of a table comes from the fact with this stamp."""
    of_index, of_crawl = (part.stamp if part is not None else None for part in (table.index, table.crawl))
    return stamp in (of_index, of_crawl, table.linked)


def _of_request(fact: DataProductAccessProvisioned | DataProductUnlinked) -> Json:
    """Return that a fact was taken into the record of a request: of no product anything has changed."""
    return {"outcome": "indexed", "request_id": str(fact.request_id), "tags_changed": False, "product_changed": False}


def _crawled(table: TableRecord, state: CrawlState) -> TableRecord:
    if table.crawl is not None and not state.stamp.newer_than(table.crawl.stamp):
        return table
    return table.model_copy(update={"crawl": state})


def _contents(product: ProductRecord) -> tuple[ProductContent, ...]:
    return tuple(content for content in (product.content, product.pending) if content is not None)


def _except(after: TableTags, before: TableTags, kept: set[str]) -> TableTags:
    """Return the tags after a change that leaves some columns as they were."""
    columns: Mapping[str, Mapping[str, str]] = {
        name: (before if name in kept else after).columns.get(name, {}) for name in after.column_names
    }
    return after.model_copy(update={"columns": {name: tags for name, tags in columns.items() if tags}})
