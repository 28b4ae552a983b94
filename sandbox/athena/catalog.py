"""The tables of a query as its caller may read them: links resolved, IAM and Lake Formation asked on both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox import authz
from sandbox.api import AwsError, Caller
from sandbox.athena import cells, errors
from sandbox.athena.errors import Place, QueryError
from sandbox.athena.statements import TableUse
from sandbox.glue import access, gate, objects, resources, store
from sandbox.glue.store import Record
from sandbox.lakeformation import engine
from sandbox.lakeformation.effective import Cells
from sandbox.lakeformation.engine import TableRef


@dataclass(frozen=True)
class Source:
    """A table, found: where its definition lies and which of its columns the caller reads."""

    use: TableUse
    ref: TableRef
    record: Record
    """The definition as its owner sees it."""
    partitions: list[Record]
    readable: list[str]
    """Lower case, in the order of the definition, partition keys last."""
    cells: list[Cells]
    """In which rows; together they make what is readable."""

    @property
    def location(self) -> str:
        """Where the objects lie."""
        return str((self.record.get("StorageDescriptor") or {}).get("Location") or "")


def find(caller: Caller, region: str, use: TableUse) -> Source:
    """Resolve one table of a query; raises `QueryError`."""
    _call(caller, region, lambda: errors.schema_not_found(use.database, use.place), "GetDatabase", Name=use.database)

    def missing() -> QueryError:
        return errors.table_not_found(use.database, use.name, use.place)

    shown = _call(caller, region, missing, "GetTable", DatabaseName=use.database, Name=use.name)["Table"]
    ref, record = _target(caller, region, use, shown, missing)
    if not record.get("StorageDescriptor"):
        raise errors.no_storage(ref.database, ref.name)
    keys = record.get("PartitionKeys") or []
    partitions = _partitions(caller, region, use, missing) if keys else []
    names = [name.lower() for name in access.column_names(record)]
    parts = engine.readable_cells(caller, ref, names)
    cells.require_iam(caller, parts)
    readable = [name for name in names if any(name in part.columns for part in parts)]
    source = Source(use, ref, record, partitions, readable, parts)
    cells.check(source, names)
    return source


def _call(
    caller: Caller, region: str, missing: Callable[[], QueryError], operation: str, **params: object
) -> dict[str, Any]:
    try:
        return gate.call_as(caller, region, operation, **params)
    except AwsError as failure:
        if failure.code == "EntityNotFoundException":
            raise missing() from failure
        raise errors.insufficient(failure) from failure


def _target(
    caller: Caller, region: str, use: TableUse, shown: Record, missing: Callable[[], QueryError]
) -> tuple[TableRef, Record]:
    """The table behind a table link or a database link, or the table itself.

    GetTable answers a link it could not follow with the link itself; a query fails then: the target is asked for again.
    """
    database = store.database(caller.account, region, use.database) or {}
    link = shown.get("TargetTable")
    if link is None and database.get("TargetDatabase"):
        link = {**database["TargetDatabase"], "Name": use.name}
    if link is None:
        ref = TableRef(caller.account, use.database, use.name)
    else:
        ref = TableRef(link["CatalogId"], link["DatabaseName"].lower(), link["Name"].lower())
        arns = resources.table_arns(region, ref.catalog, ref.database)
        try:
            access.require_iam(caller, "GetDatabase", arns)
        except AwsError as failure:
            raise errors.insufficient(failure) from failure
        _call(caller, region, missing, "GetTable", CatalogId=ref.catalog, DatabaseName=ref.database, Name=ref.name)
    record = store.table(ref.catalog, region, ref.database, ref.name)
    if record is None or access.is_link(record):
        raise missing()
    return ref, record


def _partitions(caller: Caller, region: str, use: TableUse, missing: Callable[[], QueryError]) -> list[Record]:
    found: list[Record] = []
    token: dict[str, str] = {}
    while True:
        page = _call(caller, region, missing, "GetPartitions", DatabaseName=use.database, TableName=use.name, **token)
        found += page["Partitions"]
        if "NextToken" not in page:
            return found
        token = {"NextToken": page["NextToken"]}


def require_columns(source: Source, star: Place | None, named: list[tuple[str, Place]]) -> None:
    """A table without a single readable column cannot be queried; raises `QueryError`."""
    if source.readable:
        return
    own = {name.lower() for name in access.column_names(source.record)}
    first = min(((place, column) for column, place in named if column in own), default=None)
    if first is not None and (star is None or first[0] < star):
        raise errors.column_not_found(first[1], first[0])
    if star is not None:
        reason = "SELECT * not allowed from relation that has no columns"
        raise QueryError(f"COLUMN_NOT_FOUND: {star}: {reason}", 1006)
    refusal = f"Insufficient Lake Formation permission(s): Required Select on {source.ref.name}"
    raise errors.insufficient(AwsError("AccessDeniedException", refusal))


class Access:
    """Readers for a table's objects, each location's rights checked once per query."""

    def __init__(self, caller: Caller, region: str, source: Source) -> None:
        self._caller, self._region, self._source = caller, region, source
        self._vended: list[str] = []

    def reader(self, uri: str) -> objects.Reader:
        """Where the location is registered, Lake Formation's role reads, else the caller; raises `QueryError`."""
        try:
            return self._reader(uri)
        except ValueError as failure:
            raise QueryError(f"HIVE_FILESYSTEM_ERROR: {failure}") from failure

    def _reader(self, uri: str) -> objects.Reader:
        if not uri:
            raise errors.no_location()
        catalog = self._source.ref.catalog
        if engine.registered_location(catalog, uri) is None:
            return objects.reader(uri, self._region, self._caller)
        if any(uri.startswith(home) for home in self._vended):
            return objects.vended(uri, self._region, catalog, checked=True)
        try:
            authz.require(self._caller.arn, "lakeformation:GetDataAccess", "*")
        except AwsError as failure:
            raise errors.insufficient(failure) from failure
        try:
            reader = objects.vended(uri, self._region, catalog)
        except AwsError as failure:
            raise errors.storage_denied(uri, failure) from failure
        self._vended.append(uri.rstrip("/") + "/")
        return reader

    def keys(self, reader: objects.Reader, uri: str) -> list[str]:
        """The keys below a location; raises `QueryError`."""
        try:
            return reader.keys()
        except AwsError as failure:
            raise errors.storage_denied(uri, failure) from failure

    def read(self, reader: objects.Reader, key: str) -> bytes:
        """An object; raises `QueryError`."""
        try:
            return reader.read(key)
        except AwsError as failure:
            raise errors.storage_denied(f"s3://{reader.bucket}/{key}", failure) from failure
