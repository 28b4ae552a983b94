"""The SQL of a query: which tables it names, where they stand, and what it becomes for DuckDB."""

from __future__ import annotations

import duckdb
import pytest

from sandbox.api import AwsError
from sandbox.athena.errors import Place
from sandbox.athena.statements import Query, Utility, parse, shown_name, translate


def tables(sql: str) -> list[tuple[str, str]]:
    """Database and name of every table a query names."""
    query = parse(sql, "shop")
    assert isinstance(query, Query)
    return [(use.database, use.name) for use in query.tables]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", []),
        ("SELECT * FROM T", [("shop", "t")]),
        ('SELECT * FROM "AwsDataCatalog"."Sales"."Orders" o', [("sales", "orders")]),
        ("SELECT * FROM a JOIN b.c ON a.x = c.x, d", [("shop", "a"), ("b", "c"), ("shop", "d")]),
        ("WITH c AS (SELECT * FROM a) SELECT * FROM c JOIN b ON true", [("shop", "a"), ("shop", "b")]),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", [("shop", "a")]),
        (
            "SELECT (SELECT max(x) FROM a) FROM b WHERE y IN (SELECT y FROM c)",
            [("shop", "b"), ("shop", "a"), ("shop", "c")],
        ),
        ("SELECT x FROM a UNION ALL SELECT x FROM b", [("shop", "a"), ("shop", "b")]),
        ("SELECT u.x FROM a CROSS JOIN UNNEST(a.xs) AS u(x)", [("shop", "a")]),
        ("SELECT * FROM (VALUES 1, 2) AS v(x)", []),
        ("SELECT * FROM a AS one, a AS other", [("shop", "a"), ("shop", "a")]),
    ],
)
def test_the_tables_of_a_query(sql: str, expected: list[tuple[str, str]]) -> None:
    assert sorted(tables(sql)) == sorted(expected)


def test_where_a_table_stands() -> None:
    query = parse("SELECT *\nFROM x\n  JOIN y.z ON true", "shop")
    assert isinstance(query, Query)
    assert sorted(str(use.place) for use in query.tables) == ["line 2:6", "line 3:8"]
    assert query.star() == Place(1, 8)


def test_a_star_inside_count_is_no_star_of_a_list() -> None:
    query = parse("SELECT count(*) FROM t", "shop")
    assert isinstance(query, Query)
    assert query.star() is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("show tables", Utility("tables", None, None, None)),
        ("SHOW TABLES IN Sales 'ord*';", Utility("tables", "sales", None, "ord*")),
        ("SHOW DATABASES LIKE 's*'", Utility("databases", None, None, "s*")),
        ("SHOW SCHEMAS", Utility("databases", None, None, None)),
        ("SHOW COLUMNS IN sales.orders", Utility("columns", "sales", "orders", None)),
        ("SHOW COLUMNS FROM orders IN sales", Utility("columns", "sales", "orders", None)),
        ("SHOW PARTITIONS orders", Utility("partitions", None, "orders", None)),
        ("DESCRIBE FORMATTED `sales`.`orders`", Utility("describe", "sales", "orders", None)),
    ],
)
def test_utility_statements(sql: str, expected: Utility) -> None:
    assert parse(sql, "shop") == expected


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "mismatched input"),
        ("SELECT * FROM t WHERE", "mismatched input"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("", "Only one sql statement is allowed"),
        ("CREATE TABLE x AS SELECT 1", "does not run CREATE"),
        ("INSERT INTO x VALUES (1)", "does not run INSERT"),
        ("DROP TABLE x", "does not run DROP"),
        ("COPY t TO '/tmp/x'", "does not run COPY"),
        ("ATTACH '/tmp/x' AS y", "mismatched input"),
        ("PRAGMA database_list", "does not run PRAGMA"),
        ("MSCK REPAIR TABLE x", "does not run MSCK"),
        ("SELECT * FROM read_csv('/etc/passwd')", "line 1:15: Table function"),
        ("SELECT (SELECT content FROM read_text('/etc/passwd'))", "Table function"),
        ("SELECT * FROM t CROSS JOIN LATERAL read_text('/etc/passwd')", "Table function"),
        ("SELECT * FROM hive.a.b", "Catalog 'hive' does not exist"),
        ("SELECT ?", "Incorrect number of parameters: expected 1 but found 0"),
    ],
)
def test_what_is_not_taken_up(sql: str, message: str) -> None:
    with pytest.raises(AwsError, match=message) as refusal:
        parse(sql, "shop")
    assert refusal.value.code == "InvalidRequestException"


def test_parameters_fill_the_holes_in_order() -> None:
    query = parse("SELECT ?, ?", "shop", ["1", "'it''s'"])
    assert isinstance(query, Query)
    assert duckdb.execute(translate(query, {}, {})).fetchall() == [(1, "it's")]


@pytest.mark.parametrize(
    ("sql", "names", "rows"),
    [
        ("SELECT a, count(*), sum(a) AS s FROM t GROUP BY 1 ORDER BY 1", ["a", "_col1", "s"], [(1, 1, 1), (2, 1, 2)]),
        ("SELECT *, 7 FROM t ORDER BY a", ["a", "b", "_col2"], [(1, "x", 7), (2, "y", 7)]),
        ("SELECT T.B FROM shop.T WHERE shop.t.a = 2", ["b"], [("y",)]),
        ("SELECT a / 2, 3 / 2, a / 2.0e0 FROM t ORDER BY a", ["_col0", "_col1", "_col2"], [(0, 1, 0.5), (1, 1, 1.0)]),
        ("SELECT one.a FROM t one JOIN t other ON one.a = other.a ORDER BY one.a", ["a"], [(1,), (2,)]),
        ("WITH t AS (SELECT a + 1 AS a FROM t) SELECT max(a) m FROM t", ["m"], [(3,)]),
        ("SELECT a FROM t UNION ALL SELECT 9 ORDER BY 1", ["a"], [(1,), (2,), (9,)]),
        ("SELECT date_trunc('year', date '2020-05-05') = date '2020-01-01'", ["_col0"], [(True,)]),
    ],
)
def test_the_query_in_duckdb(sql: str, names: list[str], rows: list[tuple[object, ...]]) -> None:
    query = parse(sql, "shop")
    assert isinstance(query, Query)
    with duckdb.connect() as connection:
        for number, use in enumerate(query.tables):
            connection.execute(f"CREATE VIEW t{number} AS SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS v(a, b)")
            assert use.name == "t"
        views = {id(use.node): f"t{number}" for number, use in enumerate(query.tables)}
        types = {view: {"a": "INTEGER", "b": "VARCHAR"} for view in views.values()}
        cursor = connection.execute(translate(query, views, types))
        assert [shown_name(item[0], position) for position, item in enumerate(cursor.description)] == names
        assert cursor.fetchall() == rows
