"""Resource Access Manager: accepts exactly the shares that it is told to, and no other."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.arns import parse_arn
from datamesh.models.errors import InvitationExpired, UntrustedShare

if TYPE_CHECKING:
    from mypy_boto3_ram import RAMClient

ShareState = Literal["accepted", "visible", "awaited"]


class ResourceShares:
    """Gateway to the resource shares that one other account offers to this one."""

    def __init__(self, sender: str, client: "RAMClient | None" = None, retrier: Retrier | None = None) -> None:
        self._sender = sender
        self._client = client or clients.ram()
        self._retrier = retrier or Retrier()

    def accept(self, share: str) -> ShareState:
        """Accept the pending invitation to one share, if there is one.

        Returns `accepted` when an invitation was accepted, now or before; `visible` when the share is here without one,
        as inside one organization; `awaited` when neither it nor an invitation has arrived.

        Raises UntrustedShare when the share or the invitation is not the sender's, and InvitationExpired when the
        invitation lapsed (12 hours for Glue resources) or was refused, because nothing here can mend that.
        Source: https://docs.aws.amazon.com/ram/latest/userguide/working-with-shared-invitations.html
        """
        if parse_arn(share).account != self._sender:
            raise UntrustedShare(f"{share} is not a share of account {self._sender}")
        invitations = list(self._invitations(share))
        for invitation in invitations:
            if invitation.get("senderAccountId") != self._sender:
                raise UntrustedShare(f"The invitation to {share} comes from {invitation.get('senderAccountId')}")
        by_status = {str(invitation.get("status")): invitation for invitation in invitations}
        if "PENDING" in by_status:
            return self._accept(share, str(by_status["PENDING"]["resourceShareInvitationArn"]))
        if "ACCEPTED" in by_status:
            return "accepted"
        # A share that is here needs no invitation, whatever became of an earlier one.
        if self._is_visible(share):
            return "visible"
        for status in ("EXPIRED", "REJECTED"):
            if status in by_status:
                raise _lapsed(share, status)
        return "awaited"

    def _accept(self, share: str, invitation: str) -> ShareState:
        try:
            self._retrier.call(
                lambda: self._client.accept_resource_share_invitation(resourceShareInvitationArn=invitation)
            )
        except self._client.exceptions.ResourceShareInvitationExpiredException:
            raise _lapsed(share, "EXPIRED") from None
        except self._client.exceptions.ResourceShareInvitationAlreadyRejectedException:
            raise _lapsed(share, "REJECTED") from None
        return "accepted"

    def _invitations(self, share: str) -> Iterator[dict[str, Any]]:
        """Yield all invitations to a share, pages walked to the end."""
        request: dict[str, Any] = {"resourceShareArns": [share]}
        while True:
            try:
                page = self._retrier.run(partial(self._client.get_resource_share_invitations, **request))
            except self._client.exceptions.UnknownResourceException:
                return
            found = cast("Sequence[dict[str, Any]]", page.get("resourceShareInvitations", []))
            # The filter is AWS's, the promise to accept nothing else is ours.
            yield from (invitation for invitation in found if invitation.get("resourceShareArn") == share)
            token = page.get("nextToken")
            if not token:
                return
            request["nextToken"] = token

    def _is_visible(self, share: str) -> bool:
        request: dict[str, Any] = {"resourceOwner": "OTHER-ACCOUNTS", "resourceShareArns": [share]}
        while True:
            try:
                page = self._retrier.run(partial(self._client.get_resource_shares, **request))
            except self._client.exceptions.UnknownResourceException:
                return False
            shares = cast("Sequence[dict[str, Any]]", page.get("resourceShares", []))
            if any(found.get("resourceShareArn") == share and found.get("status") == "ACTIVE" for found in shares):
                return True
            token = page.get("nextToken")
            if not token:
                return False
            request["nextToken"] = token


def _lapsed(share: str, status: str) -> InvitationExpired:
    return InvitationExpired(
        f"The invitation to {share} is {status}. Central has to revoke the grant and grant it again, which sends a new "
        "invitation; then replay the event. Inside one organization, enable sharing with AWS Organizations in RAM: "
        "there are no invitations then."
    )
