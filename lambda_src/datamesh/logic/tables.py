"""How a declared table looks in the catalog, and how it is brought there without losing what others wrote."""

from collections.abc import Sequence
from typing import Literal

from datamesh.models.catalog import (
    CLASSIFICATION,
    DATA_CLASSIFICATION,
    DATA_OWNER,
    DATA_PRODUCT,
    PII_FLAG,
    CatalogColumn,
    CatalogTable,
)
from datamesh.models.commands import Column, PartitionKey, TableFormat, TableSpec
from datamesh.models.errors import LocationChanged, TableOwnedByAnother
from datamesh.models.facts import TableOutcome
from datamesh.models.registry import ProductContent, ProductRecord

Action = Literal["create", "update", "keep"]
OUTCOMES: dict[Action, TableOutcome] = {"create": "created", "update": "updated", "keep": "unchanged"}
HIVE = "org.apache.hadoop"
# Input format, output format, serialisation library and its parameters, as Glue's own crawlers write them.
# https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
STORAGE: dict[TableFormat, tuple[str, str, str, dict[str, str]]] = {
    "parquet": (
        f"{HIVE}.hive.ql.io.parquet.MapredParquetInputFormat",
        f"{HIVE}.hive.ql.io.parquet.MapredParquetOutputFormat",
        f"{HIVE}.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        {"serialization.format": "1"},
    ),
    "csv": (
        f"{HIVE}.mapred.TextInputFormat",
        f"{HIVE}.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        f"{HIVE}.hive.serde2.lazy.LazySimpleSerDe",
        {"field.delim": ","},
    ),
    "json": (
        f"{HIVE}.mapred.TextInputFormat",
        f"{HIVE}.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        "org.openx.data.jsonserde.JsonSerDe",
        {},
    ),
}
FORMAT_PARAMETERS: dict[TableFormat, dict[str, str]] = {
    "parquet": {},
    "csv": {"skip.header.line.count": "1", "delimiter": ","},
    "json": {},
}


def flag(pii: bool) -> str:
    """Return a flag as parameter value."""
    return "true" if pii else "false"


def new_table(product: ProductRecord, content: ProductContent, spec: TableSpec) -> CatalogTable:
    """Return a declared table as it is created. It has no columns where none were declared: the crawler finds them."""
    empty = CatalogTable(name=spec.name, table_type="EXTERNAL_TABLE")
    return overlay(empty, product, content, spec, declared_anew=True)


def overlay(
    table: CatalogTable, product: ProductRecord, content: ProductContent, spec: TableSpec, *, declared_anew: bool
) -> CatalogTable:
    """Return a table with what was declared laid over it.

    Columns that nobody declared, and parameters of others, stay: the crawler found them. Declared types, the format and
    the description are written only when the declaration is new, because since the last one a crawl may have
    found better. A flag is never taken away by saying nothing.
    """
    parameters = {
        **table.parameters,
        DATA_OWNER: product.account_id,
        DATA_PRODUCT: product.name,
    }
    if content.classification is not None:
        parameters[DATA_CLASSIFICATION] = content.classification
    elif DATA_CLASSIFICATION in parameters:
        del parameters[DATA_CLASSIFICATION]
    if content.pii is not None:
        parameters[PII_FLAG] = flag(content.pii)
    storage = dict(table.other_storage)
    if declared_anew:
        input_format, output_format, library, library_parameters = STORAGE[spec.format]
        parameters |= {CLASSIFICATION: spec.format, **FORMAT_PARAMETERS[spec.format]}
        storage |= {
            "InputFormat": input_format,
            "OutputFormat": output_format,
            "SerdeInfo": {"SerializationLibrary": library, "Parameters": library_parameters},
        }
    return table.model_copy(
        update={
            "location": spec.location,
            "description": spec.description if declared_anew else table.description,
            "parameters": parameters,
            "columns": _columns(table.columns, spec.columns, declared_anew),
            "partition_keys": _columns(table.partition_keys, spec.partition_keys, declared_anew),
            "other_storage": storage,
        }
    )


def decide(
    found: CatalogTable | None,
    product: ProductRecord,
    content: ProductContent,
    spec: TableSpec,
    *,
    declared_anew: bool,
) -> tuple[Action, CatalogTable]:
    """Decide what to do about one table, given what the catalog has of that name.

    Raises TableOwnedByAnother or LocationChanged when that is not this product's table: it is never overwritten.
    """
    if found is None:
        return "create", new_table(product, content, spec)
    owner = (found.parameters.get(DATA_OWNER), found.parameters.get(DATA_PRODUCT))
    if owner != (product.account_id, product.name):
        raise TableOwnedByAnother(f"The catalog has a table {spec.name} of another owner or product")
    # One without a location was left behind before it had its tags.
    if found.location and found.location.rstrip("/") != spec.location.rstrip("/"):
        raise LocationChanged(f"{spec.name} is in the catalog at {found.location}, not at {spec.location}")
    wanted = overlay(found, product, content, spec, declared_anew=declared_anew)
    same = bool(found.location) and wanted.model_copy(update={"location": found.location}) == found
    return ("keep", found) if same else ("update", wanted)


def _columns(
    found: tuple[CatalogColumn, ...], declared: Sequence[Column | PartitionKey], declared_anew: bool
) -> tuple[CatalogColumn, ...]:
    columns = {column.name: column for column in found}
    for said in declared:
        root, _, path = said.name.partition(".")
        column = columns.get(root)
        if path:
            # A field inside a struct has no entry of its own in the catalog; its flag stands at its column.
            if column is not None and said.pii is not None:
                columns[root] = _with_parameter(column, f"{path}.{PII_FLAG}", flag(said.pii))
            continue
        if column is None and (not declared_anew or said.type is None):
            # Nobody knows its type yet: the crawler will find it.
            continue
        if column is None:
            column = CatalogColumn(name=root, type=said.type or "string")
        elif declared_anew and said.type is not None:
            column = column.model_copy(update={"type": said.type})
        comment = said.comment if isinstance(said, Column) else None
        if declared_anew and comment is not None:
            column = column.model_copy(update={"comment": comment})
        columns[root] = column if said.pii is None else _with_parameter(column, PII_FLAG, flag(said.pii))
    return tuple(columns.values())


def _with_parameter(column: CatalogColumn, name: str, value: str) -> CatalogColumn:
    return column.model_copy(update={"parameters": {**column.parameters, name: value}})
