"""Whatever filters an account received and passed on by its own: a query shows the cells that AWS's rules say.

The model is written from https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html: what a
principal was granted is put together, each part of it limited to what the account received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot import exp

from sandbox import settings as sandbox_settings
from sandbox.api import Caller
from sandbox.athena import cells
from sandbox.athena.catalog import Source
from sandbox.athena.errors import Place
from sandbox.athena.statements import TableUse
from sandbox.lakeformation import engine, store, windows, world
from sandbox.ram import store as ram
from tests.sandbox.lakeformation.cell_steps import cells_filter, make
from tests.sandbox.lakeformation.fake_world import CENTRAL, MARKETING, FakeWorld, Lake, role
from tests.sandbox.lakeformation.sharing_steps import ANALYST, ANALYST_ARN, COLUMNS, ORDERS

Row = tuple[str | None, ...]
Truth = Callable[[Row], bool | None]
ROWS: list[Row] = [
    ("1", "ann", "x", "mon"),
    ("2", "bob", None, "mon"),
    ("3", None, "y", "tue"),
    ("4", "al%", "x'y", "wed"),
]
ADMIN, STEWARD = role(CENTRAL, "admin"), role(MARKETING, "steward")


@dataclass(frozen=True)
class Rule:
    """An expression with what it means."""

    text: str
    truth: Truth

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Filter:
    """A filter: its rows (None: all), and its columns without the partition key (None: all)."""

    rule: Rule | None
    columns: frozenset[str] | None

    def shows(self, row: Row, column: str) -> bool:
        """Whether the cell is there; the partition key is in every column list."""
        there = self.columns is None or column in {*self.columns, "day"}
        return there and (self.rule is None or self.rule.truth(row) is True)


def _compared(column: str, text: str, holds: Callable[[str], bool]) -> Rule:
    index = COLUMNS.index(column)

    def truth(row: Row) -> bool | None:
        value = row[index]
        return None if value is None else holds(value)

    return Rule(f"{column} {text}", truth)


def _opposite(rule: Rule) -> Rule:
    def truth(row: Row) -> bool | None:
        found = rule.truth(row)
        return None if found is None else not found

    return Rule(f"NOT ({rule.text})", truth)


def _both(pair: tuple[Rule, Rule]) -> Rule:
    def truth(row: Row) -> bool | None:
        found = [rule.truth(row) for rule in pair]
        return False if False in found else None if None in found else True

    return Rule(f"({pair[0].text}) AND ({pair[1].text})", truth)


def _either(pair: tuple[Rule, Rule]) -> Rule:
    def truth(row: Row) -> bool | None:
        found = [rule.truth(row) for rule in pair]
        return True if True in found else None if None in found else False

    return Rule(f"{pair[0].text} or {pair[1].text}", truth)


ATOMS = [
    _compared("id", "= '1'", lambda value: value == "1"),
    _compared("id", "IN ('2', '3')", lambda value: value in ("2", "3")),
    _compared("id", "between '3' and '9'", lambda value: "3" <= value <= "9"),
    _compared("name", "<> 'bob'", lambda value: value != "bob"),
    _compared("name", "like 'a%'", lambda value: value.startswith("a")),
    _compared("secret", "= 'x''y'", lambda value: value == "x'y"),
    _compared("day", "!= 'mon'", lambda value: value != "mon"),
    Rule("secret is null", lambda row: row[2] is None),
    Rule("name is not null", lambda row: row[1] is not None),
]
rules = st.recursive(
    st.sampled_from(ATOMS),
    lambda inner: st.one_of(
        inner.map(_opposite), st.tuples(inner, inner).map(_both), st.tuples(inner, inner).map(_either)
    ),
    max_leaves=4,
)
filters = st.builds(
    Filter,
    st.one_of(st.none(), rules),
    st.one_of(st.none(), st.frozensets(st.sampled_from(["id", "name", "secret"]), min_size=1)),
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    received=st.lists(filters, max_size=3), passed=st.lists(filters, max_size=3), direct=st.lists(filters, max_size=2)
)
def test_a_query_shows_the_cells_that_were_granted(
    received: list[Filter], passed: list[Filter], direct: list[Filter]
) -> None:
    lake = _lake()
    for number, one in enumerate(received):
        _make(lake, ADMIN, f"received{number}", one)
        lake.grant(ADMIN, MARKETING, cells_filter(f"received{number}"), "SELECT", options=("SELECT",))
    for number, one in enumerate(direct):
        _make(lake, ADMIN, f"direct{number}", one)
        lake.grant(ADMIN, ANALYST_ARN, cells_filter(f"direct{number}"), "SELECT")
    for number, one in enumerate(passed if received else []):
        _make(lake, STEWARD, f"passed{number}", one)
        lake.grant(STEWARD, ANALYST_ARN, cells_filter(f"passed{number}"), "SELECT")
    parts = [[one] for one in direct] + [[mine, theirs] for mine in passed for theirs in received]
    assert _asked() == _expected(parts)


@pytest.fixture(autouse=True, scope="module")
def at_once() -> Iterator[None]:
    """Shares are visible and grants made at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "HOLD_SECONDS", 0.0)
        sandbox_settings.reset()
        sandbox_settings.update(ram_visibility_delay=0.0)
        yield
        sandbox_settings.reset()


def _lake() -> Lake:
    store.store.reset()
    ram.store.reset()
    lake = Lake(FakeWorld())
    world.use(lake.world)
    lake.settings(CENTRAL, ADMIN)
    lake.settings(MARKETING, STEWARD)
    maker = role(CENTRAL, "maker")
    lake.create_database(maker, "shop")
    lake.create_table(maker, "shop", "orders")
    return lake


def _make(lake: Lake, caller: Caller, name: str, one: Filter) -> None:
    make(lake, caller, name, one.rule.text if one.rule else None, *sorted(one.columns or ()))


def _expected(parts: list[list[Filter]]) -> list[Row]:
    """The rows that any part shows something of, with the columns that any part has; else NULL."""
    readable = [column for column in COLUMNS if any(_in_all(part, column) for part in parts)]
    found = []
    for row in ROWS:
        there = [all(one.shows(row, "day") for one in part) for part in parts]
        if any(there):
            shown = zip(COLUMNS, row, strict=True)
            found.append(
                tuple(
                    value if any(all(one.shows(row, column) for one in part) for part in parts) else None
                    for column, value in shown
                    if column in readable
                )
            )
    return found


def _in_all(part: list[Filter], column: str) -> bool:
    return all(one.columns is None or column in {*one.columns, "day"} for one in part)


def _asked() -> list[Row]:
    """What sandbox.athena's conditions leave of the rows."""
    parts = engine.readable_cells(ANALYST, ORDERS, COLUMNS)
    readable = [column for column in COLUMNS if any(column in part.columns for part in parts)]
    if not readable:
        return []
    use = TableUse("shop", "orders", Place(1, 1), exp.Table())
    source = Source(use, ORDERS, {}, [], readable, parts)
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE data ({', '.join(f'{column} VARCHAR' for column in COLUMNS)})")
    connection.executemany("INSERT INTO data VALUES (?, ?, ?, ?)", ROWS)
    selected = ", ".join(cells.column(source, column) for column in readable)
    found: list[Row] = connection.execute(f"SELECT {selected} FROM data{cells.where(source)} ORDER BY rowid").fetchall()
    return found
