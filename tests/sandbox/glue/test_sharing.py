"""The catalog of another account: visible as Lake Formation says, and only with IAM on the owner's ARNs."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.glue.lake import (
    CENTRAL,
    DATABASE,
    LOCAL,
    LOCATION,
    MARKETING,
    SALES,
    Lake,
    allow,
    columns_of,
    orders,
    role_arn,
    table_of,
)

ORDERS = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": "orders"}


def test_the_administrator_of_the_recipient_sees_what_was_shared(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    table = glue.get_table(**ORDERS)["Table"]
    assert table["CatalogId"] == CENTRAL
    assert table["IsRegisteredWithLakeFormation"] is True
    assert table["CreatedBy"].startswith(f"arn:aws:sts::{CENTRAL}:assumed-role/admin/")
    assert [database["Name"] for database in glue.get_databases(CatalogId=CENTRAL)["DatabaseList"]] == [DATABASE]
    tables = glue.get_tables(CatalogId=CENTRAL, DatabaseName=DATABASE)["TableList"]
    assert [table["Name"] for table in tables] == ["flights", "orders"]


def test_a_list_of_databases_shows_foreign_ones_only_when_asked(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    names = {
        kind: [database["Name"] for database in glue.get_databases(**kind_of(kind))["DatabaseList"]]
        for kind in ("", "FOREIGN", "ALL")
    }
    assert names == {"": [LOCAL], "FOREIGN": [DATABASE], "ALL": [LOCAL, DATABASE]}


def kind_of(kind: str) -> dict[str, str]:
    """The parameter, or none."""
    return {"ResourceShareType": kind} if kind else {}


def test_nothing_is_visible_to_a_role_without_a_grant(lake: Lake) -> None:
    lake.role(MARKETING, "intern", [allow(["glue:*"])])
    glue = lake.client("glue", MARKETING, "intern")
    with pytest.raises(glue.exceptions.EntityNotFoundException, match=f"Database {DATABASE} not found"):
        glue.get_table(**ORDERS)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_tables(CatalogId=CENTRAL, DatabaseName=DATABASE)
    assert glue.get_databases(ResourceShareType="ALL")["DatabaseList"] == []
    assert glue.search_tables(ResourceShareType="ALL")["TableList"] == []


def test_nothing_is_visible_to_an_account_that_nothing_was_shared_with(lake: Lake) -> None:
    lake.admin(SALES, "admin")
    glue = lake.client("glue", SALES, "admin")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table(**ORDERS)


def test_iam_is_asked_on_the_owners_arns(lake: Lake) -> None:
    arn = lake.role(MARKETING, "local-only", [allow(["glue:*"], [f"arn:aws:glue:eu-west-1:{MARKETING}:*"])])
    lake.grant(MARKETING, arn, table_of("orders"), ["SELECT", "DESCRIBE"])
    glue = lake.client("glue", MARKETING, "local-only")
    with pytest.raises(glue.exceptions.AccessDeniedException, match=f"glue:GetTable on resource: .*:{CENTRAL}:catalog"):
        glue.get_table(**ORDERS)


def test_a_grant_on_one_table_shows_no_other(lake: Lake) -> None:
    arn = lake.role(MARKETING, "reader", [allow(["glue:*"])])
    lake.grant(MARKETING, arn, table_of("orders"), ["DESCRIBE"])
    glue = lake.client("glue", MARKETING, "reader")
    tables = glue.get_tables(CatalogId=CENTRAL, DatabaseName=DATABASE)["TableList"]
    assert [table["Name"] for table in tables] == ["orders"]
    with pytest.raises(glue.exceptions.EntityNotFoundException, match="Entity Not Found"):
        glue.get_table(**ORDERS | {"Name": "flights"})
    found = glue.search_tables(ResourceShareType="ALL", SearchText="amount")["TableList"]
    assert [(table["CatalogId"], table["Name"]) for table in found] == [(CENTRAL, "orders")]


def test_a_grant_on_columns_shows_these_columns(lake: Lake) -> None:
    arn = lake.role(MARKETING, "reader", [allow(["glue:*"])])
    lake.grant(MARKETING, arn, columns_of("orders", "id", "amount"), ["SELECT"])
    table = lake.client("glue", MARKETING, "reader").get_table(**ORDERS)["Table"]
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["id", "amount"]


def test_changing_needs_alter_and_deleting_drop(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    place = {"CatalogId": CENTRAL, "DatabaseName": DATABASE}
    with pytest.raises(glue.exceptions.AccessDeniedException, match="Required Alter on orders"):
        glue.update_table(**place, TableInput=orders())
    with pytest.raises(glue.exceptions.AccessDeniedException, match="Required Drop on orders"):
        glue.delete_table(**place, Name="orders")
    with pytest.raises(glue.exceptions.AccessDeniedException, match=f"Required Create Table on {DATABASE}"):
        glue.create_table(**place, TableInput={"Name": "mine"})
    with pytest.raises(glue.exceptions.AccessDeniedException, match="Required Create Database on Catalog"):
        glue.create_database(CatalogId=CENTRAL, DatabaseInput={"Name": "mine"})


def test_a_new_location_needs_the_right_on_the_location(lake: Lake) -> None:
    lake.share("orders", ("SELECT", "DESCRIBE", "ALTER"))
    arn = lake.role(MARKETING, "steward", [allow(["glue:*"])])
    lake.grant(MARKETING, arn, table_of("orders"), ["ALTER"])
    glue = lake.client("glue", MARKETING, "steward")
    place = {"CatalogId": CENTRAL, "DatabaseName": DATABASE}
    changed = orders() | {"Description": "changed"}
    glue.update_table(**place, TableInput=changed)
    moved = {**changed, "StorageDescriptor": {**changed["StorageDescriptor"], "Location": f"{LOCATION}elsewhere/"}}
    with pytest.raises(ClientError, match=f"permission.s. on {LOCATION}elsewhere/"):
        glue.update_table(**place, TableInput=moved)
    table = lake.client("glue", CENTRAL, "admin").get_table(**ORDERS)["Table"]
    assert (table["Description"], table["VersionId"]) == ("changed", "1")


def test_revoking_at_the_source_takes_it_away(lake: Lake) -> None:
    arn = lake.role(MARKETING, "reader", [allow(["glue:*"])])
    lake.grant(MARKETING, arn, table_of("orders"), ["SELECT", "DESCRIBE"])
    glue = lake.client("glue", MARKETING, "reader")
    assert glue.get_table(**ORDERS)
    lake.client("lakeformation", CENTRAL, "admin").revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": MARKETING},
        Resource=table_of("orders"),
        Permissions=["SELECT", "DESCRIBE"],
        PermissionsWithGrantOption=["SELECT", "DESCRIBE"],
    )
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table(**ORDERS)


def test_other_operations_stay_in_the_own_account(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING)
    with pytest.raises(glue.exceptions.AccessDeniedException):
        glue.get_user_defined_functions(CatalogId=CENTRAL, DatabaseName=DATABASE, Pattern="*")


def test_the_ledger_names_the_owners_arns(lake: Lake) -> None:
    lake.sandbox.clear_ledger()
    lake.client("glue", MARKETING, "admin").get_table(**ORDERS)
    asked = [entry["resource"] for entry in lake.sandbox.ledger(action="glue:GetTable")]
    assert asked == [
        f"arn:aws:glue:eu-west-1:{CENTRAL}:{name}"
        for name in ("catalog", f"database/{DATABASE}", f"table/{DATABASE}/orders")
    ]
    assert {entry["role"] for entry in lake.sandbox.ledger()} == {role_arn(MARKETING, "admin")}
