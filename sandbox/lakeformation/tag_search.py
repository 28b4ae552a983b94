"""What carries the tags of an expression, as far as the caller sees it.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-view-tag-resources.html: it takes DESCRIBE or ASSOCIATE on the
tags and any permission on what is found. Tags that are not there, or that the caller may not see, find nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.lakeformation import effective, listing, resources, tag_assignment, tag_ops, tags, world
from sandbox.lakeformation.store import lock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.api import Call, Caller
    from sandbox.lakeformation.resources import Expression, Resource


def databases(call: Call) -> dict[str, Any]:
    """SearchDatabasesByLFTags.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_SearchDatabasesByLFTags.html
    """
    owner = call.params.get("CatalogId") or call.caller.account
    with lock:
        wanted = _expression(call, owner)
        found = [
            {
                **resources.to_api(database),
                "LFTags": tag_assignment.tags_of(call.caller, database)["LFTagOnDatabase"],
            }
            for database in _databases(owner)
            if tags.matches(wanted, tags.effective(owner, database.database))
            and effective.caller_sees(call.caller, database)
        ]
    some, more = listing.page(found, call.params)
    return {"DatabaseList": some} | more


def tables(call: Call) -> dict[str, Any]:
    """SearchTablesByLFTags: tables that match themselves or of which a column does, with all tags of what matches.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_SearchTablesByLFTags.html
    """
    owner = call.params.get("CatalogId") or call.caller.account
    with lock:
        wanted = _expression(call, owner)
        found = [row for table in _tables(owner) if (row := _row(call.caller, wanted, table)) is not None]
    some, more = listing.page(found, call.params)
    return {"TableList": some} | more


def _expression(call: Call, owner: str) -> Expression:
    """The expression, without the values that the caller may not see."""
    found = resources.normal_expression(call.params["Expression"])
    return tuple(
        (key, tuple(value for value in values if tag_ops.visible(call.caller, owner, key, value)))
        for key, values in found
    )


def _databases(owner: str) -> Iterator[Resource]:
    names = sorted(found["Name"] for found in world.current().databases(owner))
    yield from (resources.database(owner, name) for name in names)


def _tables(owner: str) -> Iterator[Resource]:
    for database in _databases(owner):
        names = sorted(found["Name"] for found in world.current().tables(owner, database.database))
        yield from (resources.table(owner, database.database, name) for name in names)


def _row(caller: Caller, wanted: Expression, table: Resource) -> dict[str, Any] | None:
    if not effective.caller_sees(caller, table):
        return None

    def carries(column: str | None = None) -> bool:
        return tags.matches(wanted, tags.effective(table.catalog, table.database, table.table, column))

    columns = {name for name in tag_assignment.visible_columns(caller, table) if carries(name)}
    if not columns and not carries():
        return None
    shown = tag_assignment.tags_of(caller, table)
    of_columns = [row for row in shown.pop("LFTagsOnColumns", []) if row["Name"] in columns]
    return {**resources.to_api(table), **shown} | ({"LFTagsOnColumns": of_columns} if of_columns else {})
