"""How a grant to another account travels: its RAM share, and what the grantor needs for it.

https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html
"""

from __future__ import annotations

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    MARKETING,
    ORGANIZATION,
    SALES,
    STRANGER,
    Lake,
    all_tables,
    columns,
    database,
    role,
    table,
)
from tests.sandbox.lakeformation.sharing_steps import (
    ANALYST,
    ANALYST_ARN,
    COLUMNS,
    ORDERS,
    READ,
    entities,
    reads,
    refused,
    share,
    shares,
)


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
