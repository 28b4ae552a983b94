"""Which LF-tags a database, table or column carries, and whether they match an expression.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-assigning-tags.html: tables inherit from their database,
columns from their table; a value assigned below overrides the inherited one of the same key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.lakeformation import resources
from sandbox.lakeformation.store import lock, store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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


def carried(account: str, key: str, value: str) -> bool:
    """Whether the value is assigned to anything in the account's catalog; inherited tags are not assigned."""
    return any(found.get(key) == value for found in store.account(account).tags.values())


def assign(resource: Resource, key: str, value: str) -> None:
    """Put a value on the resource, in place of another one of the same key."""
    with lock:
        store.account(resource.catalog).tags.setdefault(resource, {})[key] = value


def remove(resource: Resource, key: str) -> None:
    """Take away what is assigned to the resource itself."""
    _drop(resource.catalog, lambda held, name: held == resource and name == key)


def forget(account: str, gone: Callable[[Resource], bool]) -> None:
    """Take away all tags of databases, tables and columns that are gone."""
    _drop(account, lambda held, _: gone(held))


def forget_key(account: str, key: str) -> None:
    """Take a key away from everything."""
    _drop(account, lambda _, name: name == key)


def _drop(account: str, unwanted: Callable[[Resource, str], bool]) -> None:
    with lock:
        standing = store.account(account)
        kept = {
            resource: {key: value for key, value in found.items() if not unwanted(resource, key)}
            for resource, found in standing.tags.items()
        }
        standing.tags = {resource: found for resource, found in kept.items() if found}
