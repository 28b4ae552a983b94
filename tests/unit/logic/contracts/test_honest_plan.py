"""A plan says what registration really does: whoever it names loses something, and nobody else does."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.logic.contracts.changes import Registered, product_plan
from datamesh.models.commands import ProductSpec
from tests.support.central import SENSITIVE_TAGS, FakeCentral, central_with
from tests.support.central_commands import product_spec, register_product, request_access, table_spec

PII = st.sampled_from([False, None, True])
TABLES = ("flights", "planes")


@st.composite
def products(draw: st.DrawFn, *, is_open: bool) -> dict[str, Any]:
    """Return a product with two tables; the open one can be granted without anybody's approval."""

    def table(name: str) -> dict[str, Any]:
        flags = {column: False if is_open else draw(PII) for column in ("a", "b", "month")}
        columns = [{"name": column, "type": "string", "pii": flags[column]} for column in ("a", "b")]
        keys = [{"name": "month", "type": "int", "pii": flags["month"]}]
        changes: dict[str, Any] = {"columns": columns, "partition_keys": keys}
        if not is_open and draw(st.integers(0, 9)) == 0:
            changes["location"] = table_spec("elsewhere")["location"]
        return table_spec(name, **changes)

    names = TABLES if is_open else draw(st.sampled_from([TABLES, TABLES, ("flights",), ("planes", "flights")]))
    return product_spec(
        *(table(name) for name in names),
        classification=draw(st.sampled_from(["public", "internal"] if is_open else ["internal", "restricted", None])),
        pii=False if is_open else draw(st.sampled_from([False, False, None, True])),
        access_mode="nrac" if is_open else draw(st.sampled_from(["nrac", "nrac", "both", "tbac"])),
    )


def registered(central: FakeCentral) -> Registered:
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    found = Registered.from_records(
        record,
        central.registry.tables("sales", "air_travel"),
        grants=central.registry.grants("sales", "air_travel"),
        tag_grants=central.registry.tag_grants(),
        sensitive_tags=SENSITIVE_TAGS,
    )
    assert found is not None
    return found


def shown(central: FakeCentral) -> dict[str, dict[str, tuple[str, ...]]]:
    return {
        str(grant.request_id): {name: table.columns for name, table in grant.shown.items()}
        for grant in central.registry.grants("sales", "air_travel")
    }


@given(
    products(is_open=True),
    products(is_open=False),
    st.lists(st.sampled_from([None, ["flights"], ["planes"]]), min_size=1, max_size=3),
    st.sampled_from([None, ["a"], ["b"]]),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
def test_who_loses_what_is_who_the_plan_names(
    before: dict[str, Any], after: dict[str, Any], asked: list[list[str] | None], columns: list[str] | None
) -> None:
    # GIVEN a product that marketing was granted: all of it, or tables, or a column
    central = central_with("sales", "marketing", product=before)
    for number, tables in enumerate(asked):
        narrow: dict[str, Any] = {"columns": {tables[0]: columns}} if tables and columns else {}
        assert central.deliver(request_access(tables=tables, minute=10 + number, **narrow)).status == "SUCCEEDED"
    seen = shown(central)
    assert len(seen) == len(asked)
    # WHEN a plan is asked for, and the registration is then made
    plan = product_plan(ProductSpec.model_validate(after), registered(central))
    rejected = len(central.said("CommandRejected"))
    assert central.deliver(register_product(after, minute=30)).status == "SUCCEEDED"
    # THEN it is refused if the plan says so
    refused = any(change.refused for change in plan.changes)
    assert (len(central.said("CommandRejected")) > rejected) == refused
    # AND exactly those lose columns whom the plan names, in the tables that it names
    now = shown(central)
    lost = {
        request: {name for name, columns_ in tables.items() if set(now[request][name]) < set(columns_)}
        for request, tables in seen.items()
    }
    named = {str(each.request_id): set(each.tables) for each in plan.affected}
    assert {request: tables for request, tables in lost.items() if tables} == named
    assert not named or plan.breaking
