"""Across accounts: what an owner may share, how it travels, what a recipient may do with it.

https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-permissions.html
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import clock, settings
from sandbox.api import AwsError, Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    LOCATION,
    MARKETING,
    ORGANIZATION,
    SALES,
    STRANGER,
    Lake,
    all_tables,
    columns,
    data_location,
    database,
    role,
    strangers,
    table,
)

ORDERS = engine.TableRef(CENTRAL, "shop", "orders")
COLUMNS = ("id", "name", "secret", "day")
ANALYST = role(MARKETING, "analyst")
ANALYST_ARN = ANALYST.principal_arn
READ = ("SELECT", "DESCRIBE")


def refused(code: str, words: str) -> Any:
    """`pytest.raises` of an AWS error."""
    return pytest.raises(AwsError, match=f"^{code}: .*{words}")


def share(lake: Lake, admin: Caller, *permissions: str, options: tuple[str, ...] | None = None) -> None:
    """Central shares orders with marketing."""
    lake.grant(admin, MARKETING, table(), *permissions, options=permissions if options is None else options)


def shares(lake: Lake, owner: Caller) -> list[dict[str, Any]]:
    """The owner's active shares."""
    found = lake.ram(owner, "GetResourceShares", resourceOwner="SELF")["resourceShares"]
    return [item for item in found if item["status"] == "ACTIVE"]


def entities(lake: Lake, owner: Caller, kind: str = "RESOURCE") -> list[tuple[str, str]]:
    """What is in the owner's shares, with its status."""
    found = lake.ram(owner, "GetResourceShareAssociations", associationType=kind)["resourceShareAssociations"]
    return [(item["associatedEntity"].split(":", 5)[-1], item["status"]) for item in found]


def reads(caller: Caller) -> list[str]:
    """The columns of orders that the caller reads."""
    return engine.readable_columns(caller, ORDERS, COLUMNS)


def test_two_grants_lead_to_the_data(shop: Lake, admin: Caller, steward: Caller) -> None:
    """The owner's to the account, and the recipient's administrator's to a principal."""
    share(shop, admin, *READ)
    assert reads(ANALYST) == []
    assert not engine.can_see_table(ANALYST, ORDERS)
    shop.grant(steward, ANALYST_ARN, table(), *READ)
    assert reads(ANALYST) == list(COLUMNS)
    assert engine.can_see_database(ANALYST, CENTRAL, "shop")


def test_the_recipients_administrator_sees_and_does_not_read(shop: Lake, admin: Caller, steward: Caller) -> None:
    assert not engine.can_see_table(steward, ORDERS)
    share(shop, admin, *READ)
    assert engine.can_see_table(steward, ORDERS)
    assert reads(steward) == []


def test_nothing_is_passed_on_beyond_what_was_received(shop: Lake, admin: Caller, steward: Caller) -> None:
    share(shop, admin, *READ, options=("SELECT",))
    with refused("AccessDeniedException", "not authorized to access requested permissions"):
        shop.grant(steward, ANALYST_ARN, table(), "ALTER")
    with refused("AccessDeniedException", "not authorized to access requested permissions"):
        shop.grant(steward, ANALYST_ARN, table(), "DESCRIBE")
    shop.grant(steward, ANALYST_ARN, table(), "SELECT")
    assert reads(ANALYST) == list(COLUMNS)


def test_received_columns_are_a_ceiling(shop: Lake, admin: Caller, steward: Caller) -> None:
    shop.grant(admin, MARKETING, columns("id", "name"), "SELECT", options=("SELECT",))
    with refused("AccessDeniedException", "not authorized"):
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")
    shop.grant(steward, ANALYST_ARN, columns("name"), "SELECT")
    assert reads(ANALYST) == ["name"]


def test_only_an_administrator_or_holder_passes_on(shop: Lake, admin: Caller, steward: Caller) -> None:
    share(shop, admin, *READ)
    lead, intern = role(MARKETING, "lead"), role(MARKETING, "intern")
    with refused("AccessDeniedException", "not authorized"):
        shop.grant(lead, intern.principal_arn, table(), "SELECT")
    shop.grant(steward, lead.principal_arn, table(), "SELECT", options=("SELECT",))
    shop.grant(lead, intern.principal_arn, table(), "SELECT")
    assert reads(intern) == list(COLUMNS)
    with refused("AccessDeniedException", "not authorized"):
        shop.grant(intern, ANALYST_ARN, table(), "SELECT")


@pytest.mark.parametrize("third", [SALES, f"arn:aws:iam::{SALES}:role/analyst", ORGANIZATION])
def test_sharing_is_not_transitive(shop: Lake, admin: Caller, steward: Caller, third: str) -> None:
    share(shop, admin, *READ)
    with refused("InvalidInputException", "cannot be granted to another account or organization"):
        shop.grant(steward, third, table(), "SELECT")


def test_what_was_not_shared_does_not_exist(shop: Lake, steward: Caller) -> None:
    with refused("EntityNotFoundException", "Table orders not found"):
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")
    with refused("AccessDeniedException", "Resource does not exist or requester is not authorized"):
        shop.grant(ANALYST, ANALYST_ARN, table(), "SELECT")


def test_the_recipients_iam_must_see_the_owners_table(shop: Lake, admin: Caller, steward: Caller) -> None:
    share(shop, admin, *READ)
    shop.world.denied.add((steward.principal_arn, "glue:GetTable"))
    with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")


def test_revoking_at_the_source_takes_everything_away(shop: Lake, admin: Caller, steward: Caller) -> None:
    share(shop, admin, *READ)
    shop.grant(steward, ANALYST_ARN, table(), *READ)
    before = shop.rows(steward, Principal={"DataLakePrincipalIdentifier": ANALYST_ARN})
    shop.revoke(admin, MARKETING, table(), *READ, options=READ)
    assert reads(ANALYST) == []
    assert not engine.can_see_table(steward, ORDERS)
    assert shop.rows(steward, Principal={"DataLakePrincipalIdentifier": ANALYST_ARN}) == before, (
        "local grants stay listed"
    )
    with refused("EntityNotFoundException", "Table orders not found"):
        shop.revoke(steward, ANALYST_ARN, table(), *READ)
    share(shop, admin, *READ)
    assert reads(ANALYST) == list(COLUMNS), "and count again when the share comes back"


def test_revoking_one_permission_at_the_source(shop: Lake, admin: Caller, steward: Caller) -> None:
    share(shop, admin, *READ)
    shop.grant(steward, ANALYST_ARN, table(), *READ)
    shop.revoke(admin, MARKETING, table(), "SELECT", options=("SELECT",))
    assert reads(ANALYST) == []
    assert engine.can_see_table(ANALYST, ORDERS)


def test_the_recipient_revokes_its_own_grants(shop: Lake, admin: Caller, steward: Caller) -> None:
    share(shop, admin, *READ)
    shop.grant(steward, ANALYST_ARN, table(), *READ)
    shop.revoke(steward, ANALYST_ARN, table(), *READ)
    assert not engine.can_see_table(ANALYST, ORDERS)
    with refused("InvalidInputException", "Grantee has no permissions"):
        shop.revoke(steward, ANALYST_ARN, table(), *READ)


def test_databases_are_not_shared_with_drop_or_super(shop: Lake, admin: Caller) -> None:
    for permission in ("DROP", "ALL"):
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, MARKETING, database(), permission)
    shop.grant(admin, MARKETING, table(), "ALL", options=("ALL",))
    assert engine.has(role(CENTRAL, "maker"), "DROP", catalog=CENTRAL, database="shop", table="orders")


def test_the_catalog_is_not_shared(shop: Lake, admin: Caller) -> None:
    with refused("InvalidInputException", "Permissions modification is invalid"):
        shop.grant(admin, MARKETING, {"Catalog": {}}, "CREATE_DATABASE")


class TestIllegalCombination:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html."""

    @pytest.mark.parametrize("resource", [table(), columns("id"), database()])
    def test_no_share_while_the_resource_is_left_to_iam(
        self, shop: Lake, admin: Caller, resource: dict[str, Any]
    ) -> None:
        left = table() if "TableWithColumns" in resource else resource
        shop.grant(admin, "IAM_ALLOWED_PRINCIPALS", left, "ALL")
        permission = "DESCRIBE" if "Database" in resource else "SELECT"
        with refused("InvalidInputException", "Illegal combination"):
            shop.grant(admin, MARKETING, resource, permission)
        shop.revoke(admin, "IAM_ALLOWED_PRINCIPALS", left, "ALL")
        shop.grant(admin, MARKETING, resource, permission)

    def test_nothing_is_left_to_iam_while_it_is_shared(self, shop: Lake, admin: Caller) -> None:
        share(shop, admin, *READ)
        with refused("InvalidInputException", "Illegal combination"):
            shop.grant(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL")

    def test_a_table_born_with_the_default_is_out_of_reach(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        default = {"Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, "Permissions": ["ALL"]}
        shop.create_database(role(CENTRAL, "maker"), "old", CreateTableDefaultPermissions=[default])
        shop.grant(admin, MARKETING, all_tables("old"), *READ, options=READ)
        shop.grant(steward, ANALYST_ARN, all_tables("old"), *READ)
        shop.create_table(role(CENTRAL, "maker"), "old", "orders")
        born = engine.TableRef(CENTRAL, "old", "orders")
        assert engine.readable_columns(ANALYST, born, COLUMNS) == []
        shop.revoke(admin, "IAM_ALLOWED_PRINCIPALS", table(database="old"), "ALL")
        assert engine.readable_columns(ANALYST, born, COLUMNS) == list(COLUMNS)


class TestShares:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html."""

    def test_one_share_per_account_and_type(self, shop: Lake, admin: Caller) -> None:
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        share(shop, admin, *READ)
        shop.grant(admin, MARKETING, table("returns"), *READ)
        shop.grant(admin, MARKETING, database(), "DESCRIBE")
        shop.grant(admin, MARKETING, all_tables(), "DESCRIBE")
        shop.grant(admin, SALES, table(), "SELECT")
        names = [item["name"] for item in shares(shop, admin)]
        assert len(names) == 4
        assert all(name.startswith("LakeFormation-V4-") for name in names)
        assert entities(shop, admin) == [
            ("table/shop/orders", "ASSOCIATED"),
            ("table/shop/returns", "ASSOCIATED"),
            ("database/shop", "ASSOCIATED"),
            ("database/shop", "ASSOCIATED"),
            ("table/shop/orders", "ASSOCIATED"),
        ]

    def test_version_1_makes_a_share_per_grant(self, shop: Lake, admin: Caller) -> None:
        shop.settings(CENTRAL, admin, version="1")
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        share(shop, admin, *READ)
        shop.grant(admin, MARKETING, table("returns"), *READ)
        assert len(shares(shop, admin)) == 2

    def test_version_5_shares_patterns(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        share(shop, admin, *READ)
        shop.settings(CENTRAL, admin, version="5")
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        shop.grant(admin, MARKETING, table("returns"), *READ, options=READ)
        assert len(shares(shop, admin)) == 1, "new grants add patterns to the existing share"
        assert ("table/*/*", "ASSOCIATED") in entities(shop, admin)
        shop.grant(steward, ANALYST_ARN, table("returns"), "SELECT")
        assert engine.readable_columns(ANALYST, engine.TableRef(CENTRAL, "shop", "returns"), ("id",)) == ["id"]
        assert reads(ANALYST) == [], "a pattern shares nothing that was not granted"

    @pytest.mark.parametrize("principal", [ANALYST_ARN, f"{MARKETING}:IAMPrincipals"])
    def test_iam_principals_of_others_need_version_3(self, shop: Lake, admin: Caller, principal: str) -> None:
        shop.settings(CENTRAL, admin, version="2")
        with refused("InvalidInputException", "Invalid principal"):
            shop.grant(admin, principal, table(), "SELECT")
        shop.settings(CENTRAL, admin, version="3")
        shop.grant(admin, principal, table(), "SELECT")
        assert reads(ANALYST) == list(COLUMNS)

    def test_a_direct_grant_is_not_the_administrators_business(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
        assert reads(ANALYST) == list(COLUMNS)
        assert not engine.can_see_table(steward, ORDERS)
        assert reads(role(MARKETING, "other")) == []

    def test_the_organization_is_a_principal(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        shop.grant(admin, ORGANIZATION, table(), *READ, options=READ)
        shop.grant(steward, ANALYST_ARN, table(), *READ)
        assert reads(ANALYST) == list(COLUMNS)
        assert not engine.can_see_table(role(STRANGER, "steward"), ORDERS)

    def test_an_unknown_organization(self, shop: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "could not be found"):
            shop.grant(admin, "arn:aws:organizations::999999999999:organization/o-elsewhere", table(), "SELECT")

    def test_revoking_the_last_grant_takes_the_resource_and_then_the_share(self, shop: Lake, admin: Caller) -> None:
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        shop.grant(admin, MARKETING, table(), *READ)
        shop.grant(admin, MARKETING, table("returns"), *READ)
        shop.revoke(admin, MARKETING, table(), "SELECT")
        assert entities(shop, admin)[0] == ("table/shop/orders", "ASSOCIATED"), "DESCRIBE is still granted"
        shop.revoke(admin, MARKETING, table(), "DESCRIBE")
        assert entities(shop, admin)[0] == ("table/shop/orders", "DISASSOCIATED")
        assert len(shares(shop, admin)) == 1
        shop.revoke(admin, MARKETING, table("returns"), *READ)
        assert shares(shop, admin) == []

    def test_columns_and_table_are_one_resource_of_the_share(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, MARKETING, columns("id"), "SELECT")
        shop.grant(admin, MARKETING, columns("name"), "SELECT")
        shop.revoke(admin, MARKETING, columns("id"), "SELECT")
        assert entities(shop, admin) == [("table/shop/orders", "ASSOCIATED")]

    def test_a_grant_tells_its_share(self, shop: Lake, admin: Caller) -> None:
        share(shop, admin, *READ)
        principal = {"DataLakePrincipalIdentifier": MARKETING}
        answer = shop.call(admin, "ListPermissions", Principal=principal, Resource=table())
        details = [row["AdditionalDetails"]["ResourceShare"] for row in answer["PrincipalResourcePermissions"]]
        assert details == [[shares(shop, admin)[0]["resourceShareArn"]]] * 2

    def test_a_share_deleted_by_hand_leaves_the_grant_and_blocks_the_access(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        share(shop, admin, *READ)
        shop.grant(steward, ANALYST_ARN, table(), *READ)
        shop.ram(admin, "DeleteResourceShare", resourceShareArn=shares(shop, admin)[0]["resourceShareArn"])
        assert reads(ANALYST) == []
        assert shop.rows(admin, Principal={"DataLakePrincipalIdentifier": MARKETING})


class TestIamOfTheGrantor:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-prereqs.html (managed policy)."""

    @pytest.mark.parametrize(
        "action", ["ram:GetResourceShares", "ram:CreateResourceShare", "ram:AssociateResourceSharePermission"]
    )
    def test_the_first_grant_makes_a_share(self, shop: Lake, admin: Caller, action: str) -> None:
        shop.world.denied.add((admin.principal_arn, action))
        with refused("AccessDeniedException", f"is not authorized to perform: {action} on resource"):
            share(shop, admin, *READ)
        assert shop.rows(admin, Principal={"DataLakePrincipalIdentifier": MARKETING}) == [], "nothing was granted"
        assert shares(shop, admin) == []

    def test_the_next_grant_extends_it(self, shop: Lake, admin: Caller) -> None:
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        share(shop, admin, *READ)
        shop.world.denied.add((admin.principal_arn, "ram:AssociateResourceShare"))
        shop.grant(admin, MARKETING, table(), "INSERT")
        with refused("AccessDeniedException", "ram:AssociateResourceShare"):
            shop.grant(admin, MARKETING, table("returns"), "SELECT")

    def test_ram_is_asked_with_what_the_managed_policy_conditions_on(self, shop: Lake, admin: Caller) -> None:
        share(shop, admin, *READ)
        asked = {action: context for _, action, _, context in shop.world.asked}
        assert asked["ram:CreateResourceShare"]["ram:RequestedResourceType"] == "glue:Table"
        assert asked["ram:CreateResourceShare"]["ram:ResourceShareName"].startswith("LakeFormation")
        permission = asked["ram:AssociateResourceSharePermission"]["ram:PermissionArn"]
        assert permission.startswith("arn:aws:ram::aws:permission/AWSRAMLFEnabled")

    def test_without_put_resource_policy_the_association_fails(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        shop.world.denied.add((admin.principal_arn, "glue:PutResourcePolicy"))
        share(shop, admin, *READ)
        answer = shop.ram(admin, "GetResourceShareAssociations", associationType="RESOURCE")
        (association,) = answer["resourceShareAssociations"]
        assert association["status"] == "FAILED"
        assert association["statusMessage"] == "Association failed because the caller was not authorized"
        with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
            shop.grant(steward, ANALYST_ARN, table(), "SELECT")
        shop.world.denied.clear()
        share(shop, admin, *READ)
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")

    def test_a_glue_policy_that_shuts_ram_out(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        """https://docs.aws.amazon.com/lake-formation/latest/dg/hybrid-cross-account.html: the grant succeeds."""
        shop.world.shareable = False
        share(shop, admin, *READ)
        assert entities(shop, admin) == [("table/shop/orders", "FAILED")]
        assert not engine.can_see_table(steward, ORDERS)

    @pytest.mark.parametrize(("others", "action"), [(True, "Disassociate"), (False, "Delete")])
    def test_revoking_needs_ram_too(self, shop: Lake, admin: Caller, others: bool, action: str) -> None:
        share(shop, admin, *READ)
        if others:
            shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
            shop.grant(admin, MARKETING, table("returns"), "SELECT")
        shop.world.denied.add((admin.principal_arn, f"ram:{action}ResourceShare"))
        with refused("AccessDeniedException", f"ram:{action}ResourceShare"):
            shop.revoke(admin, MARKETING, table(), *READ, options=READ)
        assert shop.rows(admin, Principal={"DataLakePrincipalIdentifier": MARKETING}, Resource=table())

    def test_without_delete_resource_policy_the_share_is_orphaned(self, shop: Lake, admin: Caller) -> None:
        share(shop, admin, *READ)
        shop.world.denied.add((admin.principal_arn, "glue:DeleteResourcePolicy"))
        shop.revoke(admin, MARKETING, table(), *READ, options=READ)
        assert entities(shop, admin) == [("table/shop/orders", "FAILED")]


class TestVisibility:
    """Seconds to minutes on AWS; here a setting."""

    def test_a_share_becomes_visible_after_the_delay(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        settings.update(ram_visibility_delay=60.0)
        share(shop, admin, *READ)
        assert not engine.can_see_table(steward, ORDERS)
        with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
            shop.grant(steward, ANALYST_ARN, table(), "SELECT")
        clock.advance(61)
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")

    def test_strangers_accept_an_invitation_first(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        strangers()
        share(shop, admin, *READ)
        with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
            shop.grant(steward, ANALYST_ARN, table(), "SELECT")
        assert not engine.can_see_table(steward, ORDERS)
        (invitation,) = shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]
        assert invitation["senderAccountId"] == CENTRAL
        arn = invitation["resourceShareInvitationArn"]
        shop.ram(steward, "AcceptResourceShareInvitation", resourceShareInvitationArn=arn)
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")
        assert reads(ANALYST) == list(COLUMNS)

    def test_an_accepted_share_takes_more_tables_without_another_invitation(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        strangers()
        share(shop, admin, *READ)
        (invitation,) = shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]
        arn = invitation["resourceShareInvitationArn"]
        shop.ram(steward, "AcceptResourceShareInvitation", resourceShareInvitationArn=arn)
        shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
        shop.grant(admin, MARKETING, table("returns"), *READ, options=READ)
        assert engine.can_see_table(steward, engine.TableRef(CENTRAL, "shop", "returns"))
        assert len(shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]) == 1

    def test_after_an_expired_invitation_revoke_and_grant_again(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        strangers()
        share(shop, admin, *READ)
        clock.advance(12 * 3600 + 1)
        share(shop, admin, *READ)
        statuses = [i["status"] for i in shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]]
        assert statuses == ["EXPIRED"], "granting again makes no new invitation"
        shop.revoke(admin, MARKETING, table(), *READ, options=READ)
        share(shop, admin, *READ)
        statuses = [i["status"] for i in shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]]
        assert statuses == ["EXPIRED", "PENDING"]

    def test_an_organization_without_ram_sharing_is_made_of_strangers(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        settings.update(ram_sharing_with_organization=False)
        share(shop, admin, *READ)
        assert not engine.can_see_table(steward, ORDERS)
        assert shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]


class TestTablesMadeByOthers:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-create-table."""

    def test_the_creator_and_its_account_hold_everything_inside_that_account(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        loader = role(MARKETING, "loader")
        shop.grant(admin, MARKETING, database(), "CREATE_TABLE", options=("CREATE_TABLE",))
        shop.grant(steward, loader.principal_arn, database(), "CREATE_TABLE")
        assert engine.has(loader, "CREATE_TABLE", catalog=CENTRAL, database="shop")
        shop.create_table(loader, "shop", "made", account=CENTRAL)
        made = engine.TableRef(CENTRAL, "shop", "made")
        assert engine.readable_columns(loader, made, COLUMNS) == list(COLUMNS)
        shop.grant(steward, ANALYST_ARN, table("made"), "SELECT")
        assert engine.readable_columns(ANALYST, made, COLUMNS) == list(COLUMNS)
        with refused("InvalidInputException", "cannot be granted to another account"):
            shop.grant(loader, SALES, table("made"), "SELECT")
        shop.grant(admin, role(CENTRAL, "analyst").principal_arn, table("made"), "SELECT")


class TestDataLocations:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/granting-location-permissions-external.html."""

    def test_an_owner_grants_an_account_and_that_its_principals(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        shop.call(admin, "RegisterResource", ResourceArn=LOCATION, RoleArn=f"arn:aws:iam::{CENTRAL}:role/lake-access")
        crawler = role(MARKETING, "crawler")
        uri = LOCATION.replace("arn:aws:s3:::", "s3://") + "/orders/"
        with refused("EntityNotFoundException", "not found"):
            shop.grant(steward, crawler.principal_arn, data_location(), "DATA_LOCATION_ACCESS")
        location = ("DATA_LOCATION_ACCESS",)
        shop.grant(admin, MARKETING, data_location(), *location, options=location)
        assert shares(shop, admin) == [], "locations travel without RAM"
        assert not engine.can_use_location(crawler, uri, catalog=CENTRAL)
        shop.grant(steward, crawler.principal_arn, data_location(), *location)
        assert engine.can_use_location(crawler, uri, catalog=CENTRAL)
        shop.revoke(admin, MARKETING, data_location(), *location, options=location)
        assert not engine.can_use_location(crawler, uri, catalog=CENTRAL)
