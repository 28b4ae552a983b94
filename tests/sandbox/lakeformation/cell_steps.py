"""Data cells filters of central's table orders."""

from __future__ import annotations

from typing import Any

from sandbox.api import Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import CENTRAL, Lake
from tests.sandbox.lakeformation.sharing_steps import COLUMNS, ORDERS

ALL_ROWS: dict[str, Any] = {"AllRowsWildcard": {}}


def data(
    name: str = "eu", rows: str | None = None, *columns: str, excluded: tuple[str, ...] = (), table: str = "orders"
) -> dict[str, Any]:
    """A `TableData`: these columns or all but the excluded ones, and the rows of an expression or all."""
    chosen = {"ColumnNames": list(columns)} if columns else {"ColumnWildcard": {"ExcludedColumnNames": list(excluded)}}
    return {**_place(name, table), "RowFilter": {"FilterExpression": rows} if rows else ALL_ROWS, **chosen}


def make(lake: Lake, caller: Caller, *arguments: Any, **more: Any) -> None:
    """CreateDataCellsFilter of `data`."""
    lake.call(caller, "CreateDataCellsFilter", TableData=data(*arguments, **more))


def cells_filter(name: str = "eu", table: str = "orders") -> dict[str, Any]:
    """A filter as a resource."""
    return {"DataCellsFilter": _place(name, table)}


def _place(name: str, table: str) -> dict[str, str]:
    return {"TableCatalogId": CENTRAL, "DatabaseName": "shop", "TableName": table, "Name": name}


def get(lake: Lake, caller: Caller, name: str = "eu") -> dict[str, Any]:
    """GetDataCellsFilter."""
    found: dict[str, Any] = lake.call(caller, "GetDataCellsFilter", **_place(name, "orders"))["DataCellsFilter"]
    return found


def delete(lake: Lake, caller: Caller, name: str = "eu") -> None:
    """DeleteDataCellsFilter."""
    lake.call(caller, "DeleteDataCellsFilter", **_place(name, "orders"))


def names(lake: Lake, caller: Caller, **asked: Any) -> list[str]:
    """ListDataCellsFilter, all pages."""
    found: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = lake.call(caller, "ListDataCellsFilter", **asked, **token)
        found += [each["Name"] for each in answer["DataCellsFilters"]]
        if "NextToken" not in answer:
            return found
        token = {"NextToken": answer["NextToken"]}


def reads_cells(caller: Caller) -> list[tuple[list[str], tuple[str, ...]]]:
    """What the caller reads of orders: columns in order, with the expressions of their rows."""
    return [
        ([column for column in COLUMNS if column in part.columns], part.rows)
        for part in engine.readable_cells(caller, ORDERS, COLUMNS)
    ]
