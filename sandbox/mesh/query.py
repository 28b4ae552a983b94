"""Ask Athena, as a person with a role does."""

from __future__ import annotations

import time
from dataclasses import dataclass

import boto3


class QueryRefusedError(Exception):
    """Athena ended the query as FAILED. The message is Athena's own."""


@dataclass(frozen=True)
class Result:
    """Column names and rows, every value as Athena prints it."""

    columns: list[str]
    rows: list[list[str]]


def query(
    session: boto3.Session, endpoint: str, sql: str, *, database: str, results: str, seconds: float = 120
) -> Result:
    """Run ``sql`` and return its first page of rows (at most 999). ``results``: ``s3://bucket/prefix/``.

    Raises QueryRefusedError when the query fails and TimeoutError when it does not end within ``seconds``.
    """
    athena = session.client("athena", endpoint_url=endpoint)
    execution = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": database},
        ResultConfiguration={"OutputLocation": results},
    )["QueryExecutionId"]
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        status = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            page = athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
            values = [[value.get("VarCharValue", "") for value in row["Data"]] for row in page]
            return Result(columns=values[0], rows=values[1:])
        if status["State"] in {"FAILED", "CANCELLED"}:
            raise QueryRefusedError(status.get("StateChangeReason", status["State"]))
        time.sleep(0.1)
    raise TimeoutError(f"the query did not end within {seconds:.0f} s")
