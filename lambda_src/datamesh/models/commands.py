"""Commands: what a domain asks of central."""

import uuid
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from datamesh.models.base import (
    ArnText,
    ColumnName,
    ColumnType,
    DomainName,
    Model,
    PrincipalArn,
    ProductName,
    S3Location,
    ShortText,
    TableName,
)
from datamesh.models.events import Command
from datamesh.models.tags import TagExpression, Tags

Classification = Literal["public", "internal", "confidential", "restricted"]
TableFormat = Literal["parquet", "csv", "json"]
AccessMode = Literal["nrac", "tbac", "both"]
MAX_TABLES = 100
MAX_PRINCIPALS = 50
# Glue: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html (Comment, at most 255 bytes)
Comment = Annotated[str, Field(max_length=255)]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


class DeclaredColumn(Model):
    """What columns and partition keys have in common."""

    name: ColumnName
    pii: bool | None = Field(None, description="Whether it is personal data; null where nobody has said.")
    tags: Tags = Field(default_factory=dict, description="LF-tags that override those of the table, key by key.")

    @model_validator(mode="after")
    def _fields_carry_no_tags(self) -> Self:
        if self.tags and "." in self.name:
            raise ValueError(f"{self.name} lies inside a struct: Lake Formation takes LF-tags on whole columns only")
        return self


class PartitionKey(DeclaredColumn):
    """A partition key of a table."""

    type: ColumnType


class Column(DeclaredColumn):
    """A column, or with a dotted name (`address.email`) a field inside a struct column."""

    type: ColumnType | None = Field(
        None, description="null: the crawler finds the column; what is said of it here holds as soon as it appears."
    )
    comment: Comment | None = None


class TableSpec(Model):
    """A table as its producer declares it."""

    name: TableName
    location: S3Location = Field(description="`s3://<bucket>/<prefix>/`, below the domain's own prefix.")
    format: TableFormat = Field(description="Format of the objects; CSV has a header line.")
    description: ShortText | None = None
    columns: tuple[Column, ...] = Field((), max_length=2000, description="May be empty: the crawler finds them.")
    partition_keys: tuple[PartitionKey, ...] = Field((), max_length=100)
    tags: Tags = Field(default_factory=dict, description="LF-tags of the table; they override those of the product.")

    @property
    def carries_tags(self) -> bool:
        """Whether the table or one of its columns has LF-tags of its own."""
        return bool(self.tags) or any(column.tags for column in (*self.columns, *self.partition_keys))

    @model_validator(mode="after")
    def _names_fit_together(self) -> Self:
        columns = [column.name for column in self.columns]
        keys = [key.name for key in self.partition_keys]
        if len(set(columns + keys)) != len(columns) + len(keys):
            raise ValueError("columns and partition keys must have different names")
        if any("." in key for key in keys):
            raise ValueError("a partition key cannot lie inside a struct")
        for name in columns:
            root, dot, _ = name.partition(".")
            if dot and root not in columns:
                raise ValueError(f"{name} lies inside {root}, which is not a column")
        return self


class ProductSpec(Model):
    """A data product as its producer declares it."""

    name: ProductName
    description: ShortText
    classification: Classification | None = Field(None, description="null: unclassified, which counts as sensitive.")
    pii: bool | None = Field(None, description="Whether it holds personal data; null counts as sensitive.")
    access_mode: AccessMode = Field(
        "nrac", description="How it is shared: by name (`nrac`), by LF-tag (`tbac`) or both. It may widen, not narrow."
    )
    tags: Tags = Field(default_factory=dict, description="LF-tags of all its tables.")
    tables: tuple[TableSpec, ...] = Field(min_length=1, max_length=MAX_TABLES)

    @model_validator(mode="after")
    def _table_names_differ(self) -> Self:
        _unique(tuple(table.name for table in self.tables))
        return self

    @model_validator(mode="after")
    def _tags_are_used(self) -> Self:
        if self.access_mode == "nrac" and (self.tags or any(table.carries_tags for table in self.tables)):
            raise ValueError("tags need the access_mode tbac or both: a product shared by name has no LF-tags")
        return self


class ProductRef(Model):
    """Names a product: the domain that owns it and its name there."""

    domain: DomainName
    name: ProductName


class RegisterDataDomain(Command):
    """Registers a domain, or tells central that its configuration changed."""

    domain: DomainName
    config_secret_arn: ArnText = Field(
        description="Full ARN (with suffix) of the config secret in the sender's account."
    )
    tags: Tags = Field(
        default_factory=dict,
        description="LF-tags that all its products shared by LF-tag inherit, besides the domain's own value.",
    )


class DeregisterDataDomain(Command):
    """Ends a domain of which nothing is in use any more: no product, no grant, no tag grant that names it.

    Its data stays where it is.
    """

    domain: DomainName


class RegisterDataProduct(Command):
    """Registers a data product with its tables, or adds to it.

    Tables that an earlier registration named and this one does not are kept as they are.
    """

    domain: DomainName
    product: ProductSpec


class RequestDataProductAccess(Command):
    """Asks for the right to read: tables of another domain's product, or whatever carries certain LF-tags.

    Exactly one of `product` and `expression` is given.
    """

    request_id: uuid.UUID
    domain: DomainName = Field(description="The consumer, which asks.")
    product: ProductRef | None = None
    tables: Annotated[tuple[TableName, ...], AfterValidator(_unique)] | None = Field(
        None, min_length=1, max_length=MAX_TABLES, description="null: all tables that the product has now."
    )
    expression: TagExpression | None = Field(
        None,
        description="LF-tag keys with the values that will do: a table must have every key, with one of its values.",
    )
    principals: Annotated[tuple[PrincipalArn, ...], AfterValidator(_unique)] = Field(
        min_length=1, max_length=MAX_PRINCIPALS, description="IAM roles and users in the consumer's account."
    )
    justification: Annotated[str, Field(min_length=1, max_length=2048)]

    @model_validator(mode="after")
    def _by_name_or_by_tag(self) -> Self:
        if (self.product is None) == (self.expression is None):
            raise ValueError("give exactly one of product and expression")
        if self.expression is not None and self.tables is not None:
            raise ValueError("tables can be named of a product only, not of an expression")
        return self


COMMANDS: tuple[type[Command], ...] = (
    RegisterDataDomain,
    DeregisterDataDomain,
    RegisterDataProduct,
    RequestDataProductAccess,
)
