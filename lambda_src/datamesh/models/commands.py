"""Commands: what a domain asks of central, or a person in its name."""

import uuid
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from datamesh.models.base import (
    ArnText,
    ColumnName,
    ColumnType,
    DomainName,
    Model,
    PlainColumnName,
    PrincipalArn,
    ProductName,
    S3Location,
    ShortText,
    TableName,
    UtcTime,
)
from datamesh.models.events import CENTRAL_SOURCE, Command
from datamesh.models.people import Email
from datamesh.models.tags import TagExpression, Tags

Classification = Literal["public", "internal", "confidential", "restricted"]
TableFormat = Literal["parquet", "csv", "json"]
AccessMode = Literal["nrac", "tbac", "both"]
MAX_TABLES = 100
MAX_PRINCIPALS = 50
MAX_COLUMNS = 2_000
# https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_RowFilter.html
MAX_ROW_FILTER = 2_048
MAX_DURATION_DAYS = 3_650
# Glue: https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-catalog-tables.html (Comment, at most 255 bytes)
Comment = Annotated[str, Field(max_length=255)]
Example = Annotated[str, Field(max_length=128)]
MAX_EXAMPLES = 5


Justification = Annotated[str, Field(min_length=1, max_length=2048)]
Purpose = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 _-]{0,62}$")]
RowFilter = Annotated[str, Field(min_length=1, max_length=MAX_ROW_FILTER)]


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(values)) != len(values):
        raise ValueError("must not name anything twice")
    return values


# Top-level columns only: Lake Formation filters no fields inside structs.
ColumnNames = Annotated[
    tuple[PlainColumnName, ...], Field(min_length=1, max_length=MAX_COLUMNS), AfterValidator(_unique)
]


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
    examples: tuple[Example, ...] = Field(
        (), max_length=MAX_EXAMPLES, description="Example values, row by row; shown to those with access only."
    )


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

    Exactly one of `product` and `expression` is given. What needs nobody's approval is granted at once, all else when
    the people have agreed whom the mesh's approval policy names.
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
    justification: Justification
    columns: dict[TableName, ColumnNames] = Field(
        default_factory=dict, max_length=MAX_TABLES, description="Of these tables, these columns only; else all of now."
    )
    rows: dict[TableName, RowFilter] = Field(
        default_factory=dict, max_length=MAX_TABLES, description="Of these tables, the rows for which this holds only."
    )
    later_tables: Literal["excluded", "included"] = Field(
        "excluded",
        description="Whether tables that the product gets later are asked for too. Each is decided on when it comes.",
    )
    purpose: Purpose | None = Field(None, description="What for, in a word of the approval policy.")
    duration_days: int | None = Field(
        None, ge=1, le=MAX_DURATION_DAYS, description="null: as long as the approval policy lets it last."
    )
    requested_by: Email | None = Field(None, description="The person who asks; may not decide on it.")

    @model_validator(mode="after")
    def _by_name_or_by_tag(self) -> Self:
        if (self.product is None) == (self.expression is None):
            raise ValueError("give exactly one of product and expression")
        if self.expression is not None and (self.tables is not None or self.columns or self.rows):
            raise ValueError("tables, columns and rows can be named of a product only, not of an expression")
        if self.tables is not None:
            if self.later_tables == "included":
                raise ValueError("later tables come with the whole product: leave tables out")
            if strange := sorted({*self.columns, *self.rows} - set(self.tables)):
                raise ValueError(f"columns and rows of tables that are not asked for: {', '.join(strange)}")
        return self


class ExtendDataProductAccess(Command):
    """Asks to keep what an earlier request was granted. Decided on like a new request."""

    request_id: uuid.UUID = Field(description="Of this request, not of the one that it extends.")
    domain: DomainName
    extends: uuid.UUID = Field(description="The request whose access shall last longer.")
    duration_days: int = Field(ge=1, le=MAX_DURATION_DAYS, description="From the decision on.")
    justification: Justification
    requested_by: Email | None = None


class WidenDataProductAccess(Command):
    """Central itself asks whether a standing grant shall show what has been added: a table, or columns.

    Until it is approved the addition is held back.
    """

    sources = (CENTRAL_SOURCE,)

    request_id: uuid.UUID
    widens: uuid.UUID = Field(description="The request whose grant would show more.")
    columns: dict[TableName, ColumnNames] = Field(min_length=1, max_length=MAX_TABLES)
    producer: DomainName | None = Field(
        None, description="Of a tag grant: who wants to show them. By name it is the product's owner."
    )
    database: str | None = Field(None, description="Of a tag grant: central's database that has, or is to have, them.")
    reasons: tuple[ShortText, ...] = Field(
        (), max_length=50, description="Of a tag grant: why they are sensitive; the catalog may not have them yet."
    )


class RevokeDataProductAccess(Command):
    """Ends access that was granted, or takes a request back that waits for approval.

    Sent by the consumer, by the owner of the product, or by central itself for governance.
    """

    request_id: uuid.UUID
    domain: DomainName | None = Field(
        None, description="The domain that asks for it; null: governance, which is central's own account."
    )
    reason: Justification


class ExpireDataProductAccess(Command):
    """The schedule of a grant says that its time has come, or comes soon."""

    sources = (CENTRAL_SOURCE,)

    request_id: uuid.UUID
    expires_at: UtcTime = Field(description="As it was when the schedule was made; a longer one voids this.")
    warning: bool = False


class ReconcileAccess(Command):
    """Compares what Lake Formation grants with what should be granted. Central's schedule says it, and governance.

    The schedule says it without metadata: it has no id to give.
    """

    sources = (CENTRAL_SOURCE,)

    heal: Literal["report", "missing", "all"] | None = Field(
        None, description="What is done about differences; without it what the deployment says."
    )


class DeregisterDataProduct(Command):
    """Takes a product out of the mesh: all access to it ends, its tables leave the catalog. Data stays where it is."""

    domain: DomainName
    name: ProductName


COMMANDS: tuple[type[Command], ...] = (
    RegisterDataDomain,
    DeregisterDataDomain,
    RegisterDataProduct,
    DeregisterDataProduct,
    RequestDataProductAccess,
    ExtendDataProductAccess,
    WidenDataProductAccess,
    RevokeDataProductAccess,
    ExpireDataProductAccess,
    ReconcileAccess,
)
