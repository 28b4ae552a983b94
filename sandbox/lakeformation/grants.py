"""Granting and revoking: who may, what goes together, what it leaves behind.

https://docs.aws.amazon.com/lake-formation/latest/dg/granting-catalog-permissions.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import clock
from sandbox.lakeformation import (
    catalog,
    cell_grants,
    effective,
    errors,
    external,
    principals,
    requests,
    resources,
    tag_grants,
    windows,
    world,
)
from sandbox.lakeformation.principals import IAM_ALLOWED_PRINCIPALS
from sandbox.lakeformation.resources import Kind
from sandbox.lakeformation.store import Grant, lock, store

if TYPE_CHECKING:
    from sandbox.api import Caller
    from sandbox.lakeformation.requests import Request


def grant(caller: Caller, region: str, entry: dict[str, Any], default_catalog: str) -> None:
    """GrantPermissions, or one entry of a batch.

    Raises:
        AwsError: InvalidInputException, EntityNotFoundException, AccessDeniedException or
            ConcurrentModificationException.
    """
    request = requests.parse(caller, region, entry, default_catalog)
    requests.check_grant(request)
    with windows.changing(caller.account, *request.keys), lock:
        _check_grantor(request)
        found = _check_entity(request)
        tag_grants.check_known(request)
        if request.principal.kind is principals.Kind.IAM and not request.external:
            _check_principal(request)
        _check_combination(request, found)
        tag_grants.check_number(request)
        share = external.attach(request) if request.external else None
        _give(request, share)


def revoke(caller: Caller, region: str, entry: dict[str, Any], default_catalog: str) -> None:
    """RevokePermissions, or one entry of a batch: all of it or nothing.

    https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RevokePermissions.html

    Raises:
        AwsError: as `grant`; InvalidInputException too when the grantee does not hold what is revoked.
    """
    request = requests.parse(caller, region, entry, default_catalog)
    with windows.changing(caller.account, *request.keys), lock:
        _check_grantor(request, revoking=True)
        _check_entity(request)
        found = [store.account(caller.account).find(request.principal.id, part) for part in request.resource.parts]
        grants = [held for held in found if held is not None]
        if len(grants) < len(found):
            raise errors.invalid("Grantee has no permissions and no grantable permissions on resource.")
        for held in grants:
            missing = sorted((request.permissions - held.permissions) | (request.grantable - held.grantable))
            if missing:
                raise errors.invalid(f"No permissions revoked. Grantee does not have:[{', '.join(missing)}]")
        for held in grants:
            _take(request, held)


def _check_grantor(request: Request, *, revoking: bool = False) -> None:
    """Administrators may grant on everything in their account; others what they hold with the grant option.

    https://docs.aws.amazon.com/lake-formation/latest/dg/sharing-catalog-resources.html: of what another account
    shared, an account passes on inside itself only what it received with the grant option, and nothing to third
    accounts.
    """
    caller, resource = request.caller, request.resource
    admin = effective.is_admin(caller)
    if request.local_resource and admin:
        return
    if not request.local_resource:
        if resource.by_tag:
            _check_arrived(request)
        else:
            _check_seen(request, admin=admin)
        if request.external:
            raise errors.invalid(
                f"Permissions on a resource shared by account {resource.catalog} cannot be granted to another account"
                " or organization."
            )
        if admin and revoking:
            return
    if resource.kind is Kind.TAG_POLICY and tag_grants.may_by_values(request, admin=admin):
        return
    for permission in request.permissions | request.grantable:
        if admin:
            allowed = effective.account_allows(caller.account, permission, resource, grant_option=True)
        else:
            allowed = effective.allows(caller, permission, resource, grant_option=True)
        if not allowed:
            raise errors.not_authorized()


def _check_seen(request: Request, *, admin: bool) -> None:
    """A resource of another account must have arrived before anything can be granted on it."""
    caller, resource = request.caller, request.resource
    if resource.kind is Kind.CELLS_FILTER:
        resource = resource.entity
    if effective.caller_sees(caller, resource):
        return
    if effective.sees_pending(caller.account, caller.principal_arn, resource):
        raise catalog.insufficient_glue(resource)
    if not admin:
        raise errors.not_authorized()
    kind = {Kind.DATABASE: "Database", Kind.DATA_LOCATION: "Data location", Kind.CATALOG: "Catalog"}
    raise errors.not_found(f"{kind.get(resource.kind, 'Table')} {resource} not found.")


def _check_arrived(request: Request) -> None:
    """What was granted by tag and is still on its way is refused like a table that is.

    What AWS says meanwhile is not published: the share is one of the catalog, whose text differs in the kind at most.
    """
    caller, resource = request.caller, request.resource
    if effective.sees_pending(caller.account, caller.principal_arn, resource) and not effective.account_sees(
        caller.account, resource
    ):
        raise catalog.insufficient_glue(resource)


def _check_entity(request: Request) -> dict[str, Any] | None:
    """What is granted on must exist, and the caller's IAM must let it be seen."""
    resource = request.resource
    found = catalog.find(resource)
    cell_grants.check_known(resource)
    catalog.check_glue_iam(request.caller, request.region, resource)
    if resource.kind is Kind.DATA_LOCATION:
        registered = store.account(resource.catalog).locations
        if not any(resources.covers_location(arn, resource.location) for arn in registered):
            raise errors.invalid(
                f"{resource.location} is not registered. Please register the S3 path with Lake Formation."
            )
    return found


def _check_principal(request: Request) -> None:
    if not world.current().principal_exists(request.principal.id):
        raise errors.invalid(f"Invalid principal, {request.principal.id}")


def _check_combination(request: Request, found: dict[str, Any] | None) -> None:
    """Which permissions exclude each other.

    https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-select and #perm-describe;
    on resource links https://docs.aws.amazon.com/lake-formation/latest/dg/granting-link-permissions.html
    """
    resource, principal = request.resource, request.principal
    if catalog.is_link(found):
        usable = resource.kind in (Kind.DATABASE, Kind.TABLE) and request.permissions <= resources.ON_LINKS
        if not usable or request.external:
            raise errors.bad_permissions()
    catalog.check_columns(resource, found)
    standing = _standing_on_table(request)
    partial = any(held.resource.kind is Kind.COLUMNS for held in standing)
    whole = any(held.resource.kind not in (Kind.COLUMNS, Kind.CELLS_FILTER) and held.permissions for held in standing)
    if (resource.kind is Kind.COLUMNS and whole) or (
        resource.kind is Kind.TABLE and partial and request.permissions - {"SELECT"}
    ):
        raise errors.bad_permissions()
    cell_grants.check(request, standing)
    if principal.kind is principals.Kind.ACCOUNT and not request.external:
        raise errors.invalid(f"Invalid principal, {principal.id}. Permissions cannot be granted to the own account.")
    if request.external:
        external.check(request)
        if left := effective.left_to_iam(resource):
            raise _illegal_combination(left)
    if principal.kind is principals.Kind.IAM_ALLOWED and any(_shared_out(g, request) for g in _all(request)):
        raise _illegal_combination(resource)


def _illegal_combination(resource: resources.Resource) -> Exception:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html."""
    kind = "database" if resource.kind is Kind.DATABASE else "table"
    return errors.invalid(
        "Insufficient Lake Formation permissions: Illegal combination. Please revoke permission(s) for"
        f" {IAM_ALLOWED_PRINCIPALS} on the {kind} {resource} before granting cross-account permissions."
    )


def _all(request: Request) -> list[Grant]:
    return list(store.account(request.caller.account).grants.values())


def _shared_out(held: Grant, request: Request) -> bool:
    return held.share is not None and held.resource.entity == request.resource.entity


def _standing_on_table(request: Request) -> list[Grant]:
    """What the grantee already holds on the very table."""
    return [
        held
        for held in _all(request)
        if held.principal == request.principal.id and held.resource.entity == request.resource.entity
    ]


def _give(request: Request, share: str | None) -> None:
    for part in request.resource.parts:
        held = store.account(request.caller.account).obtain(request.principal.id, part)
        held.permissions |= request.permissions
        held.grantable |= request.grantable
        held.share = share or held.share
        held.implicit = held.implicit and share is None
        _stamp(held, request.caller)


def _take(request: Request, held: Grant) -> None:
    ends = held.permissions <= request.permissions and held.grantable <= request.grantable
    plan = external.plan_detachment(held, request.caller.account) if ends and held.share else None
    if plan is not None:
        external.authorize_detachment(request.caller, plan)
    held.permissions -= request.permissions
    held.grantable -= request.grantable
    _stamp(held, request.caller)
    store.account(request.caller.account).drop_empty()
    if plan is not None:
        external.detach(request.caller, request.region, plan)


def _stamp(held: Grant, caller: Caller) -> None:
    held.updated, held.updated_by = clock.now(), caller.arn
