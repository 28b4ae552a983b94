"""Samples and queries: never more than what is granted, and never more than fits into an answer."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.portal.queries import MAX_NAMED, query_hints
from datamesh.logic.portal.samples import readable_columns, sample_rows
from datamesh.logic.portal.table_views import Sight, table_view
from datamesh.models.api.products import GrantOfProduct
from datamesh.models.commands import TableSpec
from datamesh.models.registry import Stamp, TableRecord
from tests.support.central_commands import MARKETING, NOW, table_spec

NAMES = ("a", "b", "c", "c.x", "d")
SPEC = TableSpec.model_validate(
    table_spec(
        "flights",
        columns=[
            {"name": name, "type": "string", "examples": [f"{name}{row}" for row in range(number)]}
            for number, name in enumerate(NAMES, start=1)
        ],
    )
)


def grant(columns: tuple[str, ...], *, filtered: bool = False, table: str = "flights", **more: Any) -> GrantOfProduct:
    return GrantOfProduct(
        request_id=uuid.uuid4(),
        consumer="marketing",
        account_id=MARKETING,
        principals=(),
        tables=(table,),
        columns={table: columns},
        rows={table: "true"} if filtered else {},
        granted_at=NOW,
        databases=("datamesh_sales",),
        **more,
    )


columns = st.lists(st.sampled_from([name for name in NAMES if "." not in name]), unique=True).map(tuple)


@given(st.lists(st.tuples(columns, st.booleans())))
def test_examples_are_of_granted_columns_in_whole_rows_only(granted: list[tuple[tuple[str, ...], bool]]) -> None:
    grants = [grant(named, filtered=filtered) for named, filtered in granted]
    readable = readable_columns("flights", grants)
    allowed = {name for named, filtered in granted if not filtered for name in named}
    assert readable == (frozenset(allowed) if granted else None)
    rows = sample_rows(SPEC, readable or frozenset(), NAMES)
    shown = {name for row in rows for name in row.values}
    assert shown == {name for name in NAMES if name.partition(".")[0] in allowed}


def test_a_grant_of_another_table_shows_nothing() -> None:
    assert readable_columns("flights", [grant(("a",), table="airports")]) is None


def test_rows_are_made_of_the_examples_in_their_order() -> None:
    assert [row.values for row in sample_rows(SPEC, ("a", "b"), NAMES)] == [{"a": "a0", "b": "b0"}, {"b": "b1"}]
    assert len(sample_rows(SPEC, None, NAMES)) == 5
    assert sample_rows(SPEC, None, ("a",)) == sample_rows(SPEC, ("a",), NAMES)


def test_what_does_not_fit_is_left_out_and_said_to_be() -> None:
    many = [{"name": f"column_{number}", "type": "string", "examples": ["x" * 128] * 5} for number in range(2_000)]
    spec = TableSpec.model_validate(table_spec("flights", columns=many))
    record = TableRecord(
        domain="sales",
        product="air_travel",
        name="flights",
        spec=spec,
        stamp=Stamp(occurred_at=NOW, event_id=uuid.UUID(int=1)),
    )
    whole = table_view(record, Sight(samples=True, max_bytes=10_000_000))
    assert (len(whole.columns), whole.truncated) == (2_000, False)
    part = table_view(record, Sight(samples=True, max_bytes=100_000))
    assert part.truncated
    assert part.column_count == 2_000
    assert 0 < len(part.columns) < 2_000
    assert len(part.model_dump_json()) < 110_000
    assert part.samples is not None
    assert set(part.samples[0].values) == {column.name for column in part.columns}


def test_a_query_names_granted_columns_only_and_not_too_many() -> None:
    (hint,) = query_hints([grant(("carrier", 'odd"name'))])
    assert hint.sql == 'SELECT "carrier", "odd""name"\nFROM "datamesh_sales"."flights"\nLIMIT 10'
    (long,) = query_hints([grant(tuple(f"c{number}" for number in range(300)))])
    assert long.sql.count(",") == MAX_NAMED - 1
    assert query_hints([grant(())]) == ()
    same = grant(("carrier",))
    assert len(query_hints([same, same.model_copy(update={"request_id": uuid.uuid4()})])) == 1
