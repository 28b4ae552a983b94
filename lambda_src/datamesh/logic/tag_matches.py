"""What a tag expression matches now, whose it is, and what of it is sensitive."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.exposed import TableView, sensitive_columns, table_reasons
from datamesh.logic.policy import UNCLASSIFIED
from datamesh.logic.ports import Catalog, LfTags, Registry
from datamesh.logic.sensitivity import assess
from datamesh.logic.tagging import column_names
from datamesh.logic.tags import WHOLE_TABLE, effective, matched
from datamesh.models.catalog import DATA_OWNER_NAME, CatalogDatabase, CatalogTable
from datamesh.models.commands import TableSpec
from datamesh.models.errors import RecordBusy
from datamesh.models.facts import MatchedDatabase
from datamesh.models.registry import ProductRecord, TableRecord, table_claim
from datamesh.models.tags import FoundTable, SensitiveTags, TagExpression

# An event has 256 KiB; of a database with more tables the first ones are named.
MAX_LISTED_TABLES = 20


class Match(NamedTuple):
    """A table of which an expression shows something; whose it is, and what of that is sensitive, and why.

    Of what is no domain's product nobody has said what is in it, and nobody could approve it: `undecidable` says why.
    """

    database: str
    table: str
    domain: str | None
    columns: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    classification: str = UNCLASSIFIED
    tags: tuple[Mapping[str, str], ...] = ()
    undecidable: str | None = None

    @property
    def name(self) -> str:
        """The table with its database."""
        return f"{self.database}.{self.table}"


class _Database(NamedTuple):
    """A database of a domain."""

    domain: str
    found: CatalogDatabase


class _Product(NamedTuple):
    """A product with its tables."""

    record: ProductRecord
    tables: Mapping[str, TableRecord]


class Survey:
    """Looks at what expressions match, anew each time."""

    def __init__(
        self,
        registry: Registry,
        catalog: Catalog,
        lf_tags: LfTags,
        *,
        database_prefix: str,
        sensitive_tags: SensitiveTags,
    ) -> None:
        self._registry = registry
        self._catalog = catalog
        self._lf_tags = lf_tags
        self._database_prefix = database_prefix
        self._sensitive_tags = sensitive_tags
        self._databases: dict[str, _Database | None] = {}
        self._products: dict[tuple[str, str], _Product | None] = {}

    def matches(self, expression: TagExpression, now: datetime) -> list[Match]:
        """Return all tables of which an expression shows something, whoever made them."""
        self._databases, self._products = {}, {}
        found = (self._match(expression, table, now) for table in self._lf_tags.search_tables(expression))
        return [match for match in found if match is not None]

    def _match(self, expression: TagExpression, found: FoundTable, now: datetime) -> Match | None:
        name = f"{found.database}.{found.name}"
        database = self._database(found.database)
        if database is None:
            return Match(found.database, found.name, None, undecidable=f"{name} belongs to no domain")
        table = self._catalog.get_table(found.database, found.name)
        if table is None:
            # Dropped since it was found.
            return None
        match = Match(found.database, found.name, database.domain)
        owner = self._registry.owner(table_claim(database.domain, found.name, ""))
        product = self._product(database.domain, owner) if owner is not None else None
        if product is None:
            return match._replace(undecidable=f"{name} belongs to no product")
        if product.record.is_worked_on(now):
            # Its tables are placed before what is declared of them is recorded, columns that a crawler will find
            # included.
            raise RecordBusy(f"{product.record.domain}.{product.record.name} is being registered")
        full_name = f"{database.domain}.{product.record.name}"
        if product.record.in_progress or product.record.pending is not None:
            return match._replace(undecidable=f"{full_name}: its last registration has failed, and must be sent again")
        if product.record.content is None:
            return match._replace(undecidable=f"{full_name}: the product is not registered")
        if found.name not in product.tables:
            # Left behind by a registration that failed, while a later one was refused.
            return match._replace(undecidable=f"{full_name}: nothing is declared of {name}")
        return self._seen(match, expression, found, (database.found, table), product)

    def _seen(
        self,
        match: Match,
        expression: TagExpression,
        found: FoundTable,
        in_catalog: tuple[CatalogDatabase, CatalogTable],
        product: _Product,
    ) -> Match:
        """Return what is shown of a table, and what the catalog, the declarations and the LF-tags say of that."""
        database, table = in_catalog
        content, spec = product.record.content, product.tables[found.name].spec
        contents = [content] if content is not None else []
        tags = found.tags.model_copy(update={"column_names": column_names(table)})
        shown = matched([expression], tags)
        reasons = assess(
            database,
            [table],
            contents=contents,
            specs={found.name: spec},
            tags={table.name: tags},
            sensitive_tags=self._sensitive_tags,
            shown={table.name: shown},
        ).reasons
        view = TableView(database, table, contents, spec, [tags])
        sensitive = sensitive_columns(view, self._sensitive_tags)
        unseen = _unseen(spec, tags.column_names) if shown.table else ()
        # Where all of a table is sensitive, people decide on the table, with all that crawlers find in it later: that
        # carries the table's tags before anybody could be asked.
        whole = (WHOLE_TABLE,) if shown.table and table_reasons(view) else ()
        carriers = [effective(tags, column) for column in shown.columns] or [effective(tags)]
        return match._replace(
            columns=shown.columns,
            sensitive=(*(column for column in shown.columns if column in sensitive), *unseen, *whole),
            reasons=tuple(f"{match.domain}.{product.record.name}: {reason}" for reason in reasons),
            classification=(content.classification if content is not None else None) or UNCLASSIFIED,
            tags=tuple(carriers),
        )

    def _database(self, name: str) -> _Database | None:
        """Return a database if it is a domain's: its parameters say so, and the registry."""
        if name not in self._databases:
            self._databases[name] = self._read_database(name)
        return self._databases[name]

    def _read_database(self, name: str) -> _Database | None:
        # What is not the mesh's cannot be read.
        found = self._catalog.get_database(name) if name.startswith(f"{self._database_prefix}_") else None
        owner = found.parameters.get(DATA_OWNER_NAME) if found is not None else None
        domain = self._registry.domain(owner) if owner else None
        if found is None or domain is None or domain.databases is None:
            return None
        return _Database(domain.domain, found) if name in {domain.databases.nrac, domain.databases.tbac} else None

    def _product(self, domain: str, name: str) -> _Product | None:
        if (domain, name) not in self._products:
            record = self._registry.product(domain, name)
            tables = {table.name: table for table in self._registry.tables(domain, name)} if record is not None else {}
            self._products[domain, name] = _Product(record, tables) if record is not None else None
        return self._products[domain, name]


def _unseen(spec: TableSpec, known: Sequence[str]) -> tuple[str, ...]:
    """Return columns that are declared as personal data or with tags, and not in the catalog yet.

    Between a crawler's finding one and the mesh's tagging it, it is shown with its table.
    """
    roots = [
        column.name.partition(".")[0]
        for column in (*spec.columns, *spec.partition_keys)
        if (column.pii or column.tags) and column.name.partition(".")[0] not in known
    ]
    return tuple(dict.fromkeys(roots))


def by_database(matches: Sequence[Match]) -> tuple[MatchedDatabase, ...]:
    """Return what is matched as facts tell it, by database."""
    found: dict[tuple[str, str], list[str]] = {}
    for match in matches:
        if match.domain is not None:
            found.setdefault((match.database, match.domain), []).append(match.table)
    return tuple(
        MatchedDatabase(domain=domain, database=database, tables=tuple(sorted(tables)[:MAX_LISTED_TABLES]))
        for (database, domain), tables in sorted(found.items())
    )
