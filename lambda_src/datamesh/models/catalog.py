"""Databases, tables and resource links of the Glue Data Catalog as values that can be compared."""

from typing import Any

from pydantic import Field

from datamesh.models.base import Model

# The names that existing tools of this field use for parameters in the catalog.
DATA_OWNER = "data_owner"
DATA_OWNER_NAME = "data_owner_name"
PII_FLAG = "pii_flag"
ACCESS_MODE = "access_mode"
CLASSIFICATION = "classification"
DATA_CLASSIFICATION = "data_classification"
DATA_PRODUCT = "data_product"


class CatalogColumn(Model):
    """A column or partition key."""

    name: str
    type: str = "string"
    comment: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)


class LinkTarget(Model):
    """The table that a resource link points to."""

    catalog_id: str
    database: str
    name: str


class DatabaseTarget(Model):
    """The database that a resource link points to."""

    catalog_id: str
    name: str


class CatalogDatabase(Model):
    """A database, or a resource link to one."""

    name: str
    description: str | None = None
    location: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    target: DatabaseTarget | None = None


class CatalogTable(Model):
    """A table. What the mesh does not manage travels along in `other` and `other_storage`, so that nothing is lost."""

    name: str
    description: str | None = None
    location: str | None = None
    table_type: str | None = None
    parameters: dict[str, str] = Field(default_factory=dict)
    columns: tuple[CatalogColumn, ...] = ()
    partition_keys: tuple[CatalogColumn, ...] = ()
    target: LinkTarget | None = None
    other_storage: dict[str, Any] = Field(default_factory=dict, description="Rest of StorageDescriptor.")
    other: dict[str, Any] = Field(default_factory=dict, description="Rest of TableInput.")
