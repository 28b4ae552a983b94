"""The gate before MiniStack's Glue: catalog and crawlers are answered here, the rest passes in the caller's account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox import adapter
from sandbox.api import AwsError, Call, Caller, Handler, Json
from sandbox.glue import crawlers, databases, partitions, policies, resources, tables
from sandbox.glue.access import require_iam

_OPERATIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "CreateDatabase": databases.create_database,
    "GetDatabase": databases.get_database,
    "GetDatabases": databases.get_databases,
    "UpdateDatabase": databases.update_database,
    "DeleteDatabase": databases.delete_database,
    "CreateTable": tables.create_table,
    "GetTable": tables.get_table,
    "GetTables": tables.get_tables,
    "SearchTables": tables.search_tables,
    "UpdateTable": tables.update_table,
    "DeleteTable": tables.delete_table,
    "BatchDeleteTable": tables.batch_delete_table,
    "GetPartition": partitions.get_partition,
    "GetPartitions": partitions.get_partitions,
    "BatchGetPartition": partitions.batch_get_partition,
    "CreatePartition": partitions.create_partition,
    "BatchCreatePartition": partitions.batch_create_partition,
    "UpdatePartition": partitions.update_partition,
    "BatchUpdatePartition": partitions.batch_update_partition,
    "DeletePartition": partitions.delete_partition,
    "BatchDeletePartition": partitions.batch_delete_partition,
    "PutResourcePolicy": policies.put_resource_policy,
    "GetResourcePolicy": policies.get_resource_policy,
    "DeleteResourcePolicy": policies.delete_resource_policy,
    "CreateCrawler": crawlers.create_crawler,
    "UpdateCrawler": crawlers.update_crawler,
    "DeleteCrawler": crawlers.delete_crawler,
    "StartCrawler": crawlers.start_crawler,
    "StopCrawler": crawlers.stop_crawler,
    "GetCrawler": crawlers.get_crawler,
    "GetCrawlers": crawlers.get_crawlers,
    "BatchGetCrawlers": crawlers.batch_get_crawlers,
    "ListCrawlers": crawlers.list_crawlers,
    "GetCrawlerMetrics": crawlers.get_crawler_metrics,
}


def handle(call: Call, following: Handler) -> dict[str, Any]:
    """Answer the call, IAM on `resources.glue_resources(call)` given; raises `AwsError`."""
    own = _OPERATIONS.get(call.operation)
    if own is not None:
        return own(call)
    permission = partitions.through(call.operation)
    if permission is not None:
        table = partitions.permitted(call, permission)
        catalog, database, name = table.ref
        params = {**call.params, "CatalogId": catalog, "DatabaseName": database, "TableName": name}
        with adapter.scope(catalog, call.region):
            return following(Call(call.service, call.operation, params, call.caller, call.region))
    if resources.catalog_of(call.params, call.caller.account) != call.caller.account:
        raise AwsError("AccessDeniedException", "Cross-account access is not supported for this operation.")
    return following(call)


def call_as(caller: Caller, region: str, operation: str, **params: Json) -> dict[str, Any]:
    """A Glue call that a service makes with its caller's or its role's rights: IAM, then Lake Formation."""
    call = Call("glue", operation, params, caller, region)
    require_iam(caller, operation, resources.glue_resources(call))
    return _OPERATIONS[operation](call)
