"""The objects of a table as a DuckDB view that holds the readable columns and nothing else.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html: Parquet by column name, CSV by position, JSON by
key.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from sandbox.api import Json
from sandbox.athena import cells
from sandbox.athena.catalog import Access, Source
from sandbox.athena.errors import QueryError
from sandbox.glue.store import Record
from sandbox.glue.types import quoted, to_duckdb

_PARQUET, _JSON, _CSV = "parquet", "json", "csv"
_HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")
_ESCAPES = {"\\t": "\t", "\\001": "\x01", "\\u0001": "\x01"}


@dataclass
class _Column:
    name: str
    kind: str
    """The DuckDB type."""


@dataclass
class _Files:
    """What was fetched: local paths, with the number of the partition as the name of their folder."""

    paths: list[str] = field(default_factory=list)
    size: int = 0


def open_database(directory: Path) -> duckdb.DuckDBPyConnection:
    """A DuckDB that later reads below `directory` only: see `close_doors`."""
    connection = duckdb.connect(":memory:", config={"threads": "2"})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET python_enable_replacements = false")
    # Pushed into the CSV reader, TRY_CAST would fail instead of giving NULL.
    connection.execute("SET disabled_optimizers = 'type_pushdown'")
    connection.execute("SET autoinstall_known_extensions = false")
    connection.execute(f"SET allowed_directories = ['{directory}']")
    return connection


def close_doors(connection: duckdb.DuckDBPyConnection) -> None:
    """The text of a query must not reach files of this machine."""
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def load(
    connection: duckdb.DuckDBPyConnection, directory: Path, view: str, source: Source, access: Access
) -> tuple[int, dict[str, str]]:
    """Fetch a table's objects and create its view; returns the bytes read and the view's columns with their types.

    Raises `QueryError` when the objects cannot be read or do not fit the table.
    """
    storage = source.record.get("StorageDescriptor") or {}
    kind = _format(source.record)
    folder = directory / view
    files = _fetch(folder, source, access)
    columns = [_column(item) for item in storage.get("Columns") or []]
    keys = [_column(item) for item in source.record.get("PartitionKeys") or []]
    kept = set(source.readable)
    inner = _inner(connection, kind, files.paths, columns, source.record)
    shown = [column for column in (*columns, *keys) if column.name in kept]
    selected = ", ".join(cells.column(source, column.name) for column in shown)
    partitions = ""
    if keys:
        _partition_table(connection, view, keys, source.partitions)
        partitions = f" JOIN {quoted(view + '_p')} ON _p = {_folder_number(files.paths)}"
    rows = cells.where(source)
    connection.execute(f"CREATE VIEW {quoted(view)} AS SELECT {selected} FROM ({inner}){partitions}{rows}")  # noqa: S608
    return files.size, {column.name: column.kind for column in shown}


def _column(item: Record) -> _Column:
    name = str(item["Name"]).lower()
    try:
        return _Column(name, to_duckdb(str(item.get("Type") or "string")))
    except ValueError as failure:
        raise QueryError(f"HIVE_INVALID_METADATA: Column '{name}': {failure}") from failure


def _format(record: Record) -> str:
    storage = record.get("StorageDescriptor") or {}
    serde = str((storage.get("SerdeInfo") or {}).get("SerializationLibrary") or "").lower()
    if "parquet" in serde:
        return _PARQUET
    if "json" in serde:
        return _JSON
    if "lazysimple" in serde or "opencsv" in serde:
        return _CSV
    raise QueryError(f"HIVE_UNSUPPORTED_FORMAT: Unable to create input format {storage.get('InputFormat') or ''}")


# --- objects ----------------------------------------------------------------------------------------------------------


def _fetch(folder: Path, source: Source, access: Access) -> _Files:
    files = _Files()
    if not source.record.get("PartitionKeys"):
        _fetch_one(folder / "0", source.location, access, files)
        return files
    for number, partition in enumerate(source.partitions):
        location = (partition.get("StorageDescriptor") or {}).get("Location") or ""
        _fetch_one(folder / str(number), location, access, files)
    if not source.partitions:
        # Nothing to read is no right to read: the location is asked for all the same.
        access.reader(source.location)
    return files


def _fetch_one(folder: Path, uri: str, access: Access, files: _Files) -> None:
    reader = access.reader(uri)
    for index, key in enumerate(access.keys(reader, uri)):
        data = access.read(reader, key)
        if not data:
            continue
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{index}{'.gz' if data[:2] == bytes([0x1F, 0x8B]) else ''}"
        path.write_bytes(data)
        files.paths.append(str(path))
        files.size += len(data)


def _folder_number(paths: list[str]) -> str:
    if not paths:
        return "-1"
    depth = paths[0].count(os.sep) - 1
    return f"CAST(string_split(filename, '{os.sep}')[{depth + 1}] AS INTEGER)"


def _partition_table(
    connection: duckdb.DuckDBPyConnection, view: str, keys: list[_Column], partitions: list[Record]
) -> None:
    defined = ", ".join(f"{quoted(key.name)} {key.kind}" for key in keys)
    connection.execute(f"CREATE TABLE {quoted(view + '_p')} (_p INTEGER, {defined})")
    casts = ", ".join(f"TRY_CAST(? AS {key.kind})" for key in keys)
    for number, partition in enumerate(partitions):
        values = [None if value == _HIVE_NULL else value for value in partition["Values"]]
        statement = f"INSERT INTO {quoted(view + '_p')} VALUES ({number}, {casts})"  # noqa: S608
        connection.execute(statement, values)


# --- formats ----------------------------------------------------------------------------------------------------------


def _inner(
    connection: duckdb.DuckDBPyConnection, kind: str, paths: list[str], columns: list[_Column], record: Record
) -> str:
    """All data columns of the files, with `filename`; a table without files is an empty one."""
    if not paths:
        nulls = [f"CAST(NULL AS {column.kind}) AS {quoted(column.name)}" for column in columns]
        return f"SELECT {', '.join([*nulls, 'NULL AS filename'])} WHERE false"
    listed = f"[{', '.join(_text(path) for path in paths)}]"
    if kind == _PARQUET:
        return _parquet(connection, listed, columns)
    if kind == _JSON:
        return _json(connection, listed, columns)
    return _csv(listed, columns, record)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _query(connection: duckdb.DuckDBPyConnection, query: str, error: str) -> list[tuple[Json, ...]]:
    try:
        return connection.execute(query).fetchall()
    except duckdb.Error as failure:
        raise QueryError(f"{error}: {failure}") from failure


def _parquet(connection: duckdb.DuckDBPyConnection, listed: str, columns: list[_Column]) -> str:
    read = f"read_parquet({listed}, union_by_name = true, filename = true, hive_partitioning = false)"
    described = _query(connection, f"DESCRIBE SELECT * FROM {read}", "HIVE_CANNOT_OPEN_SPLIT")  # noqa: S608
    found = {str(name).lower(): (str(name), str(kind)) for name, kind, *_ in described}
    items = []
    for column in columns:
        if column.name not in found:
            items.append(f"CAST(NULL AS {column.kind}) AS {quoted(column.name)}")
            continue
        actual, kind = found[column.name]
        if not fits(kind, column.kind):
            raise QueryError(
                f"HIVE_BAD_DATA: Field {column.name}'s type {kind} in parquet file is incompatible with type "
                f"{column.kind.lower()} defined in table schema"
            )
        items.append(f"CAST({quoted(actual)} AS {column.kind}) AS {quoted(column.name)}")
    return f"SELECT {', '.join([*items, 'filename'])} FROM {read}"  # noqa: S608


def fits(file: str, table: str) -> bool:
    """May Athena read this type of a Parquet file as that type of the table?

    https://docs.aws.amazon.com/athena/latest/ug/handling-schema-updates-chapter.html: integers widen, float to double.
    """
    nested = re.compile(r"STRUCT|MAP|\[\]$")
    if file == table or nested.search(file) or nested.search(table):
        return bool(nested.search(file)) == bool(nested.search(table))
    if file in _INTEGERS and table in _INTEGERS:
        return _INTEGERS.index(file) <= _INTEGERS.index(table)
    if file.startswith("DECIMAL") and table.startswith("DECIMAL"):
        return True
    if file.startswith("TIMESTAMP"):
        return table == "TIMESTAMP"
    if file.startswith("U") and file != "UUID":
        return table in _INTEGERS
    return (file, table) in {("FLOAT", "DOUBLE"), ("BLOB", "VARCHAR"), ("UUID", "VARCHAR"), ("JSON", "VARCHAR")}


def _csv(listed: str, columns: list[_Column], record: Record) -> str:
    serde = (record.get("StorageDescriptor") or {}).get("SerdeInfo") or {}
    parameters = serde.get("Parameters") or {}
    if "opencsv" in str(serde.get("SerializationLibrary")).lower():
        delimiter, quote = parameters.get("separatorChar", ","), parameters.get("quoteChar", '"')
        escape = parameters.get("escapeChar", "\\")
    else:
        # LazySimpleSerDe knows no quotes: https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html
        delimiter = parameters.get("field.delim", parameters.get("serialization.format", "\x01"))
        quote, escape = "", parameters.get("escape.delim", "")
    delimiter = _ESCAPES.get(delimiter, delimiter)
    names = ", ".join(f"{_text(column.name)}: 'VARCHAR'" for column in columns)
    options = (
        f"columns = {{{names}}}, auto_detect = false, header = false, skip = {_skipped(record)}, "
        f"delim = {_text(delimiter)}, quote = {_text(quote)}, escape = {_text(escape or quote)}, nullstr = '\\N', "
        "null_padding = true, strict_mode = false, filename = true"
    )
    items = [f"TRY_CAST({quoted(column.name)} AS {column.kind}) AS {quoted(column.name)}" for column in columns]
    return f"SELECT {', '.join([*items, 'filename'])} FROM read_csv({listed}, {options})"  # noqa: S608


def _skipped(record: Record) -> int:
    storage = record.get("StorageDescriptor") or {}
    places = (record, storage, storage.get("SerdeInfo") or {})
    named = [(place.get("Parameters") or {}).get("skip.header.line.count") for place in places]
    return int(next((count for count in named if count), 0))


def _json(connection: duckdb.DuckDBPyConnection, listed: str, columns: list[_Column]) -> str:
    """One object per line; keys fold to lower case: https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html."""
    keys = _query(
        connection,
        f"SELECT DISTINCT unnest(json_keys(json)) FROM read_ndjson_objects({listed})",  # noqa: S608
        "HIVE_CURSOR_ERROR: Row is not a valid JSON Object",
    )
    found = {str(key).lower(): str(key) for (key,) in keys}
    items, typed = [], []
    for column in columns:
        if column.name in found:
            typed.append(f"{_text(found[column.name])}: {_text(column.kind)}")
            items.append(f"{quoted(found[column.name])} AS {quoted(column.name)}")
        else:
            items.append(f"CAST(NULL AS {column.kind}) AS {quoted(column.name)}")
    if not typed:
        return f"SELECT {', '.join([*items, 'filename'])} FROM read_ndjson_objects({listed}, filename = true)"  # noqa: S608
    options = f"format = 'newline_delimited', columns = {{{', '.join(typed)}}}, filename = true"
    return f"SELECT {', '.join([*items, 'filename'])} FROM read_json({listed}, {options})"  # noqa: S608
