"""Types translated, both ways."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from sandbox.glue.types import from_arrow, from_duckdb, to_duckdb


@pytest.mark.parametrize(
    ("hive", "expected"),
    [
        ("int", "INTEGER"),
        ("varchar(20)", "VARCHAR"),
        ("char(2)", "VARCHAR"),
        ("decimal(12, 3)", "DECIMAL(12,3)"),
        ("decimal(5)", "DECIMAL(5,0)"),
        ("array<map<string,int>>", "MAP(VARCHAR, INTEGER)[]"),
        (
            "struct<a:int,b:struct<c:array<decimal(3,1)>,d:date>>",
            'STRUCT("a" INTEGER, "b" STRUCT("c" DECIMAL(3,1)[], "d" DATE))',
        ),
    ],
)
def test_hive_in_duckdb(hive: str, expected: str) -> None:
    assert to_duckdb(hive) == expected
    duckdb.execute(f"SELECT CAST(NULL AS {expected})")


def test_a_type_athena_does_not_read() -> None:
    with pytest.raises(ValueError, match="uniontype"):
        to_duckdb("uniontype<int,string>")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{'a': 1::BIGINT, 'b c': ['x']}", "struct<a:bigint,b c:array<string>>"),
        ("MAP {'k': 1.5::DOUBLE}", "map<string,double>"),
        ("DATE '2020-01-01'", "date"),
        ("{'at': TIMESTAMP '2020-01-01'}", "struct<at:timestamp>"),
        ("1.25", "decimal(3,2)"),
    ],
)
def test_duckdb_in_hive(query: str, expected: str) -> None:
    (kind,) = (row[0] for row in duckdb.execute(f"SELECT typeof({query})").fetchall())
    assert from_duckdb(kind) == expected


def test_json_has_no_dates() -> None:
    assert from_duckdb("STRUCT(at TIMESTAMP, n BIGINT)", temporal=False) == "struct<at:string,n:bigint>"


@pytest.mark.parametrize(
    ("arrow", "expected"),
    [
        (pa.int8(), "tinyint"),
        (pa.uint32(), "bigint"),
        (pa.float32(), "float"),
        (pa.timestamp("us", tz="UTC"), "timestamp"),
        (pa.date32(), "date"),
        (pa.decimal128(9, 2), "decimal(9,2)"),
        (pa.large_string(), "string"),
        (pa.dictionary(pa.int32(), pa.string()), "string"),
        (pa.large_binary(), "binary"),
        (pa.list_(pa.struct([("a", pa.bool_())])), "array<struct<a:boolean>>"),
        (pa.map_(pa.string(), pa.int16()), "map<string,smallint>"),
    ],
)
def test_arrow_in_hive(arrow: pa.DataType, expected: str) -> None:
    assert from_arrow(arrow) == expected
    to_duckdb(expected)
