"""Queries see the rows and cells that data cells filters show, through table links and database links."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.athena.ask import ask, refused
from tests.sandbox.glue.lake import (
    BUCKET,
    CENTRAL,
    DATABASE,
    LOCAL,
    MARKETING,
    PARQUET_SERDE,
    SALES,
    Lake,
    allow,
    columns_of,
    orders,
    reader_policy,
    role_arn,
    table_of,
    without,
)

ALL = "SELECT * FROM orders ORDER BY id"
# https://docs.aws.amazon.com/lake-formation/latest/dg/row-filtering-prereqs.html
PLANNING = [
    f"lakeformation:{name}" for name in ("StartQueryPlanning", "GetQueryState", "GetWorkUnits", "GetWorkUnitResults")
]


def place(name: str, table: str = "orders") -> dict[str, str]:
    """A filter of central's."""
    return {"TableCatalogId": CENTRAL, "DatabaseName": DATABASE, "TableName": table, "Name": name}


def make(lake: Lake, name: str, rows: str | None = None, *columns: str, account: str = CENTRAL, **more: Any) -> None:
    """CreateDataCellsFilter by the account's administrator."""
    row_filter: dict[str, Any] = {"FilterExpression": rows} if rows else {"AllRowsWildcard": {}}
    chosen: dict[str, Any] = {"ColumnNames": list(columns)} if columns else {"ColumnWildcard": {}}
    lake.client("lakeformation", account, "admin").create_data_cells_filter(
        TableData={**place(name, **more), "RowFilter": row_filter, **chosen}
    )


def give(lake: Lake, *names: str, table: str = "orders") -> None:
    """Marketing's administrator grants the analyst SELECT on filters, and on nothing else of the table."""
    arn = lake.analyst(statements=[*reader_policy(), allow(PLANNING)])
    for resource in ({"Database": {"Name": LOCAL}}, {"Table": {"DatabaseName": LOCAL, "Name": table}}):
        lake.grant(MARKETING, arn, resource, ["DESCRIBE"])
    for name in names:
        lake.grant(MARKETING, arn, {"DataCellsFilter": place(name, table)}, ["SELECT"])


def share(lake: Lake, *names: str, table: str = "orders") -> None:
    """Central shares filters instead of the table, and marketing's analyst gets them."""
    lake.revoke(CENTRAL, MARKETING, table_of(table), ["SELECT", "DESCRIBE"])
    for name in names:
        lake.grant(CENTRAL, MARKETING, {"DataCellsFilter": place(name, table)}, ["SELECT"], grantable=True)
    give(lake, *names, table=table)


def rows(lake: Lake, sql: str) -> list[list[str | None]]:
    """Names of columns, then rows."""
    answer = ask(lake, sql)
    assert answer.execution["Status"]["State"] == "SUCCEEDED", answer.reason
    return answer.rows


def test_a_filter_leaves_rows_and_columns_out(lake: Lake) -> None:
    make(lake, "some", "amount > 5 and customer <> 'bob'", "id", "customer")
    share(lake, "some")
    assert rows(lake, ALL) == [["id", "customer"], ["1", "ann"]]
    assert rows(lake, "SELECT count(*) FROM orders") == [["_col0"], ["1"]]
    assert rows(lake, "SELECT id FROM orders WHERE id > 1 OR id < 9")[1:] == [["1"]]
    assert "COLUMN_NOT_FOUND: line 1:8: Column 'amount' cannot be resolved" in refused(
        lake, "SELECT amount FROM orders"
    )
    assert "COLUMN_NOT_FOUND" in refused(lake, "SELECT id FROM orders WHERE amount IS NULL")


def test_glue_shows_the_columns_of_a_filter(lake: Lake) -> None:
    make(lake, "some", "id = 1", "id", "customer")
    share(lake, "some")
    glue = lake.client("glue", MARKETING, "analyst")
    for found in ({"CatalogId": CENTRAL, "DatabaseName": DATABASE}, {"DatabaseName": LOCAL}):
        table = glue.get_table(Name="orders", **found)["Table"]
        assert [column["Name"] for column in table["StorageDescriptor"]["Columns"]] == ["id", "customer"]


def test_rows_of_two_filters_are_there_and_cells_of_none_are_null(lake: Lake) -> None:
    make(lake, "one", "id = 1", "id", "customer")
    make(lake, "two", "id in (1, 2)", "id", "amount")
    share(lake, "one", "two")
    assert rows(lake, ALL) == [["id", "customer", "amount"], ["1", "ann", "10.5"], ["2", None, "20.0"]]
    assert rows(lake, "SELECT id FROM orders WHERE customer = 'bob'") == [["id"]]


def test_all_rows_prevail(lake: Lake) -> None:
    make(lake, "one", "id = 1")
    make(lake, "all", None, "id")
    share(lake, "one", "all")
    assert rows(lake, ALL)[1:] == [["1", "ann", "10.5"], ["2", None, None], ["3", None, None]]


def test_an_unknown_is_no_match(lake: Lake) -> None:
    make(lake, "one", "amount <> 20")
    share(lake, "one")
    assert rows(lake, "SELECT id FROM orders")[1:] == [["1"]]


def test_a_recipients_filter_narrows_what_was_received(lake: Lake) -> None:
    make(lake, "eu", "id < 3")
    lake.revoke(CENTRAL, MARKETING, table_of("orders"), ["SELECT", "DESCRIBE"])
    lake.grant(CENTRAL, MARKETING, {"DataCellsFilter": place("eu")}, ["SELECT"], grantable=True)
    make(lake, "mine", "id > 1", "id", "customer", account=MARKETING)
    give(lake, "mine")
    assert rows(lake, ALL)[1:] == [["2", "bob"]]


def test_the_whole_table_is_no_less_for_a_filter_beside_it(lake: Lake) -> None:
    make(lake, "one", "id = 1", "id")
    lake.grant(CENTRAL, MARKETING, {"DataCellsFilter": place("one")}, ["SELECT"], grantable=True)
    give(lake, "one")
    lake.analyst("orders", statements=[*reader_policy(), allow(PLANNING)])
    assert len(rows(lake, ALL)) == 4


def test_partition_keys_can_be_filtered_by_and_always_are_there(lake: Lake) -> None:
    make(lake, "early", "month = 1 and carrier like 'A%'", "id", table="flights")
    share(lake, "early", table="flights")
    assert rows(lake, "SELECT * FROM flights") == [["id", "month"], ["11", "1"]]


def test_a_field_of_a_struct_can_be_filtered_by(lake: Lake) -> None:
    definition = orders() | {"Name": "people"}
    kinds = {"id": "int", "home": "struct<Zip:string,at:struct<nr:int>>"}
    definition["StorageDescriptor"] = {
        "Location": f"s3://{BUCKET}/products/people/",
        "Columns": [{"Name": name, "Type": kind} for name, kind in kinds.items()],
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    }
    body = b'{"id":1,"home":{"Zip":"1010","at":{"nr":7}}}\n{"id":2,"home":{"Zip":"2020","at":{"nr":8}}}\n'
    lake.client("s3", SALES).put_object(Bucket=BUCKET, Key="products/people/a.json", Body=body)
    lake.client("glue", CENTRAL, "admin").create_table(DatabaseName=DATABASE, TableInput=definition)
    make(lake, "home", "home.zip = '2020' and home.at.nr > 7", "id", table="people")
    link = {"CatalogId": CENTRAL, "DatabaseName": DATABASE, "Name": "people"}
    lake.client("glue", MARKETING, "admin").create_table(
        DatabaseName=LOCAL, TableInput={"Name": "people", "TargetTable": link}
    )
    lake.share("people")
    share(lake, "home", table="people")
    assert rows(lake, "SELECT * FROM people") == [["id"], ["2"]]


def test_a_filter_applies_through_a_database_link(lake: Lake) -> None:
    make(lake, "one", "id = 1")
    share(lake, "one")
    lake.client("glue", MARKETING, "admin").create_database(
        DatabaseInput={"Name": "linked", "TargetDatabase": {"CatalogId": CENTRAL, "DatabaseName": DATABASE}}
    )
    lake.grant(MARKETING, role_arn(MARKETING, "analyst"), {"Database": {"Name": "linked"}}, ["DESCRIBE"])
    assert rows(lake, "SELECT * FROM linked.orders")[1:] == [["1", "ann", "10.5"]]


def test_every_mention_of_a_table_is_filtered(lake: Lake) -> None:
    make(lake, "one", "id < 3")
    share(lake, "one")
    joined = "SELECT count(*) FROM orders a, (SELECT id FROM sales.orders) b WHERE EXISTS (SELECT 1 FROM orders)"
    assert rows(lake, joined)[1:] == [["4"]]
    assert rows(lake, "WITH x AS (SELECT * FROM orders) SELECT max(id) FROM x UNION ALL SELECT 0")[1:] == [["2"], ["0"]]


@pytest.mark.parametrize("action", PLANNING)
def test_filtered_rows_need_more_of_iam(lake: Lake, action: str) -> None:
    make(lake, "one", "id = 1")
    share(lake, "one")
    lake.analyst(statements=without([*reader_policy(), allow(PLANNING)], action))
    assert f"assumed-role/analyst/sandbox is not authorized to perform: {action}" in refused(lake, ALL)


def test_filtered_columns_do_not(lake: Lake) -> None:
    make(lake, "some", None, "id")
    share(lake, "some")
    lake.analyst(statements=reader_policy())
    assert rows(lake, ALL) == [["id"], ["1"], ["2"], ["3"]]


def test_a_filter_whose_column_is_gone_shows_nothing(lake: Lake) -> None:
    make(lake, "one", "amount > 1")
    share(lake, "one")
    definition = orders()
    del definition["StorageDescriptor"]["Columns"][2]
    glue = lake.client("glue", CENTRAL, "admin")
    glue.update_table(DatabaseName=DATABASE, TableInput=definition)
    assert refused(lake, ALL) == (
        "INVALID_ROW_FILTER: line 1:15: Invalid row filter for 'awsdatacatalog.sales.orders': "
        "Column 'amount' cannot be resolved"
    )


def test_what_is_revoked_or_dropped_ends_at_once(lake: Lake) -> None:
    make(lake, "one", "id = 1")
    make(lake, "two", "id = 2")
    share(lake, "one", "two")
    assert len(rows(lake, ALL)) == 3
    lake.revoke(CENTRAL, MARKETING, {"DataCellsFilter": place("one")}, ["SELECT"])
    assert rows(lake, ALL)[1:] == [["2", "bob", "20.0"]]
    lake.client("lakeformation", CENTRAL, "admin").delete_data_cells_filter(**place("two"))
    assert "TABLE_NOT_FOUND" in refused(lake, ALL)


def test_a_filter_beside_columns_granted_by_name(lake: Lake) -> None:
    make(lake, "one", "id = 1", "id", "customer")
    share(lake, "one")
    lake.grant(CENTRAL, MARKETING, columns_of("orders", "id"), ["SELECT"], grantable=True)
    lake.grant(MARKETING, role_arn(MARKETING, "analyst"), columns_of("orders", "id"), ["SELECT"])
    assert rows(lake, ALL)[1:] == [["1", "ann"], ["2", None], ["3", None]]


# --- tables without data ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("storage", "reason"),
    [
        (None, "HIVE_UNSUPPORTED_FORMAT: Table StorageDescriptor is null for table 'sales' empty"),
        (
            {"Columns": [{"Name": "id", "Type": "int"}], "SerdeInfo": {"SerializationLibrary": PARQUET_SERDE}},
            "GENERIC_INTERNAL_ERROR: Can not create a Path from an empty string",
        ),
    ],
    ids=["no-descriptor", "no-location"],
)
def test_a_table_that_does_not_tell_where_its_data_lies(
    lake: Lake, storage: dict[str, Any] | None, reason: str
) -> None:
    arn = lake.analyst("orders")
    table = {"Name": "empty"} | ({"StorageDescriptor": storage} if storage else {})
    lake.client("glue", MARKETING, "admin").create_table(DatabaseName=LOCAL, TableInput=table)
    lake.grant(MARKETING, arn, {"Table": {"DatabaseName": LOCAL, "Name": "empty"}}, ["SELECT"])
    assert refused(lake, "SELECT * FROM empty") == reason


def test_filters_hold_where_the_location_is_not_registered(lake: Lake) -> None:
    make(lake, "one", "id = 1")
    share(lake, "one")
    lake.client("lakeformation", CENTRAL, "admin").deregister_resource(ResourceArn=f"arn:aws:s3:::{BUCKET}/products")
    assert "Permission denied on S3 path: s3://sales-lake/products/orders/" in refused(lake, ALL)
    own = allow(["s3:GetObject", "s3:ListBucket"], [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"])
    lake.analyst(statements=[*reader_policy(), allow(PLANNING), own])
    lake.allow_bucket(role_arn(MARKETING, "analyst"))
    assert rows(lake, ALL)[1:] == [["1", "ann", "10.5"]]
