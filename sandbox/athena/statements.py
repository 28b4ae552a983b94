"""What a query asks for: its tables and where they stand in the text; and its translation for DuckDB.

Athena speaks Trino's SQL: https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import traverse_scope

from sandbox.athena.errors import Place, QueryError, column_not_found, invalid

_NAME = r'(?:`[^`]+`|"[^"]+"|[\w$]+)'
_UTILITIES = {
    "databases": r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+LIKE\s+'(?P<pattern>[^']*)')?",
    "tables": rf"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+(?P<database>{_NAME}))?(?:\s+'(?P<pattern>[^']*)')?",
    "columns": rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+(?:(?P<database>{_NAME})\.)?(?P<table>{_NAME})"
    rf"(?:\s+(?:IN|FROM)\s+(?P<schema>{_NAME}))?",
    "partitions": rf"SHOW\s+PARTITIONS\s+(?:(?P<database>{_NAME})\.)?(?P<table>{_NAME})",
    "describe": rf"(?:DESCRIBE|DESC)\s+(?:(?:EXTENDED|FORMATTED)\s+)?(?:(?P<database>{_NAME})\.)?(?P<table>{_NAME})",
}
# Trino's set-returning functions in FROM; DuckDB's own (read_csv …) are none of Athena's.
_UNNAMED = "_datamesh_unnamed_"


@dataclass(frozen=True)
class Utility:
    """SHOW … or DESCRIBE …; names lower-cased, None where the statement has none."""

    kind: str
    database: str | None
    table: str | None
    pattern: str | None


@dataclass(frozen=True)
class TableUse:
    """One mention of a catalog table; `node` is its place in the parsed query."""

    database: str
    name: str
    place: Place
    node: exp.Table


@dataclass
class Query:
    """A parsed SELECT."""

    text: str
    tree: exp.Query
    tables: list[TableUse]

    def columns(self) -> Iterator[tuple[str, Place]]:
        """Every column named, with where it stands."""
        for column in self.tree.find_all(exp.Column):
            if not isinstance(column.this, exp.Star):
                yield column.name.lower(), place_of(self.text, column)

    def star(self) -> Place | None:
        """Where the first `*` of a select list stands."""
        return next((place_of(self.text, star) for star in self.tree.find_all(exp.Star) if _listed(star)), None)


def _listed(star: exp.Star) -> bool:
    parent = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
    return isinstance(parent, exp.Select)


def parse(text: str, database: str, parameters: Sequence[str] = ()) -> Query | Utility:
    """Read one statement; raises `AwsError` InvalidRequestException for one that is malformed or not supported here."""
    stripped = text.strip().rstrip(";").strip()
    utility = _utility(stripped)
    if utility is not None:
        return utility
    try:
        trees = [tree for tree in sqlglot.parse(text, read="athena") if tree is not None]
    except SqlglotError as failure:
        raise invalid(_syntax(failure)) from failure
    if len(trees) != 1:
        raise invalid(f"Only one sql statement is allowed. Got: {text}")
    tree = trees[0]
    if not isinstance(tree, exp.Query):
        word = stripped.split(None, 1)[0].upper()
        raise invalid(f"This sandbox's Athena runs SELECT, SHOW and DESCRIBE; it does not run {word}.")
    _fill(tree, parameters)
    return Query(text, tree, list(_tables(text, tree, database)))


def _syntax(failure: SqlglotError) -> str:
    details = getattr(failure, "errors", None) or [{}]
    line, column, near = (details[0].get(key) for key in ("line", "col", "highlight"))
    return f"line {line or 1}:{column or 1}: mismatched input '{near or ''}'"


def _utility(text: str) -> Utility | None:
    for kind, pattern in _UTILITIES.items():
        match = re.fullmatch(pattern, text, re.IGNORECASE)
        if match:
            names = match.groupdict()
            database = names.get("database") or names.get("schema")
            return Utility(kind, _bare(database), _bare(names.get("table")), names.get("pattern"))
    return None


def _bare(name: str | None) -> str | None:
    return name.strip('`"').lower() if name else None


def _fill(tree: exp.Query, parameters: Sequence[str]) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html: `?` in order."""
    holes = [node for node in tree.find_all(exp.Placeholder, bfs=False) if node.this is None]
    if len(holes) != len(parameters):
        raise invalid(f"Incorrect number of parameters: expected {len(holes)} but found {len(parameters)}")
    for hole, parameter in zip(holes, parameters, strict=True):
        try:
            hole.replace(sqlglot.parse_one(parameter, read="athena"))
        except SqlglotError as failure:
            raise invalid(f"Invalid execution parameter: {parameter}") from failure


def _tables(text: str, tree: exp.Query, database: str) -> Iterator[TableUse]:
    seen: set[int] = set()
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if not isinstance(source, exp.Table) or id(source) in seen:
                continue
            seen.add(id(source))
            place = place_of(text, source)
            if not isinstance(source.this, exp.Identifier):
                raise invalid(f"{place}: Table function {source.this.sql()} is not registered")
            if source.catalog and source.catalog.lower() != "awsdatacatalog":
                raise invalid(f"{place}: Catalog '{source.catalog}' does not exist")
            if source.args.get("version"):
                raise invalid(f"{place}: This connector does not support versioned tables")
            yield TableUse((source.db or database).lower(), source.name.lower(), place, source)
    _check_rest(text, tree, seen)


def _check_rest(text: str, tree: exp.Query, seen: set[int]) -> None:
    """Nothing may reach DuckDB by a name that was not looked up: not its functions, not its own tables."""
    bound = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if id(table) not in seen and (table.db or table.name.lower() not in bound):
            raise invalid(f"{place_of(text, table)}: Table '{table.sql()}' cannot be used here")
    for lateral in tree.find_all(exp.Lateral):
        if not isinstance(lateral.this, exp.Unnest | exp.Subquery):
            raise invalid(f"{place_of(text, lateral)}: Table function {lateral.this.sql()} is not registered")


def place_of(text: str, node: exp.Expr) -> Place:
    """Where a node's first word stands in the text."""
    starts = [part.meta["start"] for part in node.walk() if "start" in part.meta]
    start = min(starts, default=0)
    if isinstance(node, exp.Star) and not starts:
        start = max(text.find("*"), 0)
    before = text[:start]
    return Place(before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1)


# --- translation ------------------------------------------------------------------------------------------------------


def translate(query: Query, views: Mapping[int, str], schema: Mapping[str, Mapping[str, str]]) -> str:
    """The query for DuckDB, each table replaced by its view (`views`: id of the node → name of the view).

    `schema` has the columns and DuckDB types of each view: Trino divides integers as integers, which needs types.
    """
    for use in query.tables:
        alias = use.node.alias or use.name
        use.node.set("db", None)
        use.node.set("catalog", None)
        use.node.set("this", exp.to_identifier(views[id(use.node)], quoted=True))
        use.node.set("alias", use.node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))
    for column in query.tree.find_all(exp.Column):
        column.set("db", None)
        column.set("catalog", None)
    _mark_unnamed(query.tree)
    return _typed(query.tree, schema).sql("duckdb")


def _mark_unnamed(tree: exp.Query) -> None:
    """Athena names expressions without a name `_col0`, `_col1` … by their position."""
    select: exp.Expr = tree
    while not isinstance(select, exp.Select):
        below = select.this
        if not isinstance(below, exp.Expr):
            return
        select = below
    for index, item in enumerate(select.expressions):
        named = isinstance(item, exp.Alias | exp.Column | exp.Star) or item.is_star
        if not named:
            item.replace(exp.alias_(item.copy(), f"{_UNNAMED}{index}"))


def shown_name(name: str, position: int) -> str:
    """The name of a result column at this position."""
    return f"_col{position}" if name.startswith(_UNNAMED) else name.lower()


def _typed(tree: exp.Query, schema: Mapping[str, Mapping[str, str]]) -> exp.Expr:
    """With types where sqlglot finds them; DuckDB resolves names itself, so what sqlglot does not find is no error."""
    columns: dict[str, object] = {view: dict(types) for view, types in schema.items()}
    try:
        qualified = qualify(
            tree.copy(),
            schema=columns,
            dialect="athena",
            expand_stars=False,
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
        return annotate_types(qualified, schema=columns, dialect="athena")
    except SqlglotError:
        return tree


def unresolved(query: Query, name: str) -> QueryError:
    """The error for a column DuckDB did not find."""
    wanted = name.rpartition(".")[2].strip('"').lower()
    for column, place in query.columns():
        if column == wanted:
            return column_not_found(column, place)
    return column_not_found(wanted, Place(1, 8))
