"""The resources on which Lake Formation permissions are granted, and which permissions exist on each.

https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#lf-resource-permissions-summary
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sandbox.lakeformation import errors

ALL_TABLES = "ALL_TABLES"
"""The name under which AWS lists the table wildcard."""


class Kind(StrEnum):
    """Kinds of resources; the values are those of ListPermissions' ResourceType where there is one."""

    CATALOG = "CATALOG"
    DATABASE = "DATABASE"
    TABLE = "TABLE"
    ALL_TABLES = "ALL_TABLES"
    COLUMNS = "COLUMNS"
    DATA_LOCATION = "DATA_LOCATION"
    LF_TAG = "LF_TAG"
    TAG_POLICY = "LF_TAG_POLICY"
    TAG_EXPRESSION = "LF_NAMED_TAG_EXPRESSION"
    CELLS_FILTER = "CELLS_FILTER"


Expression = tuple[tuple[str, tuple[str, ...]], ...]
"""A tag expression: keys with their values, lower case and sorted. All keys must match, any value of each will do."""

EVERY = "*"
"""A key, or a value, that stands for all of them."""

VALID: dict[Kind, frozenset[str]] = {
    Kind.CATALOG: frozenset({"CREATE_DATABASE", "CREATE_LF_TAG", "CREATE_LF_TAG_EXPRESSION"}),
    Kind.DATABASE: frozenset({"ALL", "ALTER", "CREATE_TABLE", "DESCRIBE", "DROP"}),
    Kind.TABLE: frozenset({"ALL", "ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"}),
    Kind.ALL_TABLES: frozenset({"ALL", "ALTER", "DELETE", "DESCRIBE", "DROP", "INSERT", "SELECT"}),
    Kind.COLUMNS: frozenset({"SELECT"}),
    Kind.DATA_LOCATION: frozenset({"DATA_LOCATION_ACCESS"}),
    Kind.LF_TAG: frozenset({"ALTER", "ASSOCIATE", "DESCRIBE", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"}),
    Kind.TAG_EXPRESSION: frozenset({"ALL", "ALTER", "DESCRIBE", "DROP", "GRANT_WITH_LF_TAG_EXPRESSION"}),
    Kind.CELLS_FILTER: frozenset({"DESCRIBE", "DROP", "SELECT"}),
}
"""What can be granted; on a tag policy it is what can be granted on the resources that it means (`valid`)."""

ON_LINKS = frozenset({"DESCRIBE", "DROP"})
ON_PART = frozenset({"DESCRIBE", "SELECT"})
"""What can be held on a table of which only some columns match a tag policy."""


@dataclass(frozen=True)
class Resource:
    """One resource. What a field is for:

    `columns` (include list) or `excluded` for COLUMNS, `location` for DATA_LOCATION, `tag_key` and `tag_values` for
    LF_TAG, `policy_type` (DATABASE or TABLE) and either `expression` or the name of a saved one for TAG_POLICY,
    `expression_name` for TAG_EXPRESSION too, `filter_name` for CELLS_FILTER with `home`, the account that made it.
    """

    kind: Kind
    catalog: str
    database: str = ""
    table: str = ""
    columns: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    location: str = ""
    tag_key: str = ""
    tag_values: tuple[str, ...] = ()
    policy_type: str = ""
    expression: Expression = ()
    expression_name: str = ""
    filter_name: str = ""
    home: str = ""

    @property
    def entity(self) -> Resource:
        """The table when this is columns or cells of it, else itself."""
        if self.kind not in (Kind.COLUMNS, Kind.CELLS_FILTER):
            return self
        return replace(self, kind=Kind.TABLE, columns=(), excluded=(), filter_name="", home="")

    @property
    def carrier(self) -> Resource:
        """What a RAM share lists for it: all tables of a database travel as the database, columns as their table."""
        return replace(self, kind=Kind.DATABASE) if self.kind is Kind.ALL_TABLES else self.entity

    @property
    def shared(self) -> bool:
        """Whether a cross-account grant on it travels in a RAM share.

        Tags themselves do not: https://docs.aws.amazon.com/lake-formation/latest/dg/optimize-ram.html has shares for
        data, and the tutorial https://docs.aws.amazon.com/lake-formation/latest/dg/tut-share-tbac-method.html has
        invitations for what is granted by tag only.
        """
        return self.kind not in (Kind.CATALOG, Kind.DATA_LOCATION, Kind.LF_TAG, Kind.TAG_EXPRESSION)

    @property
    def parts(self) -> list[Resource]:
        """What permissions on it are kept under: each value of a tag on its own, anything else as it is."""
        if self.kind is not Kind.LF_TAG:
            return [self]
        return [replace(self, tag_values=(value,)) for value in self.tag_values]

    @property
    def keeper(self) -> str:
        """The account that decides about it: the owner, of a cells filter who made it."""
        return self.home or self.catalog

    @property
    def by_tag(self) -> bool:
        """Whether it is a tag or an expression of tags, not something in the catalog."""
        return self.kind in (Kind.LF_TAG, Kind.TAG_POLICY, Kind.TAG_EXPRESSION)

    def arn(self, region: str) -> str:
        """The Glue ARN of a catalog, database, table or all tables; the S3 ARN of a data location.

        What has to do with tags has no ARN of its own: the catalog stands for it.
        """
        if self.kind is Kind.DATA_LOCATION:
            return self.location
        path = {
            Kind.CATALOG: "catalog",
            Kind.LF_TAG: "catalog",
            Kind.TAG_POLICY: "catalog",
            Kind.TAG_EXPRESSION: "catalog",
            Kind.DATABASE: f"database/{self.database}",
            Kind.ALL_TABLES: f"table/{self.database}/*",
        }.get(self.kind, f"table/{self.database}/{self.table}")
        return f"arn:aws:glue:{region}:{self.catalog}:{path}"

    def __str__(self) -> str:
        return {
            Kind.CATALOG: "Catalog",
            Kind.DATABASE: self.database,
            Kind.DATA_LOCATION: self.location,
            Kind.ALL_TABLES: f"{self.database}.*",
            Kind.LF_TAG: f"{self.tag_key}={','.join(self.tag_values)}",
            Kind.TAG_POLICY: f"{self.policy_type} {self.expression_name or _written(self.expression)}",
            Kind.TAG_EXPRESSION: self.expression_name,
        }.get(self.kind, self.table)


def _written(expression: Expression) -> str:
    return " AND ".join(f"{key}={'|'.join(values)}" for key, values in expression)


def catalog(account: str) -> Resource:
    """An account's catalog."""
    return Resource(Kind.CATALOG, account)


def database(account: str, name: str) -> Resource:
    """A database."""
    return Resource(Kind.DATABASE, account, name.lower())


def table(account: str, database_name: str, name: str) -> Resource:
    """A table."""
    return Resource(Kind.TABLE, account, database_name.lower(), name.lower())


def all_tables(account: str, database_name: str) -> Resource:
    """All tables of a database, future ones too."""
    return Resource(Kind.ALL_TABLES, account, database_name.lower())


def column(account: str, database_name: str, table_name: str, name: str) -> Resource:
    """One column of a table: what carries the LF-tags of a column."""
    return Resource(Kind.COLUMNS, account, database_name.lower(), table_name.lower(), (name.lower(),))


def lf_tag(account: str, key: str, *values: str) -> Resource:
    """An LF-tag: values of a key."""
    return Resource(
        Kind.LF_TAG, account, tag_key=key.lower(), tag_values=tuple(sorted({value.lower() for value in values}))
    )


def tag_policy(account: str, policy_type: str, expression: Expression) -> Resource:
    """All databases, or all tables, that match a tag expression."""
    return Resource(Kind.TAG_POLICY, account, policy_type=policy_type, expression=expression)


def named_policy(account: str, policy_type: str, expression_name: str) -> Resource:
    """All databases, or all tables, that match a saved tag expression as it is at the time of the question."""
    return Resource(Kind.TAG_POLICY, account, policy_type=policy_type, expression_name=expression_name.lower())


def tag_expression(account: str, name: str) -> Resource:
    """A saved tag expression itself."""
    return Resource(Kind.TAG_EXPRESSION, account, expression_name=name.lower())


def cells_filter(account: str, database_name: str, table_name: str, name: str) -> Resource:
    """A data cells filter of a table, made by the table's owner."""
    return Resource(
        Kind.CELLS_FILTER, account, database_name.lower(), table_name.lower(), filter_name=name, home=account
    )


def normal_expression(given: list[dict[str, Any]]) -> Expression:
    """The tag expression of a request (a list of TagKey with TagValues): lower case, sorted.

    Raises:
        AwsError: InvalidInputException when there is nothing in it, or a key twice.
    """
    if not given:
        raise errors.invalid("Expression must not be empty.")
    found = {item["TagKey"].lower(): {value.lower() for value in item["TagValues"]} for item in given}
    if len(found) != len(given):
        raise errors.invalid("A tag key can be listed only once in an expression.")
    return tuple((key, tuple(sorted(values))) for key, values in sorted(found.items()))


def location(account: str, s3_arn: str) -> Resource:
    """A data location of the account in which it is registered."""
    return Resource(Kind.DATA_LOCATION, account, location=normal_location(s3_arn))


def normal_location(s3: str) -> str:
    """The ARN without a trailing slash of an S3 URI or ARN.

    Raises:
        AwsError: InvalidInputException when it is neither.
    """
    for scheme in ("s3://", "s3a://", "s3n://"):
        s3 = f"arn:aws:s3:::{s3.removeprefix(scheme)}" if s3.startswith(scheme) else s3
    if not s3.startswith("arn:aws:s3:::") or not s3.removeprefix("arn:aws:s3:::").strip("/"):
        raise errors.invalid(f"Invalid S3 resource ARN: {s3}")
    return s3.rstrip("/")


def covers_location(outer: str, inner: str) -> bool:
    """Whether a location is the other or lies below it, both normal."""
    return inner == outer or inner.startswith(f"{outer}/")


def parse(given: dict[str, Any], default_catalog: str) -> Resource:
    """The resource of a request.

    Raises:
        AwsError: InvalidInputException when it is not exactly one complete resource, or of a kind the sandbox has not.
    """
    if len(given) != 1:
        raise errors.invalid("Resource must have exactly one of its members.")
    member, value = next(iter(given.items()))
    if member == "Catalog":
        return catalog(_account(value.get("Id"), default_catalog))
    if member == "DataCellsFilter":
        return _cells_filter(_account(value.get("TableCatalogId"), default_catalog), value)
    owner = _account(value.get("CatalogId"), default_catalog)
    if member == "Database":
        return database(owner, value["Name"])
    if member == "DataLocation":
        return location(owner, value["ResourceArn"])
    if member == "Table":
        wildcard, name = "TableWildcard" in value, value.get("Name")
        if wildcard and name in (None, ALL_TABLES):
            return all_tables(owner, value["DatabaseName"])
        if wildcard or not name:
            raise errors.invalid("Table must have either a Name or a TableWildcard.")
        return table(owner, value["DatabaseName"], name)
    if member == "TableWithColumns":
        return _columns(owner, value)
    if member == "LFTag":
        return lf_tag(owner, value["TagKey"], *value["TagValues"])
    if member == "LFTagPolicy":
        return _tag_policy(owner, value)
    if member == "LFTagExpression":
        return tag_expression(owner, value["Name"])
    raise errors.invalid(f"Unknown resource {member}.")


def _columns(owner: str, value: dict[str, Any]) -> Resource:
    names, wildcard = value.get("ColumnNames"), value.get("ColumnWildcard")
    if bool(names) == (wildcard is not None):
        raise errors.invalid("TableWithColumns must have either ColumnNames or a ColumnWildcard.")
    database_name, name = value["DatabaseName"].lower(), value["Name"].lower()
    excluded = tuple(sorted({column.lower() for column in (wildcard or {}).get("ExcludedColumnNames") or []}))
    columns = tuple(sorted({column.lower() for column in names or []}))
    if name == ALL_TABLES.lower():
        if columns or excluded:
            raise errors.bad_permissions()
        return Resource(Kind.COLUMNS, owner, database_name, ALL_TABLES)
    return Resource(Kind.COLUMNS, owner, database_name, name, columns, excluded)


def _cells_filter(owner: str, value: dict[str, Any]) -> Resource:
    if not all(value.get(name) for name in ("DatabaseName", "TableName", "Name")):
        raise errors.invalid("A DataCellsFilter needs DatabaseName, TableName and Name.")
    return cells_filter(owner, value["DatabaseName"], value["TableName"], value["Name"])


def _tag_policy(owner: str, value: dict[str, Any]) -> Resource:
    expression, name = value.get("Expression"), value.get("ExpressionName")
    if bool(expression) == bool(name):
        raise errors.invalid("LFTagPolicy must have either an Expression or an ExpressionName.")
    if name:
        return named_policy(owner, value["ResourceType"], name)
    return tag_policy(owner, value["ResourceType"], normal_expression(expression or []))


def valid(resource: Resource) -> frozenset[str]:
    """Which permissions can be granted on the resource."""
    return VALID[Kind(resource.policy_type) if resource.kind is Kind.TAG_POLICY else resource.kind]


def whole(resource: Resource) -> Resource:
    """Columns without any list are the table (or all tables) itself; everything else stays as it is."""
    if resource.kind is not Kind.COLUMNS or resource.columns or resource.excluded:
        return resource
    if resource.table == ALL_TABLES:
        return all_tables(resource.catalog, resource.database)
    return resource.entity


def _account(given: str | None, default: str) -> str:
    found = given or default
    if not (len(found) == 12 and found.isdigit()):
        raise errors.not_supported(f"Catalog {found}")
    return found


def to_api(resource: Resource, *, select: bool = False) -> dict[str, Any]:
    """The resource in the API's shape; `select`: as the row on which AWS lists SELECT on whole tables.

    https://docs.aws.amazon.com/lake-formation/latest/dg/lf-permissions-reference.html#perm-select: SELECT always
    appears as a separate row.
    """
    owner = {"CatalogId": resource.catalog}
    kind = resource.kind
    if kind is Kind.CATALOG:
        return {"Catalog": {"Id": resource.catalog}}
    if kind is Kind.DATABASE:
        return {"Database": owner | {"Name": resource.database}}
    if kind is Kind.DATA_LOCATION:
        return {"DataLocation": owner | {"ResourceArn": resource.location}}
    if kind is Kind.LF_TAG:
        return {"LFTag": owner | {"TagKey": resource.tag_key, "TagValues": list(resource.tag_values)}}
    if kind is Kind.TAG_EXPRESSION:
        return {"LFTagExpression": owner | {"Name": resource.expression_name}}
    if kind is Kind.TAG_POLICY:
        return {"LFTagPolicy": owner | {"ResourceType": resource.policy_type} | _expression_to_api(resource)}
    if kind is Kind.CELLS_FILTER:
        place = {"DatabaseName": resource.database, "TableName": resource.table, "Name": resource.filter_name}
        return {"DataCellsFilter": {"TableCatalogId": resource.catalog} | place}
    name = ALL_TABLES if kind is Kind.ALL_TABLES else resource.table
    place = owner | {"DatabaseName": resource.database, "Name": name}
    if kind is Kind.COLUMNS and resource.columns:
        return {"TableWithColumns": place | {"ColumnNames": list(resource.columns)}}
    if kind is Kind.COLUMNS or select:
        excluded = {"ExcludedColumnNames": list(resource.excluded)} if resource.excluded else {}
        return {"TableWithColumns": place | {"ColumnWildcard": excluded}}
    return {"Table": place | ({"TableWildcard": {}} if kind is Kind.ALL_TABLES else {})}


def _expression_to_api(resource: Resource) -> dict[str, Any]:
    if resource.expression_name:
        return {"ExpressionName": resource.expression_name}
    return {"Expression": [{"TagKey": key, "TagValues": list(values)} for key, values in resource.expression]}
