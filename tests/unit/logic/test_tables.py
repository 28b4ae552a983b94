"""How a declaration is laid over what the catalog has."""

from typing import Any

import pytest

from datamesh.logic.tables import decide, new_table, overlay
from datamesh.models.catalog import CatalogColumn
from datamesh.models.commands import TableSpec
from datamesh.models.errors import LocationChanged, TableOwnedByAnother
from datamesh.models.registry import ProductContent, ProductRecord
from tests.support.central import central_with
from tests.support.central_commands import SALES, product_spec, table_spec


@pytest.fixture(scope="module")
def product() -> ProductRecord:
    record = central_with("sales", product=product_spec()).registry.product("sales", "air_travel")
    assert record is not None
    return record


@pytest.fixture
def content(product: ProductRecord) -> ProductContent:
    assert product.content is not None
    return product.content


def spec(**changes: Any) -> TableSpec:
    return TableSpec.model_validate(table_spec("flights") | changes)


@pytest.mark.parametrize(
    ("table_format", "library", "parameters"),
    [
        ("parquet", "ParquetHiveSerDe", {}),
        ("csv", "LazySimpleSerDe", {"skip.header.line.count": "1", "delimiter": ","}),
        ("json", "JsonSerDe", {}),
    ],
)
def test_a_format_has_its_serialisation(
    product: ProductRecord, content: ProductContent, table_format: str, library: str, parameters: dict[str, str]
) -> None:
    table = new_table(product, content, spec(format=table_format))
    assert table.other_storage["SerdeInfo"]["SerializationLibrary"].endswith(library)
    assert table.parameters["classification"] == table_format
    assert parameters.items() <= table.parameters.items()
    assert (table.table_type, table.columns) == ("EXTERNAL_TABLE", ())


def test_an_undecided_product_leaves_its_table_unclassified(product: ProductRecord, content: ProductContent) -> None:
    undecided = content.model_copy(update={"classification": None, "pii": None})
    parameters = new_table(product, undecided, spec()).parameters
    assert "data_classification" not in parameters
    assert "pii_flag" not in parameters


def test_a_new_table_is_created_and_an_equal_one_kept(product: ProductRecord, content: ProductContent) -> None:
    action, table = decide(None, product, content, spec(), declared_anew=True)
    assert action == "create"
    assert decide(table, product, content, spec(), declared_anew=True) == ("keep", table)
    without_slash = table.model_copy(update={"location": (table.location or "").rstrip("/")})
    assert decide(without_slash, product, content, spec(), declared_anew=False) == ("keep", without_slash)


@pytest.mark.parametrize("parameters", [{}, {"data_owner": SALES}, {"data_owner": "333333333333"}])
def test_a_table_of_another_is_never_touched(
    product: ProductRecord, content: ProductContent, parameters: dict[str, str]
) -> None:
    found = new_table(product, content, spec()).model_copy(update={"parameters": parameters})
    with pytest.raises(TableOwnedByAnother):
        decide(found, product, content, spec(), declared_anew=True)


def test_a_table_elsewhere_is_never_touched(product: ProductRecord, content: ProductContent) -> None:
    found = new_table(product, content, spec()).model_copy(update={"location": "s3://elsewhere/flights/"})
    with pytest.raises(LocationChanged):
        decide(found, product, content, spec(), declared_anew=True)


@pytest.mark.parametrize("declared_anew", [True, False])
def test_a_table_that_has_no_location_yet_gets_it(
    product: ProductRecord, content: ProductContent, declared_anew: bool
) -> None:
    wanted = new_table(product, content, spec())
    found = wanted.model_copy(update={"location": None})
    assert decide(found, product, content, spec(), declared_anew=declared_anew) == ("update", wanted)


def test_a_declaration_adds_types_comments_and_flags(product: ProductRecord, content: ProductContent) -> None:
    found = new_table(product, content, spec()).model_copy(
        update={"columns": (CatalogColumn(name="carrier", type="string"), CatalogColumn(name="delay", type="bigint"))}
    )
    declared = spec(
        columns=[
            {"name": "carrier", "type": "varchar(2)", "comment": "Two letters", "pii": True},
            {"name": "origin", "type": "string"},
        ]
    )
    table = overlay(found, product, content, declared, declared_anew=True)
    assert table.columns == (
        CatalogColumn(name="carrier", type="varchar(2)", comment="Two letters", parameters={"pii_flag": "true"}),
        CatalogColumn(name="delay", type="bigint"),
        CatalogColumn(name="origin", type="string"),
    )


def test_an_old_declaration_restores_flags_and_nothing_else(product: ProductRecord, content: ProductContent) -> None:
    crawled = new_table(product, content, spec()).model_copy(
        update={"columns": (CatalogColumn(name="carrier", type="varchar(2)"),), "description": "found"}
    )
    declared = spec(
        columns=[
            {"name": "carrier", "type": "string", "comment": "old", "pii": True},
            {"name": "gone", "type": "string"},
        ]
    )
    table = overlay(crawled, product, content, declared, declared_anew=False)
    assert table.columns == (CatalogColumn(name="carrier", type="varchar(2)", parameters={"pii_flag": "true"}),)
    assert table.description == "found"


def test_a_field_of_a_struct_is_flagged_at_its_column(product: ProductRecord, content: ProductContent) -> None:
    declared = spec(
        columns=[
            {"name": "booking", "type": "struct<person:struct<name:string>,seat:string>"},
            {"name": "booking.person.name", "type": "string", "pii": True},
            {"name": "booking.seat", "type": "string"},
        ]
    )
    [column] = new_table(product, content, declared).columns
    assert column.parameters == {"person.name.pii_flag": "true"}
    bare = new_table(product, content, spec())
    assert overlay(bare, product, content, declared, declared_anew=False).columns == ()
