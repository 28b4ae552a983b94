"""Inside one account: who may grant what to whom, and what goes together.

https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.api import AwsError, Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import (
    CENTRAL,
    LOCATION,
    MARKETING,
    Lake,
    all_tables,
    columns,
    data_location,
    database,
    policy,
    role,
    root,
    table,
)

ORDERS = engine.TableRef(CENTRAL, "shop", "orders")
COLUMNS = ("id", "name", "secret", "day")
ANALYST = role(CENTRAL, "analyst")
ANALYST_ARN = ANALYST.principal_arn


def refused(code: str, words: str) -> Any:
    """`pytest.raises` of an AWS error."""
    return pytest.raises(AwsError, match=f"^{code}: .*{words}")


def test_select_reads_all_columns(shop: Lake, admin: Caller) -> None:
    assert engine.readable_columns(ANALYST, ORDERS, COLUMNS) == []
    shop.grant(admin, ANALYST_ARN, table(), "SELECT")
    assert engine.readable_columns(ANALYST, ORDERS, COLUMNS) == list(COLUMNS)
    assert engine.has(ANALYST, "DESCRIBE", catalog=CENTRAL, database="shop", table="orders"), "implied by SELECT"
    assert not engine.has(ANALYST, "ALTER", catalog=CENTRAL, database="shop", table="orders")


def test_names_are_compared_in_lower_case(shop: Lake, admin: Caller) -> None:
    shop.grant(admin, ANALYST_ARN, table("ORDERS", "Shop"), "SELECT")
    assert engine.readable_columns(ANALYST, ORDERS, ("ID",)) == ["ID"]


def test_include_and_exclude_lists(shop: Lake, admin: Caller) -> None:
    shop.grant(admin, ANALYST_ARN, columns("id"), "SELECT")
    other = role(CENTRAL, "other")
    shop.grant(admin, other.principal_arn, columns(excluded=("secret",)), "SELECT")
    assert engine.readable_columns(ANALYST, ORDERS, COLUMNS) == ["id", "day"], "partition keys come along"
    assert engine.readable_columns(other, ORDERS, COLUMNS) == ["id", "name", "day"]
    assert engine.has(ANALYST, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=["id"])
    assert not engine.has(ANALYST, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=["id", "name"])
    assert not engine.has(ANALYST, "SELECT", catalog=CENTRAL, database="shop", table="orders"), "not the whole table"
    assert engine.has(ANALYST, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=[]), "count(*)"
    nobody = role(CENTRAL, "nobody")
    assert not engine.has(nobody, "SELECT", catalog=CENTRAL, database="shop", table="orders", columns=[])


@pytest.mark.parametrize(
    ("resource", "words"),
    [
        (columns("nowhere"), r"Columns not found in table orders: \[nowhere\]"),
        (columns(excluded=("day",)), "Partition keys cannot be excluded"),
    ],
)
def test_column_lists_are_checked_against_the_table(
    shop: Lake, admin: Caller, resource: dict[str, Any], words: str
) -> None:
    with refused("InvalidInputException", words):
        shop.grant(admin, ANALYST_ARN, resource, "SELECT")


def test_column_lists_do_not_go_with_other_permissions(shop: Lake, admin: Caller) -> None:
    """#perm-select and #perm-describe: partial SELECT excludes ALTER, DROP, DELETE, INSERT and DESCRIBE, both ways."""
    shop.grant(admin, ANALYST_ARN, columns("id"), "SELECT")
    for permission in ("ALTER", "DROP", "DELETE", "INSERT", "DESCRIBE"):
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, ANALYST_ARN, table(), permission)
    other = role(CENTRAL, "other").principal_arn
    for permission in ("ALTER", "DROP", "DELETE", "INSERT", "DESCRIBE", "SELECT"):
        shop.grant(admin, other, table(), permission)
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, other, columns("id"), "SELECT")
        shop.revoke(admin, other, table(), permission)


def test_an_exclude_list_takes_no_grant_option(shop: Lake, admin: Caller) -> None:
    with refused("InvalidInputException", "Permissions modification is invalid"):
        shop.grant(admin, ANALYST_ARN, columns(excluded=("secret",)), "SELECT", options=("SELECT",))
    shop.grant(admin, ANALYST_ARN, columns("id"), "SELECT", options=("SELECT",))
    shop.grant(ANALYST, role(CENTRAL, "intern").principal_arn, columns("id"), "SELECT")
    with refused("AccessDeniedException", "not authorized to access requested permissions"):
        shop.grant(ANALYST, role(CENTRAL, "intern").principal_arn, columns("name"), "SELECT")


@pytest.mark.parametrize(
    ("resource", "permission"),
    [
        (database(), "SELECT"),
        (database(), "CREATE_DATABASE"),
        (table(), "CREATE_TABLE"),
        (table(), "DATA_LOCATION_ACCESS"),
        (columns("id"), "INSERT"),
        ({"Catalog": {}}, "CREATE_TABLE"),
        ({"Catalog": {}}, "ASSOCIATE"),
        ({"LFTag": {"TagKey": "domain", "TagValues": ["sales"]}}, "SELECT"),
        ({"LFTag": {"TagKey": "domain", "TagValues": ["sales"]}}, "ALL"),
        (policy("DATABASE"), "SELECT"),
        (policy("TABLE"), "CREATE_TABLE"),
        (policy("TABLE"), "ASSOCIATE"),
        ({"LFTagExpression": {"Name": "public"}}, "SELECT"),
        (data_location(), "SELECT"),
        (table(), "NONSENSE"),
    ],
)
def test_each_resource_has_its_own_permissions(
    shop: Lake, admin: Caller, resource: dict[str, Any], permission: str
) -> None:
    with refused("InvalidInputException", "Permissions modification is invalid"):
        shop.grant(admin, ANALYST_ARN, resource, permission)


@pytest.mark.parametrize(
    "resource",
    [
        {},
        {**table(), **database()},
        {"Table": {"DatabaseName": "shop"}},
        {"Table": {"DatabaseName": "shop", "Name": "orders", "TableWildcard": {}}},
        {"TableWithColumns": {"DatabaseName": "shop", "Name": "orders"}},
        {"TableWithColumns": {"DatabaseName": "shop", "Name": "orders", "ColumnNames": ["id"], "ColumnWildcard": {}}},
        {"DataLocation": {"ResourceArn": "arn:aws:sqs:eu-west-1:111111111111:queue"}},
        {"LFTagPolicy": {"ResourceType": "TABLE"}},
        {"LFTagPolicy": {**policy("TABLE")["LFTagPolicy"], "ExpressionName": "public"}},
        {"LFTagPolicy": {"ResourceType": "TABLE", "Expression": policy("TABLE")["LFTagPolicy"]["Expression"] * 2}},
        {"DataCellsFilter": {"DatabaseName": "shop", "Name": "eu"}},
    ],
)
def test_a_resource_is_one_complete_thing(shop: Lake, admin: Caller, resource: dict[str, Any]) -> None:
    with refused("InvalidInputException", ""):
        shop.grant(admin, ANALYST_ARN, resource, "SELECT")


def test_conditions_are_refused(shop: Lake, admin: Caller) -> None:
    with refused("InvalidInputException", "A grant condition is not supported"):
        shop.call(
            admin,
            "GrantPermissions",
            Principal={"DataLakePrincipalIdentifier": ANALYST_ARN},
            Resource=table(),
            Permissions=["SELECT"],
            Condition={"Expression": "context.x"},
        )


def test_the_grant_option_is_for_what_is_granted(shop: Lake, admin: Caller) -> None:
    with refused("InvalidInputException", "must be a subset"):
        shop.grant(admin, ANALYST_ARN, table(), "SELECT", options=("ALTER",))
    with refused("InvalidInputException", "must not be empty"):
        shop.grant(admin, ANALYST_ARN, table())


@pytest.mark.parametrize("identifier", ["nobody", "12345", f"arn:aws:iam::{CENTRAL}:root", "arn:aws:s3:::bucket"])
def test_what_is_no_principal(shop: Lake, admin: Caller, identifier: str) -> None:
    with refused("InvalidInputException", "Invalid principal"):
        shop.grant(admin, identifier, table(), "SELECT")


@pytest.mark.parametrize(
    "identifier",
    [
        "arn:aws:organizations::111111111111:ou/o-datamesh01/ou-ab00-cdefghij",
        f"arn:aws:iam::{CENTRAL}:saml-provider/idp1:user/u",
        "arn:aws:identitystore:::group/g",
    ],
)
def test_principals_the_sandbox_does_not_know(shop: Lake, admin: Caller, identifier: str) -> None:
    with refused("InvalidInputException", "is not supported by this sandbox"):
        shop.grant(admin, identifier, table(), "SELECT")


def test_a_role_that_does_not_exist(shop: Lake, admin: Caller) -> None:
    shop.world.missing.add(ANALYST_ARN)
    with refused("InvalidInputException", f"Invalid principal, {ANALYST_ARN}"):
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")


def test_what_does_not_exist(shop: Lake, admin: Caller) -> None:
    with refused("EntityNotFoundException", "Table nowhere not found"):
        shop.grant(admin, ANALYST_ARN, table("nowhere"), "SELECT")
    with refused("EntityNotFoundException", "Database nowhere not found"):
        shop.grant(admin, ANALYST_ARN, database("nowhere"), "DESCRIBE")
    with refused("EntityNotFoundException", "Database nowhere not found"):
        shop.grant(admin, ANALYST_ARN, all_tables("nowhere"), "SELECT")


def test_iam_alone_is_not_enough_to_grant(shop: Lake) -> None:
    for caller in (ANALYST, root(CENTRAL)):
        with refused("AccessDeniedException", "Resource does not exist or requester is not authorized"):
            shop.grant(caller, role(CENTRAL, "friend").principal_arn, table(), "SELECT")


def test_lake_formation_alone_is_not_enough_to_grant(shop: Lake, admin: Caller) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/required-permissions-for-grant.html."""
    shop.world.denied.add((admin.principal_arn, "glue:GetTable"))
    with refused("AccessDeniedException", "Insufficient Glue permissions to access table orders"):
        shop.grant(admin, ANALYST_ARN, table(), "SELECT")
    shop.world.denied.add((admin.principal_arn, "glue:GetDatabase"))
    with refused("AccessDeniedException", "Insufficient Glue permissions to access database shop"):
        shop.grant(admin, ANALYST_ARN, database(), "DESCRIBE")


def test_who_holds_the_grant_option_grants_that_and_no_more(shop: Lake, admin: Caller) -> None:
    friend = role(CENTRAL, "friend")
    shop.grant(admin, ANALYST_ARN, table(), "SELECT", "ALTER", options=("SELECT",))
    shop.grant(ANALYST, friend.principal_arn, table(), "SELECT")
    assert engine.readable_columns(friend, ORDERS, COLUMNS) == list(COLUMNS)
    with refused("AccessDeniedException", "not authorized to access requested permissions"):
        shop.grant(ANALYST, friend.principal_arn, table(), "ALTER")
    with refused("AccessDeniedException", "not authorized to access requested permissions"):
        shop.grant(friend, ANALYST_ARN, table(), "SELECT")


def test_all_tables_covers_present_and_future_tables_of_this_database(shop: Lake, admin: Caller) -> None:
    maker = role(CENTRAL, "maker")
    shop.grant(admin, ANALYST_ARN, all_tables(), "SELECT")
    shop.create_table(maker, "shop", "later")
    shop.create_database(maker, "other")
    shop.create_table(maker, "other", "orders")
    assert engine.readable_columns(ANALYST, engine.TableRef(CENTRAL, "shop", "later"), COLUMNS) == list(COLUMNS)
    assert engine.readable_columns(ANALYST, engine.TableRef(CENTRAL, "other", "orders"), COLUMNS) == []
    assert not engine.has(ANALYST, "DESCRIBE", catalog=CENTRAL, database="shop")
    assert engine.can_see_database(ANALYST, CENTRAL, "shop"), "tables show their database"


def test_describe_on_the_database_shows_no_table(shop: Lake, admin: Caller) -> None:
    shop.grant(admin, ANALYST_ARN, database(), "DESCRIBE")
    assert engine.can_see_database(ANALYST, CENTRAL, "shop")
    assert not engine.can_see_table(ANALYST, ORDERS)


def test_every_iam_principal_of_an_account(shop: Lake, admin: Caller) -> None:
    shop.grant(admin, f"{CENTRAL}:IAMPrincipals", table(), "DESCRIBE")
    assert engine.can_see_table(ANALYST, ORDERS)
    assert not engine.can_see_table(role(MARKETING, "analyst"), ORDERS)


def test_administrators_describe_and_grant_but_do_not_read_alter_or_drop(shop: Lake, admin: Caller) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/implicit-permissions.html."""
    assert engine.can_see_table(admin, ORDERS)
    assert engine.has(admin, "CREATE_DATABASE", catalog=CENTRAL)
    assert engine.readable_columns(admin, ORDERS, COLUMNS) == []
    for permission in ("ALTER", "DROP", "SELECT"):
        assert not engine.has(admin, permission, catalog=CENTRAL, database="shop", table="orders")
    assert not engine.has(admin, "CREATE_TABLE", catalog=CENTRAL, database="shop")
    shop.grant(admin, admin.principal_arn, table(), "SELECT")
    assert engine.readable_columns(admin, ORDERS, COLUMNS) == list(COLUMNS)


def test_read_only_administrators_only_look(shop: Lake, admin: Caller) -> None:
    auditor = role(CENTRAL, "auditor")
    reader = {"DataLakePrincipalIdentifier": auditor.principal_arn}
    shop.settings(CENTRAL, admin, ReadOnlyAdmins=[reader])
    assert engine.can_see_table(auditor, ORDERS)
    shop.revoke(admin, "IAM_ALLOWED_PRINCIPALS", {"Catalog": {}}, "CREATE_DATABASE")
    assert not engine.has(auditor, "CREATE_DATABASE", catalog=CENTRAL)
    assert engine.has(admin, "CREATE_DATABASE", catalog=CENTRAL)
    with refused("AccessDeniedException", "not authorized"):
        shop.grant(auditor, ANALYST_ARN, table(), "SELECT")


def test_creators_have_everything_on_what_they_made(shop: Lake) -> None:
    maker = role(CENTRAL, "maker")
    assert engine.readable_columns(maker, ORDERS, COLUMNS) == list(COLUMNS)
    assert engine.has(maker, "DROP", catalog=CENTRAL, database="shop")
    shop.grant(maker, ANALYST_ARN, table(), "SELECT", options=("SELECT",))
    other = role(CENTRAL, "other")
    shop.create_table(other, "shop", "more")
    assert not engine.can_see_table(maker, engine.TableRef(CENTRAL, "shop", "more")), "not on what others make there"


def test_a_database_owner_does_not_see_into_other_databases(shop: Lake) -> None:
    shop.create_database(role(CENTRAL, "other"), "other")
    assert not engine.can_see_database(role(CENTRAL, "maker"), CENTRAL, "other")


def test_links_take_describe_and_drop_only(shop: Lake, admin: Caller) -> None:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/granting-link-permissions.html."""
    linker = role(CENTRAL, "linker")
    target = {"CatalogId": MARKETING, "DatabaseName": "there", "Name": "orders"}
    shop.create_table(linker, "shop", "link", TargetTable=target)
    shop.create_database(linker, "linked", TargetDatabase={"CatalogId": MARKETING, "DatabaseName": "there"})
    assert not engine.can_see_table(ANALYST, engine.TableRef(CENTRAL, "shop", "link")), "creator only"
    shop.grant(admin, ANALYST_ARN, table("link"), "DESCRIBE")
    shop.grant(admin, ANALYST_ARN, database("linked"), "DROP")
    assert engine.can_see_table(ANALYST, engine.TableRef(CENTRAL, "shop", "link"))
    for resource, permission in (
        (table("link"), "SELECT"),
        (table("link"), "ALL"),
        (database("linked"), "CREATE_TABLE"),
    ):
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, ANALYST_ARN, resource, permission)
    with refused("InvalidInputException", "Permissions modification is invalid"):
        shop.grant(admin, MARKETING, table("link"), "DESCRIBE")
    assert not engine.has(linker, "ALTER", catalog=CENTRAL, database="shop", table="link")


def test_the_own_account_is_no_principal(shop: Lake, admin: Caller) -> None:
    with refused("InvalidInputException", "own account"):
        shop.grant(admin, CENTRAL, table(), "SELECT")


def test_data_locations_must_be_registered_before_they_are_granted(shop: Lake, admin: Caller) -> None:
    with refused("InvalidInputException", "register the S3 path"):
        shop.grant(admin, ANALYST_ARN, data_location(), "DATA_LOCATION_ACCESS")
    shop.call(admin, "RegisterResource", ResourceArn=LOCATION, RoleArn=f"arn:aws:iam::{CENTRAL}:role/lake-access")
    shop.grant(admin, ANALYST_ARN, data_location(f"{LOCATION}/orders"), "DATA_LOCATION_ACCESS")


def test_a_deleted_table_takes_its_grants_along(shop: Lake, admin: Caller) -> None:
    shop.grant(admin, ANALYST_ARN, table(), "SELECT")
    engine.table_deleted(CENTRAL, "shop", "orders")
    shop.create_table(role(CENTRAL, "other"), "shop", "orders")
    assert engine.readable_columns(ANALYST, ORDERS, COLUMNS) == []


def test_a_deleted_database_takes_its_tables_along(shop: Lake, admin: Caller) -> None:
    shop.grant(admin, ANALYST_ARN, table(), "SELECT")
    shop.grant(admin, ANALYST_ARN, database(), "DESCRIBE")
    engine.database_deleted(CENTRAL, "shop")
    assert not engine.can_see_database(ANALYST, CENTRAL, "shop")
    assert not engine.can_see_table(ANALYST, ORDERS)


class TestIamAllowedPrincipals:
    """https://docs.aws.amazon.com/lake-formation/latest/dg/change-settings.html."""

    def test_a_fresh_account_leaves_everything_to_iam(self, lake: Lake) -> None:
        anybody = role(CENTRAL, "anybody")
        assert engine.has(anybody, "CREATE_DATABASE", catalog=CENTRAL)
        lake.create_database(anybody, "shop")
        lake.create_table(anybody, "shop", "orders")
        assert engine.readable_columns(ANALYST, ORDERS, COLUMNS) == list(COLUMNS)
        assert engine.has(ANALYST, "DROP", catalog=CENTRAL, database="shop")

    def test_cleared_settings_leave_nothing_to_iam(self, shop: Lake) -> None:
        assert not engine.can_see_database(ANALYST, CENTRAL, "shop")

    def test_a_database_may_clear_its_tables_alone(self, lake: Lake) -> None:
        lake.create_database(root(CENTRAL), "shop", CreateTableDefaultPermissions=[])
        lake.create_table(root(CENTRAL), "shop", "orders")
        assert engine.has(ANALYST, "DESCRIBE", catalog=CENTRAL, database="shop")
        assert not engine.can_see_table(ANALYST, ORDERS)

    def test_a_database_keeps_the_default_it_was_made_with(self, lake: Lake, admin: Caller) -> None:
        lake.create_database(root(CENTRAL), "shop")
        lake.settings(CENTRAL, admin)
        lake.create_table(root(CENTRAL), "shop", "orders")
        assert engine.can_see_table(ANALYST, ORDERS)

    def test_revoking_the_group_puts_lake_formation_in_charge(self, lake: Lake, admin: Caller) -> None:
        lake.create_database(root(CENTRAL), "shop")
        lake.create_table(root(CENTRAL), "shop", "orders")
        lake.settings(CENTRAL, admin)
        lake.revoke(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL")
        assert not engine.can_see_table(ANALYST, ORDERS)
        with refused("InvalidInputException", "Grantee has no permissions"):
            lake.revoke(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL")

    def test_the_group_takes_no_grant_option(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL")
        with refused("InvalidInputException", "Permissions modification is invalid"):
            shop.grant(admin, "IAM_ALLOWED_PRINCIPALS", table(), "ALL", options=("ALL",))
