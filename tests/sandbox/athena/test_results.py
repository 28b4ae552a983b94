"""Values and files as Athena prints them."""

from __future__ import annotations

import duckdb
import pytest

from sandbox.athena import results
from sandbox.athena.data import fits
from sandbox.athena.results import Column


@pytest.mark.parametrize(
    ("expression", "kind", "expected"),
    [
        ("NULL::INTEGER", "integer", None),
        ("true", "boolean", "true"),
        ("42::BIGINT", "bigint", "42"),
        ("1.50::DECIMAL(5,2)", "decimal", "1.50"),
        ("1.5::DOUBLE", "double", "1.5"),
        ("3::DOUBLE", "double", "3.0"),
        ("12345678::DOUBLE", "double", "1.2345678E7"),
        ("1e100::DOUBLE", "double", "1.0E100"),
        ("0.0001::DOUBLE", "double", "1.0E-4"),
        ("'nan'::DOUBLE", "double", "NaN"),
        ("'-inf'::DOUBLE", "double", "-Infinity"),
        ("'text'", "varchar", "text"),
        ("DATE '2020-02-03'", "date", "2020-02-03"),
        ("TIMESTAMP '2020-02-03 04:05:06.789'", "timestamp", "2020-02-03 04:05:06.789"),
        ("INTERVAL 25 HOUR", "interval day to second", "1 01:00:00.000"),
        ("'\\x0A\\xFF'::BLOB", "varbinary", "0a ff"),
        ("[1, NULL, 3]", "array", "[1, null, 3]"),
        ("{'a': 1, 'b': 'x'}", "row", "{a=1, b=x}"),
        ("MAP {'k': 2}", "map", "{k=2}"),
    ],
)
def test_a_value(expression: str, kind: str, expected: str | None) -> None:
    cursor = duckdb.execute(f"SELECT {expression}")
    column = Column("c", str(cursor.description[0][1]))
    (value,) = cursor.fetchall()[0]
    assert (column.athena, results.text(value, column.kind)) == (kind, expected)


def test_the_type_of_a_column() -> None:
    info = results.column_info(Column("price", "DECIMAL(12,3)"))
    assert (info["Name"], info["Type"], info["Precision"], info["Scale"]) == ("price", "decimal", 12, 3)
    assert results.column_info(Column("name", "VARCHAR"))["CaseSensitive"] is True


def test_the_result_file() -> None:
    content = results.csv_file(["a", "b"], [["1", None], ['say "hi"', ""]])
    assert content == b'"a","b"\n"1",\n"say ""hi""",""\n'
    assert results.text_file([["a", None, "b"]]) == b"a\t\tb\n"


@pytest.mark.parametrize(
    ("file", "table", "expected"),
    [
        ("INTEGER", "BIGINT", True),
        ("BIGINT", "INTEGER", False),
        ("BIGINT", "VARCHAR", False),
        ("FLOAT", "DOUBLE", True),
        ("DOUBLE", "BIGINT", False),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP", True),
        ("BLOB", "VARCHAR", True),
        ("STRUCT(a INTEGER)", 'STRUCT("a" INTEGER)', True),
        ("STRUCT(a INTEGER)", "VARCHAR", False),
        ("DECIMAL(5,2)", "DECIMAL(10,2)", True),
    ],
)
def test_which_parquet_types_fit(file: str, table: str, expected: bool) -> None:
    assert fits(file, table) is expected
