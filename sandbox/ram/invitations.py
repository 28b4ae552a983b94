"""Invitations: what a receiver sees of them and how it answers.

https://docs.aws.amazon.com/ram/latest/APIReference/API_AcceptResourceShareInvitation.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox import clock, settings
from sandbox.api import AwsError
from sandbox.ram import sharing
from sandbox.ram.store import (
    ACCEPTED,
    ASSOCIATED,
    ASSOCIATING,
    DISASSOCIATED,
    EXPIRED,
    PENDING,
    REJECTED,
    Invitation,
    lock,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def describe(invitation: Invitation) -> dict[str, Any]:
    """The invitation in the API's shape."""
    return {
        "resourceShareInvitationArn": invitation.arn,
        "resourceShareName": invitation.share_name,
        "resourceShareArn": invitation.share_arn,
        "senderAccountId": invitation.sender,
        "receiverAccountId": invitation.receiver,
        "invitationTimestamp": invitation.created,
        "status": invitation.status(clock.now()),
    } | ({"receiverArn": invitation.principal} if invitation.principal.startswith("arn:") else {})


def received(account: str, arns: Sequence[str], share_arns: Sequence[str]) -> list[Invitation]:
    """The invitations that have arrived at an account, in their order; only the named ones when some are named.

    Raises:
        AwsError: ResourceShareInvitationArnNotFoundException when a named invitation is not this account's.
    """
    with lock:
        mine = [i for i in store.invitations.values() if i.receiver == account and i.arrives <= clock.now()]
        known = {i.arn for i in mine}
        for arn in arns:
            if arn not in known:
                raise _not_found(arn)
        return [i for i in mine if (not arns or i.arn in arns) and (not share_arns or i.share_arn in share_arns)]


def accept(account: str, arn: str) -> Invitation:
    """Accept an open invitation: its share becomes visible after the configured delay.

    Raises:
        AwsError: …ArnNotFoundException, …AlreadyAcceptedException, …AlreadyRejectedException or …ExpiredException.
    """
    with lock:
        invitation = _open(account, arn)
        invitation.answer = ACCEPTED
        association = store.shares[invitation.share_arn].principals[invitation.principal]
        association.status, association.updated = ASSOCIATED, clock.now()
        association.ready_at = clock.now() + timedelta(seconds=settings.get().ram_visibility_delay)
        return invitation


def reject(account: str, arn: str) -> Invitation:
    """Reject an open invitation; errors as `accept`."""
    with lock:
        invitation = _open(account, arn)
        invitation.answer = REJECTED
        association = store.shares[invitation.share_arn].principals[invitation.principal]
        if association.status == ASSOCIATING:
            association.status, association.updated = DISASSOCIATED, clock.now()
        return invitation


def _open(account: str, arn: str) -> Invitation:
    sharing.settle()
    invitation = store.invitations.get(arn)
    if invitation is None or invitation.receiver != account:
        raise _not_found(arn)
    status = invitation.status(clock.now())
    words = {
        ACCEPTED: ("ResourceShareInvitationAlreadyAcceptedException", "has already been accepted"),
        REJECTED: ("ResourceShareInvitationAlreadyRejectedException", "has already been rejected"),
        EXPIRED: ("ResourceShareInvitationExpiredException", "has expired"),
    }
    if status != PENDING:
        code, what = words[status]
        raise AwsError(code, f"ResourceShareInvitation {arn} {what}.")
    return invitation


def _not_found(arn: str) -> AwsError:
    return AwsError("ResourceShareInvitationArnNotFoundException", f"ResourceShareInvitation {arn} could not be found.")
