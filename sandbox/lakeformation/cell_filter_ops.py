"""Making, looking at, changing and dropping data cells filters.

https://docs.aws.amazon.com/lake-formation/latest/dg/managing-filters.html: SELECT with the grant option makes filters
of a table, DESCRIBE looks at one, DROP deletes it. Administrators make and see all of their account, as they may grant
SELECT to themselves. Where a docstring says that a text is this project's, AWS documents the refusal and publishes no
text.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sandbox import clock
from sandbox.api import AwsError
from sandbox.lakeformation import catalog, cell_filters, cell_grants, effective, errors, listing, resources, row_filters
from sandbox.lakeformation.resources import Kind, Resource
from sandbox.lakeformation.store import CellsFilter, lock, store

if TYPE_CHECKING:
    from sandbox.api import Call, Caller

_CREATOR = {"DESCRIBE", "DROP"}
"""What a creator holds: "at first, only you can view the data filters that you create"
(https://docs.aws.amazon.com/lake-formation/latest/dg/granting-filter-perms.html)."""


def create(call: Call) -> dict[str, Any]:
    """CreateDataCellsFilter.

    Raises:
        AwsError: AlreadyExistsException for a name that the table's filters have already (text: this project's), and
            as `_checked`.
    """
    given, caller = call.params["TableData"], call.caller
    with lock:
        target = _target(given)
        made = _checked(caller, target, given)
        if any(cell_filters.find(replace(target, home=home)) for home in (target.catalog, caller.account)):
            raise AwsError("AlreadyExistsException", f"Data cells filter {target.filter_name} already exists.")
        target = replace(target, home=caller.account)
        account = store.account(caller.account)
        account.cell_filters[target] = made
        own = account.obtain(caller.principal_arn, target)
        own.permissions |= _CREATOR
        own.grantable |= _CREATOR
        own.updated, own.updated_by = clock.now(), caller.arn
    return {}


def get(call: Call) -> dict[str, Any]:
    """GetDataCellsFilter.

    Raises:
        AwsError: EntityNotFoundException; AccessDeniedException without anything on the filter.
    """
    with lock:
        target = _found(call.caller, call.params)
        _require(call.caller, "DESCRIBE", target)
        return {"DataCellsFilter": _shown(target)}


def list_all(call: Call) -> dict[str, Any]:
    """ListDataCellsFilter: those that the caller may see, of one table, of all tables of a database, or all.

    Raises:
        AwsError: InvalidInputException for a token of another hand.
    """
    caller = call.caller
    wanted = resources.parse({"Table": call.params["Table"]}, caller.account) if "Table" in call.params else None
    with lock:
        there = [each for _, account in store.accounts() for each in account.cell_filters]
        known = [
            each
            for each in there
            if _about(each, wanted)
            and each.keeper in (caller.account, each.catalog)
            and effective.allows(caller, "DESCRIBE", each)
        ]
        known.sort(key=lambda each: (each.catalog, each.database, each.table, each.filter_name, each.home))
        some, more = listing.page(known, call.params)
        return {"DataCellsFilters": [_shown(each) for each in some]} | more


def update(call: Call) -> dict[str, Any]:
    """UpdateDataCellsFilter: columns and rows anew.

    Raises:
        AwsError: EntityNotFoundException; ConcurrentModificationException for a version that is not the latest (text:
            this project's); as `_checked`.
    """
    given, caller = call.params["TableData"], call.caller
    with lock:
        target = _found(caller, given)
        _require_own(caller, target)
        _require(caller, "DESCRIBE", target)
        made = _checked(caller, target, given)
        account = store.account(target.keeper)
        if given.get("VersionId", account.cell_filters[target].version) != account.cell_filters[target].version:
            raise AwsError(
                "ConcurrentModificationException", f"Data cells filter {target.filter_name} has another version."
            )
        account.cell_filters[target] = made
    return {}


def delete(call: Call) -> dict[str, Any]:
    """DeleteDataCellsFilter. Whether AWS asks to revoke the grants on it first is not published; here they go along.

    Raises:
        AwsError: InvalidInputException for a filter that is not named, EntityNotFoundException, AccessDeniedException
            without DROP.
    """
    if not all(call.params.get(name) for name in ("DatabaseName", "TableName", "Name")):
        raise errors.invalid("DatabaseName, TableName and Name are required.")
    with lock:
        target = _found(call.caller, {"TableCatalogId": call.caller.account} | call.params)
        _require_own(call.caller, target)
        _require(call.caller, "DROP", target)
        cell_grants.filter_deleted(target)
    return {}


def _target(given: dict[str, Any]) -> Resource:
    return resources.cells_filter(given["TableCatalogId"], given["DatabaseName"], given["TableName"], given["Name"])


def _found(caller: Caller, given: dict[str, Any]) -> Resource:
    """The filter of this name, as the caller's account means it; whoever may not see the table learns nothing."""
    target = cell_filters.meant_by(caller.account, _target(given))
    if not effective.caller_sees(caller, target.entity) and not effective.allows(caller, "DESCRIBE", target):
        raise errors.not_authorized()
    cell_grants.check_known(target)
    return target


def _require(caller: Caller, permission: str, target: Resource) -> None:
    if not effective.allows(caller, permission, target):
        raise errors.not_authorized()


def _require_own(caller: Caller, target: Resource) -> None:
    """Filters that another account made can be used at most."""
    if target.keeper != caller.account:
        raise errors.not_authorized()


def _about(resource: Resource, wanted: Resource | None) -> bool:
    if wanted is None:
        return True
    if wanted.kind is Kind.ALL_TABLES:
        return (resource.catalog, resource.database) == (wanted.catalog, wanted.database)
    return resource.entity == wanted


def _checked(caller: Caller, target: Resource, given: dict[str, Any]) -> CellsFilter:
    """The filter that is asked for, if the caller may make it of the table.

    Raises:
        AwsError: AccessDeniedException; EntityNotFoundException for the table; InvalidInputException for links and
            views, for columns and partition keys that cannot be in the lists, for anything but exactly one list of
            columns and one row filter, and for expressions that AWS does not document (texts: this project's).
    """
    table, names = target.entity, given.get("ColumnNames") or []
    wildcard, rows = given.get("ColumnWildcard"), given.get("RowFilter") or {}
    if not _makes_some(caller, table):
        raise errors.not_authorized()
    found = catalog.find(table) or {}
    if catalog.is_link(found) or found.get("TableType") == "VIRTUAL_VIEW":
        # https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
        raise errors.invalid("Data cells filters are not supported on resource links and views.")
    if names and wildcard is not None:
        # The text: https://github.com/dbt-labs/dbt-adapters/issues/937
        raise errors.invalid("Data cells filter cannot have both column wildcard expression and column names.")
    if not names and wildcard is None:
        raise errors.invalid("Data cells filter must have either column names or a column wildcard.")
    excluded = (wildcard or {}).get("ExcludedColumnNames") or []
    if any('"' in name for name in (*names, *excluded)):
        raise errors.not_supported("A nested column in a data cells filter")
    columns = tuple(sorted({name.lower() for name in names})) if names else None
    left_out = None if names else tuple(sorted({name.lower() for name in excluded}))
    catalog.check_columns(replace(table, kind=Kind.COLUMNS, columns=columns or (), excluded=left_out or ()), found)
    expression = _expression(rows, found)
    made = CellsFilter(target.filter_name, str(uuid.uuid4()), columns, left_out, expression)
    if not _may_make(caller, table, made):
        raise errors.not_authorized()
    return made


def _expression(rows: dict[str, Any], table: dict[str, Any]) -> str | None:
    expression = rows.get("FilterExpression")
    if bool(expression) == ("AllRowsWildcard" in rows):
        raise errors.invalid("RowFilter must have either a FilterExpression or an AllRowsWildcard.")
    if not expression or row_filters.everything(expression):
        return None
    row_filters.check(expression, table)
    return str(expression)


def _administers(caller: Caller, table: Resource) -> bool:
    """Whether the caller is an administrator who may apply any filter: of the owner, or of an account that received it.

    https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
    """
    if not effective.is_admin(caller):
        return False
    return table.catalog == caller.account or effective.account_passes_on(caller.account, table)


def _makes_some(caller: Caller, table: Resource) -> bool:
    names = sorted(catalog.column_names(table))
    return _administers(caller, table) or bool(effective.readable(caller, table, names, grant_option=True))


def _may_make(caller: Caller, table: Resource, made: CellsFilter) -> bool:
    """With an expression, SELECT with the grant option on all columns; without, on those that the filter shows."""
    if _administers(caller, table):
        return True
    names = catalog.column_names(table)
    shown = names if made.row_filter else (set(made.columns or names) - set(made.excluded or ()))
    return shown <= effective.readable(caller, table, sorted(names), grant_option=True)


def _shown(target: Resource) -> dict[str, Any]:
    """A filter in the API's shape; all rows are the expression TRUE as well.

    https://github.com/hashicorp/terraform-provider-aws/issues/36574
    """
    found = store.account(target.keeper).cell_filters[target]
    chosen: dict[str, Any] = {"ColumnNames": list(found.columns or ())}
    if found.columns is None:
        chosen = {"ColumnWildcard": {"ExcludedColumnNames": list(found.excluded or ())}}
    rows: dict[str, Any] = {"FilterExpression": found.row_filter}
    if found.row_filter is None:
        rows = {"FilterExpression": "TRUE", "AllRowsWildcard": {}}
    return {
        "TableCatalogId": target.catalog,
        "DatabaseName": target.database,
        "TableName": target.table,
        "Name": target.filter_name,
        "RowFilter": rows,
        **chosen,
        "VersionId": found.version,
    }
