"""Grants on data cells filters: who may, what they show, alone and together, inside an account and across."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox import clock
from sandbox.api import Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.cell_steps import cells_filter, data, delete, get, make, names, reads_cells
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    MARKETING,
    STRANGER,
    Lake,
    columns,
    policy,
    role,
    strangers,
    table,
)
from tests.sandbox.lakeformation.sharing_steps import (
    ANALYST,
    ANALYST_ARN,
    COLUMNS,
    ORDERS,
    entities,
    reads,
    refused,
    shares,
)
from tests.sandbox.lakeformation.tagging import ontology, tag

READER = role(CENTRAL, "reader")
READER_ARN = READER.principal_arn
NOT_AUTHORIZED = ("AccessDeniedException", "Resource does not exist or requester is not authorized")
EVERY = list(COLUMNS)
SELECT = ("SELECT",)


class TestInside:
    def test_a_filter_shows_its_columns_and_partition_keys_in_its_rows(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "name = 'x'", "id")
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT")
        assert reads_cells(READER) == [(["id", "day"], ("name = 'x'",))]
        assert reads(READER) == ["id", "day"]

    def test_a_filter_leaves_columns_out_in_all_rows(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", None, excluded=("secret",))
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT")
        assert reads_cells(READER) == [(["id", "name", "day"], ())]

    def test_a_filter_alone_shows_nothing_to_anybody(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        assert reads_cells(READER) == []
        assert not engine.can_see_table(READER, ORDERS)

    def test_select_on_a_filter_shows_its_table_and_database(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT")
        place = {"catalog": CENTRAL, "database": "shop", "table": "orders"}
        assert engine.can_see_table(READER, ORDERS)
        assert engine.can_see_database(READER, CENTRAL, "shop")
        assert engine.has(READER, "DESCRIBE", **place)
        assert not any(engine.has(READER, each, **place) for each in ("ALTER", "DROP", "INSERT", "DELETE"))

    @pytest.mark.parametrize("permission", ["DESCRIBE", "DROP"])
    def test_other_permissions_on_a_filter_show_nothing_of_the_table(
        self, shop: Lake, admin: Caller, permission: str
    ) -> None:
        make(shop, admin)
        shop.grant(admin, READER_ARN, cells_filter(), permission)
        assert not engine.can_see_table(READER, ORDERS)
        assert reads_cells(READER) == []
        assert get(shop, READER)["Name"] == "eu"

    def test_filters_stand_beside_each_other_and_beside_other_grants(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "us", "id = '1'", "id")
        make(shop, admin, "eu", "id = '2'", excluded=("secret",))
        for name in ("us", "eu"):
            shop.grant(admin, READER_ARN, cells_filter(name), "SELECT")
        parts = [(["id", "day"], ("id = '1'",)), (["id", "name", "day"], ("id = '2'",))]
        assert reads_cells(READER) == parts
        shop.grant(admin, READER_ARN, columns("secret"), "SELECT")
        assert reads_cells(READER) == [*parts, (["secret", "day"], ())]
        assert reads(READER) == EVERY

    def test_a_filter_beside_a_tag_policy(self, shop: Lake, admin: Caller) -> None:
        ontology(lob=("sales",))
        tag("shop", "orders", "name", lob="sales")
        make(shop, admin, "us", "id = '1'", "id")
        shop.grant(admin, READER_ARN, cells_filter("us"), "SELECT")
        shop.grant(admin, READER_ARN, policy(), "SELECT")
        assert sorted(reads_cells(READER)) == [(["id", "day"], ("id = '1'",)), (["name"], ())]

    def test_a_filter_that_changes_changes_what_is_read(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'", "id")
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT")
        shop.call(admin, "UpdateDataCellsFilter", TableData=data("eu", "id = '2'", "name"))
        assert reads_cells(READER) == [(["name", "day"], ("id = '2'",))]

    def test_a_filter_that_goes_takes_its_grants_along(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT")
        delete(shop, admin)
        assert reads_cells(READER) == []
        make(shop, admin)
        assert reads_cells(READER) == []

    def test_what_is_revoked_is_gone(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT")
        shop.revoke(admin, READER_ARN, cells_filter(), "SELECT")
        assert reads_cells(READER) == []
        with refused("InvalidInputException", "Grantee has no permissions"):
            shop.revoke(admin, READER_ARN, cells_filter(), "SELECT")


class TestRefusals:
    def test_a_filter_that_is_not_there(self, shop: Lake, admin: Caller) -> None:
        with refused("EntityNotFoundException", "Data cells filter eu not found on table orders"):
            shop.grant(admin, READER_ARN, cells_filter(), "SELECT")

    @pytest.mark.parametrize("permission", ["ALL", "ALTER", "INSERT", "DELETE", "CREATE_TABLE"])
    def test_permissions_that_a_filter_has_not(self, shop: Lake, admin: Caller, permission: str) -> None:
        make(shop, admin)
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, READER_ARN, cells_filter(), permission)

    def test_iam_allowed_principals_get_no_filters(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, "IAM_ALLOWED_PRINCIPALS", cells_filter(), "SELECT")

    @pytest.mark.parametrize("permission", ["ALTER", "DROP", "DELETE", "INSERT", "ALL"])
    def test_who_reads_some_columns_changes_no_table(self, shop: Lake, admin: Caller, permission: str) -> None:
        make(shop, admin, "some", None, "id")
        shop.grant(admin, READER_ARN, cells_filter("some"), "SELECT")
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, READER_ARN, table(), permission)
        shop.grant(admin, READER_ARN, table(), "SELECT", "DESCRIBE")

    def test_who_reads_all_columns_of_some_rows_may(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "rows", "id = '1'")
        shop.grant(admin, READER_ARN, cells_filter("rows"), "SELECT")
        shop.grant(admin, READER_ARN, table(), "ALTER")

    def test_a_principal_has_a_hundred_filters_of_a_table(self, shop: Lake, admin: Caller) -> None:
        for number in range(101):
            make(shop, admin, f"f{number}")
        for number in range(100):
            shop.grant(admin, READER_ARN, cells_filter(f"f{number}"), "SELECT")
        shop.grant(admin, READER_ARN, cells_filter("f0"), "DESCRIBE")
        with refused("InvalidInputException", "already has 100 data cells filters of the table orders"):
            shop.grant(admin, READER_ARN, cells_filter("f100"), "SELECT")
        shop.grant(admin, READER_ARN, cells_filter("f100"), "DESCRIBE")
        shop.grant(admin, role(CENTRAL, "other").principal_arn, cells_filter("f100"), "SELECT")

    def test_an_account_is_such_a_principal_and_a_creator_of_filters_is_none(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        for number in range(101):
            make(shop, admin, f"f{number}", None, "id")
        shop.grant(admin, admin.principal_arn, cells_filter("f0"), "SELECT")
        for number in range(100):
            shop.grant(admin, MARKETING, cells_filter(f"f{number}"), "SELECT", options=SELECT)
        with refused("InvalidInputException", "already has 100 data cells filters of the table orders"):
            shop.grant(admin, MARKETING, cells_filter("f100"), "SELECT", options=SELECT)
        shop.grant(admin, ANALYST_ARN, cells_filter("f100"), "SELECT")
        shop.grant(steward, ANALYST_ARN, cells_filter("f99"), "SELECT")

    def test_the_grantors_iam_must_see_the_table(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        shop.world.denied.add((admin.principal_arn, "glue:GetTable"))
        with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
            shop.grant(admin, READER_ARN, cells_filter(), "SELECT")

    def test_in_a_batch_it_is_a_failure(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        entries = [
            {
                "Id": name,
                "Principal": {"DataLakePrincipalIdentifier": READER_ARN},
                "Resource": cells_filter(name),
                "Permissions": ["SELECT"],
            }
            for name in ("eu", "us")
        ]
        (failure,) = shop.call(admin, "BatchGrantPermissions", Entries=entries)["Failures"]
        assert failure["RequestEntry"]["Id"] == "us"
        assert failure["Error"]["ErrorCode"] == "EntityNotFoundException"
        assert reads(READER) == EVERY


class TestGrantors:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html."""

    GRANTOR = role(CENTRAL, "grantor")

    def grants(self, lake: Lake) -> None:
        lake.grant(self.GRANTOR, READER_ARN, cells_filter(), "SELECT")

    def test_who_holds_the_filter_with_the_grant_option(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'")
        shop.grant(admin, self.GRANTOR.principal_arn, cells_filter(), "SELECT")
        with refused(*NOT_AUTHORIZED):
            self.grants(shop)
        shop.grant(admin, self.GRANTOR.principal_arn, cells_filter(), "SELECT", options=SELECT)
        self.grants(shop)
        assert reads_cells(READER) == [(EVERY, ("id = '1'",))]

    def test_who_may_grant_all_columns_and_sees_the_filter(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'", "id")
        shop.grant(admin, self.GRANTOR.principal_arn, table(), "SELECT", options=SELECT)
        with refused(*NOT_AUTHORIZED):
            self.grants(shop)
        shop.grant(admin, self.GRANTOR.principal_arn, cells_filter(), "DESCRIBE")
        self.grants(shop)

    def test_who_may_grant_some_columns_has_no_expressions(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'", "id")
        shop.grant(admin, self.GRANTOR.principal_arn, columns("id"), "SELECT", options=SELECT)
        shop.grant(admin, self.GRANTOR.principal_arn, cells_filter(), "DESCRIBE")
        with refused(*NOT_AUTHORIZED):
            self.grants(shop)

    @pytest.mark.parametrize("resource", [table(), columns("id")])
    def test_who_has_some_rows_grants_nothing_on_the_table(
        self, shop: Lake, admin: Caller, resource: dict[str, Any]
    ) -> None:
        make(shop, admin, "eu", "id = '1'")
        shop.grant(admin, self.GRANTOR.principal_arn, cells_filter(), "SELECT", options=SELECT)
        with refused(*NOT_AUTHORIZED):
            shop.grant(self.GRANTOR, READER_ARN, resource, "SELECT")

    def test_who_has_some_columns_of_all_rows_grants_these(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", None, "id")
        shop.grant(admin, self.GRANTOR.principal_arn, cells_filter(), "SELECT", options=SELECT)
        shop.grant(self.GRANTOR, READER_ARN, columns("id"), "SELECT")
        with refused(*NOT_AUTHORIZED):
            shop.grant(self.GRANTOR, READER_ARN, columns("name"), "SELECT")


class TestLists:
    def test_a_filter_is_asked_for_by_itself_or_with_its_table(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        shop.grant(admin, READER_ARN, cells_filter(), "SELECT", options=SELECT)
        creator = (admin.principal_arn, "DataCellsFilter", ["DESCRIBE", "DROP"], ["DESCRIBE", "DROP"])
        rows = [creator, (READER_ARN, "DataCellsFilter", ["SELECT"], ["SELECT"])]
        assert shop.rows(admin, Resource=cells_filter()) == rows
        by_table = shop.rows(admin, Resource=table())
        assert not [row for row in by_table if row[1] == "DataCellsFilter"]
        assert shop.rows(admin, Resource=table(), IncludeRelated="TRUE") == [*by_table, *rows]

    def test_a_row_names_the_filter(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        found = shop.call(admin, "ListPermissions", Resource=cells_filter())["PrincipalResourcePermissions"]
        assert found[0]["Resource"] == cells_filter()

    def test_related_permissions_are_not_asked_for_with_a_principal(self, shop: Lake, admin: Caller) -> None:
        with refused("InvalidInputException", "Principal cannot be specified"):
            shop.rows(
                admin,
                Resource=table(),
                IncludeRelated="TRUE",
                Principal={"DataLakePrincipalIdentifier": READER_ARN},
            )

    def test_a_filter_that_is_not_there_has_no_rows(self, shop: Lake, admin: Caller) -> None:
        with refused(*NOT_AUTHORIZED):
            shop.rows(admin, Resource=cells_filter())


class TestAcross:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/granting-filter-perms.html."""

    @pytest.fixture
    def eu(self, shop: Lake, admin: Caller) -> Lake:
        """Central's filter eu, shared with marketing."""
        make(shop, admin, "eu", "name = 'eu'", excluded=("secret",))
        shop.grant(admin, MARKETING, cells_filter(), "SELECT", options=SELECT)
        return shop

    def test_a_filter_travels_as_its_table(self, eu: Lake, admin: Caller) -> None:
        (share,) = shares(eu, admin)
        assert share["name"].startswith("LakeFormation-")
        assert entities(eu, admin) == [("table/shop/orders", "ASSOCIATED")]

    def test_nobody_reads_before_it_is_passed_on(self, eu: Lake, steward: Caller) -> None:
        assert (reads_cells(steward), reads_cells(ANALYST)) == ([], [])
        assert engine.can_see_table(steward, ORDERS)
        assert not engine.can_see_table(ANALYST, ORDERS)

    def test_it_is_passed_on_as_it_is(self, eu: Lake, steward: Caller) -> None:
        eu.grant(steward, ANALYST_ARN, cells_filter(), "SELECT")
        assert reads_cells(ANALYST) == [(["id", "name", "day"], ("name = 'eu'",))]

    def test_a_recipient_narrows_it_by_filters_of_its_own(self, eu: Lake, admin: Caller, steward: Caller) -> None:
        make(eu, steward, "mine", "id = '1'", "id", "secret")
        eu.grant(steward, ANALYST_ARN, cells_filter("mine"), "SELECT")
        assert reads_cells(ANALYST) == [(["id", "day"], ("name = 'eu'", "id = '1'"))]
        assert (names(eu, steward), names(eu, admin)) == (["eu", "mine"], ["eu"])

    def test_two_filters_of_a_recipient_stand_beside_each_other(self, eu: Lake, steward: Caller) -> None:
        for name, rows in (("one", "id = '1'"), ("two", "id = '2'")):
            make(eu, steward, name, rows)
            eu.grant(steward, ANALYST_ARN, cells_filter(name), "SELECT")
        assert [rows for _, rows in reads_cells(ANALYST)] == [("name = 'eu'", "id = '1'"), ("name = 'eu'", "id = '2'")]

    def test_two_filters_that_were_received_stand_beside_each_other(
        self, eu: Lake, admin: Caller, steward: Caller
    ) -> None:
        make(eu, admin, "us", "name = 'us'")
        eu.grant(admin, MARKETING, cells_filter("us"), "SELECT", options=SELECT)
        make(eu, steward, "mine", None, "id")
        eu.grant(steward, ANALYST_ARN, cells_filter("mine"), "SELECT")
        assert reads_cells(ANALYST) == [(["id", "day"], ("name = 'eu'",)), (["id", "day"], ("name = 'us'",))]

    def test_a_grant_of_the_table_is_limited_to_the_rows_received(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        make(shop, admin, "rows", "name = 'eu'")
        shop.grant(admin, MARKETING, cells_filter("rows"), "SELECT", options=SELECT)
        shop.grant(steward, ANALYST_ARN, table(), "SELECT")
        assert reads_cells(ANALYST) == [(EVERY, ("name = 'eu'",))]

    def test_a_filter_of_the_recipient_narrows_a_table(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        shop.grant(admin, MARKETING, table(), "SELECT", options=SELECT)
        make(shop, steward, "mine", "id = '1'", "id")
        shop.grant(steward, ANALYST_ARN, cells_filter("mine"), "SELECT")
        assert reads_cells(ANALYST) == [(["id", "day"], ("id = '1'",))]

    def test_a_name_is_taken_by_what_was_received(self, eu: Lake, steward: Caller) -> None:
        with refused("AlreadyExistsException", "eu already exists"):
            make(eu, steward)

    def test_the_own_filter_is_meant_when_the_owner_later_takes_its_name(
        self, eu: Lake, admin: Caller, steward: Caller
    ) -> None:
        make(eu, steward, "mine", "id = '1'", "id")
        make(eu, admin, "mine", None)
        eu.grant(steward, ANALYST_ARN, cells_filter("mine"), "SELECT")
        assert reads_cells(ANALYST) == [(["id", "day"], ("name = 'eu'", "id = '1'"))]
        delete(eu, steward, "mine")
        assert reads_cells(ANALYST) == []
        assert names(eu, admin) == ["eu", "mine"]

    def test_without_the_grant_option_it_is_not_passed_on(self, shop: Lake, admin: Caller, steward: Caller) -> None:
        make(shop, admin)
        shop.grant(admin, MARKETING, cells_filter(), "SELECT")
        with refused(*NOT_AUTHORIZED):
            shop.grant(steward, ANALYST_ARN, cells_filter(), "SELECT")
        with refused(*NOT_AUTHORIZED):
            make(shop, steward, "mine")

    def test_directly_to_a_role_of_another_account(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'")
        shop.grant(admin, ANALYST_ARN, cells_filter(), "SELECT")
        assert reads_cells(ANALYST) == [(EVERY, ("id = '1'",))]
        shop.revoke(admin, ANALYST_ARN, cells_filter(), "SELECT")
        assert (reads_cells(ANALYST), shares(shop, admin)) == ([], [])

    def test_what_a_role_received_directly_it_passes_on_to_nobody(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", None, "id")
        shop.grant(admin, ANALYST_ARN, cells_filter(), "SELECT", options=SELECT)
        shop.grant(admin, ANALYST_ARN, table(), "SELECT", options=SELECT)
        for resource in (cells_filter(), table()):
            with refused(*NOT_AUTHORIZED):
                shop.grant(ANALYST, role(MARKETING, "other").principal_arn, resource, "SELECT")
        with refused(*NOT_AUTHORIZED):
            make(shop, ANALYST, "mine", None, "id")

    def test_by_a_role_of_another_account_a_filters_permissions_are_not_looked_up(
        self, shop: Lake, admin: Caller
    ) -> None:
        """https://github.com/hashicorp/terraform-provider-aws/issues/48360."""
        make(shop, admin)
        shop.grant(admin, ANALYST_ARN, cells_filter(), "SELECT")
        by_role = {"DataLakePrincipalIdentifier": ANALYST_ARN}
        assert shop.rows(admin, Resource=cells_filter(), Principal=by_role) == []
        assert ANALYST_ARN in {row[0] for row in shop.rows(admin, Resource=cells_filter())}
        shop.grant(admin, ANALYST_ARN, table(), "DESCRIBE")
        assert [row[0] for row in shop.rows(admin, Resource=table(), Principal=by_role)] == [ANALYST_ARN]
        assert [row[0] for row in shop.rows(ANALYST, Resource=cells_filter(), Principal=by_role)] == [ANALYST_ARN]

    def test_an_expired_invitation_of_a_role_comes_again_when_all_in_its_share_was_revoked(
        self, shop: Lake, admin: Caller, steward: Caller
    ) -> None:
        strangers()
        for name in ("one", "two"):
            make(shop, admin, name, None, "id")
            shop.grant(admin, ANALYST_ARN, cells_filter(name), "SELECT")
        clock.advance(12 * 3600 + 1)
        for names_revoked, seen in ((("one",), ["EXPIRED"]), (("one", "two"), ["EXPIRED", "PENDING"])):
            for name in names_revoked:
                shop.revoke(admin, ANALYST_ARN, cells_filter(name), "SELECT")
            for name in names_revoked:
                shop.grant(admin, ANALYST_ARN, cells_filter(name), "SELECT")
            found = shop.ram(steward, "GetResourceShareInvitations")["resourceShareInvitations"]
            assert [invitation["status"] for invitation in found] == seen
        shop.ram(
            steward, "AcceptResourceShareInvitation", resourceShareInvitationArn=found[1]["resourceShareInvitationArn"]
        )
        assert [columns for columns, _ in reads_cells(ANALYST)] == [["id", "day"]]

    def test_a_principal_passes_on_what_it_holds_with_the_grant_option(self, eu: Lake, steward: Caller) -> None:
        lead = role(MARKETING, "lead")
        eu.grant(steward, lead.principal_arn, cells_filter(), "SELECT", options=SELECT)
        eu.grant(lead, ANALYST_ARN, cells_filter(), "SELECT")
        assert reads_cells(ANALYST) == [(["id", "name", "day"], ("name = 'eu'",))]

    @pytest.mark.parametrize("permission", ["DESCRIBE", "DROP"])
    def test_other_accounts_get_select_only(self, eu: Lake, admin: Caller, steward: Caller, permission: str) -> None:
        with refused("InvalidInputException", "Permissions modification is invalid"):
            eu.grant(admin, MARKETING, cells_filter(), permission)
        with refused(*NOT_AUTHORIZED):
            eu.grant(steward, ANALYST_ARN, cells_filter(), permission)

    def test_of_filters_of_its_own_an_account_grants_everything_inside(self, eu: Lake, steward: Caller) -> None:
        make(eu, steward, "mine", None, "id")
        eu.grant(steward, ANALYST_ARN, cells_filter("mine"), "DESCRIBE", "DROP")
        assert get(eu, ANALYST, "mine")["ColumnNames"] == ["id"]
        delete(eu, ANALYST, "mine")
        assert names(eu, steward) == ["eu"]

    def test_a_third_account_gets_nothing(self, eu: Lake, steward: Caller) -> None:
        with refused("InvalidInputException", "cannot be granted to another account"):
            eu.grant(steward, STRANGER, cells_filter(), "SELECT")

    def test_only_its_own_account_changes_a_filter(self, eu: Lake, steward: Caller) -> None:
        assert get(eu, steward)["Name"] == "eu"
        with refused(*NOT_AUTHORIZED):
            eu.call(steward, "UpdateDataCellsFilter", TableData=data("eu", None))
        with refused(*NOT_AUTHORIZED):
            delete(eu, steward)

    def test_what_the_owner_takes_back_is_gone_at_once(self, eu: Lake, admin: Caller, steward: Caller) -> None:
        make(eu, steward, "mine", "id = '1'")
        for name in ("eu", "mine"):
            eu.grant(steward, ANALYST_ARN, cells_filter(name), "SELECT")
        eu.revoke(admin, MARKETING, cells_filter(), "SELECT", options=SELECT)
        assert (reads_cells(ANALYST), shares(eu, admin)) == ([], [])

    def test_what_the_owner_changes_changes_at_once(self, eu: Lake, admin: Caller, steward: Caller) -> None:
        eu.grant(steward, ANALYST_ARN, cells_filter(), "SELECT")
        eu.call(admin, "UpdateDataCellsFilter", TableData=data("eu", None, "id"))
        assert reads_cells(ANALYST) == [(["id", "day"], ())]
        delete(eu, admin)
        assert reads_cells(ANALYST) == []

    def test_while_all_is_left_to_iam_nothing_is_shared(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL")
        make(shop, admin)
        with refused("InvalidInputException", "Illegal combination"):
            shop.grant(admin, MARKETING, cells_filter(), "SELECT")

    def test_a_share_still_holds_the_table_that_another_grant_needs(self, eu: Lake, admin: Caller) -> None:
        eu.grant(admin, MARKETING, table(), "SELECT")
        eu.revoke(admin, MARKETING, cells_filter(), "SELECT", options=SELECT)
        assert len(shares(eu, admin)) == 1
        assert [status for _, status in entities(eu, admin)] == ["ASSOCIATED"]
