"""What counts as sensitive, and why."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.sensitivity import assess, assess_table, is_pii
from datamesh.logic.tags import Matched
from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.commands import Classification, TableSpec
from datamesh.models.registry import ProductContent, Stamp
from datamesh.models.tags import TableTags
from tests.support.central_commands import NOW, table_spec

DATABASE = CatalogDatabase(name="d", parameters={"pii_flag": "false"})
OPEN = {"data_classification": "public", "pii_flag": "false"}
STAMP = Stamp(occurred_at=NOW, event_id=uuid.UUID(int=1))


def content(classification: Classification | None = "public", pii: bool | None = False) -> ProductContent:
    return ProductContent(description="d", classification=classification, pii=pii, stamp=STAMP)


def table(**changes: object) -> CatalogTable:
    return CatalogTable(name="t", parameters=OPEN).model_copy(update=changes)


def test_what_is_open_everywhere_is_not_sensitive() -> None:
    assessment = assess(DATABASE, [table()], contents=[content()], specs={})
    assert not assessment.sensitive
    assert assessment.reasons == ()


@pytest.mark.parametrize("value", ["public", "internal", "PUBLIC", " Internal "])
def test_open_classifications(value: str) -> None:
    assert assess_table(table(parameters={**OPEN, "data_classification": value})) == []


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({}, "table t has no data_classification"),
        ({**OPEN, "data_classification": ""}, "table t has no data_classification"),
        ({**OPEN, "data_classification": "secret"}, "table t is classified secret"),
        ({**OPEN, "Data_Classification": "restricted"}, "table t is classified conflicting"),
        ({**OPEN, "PII_FLAG": "true"}, "table t is flagged as personal data"),
        ({**OPEN, "pii_flag": ""}, "table t has no pii_flag"),
        ({**OPEN, "pii_flag": "maybe"}, "table t is flagged as personal data"),
    ],
)
def test_doubt_is_sensitive(parameters: dict[str, str], reason: str) -> None:
    assert reason in assess_table(table(parameters=parameters))


def test_reasons_name_table_and_column() -> None:
    flagged = {"pii_flag": "True"}
    found = table(
        columns=(CatalogColumn(name="a", parameters=flagged), CatalogColumn(name="b")),
        partition_keys=(CatalogColumn(name="k", parameters=flagged),),
    )
    assert assess_table(found) == [
        "t.a is flagged as personal data",
        "t.k (partition key) is flagged as personal data",
    ]


def test_everything_that_was_declared_counts() -> None:
    columns = [{"name": "a", "type": "string", "pii": True}]
    keys = [{"name": "k", "type": "string", "pii": True}]
    spec = TableSpec.model_validate(table_spec("t", columns=columns, partition_keys=keys))
    declared = [content("restricted", pii=True), content(None, pii=None)]
    reasons = assess(DATABASE, [table()], contents=declared, specs={"t": spec, "other": spec}).reasons
    assert reasons == (
        "the product is classified restricted",
        "the product is declared as personal data",
        "the product is not classified",
        "the product does not say whether it holds personal data",
        "t.a is declared as personal data",
        "t.k is declared as personal data",
    )


def test_the_same_reason_is_given_once() -> None:
    reasons = assess(DATABASE, [table()], contents=[content(None), content(None)], specs={}).reasons
    assert len(reasons) == 1


NAMES = st.sampled_from(["pii_flag", "PII_FLAG", "a.b.pii_flag", "other", "not_a_pii_flag"])
VALUES = st.sampled_from(["true", "TRUE", "false", "FALSE", "", "1", "unknown"])


@given(st.dictionaries(NAMES, VALUES))
def test_a_column_is_flagged_by_any_flag_that_is_not_a_no(parameters: dict[str, str]) -> None:
    flags = {name: value for name, value in parameters.items() if name not in {"other", "not_a_pii_flag"}}
    expected = any(value.lower() not in {"false", ""} for value in flags.values())
    assert is_pii(CatalogColumn(name="a", parameters=parameters)) == expected


@given(st.lists(st.tuples(NAMES, VALUES), max_size=3), st.lists(st.tuples(NAMES, VALUES), max_size=3))
def test_more_flags_never_make_less_sensitive(first: list[tuple[str, str]], more: list[tuple[str, str]]) -> None:
    column = CatalogColumn(name="a", parameters=dict(first))
    another = CatalogColumn(name="b", parameters=dict(more))
    less, all_of_it = table(columns=(column,)), table(columns=(column, another))
    assert set(assess_table(less)) <= set(assess_table(all_of_it))


# --- only what is shown counts, and LF-tags do ---

SENSITIVE = {"confidentiality": ("sensitive",)}
FLAGGED = {"pii_flag": "true"}


def reasons_of(
    shown: Matched | None, *, tags: TableTags | None = None, spec: TableSpec | None = None, **changes: object
) -> tuple[str, ...]:
    """Assess one table of which something is shown."""
    return assess(
        DATABASE,
        [table(**changes)],
        contents=[content()],
        specs={"t": spec} if spec is not None else {},
        tags={"t": tags} if tags is not None else None,
        sensitive_tags=SENSITIVE,
        shown={"t": shown} if shown is not None else None,
    ).reasons


def test_a_flag_of_a_column_that_is_not_shown_does_not_count() -> None:
    columns = (CatalogColumn(name="a", parameters=FLAGGED), CatalogColumn(name="b"))
    keys = (CatalogColumn(name="k", parameters=FLAGGED),)
    assert reasons_of(Matched(table=False, columns=("b",)), columns=columns, partition_keys=keys) == ()
    assert reasons_of(Matched(table=False, columns=("a", "k")), columns=columns, partition_keys=keys) == (
        "t.a is flagged as personal data",
        "t.k (partition key) is flagged as personal data",
    )
    assert len(reasons_of(None, columns=columns, partition_keys=keys)) == 2


def test_what_is_said_of_the_table_counts_whatever_is_shown_of_it() -> None:
    shown = Matched(table=False, columns=("b",))
    assert reasons_of(shown, parameters={}) == ("table t has no data_classification", "table t has no pii_flag")


def test_a_table_of_which_nothing_is_said_to_be_shown_shows_no_column() -> None:
    columns = (CatalogColumn(name="a", parameters=FLAGGED),)
    assert assess(DATABASE, [table(columns=columns)], contents=[content()], specs={}, shown={}).reasons == ()


def test_a_declared_column_counts_when_it_is_shown_or_would_come_with_its_table() -> None:
    spec = TableSpec.model_validate(table_spec("t", columns=[{"name": "a"}, {"name": "a.b", "pii": True}]))
    there = (CatalogColumn(name="a"), CatalogColumn(name="c"))
    reason = ("t.a.b is declared as personal data",)
    assert reasons_of(Matched(table=False, columns=("a",)), spec=spec, columns=there) == reason
    assert reasons_of(Matched(table=True, columns=("c",)), spec=spec, columns=there) == ()
    assert reasons_of(Matched(table=True, columns=("c",)), spec=spec, columns=there[1:]) == reason
    assert reasons_of(Matched(table=False, columns=("c",)), spec=spec, columns=there[1:]) == ()


def test_a_declared_column_with_a_sensitive_tag_counts_until_it_can_carry_it() -> None:
    declared = [{"name": "a", "tags": {"confidentiality": "sensitive"}}]
    spec = TableSpec.model_validate(table_spec("t", columns=declared))
    shown = Matched(table=True, columns=())
    [reason] = reasons_of(shown, spec=spec)
    assert reason.startswith("t.a is declared with the LF-tag confidentiality=sensitive, and not in the catalog yet")
    assert reasons_of(shown, spec=spec, columns=(CatalogColumn(name="a"),)) == ()


def test_sensitive_tags_count_where_they_are_shown() -> None:
    tags = TableTags(
        table={"confidentiality": "non-sensitive"},
        columns={"a": {"confidentiality": "sensitive"}},
        column_names=("a", "b"),
    )
    assert reasons_of(Matched(table=True, columns=("b",)), tags=tags) == ()
    assert reasons_of(Matched(table=True, columns=("a", "b")), tags=tags) == (
        "t.a carries the LF-tag confidentiality=sensitive",
    )
    assert reasons_of(None, tags=tags) == ("t.a carries the LF-tag confidentiality=sensitive",)


def test_a_sensitive_tag_of_the_table_counts_once_and_for_what_inherits_it_only() -> None:
    tags = TableTags(
        database={"confidentiality": "sensitive"},
        columns={"b": {"confidentiality": "non-sensitive"}},
        column_names=("a", "b"),
    )
    whole = ("table t carries the LF-tag confidentiality=sensitive",)
    assert reasons_of(Matched(table=True, columns=("a", "b")), tags=tags) == whole
    assert reasons_of(Matched(table=False, columns=("b",)), tags=tags) == ()
    assert reasons_of(Matched(table=False, columns=("a",)), tags=tags) == (
        "t.a carries the LF-tag confidentiality=sensitive",
    )
