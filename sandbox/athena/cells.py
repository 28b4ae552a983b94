"""Which rows and cells of a table a query gets to see, as conditions for DuckDB.

What several data cells filters show is put together: a row is there when any of them shows it, and the cells of it that
none of them shows are NULL. AWS tells engines so by a filter for the rows and one for each column
(https://docs.aws.amazon.com/glue/latest/webapi/API_GetUnfilteredTableMetadata.html: `RowFilter`, `CellFilters`);
that all rows prevail: https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox import authz
from sandbox.api import AwsError, Caller
from sandbox.athena import errors
from sandbox.athena.errors import Place, QueryError
from sandbox.glue.types import quoted
from sandbox.lakeformation import row_filters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sandbox.athena.catalog import Source
    from sandbox.lakeformation.effective import Cells

_ACTIONS = ("StartQueryPlanning", "GetQueryState", "GetWorkUnits", "GetWorkUnitResults")


def require_iam(caller: Caller, parts: Iterable[Cells]) -> None:
    """Where rows are filtered, queries need more of IAM; raises `QueryError`.

    https://docs.aws.amazon.com/lake-formation/latest/dg/row-filtering-prereqs.html
    """
    if not any(part.rows for part in parts):
        return
    try:
        for action in _ACTIONS:
            authz.require(caller.arn, f"lakeformation:{action}", "*")
    except AwsError as failure:
        raise errors.insufficient(failure) from failure


def check(source: Source, own: Iterable[str]) -> None:
    """A filter that names a column which the table lost lets nobody read; raises `QueryError`."""
    names = {name.lower() for name in own}
    for expression in (expression for part in source.cells for expression in part.rows):
        for column in sorted(row_filters.columns_of(expression) - names):
            raise _invalid(source, column)


def _invalid(source: Source, column: str) -> QueryError:
    """Trino's text: https://github.com/trinodb/trino, TestRowFilter."""
    place: Place = source.use.place
    table = f"awsdatacatalog.{source.use.database}.{source.use.name}"
    return QueryError(
        f"INVALID_ROW_FILTER: {place}: Invalid row filter for '{table}': Column '{column}' cannot be resolved"
    )


def where(source: Source) -> str:
    """The rows that are there, as a clause; none where all are."""
    shown = _shown_in(source.cells)
    return f" WHERE {shown}" if shown else ""


def column(source: Source, name: str) -> str:
    """A column, its cells that are not shown being NULL."""
    with_it = [part for part in source.cells if name in part.columns]
    shown = _shown_in(with_it) if len(with_it) < len(source.cells) else ""
    return f"CASE WHEN {shown} THEN {quoted(name)} END AS {quoted(name)}" if shown else quoted(name)


def _shown_in(parts: list[Cells]) -> str:
    """The condition for a row of any of these parts; empty when one of them has all rows."""
    if not parts:
        return "false"
    if any(not part.rows for part in parts):
        return ""
    choices = [" AND ".join(f"({row_filters.to_sql(expression)})" for expression in part.rows) for part in parts]
    return " OR ".join(f"({choice})" for choice in dict.fromkeys(choices))
