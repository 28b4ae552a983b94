"""The API: queries and catalog metadata are answered here, workgroups and the rest by MiniStack.

https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html and its neighbours.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from sandbox import adapter, authz, clock
from sandbox.api import AwsError, Call, Handler, Json
from sandbox.athena import errors, queries, results, statements
from sandbox.athena.results import Column
from sandbox.athena.statements import Utility
from sandbox.glue import gate, objects
from sandbox.glue.store import Record

_ENGINE = {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"}
_MOST_ROWS = 1000


def handle(call: Call, following: Handler) -> dict[str, Any]:
    """Answer the call; raises `AwsError`."""
    own = _OPERATIONS.get(call.operation)
    return own(call) if own is not None else following(call)


# --- starting ---------------------------------------------------------------------------------------------------------


def start_query_execution(call: Call) -> dict[str, Any]:
    """StartQueryExecution: refuses malformed SQL and unreachable result buckets; runs in the background."""
    account, region, params = call.caller.account, call.region, call.params
    group = params.get("WorkGroup") or "primary"
    configuration = _workgroup(call, group)
    known = _by_token(call)
    if known is not None:
        return {"QueryExecutionId": known}
    context = params.get("QueryExecutionContext") or {}
    database = (context.get("Database") or "default").lower()
    if (context.get("Catalog") or "AwsDataCatalog").lower() != "awsdatacatalog":
        raise errors.invalid(f"Catalog {context['Catalog']} is not served by this sandbox.")
    statement = statements.parse(params["QueryString"], database, params.get("ExecutionParameters") or [])
    output = _output(call, configuration)
    query_id = str(uuid.uuid4())
    utility = isinstance(statement, Utility)
    execution = {
        "QueryExecutionId": query_id,
        "Query": params["QueryString"],
        "StatementType": "UTILITY" if utility else "DML",
        "SubstatementType": "SHOW" if utility else "SELECT",
        "ResultConfiguration": {"OutputLocation": f"{output}{query_id}.{'txt' if utility else 'csv'}"},
        "QueryExecutionContext": {"Database": database, "Catalog": "awsdatacatalog"},
        "Status": {"State": "QUEUED", "SubmissionDateTime": clock.time()},
        "Statistics": {
            "EngineExecutionTimeInMillis": 0,
            "DataScannedInBytes": 0,
            "TotalExecutionTimeInMillis": 0,
            "QueryQueueTimeInMillis": 0,
            "ServicePreProcessingTimeInMillis": 0,
            "QueryPlanningTimeInMillis": 0,
            "ServiceProcessingTimeInMillis": 0,
        },
        "WorkGroup": group,
        "EngineVersion": dict(_ENGINE),
        "ExecutionParameters": params.get("ExecutionParameters"),
        "_token": params.get("ClientRequestToken"),
    }
    queries.running[query_id] = queries.Running()
    queries.executions().set_scoped(account, region, query_id, execution)
    adapter.start_background(queries.run, account, region, query_id, call.caller, statement)
    return {"QueryExecutionId": query_id}


def _workgroup(call: Call, name: str) -> Record:
    with adapter.scope(call.caller.account, call.region):
        adapter.internal("services.athena", "_ensure_default_workgroup")()
    try:
        found = adapter.invoke_raw(
            "athena", "GetWorkGroup", {"WorkGroup": name}, account=call.caller.account, region=call.region
        )["WorkGroup"]
    except AwsError as failure:
        raise errors.invalid(f"WorkGroup {name} is not found.") from failure
    if found.get("State") == "DISABLED":
        raise errors.invalid(f"WorkGroup {name} is disabled.")
    configuration: Record = found.get("Configuration") or {}
    return configuration


def _by_token(call: Call) -> str | None:
    """The same token with the same query is the same execution."""
    token = call.params.get("ClientRequestToken")
    for query_id, execution in queries.executions().items_scoped(call.caller.account, call.region):
        if token and execution.get("_token") == token:
            if execution["Query"] != call.params["QueryString"]:
                raise errors.invalid("Idempotent parameters do not match")
            return str(query_id)
    return None


def _output(call: Call, configuration: Record) -> str:
    """https://docs.aws.amazon.com/athena/latest/ug/workgroups-settings-override.html."""
    ours = (configuration.get("ResultConfiguration") or {}).get("OutputLocation")
    theirs = (call.params.get("ResultConfiguration") or {}).get("OutputLocation")
    chosen = ours if configuration.get("EnforceWorkGroupConfiguration") and ours else theirs or ours
    if not chosen:
        raise errors.invalid(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    try:
        bucket, prefix = objects.parse(chosen)
    except ValueError as failure:
        raise errors.invalid(f"outputLocation is not a valid S3 path: {chosen}") from failure
    _check_bucket(call, bucket)
    return f"s3://{bucket}/{prefix.rstrip('/') + '/' if prefix else ''}"


def _check_bucket(call: Call, bucket: str) -> None:
    """Athena looks where the bucket is, as the caller."""
    owner = adapter.bucket_owner(bucket)
    if owner is not None:
        allowed = authz.check(
            call.caller.arn,
            "s3:GetBucketLocation",
            f"arn:aws:s3:::{bucket}",
            resource_policy=adapter.bucket_policy(bucket),
            resource_account=owner,
        ).allowed
        if allowed:
            return
    raise errors.invalid(f"Unable to verify/create output bucket {bucket}")


# --- following --------------------------------------------------------------------------------------------------------


def _execution(call: Call) -> Record:
    query_id = call.params["QueryExecutionId"]
    found: Record | None = queries.executions().get_scoped(call.caller.account, call.region, query_id)
    if found is None:
        raise errors.invalid(f"QueryExecution {query_id} was not found")
    group = found["WorkGroup"]
    if group != "primary":
        # The front door knows the workgroup of a call only where the call names it.
        arn = f"arn:aws:athena:{call.region}:{call.caller.account}:workgroup/{group}"
        authz.require(call.caller.arn, f"athena:{call.operation}", arn)
    return found


def get_query_execution(call: Call) -> dict[str, Any]:
    """GetQueryExecution."""
    return {"QueryExecution": _shown(_execution(call))}


def _shown(execution: Record) -> Record:
    return {key: value for key, value in execution.items() if not key.startswith("_")}


def batch_get_query_execution(call: Call) -> dict[str, Any]:
    """BatchGetQueryExecution."""
    found, missing = [], []
    for query_id in call.params["QueryExecutionIds"]:
        one = Call(call.service, call.operation, {"QueryExecutionId": query_id}, call.caller, call.region)
        try:
            found.append(_shown(_execution(one)))
        except AwsError as failure:
            missing.append({"QueryExecutionId": query_id, "ErrorCode": failure.code, "ErrorMessage": failure.message})
    return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}


def list_query_executions(call: Call) -> dict[str, Any]:
    """ListQueryExecutions of a workgroup, the newest first."""
    group = call.params.get("WorkGroup") or "primary"
    found = [
        (execution["Status"]["SubmissionDateTime"], query_id)
        for query_id, execution in queries.executions().items_scoped(call.caller.account, call.region)
        if execution["WorkGroup"] == group
    ]
    return _page([query_id for _, query_id in sorted(found, reverse=True)], call, "QueryExecutionIds", 50)


def stop_query_execution(call: Call) -> dict[str, Any]:
    """StopQueryExecution: what has ended stays as it is."""
    _execution(call)
    found = queries.running.get(call.params["QueryExecutionId"])
    if found is not None:
        found.stop()
    return {}


def get_query_results(call: Call) -> dict[str, Any]:
    """GetQueryResults: read from the result location as the caller; a SELECT's first row names the columns."""
    execution = _execution(call)
    state = execution["Status"]["State"]
    if state in ("QUEUED", "RUNNING"):
        raise errors.invalid(f"Query has not yet finished. Current state: {state}")
    if state != "SUCCEEDED":
        raise errors.invalid(f"Query did not finish successfully. Final query state: {state}")
    uri = execution["ResultConfiguration"]["OutputLocation"]
    try:
        objects.require_object(call.caller, call.region, *objects.parse(uri), "s3:GetObject")
    except AwsError as failure:
        raise errors.invalid(f"Unable to read query results from {uri}: {failure.message}") from failure
    columns = [Column(name, kind) for name, kind in execution["_columns"]]
    header = [[column.name for column in columns]] if execution["StatementType"] == "DML" else []
    page = _page([*header, *execution["_rows"]], call, "Rows", _MOST_ROWS)
    answer: dict[str, Any] = {
        "UpdateCount": 0,
        "ResultSet": {
            "Rows": [results.row(row) for row in page["Rows"]],
            "ResultSetMetadata": {"ColumnInfo": [results.column_info(column) for column in columns]},
        },
    }
    if "NextToken" in page:
        answer["NextToken"] = page["NextToken"]
    return answer


def _page(items: list[Any], call: Call, member: str, default: int) -> dict[str, Any]:
    token = str(call.params.get("NextToken") or "0")
    if not token.isdigit():
        raise errors.invalid("Invalid NextToken")
    start, size = int(token), int(call.params.get("MaxResults") or default)
    answer: dict[str, Any] = {member: items[start : start + size]}
    if start + size < len(items):
        answer["NextToken"] = str(start + size)
    return answer


# --- the catalog as Athena shows it -----------------------------------------------------------------------------------


def _glue(call: Call, operation: str, **params: Json) -> dict[str, Any]:
    try:
        return gate.call_as(call.caller, call.region, operation, **params)
    except AwsError as failure:
        raise AwsError("MetadataException", failure.message) from failure


def get_database(call: Call) -> dict[str, Any]:
    """GetDatabase, with the caller's Glue and Lake Formation rights."""
    return {"Database": _database(_glue(call, "GetDatabase", Name=call.params["DatabaseName"])["Database"])}


def list_databases(call: Call) -> dict[str, Any]:
    """ListDatabases that the caller sees."""
    found = _glue(call, "GetDatabases", MaxResults=10_000)["DatabaseList"]
    return _page([_database(record) for record in found], call, "DatabaseList", 50)


def _database(record: Record) -> Record:
    return {key: record[key] for key in ("Name", "Description", "Parameters") if record.get(key)}


def get_table_metadata(call: Call) -> dict[str, Any]:
    """GetTableMetadata, with the caller's Glue and Lake Formation rights."""
    named = {"DatabaseName": call.params["DatabaseName"], "Name": call.params["TableName"]}
    return {"TableMetadata": _metadata(_glue(call, "GetTable", **named)["Table"])}


def list_table_metadata(call: Call) -> dict[str, Any]:
    """ListTableMetadata of what the caller sees."""
    named = {"DatabaseName": call.params["DatabaseName"], "Expression": call.params.get("Expression")}
    found = _glue(call, "GetTables", MaxResults=100_000, **named)["TableList"]
    return _page([_metadata(record) for record in found], call, "TableMetadataList", 50)


def _metadata(record: Record) -> Record:
    columns = (record.get("StorageDescriptor") or {}).get("Columns") or []
    return {
        "Name": record["Name"],
        "CreateTime": record.get("CreateTime"),
        "LastAccessTime": record.get("LastAccessTime", record.get("CreateTime")),
        "TableType": record.get("TableType"),
        "Columns": [_column(column) for column in columns],
        "PartitionKeys": [_column(column) for column in record.get("PartitionKeys") or []],
        "Parameters": record.get("Parameters") or {},
    }


def _column(column: Record) -> Record:
    return {key: column[key] for key in ("Name", "Type", "Comment") if column.get(key)}


_OPERATIONS: dict[str, Callable[[Call], dict[str, Any]]] = {
    "StartQueryExecution": start_query_execution,
    "GetQueryExecution": get_query_execution,
    "BatchGetQueryExecution": batch_get_query_execution,
    "ListQueryExecutions": list_query_executions,
    "StopQueryExecution": stop_query_execution,
    "GetQueryResults": get_query_results,
    "GetDatabase": get_database,
    "ListDatabases": list_databases,
    "GetTableMetadata": get_table_metadata,
    "ListTableMetadata": list_table_metadata,
}
