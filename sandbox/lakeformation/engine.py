"""What Lake Formation decides for Glue, Athena and crawlers, evaluated fresh at each call.

Callers have passed IAM already: these functions answer the Lake Formation half of the question only.
Catalogs are account ids. Tables and databases that are resource links are their own resources here
(DESCRIBE / DROP only); resolve the link first and ask again about the target, as AWS does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.api import Caller


class TableRef(NamedTuple):
    """A table of one account's catalog."""

    catalog: str
    database: str
    name: str


class RegisteredLocation(NamedTuple):
    """An S3 location registered with Lake Formation."""

    arn: str
    role_arn: str
    catalog: str


def database_created(account: str, name: str, creator: Caller, database_input: dict[str, Any]) -> None:
    """Record the implicit grants of a new database (call it after the database exists)."""
    raise NotImplementedError


def database_deleted(account: str, name: str) -> None:
    """Forget the grants on a database that is gone, and on its tables."""
    raise NotImplementedError


def table_created(account: str, database: str, name: str, creator: Caller, table_input: dict[str, Any]) -> None:
    """Record the implicit grants of a new table or resource link (call it after it exists)."""
    raise NotImplementedError


def table_deleted(account: str, database: str, name: str) -> None:
    """Forget the grants on a table that is gone."""
    raise NotImplementedError


def can_see_database(caller: Caller, catalog: str, name: str) -> bool:
    """Whether the caller holds anything on the database or on something in it."""
    raise NotImplementedError


def can_see_table(caller: Caller, ref: TableRef) -> bool:
    """Whether the caller holds anything on the table."""
    raise NotImplementedError


def has(
    caller: Caller,
    permission: str,
    *,
    catalog: str,
    database: str | None = None,
    table: str | None = None,
    columns: Sequence[str] | None = None,
) -> bool:
    """Whether the caller holds the permission: on the catalog (no database), a database, a table, or columns of it."""
    raise NotImplementedError


def can_use_location(caller: Caller, s3_uri: str, *, catalog: str, database: str | None = None) -> bool:
    """Whether the caller may let metadata of this catalog point to the S3 location."""
    raise NotImplementedError


def readable_columns(caller: Caller, ref: TableRef, all_columns: Sequence[str]) -> list[str]:
    """The columns on which the caller holds SELECT, in the order given; [] = no SELECT."""
    raise NotImplementedError


def registered_location(catalog: str, s3_uri: str) -> RegisteredLocation | None:
    """The longest location registered in the catalog's account that covers the S3 location."""
    raise NotImplementedError


def vend(catalog: str, s3_uri: str, actions: Sequence[str]) -> None:
    """Check that the registered role can do the S3 actions on the location now; raises AwsError AccessDeniedException."""
    raise NotImplementedError
