"""What permissions there are, as far as the caller may know.

https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_ListPermissions.html: filtered by what the caller
holds; a page may be empty and still have a token.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.api import AwsError
from sandbox.lakeformation import catalog, cell_filters, cell_grants, effective, errors, principals, resources, world
from sandbox.lakeformation.resources import EVERY, Kind, Resource
from sandbox.lakeformation.store import Grant, lock, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sandbox.api import Call, Caller

Item = TypeVar("Item")

PAGE = 100
_NEVER = datetime.min.replace(tzinfo=UTC)
_TYPES = {
    "CATALOG": (Kind.CATALOG,),
    "DATABASE": (Kind.DATABASE,),
    "TABLE": (Kind.TABLE, Kind.ALL_TABLES, Kind.COLUMNS, Kind.CELLS_FILTER),
    "DATA_LOCATION": (Kind.DATA_LOCATION,),
    "LF_TAG": (Kind.LF_TAG,),
    "LF_TAG_POLICY": (Kind.TAG_POLICY,),
    "LF_TAG_POLICY_DATABASE": (Kind.TAG_POLICY,),
    "LF_TAG_POLICY_TABLE": (Kind.TAG_POLICY,),
    "LF_NAMED_TAG_EXPRESSION": (Kind.TAG_EXPRESSION,),
}
_POLICY_TYPES = {"LF_TAG_POLICY_DATABASE": "DATABASE", "LF_TAG_POLICY_TABLE": "TABLE"}


def page(items: list[Item], params: dict[str, Any], *, apart: int = 0) -> tuple[list[Item], dict[str, str]]:
    """The page that NextToken and MaxResults ask for, and the answer's NextToken when more follows.

    No page has both: some of the first `apart` items and some of the others.

    Raises:
        AwsError: InvalidInputException for a token of another hand.
    """
    token = params.get("NextToken")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError):
        raise errors.invalid("Invalid NextToken.") from None
    end = start + int(params.get("MaxResults") or PAGE)
    end = min(end, apart) if start < apart else end
    more = {"NextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return items[start:end], more


def list_permissions(call: Call) -> dict[str, Any]:
    """ListPermissions.

    Raises:
        AwsError: InvalidInputException for filters that do not fit, AccessDeniedException for a resource that is not
            there.
    """
    params, caller = call.params, call.caller
    wanted = _resource_filter(call)
    principal = (params.get("Principal") or {}).get("DataLakePrincipalIdentifier")
    if principal is not None:
        principal = _principal_filter(principal, caller, params, wanted)
    related = (params.get("IncludeRelated") or "").upper() == "TRUE"
    kinds = _TYPES.get(params["ResourceType"]) if "ResourceType" in params else None
    if "ResourceType" in params and kinds is None:
        raise errors.not_supported(f"ResourceType {params['ResourceType']}")
    with lock:
        # Filtered after the page was cut, as on AWS: a page may be short, or empty with a token.
        some, more = page(list(_tags_together(_known(caller))), params)
        found = []
        for grant in some:
            if principal is not None and grant.principal != principal:
                continue
            if kinds is not None and grant.resource.kind not in kinds:
                continue
            if grant.resource.policy_type != _POLICY_TYPES.get(
                params.get("ResourceType", ""), grant.resource.policy_type
            ):
                continue
            if wanted is not None and not _is_about(grant.resource, wanted, related=related):
                continue
            found += rows(caller, grant)
    return {"PrincipalResourcePermissions": found} | more


def _tags_together(grants: Iterable[Grant]) -> Iterator[Grant]:
    """The values of one key on which a principal holds the same stand on one row, where the first of them stood."""
    found: dict[object, Grant] = {}
    for number, grant in enumerate(grants):
        resource = grant.resource
        if resource.kind is not Kind.LF_TAG:
            found[number] = grant
            continue
        held = (frozenset(grant.permissions), frozenset(grant.grantable))
        same = (grant.principal, resource.catalog, resource.tag_key, EVERY in resource.tag_values, *held)
        before = found.get(same)
        values = (*before.resource.tag_values, *resource.tag_values) if before else resource.tag_values
        tag = resources.lf_tag(resource.catalog, resource.tag_key, *values)
        latest = before if before and (before.updated or _NEVER) > (grant.updated or _NEVER) else grant
        found[same] = replace(latest, resource=tag)
    yield from found.values()


def _is_about(resource: Resource, wanted: Resource, *, related: bool) -> bool:
    """Whether a permission on the resource answers the question for another: of a tag, for any of its values.

    Its data cells filters belong to a table only where IncludeRelated says so.
    """
    if Kind.CELLS_FILTER in (resource.kind, wanted.kind):
        return resource == wanted or (related and resource.entity == wanted)
    if wanted.kind is not Kind.LF_TAG:
        return resource.entity == wanted
    same = (resource.kind, resource.catalog, resource.tag_key) == (wanted.kind, wanted.catalog, wanted.tag_key)
    return same and (EVERY in wanted.tag_values or bool({*resource.tag_values} & {EVERY, *wanted.tag_values}))


def _resource_filter(call: Call) -> Resource | None:
    given = call.params.get("Resource")
    if not given:
        return None
    if "TableWithColumns" in given:
        raise errors.invalid("TableWithColumns is not a valid resource filter. Use Table.")
    resource = resources.parse(given, call.params.get("CatalogId") or call.caller.account)
    resource = cell_filters.meant_by(call.caller.account, resource)
    try:
        catalog.find(resource)
        cell_grants.check_known(resource)
    except AwsError as missing:
        raise errors.not_authorized() from missing
    if resource.by_tag:
        return resource
    if resource.catalog != call.caller.account and not effective.caller_sees(call.caller, resource):
        raise errors.not_authorized()
    return resource


def _principal_filter(identifier: str, caller: Caller, params: dict[str, Any], wanted: Resource | None) -> str:
    """The principal to look for.

    By roles and users of other accounts nothing is found where a data cells filter is asked for
    (https://github.com/hashicorp/terraform-provider-aws/issues/48360); for tables that works (data.all does it), and
    without a resource nobody is known to.
    """
    if (params.get("IncludeRelated") or "").upper() == "TRUE":
        raise errors.invalid("Principal cannot be specified together with IncludeRelated.")
    if principals.is_root(identifier):
        return identifier
    principal = principals.parse(identifier)
    if principal.kind is principals.Kind.IAM and principal.account != caller.account:
        if wanted is not None:
            return "" if wanted.kind is Kind.CELLS_FILTER else principal.id
        raise errors.invalid(f"Invalid principal, {identifier}")
    return principal.id


def _known(caller: Caller) -> Iterator[Grant]:
    """The grants made in the caller's account, and those of others that reached it."""
    yield from list(store.account(caller.account).grants.values())
    ids = {caller.account, caller.principal_arn, *principals.organizations_of(caller.account)}
    for name, account in store.accounts():
        if name == caller.account:
            continue
        for grant in list(account.grants.values()):
            if grant.principal not in ids:
                continue
            if effective.visibility(grant, caller.account, caller.principal_arn) == "visible":
                yield grant


def rows(caller: Caller, grant: Grant) -> list[dict[str, Any]]:
    """What the caller may see of a grant, as AWS lists it: SELECT on a whole table on a row of its own."""
    permissions, grantable = grant.permissions, grant.grantable
    if not _sees_all(caller, grant):
        held = {p for p in permissions | grantable if effective.allows(caller, p, grant.resource)}
        permissions, grantable = permissions & held, grantable & held
    found = []
    for select in (False, True):
        if grant.resource.kind in (Kind.TABLE, Kind.ALL_TABLES):
            part, options = ({p for p in held if (p == "SELECT") is select} for held in (permissions, grantable))
        else:
            part, options = (set(), set()) if select else (permissions, grantable)
        if part or options:
            found.append(_row(grant, sorted(part), sorted(options), select=select))
    return found


def _sees_all(caller: Caller, grant: Grant) -> bool:
    account = store.account(caller.account)
    return (
        caller.principal_arn in account.admins() | account.read_only_admins() or grant.principal == caller.principal_arn
    )


def _row(grant: Grant, permissions: list[str], grantable: list[str], *, select: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Principal": {"DataLakePrincipalIdentifier": grant.principal},
        "Resource": resources.to_api(grant.resource, select=select),
        "Permissions": permissions,
        "PermissionsWithGrantOption": grantable,
    }
    if grant.share:
        row["AdditionalDetails"] = {"ResourceShare": [grant.share]}
    if grant.updated is not None:
        row |= {"LastUpdated": grant.updated, "LastUpdatedBy": grant.updated_by}
    return row


def effective_for_path(call: Call) -> dict[str, Any]:
    """GetEffectivePermissionsForPath: permissions on the databases, tables and locations at or below an S3 path."""
    account = call.caller.account
    owner = call.params.get("CatalogId") or account
    if owner != account:
        raise errors.not_authorized()
    arn = resources.normal_location(call.params["ResourceArn"])
    there = set(_at(account, arn))
    with lock:
        found = [
            row
            for grant in list(store.account(account).grants.values())
            if grant.resource.entity in there
            or (grant.resource.kind is Kind.DATA_LOCATION and resources.covers_location(grant.resource.location, arn))
            for row in rows(call.caller, grant)
        ]
    some, more = page(found, call.params)
    return {"Permissions": some} | more


def _at(account: str, arn: str) -> Iterator[Resource]:
    here = world.current()
    for database in here.databases(account):
        if _below(database.get("LocationUri"), arn):
            yield resources.database(account, database["Name"])
        for table in here.tables(account, database["Name"]):
            if _below(table.get("StorageDescriptor", {}).get("Location"), arn):
                yield resources.table(account, database["Name"], table["Name"])


def _below(location: str | None, arn: str) -> bool:
    if not location or not location.startswith("s3"):
        return False
    return resources.covers_location(arn, resources.normal_location(location))
