"""Partitions: values that fit the keys, once each, filtered by expressions, changed with ALTER."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.glue.lake import CENTRAL, DATABASE, LOCATION, MARKETING, Lake, allow, table_of

TABLE = {"DatabaseName": "shop", "TableName": "events"}
KEYS = [{"Name": "year", "Type": "int"}, {"Name": "country", "Type": "string"}]


@pytest.fixture
def glue(clean_sandbox: Sandbox) -> Any:
    """Glue with a partitioned table, IAM deciding."""
    client = clean_sandbox.client("glue", account=CENTRAL)
    client.create_database(DatabaseInput={"Name": "shop"})
    storage = {"Location": "s3://b/events/", "Columns": [{"Name": "a", "Type": "int"}]}
    client.create_table(
        DatabaseName="shop", TableInput={"Name": "events", "PartitionKeys": KEYS, "StorageDescriptor": storage}
    )
    inputs = [
        {"Values": [year, country], "StorageDescriptor": storage}
        for year in ("2024", "2025")
        for country in ("de", "fr")
    ]
    assert client.batch_create_partition(**TABLE, PartitionInputList=inputs)["Errors"] == []
    return client


def values(found: dict[str, Any]) -> list[list[str]]:
    """The values of all partitions in an answer."""
    return [partition["Values"] for partition in found["Partitions"]]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("year = 2025", [["2025", "de"], ["2025", "fr"]]),
        ("year > 2024 AND country = 'de'", [["2025", "de"]]),
        ("country IN ('fr') OR year = 2024", [["2024", "de"], ["2024", "fr"], ["2025", "fr"]]),
        ("country LIKE 'd%'", [["2024", "de"], ["2025", "de"]]),
        ("year BETWEEN 2023 AND 2024", [["2024", "de"], ["2024", "fr"]]),
    ],
)
def test_an_expression_selects(glue: Any, expression: str, expected: list[list[str]]) -> None:
    assert values(glue.get_partitions(**TABLE, Expression=expression)) == expected


@pytest.mark.parametrize("expression", ["nothing = 1", "year = ", "1) FROM read_text('/etc/hostname') --"])
def test_an_expression_that_is_none_is_refused(glue: Any, expression: str) -> None:
    with pytest.raises(glue.exceptions.InvalidInputException, match="Unsupported expression"):
        glue.get_partitions(**TABLE, Expression=expression)


def test_reading_one_by_one(glue: Any) -> None:
    assert glue.get_partition(**TABLE, PartitionValues=["2024", "de"])["Partition"]["Values"] == ["2024", "de"]
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_partition(**TABLE, PartitionValues=["1999", "de"])
    wanted = [{"Values": ["2024", "de"]}, {"Values": ["1999", "de"]}]
    assert values(glue.batch_get_partition(**TABLE, PartitionsToGet=wanted)) == [["2024", "de"]]
    found = glue.get_partitions(**TABLE, ExcludeColumnSchema=True)["Partitions"][0]
    assert "Columns" not in found["StorageDescriptor"]


def test_creating_what_is_there_or_does_not_fit(glue: Any) -> None:
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_partition(**TABLE, PartitionInput={"Values": ["2024", "de"]})
    with pytest.raises(glue.exceptions.InvalidInputException, match="number of partition keys"):
        glue.create_partition(**TABLE, PartitionInput={"Values": ["2024"]})
    inputs = [{"Values": ["2024", "de"]}, {"Values": ["2026", "it"]}]
    failures = glue.batch_create_partition(**TABLE, PartitionInputList=inputs)["Errors"]
    assert [failure["ErrorDetail"]["ErrorCode"] for failure in failures] == ["AlreadyExistsException"]
    assert glue.get_partition(**TABLE, PartitionValues=["2026", "it"])


def test_changing_and_deleting(glue: Any) -> None:
    changed = {"Values": ["2030", "de"], "Parameters": {"a": "b"}}
    glue.update_partition(**TABLE, PartitionValueList=["2024", "de"], PartitionInput=changed)
    assert glue.get_partition(**TABLE, PartitionValues=["2030", "de"])["Partition"]["Parameters"] == {"a": "b"}
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.update_partition(**TABLE, PartitionValueList=["2030", "de"], PartitionInput={"Values": ["2025", "de"]})
    entries = [{"PartitionValueList": ["1999", "x"], "PartitionInput": {"Values": ["1999", "x"]}}]
    failures = glue.batch_update_partition(**TABLE, Entries=entries)["Errors"]
    assert failures[0]["ErrorDetail"]["ErrorCode"] == "EntityNotFoundException"
    glue.delete_partition(**TABLE, PartitionValues=["2030", "de"])
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.delete_partition(**TABLE, PartitionValues=["2030", "de"])
    gone = [{"Values": ["2024", "fr"]}, {"Values": ["1999", "x"]}]
    assert len(glue.batch_delete_partition(**TABLE, PartitionsToDelete=gone)["Errors"]) == 1
    assert values(glue.get_partitions(**TABLE)) == [["2025", "de"], ["2025", "fr"]]


def test_another_account_changes_partitions_with_alter_only(lake: Lake) -> None:
    lake.share("flights", ("SELECT", "DESCRIBE", "ALTER"))
    arn = lake.role(MARKETING, "steward", [allow(["glue:*"])])
    lake.grant(MARKETING, arn, table_of("flights"), ["SELECT", "DESCRIBE"])
    client = lake.client("glue", MARKETING, "steward")
    place = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "TableName": "flights"}
    inside = {"Values": ["3"], "StorageDescriptor": {"Location": f"{LOCATION}flights/month=3/"}}
    with pytest.raises(client.exceptions.AccessDeniedException, match="Required Alter on flights"):
        client.create_partition(**place, PartitionInput=inside)
    lake.grant(MARKETING, arn, table_of("flights"), ["ALTER"])
    client.create_partition(**place, PartitionInput=inside)
    outside = {"Values": ["4"], "StorageDescriptor": {"Location": f"{LOCATION}elsewhere/"}}
    with pytest.raises(client.exceptions.AccessDeniedException, match="elsewhere"):
        client.create_partition(**place, PartitionInput=outside)


def test_indexes_pass_through_the_gate(lake: Lake) -> None:
    lake.role(MARKETING, "intern", [allow(["glue:*"])])
    client = lake.client("glue", MARKETING, "intern")
    place = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "TableName": "flights"}
    with pytest.raises(client.exceptions.EntityNotFoundException):
        client.get_partition_indexes(**place)
    admin = lake.client("glue", MARKETING, "admin")
    assert admin.get_partition_indexes(**place)["PartitionIndexDescriptorList"] == []
    with pytest.raises(admin.exceptions.AccessDeniedException, match="Required Alter"):
        admin.create_partition_index(**place, PartitionIndex={"Keys": ["month"], "IndexName": "m"})
