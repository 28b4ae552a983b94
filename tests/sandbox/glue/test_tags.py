"""LF-tags over the wire: IAM at the door, the service's model, and what becomes of tags when Glue changes a table."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.glue.lake import CENTRAL, DATABASE, MARKETING, Lake, allow, columns_of, orders, table_of

ORDERS = table_of("orders")
SALES = [{"TagKey": "lob", "TagValues": ["sales"]}]
GATED: dict[str, dict[str, Any]] = {
    "add_lf_tags_to_resource": {"Resource": ORDERS, "LFTags": SALES},
    "create_lf_tag": {"TagKey": "channel", "TagValues": ["web"]},
    "create_lf_tag_expression": {"Name": "ours", "Expression": SALES},
    "delete_lf_tag": {"TagKey": "lob"},
    "delete_lf_tag_expression": {"Name": "ours"},
    "get_lf_tag": {"TagKey": "lob"},
    "get_lf_tag_expression": {"Name": "ours"},
    "get_resource_lf_tags": {"Resource": ORDERS},
    "list_lf_tag_expressions": {},
    "list_lf_tags": {},
    "remove_lf_tags_from_resource": {"Resource": ORDERS, "LFTags": SALES},
    "search_databases_by_lf_tags": {"Expression": SALES},
    "search_tables_by_lf_tags": {"Expression": SALES},
    "update_lf_tag": {"TagKey": "lob", "TagValuesToAdd": ["web"]},
    "update_lf_tag_expression": {"Name": "ours", "Expression": SALES},
}


@pytest.fixture
def lake_formation(lake: Lake) -> Any:
    """Central's administrator, who has lob=sales."""
    client = lake.client("lakeformation", CENTRAL, "admin")
    client.create_lf_tag(TagKey="LoB", TagValues=["Sales", "HR"])
    return client


def assigned(client: Any) -> dict[str, Any]:
    """What is assigned to the table and its columns."""
    answer = client.get_resource_lf_tags(Resource=ORDERS, ShowAssignedLFTags=True)
    of_columns = {row["Name"]: row["LFTags"] for row in answer.get("LFTagsOnColumns", [])}
    return {"table": answer.get("LFTagsOnTable", []), **of_columns}


def test_tags_from_their_making_to_their_end(lake_formation: Any) -> None:
    sales = {"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales"]}
    answer = lake_formation.add_lf_tags_to_resource(
        Resource={"Database": {"Name": DATABASE}}, LFTags=[*SALES, {"TagKey": "channel", "TagValues": ["web"]}]
    )
    (failure,) = answer["Failures"]
    assert failure["LFTag"] == {"CatalogId": CENTRAL, "TagKey": "channel", "TagValues": ["web"]}
    assert failure["Error"] == {
        "ErrorCode": "EntityNotFoundException",
        "ErrorMessage": "Tag or tag value does not exist.",
    }
    found = lake_formation.get_resource_lf_tags(Resource=ORDERS)
    assert found["LFTagOnDatabase"] == found["LFTagsOnTable"] == [sales]
    tables = lake_formation.search_tables_by_lf_tags(Expression=SALES)["TableList"]
    assert [row["Table"]["Name"] for row in tables] == ["flights", "orders"]
    databases = lake_formation.search_databases_by_lf_tags(Expression=SALES)["DatabaseList"]
    assert [row["Database"]["Name"] for row in databases] == [DATABASE]
    with pytest.raises(lake_formation.exceptions.InvalidInputException, match="Update not allowed"):
        lake_formation.update_lf_tag(TagKey="lob", TagValuesToDelete=["sales"])
    lake_formation.delete_lf_tag(TagKey="lob")
    assert lake_formation.list_lf_tags()["LFTags"] == []
    assert "LFTagsOnTable" not in lake_formation.get_resource_lf_tags(Resource=ORDERS)


@pytest.mark.parametrize("operation", sorted(GATED))
def test_the_iam_policies_must_allow_the_operation(lake: Lake, operation: str) -> None:
    lake.role(CENTRAL, "admin", [allow(["glue:*"])])
    action = operation.title().replace("_", "").replace("Lf", "LF")
    with pytest.raises(ClientError, match=f"AccessDeniedException.* lakeformation:{action} "):
        getattr(lake.client("lakeformation", CENTRAL, "admin"), operation)(**GATED[operation])


def test_the_iam_policies_must_let_the_database_be_seen(lake: Lake, lake_formation: Any) -> None:
    lake.role(CENTRAL, "admin", [allow(["lakeformation:*"])])
    with pytest.raises(ClientError, match=f"Insufficient Glue permissions to access database {DATABASE}"):
        lake_formation.add_lf_tags_to_resource(Resource=ORDERS, LFTags=SALES)


def test_fifty_values_or_tags_per_call(lake_formation: Any) -> None:
    many = [f"value{number}" for number in range(51)]
    pairs = [{"TagKey": value, "TagValues": ["x"]} for value in many]
    for call, params in (
        (lake_formation.create_lf_tag, {"TagKey": "channel", "TagValues": many}),
        (lake_formation.update_lf_tag, {"TagKey": "lob", "TagValuesToAdd": many}),
        (lake_formation.update_lf_tag, {"TagKey": "lob", "TagValuesToDelete": many}),
        (lake_formation.add_lf_tags_to_resource, {"Resource": ORDERS, "LFTags": pairs}),
        (lake_formation.remove_lf_tags_from_resource, {"Resource": ORDERS, "LFTags": pairs}),
    ):
        with pytest.raises(ClientError, match="Member must have length less than or equal to 50"):
            call(**params)


def test_a_column_that_goes_takes_its_tags_along(lake: Lake, lake_formation: Any) -> None:
    lake_formation.add_lf_tags_to_resource(Resource=columns_of("orders", "amount", "id"), LFTags=SALES)
    glue, full = lake.client("glue", CENTRAL, "admin"), orders()
    columns = [column for column in full["StorageDescriptor"]["Columns"] if column["Name"] != "amount"]
    fewer = {**full, "StorageDescriptor": {**full["StorageDescriptor"], "Columns": columns}}
    for definition in (fewer, full):
        glue.update_table(DatabaseName=DATABASE, TableInput=definition)
        assert sorted(assigned(lake_formation)) == ["id", "table"]


def test_a_table_that_goes_takes_its_tags_along(lake: Lake, lake_formation: Any) -> None:
    lake_formation.add_lf_tags_to_resource(Resource=ORDERS, LFTags=SALES)
    lake_formation.add_lf_tags_to_resource(Resource=columns_of("orders", "id"), LFTags=SALES)
    glue = lake.client("glue", CENTRAL, "admin")
    glue.delete_table(DatabaseName=DATABASE, Name="orders")
    glue.create_table(DatabaseName=DATABASE, TableInput=orders())
    assert assigned(lake_formation) == {"table": []}


def test_a_recipient_tags_what_the_owner_shared(lake: Lake, lake_formation: Any) -> None:
    everything = ["ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"]
    tag = {"LFTag": {"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales"]}}
    lake.grant(CENTRAL, MARKETING, ORDERS, everything, grantable=True)
    lake.grant(CENTRAL, MARKETING, tag, ["ASSOCIATE"], grantable=True)
    tagger = lake.role(MARKETING, "tagger", [allow(["lakeformation:*", "glue:GetDatabase"])])
    lake.grant(MARKETING, tagger, tag, ["ASSOCIATE"])
    lake.grant(MARKETING, tagger, ORDERS, everything, grantable=True)
    client = lake.client("lakeformation", MARKETING, "tagger")
    pair = {"CatalogId": CENTRAL, **SALES[0]}
    assert client.list_lf_tags(ResourceShareType="FOREIGN")["LFTags"] == [pair]
    assert client.add_lf_tags_to_resource(Resource=ORDERS, LFTags=[pair])["Failures"] == []
    assert assigned(lake_formation) == {"table": [pair]}
