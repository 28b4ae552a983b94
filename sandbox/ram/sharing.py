"""What happens to shares: they are made, extended, cut and deleted; who can see what in them.

https://docs.aws.amazon.com/ram/latest/userguide/getting-started-sharing.html: inside one organization with sharing on,
a principal is associated at once and gets no invitation; anybody else gets one.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from sandbox import clock, settings
from sandbox.api import AwsError
from sandbox.ram.store import (
    ACTIVE,
    ASSOCIATED,
    ASSOCIATING,
    DELETED,
    DISASSOCIATED,
    EXPIRED,
    FAILED,
    PENDING,
    Association,
    Invitation,
    Share,
    lock,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

Visibility = Literal["visible", "pending", "absent"]

UNAUTHORIZED = "Association failed because the caller was not authorized"
"""What RAM says of a Glue resource when the sharer may not call glue:PutResourcePolicy."""

SHUT_OUT = "Association failed because the resource policy of the Data Catalog does not allow glue:ShareResource"
"""What it says when there is such a policy without the statement for ram.amazonaws.com."""

MAX_PENDING_INVITATIONS = 250


def new_arn(region: str, account: str, kind: str) -> str:
    """An ARN as RAM makes them."""
    return f"arn:aws:ram:{region}:{account}:{kind}/{uuid.uuid4()}"


def organization_arn(organization: settings.Organization) -> str:
    """The ARN by which grants and shares name the organization."""
    return f"arn:aws:organizations::{organization.management_account}:organization/{organization.id}"


def _delay() -> timedelta:
    return timedelta(seconds=settings.get().ram_visibility_delay)


def account_of(principal: str) -> str | None:
    """The account of a share's principal: an account id or an IAM ARN; None for an organization."""
    if re.fullmatch(r"\d{12}", principal):
        return principal
    match = re.fullmatch(r"arn:aws[\w-]*:iam::(\d{12}):.+", principal)
    return match.group(1) if match else None


def reaches(principal: str, account: str, principal_arn: str | None = None) -> bool:
    """Whether a share's principal means this account (or this IAM principal of it)."""
    if principal == account:
        return True
    if principal.startswith("arn:aws:iam::"):
        return principal == principal_arn
    organization = settings.get().organization
    return organization is not None and principal == organization_arn(organization) and account in organization.accounts


def _inside(owner: str, principal: str) -> bool:
    """Whether owner and principal are in one organization that shares without invitations."""
    here = settings.get()
    organization = here.organization
    if organization is None or not here.ram_sharing_with_organization or owner not in organization.accounts:
        return False
    return principal == organization_arn(organization) or account_of(principal) in organization.accounts


def create(
    owner: str,
    region: str,
    name: str,
    *,
    resources: Iterable[str] = (),
    principals: Iterable[str] = (),
    allow_external: bool = True,
    origin: str | None = None,
    permissions: Iterable[str] = (),
    tags: list[dict[str, str]] | None = None,
    failure: str | None = None,
) -> Share:
    """Make a share. `failure` is the reason why RAM cannot attach its resources, if there is one.

    Raises:
        AwsError: a principal is malformed or may not be shared with.
    """
    with lock:
        now = clock.now()
        share = Share(
            arn=new_arn(region, owner, "resource-share"),
            name=name,
            owner=owner,
            allow_external=allow_external,
            created=now,
            updated=now,
            origin=origin,
            permissions=list(permissions),
            tags=list(tags or []),
        )
        associate(share, resources=resources, principals=principals, failure=failure)
        store.shares[share.arn] = share
        return share


def associate(
    share: Share, *, resources: Iterable[str] = (), principals: Iterable[str] = (), failure: str | None = None
) -> list[Association]:
    """Add resources and principals to a share; returns their associations."""
    with lock:
        now = clock.now()
        share.updated = now
        ready_at = now + _delay()
        done = []
        for principal in principals:
            standing = share.principals.get(principal)
            if standing is not None and standing.status in (ASSOCIATED, ASSOCIATING):
                done.append(standing)
                continue
            done.append(_add_principal(share, principal))
        for resource in resources:
            standing = share.resources.get(resource)
            if standing is None or standing.status != ASSOCIATED:
                standing = Association(resource, ASSOCIATED, created=now, updated=now, ready_at=ready_at)
                if failure is not None:
                    standing.status, standing.message, standing.ready_at = FAILED, failure, None
                share.resources[resource] = standing
            done.append(standing)
        return done


def _add_principal(share: Share, principal: str) -> Association:
    now = clock.now()
    inside = _inside(share.owner, principal)
    if not inside and account_of(principal) is None:
        if not re.fullmatch(
            r"arn:aws:organizations::\d{12}:(organization/o-[a-z0-9]+|ou/o-[a-z0-9]+/ou-[a-z0-9-]+)", principal
        ):
            raise AwsError(
                "InvalidParameterException", f"Principal ID {principal} is malformed. Verify the ID and try again."
            )
        raise AwsError("UnknownResourceException", f"Organization {principal.rsplit('/', 1)[-1]} could not be found.")
    if not inside and not share.allow_external:
        raise AwsError(
            "OperationNotPermittedException",
            f"Principal {principal} is not in your AWS organization. You do not have permission to add external"
            " AWS accounts to a resource share.",
        )
    association = Association(principal, ASSOCIATED, created=now, updated=now, external=not inside)
    if inside:
        association.ready_at = now + _delay()
    else:
        association.status = ASSOCIATING
        _invite(share, principal)
    share.principals[principal] = association
    return association


def _invite(share: Share, principal: str) -> None:
    now = clock.now()
    receiver = account_of(principal)
    if receiver is None:
        raise AwsError(
            "InvalidParameterException", f"Principal ID {principal} is malformed. Verify the ID and try again."
        )
    waiting = [i for i in store.invitations.values() if i.sender == share.owner and i.status(now) == PENDING]
    if len(waiting) >= MAX_PENDING_INVITATIONS:
        raise AwsError("ResourceShareLimitExceededException", "You have reached the limit of pending invitations.")
    region = share.arn.split(":")[3]
    invitation = Invitation(
        arn=new_arn(region, share.owner, "resource-share-invitation"),
        share_arn=share.arn,
        share_name=share.name,
        principal=principal,
        sender=share.owner,
        receiver=receiver,
        created=now,
        arrives=now + _delay(),
        expires=now + timedelta(seconds=settings.get().invitation_ttl),
    )
    store.invitations[invitation.arn] = invitation


def disassociate(share: Share, *, resources: Iterable[str] = (), principals: Iterable[str] = ()) -> list[Association]:
    """Take resources and principals out of a share; returns their associations."""
    with lock:
        now = clock.now()
        share.updated = now
        done = []
        for entities, standing in ((resources, share.resources), (principals, share.principals)):
            for entity in entities:
                association = standing.get(entity)
                if association is None or association.status == DISASSOCIATED:
                    continue
                association.status, association.updated, association.ready_at = DISASSOCIATED, now, None
                done.append(association)
        return done


def delete(share: Share) -> None:
    """Delete a share: everything in it is disassociated, its open invitations are gone."""
    with lock:
        disassociate(share, resources=list(share.resources), principals=list(share.principals))
        share.status = DELETED
        now = clock.now()
        for arn in [i.arn for i in store.invitations.values() if i.share_arn == share.arn and i.status(now) == PENDING]:
            del store.invitations[arn]


def settle() -> None:
    """Let the time that passed take effect: a principal whose invitation expired is no longer associated.

    https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html
    """
    with lock:
        now = clock.now()
        for invitation in store.invitations.values():
            share = store.shares.get(invitation.share_arn)
            if share is None or invitation.status(now) != EXPIRED:
                continue
            association = share.principals.get(invitation.principal)
            if association is not None and association.status == ASSOCIATING:
                association.status, association.updated = DISASSOCIATED, invitation.expires


@lru_cache(maxsize=10_000)
def _place(arn: str) -> str:
    """Account and resource: everything of the ARN but partition, service and region."""
    return ":".join(arn.split(":")[4:])


def same_resource(pattern: str, resource_arn: str) -> bool:
    """Whether a shared ARN, possibly with wildcards, means this resource (regions are not compared)."""
    shared, wanted = _place(pattern), _place(resource_arn)
    return shared == wanted or ("*" in shared and fnmatchcase(wanted, shared))


def visibility(
    owner: str, resource_arn: str, account: str, principal_arn: str | None = None, *, share: str | None = None
) -> Visibility:
    """Whether what the owner shares (in this one share, if given) is visible to an account or an IAM principal now."""
    with lock:
        settle()
        now = clock.now()
        answer: Visibility = "absent"
        for candidate in store.shares.values():
            if candidate.owner != owner or candidate.status != ACTIVE or share not in (None, candidate.arn):
                continue
            resources = [
                r
                for arn, r in candidate.resources.items()
                if r.status != DISASSOCIATED and same_resource(arn, resource_arn)
            ]
            principals = [
                p
                for entity, p in candidate.principals.items()
                if p.status != DISASSOCIATED and reaches(entity, account, principal_arn)
            ]
            if any(_effective(r, now) for r in resources) and any(_effective(p, now) for p in principals):
                return "visible"
            if resources and principals:
                answer = "pending"
        return answer


def _effective(association: Association, now: datetime) -> bool:
    return association.status == ASSOCIATED and association.ready_at is not None and association.ready_at <= now


def received(account: str) -> list[Share]:
    """The shares of others that this account (or one of its IAM principals) has joined."""
    with lock:
        settle()
        return [
            share
            for share in store.shares.values()
            if share.owner != account
            and share.status == ACTIVE
            and any(
                association.status == ASSOCIATED and (reaches(entity, account) or account_of(entity) == account)
                for entity, association in share.principals.items()
            )
        ]
