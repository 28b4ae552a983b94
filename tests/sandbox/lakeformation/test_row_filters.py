"""What may stand in a row filter, after AWS's own examples, and what it is in DuckDB."""

from __future__ import annotations

from typing import Any

import duckdb
import pytest

from sandbox.lakeformation import row_filters
from tests.sandbox.lakeformation.sharing_steps import refused

TABLE: dict[str, Any] = {
    "StorageDescriptor": {
        "Columns": [
            {"Name": "country", "Type": "string"},
            {"Name": "Id", "Type": "bigint"},
            {"Name": "price", "Type": "decimal(10,2)"},
            {"Name": "code", "Type": "varchar(3)"},
            {"Name": "open", "Type": "boolean"},
            {"Name": "first", "Type": "string"},
            {"Name": "born", "Type": "date"},
            {"Name": "tags", "Type": "array<string>"},
            {"Name": "notes", "Type": "map<string,string>"},
            {"Name": "customer", "Type": "struct<customerId:bigint,address:struct<zip:string,lines:array<string>>>"},
        ]
    },
    "PartitionKeys": [{"Name": "year", "Type": "int"}, {"Name": "month", "Type": "int"}, {"Name": "part"}],
}


@pytest.mark.parametrize(
    "expression",
    [
        # https://docs.aws.amazon.com/lake-formation/latest/dg/partiql-support.html
        "year > 2010 and country != 'US'",
        "(year > 2010 and country = 'US') or (month < 8 and id > 23)",
        "(country between 'Z' and 'U') and (year = 2018)",
        "(country like '%ited%') and (year > 2000)",
        "year > 2010 and customer.customerId <> 1",
        "customer.address.zip = '1010'",
        "country is null or not (ID is not null)",
        "id in (1, -2, 3) and code not in ('AT')",
        "price >= 1.5 and open = true",
        "\"first\" = 'ann'",
        "country not like 'U%' and id not between 1 and 2",
        "country = 'it''s'",
    ],
)
def test_an_expression_that_aws_documents(expression: str) -> None:
    row_filters.check(expression, TABLE)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("country =", "it cannot be parsed"),
        ("", "it cannot be parsed"),
        ("id = 1; id = 2", "it cannot be parsed"),
        ("country", "is not a comparison of a column with constants"),
        ("false", "is not a comparison"),
        ("id = 1 extra", "is not a comparison"),
        ("1 = id", "'1' is not a column"),
        ("upper(country) = 'US'", "is not a column"),
        ("id + 1 = 2", "is not a column"),
        ("id = id", "does not compare a column with constants of its type"),
        ('country = "first"', "does not compare a column with constants of its type"),
        ("id = '1'", "constants of its type"),
        ("country = 1", "constants of its type"),
        ("country = null", "constants of its type"),
        ("id like '1%'", "constants of its type"),
        ("id in (1, 'x')", "constants of its type"),
        ("id in (select 1)", "is not a comparison"),
        ("id = (select 1)", "constants of its type"),
        ("id = ?", "constants of its type"),
        ("country like 'a' escape 'b'", "is not a comparison"),
        ("open is true", "IS is for NULL only"),
        ("year is null", "IS NULL cannot be used on partition keys"),
        ("not (month is not null)", "IS NULL cannot be used on partition keys"),
        ("born = date '2020-01-01'", "columns of type date cannot be used"),
        ("tags is null", "columns of type array<string> cannot be used"),
        ("notes is null", "columns of type map<string,string> cannot be used"),
        ("customer.address.lines is null", "columns of type array<string> cannot be used"),
        ("customer = 'x'", "columns of type struct"),
        ("colour = 'red'", "the table has no column 'colour'"),
        ("customer.name = 'x'", "the table has no column 'customer.name'"),
        ("country.code = 'x'", "the table has no column 'country.code'"),
        ("part.x = 'y'", "fields of partition keys cannot be used"),
        ("first = 'ann'", "'first' is a keyword"),
    ],
)
def test_an_expression_that_is_refused(expression: str, reason: str) -> None:
    with refused("InvalidInputException", f"Invalid row filter expression: .*{reason}"):
        row_filters.check(expression, TABLE)


@pytest.mark.parametrize("name", ["ctid", "OID", "redcatuniqueid"])
def test_a_table_with_a_restricted_name_has_no_row_filters(name: str) -> None:
    table = {"StorageDescriptor": {"Columns": [{"Name": "id", "Type": "int"}, {"Name": name, "Type": "int"}]}}
    with refused("InvalidInputException", rf"cannot have row filters: \[{name.lower()}\]"):
        row_filters.check("id = 1", table)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("country = 'US'", [1]),
        ("country = 'us'", []),
        ("country <> 'US'", [2]),
        ("country like 'u%'", []),
        ("country is null", [3]),
        ("not country = 'US'", [2]),
        ("ID in (1, -3) or \"first\" = 'bob'", [1, 2]),
        ("customer.customerId between 20 and 30", [2, 3]),
        ("customer.address.zip = '1'' OR 1=1 --'", []),
        ("customer.address.zip = 'b'", [2]),
    ],
)
def test_an_expression_keeps_the_rows_for_which_it_is_true(expression: str, expected: list[int]) -> None:
    rows = """VALUES (1, 'US', 'ann', {'customerId': 10, 'address': {'zip': 'a'}}),
                     (2, 'DE', 'bob', {'customerId': 20, 'address': {'zip': 'b'}}),
                     (3, NULL, 'cy', {'customerId': 30, 'address': {'zip': NULL}})"""
    table = f"SELECT * FROM ({rows}) AS t(id, country, first, customer)"
    query = f"SELECT id FROM ({table}) WHERE {row_filters.to_sql(expression)} ORDER BY id"
    found = duckdb.connect().execute(query).fetchall()
    assert [row[0] for row in found] == expected


def test_an_expression_tells_its_columns() -> None:
    assert row_filters.columns_of("Year > 1 and (customer.address.zip = 'x' or \"First\" = 'y')") == {
        "year",
        "customer",
        "first",
    }
