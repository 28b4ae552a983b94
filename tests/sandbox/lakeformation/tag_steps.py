"""What the tests of LF-tags do again and again through the API."""

from __future__ import annotations

from typing import Any

from sandbox.api import Caller
from tests.sandbox.lakeformation.fake_world import CENTRAL, Lake, columns, database, role, table

STEWARDESS = role(CENTRAL, "stewardess")
"""Nobody's administrator, creator of nothing."""
READER = role(CENTRAL, "reader")
SHOP, ORDERS, NAME = database(), table(), columns("name")
EVERY_PERMISSION = ("ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT")


def define(lake: Lake, caller: Caller, key: str, *values: str) -> None:
    """CreateLFTag."""
    lake.call(caller, "CreateLFTag", TagKey=key, TagValues=list(values))


def values(lake: Lake, caller: Caller, key: str = "lob", **params: str) -> list[str]:
    """GetLFTag."""
    found: list[str] = lake.call(caller, "GetLFTag", TagKey=key, **params)["TagValues"]
    return found


def listed(lake: Lake, caller: Caller, **params: Any) -> dict[str, list[str]]:
    """ListLFTags, one page."""
    return {pair["TagKey"]: pair["TagValues"] for pair in lake.call(caller, "ListLFTags", **params)["LFTags"]}


def put(lake: Lake, caller: Caller, resource: dict[str, Any], **wanted: str) -> list[str]:
    """AddLFTagsToResource with central's tags: what failed, code and message."""
    return _change(lake, caller, "AddLFTagsToResource", resource, wanted)


def take(lake: Lake, caller: Caller, resource: dict[str, Any], **wanted: str) -> list[str]:
    """RemoveLFTagsFromResource."""
    return _change(lake, caller, "RemoveLFTagsFromResource", resource, wanted)


def _change(lake: Lake, caller: Caller, operation: str, resource: dict[str, Any], wanted: dict[str, str]) -> list[str]:
    pairs = [{"CatalogId": CENTRAL, "TagKey": key, "TagValues": [value]} for key, value in wanted.items()]
    failures = lake.call(caller, operation, Resource=resource, LFTags=pairs)["Failures"]
    return [f"{each['Error']['ErrorCode']}: {each['Error']['ErrorMessage']}" for each in failures]


def carried(lake: Lake, caller: Caller, resource: dict[str, Any], **params: Any) -> dict[str, Any]:
    """GetResourceLFTags, in short: key=value of the database, the table and each column."""
    answer = lake.call(caller, "GetResourceLFTags", Resource=resource, **params)
    found = {name: _short(pairs) for name, pairs in answer.items() if name != "LFTagsOnColumns"}
    of_columns = {row["Name"]: _short(row["LFTags"]) for row in answer.get("LFTagsOnColumns", [])}
    return found | of_columns


def _short(pairs: list[dict[str, Any]]) -> list[str]:
    return [f"{pair['TagKey']}={','.join(pair['TagValues'])}" for pair in pairs]
