"""Lake Formation permissions as values that can be compared."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from datamesh.models.base import Model
from datamesh.models.tags import Conditions

IAM_ALLOWED_PRINCIPALS = "IAM_ALLOWED_PRINCIPALS"
# Batch calls take at most so many entries:
# https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_BatchGrantPermissions.html
MAX_BATCH = 20


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


Permissions = Annotated[tuple[str, ...], AfterValidator(_sorted)]


class DatabaseResource(Model):
    """A database of a catalog."""

    kind: Literal["database"] = "database"
    catalog_id: str
    name: str


class TableResource(Model):
    """A table of a catalog; the name `*` stands for all tables of the database, future ones too."""

    kind: Literal["table"] = "table"
    catalog_id: str
    database: str
    name: str


class LocationResource(Model):
    """A registered data location; the catalog is that of the account that registered it."""

    kind: Literal["location"] = "location"
    catalog_id: str
    arn: str


class TagResource(Model):
    """Some values of an LF-tag."""

    kind: Literal["tag"] = "tag"
    catalog_id: str
    key: str
    values: Permissions


class TagPolicyResource(Model):
    """All databases or all tables of a catalog that a tag expression matches, now and in future.

    The mesh grants by the expression itself; `saved_as` is the name of one that others saved and granted by.
    """

    kind: Literal["tag_policy"] = "tag_policy"
    catalog_id: str
    resource_type: Literal["DATABASE", "TABLE"]
    expression: Conditions
    saved_as: str | None = None


class FilterResource(Model):
    """A data cells filter of a table: some of its columns, in some of its rows. Only SELECT is granted on it."""

    kind: Literal["filter"] = "filter"
    catalog_id: str
    database: str
    table: str
    name: str


class ColumnsResource(Model):
    """Some columns of a table, or all but some. The mesh grants none of these: others did."""

    kind: Literal["columns"] = "columns"
    catalog_id: str
    database: str
    table: str
    names: Permissions = ()
    excluded: Permissions | None = None


Resource = (
    DatabaseResource
    | TableResource
    | ColumnsResource
    | LocationResource
    | TagResource
    | TagPolicyResource
    | FilterResource
)


class DataFilter(Model):
    """A data cells filter of a table of the own catalog, as it is or should be.

    Columns are always listed, never excluded: what is added to a table later is not shown until somebody says so.
    Source: https://docs.aws.amazon.com/lake-formation/latest/dg/data-filtering-notes.html
    """

    database: str
    table: str
    name: str
    columns: Permissions
    rows: str | None = None
    version_id: str | None = None


class Grant(Model):
    """What one principal may do with one resource, and what of it may be passed on."""

    principal: str
    resource: Resource
    permissions: Permissions
    grantable: Permissions = ()


class GrantedPermission(Grant):
    """A permission as Lake Formation lists it, with the RAM shares that carry it to another account."""

    shares: tuple[str, ...] = ()

    def covers(self, wanted: Grant) -> bool:
        """Tell whether this includes all of `wanted`."""
        return (
            self.principal == wanted.principal
            and self.resource == wanted.resource
            and set(wanted.permissions) <= set(self.permissions)
            and set(wanted.grantable) <= set(self.grantable)
        )
