"""Digests of schemas."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.schemas import column_count, schema_digest
from datamesh.models.catalog import CatalogColumn, CatalogTable

TABLE = CatalogTable(
    name="flights",
    columns=(CatalogColumn(name="year", type="int"), CatalogColumn(name="carrier", type="string")),
    partition_keys=(CatalogColumn(name="month", type="int"),),
)


@pytest.mark.parametrize(
    "change",
    [
        {"columns": TABLE.columns[:1]},
        {"columns": TABLE.columns[::-1]},
        {"columns": (*TABLE.columns, CatalogColumn(name="new"))},
        {"columns": (CatalogColumn(name="year", type="bigint"), TABLE.columns[1])},
        {"columns": (CatalogColumn(name="jahr", type="int"), TABLE.columns[1])},
        {"columns": (*TABLE.columns, *TABLE.partition_keys), "partition_keys": ()},
    ],
)
def test_the_digest_changes_with_the_schema(change: dict[str, object]) -> None:
    assert schema_digest(TABLE.model_copy(update=change)) != schema_digest(TABLE)


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), st.text(max_size=9))
def test_the_digest_changes_with_nothing_else(parameters: dict[str, str], text: str) -> None:
    columns = tuple(column.model_copy(update={"comment": text, "parameters": parameters}) for column in TABLE.columns)
    same = TABLE.model_copy(update={"name": text, "columns": columns, "parameters": parameters, "location": text})
    assert schema_digest(same) == schema_digest(TABLE)


def test_partition_keys_are_columns_too() -> None:
    assert column_count(TABLE) == 3
