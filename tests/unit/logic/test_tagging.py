"""Setting LF-tags: nobody sees on the way what they see neither before nor after; and the events that tell of it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.table_records import MAX_TAGGED_BYTES
from datamesh.logic.tag_events import MAX_BYTES, pack, telling
from datamesh.logic.tagging import Tagging, World, declared_tags
from datamesh.logic.tags import effective, matches
from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable
from datamesh.models.commands import ProductSpec, TableSpec
from datamesh.models.events import Metadata
from datamesh.models.facts import AccessChange, DataProductTagsChanged, StandingTagGrant, TaggedTable
from datamesh.models.registry import ProductContent, ProductRecord, Save, Stamp, TableRecord
from datamesh.models.tags import TableTags
from tests.support.central import RULES
from tests.support.central_commands import CENTRAL, MARKETING, NOW, SALES, product_spec, table_spec
from tests.support.central_fakes import FakeCatalog, FakeLakeFormation, FakeLfTags, FakeRegistry

DATABASE, KEYS, VALUES, COLUMNS = "datamesh_sales_tbac", "kl", "xy", ("a", "b")
CAUSE = Metadata(event_id=uuid.UUID(int=1), correlation_id=uuid.UUID(int=2), occurred_at=NOW)
STAMP = Stamp(occurred_at=NOW, event_id=CAUSE.event_id)
TAGS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES))
OF_COLUMNS = st.fixed_dictionaries(dict.fromkeys(COLUMNS, TAGS)).map(
    lambda columns: {name: tags for name, tags in columns.items() if tags}
)
EXPRESSIONS = [
    {key: values for key, values in zip(KEYS, chosen, strict=True) if values}
    for chosen in product([(), ("x",), ("y",), ("x", "y")], repeat=len(KEYS))
    if any(chosen)
]


class WatchedLfTags(FakeLfTags):
    """LF-tags that remember every state in between, each resource changing in one call."""

    def __init__(self, catalog: FakeCatalog) -> None:
        super().__init__(catalog)
        self.known = {key: set(VALUES) for key in KEYS}
        self.states: list[TableTags] = []

    def _set(
        self, kept: dict[Any, dict[str, str]], what: Any, wanted: Mapping[str, str], name: tuple[str, ...]
    ) -> None:
        super()._set(kept, what, wanted, name)
        self.states.append(self.table_tags(DATABASE, "t").model_copy(update={"column_names": COLUMNS}))


def watched() -> tuple[WatchedLfTags, Tagging]:
    """Return a table with two columns, and what sets its tags."""
    catalog = FakeCatalog(FakeLakeFormation())
    catalog.databases[DATABASE] = CatalogDatabase(name=DATABASE)
    columns = tuple(CatalogColumn(name=name) for name in COLUMNS)
    catalog.tables[DATABASE, "t"] = CatalogTable(name="t", columns=columns)
    lf_tags = WatchedLfTags(catalog)
    return lf_tags, Tagging(World(FakeRegistry(), catalog, lf_tags), RULES, account_id=CENTRAL)


def readers(tags: TableTags) -> set[tuple[int, str]]:
    """Return who reads which column; `*` stands for the table itself. Readers are numbers of expressions."""
    return {
        (number, column or "*")
        for number, expression in enumerate(EXPRESSIONS)
        for column in (*COLUMNS, None)
        if matches(expression, effective(tags, column))
    }


@given(TAGS, TAGS, OF_COLUMNS, TAGS, OF_COLUMNS)
def test_on_the_way_nobody_reads_what_they_read_neither_before_nor_after(
    database: dict[str, str],
    table: dict[str, str],
    columns: dict[str, dict[str, str]],
    wanted_table: dict[str, str],
    wanted_columns: dict[str, dict[str, str]],
) -> None:
    lf_tags, tagging = watched()
    lf_tags.set_database_tags(DATABASE, database)
    lf_tags.set_table_tags(DATABASE, "t", table)
    lf_tags.set_column_tags(DATABASE, "t", columns)
    lf_tags.states.clear()
    before = TableTags(database=database, table=table, columns=columns, column_names=COLUMNS)
    after = TableTags(database=database, table=wanted_table, columns=wanted_columns, column_names=COLUMNS)
    changed = tagging.apply(DATABASE, "t", before, after)
    assert changed == (before != after)
    found = lf_tags.table_tags(DATABASE, "t")
    assert (found.table, found.columns) == (wanted_table, wanted_columns)
    for state in lf_tags.states:
        assert readers(state) <= readers(before) | readers(after)


def test_what_is_so_already_is_not_touched() -> None:
    lf_tags, tagging = watched()
    tags = TableTags(table={"k": "x"}, columns={"a": {"l": "y"}}, column_names=COLUMNS)
    assert tagging.apply(DATABASE, "t", tags, tags) is False
    assert lf_tags.states == []


def test_only_columns_in_the_catalog_get_declared_tags() -> None:
    columns = [{"name": "a", "tags": {"k": "x"}}, {"name": "b", "tags": {"k": "y"}}]
    spec = TableSpec.model_validate(table_spec("t", columns=columns, tags={"l": "y"}))
    content = ProductContent(
        description="d", classification="internal", pii=False, tags={"k": "y", "l": "x"}, stamp=STAMP
    )
    found = declared_tags({"lob": "sales"}, content, spec, ["b", "c"])
    assert found == TableTags(
        database={"lob": "sales"},
        table={"k": "y", "l": "y"},
        columns={"b": {"k": "y"}},
        column_names=("b", "c"),
    )


def test_of_a_very_wide_table_as_many_columns_are_followed_as_fit() -> None:
    registry, catalog = FakeRegistry(), FakeCatalog(FakeLakeFormation())
    catalog.databases[DATABASE] = CatalogDatabase(name=DATABASE)
    columns = tuple(CatalogColumn(name=f"{'wide' * 20}_{number}") for number in range(2_000))
    catalog.tables[DATABASE, "flights"] = CatalogTable(name="flights", columns=columns)
    tagging = Tagging(World(registry, catalog, FakeLfTags(catalog)), RULES, account_id=CENTRAL)
    spec = ProductSpec.model_validate(product_spec(access_mode="tbac"))
    record = ProductRecord(
        status="REGISTERED",
        stamp=STAMP,
        execution_id="one",
        lease_expires_at=NOW,
        updated_at=NOW,
        domain="sales",
        name="air_travel",
        account_id=SALES,
        database="datamesh_sales_nrac",
        tag_database=DATABASE,
        access_mode="tbac",
        content=ProductContent(description="d", classification="internal", pii=False, stamp=STAMP),
    )
    registry.write([Save(record)])
    table = TableRecord(domain="sales", product="air_travel", name="flights", spec=spec.tables[0], stamp=STAMP)
    registry.write([Save(table)])
    assert tagging.record(record, STAMP, NOW, guard=record) == ["flights"]
    assert tagging.record(record, STAMP, NOW, guard=record) == []
    [found] = registry.tables("sales", "air_travel")
    assert found.tagged is not None
    assert 0 < len(found.tagged.column_names) < 2_000
    assert len(found.tagged.model_dump_json()) < MAX_TAGGED_BYTES + 1_000


# --- events ---


def fact(tables: int = 1, changes: int = 0, grants: int = 0, columns: int = 0) -> DataProductTagsChanged:
    """Return a fact of any size."""
    principals = tuple(f"arn:aws:iam::{MARKETING}:role/{'analyst' * 10}-{number}" for number in range(20))
    own = {f"column_{number}": {"confidentiality": "sensitive"} for number in range(columns)}
    return DataProductTagsChanged(
        domain="sales",
        product="air_travel",
        catalog_account=CENTRAL,
        database=DATABASE,
        tables=tuple(TaggedTable(name=f"t_{number}", tags={"lob": "sales"}, columns=own) for number in range(tables)),
        changes=tuple(
            AccessChange(consumer="marketing", principals=principals, table=f"t_{number}", effect="gained")
            for number in range(changes)
        ),
        grants=tuple(
            StandingTagGrant(request_id=uuid.UUID(int=number), expression={"lob": ("sales",)}, principals=principals)
            for number in range(grants)
        ),
    )


def packed(whole: DataProductTagsChanged) -> list[DataProductTagsChanged]:
    """Return what the events say that a fact is cut into; all have different ids."""
    entries = pack(whole, cause=CAUSE, now=NOW, account=MARKETING)
    assert len({entry.detail["metadata"]["event_id"] for entry in entries}) == len(entries)
    assert all(entry.detail["metadata"]["target_account"] == MARKETING for entry in entries)
    assert all(len(entry.model_dump_json()) < 256 * 1024 for entry in entries)
    return [DataProductTagsChanged.model_validate(entry.detail["data"]) for entry in entries]


def test_what_fits_into_one_event_is_one_event() -> None:
    whole = fact(tables=100, changes=10, grants=3)
    assert packed(whole) == [whole]


def test_what_does_not_fit_is_said_in_several_events_and_nothing_is_lost() -> None:
    whole = fact(tables=100, changes=400, grants=200, columns=100)
    pieces = packed(whole)
    assert len(pieces) > 1
    for part in ("tables", "changes", "grants"):
        assert tuple(row for piece in pieces for row in getattr(piece, part)) == getattr(whole, part)


def test_of_a_table_that_does_not_fit_its_columns_are_left_out() -> None:
    [piece] = packed(fact(tables=1, columns=MAX_BYTES // 40))
    assert (piece.tables[0].name, piece.tables[0].columns) == ("t_0", {})


@pytest.mark.parametrize(("told", "batch", "outcome"), [(0, 10, "more"), (10, 2, "more"), (12, 0, "told")])
def test_all_is_told_a_few_at_a_time(told: int, batch: int, outcome: str) -> None:
    entries = [entry for number in range(12) for entry in pack(fact(), cause=CAUSE, now=NOW, account=f"{number:012}")]
    result = telling(entries, told)
    assert (result["outcome"], result["told"], len(result["entries"])) == (outcome, told + batch, batch)
    assert result["entries"] == [entry.to_json() for entry in entries[told : told + batch]]


def test_no_more_is_told_at_once_than_one_call_takes() -> None:
    entries = pack(fact(changes=1_000), cause=CAUSE, now=NOW, account=MARKETING)
    assert len(telling(entries, 0)["entries"]) == 1
