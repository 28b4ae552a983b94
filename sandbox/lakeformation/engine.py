"""What Lake Formation decides for Glue, Athena and crawlers, evaluated fresh at each call.

Callers have passed IAM already: these functions answer the Lake Formation half of the question only.
Catalogs are account ids. Tables and databases that are resource links are their own resources here
(DESCRIBE / DROP only); resolve the link first and ask again about the target, as AWS does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sandbox import clock
from sandbox.lakeformation import cell_filters, effective, locations, resources, tags, world
from sandbox.lakeformation.effective import Cells
from sandbox.lakeformation.resources import Kind, Resource
from sandbox.lakeformation.store import lock, store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sandbox.api import Caller


class TableRef(NamedTuple):
    """A table of one account's catalog."""

    catalog: str
    database: str
    name: str


class RegisteredLocation(NamedTuple):
    """An S3 location registered with Lake Formation."""

    arn: str
    role_arn: str
    catalog: str


# --- what the catalog tells Lake Formation ---------------------------------------------------------------------------


def database_created(account: str, name: str, creator: Caller, database_input: dict[str, Any]) -> None:
    """Record the implicit grants of a new database or database link (call it after it exists).

    https://docs.aws.amazon.com/lake-formation/latest/dg/implicit-permissions.html (the creator) and
    https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html (IAM_ALLOWED_PRINCIPALS).
    """
    with lock:
        settings = store.account(account).settings
        target = resources.database(account, name)
        everything = resources.ON_LINKS if "TargetDatabase" in database_input else resources.VALID[Kind.DATABASE]
        _give(account, creator.principal_arn, target, everything, creator)
        _give_defaults(account, target, settings["CreateDatabaseDefaultPermissions"], creator)
        given = database_input.get("CreateTableDefaultPermissions")
        defaults = settings["CreateTableDefaultPermissions"] if given is None else given
        store.account(account).table_defaults[target.database] = list(defaults)


def database_deleted(account: str, name: str) -> None:
    """Forget the grants on a database that is gone, and on its tables, their tags and data cells filters.

    Shares in RAM and what other accounts passed on stay behind, as on AWS.
    """
    target = resources.database(account, name)
    _forget(account, lambda held: held.catalog == account and held.database == target.database)
    store.account(account).table_defaults.pop(target.database, None)


def table_created(account: str, database: str, name: str, creator: Caller, table_input: dict[str, Any]) -> None:
    """Record the implicit grants of a new table or resource link (call it after it exists).

    A creator of another account has everything on the table together with that account, which may pass it on inside:
    https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-create-table
    """
    with lock:
        target = resources.table(account, database, name)
        everything = resources.ON_LINKS if "TargetTable" in table_input else resources.VALID[Kind.TABLE]
        _give(creator.account, creator.principal_arn, target, everything, creator)
        if creator.account != account:
            _give(account, creator.account, target, everything, creator)
            store.account(account).obtain(creator.account, target).implicit = True
        _give_defaults(account, target, _table_defaults(account, target.database), creator)


def table_deleted(account: str, database: str, name: str) -> None:
    """Forget the grants on a table that is gone, its tags and filters; what other accounts hold of it stays behind."""
    target = resources.table(account, database, name)
    _forget(account, lambda held: held.entity == target)


def table_updated(account: str, database: str, name: str, columns: Sequence[str]) -> None:
    """Forget the tags of columns that a table has no more: one of the same name that comes later begins without any."""
    target = resources.table(account, database, name)
    left = {column.lower() for column in columns}
    tags.forget(account, lambda held: held.entity == target and held != target and not left & set(held.columns))


def _give(account: str, principal: str, target: Resource, permissions: frozenset[str], creator: Caller) -> None:
    grant = store.account(account).obtain(principal, target)
    grant.permissions |= permissions
    grant.grantable |= permissions
    grant.updated, grant.updated_by = clock.now(), creator.arn


def _give_defaults(account: str, target: Resource, defaults: list[dict[str, Any]], creator: Caller) -> None:
    for default in defaults:
        permissions = set(default.get("Permissions") or [])
        if permissions:
            grant = store.account(account).obtain(default["Principal"]["DataLakePrincipalIdentifier"], target)
            grant.permissions |= permissions
            grant.updated, grant.updated_by = clock.now(), creator.arn


def _table_defaults(account: str, database: str) -> list[dict[str, Any]]:
    """What the database says of new tables, else what the account said when the database was made."""
    found = world.current().database(account, database) or {}
    given = found.get("CreateTableDefaultPermissions")
    standing = store.account(account)
    if given is not None:
        return list(given)
    defaults: list[dict[str, Any]] = standing.settings["CreateTableDefaultPermissions"]
    return standing.table_defaults.get(database, defaults)


def _forget(account: str, unwanted: Callable[[Resource], bool]) -> None:
    with lock:
        store.account(account).forget(lambda grant: unwanted(grant.resource))
        tags.forget(account, unwanted)
        cell_filters.forget(account, unwanted)


# --- what the catalog and queries ask --------------------------------------------------------------------------------


def is_admin(caller: Caller) -> bool:
    """Whether the caller is a data lake administrator of its account."""
    return effective.is_admin(caller)


def can_see_database(caller: Caller, catalog: str, name: str) -> bool:
    """Whether the caller holds anything on the database or on something in it."""
    return effective.caller_sees(caller, resources.database(catalog, name))


def can_see_table(caller: Caller, ref: TableRef) -> bool:
    """Whether the caller holds anything on the table."""
    return effective.caller_sees(caller, resources.table(*ref))


def has(
    caller: Caller,
    permission: str,
    *,
    catalog: str,
    database: str | None = None,
    table: str | None = None,
    columns: Sequence[str] | None = None,
) -> bool:
    """Whether the caller holds the permission: on the catalog (no database), a database, a table, or columns of it.

    An empty list of columns asks for SELECT on any of them, as a query needs it that only counts rows.
    """
    if database is None:
        return effective.allows(caller, permission, resources.catalog(catalog))
    if table is None:
        return effective.allows(caller, permission, resources.database(catalog, database))
    target = resources.table(catalog, database, table)
    if columns is not None and permission == "SELECT":
        if not columns:
            return effective.selects_something(caller, target)
        return {column.lower() for column in columns} <= effective.readable(caller, target, columns)
    return effective.allows(caller, permission, target)


def readable_cells(caller: Caller, ref: TableRef, all_columns: Sequence[str]) -> list[Cells]:
    """What the caller reads of a table: columns with the expressions of their rows, one part beside the other."""
    return effective.cells(caller, resources.table(*ref), all_columns)


def can_use_location(caller: Caller, s3_uri: str, *, catalog: str, database: str | None = None) -> bool:
    """Whether the caller may let metadata of this catalog point to the S3 location.

    https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html#data-location-permissions:
    not asked for locations that are not registered, nor for tables under the registered location of their database.
    """
    with lock:
        if not s3_uri.startswith("s3") or locations.covering(catalog, s3_uri) is None:
            return True
        if effective.allows(caller, "DATA_LOCATION_ACCESS", resources.location(catalog, s3_uri)):
            return True
        if database is None:
            return False
        uri = (world.current().database(catalog, database) or {}).get("LocationUri") or ""
        if not uri.startswith("s3") or locations.covering(catalog, uri) is None:
            return False
        inside = resources.covers_location(resources.normal_location(uri), resources.normal_location(s3_uri))
        return inside and effective.allows(caller, "CREATE_TABLE", resources.database(catalog, database))


def readable_columns(caller: Caller, ref: TableRef, all_columns: Sequence[str]) -> list[str]:
    """The columns on which the caller holds SELECT, in the order given; [] = no SELECT."""
    found = effective.readable(caller, resources.table(*ref), all_columns)
    return [column for column in all_columns if column.lower() in found]


def shared_columns(account: str, ref: TableRef, all_columns: Sequence[str]) -> list[str]:
    """The columns of another account's table on which the account received SELECT, in the order given."""
    found = effective.received_columns(account, resources.table(*ref), all_columns)
    return [column for column in all_columns if column.lower() in found]


def registered_location(catalog: str, s3_uri: str) -> RegisteredLocation | None:
    """The longest location registered in the catalog's account that covers the S3 location."""
    found = locations.covering(catalog, s3_uri) if s3_uri.startswith(("s3", "arn:aws:s3:")) else None
    return RegisteredLocation(found.arn, found.role, catalog) if found else None


def vend(catalog: str, s3_uri: str, actions: Sequence[str]) -> None:
    """Check that the registered role can do the S3 actions on the location now.

    A location that ends with a slash stands for any object in it. Reading asks for kms:Decrypt of the keys of
    the objects below it, writing for kms:GenerateDataKey of the bucket's key.

    Raises:
        AwsError: AccessDeniedException that names what is missing.
    """
    locations.check_reach(catalog, s3_uri, actions)
