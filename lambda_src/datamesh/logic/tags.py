"""What LF-tags mean: inheritance from database to table to column, and what an expression matches.

Source: https://docs.aws.amazon.com/lake-formation/latest/dg/tag-based-access-control.html
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from datamesh.models.tags import TableTags

SHOWN_VALUES = 20

# Stands for every column that a table has or gets, where people decide on the table as a whole.
WHOLE_TABLE = "*"


def effective(table: TableTags, column: str | None = None) -> dict[str, str]:
    """Return the tags that count for a table, or for one of its columns: the nearer assignment wins, key by key."""
    own = table.columns.get(column, {}) if column is not None else {}
    return {**table.database, **table.table, **own}


def matches(expression: Mapping[str, tuple[str, ...]], tags: Mapping[str, str]) -> bool:
    """Tell whether tags fulfil an expression: every key of it, each with any of its values."""
    return all(tags.get(key) in values for key, values in expression.items())


def matched_columns(expression: Mapping[str, tuple[str, ...]], table: TableTags) -> tuple[str, ...]:
    """Return the columns that an expression lets read, in the catalog's order."""
    return tuple(name for name in table.column_names if matches(expression, effective(table, name)))


def is_exposed(expression: Mapping[str, tuple[str, ...]], table: TableTags) -> bool:
    """Tell whether an expression shows anything of a table: the table itself, or at least one column."""
    return matches(expression, effective(table)) or bool(matched_columns(expression, table))


class Matched(NamedTuple):
    """What is matched of a table: the table itself, with which goes every column that will yet appear, and columns."""

    table: bool
    columns: tuple[str, ...]


def matched(expressions: Iterable[Mapping[str, tuple[str, ...]]], table: TableTags) -> Matched:
    """Return what the union of expressions matches of a table; the columns in the catalog's order."""
    itself, columns = False, set[str]()
    for expression in expressions:
        itself = itself or matches(expression, effective(table))
        columns.update(matched_columns(expression, table))
    return Matched(itself, tuple(name for name in table.column_names if name in columns))


def no_such_value(key: str, unknown: Iterable[str], known: Iterable[str]) -> str:
    """Return what to say of values that an LF-tag does not have: the first ones of those that it has."""
    there = sorted(known)
    more = f" and {len(there) - SHOWN_VALUES} more" if len(there) > SHOWN_VALUES else ""
    return f"The LF-tag {key} has no value {', '.join(unknown)}, only {', '.join(there[:SHOWN_VALUES])}{more}"
