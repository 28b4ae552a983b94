"""RAM's operations, as the front door calls them (IAM has said yes before).

https://docs.aws.amazon.com/ram/latest/APIReference/API_Operations.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import settings
from sandbox.api import AwsError
from sandbox.ram import invitations, listing, sharing
from sandbox.ram.store import ACTIVE, Share, lock, store

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.api import Call


def handle(call: Call) -> dict[str, Any]:
    """Answer one call.

    Raises:
        AwsError: what RAM answers, and OperationNotPermittedException for operations the sandbox does not have.
    """
    operation = _OPERATIONS.get(call.operation)
    if operation is None:
        raise AwsError("OperationNotPermittedException", f"{call.operation} is not supported by this sandbox.")
    with lock:
        return operation(call)


def _create(call: Call) -> dict[str, Any]:
    params = call.params
    _only_what_is_modelled(params, "sources", "resourceShareConfiguration")
    _check_owner(call, params.get("resourceArns", []))
    share = sharing.create(
        call.caller.account,
        call.region,
        params["name"],
        resources=params.get("resourceArns", []),
        principals=params.get("principals", []),
        allow_external=params.get("allowExternalPrincipals", True),
        permissions=params.get("permissionArns", []),
        tags=params.get("tags"),
    )
    return {"resourceShare": listing.describe(share)}


def _delete(call: Call) -> dict[str, Any]:
    sharing.delete(_mine(call))
    return {"returnValue": True}


def _associate(call: Call) -> dict[str, Any]:
    _only_what_is_modelled(call.params, "sources")
    share = _mine(call)
    resources, principals = call.params.get("resourceArns", []), call.params.get("principals", [])
    _check_owner(call, resources)
    sharing.associate(share, resources=resources, principals=principals)
    return {"resourceShareAssociations": _described(share, resources, principals)}


def _disassociate(call: Call) -> dict[str, Any]:
    _only_what_is_modelled(call.params, "sources")
    share = _mine(call)
    resources, principals = call.params.get("resourceArns", []), call.params.get("principals", [])
    for entity in (*resources, *principals):
        if entity not in share.resources and entity not in share.principals:
            raise AwsError("UnknownResourceException", f"{entity} is not associated with ResourceShare {share.arn}.")
    sharing.disassociate(share, resources=resources, principals=principals)
    return {"resourceShareAssociations": _described(share, resources, principals)}


def _described(share: Share, resources: list[str], principals: list[str]) -> list[dict[str, Any]]:
    return [listing.describe_association(share, "RESOURCE", share.resources[entity]) for entity in resources] + [
        listing.describe_association(share, "PRINCIPAL", share.principals[entity]) for entity in principals
    ]


def _mine(call: Call) -> Share:
    arn = call.params["resourceShareArn"]
    share = store.shares.get(arn)
    if not arn.startswith("arn:"):
        raise AwsError(
            "MalformedArnException", f"The specified resource ARN {arn} is not valid. Verify the ARN and try again."
        )
    if share is None or share.owner != call.caller.account or share.status != ACTIVE:
        raise listing.unknown_share(arn)
    return share


def _check_owner(call: Call, resources: list[str]) -> None:
    """Only the owner of a resource can share it."""
    for arn in resources:
        parts = arn.split(":", 5)
        if len(parts) < 6 or parts[0] != "arn":
            raise AwsError(
                "MalformedArnException", f"The specified resource ARN {arn} is not valid. Verify the ARN and try again."
            )
        if parts[4] != call.caller.account:
            raise AwsError("OperationNotPermittedException", f"You are not the owner of resource {arn}.")


def _only_what_is_modelled(params: dict[str, Any], *refused: str) -> None:
    for name in refused:
        if params.get(name):
            raise AwsError("OperationNotPermittedException", f"{name} is not supported by this sandbox.")


def _accept(call: Call) -> dict[str, Any]:
    invitation = invitations.accept(call.caller.account, call.params["resourceShareInvitationArn"])
    return {"resourceShareInvitation": invitations.describe(invitation)}


def _reject(call: Call) -> dict[str, Any]:
    invitation = invitations.reject(call.caller.account, call.params["resourceShareInvitationArn"])
    return {"resourceShareInvitation": invitations.describe(invitation)}


def _invitations(call: Call) -> dict[str, Any]:
    sharing.settle()
    found = invitations.received(
        call.caller.account,
        call.params.get("resourceShareInvitationArns", []),
        call.params.get("resourceShareArns", []),
    )
    some, more = listing.page(found, call.params)
    return {"resourceShareInvitations": [invitations.describe(invitation) for invitation in some]} | more


def _enable_organization(call: Call) -> dict[str, Any]:
    """https://docs.aws.amazon.com/ram/latest/APIReference/API_EnableSharingWithAwsOrganization.html."""
    organization = settings.get().organization
    if organization is None or organization.management_account != call.caller.account:
        raise AwsError(
            "OperationNotPermittedException",
            "This operation can be performed only by the management account of an organization.",
        )
    settings.update(ram_sharing_with_organization=True)
    return {"returnValue": True}


_OPERATIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "AcceptResourceShareInvitation": _accept,
    "AssociateResourceShare": _associate,
    "CreateResourceShare": _create,
    "DeleteResourceShare": _delete,
    "DisassociateResourceShare": _disassociate,
    "EnableSharingWithAwsOrganization": _enable_organization,
    "GetResourceShareAssociations": lambda call: listing.associations(call.caller.account, call.params),
    "GetResourceShareInvitations": _invitations,
    "GetResourceShares": lambda call: listing.shares(call.caller.account, call.params),
    "ListPrincipals": lambda call: listing.principals(call.caller.account, call.params),
    "ListResources": lambda call: listing.resources(call.caller.account, call.params),
    "RejectResourceShareInvitation": _reject,
}
