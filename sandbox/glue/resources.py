"""The ARNs on which AWS checks `glue:<Operation>`.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsglue.html,
https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html: an operation on a table needs the
action on the table, its database and the catalog; a list names what it lists with `*`; deleting a database needs the
action on everything in it.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.api import Call

_ACCOUNT = re.compile(r"\d{12}")

_CATALOG = {"GetResourcePolicy", "PutResourcePolicy", "DeleteResourcePolicy", "GetResourcePolicies"}
_DATABASES = {"GetDatabases"}
_DATABASE = {"CreateDatabase", "GetDatabase", "UpdateDatabase"}
_LISTED_CRAWLERS = {"GetCrawlers", "ListCrawlers", "GetCrawlerMetrics", "ListCrawls"}


def catalog_of(params: dict[str, Any], account: str) -> str:
    """The account whose catalog a call means: `CatalogId`, the caller's own without one."""
    named = params.get("CatalogId")
    return str(named) if named and _ACCOUNT.fullmatch(str(named)) else account


def arn(region: str, account: str, resource: str) -> str:
    """`arn:aws:glue:…` of a resource."""
    return f"arn:aws:glue:{region}:{account}:{resource}"


def table_arns(region: str, catalog: str, database: str, *tables: str) -> list[str]:
    """Catalog, database and the tables, in the order AWS asks."""
    database = database.lower()
    names = ("catalog", f"database/{database}", *(f"table/{database}/{table.lower()}" for table in tables))
    return [arn(region, catalog, name) for name in names]


def glue_resources(call: Call) -> list[str]:
    """Every ARN the caller's IAM policies must allow the operation on."""
    catalog = catalog_of(call.params, call.caller.account)
    found = _catalog_resources(call.operation, call.params)
    if found is not None:
        return [arn(call.region, catalog, resource) for resource in found]
    if "Crawler" in call.operation:
        return [arn(call.region, call.caller.account, name) for name in _crawlers(call)] or ["*"]
    if "ResourceArn" in call.params:
        return [str(call.params["ResourceArn"])]
    return ["*"]


def _catalog_resources(operation: str, params: dict[str, Any]) -> list[str] | None:
    if operation in _CATALOG:
        return ["catalog"]
    if operation in _DATABASES:
        return ["catalog", "database/*"]
    if operation == "SearchTables":
        return ["catalog", "database/*", "table/*/*"]
    if operation in _DATABASE:
        name = params.get("Name") or (params.get("DatabaseInput") or {}).get("Name", "")
        return ["catalog", f"database/{str(name).lower()}"]
    if operation == "DeleteDatabase":
        name = str(params.get("Name", "")).lower()
        return ["catalog", f"database/{name}", f"table/{name}/*", f"userDefinedFunction/{name}/*"]
    if "DatabaseName" not in params or "Crawler" in operation or "UserDefinedFunction" in operation:
        return None
    database = str(params["DatabaseName"]).lower()
    return ["catalog", f"database/{database}", *(f"table/{database}/{name}" for name in _tables(operation, params))]


def _tables(operation: str, params: dict[str, Any]) -> list[str]:
    if operation == "GetTables":
        return ["*"]
    if operation == "BatchDeleteTable":
        return [str(name).lower() for name in params.get("TablesToDelete", [])]
    named = params.get("TableName") or (params.get("TableInput") or {}).get("Name") or params.get("Name") or "*"
    return [str(named).lower()]


def _crawlers(call: Call) -> list[str]:
    if call.operation in _LISTED_CRAWLERS:
        return []
    names = call.params.get("CrawlerNames") or [call.params.get("Name") or call.params.get("CrawlerName") or "*"]
    return [f"crawler/{name}" for name in names]
