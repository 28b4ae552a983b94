"""Samples: example rows out of contracts, for those who may read the columns. No function reads data for them."""

from collections.abc import Collection, Iterable

from datamesh.models.api.products import GrantOfProduct, SampleRow
from datamesh.models.commands import TableSpec


def sample_rows(spec: TableSpec, columns: Collection[str] | None, listed: Collection[str]) -> tuple[SampleRow, ...]:
    """Return the example rows of a table, of those columns that are listed; None stands for all columns.

    The first examples of all columns make the first row, and so on. A field inside a struct goes with its column.
    """
    examples = {
        column.name: column.examples
        for column in spec.columns
        if column.name in listed and (columns is None or column.name.partition(".")[0] in columns)
    }
    count = max((len(values) for values in examples.values()), default=0)
    rows = (
        {name: values[number] for name, values in examples.items() if number < len(values)} for number in range(count)
    )
    return tuple(SampleRow(values=row) for row in rows)


def readable_columns(table: str, grants: Iterable[GrantOfProduct]) -> frozenset[str] | None:
    """Return the columns of a table of which somebody with these grants may see examples; None without any access.

    Where rows are filtered none: an example may be of a row that is not granted.
    """
    showing = [grant for grant in grants if table in grant.tables]
    if not showing:
        return None
    return frozenset(column for grant in showing if table not in grant.rows for column in grant.columns.get(table, ()))
