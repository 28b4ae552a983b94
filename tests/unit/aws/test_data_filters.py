"""Data cells filters: made, changed and deleted as often as asked, by the latest version, with refusals told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from datamesh.aws.data_filters import DataFilters
from datamesh.aws.retry import Retrier
from datamesh.models.errors import AwsTemporarilyUnavailable, InvalidRowFilter
from datamesh.models.permissions import DataFilter

CENTRAL = "111111111111"
DATABASE, TABLE, NAME = "datamesh_sales_nrac", "flights", "datamesh_1"
EXCEPTIONS = boto3.client("lakeformation", region_name="eu-west-1").exceptions
WANTED = DataFilter(database=DATABASE, table=TABLE, name=NAME, columns=("id", "carrier"))


def refusal(code: str, message: str = "") -> ClientError:
    of_its_own: type[ClientError] = getattr(EXCEPTIONS, code, ClientError)
    return of_its_own({"Error": {"Code": code, "Message": message}}, "CreateDataCellsFilter")


class FakeClient:
    """Keeps filters as the API does; `before` is what others do before a change, `refusals` what it answers instead."""

    exceptions = EXCEPTIONS

    def __init__(self) -> None:
        self.filters: dict[str, dict[str, Any]] = {}
        self.changes: list[str] = []
        self.before: list[Callable[[], object]] = []
        self.refusals: list[ClientError] = []
        self.pages: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []

    def get_data_cells_filter(self, **place: Any) -> dict[str, Any]:
        return {"DataCellsFilter": self.filters[self._known(place)]}

    def create_data_cells_filter(self, **request: Any) -> None:
        data = self._changed(request, "create")
        if data["Name"] in self.filters:
            raise refusal("AlreadyExistsException")
        self.keep(data)

    def update_data_cells_filter(self, **request: Any) -> None:
        data = self._changed(request, "update")
        if data["VersionId"] != self.filters[self._known(data)]["VersionId"]:
            raise refusal("ConcurrentModificationException")
        self.keep(data)

    def delete_data_cells_filter(self, **place: Any) -> None:
        self._refuse()
        self.changes.append("delete")
        del self.filters[self._known(place)]

    def list_data_cells_filter(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return self.pages[len(self.asked) - 1]

    def keep(self, data: dict[str, Any]) -> None:
        rows = data["RowFilter"]
        if "AllRowsWildcard" in rows:
            rows = {"FilterExpression": "TRUE", "AllRowsWildcard": {}}
        columns = sorted(data.get("ColumnNames", []))
        self.filters[data["Name"]] = {
            **data,
            "ColumnNames": columns,
            "RowFilter": rows,
            "VersionId": f"v{len(self.changes)}",
        }

    def _changed(self, request: dict[str, Any], kind: str) -> dict[str, Any]:
        self._refuse()
        if self.before:
            self.before.pop(0)()
        self.changes.append(kind)
        data: dict[str, Any] = request["TableData"]
        return data

    def _refuse(self) -> None:
        if self.refusals:
            raise self.refusals.pop(0)

    def _known(self, place: dict[str, Any]) -> str:
        assert (place["TableCatalogId"], place["DatabaseName"], place["TableName"]) == (CENTRAL, DATABASE, TABLE)
        if place["Name"] not in self.filters:
            raise refusal("EntityNotFoundException")
        return str(place["Name"])


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def gateway(client: FakeClient) -> DataFilters:
    retrier = Retrier(sleep=lambda _seconds: None, uniform=lambda _low, high: high)
    return DataFilters(CENTRAL, client, retrier)  # type: ignore[arg-type]


def test_a_filter_is_made_once(gateway: DataFilters, client: FakeClient) -> None:
    assert gateway.get(DATABASE, TABLE, NAME) is None
    assert [gateway.ensure(WANTED), gateway.ensure(WANTED)] == ["created", "unchanged"]
    assert client.changes == ["create"]
    assert gateway.get(DATABASE, TABLE, NAME) == WANTED.model_copy(update={"version_id": "v1"})


@pytest.mark.parametrize("change", [{"columns": ("id",)}, {"rows": "carrier = 'AA'"}])
def test_columns_and_rows_are_changed_by_the_latest_version(
    gateway: DataFilters, client: FakeClient, change: dict[str, Any]
) -> None:
    gateway.ensure(WANTED)
    other = WANTED.model_copy(update=change)
    assert [gateway.ensure(other), gateway.ensure(other)] == ["updated", "unchanged"]
    found = gateway.get(DATABASE, TABLE, NAME)
    assert found is not None
    assert (found.columns, found.rows, found.version_id) == (other.columns, other.rows, "v2")
    assert gateway.ensure(WANTED) == "updated"
    assert client.filters[NAME]["RowFilter"] == {"FilterExpression": "TRUE", "AllRowsWildcard": {}}


def test_the_case_of_a_column_is_no_change(gateway: DataFilters, client: FakeClient) -> None:
    client.keep({**place(), "ColumnNames": ["ID", "Carrier"], "RowFilter": {"FilterExpression": "TRUE"}})
    assert gateway.ensure(WANTED) == "unchanged"


def place() -> dict[str, Any]:
    return {"TableCatalogId": CENTRAL, "DatabaseName": DATABASE, "TableName": TABLE, "Name": NAME}


def as_others_make_it(*columns: str) -> dict[str, Any]:
    return {**place(), "ColumnNames": list(columns), "RowFilter": {"AllRowsWildcard": {}}}


def test_who_comes_second_looks_again(gateway: DataFilters, client: FakeClient) -> None:
    client.before.append(lambda: client.keep(as_others_make_it("id", "carrier")))
    assert gateway.ensure(WANTED) == "unchanged"
    narrowed = WANTED.model_copy(update={"columns": ("id",)})
    client.before.append(lambda: client.keep(as_others_make_it("carrier")))
    assert gateway.ensure(narrowed) == "updated"
    assert client.filters[NAME]["ColumnNames"] == ["id"]
    assert client.changes == ["create", "update", "update"]


def test_a_filter_that_goes_meanwhile_is_made_again(gateway: DataFilters, client: FakeClient) -> None:
    client.keep(as_others_make_it("id"))
    client.before.append(client.filters.clear)
    assert gateway.ensure(WANTED) == "created"


def test_a_filter_that_leaves_columns_out_is_replaced_by_a_list(gateway: DataFilters, client: FakeClient) -> None:
    client.keep({**place(), "ColumnWildcard": {"ExcludedColumnNames": ["id"]}, "RowFilter": {"AllRowsWildcard": {}}})
    found = gateway.get(DATABASE, TABLE, NAME)
    assert found is not None
    assert found.columns == ()
    assert gateway.ensure(WANTED) == "updated"


def test_what_is_busy_is_asked_again(gateway: DataFilters, client: FakeClient) -> None:
    client.refusals = [refusal("InternalServiceException"), refusal("ThrottlingException")]
    assert gateway.ensure(WANTED) == "created"
    client.refusals = [refusal("OperationTimeoutException")] * 100
    with pytest.raises(AwsTemporarilyUnavailable):
        gateway.delete(DATABASE, TABLE, NAME)


def test_rows_that_lake_formation_does_not_take_are_the_commands_fault(
    gateway: DataFilters, client: FakeClient
) -> None:
    client.refusals = [refusal("InvalidInputException", "Invalid row filter expression")]
    with pytest.raises(InvalidRowFilter, match="flights: id == 1: Invalid row filter expression"):
        gateway.ensure(WANTED.model_copy(update={"rows": "id == 1"}))


@pytest.mark.parametrize("code", ["InvalidInputException", "EntityNotFoundException", "AccessDeniedException"])
def test_other_refusals_are_final(gateway: DataFilters, client: FakeClient, code: str) -> None:
    client.refusals = [refusal(code, "Columns not found")]
    with pytest.raises(ClientError, match=code):
        gateway.ensure(WANTED)
    assert client.changes == []


def test_a_filter_is_deleted_once(gateway: DataFilters, client: FakeClient) -> None:
    gateway.ensure(WANTED)
    gateway.delete(DATABASE, TABLE, NAME)
    gateway.delete(DATABASE, TABLE, NAME)
    assert client.filters == {}


def test_all_pages_are_listed(gateway: DataFilters, client: FakeClient) -> None:
    named = [{**as_others_make_it("id"), "Name": name} for name in ("a", "b")]
    client.pages = [
        {"DataCellsFilters": named[:1], "NextToken": "1"},
        {"DataCellsFilters": [], "NextToken": "2"},
        {"DataCellsFilters": named[1:]},
    ]
    assert [found.name for found in gateway.list(DATABASE, TABLE)] == ["a", "b"]
    assert [asked.get("NextToken") for asked in client.asked] == [None, "1", "2"]
    of_table = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": TABLE}
    assert client.asked[0]["Table"] == of_table
