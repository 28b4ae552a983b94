"""Column types: read, written and compared; and what properties of a contract become."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.contracts.glue_types import GlueType, NotATypeError, only_adds, parse, same_type
from tests.support.contracts import contract, errors, obj, prop, read

PLAIN = st.sampled_from(["string", "int", "bigint", "double", "timestamp", "boolean", "binary"]).map(GlueType)
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)


def larger(types: st.SearchStrategy[GlueType]) -> st.SearchStrategy[GlueType]:
    return st.one_of(
        types.map(lambda each: GlueType("array", (("0", each),))),
        st.tuples(PLAIN, types).map(lambda pair: GlueType("map", (("0", pair[0]), ("1", pair[1])))),
        st.dictionaries(NAMES, types, min_size=1, max_size=3).map(
            lambda parts: GlueType("struct", tuple(parts.items()))
        ),
    )


DECIMALS = st.integers(1, 38).map(lambda digits: GlueType("decimal", numbers=(digits, digits // 2)))
TYPES = st.recursive(st.one_of(PLAIN, DECIMALS), larger, max_leaves=8)


@given(TYPES)
def test_what_is_written_is_read_as_the_same(kind: GlueType) -> None:
    assert parse(str(kind)) == kind
    assert same_type(str(kind), str(kind).upper().replace(",", " , "))


@given(TYPES, TYPES)
def test_only_a_type_with_more_fields_only_adds(one: GlueType, other: GlueType) -> None:
    before, after = GlueType("struct", (("a", one),)), GlueType("struct", (("a", one), ("b", other)))
    assert only_adds(str(before), str(after))
    assert not only_adds(str(after), str(before))
    assert only_adds(str(one), str(other)) or one != other


@given(st.text(alphabet="struct<>array:,()map decimal1 ", max_size=40))
def test_no_text_does_anything_but_name_a_type_or_not(text: str) -> None:
    try:
        found = parse(text)
    except NotATypeError:
        return
    assert parse(str(found)) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "strng", "array", "array<>", "array<string", "array<string>>", "map<string>", "struct<>", "struct<a>"),
        *("struct<a:int,a:int>", "decimal(39)", "decimal(4,5)", "varchar", "varchar(0)", "map<array<int>,int>", "int;"),
        "array<" * 30 + "int" + ">" * 30,
    ],
)
def test_what_is_no_type_is_none(text: str) -> None:
    with pytest.raises(NotATypeError):
        parse(text)


def type_of(**property_: Any) -> tuple[str | None, list[str]]:
    reading = read(contract(obj("flights", {"name": "a", "classification": "internal"} | property_)))
    column = reading.spec.tables[0].columns[0] if reading.spec is not None else None
    return column.type if column is not None else None, [problem.message for problem in reading.problems]


@pytest.mark.parametrize(
    ("property_", "expected"),
    [
        ({}, None),
        ({"logicalType": "string"}, "string"),
        ({"logicalType": "integer"}, "int"),
        ({"logicalType": "integer", "logicalTypeOptions": {"format": "i64"}}, "bigint"),
        ({"logicalType": "integer", "logicalTypeOptions": {"format": "u64"}}, "decimal(20,0)"),
        ({"logicalType": "number"}, "double"),
        ({"logicalType": "number", "logicalTypeOptions": {"format": "f32"}}, "float"),
        ({"logicalType": "boolean"}, "boolean"),
        ({"logicalType": "date"}, "date"),
        ({"logicalType": "timestamp"}, "timestamp"),
        ({"logicalType": "time"}, "string"),
        ({"logicalType": "integer", "physicalType": "BIGINT"}, "bigint"),
        ({"physicalType": "decimal(10, 2)"}, "decimal(10,2)"),
        ({"logicalType": "string", "physicalType": "varchar(18)"}, "varchar(18)"),
        ({"logicalType": "string", "physicalType": "TEXT"}, "string"),
        ({"physicalType": "DATETIME"}, "timestamp"),
        ({"logicalType": "object", "physicalType": "json"}, "string"),
        ({"logicalType": "array", "items": {"logicalType": "string"}}, "array<string>"),
        ({"logicalType": "array", "physicalType": "array", "items": {"logicalType": "date"}}, "array<date>"),
        ({"logicalType": "array", "physicalType": "array<int>"}, "array<int>"),
        (
            {
                "logicalType": "array",
                "items": {"logicalType": "object", "properties": [prop("x"), prop("y", "number")]},
            },
            "array<struct<x:string,y:double>>",
        ),
        (
            {"logicalType": "map", "map": {"key": {"logicalType": "string"}, "value": {"logicalType": "integer"}}},
            "map<string,int>",
        ),
        ({"logicalType": "vector", "logicalTypeOptions": {"elementType": "float64"}}, "array<double>"),
        (
            {"logicalType": "object", "properties": [prop("a", "object", properties=[prop("b")]), prop("c", "date")]},
            "struct<a:struct<b:string>,c:date>",
        ),
    ],
)
def test_a_property_has_a_glue_type(property_: dict[str, Any], expected: str | None) -> None:
    assert type_of(**property_) == (expected, [])


@pytest.mark.parametrize(
    ("property_", "message"),
    [
        ({"physicalType": "NUMBR(5)"}, "no type of Glue"),
        ({"logicalType": "object"}, "an object needs properties"),
        ({"logicalType": "array"}, "an array needs items"),
        ({"logicalType": "map"}, "a map needs map"),
        ({"logicalType": "map", "map": {"key": {"logicalType": "string"}}}, "value is missing"),
        (
            {"logicalType": "map", "map": {"key": {"physicalType": "array<int>"}, "value": {"logicalType": "date"}}},
            "plain type",
        ),
        ({"logicalType": "array", "items": {}}, "needs a logicalType"),
        ({"logicalType": "integer", "logicalTypeOptions": {"format": "i65"}}, "only i8"),
        ({"logicalType": "vector", "logicalTypeOptions": {"elementType": "binary"}}, "no type in Glue"),
        ({"logicalType": "object", "properties": [{"name": "b"}]}, "needs a logicalType"),
    ],
)
def test_what_has_no_glue_type_is_an_error(property_: dict[str, Any], message: str) -> None:
    assert any(message in problem for problem in type_of(**property_)[1])
    assert errors(read(contract(obj("flights", {"name": "a"} | property_))))


def test_where_the_physical_type_is_anothers_the_logical_one_counts() -> None:
    found, problems = type_of(logicalType="integer", physicalType="NUMBER(38)")
    assert found == "int"
    assert ["the logicalType integer counts" in problem for problem in problems] == [True]
