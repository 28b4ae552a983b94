"""How somebody with access queries a product, by the names that link_data_product gives it in the own catalog."""

from collections.abc import Iterable

from datamesh.models.api.products import GrantOfProduct, QueryHint

_FIRST = 10
# Of more columns the first ones.
MAX_NAMED = 100


def query_hints(grants: Iterable[GrantOfProduct]) -> tuple[QueryHint, ...]:
    """Return a runnable query for each table and each way in which it is granted, with the granted columns alone."""
    hints = (
        QueryHint(table=table, database=database, sql=_sql(database, table, grant.columns[table][:MAX_NAMED]))
        for grant in grants
        for database in grant.databases
        for table in grant.tables
        if grant.columns.get(table)
    )
    return tuple(dict.fromkeys(hints))


def _sql(database: str, table: str, columns: Iterable[str]) -> str:
    """Return a query as Athena takes it.

    Source: https://docs.aws.amazon.com/athena/latest/ug/tables-databases-columns-names.html
    """
    names = ", ".join(_quoted(column) for column in columns)
    return f"SELECT {names}\nFROM {_quoted(database)}.{_quoted(table)}\nLIMIT {_FIRST}"


def _quoted(name: str) -> str:
    escaped = name.replace('"', '""')
    return f'"{escaped}"'
