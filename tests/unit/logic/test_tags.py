"""What LF-tags mean: inheritance, matching, and what a change does to those who hold grants."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.exposure import access_changes, gains
from datamesh.logic.tags import Matched, effective, is_exposed, matched, matched_columns, matches, no_such_value
from datamesh.models.facts import MAX_LISTED_COLUMNS
from datamesh.models.registry import TagGrantRecord
from datamesh.models.tags import TableTags
from tests.support.central_commands import MARKETING, NOW

TABLE = TableTags(
    database={"lob": "sales", "channel": "web"},
    table={"channel": "shop"},
    columns={"b": {"channel": "web"}, "c": {"confidentiality": "sensitive"}},
    column_names=("c", "a", "b"),
)
TAGS = st.dictionaries(st.sampled_from("kl"), st.sampled_from("xy"))
TABLES = st.builds(
    lambda database, table, columns, names: TableTags(
        database=database, table=table, columns={name: columns[name] for name in names}, column_names=tuple(names)
    ),
    TAGS,
    TAGS,
    st.fixed_dictionaries({"a": TAGS, "b": TAGS}),
    st.lists(st.sampled_from("ab"), unique=True),
)
EXPRESSIONS = st.dictionaries(
    st.sampled_from("kl"), st.lists(st.sampled_from("xy"), min_size=1, unique=True).map(tuple), min_size=1
)


def grant(
    *principals: str, consumer: str = "marketing", number: int = 1, **expression: tuple[str, ...]
) -> TagGrantRecord:
    """Return a standing grant."""
    return TagGrantRecord(
        request_id=uuid.UUID(int=number),
        consumer=consumer,
        account_id=MARKETING,
        expression=expression,
        principals=tuple(f"arn:aws:iam::{MARKETING}:role/{name}" for name in principals or ("analyst",)),
        granted_at=NOW,
    )


def test_the_nearer_assignment_wins_key_by_key() -> None:
    assert effective(TABLE) == {"lob": "sales", "channel": "shop"}
    assert effective(TABLE, "a") == effective(TABLE)
    assert effective(TABLE, "b") == {"lob": "sales", "channel": "web"}
    assert effective(TABLE, "c") == {"lob": "sales", "channel": "shop", "confidentiality": "sensitive"}


@pytest.mark.parametrize(
    ("expression", "fulfilled"),
    [
        ({"lob": ("sales",)}, True),
        ({"lob": ("finance", "sales")}, True),
        ({"lob": ("finance",)}, False),
        ({"lob": ("sales",), "channel": ("web",)}, False),
        ({"lob": ("sales",), "nosuch": ("x",)}, False),
    ],
)
def test_all_keys_must_match_each_with_any_value(expression: dict[str, tuple[str, ...]], fulfilled: bool) -> None:
    assert matches(expression, effective(TABLE)) is fulfilled


def test_columns_match_by_their_own_tags_in_the_catalogs_order() -> None:
    assert matched_columns({"lob": ("sales",)}, TABLE) == ("c", "a", "b")
    assert matched_columns({"channel": ("shop",)}, TABLE) == ("c", "a")
    assert matched([{"channel": ("web",)}], TABLE) == Matched(table=False, columns=("b",))
    assert matched([{"channel": ("web",)}, {"channel": ("shop",)}], TABLE) == Matched(
        table=True, columns=("c", "a", "b")
    )


def test_a_table_without_columns_is_matched_by_its_own_tags() -> None:
    empty = TableTags(table={"k": "x"})
    assert matched([{"k": ("x",)}], empty) == Matched(table=True, columns=())
    assert is_exposed({"k": ("x",)}, empty)
    assert not is_exposed({"k": ("y",)}, empty)


@given(TABLES, st.lists(EXPRESSIONS))
def test_what_a_union_matches_is_what_its_parts_match(
    table: TableTags, expressions: list[dict[str, tuple[str, ...]]]
) -> None:
    parts = [matched([expression], table) for expression in expressions]
    union = matched(expressions, table)
    assert union.table == any(part.table for part in parts)
    assert set(union.columns) == {name for part in parts for name in part.columns}
    assert (union != Matched(table=False, columns=())) == any(is_exposed(one, table) for one in expressions)


# --- who gains, who loses ---


def plain(*columns: str, **tags: str) -> TableTags:
    """Return a table whose columns have no tags of their own."""
    return TableTags(table=tags, column_names=columns)


@pytest.mark.parametrize(
    ("before", "after", "effect", "gained", "lost"),
    [
        (None, plain("a", k="x"), "gained", ("a",), ()),
        (plain("a", k="x"), None, "lost", (), ("a",)),
        (plain("a", k="x"), plain("a", "b", k="x"), "widened", ("b",), ()),
        (plain("a", "b", k="x"), plain("a", k="x"), "narrowed", (), ("b",)),
        (plain("a", k="x"), plain("b", k="x"), "changed", ("b",), ("a",)),
        (plain(k="y"), plain(k="x"), "gained", (), ()),
    ],
)
def test_the_effect_of_a_change(
    before: TableTags | None, after: TableTags | None, effect: str, gained: tuple[str, ...], lost: tuple[str, ...]
) -> None:
    was, now = ({"t": table} if table is not None else {} for table in (before, after))
    [change] = access_changes(was, now, [grant(k=("x",))])
    assert (change.consumer, change.table) == ("marketing", "t")
    assert (change.effect, change.gained, change.lost) == (effect, gained, lost)
    assert (change.gained_count, change.lost_count) == (len(gained), len(lost))


def test_what_another_grant_shows_already_is_neither_gained_nor_lost() -> None:
    both = [grant(k=("x",)), grant(number=2, m=("z",))]
    before, after = {"t": plain("a", k="x", m="z")}, {"t": plain("a", m="z")}
    assert access_changes(before, after, both) == ()
    assert access_changes(after, before, both) == ()


def test_principals_to_whom_the_same_happens_stand_together_others_apart() -> None:
    grants = [grant("ann", "bob", k=("x",)), grant("cid", number=2, k=("x", "y"))]
    changes = access_changes({"t": plain("a", k="y")}, {"t": plain("a", k="x")}, grants)
    assert [[name.rpartition("/")[2] for name in change.principals] for change in changes] == [["ann", "bob"]]


def test_of_a_wide_table_the_first_columns_are_named_and_all_counted() -> None:
    names = tuple(f"c{number:03}" for number in range(100))
    [change] = access_changes({}, {"t": plain(*names, k="x")}, [grant(k=("x",))])
    assert (len(change.gained), change.gained_count) == (MAX_LISTED_COLUMNS, 100)
    [gain] = gains({}, {"t": plain(*names, k="x")}, [grant(k=("x",))])
    assert gain.shown == Matched(table=True, columns=names)


def test_to_gain_the_table_itself_is_a_gain_even_if_all_its_columns_stay_as_they_are() -> None:
    overridden = {"a": {"k": "x"}}
    before = TableTags(table={"k": "y"}, columns=overridden, column_names=("a",))
    after = TableTags(table={"k": "x"}, columns=overridden, column_names=("a",))
    [gain] = gains({"t": before}, {"t": after}, [grant(k=("x",))])
    assert gain.shown == Matched(table=True, columns=())
    assert access_changes({"t": before}, {"t": after}, [grant(k=("x",))]) == ()


@given(TABLES, TABLES, st.lists(EXPRESSIONS, min_size=1, max_size=3))
def test_gains_are_what_is_seen_after_and_not_before(
    before: TableTags, after: TableTags, expressions: list[dict[str, tuple[str, ...]]]
) -> None:
    grants = [
        grant(number=number, k=("x",)).model_copy(update={"expression": expression})
        for number, expression in enumerate(expressions)
    ]
    was, now = matched(expressions, before), matched(expressions, after)
    found = gains({"t": before}, {"t": after}, grants)
    expected = Matched(now.table and not was.table, tuple(name for name in now.columns if name not in was.columns))
    assert [gain.shown for gain in found] == ([expected] if expected != Matched(False, ()) else [])
    changes = access_changes({"t": before}, {"t": after}, grants)
    assert {name for change in changes for name in change.gained} == set(expected.columns)
    assert {name for change in changes for name in change.lost} == set(was.columns) - set(now.columns)


def test_a_value_that_does_not_exist_is_told_with_those_that_do() -> None:
    known = {"non-sensitive", "sensitive"}
    told = no_such_value("confidentiality", ["secret"], known)
    assert told == "The LF-tag confidentiality has no value secret, only non-sensitive, sensitive"
    many = no_such_value("lob", ["x"], (f"domain{number:02}" for number in range(25)))
    assert many.endswith("domain19 and 5 more")
