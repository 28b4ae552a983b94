"""Resource shares made by hand and their invitations, in-process.

https://docs.aws.amazon.com/ram/latest/userguide/what-is.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from sandbox import clock, settings
from sandbox.api import AwsError, Call, Caller
from sandbox.ram import service, sharing
from sandbox.ram.store import store

OWNER, MEMBER, STRANGER = "111111111111", "222222222222", "999999999999"
ORGANIZATION = "arn:aws:organizations::111111111111:organization/o-datamesh01"
TABLE = f"arn:aws:glue:eu-west-1:{OWNER}:table/shop/orders"
OTHER_TABLE = f"arn:aws:glue:eu-west-1:{OWNER}:table/shop/returns"


@pytest.fixture(autouse=True)
def empty() -> Iterator[None]:
    """No shares, one organization, no delay."""
    settings.reset()
    settings.update(ram_visibility_delay=0.0)
    store.reset()
    yield
    settings.reset()
    clock.reset()


def ram(account: str, operation: str, **params: Any) -> dict[str, Any]:
    """A call by an account's root."""
    arn = f"arn:aws:iam::{account}:root"
    return service.handle(Call("ram", operation, params, Caller(arn, arn, account, is_root=True), "eu-west-1"))


def refused(code: str, words: str = "") -> Any:
    """`pytest.raises` of an AWS error."""
    return pytest.raises(AwsError, match=f"^{code}: .*{words}")


def share(*principals: str, **params: Any) -> str:
    """The ARN of a share of the table with these principals."""
    given = {"name": "tables", "resourceArns": [TABLE], "principals": list(principals), **params}
    return str(ram(OWNER, "CreateResourceShare", **given)["resourceShare"]["resourceShareArn"])


def invitations(account: str = STRANGER, **params: Any) -> list[dict[str, Any]]:
    """What an account was invited to."""
    found: list[dict[str, Any]] = ram(account, "GetResourceShareInvitations", **params)["resourceShareInvitations"]
    return found


def seen(account: str, principal: str | None = None, resource: str = TABLE) -> str:
    """Whether the owner's resource is visible."""
    return sharing.visibility(OWNER, resource, account, principal)


class TestInsideTheOrganization:
    """https://docs.aws.amazon.com/ram/latest/userguide/getting-started-sharing.html."""

    def test_no_invitation_and_active_at_once(self) -> None:
        arn = share(MEMBER)
        assert seen(MEMBER) == "visible"
        assert invitations(MEMBER) == []
        (received,) = ram(MEMBER, "GetResourceShares", resourceOwner="OTHER-ACCOUNTS")["resourceShares"]
        assert (received["resourceShareArn"], received["owningAccountId"]) == (arn, OWNER)

    def test_the_organization_as_principal(self) -> None:
        share(ORGANIZATION)
        assert seen(MEMBER) == "visible"
        assert seen(STRANGER) == "absent"

    def test_an_iam_principal_alone(self) -> None:
        role = f"arn:aws:iam::{MEMBER}:role/reader"
        share(role)
        assert seen(MEMBER, role) == "visible"
        assert seen(MEMBER, f"arn:aws:iam::{MEMBER}:role/other") == "absent"
        assert seen(MEMBER) == "absent"

    def test_visible_after_the_delay(self) -> None:
        settings.update(ram_visibility_delay=30.0)
        share(MEMBER)
        assert seen(MEMBER) == "pending"
        clock.advance(31)
        assert seen(MEMBER) == "visible"

    def test_no_outsiders_where_they_are_not_allowed(self) -> None:
        with refused("OperationNotPermittedException", "not in your AWS organization"):
            share(STRANGER, allowExternalPrincipals=False)
        share(MEMBER, allowExternalPrincipals=False)

    def test_sharing_with_the_organization_is_enabled_by_its_management_account(self) -> None:
        settings.update(ram_sharing_with_organization=False)
        with refused("UnknownResourceException", "Organization o-datamesh01 could not be found"):
            share(ORGANIZATION)
        with refused("OperationNotPermittedException", "management account"):
            ram(MEMBER, "EnableSharingWithAwsOrganization")
        assert ram(OWNER, "EnableSharingWithAwsOrganization") == {"returnValue": True}
        share(ORGANIZATION)

    @pytest.mark.parametrize("principal", ["nobody", "arn:aws:s3:::bucket"])
    def test_what_is_no_principal(self, principal: str) -> None:
        with refused("InvalidParameterException", "malformed"):
            share(principal)
        assert ram(OWNER, "GetResourceShares", resourceOwner="SELF")["resourceShares"] == []


class TestInvitations:
    """https://docs.aws.amazon.com/ram/latest/APIReference/API_AcceptResourceShareInvitation.html."""

    def test_nothing_is_visible_before_it_is_accepted(self) -> None:
        arn = share(STRANGER)
        (invitation,) = invitations()
        assert {name: invitation[name] for name in ("status", "senderAccountId", "receiverAccountId")} == {
            "status": "PENDING",
            "senderAccountId": OWNER,
            "receiverAccountId": STRANGER,
        }
        assert seen(STRANGER) == "pending"
        assert ram(STRANGER, "GetResourceShares", resourceOwner="OTHER-ACCOUNTS")["resourceShares"] == []
        accepted = ram(
            STRANGER,
            "AcceptResourceShareInvitation",
            resourceShareInvitationArn=invitation["resourceShareInvitationArn"],
        )
        assert accepted["resourceShareInvitation"]["status"] == "ACCEPTED"
        assert seen(STRANGER) == "visible"
        (received,) = ram(STRANGER, "GetResourceShares", resourceOwner="OTHER-ACCOUNTS")["resourceShares"]
        assert received["resourceShareArn"] == arn

    def test_arrival_and_acceptance_take_effect_after_the_delay(self) -> None:
        settings.update(ram_visibility_delay=30.0)
        share(STRANGER)
        assert invitations() == []
        clock.advance(31)
        arn = invitations()[0]["resourceShareInvitationArn"]
        ram(STRANGER, "AcceptResourceShareInvitation", resourceShareInvitationArn=arn)
        assert seen(STRANGER) == "pending"
        clock.advance(31)
        assert seen(STRANGER) == "visible"

    def test_an_iam_principal_is_invited_through_its_account(self) -> None:
        role = f"arn:aws:iam::{STRANGER}:role/reader"
        share(role)
        (invitation,) = invitations()
        assert invitation["receiverArn"] == role

    def test_answered_once(self) -> None:
        share(STRANGER)
        arn = invitations()[0]["resourceShareInvitationArn"]
        ram(STRANGER, "AcceptResourceShareInvitation", resourceShareInvitationArn=arn)
        for operation in ("AcceptResourceShareInvitation", "RejectResourceShareInvitation"):
            with refused("ResourceShareInvitationAlreadyAcceptedException", "already been accepted"):
                ram(STRANGER, operation, resourceShareInvitationArn=arn)

    def test_rejected_is_final(self) -> None:
        share(STRANGER)
        arn = invitations()[0]["resourceShareInvitationArn"]
        rejected = ram(STRANGER, "RejectResourceShareInvitation", resourceShareInvitationArn=arn)
        assert rejected["resourceShareInvitation"]["status"] == "REJECTED"
        with refused("ResourceShareInvitationAlreadyRejectedException", "already been rejected"):
            ram(STRANGER, "AcceptResourceShareInvitation", resourceShareInvitationArn=arn)
        assert seen(STRANGER) == "absent"
        (association,) = associations("PRINCIPAL")
        assert association["status"] == "DISASSOCIATED"

    def test_twelve_hours(self) -> None:
        share(STRANGER)
        arn = invitations()[0]["resourceShareInvitationArn"]
        clock.advance(12 * 3600 - 1)
        assert invitations()[0]["status"] == "PENDING"
        clock.advance(2)
        assert invitations()[0]["status"] == "EXPIRED"
        with refused("ResourceShareInvitationExpiredException", "expired"):
            ram(STRANGER, "AcceptResourceShareInvitation", resourceShareInvitationArn=arn)
        assert associations("PRINCIPAL")[0]["status"] == "DISASSOCIATED"

    def test_only_the_receiver_answers(self) -> None:
        share(STRANGER)
        arn = invitations()[0]["resourceShareInvitationArn"]
        for account, named in ((MEMBER, arn), (OWNER, arn), (STRANGER, arn + "x")):
            with refused("ResourceShareInvitationArnNotFoundException", "could not be found"):
                ram(account, "AcceptResourceShareInvitation", resourceShareInvitationArn=named)
        with refused("ResourceShareInvitationArnNotFoundException"):
            invitations(MEMBER, resourceShareInvitationArns=[arn])

    def test_found_by_the_share(self) -> None:
        share(STRANGER)
        wanted = share(STRANGER)
        assert [item["resourceShareArn"] for item in invitations(resourceShareArns=[wanted])] == [wanted]
        assert invitations(resourceShareArns=["arn:aws:ram:eu-west-1:111111111111:resource-share/other"]) == []

    def test_a_deleted_share_withdraws_its_invitation(self) -> None:
        arn = share(STRANGER)
        ram(OWNER, "DeleteResourceShare", resourceShareArn=arn)
        assert invitations() == []

    def test_pages(self) -> None:
        for _ in range(3):
            share(STRANGER)
        first = ram(STRANGER, "GetResourceShareInvitations", maxResults=2)
        assert len(first["resourceShareInvitations"]) == 2
        second = ram(STRANGER, "GetResourceShareInvitations", maxResults=2, nextToken=first["nextToken"])
        assert len(second["resourceShareInvitations"]) == 1
        assert "nextToken" not in second
        with refused("InvalidNextTokenException"):
            ram(STRANGER, "GetResourceShareInvitations", nextToken="mine")

    def test_two_hundred_and_fifty_pending(self) -> None:
        for _ in range(250):
            share(STRANGER)
        with refused("ResourceShareLimitExceededException", "pending invitations"):
            share(STRANGER)


def associations(kind: str, **params: Any) -> list[dict[str, Any]]:
    """The owner's associations."""
    answer = ram(OWNER, "GetResourceShareAssociations", associationType=kind, **params)
    found: list[dict[str, Any]] = answer["resourceShareAssociations"]
    return found


class TestOwnersView:
    """https://docs.aws.amazon.com/ram/latest/APIReference/API_GetResourceShareAssociations.html."""

    def test_associated_and_disassociated(self) -> None:
        arn = share(MEMBER)
        ram(OWNER, "AssociateResourceShare", resourceShareArn=arn, resourceArns=[OTHER_TABLE], principals=[STRANGER])
        assert [item["status"] for item in associations("PRINCIPAL")] == ["ASSOCIATED", "ASSOCIATING"]
        assert [item["external"] for item in associations("PRINCIPAL")] == [False, True]
        ram(OWNER, "DisassociateResourceShare", resourceShareArn=arn, resourceArns=[TABLE])
        assert [item["status"] for item in associations("RESOURCE")] == ["DISASSOCIATED", "ASSOCIATED"]
        assert seen(MEMBER) == "absent"
        assert seen(MEMBER, resource=OTHER_TABLE) == "visible"
        ram(OWNER, "AssociateResourceShare", resourceShareArn=arn, resourceArns=[TABLE])
        assert seen(MEMBER) == "visible"

    def test_filters(self) -> None:
        arn = share(MEMBER, STRANGER)
        assert [item["associatedEntity"] for item in associations("PRINCIPAL", principal=MEMBER)] == [MEMBER]
        assert len(associations("PRINCIPAL", associationStatus="ASSOCIATING", resourceShareArns=[arn])) == 1
        assert associations("RESOURCE", resourceArn=OTHER_TABLE) == []
        with refused("InvalidParameterException"):
            associations("PRINCIPAL", resourceArn=TABLE)
        with refused("UnknownResourceException"):
            associations("RESOURCE", resourceShareArns=[arn + "x"])

    def test_shares_by_name_and_state(self) -> None:
        arn = share(MEMBER)
        other = share(MEMBER, name="others")
        ram(OWNER, "DeleteResourceShare", resourceShareArn=arn)

        def found(**params: Any) -> list[str]:
            answer = ram(OWNER, "GetResourceShares", resourceOwner="SELF", **params)
            return [item["resourceShareArn"] for item in answer["resourceShares"]]

        assert found() == [arn, other]
        assert found(resourceShareStatus="ACTIVE") == [other]
        assert found(name="tables") == [arn]
        assert found(resourceShareArns=[other]) == [other]
        with refused("UnknownResourceException"):
            found(resourceShareArns=[arn + "x"])
        with refused("InvalidParameterException"):
            ram(OWNER, "GetResourceShares", resourceOwner="ALL")

    def test_resources_and_principals(self) -> None:
        arn = share(MEMBER)
        mine = ram(OWNER, "ListResources", resourceOwner="SELF")["resources"]
        assert [(item["arn"], item["type"], item["status"]) for item in mine] == [(TABLE, "glue:Table", "AVAILABLE")]
        theirs = ram(MEMBER, "ListResources", resourceOwner="OTHER-ACCOUNTS", resourceShareArns=[arn])["resources"]
        assert [item["arn"] for item in theirs] == [TABLE]
        assert ram(OWNER, "ListResources", resourceOwner="SELF", resourceType="glue:Database")["resources"] == []
        assert [item["id"] for item in ram(OWNER, "ListPrincipals", resourceOwner="SELF")["principals"]] == [MEMBER]
        sharers = ram(MEMBER, "ListPrincipals", resourceOwner="OTHER-ACCOUNTS", resourceArn=TABLE)["principals"]
        assert [item["id"] for item in sharers] == [OWNER]

    def test_only_the_owner_changes_a_share(self) -> None:
        arn = share(MEMBER)
        for operation in ("DeleteResourceShare", "AssociateResourceShare", "DisassociateResourceShare"):
            with refused("UnknownResourceException", "could not be found"):
                ram(MEMBER, operation, resourceShareArn=arn)
        with refused("MalformedArnException"):
            ram(OWNER, "DeleteResourceShare", resourceShareArn="tables")

    def test_only_own_resources_are_shared(self) -> None:
        with refused("OperationNotPermittedException", "not the owner"):
            share(MEMBER, resourceArns=[f"arn:aws:glue:eu-west-1:{MEMBER}:table/shop/orders"])
        with refused("MalformedArnException"):
            share(MEMBER, resourceArns=["orders"])
        arn = share(MEMBER)
        with refused("UnknownResourceException", "is not associated"):
            ram(OWNER, "DisassociateResourceShare", resourceShareArn=arn, resourceArns=[OTHER_TABLE])


def test_patterns_cover_what_they_match() -> None:
    share(MEMBER, resourceArns=[f"arn:aws:glue:eu-west-1:{OWNER}:table/*/*"])
    assert seen(MEMBER) == "visible"
    assert seen(MEMBER, resource=f"arn:aws:glue:eu-west-1:{OWNER}:database/shop") == "absent"
    assert seen(MEMBER, resource=f"arn:aws:glue:eu-west-1:{STRANGER}:table/shop/orders") == "absent"


def test_a_snapshot_brings_everything_back() -> None:
    share(MEMBER, STRANGER, tags=[{"key": "team", "value": "mesh"}])
    before = ram(OWNER, "GetResourceShares", resourceOwner="SELF"), invitations(), associations("PRINCIPAL")
    state = json.loads(json.dumps(store.get_state()))
    store.reset()
    assert invitations() == []
    store.set_state(state)
    assert (ram(OWNER, "GetResourceShares", resourceOwner="SELF"), invitations(), associations("PRINCIPAL")) == before
    assert json.loads(json.dumps(store.get_state())) == state


@pytest.mark.parametrize("name", ["sources", "resourceShareConfiguration"])
def test_what_is_not_modelled_is_refused(name: str) -> None:
    with refused("OperationNotPermittedException", f"{name} is not supported by this sandbox"):
        share(MEMBER, **{name: ["x"]})


def test_every_other_operation_says_that_it_is_not_there() -> None:
    model = boto3.client("ram", region_name="eu-west-1").meta.service_model
    for operation in set(model.operation_names) - set(service._OPERATIONS):
        with refused("OperationNotPermittedException", f"{operation} is not supported by this sandbox"):
            ram(OWNER, operation)
