"""The expressions of row filters: what may stand in them, and what they are in DuckDB's SQL.

https://docs.aws.amazon.com/lake-formation/latest/dg/partiql-support.html: columns compared with constants (=, <>, !=,
<, >, <=, >=, BETWEEN, IN, LIKE, IS NULL), combined by AND, OR and NOT; no functions, no column compared with another
one; columns of text, numbers, booleans and of structs of these; IS NULL not on partition keys; names that are keywords
in double quotes. The texts of the refusals are not published; these are the project's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from sandbox.glue.types import split
from sandbox.lakeformation import errors

if TYPE_CHECKING:
    from collections.abc import Iterable

_KINDS = {
    "text": {"string", "char", "varchar"},
    "number": {"int", "integer", "long", "bigint", "float", "double", "decimal"},
    "boolean": {"boolean"},
}
_KEYWORDS = {"asc", "first", "last", "missing"}
"""Those that the page above names; PartiQL's list is longer than what AWS's own examples keep to (`year`, `month`)."""

RESTRICTED = frozenset(
    "ctid oid xmin cmin xmax cmax tableoid insertxid deletexid importoid redcatuniqueid".split()  # noqa: SIM905
)
"""Names that no column of a table with a row filter may have.

https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
"""

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)


def check(expression: str, table: dict[str, Any]) -> None:
    """Whether a table can be filtered by this expression.

    Raises:
        AwsError: InvalidInputException.
    """
    columns = _types((table.get("StorageDescriptor") or {}).get("Columns") or [])
    keys = _types(table.get("PartitionKeys") or [])
    restricted = sorted(RESTRICTED & {*columns, *keys})
    if restricted:
        raise errors.invalid(f"Tables with these columns cannot have row filters: [{', '.join(restricted)}]")
    _check(_parse(expression), columns, keys)


def everything(expression: str) -> bool:
    """Whether the expression is `true`, which is another way to ask for all rows."""
    return expression.strip().lower() == "true"


def columns_of(expression: str) -> set[str]:
    """The columns that an expression names, lower case."""
    found = _parse(expression).find_all(exp.Column)
    return {_path(column)[0].name.lower() for column in found}


def to_sql(expression: str) -> str:
    """The expression for DuckDB."""

    def place(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Column | exp.Dot):
            return node
        first, *fields = _path(node)
        named = exp.to_identifier(first.name.lower(), quoted=True)
        below = [exp.to_identifier(field.name, quoted=True) for field in fields]
        return exp.Dot.build([named, *below]) if below else named

    return _parse(expression).transform(place).sql("duckdb", comments=False)


def _parse(expression: str) -> exp.Expr:
    try:
        trees = sqlglot.parse(expression, read="trino")
    except SqlglotError as failure:
        raise _invalid("it cannot be parsed") from failure
    if len(trees) != 1 or trees[0] is None:
        raise _invalid("it cannot be parsed")
    return trees[0]


def _invalid(reason: str) -> Exception:
    return errors.invalid(f"Invalid row filter expression: {reason}.")


def _types(columns: Iterable[dict[str, Any]]) -> dict[str, str]:
    return {column["Name"].lower(): str(column.get("Type") or "string") for column in columns}


def _check(node: exp.Expr, columns: dict[str, str], keys: dict[str, str]) -> None:
    if isinstance(node, exp.And | exp.Or):
        _check(node.this, columns, keys)
        _check(node.expression, columns, keys)
    elif isinstance(node, exp.Not | exp.Paren):
        _check(node.this, columns, keys)
    elif isinstance(node, exp.Is):
        _kind(node.this, columns, keys)
        if not isinstance(node.expression, exp.Null):
            raise _invalid("IS is for NULL only")
        if _path(node.this)[0].name.lower() in keys:
            raise _invalid("IS NULL cannot be used on partition keys")
    else:
        _check_comparison(node, columns, keys)


def _check_comparison(node: exp.Expr, columns: dict[str, str], keys: dict[str, str]) -> None:
    values: list[exp.Expr] = []
    if isinstance(node, (*_COMPARISONS, exp.Like)):
        values = [node.expression]
    elif isinstance(node, exp.Between) and not node.args.get("symmetric"):
        values = [node.args["low"], node.args["high"]]
    elif isinstance(node, exp.In):
        values = node.expressions
    if not values:
        raise _invalid(f"'{node.sql('trino')}' is not a comparison of a column with constants")
    kind = _kind(node.this, columns, keys)
    if any(_constant(value) != kind for value in values) or (isinstance(node, exp.Like) and kind != "text"):
        raise _invalid(f"'{node.sql('trino')}' does not compare a column with constants of its type")


def _path(node: exp.Expr) -> list[exp.Identifier]:
    """The names of `column` or `column.field.field`; nothing else has any."""
    if isinstance(node, exp.Dot):
        before = _path(node.this)
        return [*before, node.expression] if before and isinstance(node.expression, exp.Identifier) else []
    if not isinstance(node, exp.Column):
        return []
    return [part for part in node.parts if isinstance(part, exp.Identifier)]


def _kind(node: exp.Expr, columns: dict[str, str], keys: dict[str, str]) -> str:
    """Whether a column holds text, numbers or booleans."""
    path = _path(node)
    if not path:
        raise _invalid(f"'{node.sql('trino')}' is not a column")
    for name in path:
        if name.name.lower() in _KEYWORDS and not name.args.get("quoted"):
            raise _invalid(f"'{name.name}' is a keyword; names that are keywords stand in double quotes")
    first, *fields = (name.name.lower() for name in path)
    if first in keys and fields:
        raise _invalid("fields of partition keys cannot be used")
    found = (columns | keys).get(first)
    for field in fields:
        found = _fields(found or "").get(field)
    if found is None:
        raise _invalid(f"the table has no column '{'.'.join([first, *fields])}'")
    base = re.sub(r"[(<].*", "", found.strip().lower())
    kind = next((name for name, types in _KINDS.items() if base in types), None)
    if kind is None:
        raise _invalid(f"columns of type {found} cannot be used")
    return kind


def _fields(struct: str) -> dict[str, str]:
    text = struct.strip()
    if not text.lower().startswith("struct<"):
        return {}
    pairs = (part.split(":", 1) for part in split(text[7:-1]))
    return {name.strip().lower(): kind for name, kind in pairs}


def _constant(node: exp.Expr) -> str | None:
    """What kind of constant this is."""
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal) and not node.this.is_string:
        return "number"
    if isinstance(node, exp.Literal):
        return "text" if node.is_string else "number"
    return "boolean" if isinstance(node, exp.Boolean) else None
