"""Products, as the API shows and takes them."""

import uuid
from typing import Annotated, Literal

from pydantic import Field

from datamesh.models.api.base import Page
from datamesh.models.base import AccountId, DomainName, Model, ProductName, TableName, UtcTime
from datamesh.models.commands import AccessMode, Classification, ProductRef, ProductSpec, TableFormat
from datamesh.models.facts import CrawlStatus
from datamesh.models.people import Person
from datamesh.models.tags import Tags

ProductStatus = Literal["REGISTERING", "REGISTERED", "FAILED", "DEREGISTERING", "DEREGISTERED"]
MAX_MANIFEST = 200_000


class ColumnView(Model):
    """A column as the catalog has it, or as it was declared where no crawler has seen it yet."""

    name: str
    type: str | None
    comment: str | None = None
    pii: bool | None = Field(None, description="null: nobody has said, which counts as sensitive.")
    partition_key: bool = False
    tags: dict[str, str] = Field(default_factory=dict)


class SampleRow(Model):
    """An example row of a table, out of its contract, by column. Only what the one who asks may read."""

    values: dict[str, str]


class TableView(Model):
    """A table of a product."""

    name: TableName
    description: str | None = None
    format: TableFormat
    location: str | None = Field(None, description="Owners of the product only.")
    columns: tuple[ColumnView, ...] = ()
    column_count: int = 0
    truncated: bool = Field(False, description="There are more columns than are listed.")
    tags: dict[str, str] = Field(default_factory=dict)
    sensitive: bool = True
    reasons: tuple[str, ...] = Field((), description="Why it is sensitive.")
    crawl_status: CrawlStatus | None = Field(None, description="How its last crawl ended; null: none has yet.")
    crawl_error: str | None = None
    crawled_at: UtcTime | None = None
    linked: bool = Field(False, description="The producer sees it in its own catalog.")
    samples: tuple[SampleRow, ...] | None = Field(None, description="null: for those with access only.")


class QueryHint(Model):
    """How somebody with access queries a table."""

    table: TableName
    database: str = Field(description="Of the consumer's own catalog.")
    sql: str


class ProductSummary(Model):
    """A product in a list."""

    domain: DomainName
    name: ProductName
    description: str
    status: ProductStatus
    classification: Classification | None
    pii: bool | None
    access_mode: AccessMode
    table_count: int
    registered_at: UtcTime | None = None
    crawl_status: CrawlStatus | None = Field(None, description="The worst of its tables'; null: none was crawled yet.")
    error: str | None = None


class ProductPage(Page):
    """Products of a domain by name."""

    items: tuple[ProductSummary, ...]


class ProductDetail(ProductSummary):
    """A product with its tables."""

    account_id: AccountId
    tags: Tags = Field(default_factory=dict)
    owners: tuple[Person, ...] = ()
    stewards: tuple[Person, ...] = ()
    tables: tuple[TableView, ...] = ()
    sensitive: bool = True
    may_edit: bool = Field(False, description="The one who asks may change it.")
    readable_by: tuple[DomainName, ...] = Field((), description="Domains of the one who asks that have access.")
    queries: tuple[QueryHint, ...] = Field((), description="For those with access.")


class ProductRegistration(Model):
    """A product to register or to change: as a manifest, or as the mesh's own form. Exactly one is given."""

    manifest: Annotated[str, Field(min_length=1, max_length=MAX_MANIFEST)] | None = Field(
        None, description="An Open Data Contract Standard v3 document in YAML."
    )
    product: ProductSpec | None = None
    accept_breaking_changes: bool = Field(False, description="Without it a change that breaks consumers is refused.")


class ManifestProblem(Model):
    """A problem of a manifest, with its place."""

    severity: Literal["error", "warning"]
    line: int | None = Field(None, ge=1)
    column: int | None = Field(None, ge=1)
    field: str = Field(description="Path in the manifest, e.g. `schema[0].properties[2].logicalType`.")
    message: str


class SchemaChange(Model):
    """A difference between what is registered and what a registration would make of it."""

    kind: Literal["added", "removed", "changed"]
    breaking: bool
    refused: bool = Field(False, description="The registration would be refused for it, accepted or not.")
    table: TableName | None = None
    column: str | None = None
    what: str = Field(description="In words: `type`, `pii`, `classification`, `location`, …")
    before: str | None = None
    after: str | None = None


class AffectedConsumer(Model):
    """Whoever is hit by a breaking change."""

    consumer: DomainName
    request_id: uuid.UUID
    tables: tuple[TableName, ...]
    principals: tuple[str, ...]


class ProductPlan(Model):
    """What a registration would do. Nothing is changed by asking."""

    product: ProductSpec | None = Field(None, description="null when the manifest has errors.")
    exists: bool = False
    problems: tuple[ManifestProblem, ...] = ()
    changes: tuple[SchemaChange, ...] = ()
    affected: tuple[AffectedConsumer, ...] = ()

    @property
    def breaking(self) -> bool:
        """Whether consumers would be hit."""
        return any(change.breaking for change in self.changes)


class GrantOfProduct(Model):
    """Who reads a product: its lineage to grants."""

    request_id: uuid.UUID
    product: ProductRef | None = None
    expression: dict[str, tuple[str, ...]] | None = Field(None, description="Of a grant by LF-tag.")
    consumer: DomainName
    account_id: AccountId
    principals: tuple[str, ...]
    tables: tuple[TableName, ...]
    columns: dict[TableName, tuple[str, ...]] = Field(default_factory=dict, description="What is shown, by table.")
    rows: dict[TableName, str] = Field(default_factory=dict)
    held_back: dict[TableName, tuple[str, ...]] = Field(default_factory=dict)
    later_tables: Literal["excluded", "included"] = "excluded"
    granted_at: UtcTime
    expires_at: UtcTime | None = None
    databases: tuple[str, ...] = Field((), description="Databases of the consumer's catalog in which it appears.")


class GrantPage(Page):
    """Grants."""

    items: tuple[GrantOfProduct, ...]
