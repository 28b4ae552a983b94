"""Resource links: made without looking, followed with both rights, dangling at use."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.glue.lake import (
    CENTRAL,
    DATABASE,
    LOCAL,
    MARKETING,
    Lake,
    allow,
    orders,
    table_of,
    target,
)

LINK = {"DatabaseName": LOCAL, "Name": "orders"}
DATABASE_LINK = {"CatalogId": CENTRAL, "DatabaseName": DATABASE}


def reader(lake: Lake, *, link: bool = True, table: bool = True) -> Any:
    """A role with DESCRIBE on the link and SELECT on its target, or only one of them; its Glue client."""
    arn = lake.role(MARKETING, "reader", [allow(["glue:*"])])
    lake.grant(MARKETING, arn, {"Database": {"Name": LOCAL}}, ["DESCRIBE"])
    if link:
        lake.grant(MARKETING, arn, {"Table": LINK}, ["DESCRIBE"])
    if table:
        lake.grant(MARKETING, arn, table_of("orders"), ["SELECT", "DESCRIBE"])
    return lake.client("glue", MARKETING, "reader")


def test_a_link_shows_its_targets_schema_under_its_own_name(lake: Lake) -> None:
    table = lake.client("glue", MARKETING, "admin").get_table(**LINK)["Table"]
    assert (table["CatalogId"], table["DatabaseName"], table["Name"]) == (MARKETING, LOCAL, "orders")
    assert table["TargetTable"] == target("orders")
    assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["id", "customer", "amount"]
    assert table["Parameters"]["data_classification"] == "internal"
    assert table["IsRegisteredWithLakeFormation"] is True


def test_without_the_grant_on_the_target_a_link_shows_itself(lake: Lake) -> None:
    table = reader(lake, table=False).get_table(**LINK)["Table"]
    assert table["TargetTable"] == target("orders")
    assert "StorageDescriptor" not in table


def test_without_iam_on_the_target_a_link_shows_itself(lake: Lake) -> None:
    client = reader(lake)
    assert "StorageDescriptor" in client.get_table(**LINK)["Table"]
    lake.role(MARKETING, "reader", [allow(["glue:*"], [f"arn:aws:glue:eu-west-1:{MARKETING}:*"])])
    assert "StorageDescriptor" not in client.get_table(**LINK)["Table"]


def test_without_the_grant_on_the_link_it_is_invisible(lake: Lake) -> None:
    client = reader(lake, link=False)
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_table(**LINK)
    assert client.get_tables(DatabaseName=LOCAL)["TableList"] == []


def test_partitions_are_the_targets(lake: Lake) -> None:
    found = lake.client("glue", MARKETING, "admin").get_partitions(DatabaseName=LOCAL, TableName="flights")[
        "Partitions"
    ]
    assert [partition["Values"] for partition in found] == [["1"], ["2"]]


def test_updating_a_link_updates_its_target(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    with pytest.raises(glue.exceptions.AccessDeniedException, match="Required Alter on orders"):
        glue.update_table(DatabaseName=LOCAL, TableInput=orders())
    lake.share("orders", ("SELECT", "DESCRIBE", "ALTER"))
    lake.role(MARKETING, "reader", [allow(["glue:*"])])
    client = reader(lake)
    lake.grant(MARKETING, f"arn:aws:iam::{MARKETING}:role/reader", table_of("orders"), ["ALTER"])
    client.update_table(DatabaseName=LOCAL, TableInput=orders() | {"Description": "by the link"})
    assert lake.client("glue", CENTRAL, "admin").get_table(**target("orders"))["Table"]["Description"] == "by the link"


def test_deleting_a_link_leaves_its_target(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    glue.delete_table(**LINK)
    assert lake.client("glue", CENTRAL, "admin").get_table(**target("orders"))
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table(**LINK)


def test_a_link_to_nothing_is_made_and_stays_itself(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    glue.create_table(DatabaseName=LOCAL, TableInput={"Name": "nothing", "TargetTable": target("nothing")})
    assert glue.get_table(DatabaseName=LOCAL, Name="nothing")["Table"]["TargetTable"] == target("nothing")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_partitions(DatabaseName=LOCAL, TableName="nothing")
    lake.client("glue", CENTRAL, "admin").delete_table(**target("orders"))
    assert "StorageDescriptor" not in glue.get_table(**LINK)["Table"]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        (
            {"Name": "x", "TargetTable": {"CatalogId": MARKETING, "DatabaseName": LOCAL, "Name": "orders"}},
            "Resource links to resource links",
        ),
        (orders() | {"Name": "x", "TargetTable": target("orders")}, "cannot be specified for a resource link"),
        ({"Name": "x", "TargetTable": {"CatalogId": CENTRAL, "Name": "orders"}}, "must name CatalogId"),
    ],
    ids=["link-to-a-link", "link-with-columns", "half-a-target"],
)
def test_what_a_link_cannot_be(lake: Lake, definition: dict[str, object], message: str) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    with pytest.raises(glue.exceptions.InvalidInputException, match=message):
        glue.create_table(DatabaseName=LOCAL, TableInput=definition)


def test_a_link_of_this_name_exists(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_table(DatabaseName=LOCAL, TableInput={"Name": "Orders", "TargetTable": target("orders")})


# --- links to databases -----------------------------------------------------------------------------------------------


def test_a_database_link_serves_all_tables(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    glue.create_database(DatabaseInput={"Name": "linked", "TargetDatabase": DATABASE_LINK})
    database = glue.get_database(Name="linked")["Database"]
    assert (database["Name"], database["CatalogId"]) == ("linked", MARKETING)
    assert database["TargetDatabase"] == DATABASE_LINK
    assert database["LocationUri"] == "s3://sales-lake/products/"
    tables = glue.get_tables(DatabaseName="linked")["TableList"]
    assert [(table["CatalogId"], table["Name"]) for table in tables] == [(CENTRAL, "flights"), (CENTRAL, "orders")]
    assert glue.get_table(DatabaseName="linked", Name="orders")["Table"]["DatabaseName"] == DATABASE
    with pytest.raises(glue.exceptions.AccessDeniedException, match=f"Required Create Table on {DATABASE}"):
        glue.create_table(DatabaseName="linked", TableInput={"Name": "mine"})
    with pytest.raises(glue.exceptions.InvalidInputException, match="through a database resource link"):
        glue.create_table(DatabaseName="linked", TableInput={"Name": "x", "TargetTable": target("orders")})


def test_a_database_link_to_nothing(lake: Lake) -> None:
    glue = lake.client("glue", MARKETING, "admin")
    nothing = {"CatalogId": CENTRAL, "DatabaseName": "nothing"}
    glue.create_database(DatabaseInput={"Name": "linked", "TargetDatabase": nothing})
    assert glue.get_database(Name="linked")["Database"]["TargetDatabase"] == nothing
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_tables(DatabaseName="linked")
    link = {"CatalogId": MARKETING, "DatabaseName": "linked"}
    with pytest.raises(glue.exceptions.InvalidInputException, match="Resource links to resource links"):
        glue.create_database(DatabaseInput={"Name": "twice", "TargetDatabase": link})
    glue.delete_database(Name="linked")
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_database(Name="linked")
