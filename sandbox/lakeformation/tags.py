"""Which LF-tags a database, table or column carries, and whether they match an expression.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-assigning-tags.html: tables inherit from their database,
columns from their table; a value assigned below overrides the inherited one of the same key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.lakeformation import resources
from sandbox.lakeformation.store import store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.lakeformation.resources import Expression, Resource


def assigned(resource: Resource) -> dict[str, str]:
    """What is assigned to the resource itself, without keys and values that are deleted."""
    account = store.account(resource.catalog)
    found = account.tags.get(resource, {})
    return {key: value for key, value in found.items() if value in account.lf_tags.get(key, ())}


def effective(catalog: str, database: str, table: str | None = None, column: str | None = None) -> dict[str, str]:
    """What a database, table or column carries, inherited tags included."""
    found = assigned(resources.database(catalog, database))
    if table is not None:
        found |= assigned(resources.table(catalog, database, table))
    if table is not None and column is not None:
        found |= assigned(resources.column(catalog, database, table, column))
    return found


def matches(expression: Expression, tags: Mapping[str, str]) -> bool:
    """Whether tags satisfy an expression: every key of it, with any of the values given for that key."""
    return all(tags.get(key) in values for key, values in expression)
