"""What is found by its tags, and by whom.

https://docs.aws.amazon.com/lake-formation/latest/dg/TBAC-view-tag-resources.html
"""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.api import Caller
from tests.sandbox.lakeformation.fake_world import CENTRAL, MARKETING, Lake, columns, lf_tag, role, table
from tests.sandbox.lakeformation.sharing_steps import READ, refused
from tests.sandbox.lakeformation.tag_steps import NAME, ORDERS, READER, SHOP, define, put

MAKER, ANALYST = role(CENTRAL, "maker"), role(MARKETING, "analyst")
SALES = {"lob": ["sales"]}


@pytest.fixture
def mall(shop: Lake, admin: Caller) -> Lake:
    """Databases shop (lob=sales) with orders and returns, staff (lob=hr) with people."""
    define(shop, admin, "lob", "sales", "hr")
    define(shop, admin, "level", "open", "secret")
    shop.create_table(MAKER, "shop", "returns")
    shop.create_database(MAKER, "staff")
    shop.create_table(MAKER, "staff", "people")
    put(shop, admin, SHOP, lob="sales")
    put(shop, admin, {"Database": {"Name": "staff"}}, lob="hr")
    return shop


def conditions(wanted: dict[str, list[str]]) -> list[dict[str, Any]]:
    """An expression as the API has it."""
    return [{"TagKey": key, "TagValues": values} for key, values in wanted.items()]


def rows(lake: Lake, caller: Caller, wanted: dict[str, list[str]], **params: Any) -> list[dict[str, Any]]:
    """SearchTablesByLFTags, one page."""
    found: list[dict[str, Any]] = lake.call(caller, "SearchTablesByLFTags", Expression=conditions(wanted), **params)[
        "TableList"
    ]
    return found


def tables(lake: Lake, caller: Caller, wanted: dict[str, list[str]], **params: Any) -> list[str]:
    """The names of the tables found."""
    return [row["Table"]["Name"] for row in rows(lake, caller, wanted, **params)]


def databases(lake: Lake, caller: Caller, wanted: dict[str, list[str]], **params: Any) -> list[str]:
    """The names of the databases found."""
    answer = lake.call(caller, "SearchDatabasesByLFTags", Expression=conditions(wanted), **params)
    return [row["Database"]["Name"] for row in answer["DatabaseList"]]


class TestFinding:
    """https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_SearchTablesByLFTags.html."""

    def test_by_inherited_tags(self, mall: Lake, admin: Caller) -> None:
        assert databases(mall, admin, SALES) == ["shop"]
        assert tables(mall, admin, SALES) == ["orders", "returns"]

    def test_values_are_joined_by_or_and_keys_by_and(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, ORDERS, level="open")
        assert databases(mall, admin, {"lob": ["HR", "sales"]}) == ["shop", "staff"]
        assert tables(mall, admin, {"lob": ["hr", "sales"]}) == ["orders", "returns", "people"]
        assert tables(mall, admin, {"LOB": ["sales"], "level": ["open"]}) == ["orders"]
        assert databases(mall, admin, {"lob": ["sales"], "level": ["open"]}) == []

    def test_a_table_of_which_a_column_matches(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, NAME, level="secret")
        (row,) = rows(mall, admin, {"level": ["secret"]})
        assert row == {
            "Table": {"CatalogId": CENTRAL, "DatabaseName": "shop", "Name": "orders"},
            "LFTagOnDatabase": [{"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales"]}],
            "LFTagsOnTable": [{"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales"]}],
            "LFTagsOnColumns": [
                {
                    "Name": "name",
                    "LFTags": [
                        {"CatalogId": CENTRAL, "TagKey": "level", "TagValues": ["secret"]},
                        {"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales"]},
                    ],
                }
            ],
        }

    def test_a_table_no_column_of_which_matches_any_more(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, columns("id", "name", "secret", "day"), lob="hr")
        (orders, _) = rows(mall, admin, SALES)
        assert orders["Table"]["Name"] == "orders"
        assert "LFTagsOnColumns" not in orders

    def test_all_tags_of_a_database_are_shown(self, mall: Lake, admin: Caller) -> None:
        put(mall, admin, SHOP, level="open")
        answer = mall.call(admin, "SearchDatabasesByLFTags", Expression=conditions(SALES))
        assert answer == {
            "DatabaseList": [
                {
                    "Database": {"CatalogId": CENTRAL, "Name": "shop"},
                    "LFTags": [
                        {"CatalogId": CENTRAL, "TagKey": "level", "TagValues": ["open"]},
                        {"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales"]},
                    ],
                }
            ]
        }

    @pytest.mark.parametrize("wanted", [{"channel": ["web"]}, {"lob": ["finance"]}])
    def test_nothing_carries_a_tag_that_is_not_there(
        self, mall: Lake, admin: Caller, wanted: dict[str, list[str]]
    ) -> None:
        assert tables(mall, admin, wanted) == databases(mall, admin, wanted) == []

    @pytest.mark.parametrize("operation", ["SearchTablesByLFTags", "SearchDatabasesByLFTags"])
    def test_expressions_that_are_none(self, mall: Lake, admin: Caller, operation: str) -> None:
        with refused("InvalidInputException", "Expression must not be empty"):
            mall.call(admin, operation, Expression=[])
        twice = [{"TagKey": key, "TagValues": ["sales"]} for key in ("lob", "LOB")]
        with refused("InvalidInputException", "only once in an expression"):
            mall.call(admin, operation, Expression=twice)

    def test_pages(self, mall: Lake, admin: Caller) -> None:
        both = conditions({"lob": ["sales", "hr"]})
        for operation, member, number in (
            ("SearchTablesByLFTags", "TableList", 3),
            ("SearchDatabasesByLFTags", "DatabaseList", 2),
        ):
            found = 0
            token: dict[str, str] = {}
            while True:
                answer = mall.call(admin, operation, Expression=both, MaxResults=1, **token)
                found += len(answer[member])
                if "NextToken" not in answer:
                    break
                token = {"NextToken": answer["NextToken"]}
            assert found == number
            with refused("InvalidInputException", "Invalid NextToken"):
                mall.call(admin, operation, Expression=both, NextToken="!")


class TestWhoFinds:
    """It takes DESCRIBE or ASSOCIATE on the tag and any permission on the resource."""

    def test_not_without_a_permission_on_the_tag(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, ORDERS, *READ)
        assert tables(mall, READER, SALES) == []
        mall.grant(admin, READER.principal_arn, lf_tag("hr"), "DESCRIBE")
        assert tables(mall, READER, SALES) == []
        mall.grant(admin, READER.principal_arn, lf_tag("sales"), "ASSOCIATE")
        assert tables(mall, READER, SALES) == ["orders"]
        assert databases(mall, READER, SALES) == ["shop"]

    def test_not_without_a_permission_on_the_resource(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, lf_tag("*"), "DESCRIBE")
        assert tables(mall, READER, SALES) == databases(mall, READER, SALES) == []

    def test_not_by_a_column_that_is_hidden(self, mall: Lake, admin: Caller) -> None:
        mall.grant(admin, READER.principal_arn, lf_tag("*", key="level"), "DESCRIBE")
        mall.grant(admin, READER.principal_arn, columns("id"), "SELECT")
        put(mall, admin, NAME, level="secret")
        assert tables(mall, READER, {"level": ["secret"]}) == []
        put(mall, admin, columns("id"), level="secret")
        (row,) = rows(mall, READER, {"level": ["secret"]})
        assert [column["Name"] for column in row["LFTagsOnColumns"]] == ["id"]

    def test_in_another_account_what_it_shared(self, mall: Lake, admin: Caller, steward: Caller) -> None:
        assert tables(mall, steward, SALES, CatalogId=CENTRAL) == []
        mall.grant(admin, MARKETING, lf_tag("sales"), "DESCRIBE", options=("DESCRIBE",))
        assert databases(mall, steward, SALES, CatalogId=CENTRAL) == []
        mall.grant(admin, MARKETING, table("returns"), *READ, options=READ)
        assert tables(mall, steward, SALES, CatalogId=CENTRAL) == ["returns"]
        assert tables(mall, steward, SALES) == []
        assert tables(mall, ANALYST, SALES, CatalogId=CENTRAL) == []
        mall.grant(steward, ANALYST.principal_arn, lf_tag("sales"), "DESCRIBE")
        mall.grant(steward, ANALYST.principal_arn, table("returns"), *READ)
        assert tables(mall, ANALYST, SALES, CatalogId=CENTRAL) == ["returns"]
