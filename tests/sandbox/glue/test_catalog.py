"""One account's own catalog: names, what round-trips, IAM first, then Lake Formation unless it was left to IAM."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.glue.lake import CENTRAL, DATABASE, IAM_ALLOWED, LOCATION, Lake, allow, orders, role_arn

READ = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetDatabases"]


@pytest.fixture
def glue(clean_sandbox: Sandbox) -> Any:
    """Glue of an account where nothing was set: IAM decides."""
    return clean_sandbox.client("glue", account=CENTRAL)


def test_names_fold_to_lower_case_and_are_unique(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "Shop", "Parameters": {"data_owner": CENTRAL}})
    assert glue.get_database(Name="SHOP")["Database"]["Name"] == "shop"
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_database(DatabaseInput={"Name": "shop"})
    glue.create_table(DatabaseName="SHOP", TableInput={"Name": "Things"})
    assert glue.get_table(DatabaseName="shop", Name="THINGS")["Table"]["Name"] == "things"
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_table(DatabaseName="shop", TableInput={"Name": "things"})


def test_everything_that_is_given_comes_back(glue: Any) -> None:
    given = {"Name": "shop", "Description": "d", "LocationUri": "s3://b/p/", "Parameters": {"pii_flag": "false"}}
    glue.create_database(DatabaseInput=given | {"CreateTableDefaultPermissions": []})
    found = glue.get_database(Name="shop")["Database"]
    assert found.items() >= (given | {"CreateTableDefaultPermissions": [], "CatalogId": CENTRAL}).items()
    glue.create_table(DatabaseName="shop", TableInput=orders() | {"Owner": "me"})
    table = glue.get_table(DatabaseName="shop", Name="orders")["Table"]
    assert table.items() >= (orders() | {"Owner": "me", "VersionId": "0", "PartitionKeys": []}).items()
    assert table["IsRegisteredWithLakeFormation"] is False
    assert table["CreatedBy"] == f"arn:aws:iam::{CENTRAL}:root"


def test_an_update_replaces_the_whole_definition(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "shop"})
    glue.create_table(DatabaseName="shop", TableInput=orders() | {"Description": "old"})
    glue.update_table(DatabaseName="shop", VersionId="0", TableInput={"Name": "orders", "Parameters": {"a": "b"}})
    table = glue.get_table(DatabaseName="shop", Name="orders")["Table"]
    assert table["Parameters"] == {"a": "b"}
    assert "Description" not in table
    assert "StorageDescriptor" not in table
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(DatabaseName="shop", VersionId="0", TableInput={"Name": "orders"})
    glue.update_database(Name="shop", DatabaseInput={"Name": "shop", "Description": "new"})
    assert glue.get_database(Name="shop")["Database"]["Description"] == "new"


def test_a_column_stands_once(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "shop"})
    columns = [{"Name": "a", "Type": "int"}, {"Name": "A", "Type": "int"}]
    with pytest.raises(glue.exceptions.InvalidInputException, match="Duplicate column name: a"):
        glue.create_table(DatabaseName="shop", TableInput={"Name": "t", "StorageDescriptor": {"Columns": columns}})


def test_lists_come_in_pages(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "shop"})
    for number in range(5):
        glue.create_table(DatabaseName="shop", TableInput={"Name": f"t{number}"})
    pages = list(glue.get_paginator("get_tables").paginate(DatabaseName="shop", PaginationConfig={"PageSize": 2}))
    assert [len(page["TableList"]) for page in pages] == [2, 2, 1]
    assert [table["Name"] for table in glue.get_tables(DatabaseName="shop", Expression="t[12]")["TableList"]] == [
        "t1",
        "t2",
    ]


def test_what_is_gone_is_not_found(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "shop"})
    for name in ("a", "b"):
        glue.create_table(DatabaseName="shop", TableInput={"Name": name})
    answer = glue.batch_delete_table(DatabaseName="shop", TablesToDelete=["a", "nothing"])
    assert [(error["TableName"], error["ErrorDetail"]["ErrorCode"]) for error in answer["Errors"]] == [
        ("nothing", "EntityNotFoundException")
    ]
    glue.delete_database(Name="shop")
    with pytest.raises(glue.exceptions.EntityNotFoundException, match="Database shop not found"):
        glue.get_table(DatabaseName="shop", Name="b")
    with pytest.raises(glue.exceptions.EntityNotFoundException, match="Database shop not found"):
        glue.delete_database(Name="shop")
    with pytest.raises(glue.exceptions.EntityNotFoundException, match="Database shop not found"):
        glue.create_table(DatabaseName="shop", TableInput={"Name": "t"})


def test_tables_are_found_by_text_and_filter(glue: Any) -> None:
    glue.create_database(DatabaseInput={"Name": "shop"})
    glue.create_table(DatabaseName="shop", TableInput=orders())
    glue.create_table(DatabaseName="shop", TableInput={"Name": "other"})
    assert [table["Name"] for table in glue.search_tables(SearchText="customer")["TableList"]] == ["orders"]
    rule = {"Key": "data_classification", "Value": "internal", "Comparator": "EQUALS"}
    assert [table["Name"] for table in glue.search_tables(Filters=[rule])["TableList"]] == ["orders"]


def test_the_resource_policy_is_kept(glue: Any) -> None:
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_resource_policy()
    policy_hash = glue.put_resource_policy(PolicyInJson='{"Statement": []}', EnableHybrid="TRUE")["PolicyHash"]
    assert glue.get_resource_policy()["PolicyInJson"] == '{"Statement": []}'
    with pytest.raises(glue.exceptions.ConditionCheckFailureException):
        glue.put_resource_policy(PolicyInJson="{}", PolicyExistsCondition="NOT_EXIST")
    glue.delete_resource_policy(PolicyHashCondition=policy_hash)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.delete_resource_policy()


# --- who may ----------------------------------------------------------------------------------------------------------


def test_where_iam_is_left_to_decide_it_decides(glue: Any, clean_sandbox: Sandbox) -> None:
    lake = Lake(clean_sandbox)
    glue.create_database(DatabaseInput={"Name": "shop"})
    glue.create_table(DatabaseName="shop", TableInput=orders())
    lake.role(CENTRAL, "reader", [allow(READ)])
    reader = lake.client("glue", CENTRAL, "reader")
    assert reader.get_table(DatabaseName="shop", Name="orders")
    with pytest.raises(reader.exceptions.AccessDeniedException, match="not authorized to perform: glue:DeleteTable"):
        reader.delete_table(DatabaseName="shop", Name="orders")


def test_iam_is_asked_on_database_and_table_too(glue: Any, clean_sandbox: Sandbox) -> None:
    lake = Lake(clean_sandbox)
    glue.create_database(DatabaseInput={"Name": "shop"})
    prefix = f"arn:aws:glue:eu-west-1:{CENTRAL}"
    lake.role(CENTRAL, "reader", [allow(READ, [f"{prefix}:catalog", f"{prefix}:database/shop"])])
    reader = lake.client("glue", CENTRAL, "reader")
    with pytest.raises(reader.exceptions.AccessDeniedException, match=r"table/shop/\*"):
        reader.get_tables(DatabaseName="shop")
    with pytest.raises(reader.exceptions.AccessDeniedException, match="database/other"):
        reader.get_database(Name="other")


def test_in_a_governed_catalog_iam_is_not_enough(lake: Lake) -> None:
    lake.role(CENTRAL, "writer", [allow(["glue:*"])])
    writer = lake.client("glue", CENTRAL, "writer")
    with pytest.raises(writer.exceptions.EntityNotFoundException):
        writer.get_database(Name=DATABASE)
    with pytest.raises(writer.exceptions.EntityNotFoundException):
        writer.create_table(DatabaseName=DATABASE, TableInput={"Name": "t"})
    with pytest.raises(writer.exceptions.EntityNotFoundException):
        writer.get_table(DatabaseName=DATABASE, Name="orders")
    assert writer.get_databases()["DatabaseList"] == []


def test_creating_a_table_needs_create_table_and_the_location(lake: Lake) -> None:
    arn = lake.role(CENTRAL, "writer", [allow(["glue:*"])])
    writer = lake.client("glue", CENTRAL, "writer")
    database = {"Database": {"Name": DATABASE}}
    lake.grant(CENTRAL, arn, database, ["DESCRIBE"])
    with pytest.raises(writer.exceptions.AccessDeniedException, match=f"Required Create Table on {DATABASE}"):
        writer.create_table(DatabaseName=DATABASE, TableInput={"Name": "t"})
    lake.grant(CENTRAL, arn, database, ["CREATE_TABLE"])
    # Below the database's own location the right follows from CREATE_TABLE.
    inside = {"Name": "inside", "StorageDescriptor": {"Location": f"{LOCATION}inside/"}}
    writer.create_table(DatabaseName=DATABASE, TableInput=inside)
    assert writer.get_table(DatabaseName=DATABASE, Name="inside")["Table"]["IsRegisteredWithLakeFormation"] is True
    # In a database without a location it does not.
    lake.client("glue", CENTRAL, "admin").create_database(DatabaseInput={"Name": "bare"})
    lake.grant(CENTRAL, arn, {"Database": {"Name": "bare"}}, ["CREATE_TABLE"])
    with pytest.raises(writer.exceptions.AccessDeniedException, match=r"permission\(s\) on s3://sales-lake"):
        writer.create_table(DatabaseName="bare", TableInput=inside)
    location = {"DataLocation": {"ResourceArn": "arn:aws:s3:::sales-lake/products"}}
    lake.grant(CENTRAL, arn, location, ["DATA_LOCATION_ACCESS"])
    writer.create_table(DatabaseName="bare", TableInput=inside)


def test_creating_a_database_needs_create_database(lake: Lake) -> None:
    lake.role(CENTRAL, "writer", [allow(["glue:*"])])
    writer = lake.client("glue", CENTRAL, "writer")
    lake.client("lakeformation", CENTRAL, "admin").revoke_permissions(
        Principal={"DataLakePrincipalIdentifier": IAM_ALLOWED},
        Resource={"Catalog": {}},
        Permissions=["CREATE_DATABASE"],
    )
    with pytest.raises(writer.exceptions.AccessDeniedException, match="Required Create Database on Catalog"):
        writer.create_database(DatabaseInput={"Name": "mine"})
    lake.grant(CENTRAL, role_arn(CENTRAL, "writer"), {"Catalog": {}}, ["CREATE_DATABASE"])
    writer.create_database(DatabaseInput={"Name": "mine"})
    writer.delete_database(Name="mine")


def test_the_creator_owns_what_it_made_and_nobody_else_does(lake: Lake) -> None:
    glue = lake.client("glue", CENTRAL, "admin")
    lake.role(CENTRAL, "other", [allow(["glue:*"])])
    lake.grant(CENTRAL, role_arn(CENTRAL, "other"), {"Database": {"Name": DATABASE}}, ["DESCRIBE"])
    other = lake.client("glue", CENTRAL, "other")
    assert other.get_tables(DatabaseName=DATABASE)["TableList"] == []
    with pytest.raises(other.exceptions.AccessDeniedException, match=f"Required Drop on {DATABASE}"):
        other.delete_database(Name=DATABASE)
    glue.delete_table(DatabaseName=DATABASE, Name="orders")
    glue.delete_database(Name=DATABASE)
