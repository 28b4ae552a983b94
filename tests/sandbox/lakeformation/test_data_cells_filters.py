"""Data cells filters themselves: who makes, sees, changes and drops them, and what AWS refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.api import Caller
from sandbox.lakeformation import engine, store
from tests.sandbox.lakeformation.cell_steps import cells_filter, data, delete, get, make, names
from tests.sandbox.lakeformation.fake_world import CENTRAL, Lake, role, table
from tests.sandbox.lakeformation.sharing_steps import COLUMNS, ORDERS, refused

OTHER = role(CENTRAL, "other")
NOT_AUTHORIZED = ("AccessDeniedException", "Resource does not exist or requester is not authorized")


def test_a_filter_is_kept_as_it_was_made(shop: Lake, admin: Caller) -> None:
    make(shop, admin, "eu", "name = 'x'", "Name", "ID")
    found = get(shop, admin)
    assert found.pop("VersionId")
    assert found == {
        "TableCatalogId": CENTRAL,
        "DatabaseName": "shop",
        "TableName": "orders",
        "Name": "eu",
        "RowFilter": {"FilterExpression": "name = 'x'"},
        "ColumnNames": ["id", "name"],
    }


@pytest.mark.parametrize("rows", [None, "TRUE"])
def test_all_rows_are_the_expression_true_as_well(shop: Lake, admin: Caller, rows: str | None) -> None:
    make(shop, admin, "eu", rows, excluded=("secret",))
    found = get(shop, admin)
    assert found["RowFilter"] == {"FilterExpression": "TRUE", "AllRowsWildcard": {}}
    assert found["ColumnWildcard"] == {"ExcludedColumnNames": ["secret"]}


def test_a_table_without_columns_has_filters_of_all_columns_only(shop: Lake, admin: Caller) -> None:
    """The API takes ColumnNames or a ColumnWildcard, and an empty list of names is neither."""
    shop.create_table(role(CENTRAL, "maker"), "shop", "empty", StorageDescriptor={"Columns": []}, PartitionKeys=[])
    empty = {**data(table="empty"), "ColumnNames": []}
    shop.call(admin, "CreateDataCellsFilter", TableData={**empty, "Name": "all"})
    del empty["ColumnWildcard"]
    with refused("InvalidInputException", "either column names or a column wildcard"):
        shop.call(admin, "CreateDataCellsFilter", TableData=empty)


def test_partition_keys_may_be_listed_and_are_there_unlisted(shop: Lake, admin: Caller) -> None:
    for name, columns in (("with", ("id", "day")), ("without", ("id",))):
        make(shop, admin, name, None, *columns)
        reader = role(CENTRAL, name)
        shop.grant(admin, reader.principal_arn, cells_filter(name), "SELECT")
        assert engine.readable_columns(reader, ORDERS, COLUMNS) == ["id", "day"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ColumnNames": ["id"]}, "Data cells filter cannot have both column wildcard expression and column names."),
        ({"ColumnWildcard": None}, "either column names or a column wildcard"),
        ({"ColumnWildcard": {"ExcludedColumnNames": ["colour"]}}, "Columns not found in table orders: .colour"),
        ({"ColumnWildcard": None, "ColumnNames": ["colour"]}, "Columns not found in table orders: .colour"),
        ({"ColumnWildcard": {"ExcludedColumnNames": ["day"]}}, "Partition keys cannot be excluded"),
        ({"ColumnWildcard": None, "ColumnNames": ['"a"."b"']}, "nested column .* is not supported by this sandbox"),
        ({"RowFilter": None}, "either a FilterExpression or an AllRowsWildcard"),
        ({"RowFilter": {}}, "either a FilterExpression or an AllRowsWildcard"),
        ({"RowFilter": {"FilterExpression": ""}}, "either a FilterExpression or an AllRowsWildcard"),
        ({"RowFilter": {"FilterExpression": "id = '1'", "AllRowsWildcard": {}}}, "either a FilterExpression or an"),
        ({"RowFilter": {"FilterExpression": "upper(id) = '1'"}}, "Invalid row filter expression"),
    ],
)
def test_a_filter_that_is_not_one(shop: Lake, admin: Caller, changes: dict[str, Any], words: str) -> None:
    given = {name: value for name, value in (data() | changes).items() if value is not None}
    with refused("InvalidInputException", words):
        shop.call(admin, "CreateDataCellsFilter", TableData=given)
    make(shop, admin)
    with refused("InvalidInputException", words):
        shop.call(admin, "UpdateDataCellsFilter", TableData=given)


def test_a_name_is_taken_once_per_table(shop: Lake, admin: Caller) -> None:
    shop.create_table(role(CENTRAL, "maker"), "shop", "returns")
    make(shop, admin)
    with refused("AlreadyExistsException", "eu already exists"):
        make(shop, admin)
    make(shop, admin, table="returns")


@pytest.mark.parametrize(("database", "name"), [("nowhere", "orders"), ("shop", "nothing")])
def test_there_is_no_filter_of_no_table(shop: Lake, admin: Caller, database: str, name: str) -> None:
    with refused("EntityNotFoundException", "not found"):
        shop.call(admin, "CreateDataCellsFilter", TableData=data() | {"DatabaseName": database, "TableName": name})


@pytest.mark.parametrize(
    "fields",
    [
        {"TargetTable": {"CatalogId": CENTRAL, "DatabaseName": "shop", "Name": "orders"}},
        {"TableType": "VIRTUAL_VIEW"},
    ],
    ids=["link", "view"],
)
def test_links_and_views_have_no_filters(shop: Lake, admin: Caller, fields: dict[str, Any]) -> None:
    shop.create_table(role(CENTRAL, "maker"), "shop", "other", **fields)
    with refused("InvalidInputException", "not supported on resource links and views"):
        make(shop, admin, table="other")


@pytest.mark.parametrize("operation", ["GetDataCellsFilter", "DeleteDataCellsFilter"])
def test_a_filter_that_is_not_there(shop: Lake, admin: Caller, operation: str) -> None:
    place = cells_filter()["DataCellsFilter"]
    with refused("EntityNotFoundException", "Data cells filter eu not found on table orders"):
        shop.call(admin, operation, **place)
    with refused("EntityNotFoundException", "Data cells filter eu not found"):
        shop.call(admin, "UpdateDataCellsFilter", TableData=data())


@pytest.mark.parametrize("left_out", ["DatabaseName", "TableName", "Name"])
def test_a_filter_to_delete_is_named_in_full(shop: Lake, admin: Caller, left_out: str) -> None:
    place = {name: value for name, value in cells_filter()["DataCellsFilter"].items() if name != left_out}
    with refused("InvalidInputException", "are required"):
        shop.call(admin, "DeleteDataCellsFilter", **place)


class TestVersions:
    def test_a_change_makes_a_new_version(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "name = 'x'")
        first = get(shop, admin)["VersionId"]
        shop.call(admin, "UpdateDataCellsFilter", TableData=data("eu", None, "id") | {"VersionId": first})
        found = get(shop, admin)
        assert (found["ColumnNames"], found["VersionId"] == first) == (["id"], False)
        assert "ColumnWildcard" not in found

    def test_a_change_of_an_old_version_is_refused(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        first = get(shop, admin)["VersionId"]
        shop.call(admin, "UpdateDataCellsFilter", TableData=data("eu", None, "id"))
        with refused("ConcurrentModificationException", "another version"):
            shop.call(admin, "UpdateDataCellsFilter", TableData=data("eu", None, "name") | {"VersionId": first})
        assert get(shop, admin)["ColumnNames"] == ["id"]


class TestWho:
    def test_the_grant_option_makes_filters_of_what_it_is_on(self, shop: Lake, admin: Caller) -> None:
        columns = {"TableWithColumns": {**table()["Table"], "ColumnNames": ["id", "name"]}}
        shop.grant(admin, OTHER.principal_arn, columns, "SELECT", options=("SELECT",))
        make(shop, OTHER, "narrow", None, "id")
        for arguments in (("rows", "id = '1'", "id"), ("wide", None, "id", "secret"), ("all", None)):
            with refused(*NOT_AUTHORIZED):
                make(shop, OTHER, *arguments)

    def test_an_expression_needs_the_grant_option_on_all_columns(self, shop: Lake, admin: Caller) -> None:
        shop.grant(admin, OTHER.principal_arn, table(), "SELECT", options=("SELECT",))
        make(shop, OTHER, "rows", "id = '1'", "id")

    def test_a_filter_of_some_rows_makes_no_filters(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'")
        shop.grant(admin, OTHER.principal_arn, cells_filter(), "SELECT", options=("SELECT",))
        with refused(*NOT_AUTHORIZED):
            make(shop, OTHER, "own", None, "id")

    @pytest.mark.parametrize("permission", ["SELECT", "ALTER"])
    def test_without_the_grant_option_nobody_makes_any(self, shop: Lake, admin: Caller, permission: str) -> None:
        shop.grant(admin, OTHER.principal_arn, table(), permission)
        with refused(*NOT_AUTHORIZED):
            make(shop, OTHER)

    def test_whoever_holds_nothing_learns_nothing(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        for name in ("eu", "us"):
            with refused(*NOT_AUTHORIZED):
                get(shop, OTHER, name)
            with refused(*NOT_AUTHORIZED):
                delete(shop, OTHER, name)
        with refused(*NOT_AUTHORIZED):
            shop.call(OTHER, "UpdateDataCellsFilter", TableData=data())
        assert names(shop, OTHER) == []

    def test_at_first_only_its_creator_and_administrators_see_a_filter(self, shop: Lake, admin: Caller) -> None:
        maker = role(CENTRAL, "maker")
        make(shop, maker)
        shop.grant(admin, OTHER.principal_arn, table(), "SELECT", "DESCRIBE")
        assert (names(shop, maker), names(shop, admin), names(shop, OTHER)) == (["eu"], ["eu"], [])
        with refused(*NOT_AUTHORIZED):
            get(shop, OTHER)
        shop.grant(maker, OTHER.principal_arn, cells_filter(), "DESCRIBE")
        assert (names(shop, OTHER), get(shop, OTHER)["Name"]) == (["eu"], "eu")

    def test_whoever_does_not_see_a_filter_does_not_change_it(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin, "eu", "id = '1'")
        shop.grant(admin, OTHER.principal_arn, table(), "SELECT", options=("SELECT",))
        with refused(*NOT_AUTHORIZED):
            shop.call(OTHER, "UpdateDataCellsFilter", TableData=data("eu", None))
        shop.grant(admin, OTHER.principal_arn, cells_filter(), "DESCRIBE")
        shop.call(OTHER, "UpdateDataCellsFilter", TableData=data("eu", None, "id"))
        assert get(shop, admin)["ColumnNames"] == ["id"]

    def test_dropping_needs_drop(self, shop: Lake, admin: Caller) -> None:
        make(shop, role(CENTRAL, "maker"))
        for caller in (OTHER, admin):
            shop.grant(admin, caller.principal_arn, cells_filter(), "DESCRIBE", "SELECT")
            with refused(*NOT_AUTHORIZED):
                delete(shop, caller)
        shop.grant(admin, OTHER.principal_arn, cells_filter(), "DROP")
        delete(shop, OTHER)
        assert names(shop, admin) == []

    def test_the_creator_of_a_filter_does_not_read_by_it(self, shop: Lake, admin: Caller) -> None:
        make(shop, admin)
        assert engine.readable_columns(admin, engine.TableRef(CENTRAL, "shop", "orders"), ["id"]) == []


class TestLists:
    def test_of_a_table_of_a_database_or_of_all(self, shop: Lake, admin: Caller) -> None:
        maker = role(CENTRAL, "maker")
        shop.create_table(maker, "shop", "returns")
        for name, of in (("b", "orders"), ("a", "orders"), ("c", "returns")):
            make(shop, admin, name, table=of)
        place = {"CatalogId": CENTRAL, "DatabaseName": "shop"}
        assert names(shop, admin) == ["a", "b", "c"]
        assert names(shop, admin, Table={**place, "Name": "orders"}) == ["a", "b"]
        assert names(shop, admin, Table={**place, "TableWildcard": {}}) == ["a", "b", "c"]
        assert names(shop, admin, Table={**place, "Name": "nothing"}) == []

    def test_come_in_pages(self, shop: Lake, admin: Caller) -> None:
        for number in range(5):
            make(shop, admin, f"f{number}")
        assert len(shop.call(admin, "ListDataCellsFilter", MaxResults=2)["DataCellsFilters"]) == 2
        assert names(shop, admin, MaxResults=2) == ["f0", "f1", "f2", "f3", "f4"]


@pytest.mark.parametrize("whole", ["table", "database"])
def test_a_filter_goes_with_its_table(shop: Lake, admin: Caller, whole: str) -> None:
    make(shop, admin)
    if whole == "table":
        engine.table_deleted(CENTRAL, "shop", "orders")
    else:
        engine.database_deleted(CENTRAL, "shop")
    assert names(shop, admin) == []


def test_a_snapshot_brings_filters_back(shop: Lake, admin: Caller) -> None:
    make(shop, admin, "some", "name = 'x'", "id")
    make(shop, admin, "rest", None, excluded=("id",))
    shop.grant(admin, OTHER.principal_arn, cells_filter("some"), "SELECT")
    before = shop.call(admin, "ListDataCellsFilter"), shop.call(admin, "ListPermissions")
    state = json.loads(json.dumps(store.store.get_state()))
    store.store.reset()
    store.store.set_state(state)
    assert (shop.call(admin, "ListDataCellsFilter"), shop.call(admin, "ListPermissions")) == before
    assert json.loads(json.dumps(store.store.get_state())) == state
