"""How a grant to another account travels: the RAM shares that Lake Formation makes, extends and takes back.

https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html and
https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.api import AwsError
from sandbox.lakeformation import errors, principals, resources, world
from sandbox.lakeformation.resources import Kind, Resource
from sandbox.lakeformation.store import Grant, store
from sandbox.ram import sharing
from sandbox.ram import store as ram

if TYPE_CHECKING:
    from sandbox.api import Caller
    from sandbox.lakeformation.requests import Request

_TYPES = {Kind.DATABASE: "Database", Kind.ALL_TABLES: "AllTables"}
_PERMISSIONS = {
    "Database": "AWSRAMLFEnabledGlueDatabaseReadWrite",
    "AllTables": "AWSRAMLFEnabledGlueAllTablesReadWriteForDatabase",
    "Table": "AWSRAMLFEnabledGlueTableReadWrite",
    "DatabasesByTag": "AWSRAMPermissionLFTagGlueDatabaseReadWriteForCatalog",
    "TablesByTag": "AWSRAMPermissionLFTagGlueTableReadWriteForCatalog",
}
_BY_TAG_SINCE = 3
_TAGS_OUTSIDE = {"ASSOCIATE", "DESCRIBE"}
DISASSOCIATION_FAILED = "Disassociation failed because the caller was not authorized"


def check(request: Request) -> None:
    """What may be granted to other accounts at all.

    Raises:
        AwsError: InvalidInputException.
    """
    resource, principal = request.resource, request.principal
    if resource.kind is Kind.CATALOG:
        raise errors.bad_permissions()
    if resource.kind is Kind.DATABASE and _not_outside(request):
        # https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-drop (and #perm-super)
        raise errors.bad_permissions()
    if resource.kind is Kind.TAG_POLICY and resource.policy_type == Kind.DATABASE and _not_outside(request):
        raise errors.bad_permissions()
    version = store.account(request.caller.account).version()
    if resource.by_tag and version < _BY_TAG_SINCE:
        # https://aws.github.io/aws-lakeformation-best-practices/data-sharing/upgrading-cross-account-versions/: nor do
        # tags of an owner with an older version arrive in an account with a newer one.
        raise errors.not_supported(
            f"Granting by LF-tag to another account with cross account version {version} (it needs a resource policy of"
            f" the Data Catalog; use version {_BY_TAG_SINCE} or higher)"
        )
    if resource.kind is Kind.LF_TAG and not request.permissions <= _TAGS_OUTSIDE:
        # https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-granting-tags.html: Describe and Associate
        raise errors.bad_permissions()
    if resource.kind is Kind.TAG_EXPRESSION:
        raise errors.not_supported("Sharing a saved LF-tag expression itself with another account")
    if principal.kind in (principals.Kind.IAM, principals.Kind.EVERYONE) and version < 3:
        raise errors.invalid(
            f"Invalid principal, {principal.id}. Granting to IAM principals of another account needs cross account"
            f" version 3 or higher; this account has version {version}."
        )


def _not_outside(request: Request) -> bool:
    return bool(request.permissions & {"ALL", "DROP"})


def _type(resource: Resource) -> str:
    if resource.kind is Kind.TAG_POLICY:
        return "DatabasesByTag" if resource.policy_type == Kind.DATABASE else "TablesByTag"
    return _TYPES.get(resource.kind, "Table")


def _recipient(principal: principals.Principal) -> str:
    return principal.account if principal.kind is principals.Kind.EVERYONE else principal.id


def _origin(version: int, recipient: str, resource: Resource, region: str) -> str:
    """One share per grant in version 1; later one per recipient and type of resource."""
    if version == 1:
        return f"1|{recipient}|{_type(resource)}|{resource.carrier.arn(region)}"
    return f"2|{recipient}|{_type(resource)}"


def _entry(version: int, resource: Resource, region: str) -> str:
    """What a share lists: the resource, or from version 5 on a pattern that needs no entry per table."""
    if version < 5 or resource.kind is Kind.TAG_POLICY:
        return resource.carrier.arn(region)
    kind = "database/*" if resource.carrier.kind is Kind.DATABASE else "table/*/*"
    return f"arn:aws:glue:{region}:{resource.catalog}:{kind}"


def attach(request: Request) -> str | None:
    """Let a grant travel: returns the ARN of its share, None when it needs none (data locations, tags themselves).

    What is granted by tag needs no ram:AssociateResourceSharePermission on the permission of its share: AWS's managed
    policy for grantors, AWSLakeFormationCrossAccountManager, suffices and has none for such
    (https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-share-prerequisistes.html).

    Without glue:PutResourcePolicy the grant succeeds, but RAM cannot attach the resource.

    Raises:
        AwsError: AccessDeniedException when the grantor's IAM does not allow the RAM calls; InvalidInputException when
            RAM refuses the principal.
    """
    resource, region = request.resource, request.region
    if not resource.shared:
        return None
    owner = request.caller.account
    version = store.account(owner).version()
    recipient = _recipient(request.principal)
    origin, entry = _origin(version, recipient, resource, region), _entry(version, resource, region)
    permission = f"arn:aws:ram::aws:permission/{_PERMISSIONS[_type(resource)]}"
    with ram.lock:
        _require(request.caller, "ram:GetResourceShares", "*")
        share = _standing(owner, origin)
        if share is None:
            suffix = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10))
            name = f"LakeFormation-V{version}-{suffix}" if version > 1 else f"LakeFormation-{suffix}"
            context = {"ram:RequestedResourceType": sharing_type(resource), "ram:ResourceShareName": name}
            _require(request.caller, "ram:CreateResourceShare", "*", context)
            if resource.kind is not Kind.TAG_POLICY:
                any_share = f"arn:aws:ram:{region}:{owner}:resource-share/*"
                _require(
                    request.caller, "ram:AssociateResourceSharePermission", any_share, {"ram:PermissionArn": permission}
                )
        else:
            name = share.name
        standing = share.resources.get(entry) if share else None
        missing = standing is None or standing.status != ram.ASSOCIATED
        if share is not None and missing:
            _require(request.caller, "ram:AssociateResourceShare", share.arn, {"ram:ResourceShareName": name})
        failure = _failure(request.caller, region, resource) if missing else None
        try:
            if share is None:
                share = sharing.create(
                    owner, region, name, principals=[recipient], origin=origin, permissions=[permission]
                )
            if missing:
                sharing.associate(share, resources=[entry], failure=failure)
        except AwsError as refused:
            raise errors.invalid(refused.message) from refused
        return share.arn


def sharing_type(resource: Resource) -> str:
    """RAM's resource type for the condition key ram:RequestedResourceType."""
    if resource.kind is Kind.TAG_POLICY:
        return "glue:Catalog"
    return "glue:Database" if resource.carrier.kind is Kind.DATABASE else "glue:Table"


def _standing(owner: str, origin: str) -> ram.Share | None:
    candidates = ram.store.shares.values()
    return next((s for s in candidates if s.owner == owner and s.origin == origin and s.status == ram.ACTIVE), None)


def _failure(caller: Caller, region: str, resource: Resource) -> str | None:
    """Why RAM cannot attach a resource: the caller may not change the Glue policy, or the one there is shuts RAM out.

    https://docs.aws.amazon.com/lake-formation/latest/dg/hybrid-cross-account.html
    """
    here = world.current()
    arn = resources.catalog(caller.account).arn(region)
    if not here.may(caller, "glue:PutResourcePolicy", arn, _FORWARDED).allowed:
        return sharing.UNAUTHORIZED
    return None if here.may_share(caller.account, resource.carrier.arn(region)) else sharing.SHUT_OUT


@dataclass(frozen=True)
class Detachment:
    """What of a share a revocation makes superfluous."""

    share: ram.Share
    entries: list[str]
    last: bool


def plan_detachment(grant: Grant, owner: str) -> Detachment | None:
    """What must leave the share when this grant ends; None when nothing must."""
    share = ram.store.shares.get(grant.share or "")
    if share is None or share.status != ram.ACTIVE:
        return None
    others = [g for g in store.account(owner).grants.values() if g.share == grant.share and g is not grant]
    needed = [other.resource.carrier.arn("*") for other in others]
    entries = [
        entry
        for entry, association in share.resources.items()
        if association.status != ram.DISASSOCIATED and not any(sharing.same_resource(entry, arn) for arn in needed)
    ]
    return Detachment(share, entries, last=not others) if entries or not others else None


def authorize_detachment(caller: Caller, plan: Detachment) -> None:
    """The revoker's IAM must allow the RAM calls.

    Raises:
        AwsError: AccessDeniedException.
    """
    context = {"ram:ResourceShareName": plan.share.name}
    _require(caller, "ram:GetResourceShares", "*")
    if plan.last:
        _require(caller, "ram:DeleteResourceShare", plan.share.arn, context)
    else:
        _require(caller, "ram:DisassociateResourceShare", plan.share.arn, context)


def detach(caller: Caller, region: str, plan: Detachment) -> None:
    """Take out of the share what no grant needs any more, and delete the share with its last grant.

    Without glue:DeleteResourcePolicy the last resource stays behind in the share, although nothing is granted on it.
    """
    if not plan.last:
        sharing.disassociate(plan.share, resources=plan.entries)
        return
    arn = resources.catalog(caller.account).arn(region)
    if world.current().may(caller, "glue:DeleteResourcePolicy", arn, _FORWARDED).allowed:
        sharing.delete(plan.share)
        return
    with ram.lock:
        for entry in plan.entries:
            association = plan.share.resources[entry]
            association.status, association.message, association.ready_at = ram.FAILED, DISASSOCIATION_FAILED, None


_FORWARDED = {"aws:CalledVia": "lakeformation.amazonaws.com", "aws:ViaAWSService": "true"}


def _require(caller: Caller, action: str, resource: str, context: dict[str, str] | None = None) -> None:
    """Lake Formation calls RAM with the grantor's rights (forward access session)."""
    decision = world.current().may(caller, action, resource, _FORWARDED | (context or {}))
    if not decision.allowed:
        raise errors.denied(
            f"User: {caller.arn} is not authorized to perform: {action} on resource: {resource} {decision.reason}"
        )
