"""Schemas of tables, made comparable."""

import hashlib
import json

from datamesh.models.catalog import CatalogTable


def schema_digest(table: CatalogTable) -> str:
    """Return a digest that changes when a column or partition key, its type or its place does, and only then."""
    schema = [
        [[column.name.lower(), column.type.lower()] for column in columns]
        for columns in (table.columns, table.partition_keys)
    ]
    return hashlib.sha256(json.dumps(schema, separators=(",", ":")).encode()).hexdigest()


def column_count(table: CatalogTable) -> int:
    """Return the number of columns, partition keys included."""
    return len(table.columns) + len(table.partition_keys)
