"""What a grant on a data cells filter gives: which columns of a table, and in which of its rows.

https://docs.aws.amazon.com/lake-formation/latest/dg/data-filters-about.html. A filter belongs to a table of some
account; whoever received the table with the grant option can make filters of it too, which stay in its own account
(https://docs.aws.amazon.com/lake-formation/latest/dg/granting-data-perms-for-filters.html).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sandbox.lakeformation import catalog
from sandbox.lakeformation.resources import Kind, Resource
from sandbox.lakeformation.store import CellsFilter, Grant, lock, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet


def find(resource: Resource) -> CellsFilter | None:
    """The filter; None when it is gone."""
    return store.account(resource.keeper).cell_filters.get(resource)


def meant_by(account: str, resource: Resource) -> Resource:
    """The filter that an account means by this name: its own one of the table, else the owner's."""
    if resource.kind is not Kind.CELLS_FILTER:
        return resource
    own = replace(resource, home=account)
    return own if find(own) is not None else replace(resource, home=resource.catalog)


def columns(resource: Resource, names: Iterable[str]) -> set[str]:
    """Which of these columns, lower case, the filter shows in the rows that it shows."""
    found = find(resource)
    if found is None:
        return set()
    wanted = {name.lower() for name in names}
    if found.columns is None:
        return wanted - set(found.excluded or ())
    # https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html: no column filtering on them
    return wanted & {*found.columns, *catalog.partition_keys(resource)}


def rows(resource: Resource) -> tuple[str, ...]:
    """The expressions that all hold for the rows shown by a grant on this resource: none for all rows."""
    found = find(resource) if resource.kind is Kind.CELLS_FILTER else None
    return (found.row_filter,) if found and found.row_filter is not None else ()


def columns_to_apply(resource: Resource) -> set[str]:
    """The columns that must be held with the grant option to grant on the filter without holding it.

    https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html: all of the table where the filter
    has an expression.
    """
    names = catalog.column_names(resource)
    return names if rows(resource) else columns(resource, names)


def touches(grant: Grant, target: Resource) -> bool:
    """Whether a grant has to do with the target, one of the two being a filter.

    SELECT on a filter is access to its table; DESCRIBE and DROP are about the filter alone.
    """
    held = grant.resource
    if target.kind is Kind.CELLS_FILTER or "SELECT" not in grant.permissions:
        return held == target
    if find(held) is None or (held.catalog, held.database) != (target.catalog, target.database):
        return False
    return target.kind is Kind.DATABASE or held.table == target.table


def covers(
    held: Resource, permissions: AbstractSet[str], permission: str, target: Resource, *, grant_option: bool
) -> bool:
    """Whether permissions on one give the permission on the other, one of the two being a filter."""
    described = permission == "DESCRIBE" and not grant_option
    if target.kind is Kind.CELLS_FILTER:
        return held == target and (permission in permissions or (described and bool(permissions)))
    return described and target.kind in (Kind.TABLE, Kind.COLUMNS) and touches(Grant("", held, {*permissions}), target)


def forget(account: str, unwanted: Callable[[Resource], bool]) -> None:
    """Forget the account's filters for which the question is true."""
    with lock:
        kept = store.account(account).cell_filters
        for resource in [resource for resource in kept if unwanted(resource)]:
            del kept[resource]
