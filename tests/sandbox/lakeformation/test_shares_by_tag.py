"""By tag across accounts: what travels, what arrives, what can be passed on.

https://docs.aws.amazon.com/lake-formation/latest/dg/cross-account-TBAC.html and
https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rules.html
"""

from __future__ import annotations

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import effective, engine, resources, tag_policies
from sandbox.lakeformation.store import SavedExpression, store
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    MARKETING,
    ORGANIZATION,
    SALES,
    Lake,
    columns,
    lf_tag,
    policy,
    role,
    strangers,
    table,
)
from tests.sandbox.lakeformation.sharing_steps import ANALYST, ANALYST_ARN, COLUMNS, READ, entities, refused, shares
from tests.sandbox.lakeformation.tagging import ORDERS, RETURNS, has, ontology, reads, tag

TABLES, DATABASES = policy("TABLE"), policy("DATABASE")


@pytest.fixture
def mall(shop: Lake) -> Lake:
    """Two tables in a database of lob=sales."""
    ontology(lob=("sales", "hr"), level=("open", "secret"))
    shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
    tag("shop", lob="sales")
    return shop


def give(lake: Lake, admin: Caller, to: str = MARKETING) -> None:
    """Central shares what is of lob=sales."""
    lake.grant(admin, to, DATABASES, "DESCRIBE", options=("DESCRIBE",))
    lake.grant(admin, to, TABLES, *READ, options=READ)


class TestReading:
    """The owner's grant to the account and the administrator's to a principal lead to the data."""

    def test_the_same_expression_twice(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        assert engine.can_see_table(steward, ORDERS)
        assert reads(steward) == reads(ANALYST) == []
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        assert reads(ANALYST) == reads(ANALYST, RETURNS) == list(COLUMNS)
        assert engine.can_see_database(ANALYST, CENTRAL, "shop")

    def test_a_change_of_tags_is_felt_at_once(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        tag("shop", "orders", "secret", lob="hr")
        assert reads(ANALYST) == ["id", "name", "day"]
        tag("shop", "orders", lob="hr")
        assert reads(ANALYST) == []
        assert not engine.can_see_table(ANALYST, ORDERS)
        assert reads(ANALYST, RETURNS) == list(COLUMNS)

    def test_revoking_at_the_source_takes_everything_away(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        mall.revoke(admin, MARKETING, TABLES, *READ, options=READ)
        assert reads(ANALYST) == []
        assert not engine.can_see_table(steward, ORDERS)
        mine = [row for row in mall.rows(steward) if row[0] == ANALYST_ARN]
        assert [kind for _, kind, *_ in mine] == ["LFTagPolicy"], "what was passed on stays listed"
        mall.revoke(steward, ANALYST_ARN, TABLES, *READ)

    def test_by_tag_from_the_owner_and_by_name_inside(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        tag("shop", "orders", "secret", lob="hr")
        mall.grant(steward, ANALYST_ARN, columns("id"), "SELECT")
        mall.grant(steward, ANALYST_ARN, table("returns"), "SELECT")
        assert (reads(ANALYST), reads(ANALYST, RETURNS)) == (["id", "day"], list(COLUMNS))
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(steward, ANALYST_ARN, columns("secret"), "SELECT")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(steward, ANALYST_ARN, table(), "SELECT")
        tag("shop", "orders", "id", lob="hr")
        tag("shop", "orders", "day", lob="hr")
        assert reads(ANALYST) == [], "what was passed on by name is limited by what is received now"

    @pytest.mark.parametrize("to", [ANALYST_ARN, f"{MARKETING}:IAMPrincipals"])
    def test_principals_of_another_account_directly(self, mall: Lake, admin: Caller, to: str) -> None:
        mall.grant(admin, to, TABLES, *READ)
        assert reads(ANALYST) == list(COLUMNS)
        assert reads(role(SALES, "analyst")) == []

    def test_an_organization(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin, ORGANIZATION)
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        assert reads(ANALYST) == list(COLUMNS)

    def test_what_is_left_to_iam_does_not_travel(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        mall.grant(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL")
        assert reads(ANALYST) == []
        assert reads(ANALYST, RETURNS) == list(COLUMNS)


class TestPassingOn:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/permission-cascading-rules.html."""

    def test_the_very_same_policy_with_the_grant_option(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, TABLES, *READ, options=("DESCRIBE",))
        mall.grant(steward, ANALYST_ARN, TABLES, "DESCRIBE")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(steward, ANALYST_ARN, TABLES, "SELECT")
        for other in (policy(lob="sales", level="open"), policy(lob=("hr", "sales")), policy("DATABASE")):
            with refused("AccessDeniedException", "not authorized"):
                mall.grant(steward, ANALYST_ARN, other, "DESCRIBE")

    def test_another_policy_with_describe_on_its_values(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        narrower = policy(lob="sales", level="open")
        mall.grant(admin, MARKETING, lf_tag("sales"), "DESCRIBE")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(steward, ANALYST_ARN, narrower, "SELECT")
        mall.grant(admin, MARKETING, lf_tag("open", key="level"), "ASSOCIATE", options=("ASSOCIATE",))
        mall.grant(steward, ANALYST_ARN, narrower, "SELECT")
        assert reads(ANALYST) == []
        tag("shop", "returns", level="open")
        assert reads(ANALYST, RETURNS) == list(COLUMNS)

    def test_describe_does_not_help_with_the_received_policy(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, TABLES, "SELECT")
        mall.grant(admin, MARKETING, lf_tag("sales"), "DESCRIBE")
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(steward, ANALYST_ARN, TABLES, "SELECT")

    def test_nobody_reads_beyond_what_the_account_received(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, policy(level="open"), *READ, options=READ)
        mall.grant(admin, MARKETING, lf_tag("sales"), "DESCRIBE")
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        assert reads(ANALYST) == []
        tag("shop", "orders", "id", level="open")
        assert reads(ANALYST) == ["id"]

    def test_not_to_a_third_account(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        mall.grant(admin, MARKETING, lf_tag("sales"), "DESCRIBE", options=("DESCRIBE",))
        for resource, permission in ((TABLES, "SELECT"), (lf_tag("sales"), "DESCRIBE")):
            with refused("InvalidInputException", "cannot be granted to another account or organization"):
                mall.grant(steward, SALES, resource, permission)

    def test_tags_inside_the_account(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", "DESCRIBE", options=("ASSOCIATE", "DESCRIBE"))
        sales, both = resources.lf_tag(CENTRAL, "lob", "sales"), resources.lf_tag(CENTRAL, "lob", "sales", "hr")
        assert effective.allows(steward, "DESCRIBE", sales)
        assert not effective.allows(steward, "DESCRIBE", both)
        assert not effective.allows(ANALYST, "ASSOCIATE", sales)
        mall.grant(steward, ANALYST_ARN, lf_tag("sales"), "ASSOCIATE")
        assert effective.allows(ANALYST, "ASSOCIATE", sales)
        with refused("AccessDeniedException", "not authorized"):
            mall.grant(steward, ANALYST_ARN, lf_tag("hr"), "ASSOCIATE")
        mall.revoke(admin, MARKETING, lf_tag("sales"), "ASSOCIATE", "DESCRIBE", options=("ASSOCIATE", "DESCRIBE"))
        assert not effective.allows(ANALYST, "ASSOCIATE", sales)

    def test_a_deleted_tag_takes_along_what_was_passed_on(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        tag_policies.tag_deleted(CENTRAL, "lob")
        assert mall.rows(steward, ResourceType="LF_TAG_POLICY") == []


class TestShares:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html: by tag it is RAM from version 3 on."""

    def test_one_share_for_databases_and_one_for_tables(self, mall: Lake, admin: Caller) -> None:
        give(mall, admin)
        mall.grant(admin, MARKETING, policy(lob="hr"), *READ)
        assert entities(mall, admin) == [("catalog", "ASSOCIATED"), ("catalog", "ASSOCIATED")]
        assert len(shares(mall, admin)) == 2
        asked = {action for _, action, *_ in mall.world.asked}
        assert {"ram:CreateResourceShare", "ram:GetResourceShares"} <= asked
        assert "ram:AssociateResourceSharePermission" not in asked, "AWS's managed policy has it for names only"

    def test_a_row_names_the_share(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        give(mall, admin)
        for caller in (admin, steward):
            rows = mall.call(caller, "ListPermissions", ResourceType="LF_TAG_POLICY")["PrincipalResourcePermissions"]
            named = {row["AdditionalDetails"]["ResourceShare"][0] for row in rows}
            assert named == {item["resourceShareArn"] for item in shares(mall, admin)}

    def test_each_invitation_lets_in_its_own(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        strangers()
        give(mall, admin)
        assert not engine.can_see_table(steward, ORDERS)
        with refused("AccessDeniedException", f"Insufficient Glue permissions to access catalog {CENTRAL}"):
            mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        invitations = mall.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]
        of_databases, of_tables = (each["resourceShareInvitationArn"] for each in invitations)
        mall.ram(steward, "AcceptResourceShareInvitation", resourceShareInvitationArn=of_databases)
        assert engine.can_see_database(steward, CENTRAL, "shop")
        assert not engine.can_see_table(steward, ORDERS)
        mall.ram(steward, "AcceptResourceShareInvitation", resourceShareInvitationArn=of_tables)
        mall.grant(steward, ANALYST_ARN, TABLES, *READ)
        assert reads(ANALYST) == list(COLUMNS)

    def test_the_last_grant_takes_the_share_along(self, mall: Lake, admin: Caller) -> None:
        give(mall, admin)
        mall.grant(admin, MARKETING, policy(lob="hr"), *READ)
        mall.revoke(admin, MARKETING, TABLES, *READ, options=READ)
        assert len(shares(mall, admin)) == 2
        mall.revoke(admin, MARKETING, policy(lob="hr"), *READ)
        assert len(shares(mall, admin)) == 1

    def test_tags_travel_in_no_share(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, MARKETING, lf_tag("sales"), "DESCRIBE", options=("DESCRIBE",))
        assert shares(mall, admin) == []

    def test_without_rights_in_ram_nothing_is_granted(self, mall: Lake, admin: Caller) -> None:
        mall.world.denied.add((admin.principal_arn, "ram:CreateResourceShare"))
        with refused("AccessDeniedException", "not authorized to perform: ram:CreateResourceShare"):
            mall.grant(admin, MARKETING, TABLES, *READ)
        assert mall.rows(admin, ResourceType="LF_TAG_POLICY") == []

    def test_a_policy_of_the_catalog_may_shut_ram_out(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.world.shareable = False
        give(mall, admin)
        assert ("catalog", "FAILED") in entities(mall, admin)
        assert not engine.can_see_table(steward, ORDERS)


class TestRefusals:
    """What does not travel."""

    @pytest.mark.parametrize("version", ["1", "2"])
    def test_older_versions_need_a_policy_of_the_catalog(self, mall: Lake, admin: Caller, version: str) -> None:
        mall.settings(CENTRAL, admin, version=version)
        for resource in (TABLES, DATABASES, lf_tag("sales")):
            with refused("InvalidInputException", f"cross account version {version} .* not supported by this sandbox"):
                mall.grant(admin, MARKETING, resource, "DESCRIBE")

    def test_a_saved_expression_itself_is_not_shared(self, mall: Lake, admin: Caller) -> None:
        store.account(CENTRAL).tag_expressions["public"] = SavedExpression("public", (("lob", ("sales",)),))
        with refused("InvalidInputException", "not supported by this sandbox"):
            mall.grant(admin, MARKETING, {"LFTagExpression": {"Name": "public"}}, "DESCRIBE")

    @pytest.mark.parametrize("permission", ["ALTER", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"])
    def test_tags_are_shared_to_be_seen_and_used_only(self, mall: Lake, admin: Caller, permission: str) -> None:
        with refused("InvalidInputException", "Permissions modification is invalid"):
            mall.grant(admin, MARKETING, lf_tag("sales"), permission)

    @pytest.mark.parametrize("permission", ["DROP", "ALL"])
    def test_databases_are_not_dropped_by_others(self, mall: Lake, admin: Caller, permission: str) -> None:
        with refused("InvalidInputException", "Permissions modification is invalid"):
            mall.grant(admin, MARKETING, DATABASES, permission)

    def test_the_own_account_is_no_principal(self, mall: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "Invalid principal"):
            mall.grant(admin, CENTRAL, TABLES, "SELECT")

    def test_part_of_the_columns_is_for_reading(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        mall.grant(admin, MARKETING, TABLES, "ALTER", "INSERT", options=("ALTER", "INSERT"))
        mall.grant(steward, ANALYST_ARN, TABLES, "ALTER", "INSERT")
        assert has(ANALYST, "ALTER")
        tag("shop", "orders", "secret", lob="hr")
        assert not has(ANALYST, "INSERT")
        assert has(ANALYST, "DESCRIBE")
