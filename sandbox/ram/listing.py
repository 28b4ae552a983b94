"""What accounts may list: their own shares and those they received, the resources and principals in them.

https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourceShares.html and its neighbours.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.api import AwsError
from sandbox.ram import sharing
from sandbox.ram.store import ASSOCIATED, DISASSOCIATED, Association, Share, lock, store

if TYPE_CHECKING:
    from collections.abc import Sequence

Item = TypeVar("Item")

PAGE = 100


def page(items: Sequence[Item], params: dict[str, Any]) -> tuple[Sequence[Item], dict[str, str]]:
    """The page that `nextToken` and `maxResults` ask for, and the answer's `nextToken` when more follows.

    Raises:
        AwsError: InvalidNextTokenException.
    """
    token = params.get("nextToken")
    try:
        start = int(base64.b64decode(token, validate=True)) if token else 0
    except (binascii.Error, ValueError):
        raise AwsError("InvalidNextTokenException", "The specified value for nextToken is not valid.") from None
    end = start + int(params.get("maxResults") or PAGE)
    more = {"nextToken": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return items[start:end], more


def owned_or_received(account: str, owner: str) -> list[Share]:
    """The shares of `resourceOwner` SELF or OTHER-ACCOUNTS.

    Raises:
        AwsError: InvalidParameterException for another word.
    """
    with lock:
        sharing.settle()
        if owner == "SELF":
            return [share for share in store.shares.values() if share.owner == account]
        if owner == "OTHER-ACCOUNTS":
            return sharing.received(account)
    raise AwsError("InvalidParameterException", f"{owner} is not a valid resource owner. Use SELF or OTHER-ACCOUNTS.")


def shares(account: str, params: dict[str, Any]) -> dict[str, Any]:
    """GetResourceShares."""
    found = owned_or_received(account, params["resourceOwner"])
    arns = params.get("resourceShareArns") or []
    known = {share.arn for share in found}
    for arn in arns:
        if arn not in known:
            raise unknown_share(arn)
    found = [
        share
        for share in found
        if (not arns or share.arn in arns)
        and share.name == params.get("name", share.name)
        and share.status == params.get("resourceShareStatus", share.status)
        and params.get("permissionArn") in (None, *share.permissions)
    ]
    some, more = page(found, params)
    return {"resourceShares": [describe(share) for share in some]} | more


def associations(account: str, params: dict[str, Any]) -> dict[str, Any]:
    """GetResourceShareAssociations: of the caller's own shares only."""
    kind = params["associationType"]
    if kind not in ("PRINCIPAL", "RESOURCE"):
        raise AwsError("InvalidParameterException", f"{kind} is not a valid association type.")
    if (kind == "PRINCIPAL" and "resourceArn" in params) or (kind == "RESOURCE" and "principal" in params):
        raise AwsError("InvalidParameterException", f"That filter is not valid for association type {kind}.")
    found = []
    for share in _own(account, params.get("resourceShareArns")):
        entities = share.principals if kind == "PRINCIPAL" else share.resources
        found += [
            describe_association(share, kind, association)
            for association in entities.values()
            if association.entity
            == params.get("principal" if kind == "PRINCIPAL" else "resourceArn", association.entity)
            and association.status == params.get("associationStatus", association.status)
        ]
    some, more = page(found, params)
    return {"resourceShareAssociations": list(some)} | more


def _own(account: str, arns: Sequence[str] | None) -> list[Share]:
    mine = {share.arn: share for share in owned_or_received(account, "SELF")}
    for arn in arns or []:
        if arn not in mine:
            raise unknown_share(arn)
    return [share for arn, share in mine.items() if not arns or arn in arns]


def resources(account: str, params: dict[str, Any]) -> dict[str, Any]:
    """ListResources."""
    found = []
    for share in _filtered(account, params):
        for association in share.resources.values():
            kind = resource_type(association.entity)
            if (
                association.status != DISASSOCIATED
                and kind == params.get("resourceType", kind)
                and (not params.get("resourceArns") or association.entity in params["resourceArns"])
                and (not params.get("principal") or params["principal"] in share.principals)
            ):
                found.append(
                    {
                        "arn": association.entity,
                        "type": kind,
                        "resourceShareArn": share.arn,
                        "status": "AVAILABLE" if association.status == ASSOCIATED else "UNAVAILABLE",
                        "creationTime": association.created,
                        "lastUpdatedTime": association.updated,
                        "resourceRegionScope": "REGIONAL",
                    }
                    | ({"statusMessage": association.message} if association.message else {})
                )
    some, more = page(found, params)
    return {"resources": list(some)} | more


def principals(account: str, params: dict[str, Any]) -> dict[str, Any]:
    """ListPrincipals."""
    found = []
    for share in _filtered(account, params):
        if params["resourceOwner"] == "OTHER-ACCOUNTS":
            # A receiver learns who shares with it, not who else receives.
            found.append({"id": share.owner, "resourceShareArn": share.arn, "external": True} | _times(share))
            continue
        found += [
            {"id": entity, "resourceShareArn": share.arn, "external": association.external} | _times(association)
            for entity, association in share.principals.items()
            if association.status != DISASSOCIATED and (not params.get("principals") or entity in params["principals"])
        ]
    if arn := params.get("resourceArn"):
        holding = {share.arn for share in _filtered(account, params) if arn in share.resources}
        found = [item for item in found if item["resourceShareArn"] in holding]
    some, more = page(found, params)
    return {"principals": list(some)} | more


def _filtered(account: str, params: dict[str, Any]) -> list[Share]:
    arns = params.get("resourceShareArns")
    found = owned_or_received(account, params["resourceOwner"])
    for arn in arns or []:
        if arn not in {share.arn for share in found}:
            raise unknown_share(arn)
    return [share for share in found if not arns or share.arn in arns]


def describe(share: Share) -> dict[str, Any]:
    """A share in the API's shape."""
    return {
        "resourceShareArn": share.arn,
        "name": share.name,
        "owningAccountId": share.owner,
        "allowExternalPrincipals": share.allow_external,
        "status": share.status,
        "tags": share.tags,
        "featureSet": "STANDARD",
        **_times(share),
    }


def describe_association(share: Share, kind: str, association: Association) -> dict[str, Any]:
    """An association in the API's shape."""
    return {
        "resourceShareArn": share.arn,
        "resourceShareName": share.name,
        "associatedEntity": association.entity,
        "associationType": kind,
        "status": association.status,
        "external": association.external,
        **_times(association),
    } | ({"statusMessage": association.message} if association.message else {})


def _times(item: Share | Association) -> dict[str, Any]:
    return {"creationTime": item.created, "lastUpdatedTime": item.updated}


def resource_type(arn: str) -> str:
    """RAM's name of a resource's type, e.g. `glue:Table`."""
    service, kind = arn.split(":")[2], arn.split(":", 5)[-1].split("/", 1)[0].split(":", 1)[0]
    return f"{service}:{kind.capitalize()}"


def unknown_share(arn: str) -> AwsError:
    """What RAM says of a share that is not the caller's."""
    return AwsError("UnknownResourceException", f"ResourceShare {arn} could not be found.")
