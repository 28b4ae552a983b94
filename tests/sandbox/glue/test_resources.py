"""The ARNs that IAM is asked about."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.api import Call, Caller
from sandbox.glue.resources import glue_resources
from tests.sandbox.glue.lake import CENTRAL, MARKETING, REGION

CALLER = Caller(f"arn:aws:iam::{MARKETING}:root", f"arn:aws:iam::{MARKETING}:root", MARKETING, is_root=True)


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("GetDatabases", {}, ["catalog", "database/*"]),
        ("CreateDatabase", {"DatabaseInput": {"Name": "Sales"}}, ["catalog", "database/sales"]),
        ("DeleteDatabase", {"Name": "d"}, ["catalog", "database/d", "table/d/*", "userDefinedFunction/d/*"]),
        ("GetTables", {"DatabaseName": "D"}, ["catalog", "database/d", "table/d/*"]),
        ("GetTable", {"DatabaseName": "d", "Name": "T"}, ["catalog", "database/d", "table/d/t"]),
        ("UpdateTable", {"DatabaseName": "d", "TableInput": {"Name": "t"}}, ["catalog", "database/d", "table/d/t"]),
        (
            "BatchDeleteTable",
            {"DatabaseName": "d", "TablesToDelete": ["a", "b"]},
            ["catalog", "database/d", "table/d/a", "table/d/b"],
        ),
        ("GetPartitions", {"DatabaseName": "d", "TableName": "t"}, ["catalog", "database/d", "table/d/t"]),
        ("SearchTables", {}, ["catalog", "database/*", "table/*/*"]),
        ("PutResourcePolicy", {"PolicyInJson": "{}"}, ["catalog"]),
        ("CreateCrawler", {"Name": "c", "DatabaseName": "d"}, ["crawler/c"]),
        ("StartCrawler", {"Name": "c"}, ["crawler/c"]),
        ("BatchGetCrawlers", {"CrawlerNames": ["a", "b"]}, ["crawler/a", "crawler/b"]),
    ],
)
def test_the_resources_of_a_call(operation: str, params: dict[str, Any], expected: list[str]) -> None:
    call = Call("glue", operation, params, CALLER, REGION)
    assert glue_resources(call) == [f"arn:aws:glue:{REGION}:{MARKETING}:{name}" for name in expected]


@pytest.mark.parametrize("operation", ["ListCrawlers", "GetCrawlers", "GetCrawlerMetrics", "GetJobs"])
def test_lists_without_a_resource(operation: str) -> None:
    assert glue_resources(Call("glue", operation, {}, CALLER, REGION)) == ["*"]


def test_the_catalog_of_another_account() -> None:
    params = {"CatalogId": CENTRAL, "DatabaseName": "d", "Name": "t"}
    found = glue_resources(Call("glue", "GetTable", params, CALLER, REGION))
    assert found[0] == f"arn:aws:glue:{REGION}:{CENTRAL}:catalog"


def test_tags_name_their_resource() -> None:
    arn = f"arn:aws:glue:{REGION}:{MARKETING}:crawler/c"
    assert glue_resources(Call("glue", "TagResource", {"ResourceArn": arn}, CALLER, REGION)) == [arn]
