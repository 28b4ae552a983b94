"""Requests for a product by its name: which columns and rows they show, and how that is granted.

Every request has a data cells filter of its own on each table, so that requests never touch one another, and what is
added to a table later is not shown by itself.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.access import ensure_granted, filter_grants, grantees
from datamesh.logic.exposed import Exposure, TableView, exposed_table
from datamesh.logic.policy import UNCLASSIFIED, tags_of
from datamesh.logic.senders import registered_sender
from datamesh.logic.sensitivity import OPEN_CLASSIFICATIONS
from datamesh.logic.share_world import Granted, Seen, ShareConfig, World
from datamesh.logic.tagging import column_names, declared_tags
from datamesh.logic.tags import effective
from datamesh.models.catalog import DATA_CLASSIFICATION
from datamesh.models.commands import ProductRef
from datamesh.models.errors import (
    CatalogInconsistent,
    GrantNotVisible,
    InvalidRowFilter,
    NotSharedByName,
    ProductNotFound,
    RecordBusy,
    TableNotFound,
    TooManyFilters,
)
from datamesh.models.permissions import DataFilter, Grant
from datamesh.models.policy import GrantTo
from datamesh.models.registry import (
    Change,
    Check,
    Drop,
    GrantRecord,
    ProductRecord,
    RequestRecord,
    Save,
    ShownTable,
    TableRecord,
)

# https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
MAX_FILTERS = 100
PERMISSIONS = ("SELECT",)
_CLASSIFICATIONS = OPEN_CLASSIFICATIONS | {"confidential", "restricted"}


class Asked(NamedTuple):
    """A product and those of its tables that are asked for."""

    product: ProductRecord
    tables: tuple[TableRecord, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tables."""
        return tuple(table.name for table in self.tables)


class NamedRequests:
    """Says what requests by name show, grants them and takes them back."""

    def __init__(self, world: World, config: ShareConfig) -> None:
        self._world = world
        self._account_id = config.account_id
        self._prefix = config.database_prefix
        self._sensitive_tags = config.rules.sensitive_tags

    # --- what would be shown ---

    def asked(self, reference: ProductRef, names: Sequence[str] | None) -> Asked:
        """Return what is asked for; without names all tables that the product has now.

        Raises ProductNotFound, NotSharedByName, TableNotFound, and RecordBusy during a first registration.
        """
        product = self._world.registry.product(reference.domain, reference.name)
        if product is None or product.content is None or product.status == "DEREGISTERING":
            if product is not None and product.status == "REGISTERING":
                raise RecordBusy(f"The product {reference.domain}.{reference.name} is being registered")
            raise ProductNotFound(f"There is no product {reference.domain}.{reference.name}")
        if "nrac" not in product.placed:
            raise NotSharedByName(f"{reference.domain}.{reference.name} is shared by LF-tag: ask for an expression")
        tables = {table.name: table for table in self._world.registry.tables(reference.domain, reference.name)}
        wanted = names or tuple(sorted(tables))
        for number, name in enumerate(wanted):
            if name not in tables:
                raise TableNotFound(f"{reference.domain}.{reference.name} has no table {name}", f"tables.{number}")
        return Asked(product, tuple(tables[name] for name in sorted(wanted)))

    def look(self, request: RequestRecord, reference: ProductRef, standing: GrantRecord | None, now: datetime) -> Seen:
        """Return what a request would show; of an extension what the standing grant shows, of a widening what it adds.

        Raises what `asked` raises, UnknownColumn, InvalidRowFilter, TableNotFound, and RecordBusy while the product is
        being registered: what is declared of its columns then is not recorded yet.
        """
        extends = request.sort == "extension" and standing is not None
        asked = self.asked(reference, tuple(standing.shown) if extends and standing else request.tables or None)
        if asked.product.is_worked_on(now):
            raise RecordBusy(f"{reference.domain}.{reference.name} is being registered")
        for field, given in (("columns", request.columns), ("rows", request.rows)):
            if strange := sorted(set(given) - set(asked.names)):
                raise TableNotFound(f"{reference.domain}.{reference.name} has no table {strange[0]}", field)
        views = self._views(asked)
        tables = []
        for view in views:
            name, shown = view.table.name, standing.shown.get(view.table.name) if standing is not None else None
            columns: Sequence[str] | None = request.columns.get(name)
            if request.sort == "extension":
                columns = [column for column in column_names(view.table) if shown and column in shown.columns]
            tables.append(
                exposed_table(
                    view,
                    columns=columns,
                    rows=shown.rows if shown is not None else request.rows.get(name),
                    sensitive_tags=self._sensitive_tags,
                    with_keys=request.sort != "widening" or shown is None or not shown.columns,
                )
            )
        exposure = Exposure(tables=tuple(tables))
        return Seen(
            mode="nrac",
            exposure=exposure,
            producers=(reference.domain,),
            classifications=frozenset(found for view in views for found in _classifications(view)),
            tags=tags_of(tags for view in views for tags in _carried(view, exposure)),
            database=asked.product.database,
            product=asked.product,
        )

    def _views(self, asked: Asked) -> list[TableView]:
        """Return all that is said of the tables: in the catalog as it is now, and by all declarations, one that is only
        just being made included.
        """
        product, catalog = asked.product, self._world.catalog
        database = catalog.get_database(product.database)
        found = {name: catalog.get_table(product.database, name) for name in asked.names}
        missing = [name for name, table in found.items() if table is None]
        if database is None or missing:
            raise CatalogInconsistent(f"The catalog misses {product.database} {', '.join(missing)}".rstrip())
        domain = self._world.registry.domain(product.domain)
        domain_tags = domain.tags if domain is not None else {}
        contents = [content for content in (product.content, product.pending) if content is not None]
        return [
            TableView(
                database,
                table,
                contents,
                record.spec,
                # Those that it is declared with speak of the same data, shared by them or not.
                [declared_tags(domain_tags, content, record.spec, column_names(table)) for content in contents],
            )
            for record in asked.tables
            if (table := found[record.name]) is not None
        ]

    # --- granting ---

    def grant(
        self, request: RequestRecord, reference: ProductRef, seen: Seen, *, grant_to: GrantTo, now: datetime
    ) -> Granted:
        """Grant what was seen: to the consumer's account, or to the principals alone.

        The registry has the grant before Lake Formation does. Raises TooManyFilters, InvalidRowFilter,
        GrantNotVisible, and DomainNotRegistered when the consumer has left since it asked.
        """
        self._check_consumer(request)
        standing = self.own(request.request_id, reference)
        wanted = GrantRecord(
            request_id=request.request_id,
            product=reference,
            consumer=request.domain,
            account_id=request.account_id,
            database=seen.database or "",
            tables=tuple(table.name for table in seen.exposure.tables),
            shown={
                table.name: ShownTable(
                    filter=self.filter_name(request),
                    columns=table.columns,
                    approved=table.sensitive,
                    all_columns=table.name not in request.columns,
                    rows=table.rows,
                )
                for table in seen.exposure.tables
            },
            later_tables=request.later_tables,
            grant_to=grant_to,
            principals=request.principals,
            permissions=PERMISSIONS,
            granted_at=now,
        )
        if standing is not None and _meaning(standing) == _meaning(wanted):
            wanted = standing
        else:
            self._check_room(wanted)
            # What an attempt before this one granted was decided by something else.
            changes = self._taken_back(standing) if standing is not None else []
            if changes:
                self._world.registry.write([Check(request), *changes])
            self._world.registry.write([Check(request), *seen.guards, Save(wanted)])
        shares = self.apply(wanted)
        # Once more: of a domain that leaves and a grant to it at once, one sees the other.
        self._check_consumer(request)
        return Granted(wanted, shares)

    def apply(self, record: GrantRecord) -> tuple[str, ...]:
        """Make Lake Formation grant what a record says, read it back, and return the RAM shares that carry it.

        All filters are made before any is granted: a row filter that is refused leaves nothing granted.
        """
        wanted = [
            DataFilter(database=record.database, table=table, name=shown.filter, columns=shown.columns, rows=shown.rows)
            for table, shown in record.shown.items()
            if shown.columns
        ]
        for each in wanted:
            try:
                self._world.filters.ensure(each)
            except InvalidRowFilter as refused:
                raise InvalidRowFilter(refused.message, f"rows.{each.table}") from refused
        for each in wanted:
            found = self._world.filters.get(each.database, each.table, each.name)
            if found is None or (found.columns, found.rows) != (each.columns, each.rows):
                raise GrantNotVisible(f"The filter {each.name} of {each.table} is not as it was made yet")
        who = grantees(record.account_id, record.principals, record.grant_to, catalog_id=self._account_id)
        return ensure_granted(self._world.permissions, self._grants(record, who))

    def widened(self, base: GrantRecord, seen: Seen, *, grant_to: GrantTo) -> GrantRecord:
        """Return a standing grant with what a widening adds to it: columns, and tables. Raises TooManyFilters.

        What is for the principals alone makes the whole grant so: one filter has one kind of grantee.
        """
        shown = dict(base.shown)
        for table in seen.exposure.tables:
            known = shown.get(table.name)
            if known is None:
                known = ShownTable(filter=filter_name(self._prefix, base.request_id), columns=(), rows=table.rows)
            shown[table.name] = known.model_copy(
                update={
                    "columns": tuple(dict.fromkeys((*known.columns, *table.columns))),
                    "approved": tuple(dict.fromkeys((*known.approved, *table.sensitive))),
                    "held_back": tuple(column for column in known.held_back if column not in table.columns),
                }
            )
        wanted = base.model_copy(
            update={
                "tables": tuple(sorted({*base.tables, *shown})),
                "shown": shown,
                "grant_to": "principals" if "principals" in (grant_to, base.grant_to) else "account",
                "version": base.version + 1,
            }
        )
        self._check_room(wanted)
        return wanted

    def narrow_grantees(self, record: GrantRecord) -> None:
        """Revoke what the account holds of a grant that is for the principals alone now."""
        if record.grant_to == "principals" and record.account_id != self._account_id:
            self._world.permissions.revoke(self._grants(record, (record.account_id,)))

    def approved_again(self, base: GrantRecord, seen: Seen) -> dict[str, ShownTable]:
        """Return what a standing grant shows, with all of it that is sensitive now approved."""
        return {
            name: shown.model_copy(update={"approved": tuple(dict.fromkeys((*shown.approved, *table.sensitive)))})
            for name, shown in base.shown.items()
            for table in [seen.exposure.of(name)]
        }

    # --- taking back ---

    def take_back(self, request: RequestRecord, reference: ProductRef) -> list[Change]:
        """Revoke what was granted by a request, delete its filters, and return what forgets the grant."""
        own = self.own(request.request_id, reference)
        return self._taken_back(own) if own is not None else []

    def own(self, request_id: object, reference: ProductRef) -> GrantRecord | None:
        """Return the grant of a request."""
        grants = self._world.registry.grants(reference.domain, reference.name)
        return next((grant for grant in grants if grant.request_id == request_id), None)

    def filter_name(self, request: RequestRecord) -> str:
        """Return the name of a request's filters: one on each table."""
        return filter_name(self._prefix, request.request_id)

    def _taken_back(self, own: GrantRecord) -> list[Change]:
        accounts = () if own.account_id == self._account_id else (own.account_id,)
        # To both: a decision made anew may have changed to whom.
        self._world.permissions.revoke(self._grants(own, (*accounts, *own.principals)))
        for table, shown in own.shown.items():
            self._world.filters.delete(own.database, table, shown.filter)
        return [Drop(own)]

    def _grants(self, record: GrantRecord, who: Sequence[str]) -> list[Grant]:
        filters: Mapping[str, str] = {table: shown.filter for table, shown in record.shown.items() if shown.columns}
        return filter_grants(who, catalog_id=self._account_id, database=record.database, filters=filters)

    def _check_consumer(self, request: RequestRecord) -> None:
        """Raise DomainNotRegistered, SenderNotOwner or RecordBusy when the domain that asked has left, or leaves."""
        registered_sender(self._world.registry.domain(request.domain), request.domain, request.account_id)

    def _check_room(self, wanted: GrantRecord) -> None:
        """Check that one filter more fits on each table, for the account and for each principal that is to have it."""
        others = [
            grant
            for grant in self._world.registry.grants(wanted.product.domain, wanted.product.name)
            if grant.request_id != wanted.request_id
        ]
        for table in wanted.shown:
            for who in _holders(wanted):
                held = sum(table in grant.shown and who in _holders(grant) for grant in others)
                if held >= MAX_FILTERS:
                    raise TooManyFilters(f"{who} has {held} filters on {table} already, of at most {MAX_FILTERS}")


def filter_name(prefix: str, request_id: object) -> str:
    """Return the name of the data cells filters of a request; the prefix is in the alphabet of catalog names."""
    return f"{prefix}_{str(request_id).replace('-', '')}"


def _holders(record: GrantRecord) -> tuple[str, ...]:
    """Return who has the filters of a grant, or will have them when the account has passed them on."""
    return (*((record.account_id,) if record.grant_to == "account" else ()), *record.principals)


def _meaning(record: GrantRecord) -> object:
    return record.shown, record.grant_to, record.principals, record.database


def _classifications(view: TableView) -> set[str]:
    """Return what the table and its product are classified as; what is unknown, or not one of the mesh's, is none."""
    declared = {content.classification or UNCLASSIFIED for content in view.contents}
    written = {
        value.strip().lower()
        for name, value in view.table.parameters.items()
        if name.strip().lower() == DATA_CLASSIFICATION
    }
    return declared | {value if value in _CLASSIFICATIONS else UNCLASSIFIED for value in written or {UNCLASSIFIED}}


def _carried(view: TableView, exposure: Exposure) -> list[dict[str, str]]:
    columns = exposure.of(view.table.name).columns
    return [effective(tags, column) for tags in view.tags for column in columns] or [
        effective(tags) for tags in view.tags
    ]
