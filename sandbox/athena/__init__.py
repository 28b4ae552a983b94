"""Athena as its caller: every table resolved, every permission asked, then DuckDB reads the objects.

MiniStack keeps workgroups, data catalogs, named queries and prepared statements.

What is modelled, with its source:

* The caller needs glue:GetDatabase, GetTable, GetPartitions on the ARNs of link and target,
  lakeformation:GetDataAccess where the location is registered, s3:GetBucketLocation, PutObject and GetObject for the
  results: https://docs.aws.amazon.com/athena/latest/ug/lf-athena-user-permissions.html,
  https://docs.aws.amazon.com/athena/latest/ug/fine-grained-access-to-glue-resources.html.
* SELECT shows the columns that are permitted and no others; a column by name that is not fails as COLUMN_NOT_FOUND:
  https://docs.aws.amazon.com/lake-formation/latest/dg/athena-lf.html.
* Registered locations are read with the rights of their role, all others with the caller's own:
  https://docs.aws.amazon.com/lake-formation/latest/dg/access-control-underlying-data.html.
* Data cells filters: rows that no filter shows are not there, cells that none shows are NULL; queries of filtered rows
  need lakeformation:StartQueryPlanning, GetQueryState, GetWorkUnits and GetWorkUnitResults:
  https://docs.aws.amazon.com/lake-formation/latest/dg/row-filtering-prereqs.html.
* Errors: https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html.

Knowingly different from AWS:

* SELECT, SHOW DATABASES / TABLES / COLUMNS / PARTITIONS and DESCRIBE only; other statements are refused by
  StartQueryExecution. No views, no `information_schema`, no federated catalogs, no partition projection, no Iceberg.
* sqlglot translates Trino's SQL to DuckDB's; functions and corner cases (overflow, collation, time zones, integer
  division where the types cannot be derived) follow DuckDB.
* SELECT is asked for on locations that are not registered, and row filters hold there; AWS asks IAM alone.
* A row filter that names a column which the table lost fails the query; what AWS does is not published.
* Reuse of results, encryption settings, cost limits: none.
* A CSV row with more fields than columns fails; AWS drops the surplus.
* GetQueryResults answers from memory what the result file holds.
* A query runs as long as DuckDB needs; the `latency` setting `athena:query` makes it slower.
"""

from __future__ import annotations


def install() -> None:
    """Put the gate before MiniStack's Athena. Once per process."""
    # Not at the top: the pure parts stay importable without the rest of the sandbox.
    from sandbox import adapter, snapshots  # noqa: PLC0415
    from sandbox.athena import queries, service  # noqa: PLC0415

    adapter.wrap_service("athena", service.handle)
    # The executions themselves lie in MiniStack.
    snapshots.register_room("athena", lambda: None, lambda _state: queries.stop_all(), queries.stop_all)


__all__ = ["install"]
