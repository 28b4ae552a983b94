"""What grants need to know of the Glue catalog: does it exist, is it a link, may the grantor's IAM see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.lakeformation import errors, resources, world
from sandbox.lakeformation.resources import Kind, Resource

if TYPE_CHECKING:
    from sandbox.api import Caller


def find(resource: Resource) -> dict[str, Any] | None:
    """The database or table that the resource names (the database, for all tables).

    Raises:
        AwsError: EntityNotFoundException when it does not exist.
    """
    here = world.current()
    if resource.kind in (Kind.CATALOG, Kind.DATA_LOCATION) or resource.by_tag:
        return None
    database = here.database(resource.catalog, resource.database)
    if database is None:
        raise errors.not_found(f"Database {resource.database} not found.")
    if resource.kind in (Kind.DATABASE, Kind.ALL_TABLES):
        return database
    table = here.table(resource.catalog, resource.database, resource.table)
    if table is None:
        raise errors.not_found(f"Table {resource.table} not found in database {resource.database}.")
    return table


def column_names(table: Resource) -> set[str]:
    """All columns of a table, lower case, partition keys too; none when it does not exist."""
    found = world.current().table(table.catalog, table.database, table.table) or {}
    columns = (found.get("StorageDescriptor") or {}).get("Columns") or []
    return {column["Name"].lower() for column in columns} | partition_keys(table)


def partition_keys(table: Resource) -> set[str]:
    """The partition keys of a table, lower case; none when it does not exist."""
    found = world.current().table(table.catalog, table.database, table.table) or {}
    return {column["Name"].lower() for column in found.get("PartitionKeys") or []}


def is_link(entity: dict[str, Any] | None) -> bool:
    """Whether a database or table is a resource link.

    https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-about.html
    """
    return bool(entity and (entity.get("TargetTable") or entity.get("TargetDatabase")))


def check_columns(resource: Resource, table: dict[str, Any] | None) -> None:
    """The columns of an include or exclude list must exist, and partition keys cannot be excluded.

    https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-select

    Raises:
        AwsError: InvalidInputException.
    """
    if resource.kind is not Kind.COLUMNS or table is None:
        return
    keys = {column["Name"].lower() for column in table.get("PartitionKeys") or []}
    names = {column["Name"].lower() for column in table.get("StorageDescriptor", {}).get("Columns") or []}
    unknown = sorted({*resource.columns, *resource.excluded} - names - keys)
    if unknown:
        raise errors.invalid(f"Columns not found in table {resource.table}: [{', '.join(unknown)}]")
    if keys & set(resource.excluded):
        raise errors.invalid("Partition keys cannot be excluded.")


def check_glue_iam(caller: Caller, region: str, resource: Resource) -> None:
    """A grantor's IAM must allow to get what is granted on.

    https://docs.aws.amazon.com/lake-formation/latest/dg/required-permissions-for-grant.html

    Raises:
        AwsError: AccessDeniedException "Insufficient Glue permissions to access …".
    """
    if resource.kind in (Kind.CATALOG, Kind.DATA_LOCATION) or resource.by_tag:
        return
    owner, database = resource.catalog, resource.database
    needed = [resources.database(owner, database), resources.catalog(owner)]
    action = "glue:GetDatabase"
    if resource.entity.kind is Kind.TABLE:
        action = "glue:GetTable"
        needed.append(resource.entity)
    here = world.current()
    if not all(here.may(caller, action, item.arn(region)).allowed for item in needed):
        raise insufficient_glue(resource)


def insufficient_glue(resource: Resource) -> Exception:
    """AccessDeniedException as it comes when IAM, or RAM on the way, keeps a resource out of sight."""
    if resource.entity.kind is Kind.TABLE:
        return errors.denied(f"Insufficient Glue permissions to access table {resource.table}")
    if resource.by_tag:
        return errors.denied(f"Insufficient Glue permissions to access catalog {resource.catalog}")
    return errors.denied(f"Insufficient Glue permissions to access database {resource.database}")
