"""Partitions of tables; links are followed to the target's partitions.

Reading needs any permission on the table, changing ALTER; a partition outside the table's location needs
DATA_LOCATION_ACCESS where its own location is registered:
https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html
"""

from __future__ import annotations

from typing import Any

import duckdb

from sandbox import clock
from sandbox.api import AwsError, Call
from sandbox.glue import access, errors, resources, store
from sandbox.glue.access import Table
from sandbox.glue.store import Record
from sandbox.glue.types import to_duckdb
from sandbox.lakeformation import engine

_FROM_INPUT = ("Values", "LastAccessTime", "StorageDescriptor", "Parameters", "LastAnalyzedTime")


def _table(call: Call) -> Table:
    catalog = resources.catalog_of(call.params, call.caller.account)
    return access.find_table(call, catalog, call.params["DatabaseName"], call.params["TableName"])


def _altered(call: Call) -> Table:
    table = _table(call)
    access.require(call.caller, "ALTER", *table.ref)
    return table


def _all(call: Call, table: Table) -> list[Record]:
    return store.partitions(table.catalog, call.region, table.ref.database, table.ref.name)


def _put(call: Call, table: Table, records: list[Record]) -> None:
    store.put_partitions(table.catalog, call.region, table.ref.database, table.ref.name, records)


def _shown(call: Call, table: Table, record: Record) -> Record:
    shown = dict(record)
    if table.link is not None:
        shown |= {"DatabaseName": table.link["DatabaseName"], "TableName": table.link["Name"]}
    storage = shown.get("StorageDescriptor")
    if call.params.get("ExcludeColumnSchema") and storage:
        shown["StorageDescriptor"] = {key: value for key, value in storage.items() if key != "Columns"}
    elif storage and "Columns" in storage:
        kept = access.visible_columns(call.caller, table)
        hidden = {name for name in access.column_names(table.record) if name not in kept}
        columns = [column for column in storage["Columns"] if column["Name"] not in hidden]
        shown["StorageDescriptor"] = {**storage, "Columns": columns}
    return shown


# --- reading ----------------------------------------------------------------------------------------------------------


def get_partition(call: Call) -> dict[str, Any]:
    """GetPartition by its values."""
    table = _table(call)
    return {"Partition": _shown(call, table, _one(_all(call, table), call.params["PartitionValues"]))}


def _one(records: list[Record], values: list[str]) -> Record:
    found = next((record for record in records if record["Values"] == values), None)
    if found is None:
        raise errors.entity_not_found()
    return found


def get_partitions(call: Call) -> dict[str, Any]:
    """GetPartitions, filtered by `Expression` over the partition keys."""
    table = _table(call)
    records = _all(call, table)
    expression = (call.params.get("Expression") or "").strip()
    if expression:
        records = [record for record in records if _selected(expression, table.record["PartitionKeys"], record)]
    return access.page([_shown(call, table, record) for record in records], call.params, "Partitions", default=1000)


def _selected(expression: str, keys: list[Record], record: Record) -> bool:
    """https://docs.aws.amazon.com/glue/latest/webapi/API_GetPartitions.html: a predicate like SQL's WHERE."""
    columns = ", ".join(
        f'CAST(? AS {to_duckdb(key.get("Type", "string"))}) AS "{key["Name"]}"' for key in keys[: len(record["Values"])]
    )
    with duckdb.connect(config={"enable_external_access": "false"}) as connection:
        connection.execute("SET python_enable_replacements = false")
        try:
            # A caller's predicate over constants of its own partitions, in a database that holds nothing else.
            query = f"SELECT ({expression}) FROM (SELECT {columns})"  # noqa: S608
            row = connection.execute(query, record["Values"]).fetchone()
        except duckdb.Error as failure:
            raise errors.invalid(f"Unsupported expression '{expression}'") from failure
    return bool(row and row[0])


def batch_get_partition(call: Call) -> dict[str, Any]:
    """BatchGetPartition: those that do not exist are left out."""
    table = _table(call)
    wanted = [entry["Values"] for entry in call.params["PartitionsToGet"]]
    found = [_shown(call, table, record) for record in _all(call, table) if record["Values"] in wanted]
    return {"Partitions": found, "UnprocessedKeys": []}


# --- changing ---------------------------------------------------------------------------------------------------------


def create_partition(call: Call) -> dict[str, Any]:
    """CreatePartition."""
    with store.lock:
        table = _altered(call)
        records = _all(call, table)
        records.append(_new(call, table, records, call.params["PartitionInput"]))
        _put(call, table, records)
    return {}


def batch_create_partition(call: Call) -> dict[str, Any]:
    """BatchCreatePartition: HTTP 200 with what failed in `Errors`."""
    failures = []
    with store.lock:
        table = _altered(call)
        records = _all(call, table)
        for given in call.params["PartitionInputList"]:
            try:
                records.append(_new(call, table, records, given))
            except AwsError as failure:
                failures.append({"PartitionValues": given.get("Values", []), "ErrorDetail": _detail(failure)})
        _put(call, table, records)
    return {"Errors": failures}


def _detail(failure: AwsError) -> Record:
    return {"ErrorCode": failure.code, "ErrorMessage": failure.message}


def _new(call: Call, table: Table, records: list[Record], given: Record) -> Record:
    values, keys = given.get("Values", []), table.record.get("PartitionKeys", [])
    if len(values) != len(keys):
        raise errors.invalid(
            f"The number of partition keys do not match the number of partition values. Keys: {len(keys)}, "
            f"values: {len(values)}"
        )
    if any(record["Values"] == values for record in records):
        raise errors.already_exists("Partition already exists.")
    _check_location(call, table, given)
    return _record(table, given, int(clock.time()))


def _record(table: Table, given: Record, created: int) -> Record:
    record = {key: given[key] for key in _FROM_INPUT if key in given}
    catalog, database, name = table.ref
    record |= {"DatabaseName": database, "TableName": name, "CatalogId": catalog, "CreationTime": created}
    kept: Record = store.plain(record)
    return kept


def _check_location(call: Call, table: Table, given: Record) -> None:
    location = (given.get("StorageDescriptor") or {}).get("Location")
    home = (table.record.get("StorageDescriptor") or {}).get("Location") or ""
    if location and not (home and location.startswith(home.rstrip("/") + "/")):
        access.require_location(call.caller, location, table.catalog, table.ref.database)


def update_partition(call: Call) -> dict[str, Any]:
    """UpdatePartition: replaces the partition; its values may change unless another has them."""
    with store.lock:
        table = _altered(call)
        records = _all(call, table)
        _replace(call, table, records, call.params["PartitionValueList"], call.params["PartitionInput"])
        _put(call, table, records)
    return {}


def _replace(call: Call, table: Table, records: list[Record], values: list[str], given: Record) -> None:
    old = _one(records, values)
    wanted = given.get("Values", values)
    if wanted != values and any(record["Values"] == wanted for record in records):
        raise errors.already_exists("Partition already exists.")
    _check_location(call, table, given)
    records[records.index(old)] = _record(table, {**given, "Values": wanted}, old.get("CreationTime", 0))


def batch_update_partition(call: Call) -> dict[str, Any]:
    """BatchUpdatePartition: HTTP 200 with what failed in `Errors`."""
    failures = []
    with store.lock:
        table = _altered(call)
        records = _all(call, table)
        for entry in call.params["Entries"]:
            try:
                _replace(call, table, records, entry["PartitionValueList"], entry["PartitionInput"])
            except AwsError as failure:
                failures.append({"PartitionValueList": entry["PartitionValueList"], "ErrorDetail": _detail(failure)})
        _put(call, table, records)
    return {"Errors": failures}


def delete_partition(call: Call) -> dict[str, Any]:
    """DeletePartition."""
    with store.lock:
        table = _altered(call)
        records = _all(call, table)
        records.remove(_one(records, call.params["PartitionValues"]))
        _put(call, table, records)
    return {}


def batch_delete_partition(call: Call) -> dict[str, Any]:
    """BatchDeletePartition: HTTP 200 with what failed in `Errors`."""
    failures = []
    with store.lock:
        table = _altered(call)
        records = _all(call, table)
        for entry in call.params["PartitionsToDelete"]:
            try:
                records.remove(_one(records, entry["Values"]))
            except AwsError as failure:
                failures.append({"PartitionValues": entry["Values"], "ErrorDetail": _detail(failure)})
        _put(call, table, records)
    return {"Errors": failures}


def through(operation: str) -> str | None:
    """The Lake Formation permission for what MiniStack itself does with a table: indexes and column statistics."""
    if operation in ("GetPartitionIndexes", "GetColumnStatisticsForTable", "GetColumnStatisticsForPartition"):
        return "DESCRIBE"
    if "PartitionIndex" in operation or "ColumnStatistics" in operation:
        return "ALTER"
    return None


def permitted(call: Call, permission: str) -> Table:
    """The table of such a call; statistics need SELECT on their columns."""
    table = _table(call)
    access.require(call.caller, permission, *table.ref)
    if call.operation.startswith("GetColumnStatistics"):
        readable = engine.readable_columns(call.caller, table.ref, access.column_names(table.record))
        if not set(call.params.get("ColumnNames", [])) <= set(readable):
            raise errors.insufficient("SELECT", table.ref.name)
    return table
