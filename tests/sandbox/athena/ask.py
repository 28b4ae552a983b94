"""Ask Athena and wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.sandbox.glue.lake import LOCAL, MARKETING, RESULTS, Lake, until

OUTPUT = {"OutputLocation": f"s3://{RESULTS}/out/"}


@dataclass
class Answer:
    """How a query ended."""

    execution: dict[str, Any]
    columns: list[tuple[str, str]]
    rows: list[list[str | None]]

    @property
    def reason(self) -> str:
        """Why it failed."""
        return str(self.execution["Status"].get("StateChangeReason", ""))


def start(athena: Any, sql: str, **more: Any) -> str:
    """Start a query in the local database and return its id."""
    context = {"Database": LOCAL}
    started = athena.start_query_execution(
        **{"QueryString": sql, "QueryExecutionContext": context, "ResultConfiguration": OUTPUT, **more}
    )
    return str(started["QueryExecutionId"])


def finished(athena: Any, query_id: str) -> dict[str, Any]:
    """The execution once it has ended."""

    def look() -> dict[str, Any] | None:
        execution: dict[str, Any] = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        return execution if execution["Status"]["State"] not in ("QUEUED", "RUNNING") else None

    return until(look)


def ask(lake: Lake, sql: str, role: str = "analyst", **more: Any) -> Answer:
    """Ask as a role of the consumer's account."""
    athena = lake.client("athena", MARKETING, role)
    execution = finished(athena, start(athena, sql, **more))
    if execution["Status"]["State"] != "SUCCEEDED":
        return Answer(execution, [], [])
    found = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
    columns = [(column["Name"], column["Type"]) for column in found["ResultSetMetadata"]["ColumnInfo"]]
    return Answer(execution, columns, [[value.get("VarCharValue") for value in row["Data"]] for row in found["Rows"]])


def refused(lake: Lake, sql: str, role: str = "analyst") -> str:
    """The reason why a query fails; it must fail."""
    answer = ask(lake, sql, role)
    if answer.execution["Status"]["State"] != "FAILED":
        pytest.fail(f"the query did not fail: {answer}")
    return answer.reason
