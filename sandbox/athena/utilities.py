"""SHOW and DESCRIBE: what the Glue catalog shows to the caller, as text.

https://docs.aws.amazon.com/athena/latest/ug/show-tables.html and its neighbours.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.api import AwsError, Caller
from sandbox.athena import errors
from sandbox.athena.errors import QueryError
from sandbox.athena.results import Column
from sandbox.athena.statements import Utility
from sandbox.glue import gate
from sandbox.glue.store import Record

Rows = list[list[str | None]]


def run(caller: Caller, region: str, statement: Utility, database: str) -> tuple[list[Column], Rows]:
    """Columns and rows of a utility statement; raises `QueryError`."""
    named = statement.database or database
    if statement.kind == "databases":
        found = _all(caller, region, "GetDatabases", "DatabaseList")
        return [Column("database_name", "VARCHAR")], _matching(found, statement.pattern)
    if statement.kind == "tables":
        found = _all(caller, region, "GetTables", "TableList", DatabaseName=named)
        return [Column("tab_name", "VARCHAR")], _matching(found, statement.pattern)
    table = _call(caller, region, "GetTable", DatabaseName=named, Name=statement.table)["Table"]
    columns = (table.get("StorageDescriptor") or {}).get("Columns") or []
    keys = table.get("PartitionKeys") or []
    if statement.kind == "columns":
        return [Column("field", "VARCHAR")], [[column["Name"]] for column in (*columns, *keys)]
    if statement.kind == "partitions":
        found = _all(caller, region, "GetPartitions", "Partitions", DatabaseName=named, TableName=statement.table)
        return [Column("partition", "VARCHAR")], [[_path(keys, record["Values"])] for record in found]
    shown = [Column("col_name", "VARCHAR"), Column("data_type", "VARCHAR"), Column("comment", "VARCHAR")]
    return shown, _described(columns, keys)


def _described(columns: list[Record], keys: list[Record]) -> Rows:
    rows: Rows = [_row(column) for column in (*columns, *keys)]
    if keys:
        rows += [["", None, None], ["# Partition Information", None, None], ["# col_name", "data_type", "comment"]]
        rows += [_row(key) for key in keys]
    return rows


def _row(column: Record) -> list[str | None]:
    return [column["Name"], column.get("Type", "string"), column.get("Comment", "")]


def _path(keys: list[Record], values: list[str]) -> str:
    return "/".join(f"{key['Name']}={value}" for key, value in zip(keys, values, strict=False))


def _matching(found: list[Record], pattern: str | None) -> Rows:
    """Hive's patterns: `*` for anything, `|` for a choice."""
    choices = [re.escape(choice).replace(r"\*", ".*") for choice in (pattern or "*").lower().split("|")]
    return [[record["Name"]] for record in found if any(re.fullmatch(choice, record["Name"]) for choice in choices)]


def _call(caller: Caller, region: str, operation: str, **params: object) -> dict[str, Any]:
    try:
        return gate.call_as(caller, region, operation, **params)
    except AwsError as failure:
        if failure.code == "EntityNotFoundException":
            raise QueryError(f"FAILED: SemanticException {failure.message}", 1006) from failure
        raise errors.insufficient(failure) from failure


def _all(caller: Caller, region: str, operation: str, member: str, **params: object) -> list[Record]:
    found: list[Record] = []
    token: dict[str, object] = {}
    while True:
        page = _call(caller, region, operation, **params, **token)
        found += page[member]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}
