"""What fits into a table's record, however wide the table and whatever was said of it."""

from __future__ import annotations

from typing import Any

import pytest

from datamesh.aws.registry import record_to_item
from datamesh.models.catalog import CatalogColumn
from datamesh.models.registry import TableRecord
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import event, product_spec, register_product, table_spec

TBAC = "datamesh_sales_tbac"
WIDE = 2_000
OPEN, CLOSED = {"confidentiality": "non-sensitive"}, {"confidentiality": "sensitive"}


def declared(columns: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a product with one table that is shared by LF-tag."""
    return product_spec(table_spec("flights", columns=columns), access_mode="tbac", tags=OPEN)


def columns(**said: Any) -> list[dict[str, Any]]:
    """Return as many columns as a table may have."""
    return [{"name": f"c{number:04}"} | said for number in range(WIDE)]


def crawl(central: FakeCentral, minute: int) -> None:
    """Let a crawler find all columns, with long comments, and its producer say so."""
    found = central.catalog.tables[TBAC, "flights"]
    seen = tuple(CatalogColumn(name=f"c{number:04}", comment="x" * 200) for number in range(WIDE))
    central.catalog.tables[TBAC, "flights"] = found.model_copy(update={"columns": seen})
    tables = [{"name": "flights", "columns": WIDE, "digest": "d", "changed": True}]
    data = {"domain": "sales", "product": "air_travel", "access_mode": "tbac", "tables": tables}
    assert central.deliver(event("DataProductSchemaUpdated", data, minute=minute)).status == "SUCCEEDED"


def the_table(central: FakeCentral) -> TableRecord:
    """Return the table's record, which fits into the registry."""
    (table,) = central.registry.tables("sales", "air_travel")
    record_to_item(table)
    return table


@pytest.mark.parametrize("first", [columns(type="string", pii=False, tags=CLOSED), []], ids=["declared", "found"])
def test_a_very_wide_table_fits_into_a_record(first: list[dict[str, Any]]) -> None:
    central = central_with("sales", product=declared(first))
    the_table(central)
    crawl(central, 1)
    index = the_table(central).index
    assert index is not None
    assert (index.column_count, index.truncated) == (WIDE, True)
    # Saying more of it leaves less room for what was found.
    more = declared(columns(type="string", pii=False, tags=CLOSED))
    assert central.deliver(register_product(more, minute=2)).path[-1] in {"Product Registered", "Already Done"}
    the_table(central)
    crawl(central, 3)
    the_table(central)
