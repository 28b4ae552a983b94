"""Whatever the text is: it never raises, every problem has a place, and there is a product or an error."""

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.logic.contracts import ContractReading, read_contract
from tests.support.contracts import EXAMPLES, contract, custom, obj, prop, read

TEXT = (EXAMPLES / "fleet.odcs.yaml").read_text(encoding="utf-8")
PIECES = st.lists(
    st.one_of(
        st.sampled_from(list("[]{}:,-?&*!|>'\"%@`#~\n \t")),
        st.sampled_from(
            ["schema:\n", "- name: ", "  ", "\\U", "<<: ", "!!str ", "null", "1e9", ".inf", "\x85", "\ufeff"]
        ),
    ),
    max_size=12,
).map("".join)
FULL = contract(
    obj(
        "flights",
        prop("a", "object", properties=[prop("b", examples=[1])]),
        prop("m", "map", map={"key": {"logicalType": "string"}, "value": {"logicalType": "array", "items": {}}}),
        prop("k", "integer", partitioned=True, partitionKeyPosition=1, logicalTypeOptions={"format": "i8"}),
        tags=["pii"],
        customProperties=custom(location="x", tags={"a": "b"}, format="csv"),
    ),
    customProperties=custom(access_mode="tbac", tags={"a": "b"}, classification="internal", pii=False),
    status="active",
    tags=["x"],
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just("${X}")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in below for found in paths(each, (*path, key)))][1 if not path else 0 :]


def check(reading: ContractReading) -> None:
    failed = any(problem.severity == "error" for problem in reading.problems)
    assert (reading.spec is None) == failed
    for problem in reading.problems:
        assert problem.line is not None
        assert problem.column is not None
        assert problem.message
        assert problem.message.isprintable()


@given(st.one_of(st.text(max_size=200), PIECES))
@settings(max_examples=200)
def test_any_text_is_read(text: str) -> None:
    check(read_contract(text))


@given(st.integers(0, len(TEXT)), st.integers(0, 40), PIECES)
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_a_contract_with_any_slip_of_the_pen_is_read(at: int, length: int, piece: str) -> None:
    check(read_contract(TEXT[:at] + piece + TEXT[at + length :]))


@given(st.sampled_from(paths(FULL)), VALUES)
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_contract_with_anything_in_any_place_is_read(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(FULL)
    here: Any = document
    for part in path[:-1]:
        here = here[part]
    here[path[-1]] = value
    check(read(document))
