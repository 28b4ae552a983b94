"""Accepting resource shares: exactly the one, from exactly the sender, whatever state it is in."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from datamesh.aws.ram import ResourceShares
from datamesh.aws.retry import Retrier
from datamesh.models.errors import AwsTemporarilyUnavailable, InvitationExpired, UntrustedShare

CENTRAL = "111111111111"
SHARE = f"arn:aws:ram:eu-west-1:{CENTRAL}:resource-share/7ab63972"
INVITATION = f"arn:aws:ram:eu-west-1:{CENTRAL}:resource-share-invitation/3b3bc051"


@pytest.fixture
def ram() -> Iterator[tuple[ResourceShares, Stubber]]:
    client = boto3.client("ram")
    with Stubber(client) as stubber:
        yield ResourceShares(CENTRAL, client, Retrier(total=5, sleep=lambda _: None)), stubber
        stubber.assert_no_pending_responses()


def invitation(status: str, **change: Any) -> dict[str, Any]:
    return {
        "resourceShareInvitationArn": INVITATION,
        "resourceShareArn": SHARE,
        "senderAccountId": CENTRAL,
        "receiverAccountId": "222222222222",
        "status": status,
    } | change


def expect_invitations(stubber: Stubber, *pages: list[dict[str, Any]]) -> None:
    for number, page in enumerate(pages):
        last = number == len(pages) - 1
        expected = {"resourceShareArns": [SHARE]} | ({"nextToken": f"page {number}"} if number else {})
        answer = {"resourceShareInvitations": page} | ({} if last else {"nextToken": f"page {number + 1}"})
        stubber.add_response("get_resource_share_invitations", answer, expected)


def expect_shares(stubber: Stubber, *shares: dict[str, Any]) -> None:
    expected = {"resourceOwner": "OTHER-ACCOUNTS", "resourceShareArns": [SHARE]}
    stubber.add_response("get_resource_shares", {"resourceShares": list(shares)}, expected)


def expect_accept(stubber: Stubber, error: str | None = None) -> None:
    expected = {"resourceShareInvitationArn": INVITATION}
    if error:
        stubber.add_client_error("accept_resource_share_invitation", error, "message", expected_params=expected)
    else:
        stubber.add_response("accept_resource_share_invitation", {}, expected)


def test_a_pending_invitation_is_accepted(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation("PENDING")])
    expect_accept(stubber)
    assert shares.accept(SHARE) == "accepted"


def test_an_invitation_on_a_later_page_is_found_behind_an_empty_one(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [], [invitation("EXPIRED")], [invitation("PENDING")])
    expect_accept(stubber)
    assert shares.accept(SHARE) == "accepted"


def test_other_invitations_in_the_answer_are_left_alone(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    other = invitation("PENDING", resourceShareArn=SHARE + "other", resourceShareInvitationArn=INVITATION + "other")
    expect_invitations(stubber, [other])
    expect_shares(stubber)
    assert shares.accept(SHARE) == "awaited"


def test_an_accepted_invitation_is_done(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation("EXPIRED"), invitation("ACCEPTED")])
    assert shares.accept(SHARE) == "accepted"


def test_accepting_what_was_accepted_a_moment_ago_is_done(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation("PENDING")])
    expect_accept(stubber, "ResourceShareInvitationAlreadyAcceptedException")
    assert shares.accept(SHARE) == "accepted"


def test_inside_an_organization_there_is_no_invitation_and_the_share_is_here(
    ram: tuple[ResourceShares, Stubber],
) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [])
    expect_shares(stubber, {"resourceShareArn": SHARE, "status": "ACTIVE"})
    assert shares.accept(SHARE) == "visible"


@pytest.mark.parametrize("found", [[], [{"resourceShareArn": SHARE, "status": "PENDING"}]])
def test_a_share_that_has_not_arrived_is_awaited(ram: tuple[ResourceShares, Stubber], found: list[Any]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [])
    expect_shares(stubber, *found)
    assert shares.accept(SHARE) == "awaited"


def test_a_share_that_ram_does_not_know_yet_is_awaited(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    stubber.add_client_error("get_resource_share_invitations", "UnknownResourceException")
    stubber.add_client_error("get_resource_shares", "UnknownResourceException")
    assert shares.accept(SHARE) == "awaited"


def test_shares_are_looked_for_on_every_page(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [])
    stubber.add_response("get_resource_shares", {"resourceShares": [], "nextToken": "more"})
    stubber.add_response("get_resource_shares", {"resourceShares": [{"resourceShareArn": SHARE, "status": "ACTIVE"}]})
    assert shares.accept(SHARE) == "visible"


@pytest.mark.parametrize("status", ["EXPIRED", "REJECTED"])
def test_a_lapsed_invitation_is_an_error_that_says_what_to_do(ram: tuple[ResourceShares, Stubber], status: str) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation(status)])
    expect_shares(stubber)
    with pytest.raises(InvitationExpired, match=f"{status}.*revoke the grant and grant it again"):
        shares.accept(SHARE)


def test_a_lapsed_invitation_to_a_share_that_is_here_does_not_matter(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation("EXPIRED")])
    expect_shares(stubber, {"resourceShareArn": SHARE, "status": "ACTIVE"})
    assert shares.accept(SHARE) == "visible"


@pytest.mark.parametrize(
    "code", ["ResourceShareInvitationExpiredException", "ResourceShareInvitationAlreadyRejectedException"]
)
def test_an_invitation_that_lapses_while_it_is_accepted(ram: tuple[ResourceShares, Stubber], code: str) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation("PENDING")])
    expect_accept(stubber, code)
    with pytest.raises(InvitationExpired):
        shares.accept(SHARE)


def test_an_invitation_of_another_sender_is_never_accepted(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, stubber = ram
    expect_invitations(stubber, [invitation("PENDING", senderAccountId="666666666666")])
    with pytest.raises(UntrustedShare, match="666666666666"):
        shares.accept(SHARE)


def test_a_share_of_another_account_is_not_even_asked_for(ram: tuple[ResourceShares, Stubber]) -> None:
    shares, _ = ram
    with pytest.raises(UntrustedShare):
        shares.accept(SHARE.replace(CENTRAL, "666666666666"))


def test_a_ram_that_stays_busy_is_a_transient_error() -> None:
    client = boto3.client("ram")
    with Stubber(client) as stubber:
        for _ in range(60):
            stubber.add_client_error("get_resource_share_invitations", "ServerInternalException")
        with pytest.raises(AwsTemporarilyUnavailable):
            ResourceShares(CENTRAL, client, Retrier(total=5, sleep=lambda _: None)).accept(SHARE)
