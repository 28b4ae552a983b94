"""Holds back from standing grants by name what became sensitive without an approval, and finds what to ask anew.

A grant lists the columns that it shows, so what is added to a table is not shown by itself. What is declared or flagged
as sensitive later is taken out of the list first, and people are asked about it afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic import access_work
from datamesh.logic.access_ports import DataFilters
from datamesh.logic.exposed import TableView, sensitive_columns
from datamesh.logic.ports import Catalog, Permissions, Registry
from datamesh.logic.tagging import TagRules, column_names, declared_tags
from datamesh.models.catalog import CatalogDatabase, CatalogTable
from datamesh.models.commands import MAX_COLUMNS, TableSpec, WidenDataProductAccess
from datamesh.models.errors import CatalogInconsistent
from datamesh.models.events import derived_id
from datamesh.models.facts import MAX_LISTED_COLUMNS, DataProductAccessChanged
from datamesh.models.ledger import LedgerEvent
from datamesh.models.permissions import DataFilter, FilterResource, Grant
from datamesh.models.registry import Append, GrantRecord, ProductContent, ProductRecord, Save, ShownTable

SHOWN_REASONS = 10
# Whose answer stands: people said no, or are being asked. What came to nothing by itself is asked anew.
ANSWERED = frozenset({"PENDING", "APPROVED", "DENIED", "CANCELLED", "EXPIRED", "REJECTED", "REVOKED", "REVOKING"})


class World(NamedTuple):
    """What is touched."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    filters: DataFilters


class Declared(NamedTuple):
    """What is said of a product's tables, by every declaration that counts."""

    product: ProductRecord
    contents: Sequence[ProductContent]
    specs: Mapping[str, TableSpec]


class Question(NamedTuple):
    """What a standing grant would show more, and what of it the grant has shown before it became sensitive."""

    standing: GrantRecord
    command: WidenDataProductAccess
    held_back: tuple[str, ...]

    def news(self) -> DataProductAccessChanged | None:
        """Return what the consumer is told: that the grant shows less until people have decided."""
        if not self.held_back:
            return None
        ((table, _),) = self.command.columns.items()
        return DataProductAccessChanged(
            request_id=self.standing.request_id,
            domain=self.standing.consumer,
            product=self.standing.product,
            table=table,
            effect="narrowed",
            columns=self.held_back[:MAX_LISTED_COLUMNS],
            column_count=len(self.held_back),
            reason=f"It is sensitive now; the request {self.command.request_id} asks whether it may be shown",
        )


class HeldBack:
    """What a product's registration and its indexing do with the standing grants of the product."""

    def __init__(self, world: World, rules: TagRules, *, account_id: str) -> None:
        self._world = world
        self._rules = rules
        self._account_id = account_id

    def narrow(self, declared: Declared, *, holder: str, now: datetime) -> list[str]:
        """Take out of all standing grants of a product what is sensitive and was not approved; return what that was.

        The registry says so first: a step that dies in between is repeated, and reconciliation knows what should be.
        Raises RecordBusy while somebody else changes what a consumer is granted.
        """
        product, registry = declared.product, self._world.registry
        consumers = sorted({grant.consumer for grant in registry.grants(product.domain, product.name)})
        if not consumers:
            return []
        sensitive = self._sensitive(declared)
        taken: list[str] = []
        for consumer in consumers:
            grants = [grant for grant in registry.grants(product.domain, product.name) if grant.consumer == consumer]
            if not any(_excess(grant, sensitive) or _held(grant) for grant in grants):
                continue
            access_work.take(registry, consumer, holder, now)
            try:
                for grant in registry.grants(product.domain, product.name):
                    if grant.consumer == consumer:
                        taken += self._narrow_one(grant, sensitive, now)
            finally:
                access_work.release(registry, consumer, holder)
        return taken

    def additions(self, declared: Declared) -> Iterator[Question]:
        """Yield what standing grants would show more if they were asked for now, one command per grant and table.

        Each has the same id when it is found again, unless other columns are sensitive since: what was answered is not
        asked anew.
        """
        product, registry = declared.product, self._world.registry
        grants = registry.grants(product.domain, product.name)
        if not grants:
            return
        sensitive = self._sensitive(declared)
        tables = {name: self._table(declared, name) for name in declared.specs}
        for grant in grants:
            request = registry.request(grant.request_id)
            if request is None or request.status not in {"GRANTED", "PROVISIONED"}:
                continue
            for name, table in sorted(tables.items()):
                more = _more(grant, name, table) if table is not None else ()
                if not more:
                    continue
                flagged = sorted(set(more) & sensitive.get(name, {}).keys())
                request_id = derived_id(grant.request_id, "widen", name, *more, "sensitive", *flagged)
                known = registry.request(request_id)
                if known is None or known.status not in ANSWERED:
                    command = WidenDataProductAccess(
                        request_id=request_id, widens=grant.request_id, columns={name: more[:MAX_COLUMNS]}
                    )
                    shown = grant.shown.get(name)
                    held_back = tuple(column for column in more if shown is not None and column in shown.held_back)
                    yield Question(grant, command, held_back)

    # --- parts ---

    def _narrow_one(
        self, grant: GrantRecord, sensitive: Mapping[str, Mapping[str, tuple[str, ...]]], now: datetime
    ) -> list[str]:
        excess = _excess(grant, sensitive)
        if excess:
            reasons = [
                reason for name, columns in excess.items() for column in columns for reason in sensitive[name][column]
            ]
            grant = _without(grant, excess, self._keys(grant, excess))
            entered = LedgerEvent(
                kind="AccessNarrowed",
                at=now,
                actor="datamesh:hold_back",
                request_id=grant.request_id,
                domain=grant.consumer,
                details={
                    "product": grant.product.to_json(),
                    "columns": {name: list(columns) for name, columns in excess.items()},
                    "reasons": list(dict.fromkeys(reasons))[:SHOWN_REASONS],
                },
            )
            self._world.registry.write([Save(grant), Append(entered)])
        for name, shown in grant.shown.items():
            if shown.held_back:
                self._put(grant, name, shown)
        return [f"{grant.consumer}: {name}.{column}" for name, columns in excess.items() for column in columns]

    def _put(self, grant: GrantRecord, name: str, shown: ShownTable) -> None:
        """Make the filter show what the record says; a filter cannot show nothing, so that is granted to nobody."""
        if shown.columns:
            wanted = DataFilter(
                database=grant.database, table=name, name=shown.filter, columns=shown.columns, rows=shown.rows
            )
            self._world.filters.ensure(wanted)
            return
        resource = FilterResource(catalog_id=self._account_id, database=grant.database, table=name, name=shown.filter)
        self._world.permissions.revoke(
            Grant(
                principal=principal,
                resource=resource,
                permissions=("SELECT",),
                grantable=("SELECT",) if principal == grant.account_id else (),
            )
            for principal in holders(grant, self._account_id)
        )

    def _keys(self, grant: GrantRecord, excess: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Return the tables of which a partition key is held back, and so everything: no filter leaves a key out."""
        found = {name: self._world.catalog.get_table(grant.database, name) for name in excess}
        return {
            name
            for name, table in found.items()
            if table is None or {key.name for key in table.partition_keys} & set(excess[name])
        }

    def _sensitive(self, declared: Declared) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return the sensitive columns of each table that is in the catalog, with the reasons."""
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for name in declared.specs:
            table = self._table(declared, name)
            if table is not None:
                found[name] = sensitive_columns(self._view(declared, table), self._rules.sensitive_tags)
        return found

    def _view(self, declared: Declared, table: CatalogTable) -> TableView:
        spec, domain = declared.specs[table.name], self._world.registry.domain(declared.product.domain)
        domain_tags = domain.tags if domain is not None else {}
        tags = [declared_tags(domain_tags, content, spec, column_names(table)) for content in declared.contents]
        return TableView(self._database(declared.product), table, declared.contents, spec, tags)

    def _database(self, product: ProductRecord) -> CatalogDatabase:
        found = self._world.catalog.get_database(product.database)
        if found is None:
            raise CatalogInconsistent(f"The database {product.database} is gone")
        return found

    def _table(self, declared: Declared, name: str) -> CatalogTable | None:
        return self._world.catalog.get_table(declared.product.database, name)


def holders(grant: GrantRecord, central: str) -> tuple[str, ...]:
    """Return to whom central grants: the consumer's account, or the principals themselves.

    Of central's own account it is always the principals: an account cannot be granted something of its own.
    """
    by_name = grant.grant_to == "principals" or grant.account_id == central
    return grant.principals if by_name else (grant.account_id,)


def _excess(grant: GrantRecord, sensitive: Mapping[str, Mapping[str, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Return by table the columns that a grant shows, that are sensitive, and that nobody approved."""
    found = {
        name: tuple(
            column for column in sensitive.get(name, {}) if column in shown.columns and column not in shown.approved
        )
        for name, shown in grant.shown.items()
    }
    return {name: columns for name, columns in found.items() if columns}


def _held(grant: GrantRecord) -> bool:
    return any(shown.held_back for shown in grant.shown.values())


def _without(grant: GrantRecord, excess: Mapping[str, tuple[str, ...]], whole: set[str]) -> GrantRecord:
    """Return the next version of a grant without these columns; of tables in `whole` without any."""
    shown = dict(grant.shown)
    for name, columns in excess.items():
        kept = () if name in whole else tuple(column for column in shown[name].columns if column not in columns)
        lost = tuple(column for column in shown[name].columns if column not in kept)
        held_back = tuple(sorted({*shown[name].held_back, *lost}))
        shown[name] = shown[name].model_copy(update={"columns": kept, "held_back": held_back})
    return grant.model_copy(update={"shown": shown, "version": grant.version + 1})


def _more(grant: GrantRecord, name: str, table: CatalogTable) -> tuple[str, ...]:
    """Return the columns of a table that a grant does not show, but was asked to: held back, or added since."""
    shown, known = grant.shown.get(name), column_names(table)
    if shown is None:
        return known if grant.later_tables == "included" else ()
    if shown.all_columns:
        return tuple(column for column in known if column not in shown.columns)
    return tuple(column for column in known if column in shown.held_back)
