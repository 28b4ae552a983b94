"""Where the catalog is kept: MiniStack's own Glue stores, with the members that MiniStack's handlers would drop.

What is read here is a copy; what is written is JSON (times as seconds). MiniStack's snapshots, its reset and its raw
handlers see the same records.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sandbox import adapter
from sandbox.api import Json

adapter.uses(
    "services.glue",
    "_crawlers",
    "_databases",
    "_partition_column_statistics",
    "_partition_indexes",
    "_partitions",
    "_table_column_statistics",
    "_tables",
    "_tags",
)

Record = dict[str, Any]

lock = threading.RLock()
"""Held while a record is read, judged and written, so that two calls do not overwrite each other."""

_BESIDE_A_TABLE = ("_partitions", "_partition_indexes", "_table_column_statistics", "_partition_column_statistics")


def _store(name: str) -> Json:
    return adapter.internal("services.glue", name)


def plain(value: Json) -> Json:
    """A copy that JSON can carry: times as seconds."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return int(value.timestamp())
    return value


# --- databases --------------------------------------------------------------------------------------------------------


def database(account: str, region: str, name: str) -> Record | None:
    """A database of the account, or None."""
    found: Record | None = _store("_databases").get_scoped(account, region, name.lower())
    return copy.deepcopy(found)


def databases(account: str, region: str) -> list[Record]:
    """All databases of the account, by name."""
    found = _store("_databases").values_scoped(account, region)
    return sorted((copy.deepcopy(record) for record in found), key=lambda record: str(record["Name"]))


def catalogs(region: str) -> list[str]:
    """The accounts that have a database in this region."""
    return sorted({account for account, place, _ in list(_store("_databases")._data) if place == region})


def put_database(account: str, region: str, record: Record) -> None:
    """Write a database."""
    _store("_databases").set_scoped(account, region, record["Name"], plain(record))


def drop_database(account: str, region: str, name: str) -> None:
    """Remove a database with everything in it."""
    for table_record in tables(account, region, name):
        drop_table(account, region, name, table_record["Name"])
    _store("_databases").pop_scoped(account, region, name, None)
    with adapter.scope(account, region):
        _store("_tags").pop(f"arn:aws:glue:{region}:{account}:database/{name}", None)


def tag(account: str, region: str, resource: str, tags: dict[str, str]) -> None:
    """Set the tags a resource is created with."""
    if tags:
        with adapter.scope(account, region):
            _store("_tags")[f"arn:aws:glue:{region}:{account}:{resource}"] = dict(tags)


def tags_of(account: str, region: str, resource: str) -> dict[str, str]:
    """The tags of a resource."""
    with adapter.scope(account, region):
        return dict(_store("_tags").get(f"arn:aws:glue:{region}:{account}:{resource}") or {})


def untag(account: str, region: str, resource: str) -> None:
    """Forget the tags of a resource that is gone."""
    with adapter.scope(account, region):
        _store("_tags").pop(f"arn:aws:glue:{region}:{account}:{resource}", None)


# --- tables -----------------------------------------------------------------------------------------------------------


def _key(database_name: str, name: str) -> str:
    return f"{database_name.lower()}/{name.lower()}"


def table(account: str, region: str, database_name: str, name: str) -> Record | None:
    """A table or resource link of the account, or None."""
    found: Record | None = _store("_tables").get_scoped(account, region, _key(database_name, name))
    return copy.deepcopy(found)


def tables(account: str, region: str, database_name: str) -> list[Record]:
    """All tables of a database, by name."""
    found = _store("_tables").values_scoped(account, region)
    own = [copy.deepcopy(record) for record in found if record.get("DatabaseName") == database_name.lower()]
    return sorted(own, key=lambda record: str(record["Name"]))


def put_table(account: str, region: str, record: Record) -> None:
    """Write a table."""
    _store("_tables").set_scoped(account, region, _key(record["DatabaseName"], record["Name"]), plain(record))


def drop_table(account: str, region: str, database_name: str, name: str) -> None:
    """Remove a table with its partitions, indexes and statistics."""
    key = _key(database_name, name)
    for beside in ("_tables", *_BESIDE_A_TABLE):
        _store(beside).pop_scoped(account, region, key, None)


# --- partitions -------------------------------------------------------------------------------------------------------


def partitions(account: str, region: str, database_name: str, name: str) -> list[Record]:
    """The partitions of a table, by their values."""
    found: list[Record] = copy.deepcopy(
        _store("_partitions").get_scoped(account, region, _key(database_name, name), [])
    )
    return sorted(found, key=lambda record: [str(value) for value in record.get("Values", [])])


def put_partitions(account: str, region: str, database_name: str, name: str, records: list[Record]) -> None:
    """Replace the partitions of a table."""
    _store("_partitions").set_scoped(account, region, _key(database_name, name), plain(records))


# --- crawlers ---------------------------------------------------------------------------------------------------------


def crawler(account: str, region: str, name: str) -> Record | None:
    """A crawler of the account, or None. Members that start with `_` are the sandbox's own."""
    found: Record | None = _store("_crawlers").get_scoped(account, region, name)
    return copy.deepcopy(found)


def crawlers(account: str, region: str) -> Iterator[Record]:
    """All crawlers of the account, by name."""
    found = _store("_crawlers").values_scoped(account, region)
    yield from sorted((copy.deepcopy(record) for record in found), key=lambda record: str(record["Name"]))


def put_crawler(account: str, region: str, record: Record) -> None:
    """Write a crawler."""
    _store("_crawlers").set_scoped(account, region, record["Name"], plain(record))


def drop_crawler(account: str, region: str, name: str) -> None:
    """Remove a crawler."""
    _store("_crawlers").pop_scoped(account, region, name, None)
