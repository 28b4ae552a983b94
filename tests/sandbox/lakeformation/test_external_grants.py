"""Across accounts: what an owner may share, what a recipient may do with it.

https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-permissions.html
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import clock, settings
from sandbox.api import Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    LOCATION,
    MARKETING,
    ORGANIZATION,
    SALES,
    Lake,
    all_tables,
    columns,
    data_location,
    database,
    role,
    strangers,
    table,
)
from tests.sandbox.lakeformation.sharing_steps import (
    ANALYST,
    ANALYST_ARN,
    COLUMNS,
    ORDERS,
    READ,
    reads,
    refused,
    share,
    shares,
)


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
    assert reads(ANALYST) == ["name", "day"]
    assert engine.has(ANALYST, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=[])
    shop.revoke(admin, MARKETING, columns("id", "name"), "SELECT", options=("SELECT",))
    assert not engine.has(ANALYST, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=[])


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
