"""What the search index holds of a product, out of its records."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from datamesh.logic.search.documents import MAX_COLUMNS, document_of, sequence_of, state_of
from datamesh.models.registry import (
    DomainRecord,
    IndexedColumn,
    ProductContent,
    ProductRecord,
    Stamp,
    TableIndex,
    TableRecord,
)
from datamesh.models.search import RemovedProduct, SearchColumn, SearchDocument
from datamesh.models.tags import TableTags
from tests.support.central_commands import SALES, config_of, table_spec

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
STAMP = Stamp(occurred_at=NOW, event_id=uuid.UUID(int=1))
WORK: dict[str, Any] = {
    "stamp": STAMP,
    "execution_id": "e",
    "lease_expires_at": NOW,
    "updated_at": NOW,
    "domain": "sales",
    "account_id": SALES,
    "status": "REGISTERED",
}
CONTENT = ProductContent(description="Flights", classification="internal", pii=False, stamp=STAMP)
DOMAIN = DomainRecord.model_validate(
    {
        **WORK,
        "secret_arn": "arn",
        "config": config_of("sales", product_owners=[{"email": "ann@sales.example", "name": "Ann"}]),
        "tags": {"region": "eu"},
    }
)
INDEX = TableIndex(
    stamp=STAMP,
    columns=(IndexedColumn(name="id", type="bigint"), IndexedColumn(name="carrier", type="string", comment="IATA")),
    column_count=2,
    digest="d",
    data_classification="internal",
    sensitive=False,
)


def product(**fields: Any) -> ProductRecord:
    known = {**WORK, "name": "air_travel", "database": "datamesh_sales_nrac", "content": CONTENT, "registered_at": NOW}
    return ProductRecord.model_validate(known | fields)


def table(name: str = "flights", index: TableIndex | None = INDEX, **fields: Any) -> TableRecord:
    spec = {key: fields.pop(key) for key in tuple(fields) if key in {"columns", "tags", "format", "description"}}
    return TableRecord.model_validate(
        {
            "domain": "sales",
            "product": "air_travel",
            "name": name,
            "spec": table_spec(name, **spec),
            "stamp": STAMP,
            "index": index,
            **fields,
        }
    )


def document(*tables: TableRecord, domain: DomainRecord | None = DOMAIN, **fields: Any) -> SearchDocument:
    found = document_of(product(**fields), tables or (table(),), domain)
    assert found is not None
    return found


def test_a_product_is_found_by_what_was_declared_and_what_the_catalog_says() -> None:
    found = document(table(description="One row per flight"), table("airports", format="csv"), version=3)
    assert found == SearchDocument(
        domain="sales",
        name="air_travel",
        description="Flights",
        classification="internal",
        pii=False,
        sensitive=False,
        access_mode="nrac",
        formats=("csv", "parquet"),
        owners=("ann@sales.example",),
        tables=("flights", "airports"),
        table_descriptions=("One row per flight",),
        columns=(
            SearchColumn(table="flights", name="id"),
            SearchColumn(table="flights", name="carrier", comment="IATA"),
            SearchColumn(table="airports", name="id"),
            SearchColumn(table="airports", name="carrier", comment="IATA"),
        ),
        registered_at=NOW,
        sequence=found.sequence,
    )


def test_what_nobody_has_classified_is_unclassified_and_sensitive() -> None:
    found = document(content=CONTENT.model_copy(update={"classification": None}))
    assert (found.classification, found.sensitive) == ("unclassified", True)


@pytest.mark.parametrize(
    ("tables", "fields"),
    [
        ((table(index=INDEX.model_copy(update={"sensitive": True})),), {}),
        ((table(), table("airports", index=None)), {}),
        ((table(columns=[{"name": "id", "type": "bigint", "pii": True}]),), {}),
        ((table(),), {"content": CONTENT.model_copy(update={"classification": "restricted"})}),
        ((table(),), {"content": CONTENT.model_copy(update={"pii": None})}),
        ((table(),), {"pending": CONTENT.model_copy(update={"pii": True})}),
    ],
    ids=["found", "not looked at", "declared column", "classified", "not said", "about to be"],
)
def test_whatever_makes_it_sensitive_makes_it_so(tables: tuple[TableRecord, ...], fields: dict[str, Any]) -> None:
    assert document(*tables, **fields).sensitive


def test_columns_that_are_only_declared_are_found_too() -> None:
    columns = [
        {"name": "carrier", "type": "string", "comment": "declared"},
        {"name": "delay", "type": "bigint", "comment": "Minutes"},
        {"name": "delay.reason"},
    ]
    found = document(table(columns=columns)).columns
    assert [(column.name, column.comment) for column in found] == [
        ("id", None),
        ("carrier", "IATA"),
        ("delay", "Minutes"),
        ("delay.reason", None),
    ]


def test_of_very_many_columns_the_first_ones_are_found() -> None:
    columns = tuple(IndexedColumn(name=f"c{number}", type="string") for number in range(2_000))
    tables = [table(f"t{number}", index=INDEX.model_copy(update={"columns": columns})) for number in range(3)]
    found = document(*tables).columns
    assert len(found) == MAX_COLUMNS
    assert found[-1] == SearchColumn(table="t2", name="c999")


DECLARED: dict[str, Any] = {
    "tags": {"layer": "gold"},
    "columns": [{"name": "id", "type": "bigint", "tags": {"secrecy": "high"}}],
}


def test_before_the_catalog_has_tags_the_declared_ones_count() -> None:
    content = CONTENT.model_copy(update={"tags": {"layer": "silver", "team": "ops"}})
    found = document(table(index=None, **DECLARED), content=content, access_mode="tbac")
    assert found.tags == ("layer=gold", "region=eu", "secrecy=high", "team=ops")


def test_what_the_catalog_has_counts_more_than_what_is_declared() -> None:
    column = IndexedColumn(name="id", type="bigint", tags={"secrecy": "low"})
    index = INDEX.model_copy(update={"tags": {"lob": "sales"}, "columns": (column,)})
    assert document(table(index=index, **DECLARED)).tags == ("lob=sales", "secrecy=low")
    truncated = index.model_copy(update={"truncated": True})
    assert document(table(index=truncated, **DECLARED)).tags == ("lob=sales", "secrecy=high", "secrecy=low")


def test_what_the_mesh_has_assigned_counts_most() -> None:
    tagged = TableTags(
        database={"lob": "sales", "layer": "silver"}, table={"layer": "gold"}, columns={"id": {"secrecy": "none"}}
    )
    assert document(table(tagged=tagged, **DECLARED)).tags == ("layer=gold", "lob=sales", "secrecy=none")


@pytest.mark.parametrize("status", ["REGISTERED", "REGISTERING", "FAILED"])
def test_what_is_in_force_is_found_whatever_is_being_done(status: str) -> None:
    assert document(status=status).description == "Flights"


@pytest.mark.parametrize(
    "fields",
    [{"content": None, "status": "REGISTERING"}, {"status": "DEREGISTERING"}, {"status": "DEREGISTERED"}],
)
def test_what_is_not_in_force_is_not_found(fields: dict[str, Any]) -> None:
    assert document_of(product(**fields), (table(),), DOMAIN) is None
    change = state_of(DOMAIN, product(**fields), (table(),), named=("sales", "air_travel"))
    assert isinstance(change, RemovedProduct)


def test_without_its_domain_a_product_is_not_found() -> None:
    left = DOMAIN.model_copy(update={"config": None, "status": "DEREGISTERED"})
    for domain in (None, left):
        change = state_of(domain, product(), (table(),), named=("sales", "air_travel"))
        assert isinstance(change, RemovedProduct)
    assert isinstance(state_of(DOMAIN, product(), (table(),), named=("sales", "air_travel")), SearchDocument)


def test_who_asks_only_what_may_be_found_needs_no_domain() -> None:
    assert document(domain=None).owners == ()


# --- Sequence ---


def test_of_nothing_the_sequence_is_zero() -> None:
    assert sequence_of(None, None, ()) == 0
    assert state_of(None, None, (), named=("sales", "nothing")) == RemovedProduct(
        domain="sales", name="nothing", sequence=0
    )


def test_any_version_makes_the_sequence_grow() -> None:
    before = sequence_of(DOMAIN, product(), [table()])
    assert sequence_of(DOMAIN.model_copy(update={"version": 2}), product(), [table()]) == before + 1
    assert sequence_of(DOMAIN, product(version=2), [table()]) == before + 1
    assert sequence_of(DOMAIN, product(), [table(version=2)]) == before + 1
    assert sequence_of(DOMAIN, product(), [table(), table("airports")]) == before + 1


def test_a_later_change_counts_more_than_any_number_of_versions() -> None:
    busy = sequence_of(DOMAIN, product(version=90_000_000), [table(version=90_000_000)])
    for record in (DOMAIN, product()):
        later = record.model_copy(update={"updated_at": NOW + timedelta(milliseconds=1)})
        domain = later if isinstance(later, DomainRecord) else None
        of_product = later if isinstance(later, ProductRecord) else None
        assert sequence_of(domain, of_product, ()) > busy


def test_the_sequence_is_one_that_databases_take() -> None:
    late = {"updated_at": datetime(2089, 1, 1, tzinfo=UTC), "version": 90_000_000}
    assert sequence_of(None, product(**late), ()) < 2**63
    assert sequence_of(None, product(updated_at=datetime(1970, 1, 1, tzinfo=UTC)), ()) == 1
