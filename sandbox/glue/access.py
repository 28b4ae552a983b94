"""What Lake Formation lets a caller see and change in a catalog, and whom a resource link leads to.

IAM on the ARNs that a call names was asked at the front door. What a call reaches through a link is asked here, because
"you must have both IAM and Lake Formation permissions on both the target and the resource link":
https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-glue-apis.html
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sandbox import authz
from sandbox.api import AwsError, Call, Caller
from sandbox.glue import errors, resources, store
from sandbox.glue.store import Record
from sandbox.lakeformation import engine
from sandbox.lakeformation.engine import TableRef

# Whoever holds one of these on a table sees all its columns; SELECT shows what it covers.
_WHOLE_TABLE = ("ALTER", "DROP", "INSERT", "DELETE")


@dataclass(frozen=True)
class Database:
    """A database as a call found it: `link` is the resource link that led to it."""

    catalog: str
    record: Record
    link: Record | None = None

    @property
    def name(self) -> str:
        """Its name in its own catalog."""
        return str(self.record["Name"])


@dataclass(frozen=True)
class Table:
    """A table as a call found it: `link` is the table resource link that led to it, `database` where it lies."""

    catalog: str
    database: Database
    record: Record
    link: Record | None = None

    @property
    def ref(self) -> TableRef:
        """How Lake Formation names it."""
        return TableRef(self.catalog, str(self.record["DatabaseName"]), str(self.record["Name"]))


def is_link(record: Record) -> bool:
    """Is this a resource link?"""
    return bool(record.get("TargetDatabase") or record.get("TargetTable"))


def visible_database(caller: Caller, region: str, catalog: str, name: str) -> Record:
    """The database or link of this name; raises EntityNotFoundException unless it is there and visible."""
    record = store.database(catalog, region, name)
    if record is None or not engine.can_see_database(caller, catalog, record["Name"]):
        raise errors.database_not_found(name)
    return record


def find_database(call: Call, catalog: str, name: str) -> Database:
    """The database, links followed; raises EntityNotFoundException, or the refusal of IAM on the target."""
    record = visible_database(call.caller, call.region, catalog, name)
    if not is_link(record):
        return Database(catalog, record)
    target = record["TargetDatabase"]
    owner, target_name = target["CatalogId"], target["DatabaseName"].lower()
    require_iam(call.caller, call.operation, resources.table_arns(call.region, owner, target_name))
    found = visible_database(call.caller, call.region, owner, target_name)
    if is_link(found):
        raise errors.invalid("Resource links to resource links are not supported.")
    return Database(owner, found, link=record)


def visible_table(call: Call, catalog: str, database: str, name: str) -> Record:
    """The table or link of this name; raises EntityNotFoundException unless it is there and visible."""
    record = store.table(catalog, call.region, database, name)
    if record is None or not engine.can_see_table(call.caller, TableRef(catalog, database, record["Name"])):
        raise errors.entity_not_found(name)
    return record


def find_table(call: Call, catalog: str, database: str, name: str) -> Table:
    """The table, links followed; raises EntityNotFoundException, or the refusal of IAM on the target."""
    found = find_database(call, catalog, database)
    require_table_iam(call, found, name)
    record = visible_table(call, found.catalog, found.name, name)
    table = Table(found.catalog, found, record)
    if not is_link(record):
        return table
    if found.link is not None:
        raise errors.invalid("A table resource link cannot be followed through a database resource link.")
    return follow(call, table)


def follow(call: Call, link: Table) -> Table:
    """The target of a table resource link; raises EntityNotFoundException when it is gone or invisible."""
    target = link.record["TargetTable"]
    owner, database, name = target["CatalogId"], target["DatabaseName"].lower(), target["Name"].lower()
    require_iam(call.caller, call.operation, resources.table_arns(call.region, owner, database, name))
    record = visible_table(call, owner, database, name)
    if is_link(record):
        raise errors.invalid("Resource links to resource links are not supported.")
    home = store.database(owner, call.region, database)
    return Table(owner, Database(owner, home or {"Name": database}), record, link=link.record)


def require_table_iam(call: Call, found: Database, name: str) -> None:
    """Behind a database link: the caller's IAM policies must allow the operation on the target's table, too."""
    if found.link is not None:
        arns = resources.table_arns(call.region, found.catalog, found.name, name)
        require_iam(call.caller, call.operation, arns[2:])


def require_iam(caller: Caller, operation: str, arns: Iterable[str]) -> None:
    """The caller's IAM policies must allow `glue:<operation>` on all of these."""
    for arn in arns:
        authz.require(caller.arn, f"glue:{operation}", arn)


def require(
    caller: Caller, permission: str, catalog: str, database: str | None = None, table: str | None = None
) -> None:
    """Lake Formation must permit this on something the caller sees already."""
    if not engine.has(caller, permission, catalog=catalog, database=database, table=table):
        raise errors.insufficient(permission, table or database or "Catalog")


def require_location(caller: Caller, uri: str | None, catalog: str, database: str | None = None) -> None:
    """Metadata may point to a registered location only with DATA_LOCATION_ACCESS on it.

    https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html
    """
    if uri and not engine.can_use_location(caller, uri, catalog=catalog, database=database):
        raise errors.insufficient_location(uri)


# --- what a reader gets -----------------------------------------------------------------------------------------------


def column_names(record: Record) -> list[str]:
    """All columns of a table, partition keys last."""
    columns = [*(record.get("StorageDescriptor") or {}).get("Columns", []), *record.get("PartitionKeys", [])]
    return [str(column["Name"]) for column in columns]


def visible_columns(caller: Caller, table: Table) -> set[str]:
    """The columns GetTable shows: what SELECT covers, all to whoever holds something on the table as a whole.

    Administrators see all columns of their account's tables, of others' those that their account received: nobody there
    "will have visibility" of more (https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html).
    """
    names = column_names(table.record)
    readable = engine.readable_columns(caller, table.ref, names)
    if engine.is_admin(caller):
        foreign = table.catalog != caller.account
        shared = engine.shared_columns(caller.account, table.ref, names) if foreign else []
        readable = [name for name in names if name in readable or name in shared]
        if not foreign:
            return set(names)
    if not readable or len(readable) == len(names):
        return set(names)
    catalog, database, name = table.ref
    if any(engine.has(caller, held, catalog=catalog, database=database, table=name) for held in _WHOLE_TABLE):
        return set(names)
    return set(readable)


def shown_table(caller: Caller, table: Table) -> Record:
    """A table as GetTable answers: visible columns only; a link under its own name with its target's properties."""
    shown = dict(table.record)
    kept = visible_columns(caller, table)
    storage = shown.get("StorageDescriptor")
    if storage and "Columns" in storage:
        columns = [column for column in storage["Columns"] if column["Name"] in kept]
        shown["StorageDescriptor"] = {**storage, "Columns": columns}
    if "PartitionKeys" in shown:
        shown["PartitionKeys"] = [key for key in shown["PartitionKeys"] if key["Name"] in kept]
    location = (storage or {}).get("Location")
    shown["IsRegisteredWithLakeFormation"] = bool(location and engine.registered_location(table.catalog, location))
    if table.link is not None:
        own = ("Name", "DatabaseName", "CatalogId", "CreateTime", "CreatedBy", "TargetTable")
        shown |= {key: table.link[key] for key in own if key in table.link}
    return shown


def shown_or_link(call: Call, found: Table) -> Record:
    """A link's target through the link where the caller may see it, else the link's own properties."""
    if not is_link(found.record):
        return shown_table(call.caller, found)
    try:
        return shown_table(call.caller, follow(call, found))
    except AwsError:
        return dict(found.record)


def page(items: list[Any], params: dict[str, Any], member: str, default: int = 100) -> dict[str, Any]:
    """One page of a list, with the token of the next; raises InvalidInputException for a token that is none."""
    token = str(params.get("NextToken") or "0")
    if not token.isdigit():
        raise errors.invalid("Invalid pagination token provided.")
    start, size = int(token), int(params.get("MaxResults") or default)
    answer: dict[str, Any] = {member: items[start : start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return answer
