"""What a command may look like."""

from typing import Any

import pytest
from pydantic import ValidationError

from datamesh.models.commands import MAX_TABLES, DeregisterDataDomain, ProductSpec, TableSpec
from tests.support.central_commands import product_spec, table_spec


def column(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": "string"} | more


def test_fields_of_structs_speak_of_a_column() -> None:
    spec = TableSpec.model_validate(table_spec("flights", columns=[column("origin"), column("origin.owner", pii=True)]))
    assert spec.columns[1].pii


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Flights"},
        {"name": "1flights"},
        {"name": "fl-ights"},
        {"name": "f" * 64},
        {"name": "flights\n"},
        {"format": "orc"},
        {"location": "s3://bucket/no-slash"},
        {"location": "s3://Bucket/x/"},
        {"location": "https://bucket/x/"},
        {"location": "s3://bucket/" + "x" * 700 + "/"},
        {"columns": [column("a"), column("a")]},
        {"columns": [column("a.b")]},
        {"columns": [column("A")]},
        {"columns": [column("a", comment="x" * 256)]},
        {"columns": [column("a", type="")]},
        {"columns": [column("a", type="string\nstring")]},
        {"columns": [column("month")], "partition_keys": [column("month")]},
        {"partition_keys": [column("a.b")]},
    ],
)
def test_a_table_that_cannot_be_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TableSpec.model_validate(table_spec("flights") | changes)


@pytest.mark.parametrize(
    "product",
    [
        product_spec(table_spec("flights"), table_spec("flights")),
        product_spec(*[table_spec(f"table_{number}") for number in range(MAX_TABLES + 1)]),
        product_spec(classification="secret"),
        product_spec(tables=[]),
        product_spec(name="Air Travel"),
    ],
    ids=["same name twice", "too many tables", "unknown classification", "no tables", "bad name"],
)
def test_a_product_that_cannot_be_is_refused(product: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ProductSpec.model_validate(product)


def test_a_product_may_say_nothing_of_its_sensitivity() -> None:
    spec = ProductSpec.model_validate({"name": "p", "description": "d", "tables": [table_spec("t")]})
    assert (spec.classification, spec.pii) == (None, None)


@pytest.mark.parametrize("domain", ["sales_nrac", "sales_tbac"])
def test_a_domain_is_not_named_like_a_database_of_another(domain: str) -> None:
    with pytest.raises(ValidationError, match="must not end in _nrac or _tbac"):
        DeregisterDataDomain(domain=domain)
    assert DeregisterDataDomain(domain="nrac_sales").domain == "nrac_sales"
