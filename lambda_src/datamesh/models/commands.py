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

Classification = Literal["public", "internal", "confidential", "restricted"]
TableFormat = Literal["parquet", "csv", "json"]
MAX_TABLES = 100
MAX_PRINCIPALS = 50
# Glue: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html (Comment, at most 255 bytes)
Comment = Annotated[str, Field(max_length=255)]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


class PartitionKey(Model):
    """A partition key of a table."""

    name: ColumnName
    type: ColumnType
    pii: bool | None = Field(None, description="Whether it is personal data; null where nobody has said.")


class Column(PartitionKey):
    """A column, or with a dotted name (`address.email`) a field inside a struct column."""

    comment: Comment | None = None


class TableSpec(Model):
    """A table as its producer declares it."""

    name: TableName
    location: S3Location = Field(description="`s3://<bucket>/<prefix>/`, below the domain's own prefix.")
    format: TableFormat = Field(description="Format of the objects; CSV has a header line.")
    description: ShortText | None = None
    columns: tuple[Column, ...] = Field((), max_length=2000, description="May be empty: the crawler finds them.")
    partition_keys: tuple[PartitionKey, ...] = Field((), max_length=100)

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
    tables: tuple[TableSpec, ...] = Field(min_length=1, max_length=MAX_TABLES)

    @model_validator(mode="after")
    def _table_names_differ(self) -> Self:
        _unique(tuple(table.name for table in self.tables))
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


class RegisterDataProduct(Command):
    """Registers a data product with its tables, or adds to it.

    Tables that an earlier registration named and this one does not are kept as they are.
    """

    domain: DomainName
    product: ProductSpec


class RequestDataProductAccess(Command):
    """Asks for the right to read tables of another domain's product."""

    request_id: uuid.UUID
    domain: DomainName = Field(description="The consumer, which asks.")
    product: ProductRef
    tables: Annotated[tuple[TableName, ...], AfterValidator(_unique)] | None = Field(
        None, min_length=1, max_length=MAX_TABLES, description="null: all tables that the product has now."
    )
    principals: Annotated[tuple[PrincipalArn, ...], AfterValidator(_unique)] = Field(
        min_length=1, max_length=MAX_PRINCIPALS, description="IAM roles and users in the consumer's account."
    )
    justification: Annotated[str, Field(min_length=1, max_length=2048)]


COMMANDS: tuple[type[Command], ...] = (RegisterDataDomain, RegisterDataProduct, RequestDataProductAccess)
