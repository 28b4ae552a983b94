"""One query from QUEUED to its end: who may read what is decided before DuckDB sees a byte."""

from __future__ import annotations

import re
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from sandbox import adapter, clock, settings
from sandbox.api import AwsError, Caller, Json
from sandbox.athena import catalog, data, errors, results, statements, utilities
from sandbox.athena.errors import QueryError
from sandbox.athena.results import Column
from sandbox.athena.statements import Query, Utility
from sandbox.glue import objects

adapter.uses("services.athena", "_executions", "_ensure_default_workgroup")

_COLUMN_PATTERNS = (
    r'Referenced column "([^"]+)" not found',
    r'(?:Table|Values list|Candidate) "?[^"]*"? does not have a column named "([^"]+)"',
    r'does not have a column named "([^"]+)"',
    r'[Cc]olumn "([^"]+)" (?:does not exist|not found|referenced that exists in the SELECT clause)',
)


class CancelledError(Exception):
    """StopQueryExecution was called."""


@dataclass
class Running:
    """What StopQueryExecution gets at."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    connection: duckdb.DuckDBPyConnection | None = None

    def stop(self) -> None:
        """End the query where it is."""
        self.cancelled.set()
        threading.Thread(target=self._interrupt, daemon=True).start()

    def _interrupt(self) -> None:
        """Again and again: an interrupt that comes before DuckDB has begun is lost."""
        while (connection := self.connection) is not None:
            try:
                connection.interrupt()
            except duckdb.Error:
                return
            time.sleep(0.02)


running: dict[str, Running] = {}


def stop_all() -> None:
    """End what runs: its executions are about to be replaced."""
    for one in list(running.values()):
        one.stop()


def executions() -> Json:
    """MiniStack's store of executions. Members that start with `_` are not shown by its handlers."""
    return adapter.internal("services.athena", "_executions")


def run(account: str, region: str, query_id: str, caller: Caller, statement: Query | Utility) -> None:
    """The background part of StartQueryExecution: never raises, always ends in a final state."""
    execution = executions().get_scoped(account, region, query_id)
    this = running.setdefault(query_id, Running())
    if execution is None:
        running.pop(query_id, None)
        return
    started = clock.time()
    execution["Status"]["State"] = "RUNNING"
    outcome: tuple[str, str | None, QueryError | None] = ("SUCCEEDED", None, None)
    try:
        clock.sleep(settings.get().latency.get("athena:query", 0.0), this.cancelled)
        _execute(execution, region, caller, statement, this)
        _check(this)
    except CancelledError:
        outcome = ("CANCELLED", "Query was cancelled by user", None)
    except QueryError as failure:
        outcome = ("FAILED", failure.message, failure)
    except Exception as failure:  # noqa: BLE001  Athena reports every failure as the query's
        internal = QueryError(f"GENERIC_INTERNAL_ERROR: {failure}", 1, errors.SYSTEM)
        outcome = ("FAILED", internal.message, internal)
    _finish(execution, started, *outcome)
    running.pop(query_id, None)


def _check(this: Running) -> None:
    if this.cancelled.is_set():
        raise CancelledError


def _finish(execution: Json, started: float, state: str, reason: str | None, failure: QueryError | None) -> None:
    spent = int((clock.time() - started) * 1000)
    execution["Statistics"] |= {
        "EngineExecutionTimeInMillis": spent,
        "TotalExecutionTimeInMillis": spent,
        "QueryPlanningTimeInMillis": min(spent, 20),
    }
    status = execution["Status"] | {"CompletionDateTime": clock.time()}
    if reason is not None:
        status["StateChangeReason"] = reason
    if failure is not None:
        status["AthenaError"] = {
            "ErrorCategory": failure.category,
            "ErrorType": failure.error_type,
            "Retryable": False,
            "ErrorMessage": failure.message,
        }
    # The state last: who polls must find the rest.
    execution["Status"] = status | {"State": state}


def _execute(execution: Json, region: str, caller: Caller, statement: Query | Utility, this: Running) -> None:
    database = execution["QueryExecutionContext"]["Database"]
    if isinstance(statement, Utility):
        columns, rows = utilities.run(caller, region, statement, database)
        content = results.text_file(rows)
    else:
        columns, rows, scanned = _select(region, caller, statement, this)
        execution["Statistics"]["DataScannedInBytes"] = scanned
        content = results.csv_file([column.name for column in columns], rows)
    _check(this)
    _write(caller, region, execution["ResultConfiguration"]["OutputLocation"], content)
    execution["_columns"] = [(column.name, column.kind) for column in columns]
    execution["_rows"] = rows


def _write(caller: Caller, region: str, uri: str, content: bytes) -> None:
    bucket, key = objects.parse(uri)
    try:
        objects.require_object(caller, region, bucket, key, "s3:PutObject")
        owner = adapter.bucket_owner(bucket) or caller.account
        for name, body in ((key, content), (f"{key}.metadata", b"")):
            put = {"Bucket": bucket, "Key": name, "Body": body}
            adapter.invoke_raw("s3", "PutObject", put, account=owner, region=region)
    except AwsError as failure:
        raise errors.output_denied(uri, failure) from failure


def _select(
    region: str, caller: Caller, query: Query, this: Running
) -> tuple[list[Column], list[list[str | None]], int]:
    sources = [catalog.find(caller, region, use) for use in query.tables]
    for source in sources:
        catalog.require_columns(source, query.star(), list(query.columns()))
    with tempfile.TemporaryDirectory(prefix="athena-") as folder:
        directory = Path(folder).resolve()
        connection = this.connection = data.open_database(directory)
        try:
            scanned, views, schema = 0, {}, {}
            for number, source in enumerate(sources):
                _check(this)
                view, access = f"t{number}", catalog.Access(caller, region, source)
                size, schema[view] = data.load(connection, directory, view, source, access)
                views[id(source.use.node)] = view
                scanned += size
            data.close_doors(connection)
            _check(this)
            sql = statements.translate(query, views, schema)
            columns, rows = _run_sql(connection, query, sql)
        finally:
            this.connection = None
            connection.close()
    return columns, rows, scanned


def _run_sql(
    connection: duckdb.DuckDBPyConnection, query: Query, sql: str
) -> tuple[list[Column], list[list[str | None]]]:
    try:
        cursor = connection.execute(sql)
        described = cursor.description or []
        fetched = cursor.fetchall()
    except duckdb.InterruptException as failure:
        raise CancelledError from failure
    except duckdb.BinderException as failure:
        raise _bound(query, failure) from failure
    except (duckdb.ParserException, duckdb.CatalogException) as failure:
        raise QueryError(f"SYNTAX_ERROR: {failure}", 1006) from failure
    except duckdb.ConversionException as failure:
        raise QueryError(f"INVALID_CAST_ARGUMENT: {failure}", 1200) from failure
    except duckdb.Error as failure:
        raise QueryError(f"GENERIC_USER_ERROR: {failure}") from failure
    columns = [
        Column(statements.shown_name(str(item[0]), position), str(item[1])) for position, item in enumerate(described)
    ]
    rows = [
        [results.text(value, column.kind) for value, column in zip(values, columns, strict=True)] for values in fetched
    ]
    return columns, rows


def _bound(query: Query, failure: duckdb.BinderException) -> QueryError:
    message = str(failure)
    for pattern in _COLUMN_PATTERNS:
        match = re.search(pattern, message)
        if match:
            return statements.unresolved(query, match[1])
    return QueryError(f"SYNTAX_ERROR: {message}", 1006)
