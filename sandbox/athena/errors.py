"""How a query fails, in Athena's words.

https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html,
https://docs.aws.amazon.com/athena/latest/ug/error-reference.html (categories and types).
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import AwsError

SYSTEM, USER = 1, 2


@dataclass(frozen=True, order=True)
class Place:
    """Where in the text of the query something stands, counted from 1."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}:{self.column}"


class QueryError(Exception):
    """The query ends as FAILED with this StateChangeReason."""

    def __init__(self, message: str, error_type: int = 233, category: int = USER) -> None:
        super().__init__(message)
        self.message = message
        self.error_type = error_type
        self.category = category


def table_not_found(database: str, table: str, place: Place) -> QueryError:
    """There is no such table, or the caller may not see it."""
    return QueryError(f"TABLE_NOT_FOUND: {place}: Table 'awsdatacatalog.{database}.{table}' does not exist", 1006)


def schema_not_found(database: str, place: Place) -> QueryError:
    """There is no such database, or the caller may not see it."""
    return QueryError(f"SCHEMA_NOT_FOUND: {place}: Schema '{database}' does not exist", 1006)


def column_not_found(column: str, place: Place) -> QueryError:
    """There is no such column, or the caller has no SELECT on it."""
    return QueryError(
        f"COLUMN_NOT_FOUND: {place}: Column '{column}' cannot be resolved or requester is not authorized to access "
        "requested resources",
        1006,
    )


def insufficient(failure: AwsError) -> QueryError:
    """IAM or Lake Formation refused something the query needs."""
    return QueryError(f"Insufficient permissions to execute the query. {failure.message}", 1005)


def no_storage(database: str, table: str) -> QueryError:
    """A table that tells nothing of its data; Trino's text: https://github.com/trinodb/trino, GlueConverter."""
    return QueryError(f"HIVE_UNSUPPORTED_FORMAT: Table StorageDescriptor is null for table '{database}' {table}")


def no_location() -> QueryError:
    """A table that does not tell where its data lies: https://github.com/aws/aws-sdk-pandas/issues/1163."""
    return QueryError("GENERIC_INTERNAL_ERROR: Can not create a Path from an empty string", 1, SYSTEM)


def storage_denied(uri: str, failure: AwsError) -> QueryError:
    """The data cannot be read, by the caller or by the role that Lake Formation vends."""
    return QueryError(
        f"Permission denied on S3 path: {uri}: Access Denied: {failure.message} (Service: Amazon S3; Status Code: 403; "
        "Error Code: AccessDenied)",
        1003,
    )


def output_denied(uri: str, failure: AwsError) -> QueryError:
    """The result cannot be written."""
    return QueryError(
        f"Access denied when writing output to url: {uri} . Please ensure you are allowed to access the S3 bucket. If "
        "you are encrypting query results with KMS key, please ensure you are allowed to access your KMS key "
        f"({failure.message})",
        1007,
    )


def invalid(message: str) -> AwsError:
    """A call that Athena does not take up."""
    return AwsError("InvalidRequestException", message)
