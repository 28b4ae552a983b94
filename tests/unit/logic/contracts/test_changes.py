"""What differs, what of it breaks somebody, and who that is."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from datamesh.logic.contracts.changes import Registered, affected_by, changes_between, product_plan
from datamesh.models.api.products import SchemaChange
from datamesh.models.commands import ProductRef, ProductSpec
from datamesh.models.registry import GrantRecord, IndexedColumn, ShownTable, TableIndex, TagGrantRecord
from datamesh.models.tags import TableTags
from tests.support.central import SENSITIVE_TAGS, central_with
from tests.support.central_commands import MARKETING, NOW, product_spec, table_spec

ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
OPEN, CLOSED = {"confidentiality": "non-sensitive"}, {"confidentiality": "sensitive"}
COLUMNS: list[dict[str, Any]] = [
    {"name": "origin", "type": "string", "pii": False},
    {"name": "email", "type": "string", "pii": False},
    {"name": "address", "type": "struct<zip:string>", "pii": False},
    {"name": "address.zip", "type": "string", "pii": False},
]
KEYS = [{"name": "month", "type": "int", "pii": False}]


def flights(**changes: Any) -> dict[str, Any]:
    return table_spec("flights", columns=COLUMNS, partition_keys=KEYS) | changes


def columns(**changes: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Return the columns with some changed; with None one is left out, and a new one added."""
    known = [column["name"] for column in COLUMNS]
    found = [
        {**column, **(changes.get(column["name"]) or {})}
        for column in COLUMNS
        if changes.get(column["name"], {}) is not None
    ]
    return found + [{"name": name, **(each or {})} for name, each in changes.items() if name not in known]


def product(*tables: dict[str, Any], **changes: Any) -> ProductSpec:
    return ProductSpec.model_validate(product_spec(*(tables or (flights(), table_spec("planes"))), **changes))


def grant(*, number: int = 1, **shown: Any) -> GrantRecord:
    return GrantRecord(
        request_id=uuid.UUID(int=number),
        product=ProductRef(domain="sales", name="air_travel"),
        consumer="marketing",
        account_id=MARKETING,
        database="datamesh_sales_nrac",
        tables=("flights",),
        shown={"flights": ShownTable.model_validate({"filter": "f", "columns": ("origin", "month")} | shown)},
        principals=(ANALYST,),
        permissions=("SELECT",),
        granted_at=NOW,
    )


def tag_grant(expression: dict[str, tuple[str, ...]], **more: Any) -> TagGrantRecord:
    return TagGrantRecord(
        request_id=uuid.UUID(int=9),
        consumer="marketing",
        account_id=MARKETING,
        expression=expression,
        principals=(ANALYST,),
        granted_at=NOW,
        **more,
    )


def registered(spec: dict[str, Any] | None = None, **more: Any) -> Registered:
    """Return a product out of a registry in which it was really registered."""
    central = central_with("sales", "marketing", product=spec or product_spec(flights(), table_spec("planes")))
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    tables = central.registry.tables("sales", "air_travel")
    tagged = more.pop("tagged", None)
    index = more.pop("index", None)
    if tagged is not None:
        tables = [table.model_copy(update={"tagged": tagged}) for table in tables]
    if index is not None:
        tables = [_indexed(table, index) for table in tables]
    found = Registered.from_records(record, tables, sensitive_tags=SENSITIVE_TAGS, **more)
    assert found is not None
    return found


def _indexed(table: Any, found: list[IndexedColumn]) -> Any:
    index = TableIndex(
        stamp=table.stamp,
        columns=tuple(found),
        column_count=len(found),
        digest="",
        data_classification="internal",
        sensitive=False,
    )
    return table.model_copy(update={"index": index})


def said(
    wanted: ProductSpec, current: Registered | None = None
) -> list[tuple[str | None, str | None, str, str, bool, bool]]:
    return [
        (change.table, change.column, change.kind, change.what, change.breaking, change.refused)
        for change in changes_between(current or registered(), wanted)
    ]


def hit(change: ProductSpec, *grants: GrantRecord, **more: Any) -> dict[int, tuple[str, ...]]:
    current = registered(grants=grants, **more)
    found = affected_by(changes_between(current, change), current, change)
    return {each.request_id.int: each.tables for each in found}


def test_the_same_again_changes_nothing() -> None:
    assert said(product()) == []
    assert changes_between(Registered.from_spec(product()), product()) == ()


def test_of_a_new_product_all_tables_are_new() -> None:
    plan = product_plan(product(), None)
    assert not plan.exists
    assert [(change.kind, change.table, change.what) for change in plan.changes] == [
        ("added", "flights", "table"),
        ("added", "planes", "table"),
    ]
    assert not plan.breaking


def test_a_product_that_has_left_is_new() -> None:
    central = central_with("sales", product=product_spec())
    record = central.registry.product("sales", "air_travel")
    assert record is not None
    assert Registered.from_records(record.model_copy(update={"status": "DEREGISTERED"}), []) is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (product(flights()), [("planes", None, "changed", "left out", False, False)]),
        (
            product(flights(), table_spec("planes"), table_spec("more")),
            [("more", None, "added", "table", False, False)],
        ),
        (product(description="Other"), [(None, None, "changed", "description", False, False)]),
        (product(classification="public"), [(None, None, "changed", "classification", False, False)]),
        (product(classification="restricted"), [(None, None, "changed", "classification", True, False)]),
        (product(classification=None), [(None, None, "changed", "classification", True, False)]),
        (product(pii=True), [(None, None, "changed", "pii", True, False)]),
        (product(pii=None), [(None, None, "changed", "pii", True, False)]),
        (product(access_mode="both"), [(None, None, "changed", "access mode", False, False)]),
        (product(access_mode="tbac"), [(None, None, "changed", "access mode", True, True)]),
        (
            product(flights(location="s3://a-bucket/p/other/"), table_spec("planes")),
            [("flights", None, "changed", "location", True, True)],
        ),
        (product(flights(format="csv"), table_spec("planes")), [("flights", None, "changed", "format", True, False)]),
        (
            product(flights(description="All"), table_spec("planes")),
            [("flights", None, "changed", "description", False, False)],
        ),
        (
            product(flights(columns=columns(email=None)), table_spec("planes")),
            [("flights", "email", "removed", "column", True, False)],
        ),
        (
            product(flights(columns=columns(more={"type": "int"})), table_spec("planes")),
            [("flights", "more", "added", "column", False, False)],
        ),
        (
            product(flights(columns=columns(email={"type": "int"})), table_spec("planes")),
            [("flights", "email", "changed", "type", True, False)],
        ),
        (
            product(flights(columns=columns(address={"type": "struct<zip:string,city:string>"})), table_spec("planes")),
            [("flights", "address", "changed", "type", False, False)],
        ),
        (product(flights(columns=columns(email={"type": "STRING"})), table_spec("planes")), []),
        (
            product(flights(columns=columns(email={"pii": True})), table_spec("planes")),
            [("flights", "email", "changed", "pii", True, False)],
        ),
        # A flag is never taken away by saying nothing.
        (product(flights(columns=columns(email={"pii": None})), table_spec("planes")), []),
        (
            product(
                flights(columns=columns(email={"comment": "Of the passenger", "examples": ["a@b"]})),
                table_spec("planes"),
            ),
            [
                ("flights", "email", "changed", "comment", False, False),
                ("flights", "email", "changed", "examples", False, False),
            ],
        ),
        (
            product(flights(partition_keys=[]), table_spec("planes")),
            [("flights", "month", "removed", "partition key", True, False)],
        ),
        (
            product(flights(partition_keys=[*KEYS, {"name": "day", "type": "int"}]), table_spec("planes")),
            [("flights", "day", "added", "partition key", True, False)],
        ),
        (product(flights(columns=[]), table_spec("planes")), [("flights", None, "changed", "columns", False, False)]),
    ],
)
def test_what_changes_and_what_of_it_breaks_somebody(wanted: ProductSpec, expected: list[Any]) -> None:
    assert said(wanted) == expected


def test_what_a_crawler_found_is_what_a_declaration_changes() -> None:
    found = [
        IndexedColumn(name="origin", type="string"),
        IndexedColumn(name="seats", type="bigint", pii=True),
    ]
    current = registered(product_spec(table_spec("flights")), index=found)
    wanted = product(table_spec("flights", columns=[{"name": "seats", "type": "int"}, {"name": "new"}]))
    assert said(wanted, current) == [
        ("flights", "seats", "changed", "type", True, False),
        ("flights", "new", "added", "column", False, False),
    ]
    # What nobody declared, nobody promised; and that it is flagged stays so.
    flagged = product(table_spec("flights", columns=[{"name": "seats", "pii": False}]))
    assert [(each.what, each.before, each.after) for each in changes_between(current, flagged)] == [
        ("pii", "yes", "no")
    ]


def test_what_is_sensitive_already_becomes_no_more_so() -> None:
    current = registered(product_spec(flights(), classification="confidential"))
    wanted = product(flights(columns=columns(email={"pii": True})), classification="restricted", pii=True)
    assert not any(change.breaking for change in changes_between(current, wanted))


# --- who is hit ---


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (product(flights(columns=columns(email={"pii": True})), table_spec("planes")), {2: ("flights",)}),
        (product(flights(columns=columns(email=None)), table_spec("planes")), {2: ("flights",), 3: ("flights",)}),
        (product(flights(columns=columns(**{"address.zip": {"pii": True}})), table_spec("planes")), {}),
        (product(classification="restricted"), {1: ("flights",), 2: ("flights",)}),
        (product(flights(format="csv"), table_spec("planes")), {1: ("flights",), 2: ("flights",), 3: ("flights",)}),
        (product(flights(), table_spec("planes", format="csv")), {}),
        (
            product(flights(partition_keys=[{**KEYS[0], "pii": True}]), table_spec("planes")),
            {1: ("flights",), 2: ("flights",), 3: ("flights",)},
        ),
        # What is refused happens to nobody.
        (product(flights(location="s3://a-bucket/p/other/"), table_spec("planes")), {}),
        (product(access_mode="tbac"), {}),
    ],
)
def test_by_name_it_hits_who_is_shown_it(wanted: ProductSpec, expected: dict[int, tuple[str, ...]]) -> None:
    grants = (
        grant(number=1),
        grant(number=2, columns=("origin", "email")),
        # What people approved stays visible; what is gone, is gone for them, too.
        grant(number=3, columns=("email",), approved=("email",)),
        grant(number=4, columns=()),
    )
    assert hit(wanted, *grants) == expected


def tagged(**own: dict[str, str]) -> TableTags:
    names = ("origin", "email", "month")
    return TableTags(database={"lob": "sales"}, table=OPEN, columns=own, column_names=names)


BY_TAG = product_spec(flights(), access_mode="tbac", tags=OPEN)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (product(flights(), access_mode="tbac", tags=OPEN), {}),
        (product(flights(), access_mode="tbac", tags={}), {9: ("flights",)}),
        (product(flights(), access_mode="tbac", tags={**OPEN, "zone": "eu"}), {}),
        (product(flights(tags=CLOSED), access_mode="tbac", tags=OPEN), {9: ("flights",)}),
        (product(flights(columns=columns(email={"tags": CLOSED})), access_mode="tbac", tags=OPEN), {9: ("flights",)}),
        (product(flights(columns=columns(email={"pii": True})), access_mode="tbac", tags=OPEN), {9: ("flights",)}),
        (product(flights(columns=columns(email={"type": "int"})), access_mode="tbac", tags=OPEN), {9: ("flights",)}),
    ],
)
def test_by_tag_it_hits_whose_expression_matches_no_more(wanted: ProductSpec, expected: dict[int, Any]) -> None:
    grants = (
        tag_grant({"confidentiality": ("non-sensitive",)}),
        # Of another domain's data, and the own one's.
        tag_grant({"lob": ("finance",)}).model_copy(update={"request_id": uuid.UUID(int=8)}),
        tag_grant({"lob": ("sales",)}).model_copy(update={"request_id": uuid.UUID(int=7), "consumer": "sales"}),
    )
    assert hit(wanted, spec=BY_TAG, tagged=tagged(), tag_grants=grants) == expected


def test_what_people_approved_by_tag_stays() -> None:
    wanted = product(flights(columns=columns(email={"pii": True})), access_mode="tbac", tags=OPEN)
    approved = tag_grant({"confidentiality": ("non-sensitive",)}, approved=("datamesh_sales_tbac.flights.email",))
    assert hit(wanted, spec=BY_TAG, tagged=tagged(), tag_grants=(approved,)) == {}


def test_a_sensitive_tag_holds_back_from_grants_by_name_too() -> None:
    both = product_spec(flights(), access_mode="both", tags=OPEN)
    wanted = product(flights(columns=columns(email={"tags": CLOSED})), access_mode="both", tags=OPEN)
    assert hit(wanted, grant(columns=("email",)), grant(number=2), spec=both) == {1: ("flights",)}


def test_the_plan_names_consumers_in_order_with_their_principals() -> None:
    wanted = product(classification="restricted")
    plan = product_plan(wanted, registered(grants=(grant(number=2), grant(number=1))))
    assert plan.exists
    assert plan.breaking
    assert [(each.consumer, each.request_id.int, each.principals) for each in plan.affected] == [
        ("marketing", 1, (ANALYST,)),
        ("marketing", 2, (ANALYST,)),
    ]
    assert isinstance(plan.changes[0], SchemaChange)
