"""LF-tags: failures that are read, pages walked to the end, and no moment in which a change shows more than its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from datamesh.aws.lf_tags import MAX_FOUND, LfTags, TagSearch
from datamesh.aws.retry import Retrier
from datamesh.models.errors import AwsTemporarilyUnavailable, TaggingFailed, TagInUse
from datamesh.models.tags import TableTags

CENTRAL = "111111111111"
DATABASE, TABLE = "datamesh_sales_tbac", "flights"
EXCEPTIONS = boto3.client("lakeformation", region_name="eu-west-1").exceptions
BUSY, GONE = ("ConcurrentModificationException", ""), ("EntityNotFoundException", "Tag key or value does not exist")


def pairs(tags: dict[str, str]) -> list[dict[str, Any]]:
    return [{"CatalogId": CENTRAL, "TagKey": key, "TagValues": [value]} for key, value in tags.items()]


class FakeClient:
    """Answers as the API does, about one table in one database; remembers every change with what counts after it."""

    exceptions = EXCEPTIONS

    def __init__(self) -> None:
        self.keys: dict[str, list[str]] = {}
        self.database: dict[str, str] = {}
        self.table: dict[str, str] = {}
        self.columns: dict[str, dict[str, str]] = {}
        self.changes: list[tuple[str, str, dict[str, str]]] = []
        self.counted: list[dict[str, str]] = []
        self.failures: list[dict[str, tuple[str, str]]] = []
        self.refusals: list[ClientError] = []
        self.pages: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[dict[str, Any]] = []

    # --- keys and values

    def get_lf_tag(self, **request: Any) -> dict[str, Any]:
        if request["TagKey"] not in self.keys:
            raise EXCEPTIONS.EntityNotFoundException({"Error": {"Code": "EntityNotFoundException"}}, "GetLFTag")
        return {"CatalogId": CENTRAL, "TagKey": request["TagKey"], "TagValues": self.keys[request["TagKey"]]}

    def create_lf_tag(self, **request: Any) -> dict[str, Any]:
        self._refuse()
        assert 1 <= len(request["TagValues"]) <= 50
        self.changes.append(("create", request["TagKey"], {}))
        self.keys[request["TagKey"]] = request["TagValues"]
        return {}

    def update_lf_tag(self, **request: Any) -> dict[str, Any]:
        self._refuse()
        added, removed = request.get("TagValuesToAdd", []), request.get("TagValuesToDelete", [])
        assert 1 <= len(added) + len(removed) <= 50
        self.changes.append(("update", request["TagKey"], {}))
        left = [value for value in self.keys[request["TagKey"]] if value not in removed]
        self.keys[request["TagKey"]] = left + added
        return {}

    def delete_lf_tag(self, **request: Any) -> dict[str, Any]:
        del self.keys[request["TagKey"]]
        return {}

    # --- assignments

    def get_resource_lf_tags(self, **request: Any) -> dict[str, Any]:
        assert request["ShowAssignedLFTags"] is True
        if "Database" in request["Resource"]:
            return {"LFTagOnDatabase": pairs(self.database)}
        if request["Resource"]["Table"]["Name"] != TABLE:
            raise EXCEPTIONS.EntityNotFoundException({"Error": {"Code": "EntityNotFoundException"}}, "x")
        return {
            "LFTagsOnTable": pairs(self.table),
            "LFTagsOnColumns": [{"Name": name, "LFTags": pairs(tags)} for name, tags in self.columns.items()],
        }

    def add_lf_tags_to_resource(self, **request: Any) -> dict[str, Any]:
        return self._change("add", request, lambda kept, key, value: kept.update({key: value}))

    def remove_lf_tags_from_resource(self, **request: Any) -> dict[str, Any]:
        def remove(kept: dict[str, str], key: str, value: str) -> None:
            assert kept.pop(key) == value

        return self._change("remove", request, remove)

    # --- search

    def search_tables_by_lf_tags(self, **request: Any) -> dict[str, Any]:
        return self._page("tables", request)

    def search_databases_by_lf_tags(self, **request: Any) -> dict[str, Any]:
        return self._page("databases", request)

    def _page(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(request)
        return self.pages[kind][int(request.get("NextToken", 0))]

    def _change(
        self, kind: str, request: dict[str, Any], act: Callable[[dict[str, str], str, str], None]
    ) -> dict[str, Any]:
        self._refuse()
        assert 1 <= len(request["LFTags"]) <= 50
        resource = request["Resource"]
        columns = resource.get("TableWithColumns", {}).get("ColumnNames", [])
        kept = [self.columns.setdefault(name, {}) for name in columns]
        kept = kept or [self.database if "Database" in resource else self.table]
        tags = {pair["TagKey"]: pair["TagValues"][0] for pair in request["LFTags"]}
        failing = self.failures.pop(0) if self.failures else {}
        for key, value in tags.items():
            for each in kept if key not in failing else []:
                act(each, key, value)
        self.changes.append((kind, ",".join(columns) or next(iter(resource)), tags))
        self.counted.append({**self.database, **self.table, **self.columns.get("name", {})})
        return {
            "Failures": [
                {
                    "LFTag": {"TagKey": key, "TagValues": [tags[key]]},
                    "Error": {"ErrorCode": code, "ErrorMessage": message},
                }
                for key, (code, message) in failing.items()
            ]
        }

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def gateway(client: FakeClient) -> LfTags:
    retrier = Retrier(sleep=lambda _seconds: None, uniform=lambda _low, high: high)
    return LfTags(CENTRAL, client, retrier)  # type: ignore[arg-type]


def refused(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "UpdateLFTag")


# --- keys and values


def test_a_key_that_is_not_there_has_no_values(gateway: LfTags, client: FakeClient) -> None:
    assert gateway.values("lob") is None
    client.keys["lob"] = ["sales"]
    assert gateway.values("lob") == frozenset({"sales"})


def test_all_keys_come_in_order_however_many_pages_they_take() -> None:
    found = boto3.client("lakeformation", region_name="eu-west-1")
    with Stubber(found) as stubber:
        request = {"CatalogId": CENTRAL, "MaxResults": 1_000}
        first = {"LFTags": [{"CatalogId": CENTRAL, "TagKey": "lob", "TagValues": ["sales", "marketing"]}]}
        last = {"LFTags": [{"CatalogId": CENTRAL, "TagKey": "confidentiality", "TagValues": ["sensitive"]}]}
        stubber.add_response("list_lf_tags", {**first, "NextToken": "1"}, request)
        stubber.add_response("list_lf_tags", {"NextToken": "2"}, {**request, "NextToken": "1"})
        stubber.add_response("list_lf_tags", last, {**request, "NextToken": "2"})
        values = LfTags(CENTRAL, client=found, retrier=Retrier(sleep=lambda _: None)).all_values()
        stubber.assert_no_pending_responses()
    assert list(values.items()) == [("confidentiality", ("sensitive",)), ("lob", ("marketing", "sales"))]


def test_a_value_is_made_once(gateway: LfTags, client: FakeClient) -> None:
    for value in ("sales", "sales", "marketing", "marketing"):
        gateway.ensure_value("lob", value)
    assert client.keys == {"lob": ["sales", "marketing"]}
    assert [kind for kind, _, _ in client.changes] == ["create", "update"]


def test_values_go_fifty_at_a_time(gateway: LfTags, client: FakeClient) -> None:
    gateway.ensure_values("channel", [f"c{number:03}" for number in range(120)])
    assert [kind for kind, _, _ in client.changes] == ["create", "update", "update"]
    assert len(client.keys["channel"]) == 120
    gateway.remove_values("channel", [f"c{number:03}" for number in range(119)])
    assert client.keys["channel"] == ["c119"]
    assert len(client.changes) == 6


def test_a_key_that_somebody_made_meanwhile_gets_the_value(gateway: LfTags, client: FakeClient) -> None:
    def made_meanwhile(**request: Any) -> None:
        client.keys[request["TagKey"]] = ["marketing"]
        raise refused("InvalidInputException", "Tag key already exists")

    client.create_lf_tag = made_meanwhile  # type: ignore[method-assign, assignment]
    gateway.ensure_value("lob", "sales")
    assert client.keys == {"lob": ["marketing", "sales"]}


def test_with_its_last_value_a_key_goes(gateway: LfTags, client: FakeClient) -> None:
    client.keys = {"channel": ["web", "shop"], "lob": ["sales"]}
    gateway.remove_values("channel", ["web", "mail"])
    assert client.keys["channel"] == ["shop"]
    gateway.remove_values("channel", ["shop"])
    gateway.remove_values("channel", ["shop"])
    assert client.keys == {"lob": ["sales"]}


def test_a_value_that_is_assigned_stays(gateway: LfTags, client: FakeClient) -> None:
    client.keys = {"channel": ["web", "shop"]}
    client.refusals = [refused("InvalidInputException", "Update not allowed. Tag value is attached to a resource")]
    with pytest.raises(TagInUse, match="channel"):
        gateway.remove_values("channel", ["web"])


def test_another_refusal_is_not_taken_for_a_value_in_use(gateway: LfTags, client: FakeClient) -> None:
    client.keys = {"channel": ["web", "shop"]}
    client.refusals = [refused("AccessDeniedException", "Insufficient Lake Formation permission(s)")]
    with pytest.raises(ClientError, match="AccessDenied"):
        gateway.remove_values("channel", ["web"])


# --- assignments


def test_the_tags_of_a_database_become_what_is_wanted(gateway: LfTags, client: FakeClient) -> None:
    client.database = {"lob": "sales", "channel": "web", "classification": "public"}
    gateway.set_database_tags(DATABASE, {"lob": "sales", "classification": "internal"})
    assert gateway.database_tags(DATABASE) == {"lob": "sales", "classification": "internal"}
    assert client.changes == [
        ("remove", "Database", {"channel": "web"}),
        ("add", "Database", {"classification": "internal"}),
    ]


def test_what_is_as_wanted_is_no_change(gateway: LfTags, client: FakeClient) -> None:
    client.database, client.table, client.columns = {"lob": "sales"}, {"channel": "web"}, {"name": {"channel": "x"}}
    gateway.set_database_tags(DATABASE, {"lob": "sales"})
    gateway.set_table_tags(DATABASE, TABLE, {"channel": "web"})
    gateway.set_column_tags(DATABASE, TABLE, {"name": {"channel": "x"}, "age": {}})
    assert client.changes == []


def test_the_tags_of_a_table_are_told_apart_by_level(gateway: LfTags, client: FakeClient) -> None:
    client.database, client.table = {"lob": "sales"}, {"channel": "web"}
    client.columns = {"name": {"confidentiality": "sensitive"}, "age": {}}
    assert gateway.table_tags(DATABASE, TABLE) == TableTags(
        database={"lob": "sales"}, table={"channel": "web"}, columns={"name": {"confidentiality": "sensitive"}}
    )


def test_columns_with_the_same_change_go_together(gateway: LfTags, client: FakeClient) -> None:
    client.columns = {"old": {"channel": "web"}}
    many = {f"c{number:03}": {"confidentiality": "sensitive"} for number in range(150)}
    gateway.set_column_tags(DATABASE, TABLE, many)
    assert [(kind, len(names.split(","))) for kind, names, _ in client.changes] == [
        ("add", 100),
        ("add", 50),
        ("remove", 1),
    ]
    assert gateway.table_tags(DATABASE, TABLE).columns == many


def test_no_moment_of_a_change_shows_more_than_before_or_after(gateway: LfTags, client: FakeClient) -> None:
    client.table = {"classification": "internal", "confidentiality": "non-sensitive"}
    client.columns = {"name": {"confidentiality": "sensitive", "channel": "web"}}
    before = {"classification": "internal", "confidentiality": "sensitive"}
    gateway.set_column_tags(DATABASE, TABLE, {"name": {"classification": "restricted"}})
    after = {"classification": "restricted", "confidentiality": "non-sensitive"}
    assert client.columns == {"name": {"classification": "restricted"}}
    assert client.counted == [before, after, after]


def test_the_last_override_goes_in_one_call(gateway: LfTags, client: FakeClient) -> None:
    client.database, client.table = {"channel": "web"}, {"channel": "shop", "classification": "public"}
    gateway.set_table_tags(DATABASE, TABLE, {})
    assert client.changes == [("remove", "Table", {"channel": "shop", "classification": "public"})]


def test_only_tags_that_failed_transiently_are_sent_again(gateway: LfTags, client: FakeClient) -> None:
    client.failures = [{"a": BUSY, "b": BUSY}, {"b": BUSY}]
    gateway.set_table_tags(DATABASE, TABLE, {"a": "1", "b": "2", "c": "3"})
    assert [sorted(tags) for _, _, tags in client.changes] == [["a", "b", "c"], ["a", "b"], ["b"]]
    assert client.table == {"a": "1", "b": "2", "c": "3"}


def test_every_refused_tag_is_named(gateway: LfTags, client: FakeClient) -> None:
    client.failures = [{"a": GONE, "b": BUSY}, {"b": GONE}]
    with pytest.raises(TaggingFailed) as problem:
        gateway.set_table_tags(DATABASE, TABLE, {"a": "1", "b": "2", "c": "3"})
    assert "a=1" in problem.value.message
    assert "b=2" in problem.value.message
    assert "c=3" not in problem.value.message
    assert client.table == {"c": "3"}


def test_a_call_that_is_refused_as_a_whole_names_the_tags(gateway: LfTags, client: FakeClient) -> None:
    client.refusals = [refused("AccessDeniedException", "Insufficient Lake Formation permission(s)")]
    with pytest.raises(TaggingFailed, match=r"a, b on .*flights.*AccessDeniedException"):
        gateway.set_table_tags(DATABASE, TABLE, {"a": "1", "b": "2"})


def test_a_tag_that_stays_busy_is_transient(gateway: LfTags, client: FakeClient) -> None:
    client.failures = [{"a": BUSY}] * 100
    with pytest.raises(AwsTemporarilyUnavailable):
        gateway.set_table_tags(DATABASE, TABLE, {"a": "1"})


# --- search


def found(name: str) -> dict[str, Any]:
    return {
        "Table": {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": name},
        "LFTagsOnTable": pairs({"lob": "inherited"}),
    }


def test_a_search_walks_all_pages_and_says_what_is_assigned(gateway: LfTags, client: FakeClient) -> None:
    client.table = {"channel": "web"}
    client.pages["tables"] = [
        {"TableList": [], "NextToken": "1"},
        {"TableList": [found(TABLE)], "NextToken": "2"},
        {"TableList": [found(TABLE), found("dropped_meanwhile")]},
    ]
    [table] = gateway.search_tables({"channel": ("shop", "web"), "lob": ("sales",)})
    assert table == (DATABASE, TABLE, TableTags(table={"channel": "web"}))
    assert client.asked[0]["Expression"] == [
        {"TagKey": "channel", "TagValues": ["shop", "web"]},
        {"TagKey": "lob", "TagValues": ["sales"]},
    ]
    assert [request.get("NextToken") for request in client.asked] == [None, "1", "2"]


def test_who_carries_a_value_are_databases_and_tables(gateway: LfTags, client: FakeClient) -> None:
    client.pages = {
        "databases": [{"DatabaseList": [{"Database": {"CatalogId": CENTRAL, "Name": DATABASE}}]}],
        "tables": [{"TableList": [found("b"), found("a")]}],
    }
    assert gateway.carriers("channel", "web") == [DATABASE, f"{DATABASE}.a", f"{DATABASE}.b"]


def test_databases_that_an_expression_shows_something_of() -> None:
    client = boto3.client("lakeformation")
    expression = [{"TagKey": "channel", "TagValues": ["web"]}]
    first = {"TableList": [{"Table": {"DatabaseName": "sales", "Name": "flights"}}], "NextToken": "more"}
    rest = {"TableList": [{"Table": {"DatabaseName": name, "Name": "t"}} for name in ("sales", "finance")]}
    with Stubber(client) as stubber:
        stubber.add_response(
            "search_tables_by_lf_tags",
            first,
            {"CatalogId": "111111111111", "Expression": expression, "MaxResults": MAX_FOUND},
        )
        stubber.add_response(
            "search_tables_by_lf_tags",
            rest,
            {"CatalogId": "111111111111", "Expression": expression, "MaxResults": MAX_FOUND, "NextToken": "more"},
        )
        found = TagSearch("111111111111", client, Retrier(sleep=lambda _: None)).matched_databases(
            {"channel": ("web",)}
        )
        stubber.assert_no_pending_responses()
    assert found == {"sales", "finance"}
