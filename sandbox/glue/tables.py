"""Tables and table resource links."""

from __future__ import annotations

import fnmatch
import re
from typing import Any

from sandbox import clock
from sandbox.api import AwsError, Call
from sandbox.glue import access, databases, errors, resources, store
from sandbox.glue.access import Database, Table
from sandbox.glue.store import Record
from sandbox.lakeformation import engine
from sandbox.lakeformation.engine import TableRef

_FROM_INPUT = (
    "Description",
    "Owner",
    "LastAccessTime",
    "LastAnalyzedTime",
    "Retention",
    "StorageDescriptor",
    "PartitionKeys",
    "ViewOriginalText",
    "ViewExpandedText",
    "TableType",
    "Parameters",
    "TargetTable",
    "ViewDefinition",
)


def create_table(call: Call) -> dict[str, Any]:
    """CreateTable: CREATE_TABLE on the database (links are followed), DATA_LOCATION_ACCESS where registered."""
    given = call.params["TableInput"]
    name, found = given["Name"].lower(), _database(call)
    if given.get("TargetTable"):
        _check_link(call, found, given)
    access.require(call.caller, "CREATE_TABLE", found.catalog, found.name)
    _check_columns(given)
    access.require_location(call.caller, _location(given), found.catalog, found.name)
    now = int(clock.time())
    record = _definition(given) | {
        "Name": name,
        "DatabaseName": found.name,
        "CatalogId": found.catalog,
        "CreatedBy": call.caller.arn,
        "CreateTime": now,
        "UpdateTime": now,
        "VersionId": "0",
    }
    with store.lock:
        if store.table(found.catalog, call.region, found.name, name) is not None:
            raise errors.already_exists("Table already exists.")
        store.put_table(found.catalog, call.region, record)
    engine.table_created(found.catalog, found.name, name, call.caller, given)
    return {}


def _database(call: Call) -> Database:
    catalog = resources.catalog_of(call.params, call.caller.account)
    return access.find_database(call, catalog, call.params["DatabaseName"])


def _definition(given: Record) -> Record:
    """All that a caller defines; a link has nothing of its own."""
    record = {key: given[key] for key in _FROM_INPUT if key in given}
    if not given.get("TargetTable"):
        record.setdefault("Retention", 0)
        record.setdefault("PartitionKeys", [])
        record.setdefault("Parameters", {})
    return record


def _location(record: Record) -> str | None:
    location: str | None = (record.get("StorageDescriptor") or {}).get("Location")
    return location or None


def _check_link(call: Call, found: Database, given: Record) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-about.html. The target need not exist."""
    if found.link is not None:
        raise errors.invalid("Creating a table resource link through a database resource link is not supported.")
    if given.get("StorageDescriptor") or given.get("PartitionKeys"):
        raise errors.invalid("StorageDescriptor and PartitionKeys cannot be specified for a resource link.")
    target = given["TargetTable"]
    if not all(target.get(member) for member in ("CatalogId", "DatabaseName", "Name")):
        raise errors.invalid("TargetTable must name CatalogId, DatabaseName and Name.")
    other = store.table(target["CatalogId"], call.region, target["DatabaseName"], target["Name"])
    if other is not None and access.is_link(other):
        raise errors.invalid("Resource links to resource links are not supported.")


def _check_columns(given: Record) -> None:
    names = [name.lower() for name in access.column_names(given)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise errors.invalid(f"Duplicate column name: {twice[0]}")


# --- reading ----------------------------------------------------------------------------------------------------------


def get_table(call: Call) -> dict[str, Any]:
    """GetTable: a table link shows its target's properties under its own name (see the package's docstring)."""
    found = _database(call)
    access.require_table_iam(call, found, call.params["Name"])
    record = access.visible_table(call, found.catalog, found.name, call.params["Name"])
    table = Table(found.catalog, found, record)
    if found.link is not None:
        # A database link is followed; what lies in the target, tables and links, is returned as it is.
        return {"Table": access.shown_table(call.caller, table)}
    return {"Table": access.shown_or_link(call, table)}


def get_tables(call: Call) -> dict[str, Any]:
    """GetTables: what the caller sees; table links of a local database are followed."""
    found = _database(call)
    access.require_table_iam(call, found, "*")
    tables = []
    for record in store.tables(found.catalog, call.region, found.name):
        if not _matches(call.params.get("Expression"), record["Name"]):
            continue
        if not engine.can_see_table(call.caller, TableRef(found.catalog, found.name, record["Name"])):
            continue
        table = Table(found.catalog, found, record)
        if access.is_link(record) and found.catalog != call.caller.account:
            continue
        if found.link is None:
            tables.append(access.shown_or_link(call, table))
        else:
            tables.append(access.shown_table(call.caller, table))
    return access.page(tables, call.params, "TableList")


def _matches(expression: str | None, name: str) -> bool:
    if not expression:
        return True
    try:
        return re.fullmatch(expression, name, re.IGNORECASE) is not None
    except re.error:
        # People write `sales*`; AWS's regular expressions take it as a prefix.
        return fnmatch.fnmatch(name, expression.lower())


def search_tables(call: Call) -> dict[str, Any]:
    """SearchTables: tables and links the caller sees, by text and filters; links are not followed."""
    catalog = resources.catalog_of(call.params, call.caller.account)
    found = []
    for owner in databases.catalogs_of(call, catalog):
        for database in store.databases(owner, call.region):
            for record in store.tables(owner, call.region, database["Name"]):
                if not engine.can_see_table(call.caller, TableRef(owner, database["Name"], record["Name"])):
                    continue
                shown = access.shown_table(call.caller, Table(owner, Database(owner, database), record))
                if _found(call.params, shown):
                    found.append(shown)
    for criterion in reversed(call.params.get("SortCriteria") or []):
        field, backwards = criterion["FieldName"], criterion.get("Sort") == "DESC"
        found.sort(key=lambda table: str(table.get(field, "")), reverse=backwards)
    return access.page(found, call.params, "TableList")


def _found(params: dict[str, Any], table: Record) -> bool:
    text = (params.get("SearchText") or "").strip().strip('"').lower()
    columns = access.column_names(table)
    words = [table["Name"], table["DatabaseName"], table.get("Description", ""), *columns]
    words += [item for pair in (table.get("Parameters") or {}).items() for item in pair]
    if text and not any(text in str(word).lower() for word in words):
        return False
    return all(_passes(rule, table) for rule in params.get("Filters") or [])


def _passes(rule: Record, table: Record) -> bool:
    key, wanted = rule.get("Key", ""), str(rule.get("Value", "")).lower()
    value = str(table.get(key, (table.get("Parameters") or {}).get(key, ""))).lower()
    comparator = rule.get("Comparator", "EQUALS")
    if comparator == "EQUALS":
        return value == wanted
    raise errors.invalid(f"Comparator {comparator} is not supported for {key}.")


# --- changing ---------------------------------------------------------------------------------------------------------


def update_table(call: Call) -> dict[str, Any]:
    """UpdateTable: replaces the whole definition; ALTER; DATA_LOCATION_ACCESS on a new registered location.

    Source of the latter: https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-alter.
    """
    given = call.params.get("TableInput") or {}
    if not given.get("Name"):
        raise errors.invalid("TableInput.Name is required.")
    catalog = resources.catalog_of(call.params, call.caller.account)
    with store.lock:
        table = access.find_table(call, catalog, call.params["DatabaseName"], given["Name"])
        old = table.record
        access.require(call.caller, "ALTER", *table.ref)
        if given.get("TargetTable") and table.link is None:
            raise errors.invalid("A table cannot be turned into a resource link.")
        _check_columns(given)
        if _location(given) != _location(old):
            access.require_location(call.caller, _location(given), table.catalog, table.ref.database)
        version = str(old.get("VersionId", "0"))
        wanted = call.params.get("VersionId")
        if wanted is not None and str(wanted) != version:
            raise AwsError(
                "ConcurrentModificationException",
                f"Update table failed due to concurrent modifications: the table is at version {version}.",
            )
        kept = {key: old[key] for key in ("Name", "DatabaseName", "CatalogId", "CreatedBy", "CreateTime") if key in old}
        definition = _definition({key: value for key, value in given.items() if key != "TargetTable"})
        changed = {"UpdateTime": int(clock.time()), "VersionId": str(int(version) + 1)}
        store.put_table(table.catalog, call.region, {**definition, **kept, **changed})
    engine.table_updated(*table.ref, access.column_names(definition))
    return {}


def delete_table(call: Call) -> dict[str, Any]:
    """DeleteTable: DROP; a table link itself is deleted, never its target."""
    _delete(call, _database(call), call.params["Name"])
    return {}


def _delete(call: Call, found: Database, name: str) -> None:
    access.require_table_iam(call, found, name)
    with store.lock:
        record = access.visible_table(call, found.catalog, found.name, name)
        access.require(call.caller, "DROP", found.catalog, found.name, record["Name"])
        store.drop_table(found.catalog, call.region, found.name, record["Name"])
    engine.table_deleted(found.catalog, found.name, record["Name"])


def batch_delete_table(call: Call) -> dict[str, Any]:
    """BatchDeleteTable: HTTP 200 with what failed in `Errors`."""
    found = _database(call)
    failures = []
    for name in call.params["TablesToDelete"]:
        try:
            _delete(call, found, name)
        except AwsError as failure:
            detail = {"ErrorCode": failure.code, "ErrorMessage": failure.message}
            failures.append({"TableName": name, "ErrorDetail": detail})
    return {"Errors": failures}
