"""Databases and database resource links."""

from __future__ import annotations

from typing import Any

from sandbox import clock
from sandbox.api import AwsError, Call
from sandbox.glue import access, errors, resources, store
from sandbox.glue.store import Record
from sandbox.lakeformation import engine

_FROM_INPUT = ("Description", "LocationUri", "Parameters", "CreateTableDefaultPermissions", "TargetDatabase")


def create_database(call: Call) -> dict[str, Any]:
    """CreateDatabase: CREATE_DATABASE on the catalog; DATA_LOCATION_ACCESS where the location is registered."""
    catalog = own_catalog(call)
    given = call.params["DatabaseInput"]
    name = given["Name"].lower()
    access.require(call.caller, "CREATE_DATABASE", catalog)
    if given.get("TargetDatabase"):
        _check_link(call, given)
    access.require_location(call.caller, given.get("LocationUri"), catalog)
    record = {key: given[key] for key in _FROM_INPUT if key in given}
    record |= {"Name": name, "CatalogId": catalog, "CreateTime": int(clock.time())}
    record.setdefault("Parameters", {})
    with store.lock:
        if store.database(catalog, call.region, name) is not None:
            raise errors.already_exists("Database already exists.")
        store.put_database(catalog, call.region, record)
    store.tag(catalog, call.region, f"database/{name}", call.params.get("Tags") or {})
    engine.database_created(catalog, name, call.caller, given)
    return {}


def own_catalog(call: Call) -> str:
    """The caller's catalog; databases are made in one's own account only."""
    catalog = resources.catalog_of(call.params, call.caller.account)
    if catalog != call.caller.account:
        raise errors.insufficient("CREATE_DATABASE", "Catalog")
    return catalog


def _check_link(call: Call, given: Record) -> None:
    """A link has nothing of its own, names a whole target, and does not point to a link. The target need not exist."""
    if given.get("LocationUri"):
        raise errors.invalid("LocationUri cannot be specified for a resource link.")
    target = given["TargetDatabase"]
    if not target.get("CatalogId") or not target.get("DatabaseName"):
        raise errors.invalid("TargetDatabase must name CatalogId and DatabaseName.")
    found = store.database(target["CatalogId"], call.region, target["DatabaseName"])
    if found is not None and access.is_link(found):
        raise errors.invalid("Resource links to resource links are not supported.")


def get_database(call: Call) -> dict[str, Any]:
    """GetDatabase: a link shows its target's properties where the caller may see the target, else its own."""
    catalog = resources.catalog_of(call.params, call.caller.account)
    record = access.visible_database(call.caller, call.region, catalog, call.params["Name"])
    return {"Database": _shown(call, catalog, record)}


def _shown(call: Call, catalog: str, record: Record) -> Record:
    if not access.is_link(record):
        return record
    try:
        found = access.find_database(call, catalog, record["Name"])
    except AwsError:
        return record
    own = {key: record[key] for key in ("Name", "CatalogId", "CreateTime", "TargetDatabase") if key in record}
    return {**found.record, **own}


def get_databases(call: Call) -> dict[str, Any]:
    """GetDatabases: what the caller sees of its catalog; with ResourceShareType also what was shared with it."""
    catalog = resources.catalog_of(call.params, call.caller.account)
    found = [
        _shown(call, owner, record)
        for owner in catalogs_of(call, catalog)
        for record in store.databases(owner, call.region)
        if engine.can_see_database(call.caller, owner, record["Name"])
    ]
    return access.page(found, call.params, "DatabaseList")


def catalogs_of(call: Call, catalog: str) -> list[str]:
    """The catalogs a list covers: https://docs.aws.amazon.com/glue/latest/webapi/API_GetDatabases.html."""
    kind = call.params.get("ResourceShareType")
    if kind is None or kind == "FEDERATED":
        return [catalog]
    others = [owner for owner in store.catalogs(call.region) if owner != call.caller.account]
    return [call.caller.account, *others] if kind == "ALL" else others


def update_database(call: Call) -> dict[str, Any]:
    """UpdateDatabase: ALTER; a link is followed to its target."""
    catalog = resources.catalog_of(call.params, call.caller.account)
    given = call.params["DatabaseInput"]
    with store.lock:
        found = access.find_database(call, catalog, call.params["Name"])
        access.require(call.caller, "ALTER", found.catalog, found.name)
        if given.get("LocationUri") != found.record.get("LocationUri"):
            access.require_location(call.caller, given.get("LocationUri"), found.catalog)
        kept = {key: found.record[key] for key in ("Name", "CatalogId", "CreateTime") if key in found.record}
        changed = {key: given[key] for key in _FROM_INPUT if key in given and key != "TargetDatabase"}
        changed.setdefault("Parameters", {})
        store.put_database(found.catalog, call.region, {**kept, **changed})
    return {}


def delete_database(call: Call) -> dict[str, Any]:
    """DeleteDatabase: DROP; a link itself is deleted, never its target. Tables go with their database."""
    catalog = resources.catalog_of(call.params, call.caller.account)
    with store.lock:
        record = access.visible_database(call.caller, call.region, catalog, call.params["Name"])
        name = record["Name"]
        access.require(call.caller, "DROP", catalog, name)
        for table in store.tables(catalog, call.region, name):
            engine.table_deleted(catalog, name, table["Name"])
        store.drop_database(catalog, call.region, name)
    engine.database_deleted(catalog, name)
    return {}
