"""What a crawler finds in the objects below a location: format, columns, partitions.

https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html, …/crawler-s3-folder-table-partition.html
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from sandbox.glue.types import from_arrow, from_duckdb

PARQUET, CSV, JSON, UNKNOWN = "parquet", "csv", "json", "UNKNOWN"

# A crawler reads a sample: https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
_SAMPLED_FILES = {PARQUET: 200, CSV: 20, JSON: 20}
_SAMPLED_BYTES = 2 * 1024 * 1024
_INTEGERS = ("tinyint", "smallint", "int", "bigint")


@dataclass
class Found:
    """What lies below a location."""

    classification: str
    columns: dict[str, str]
    """Name → Hive type, in order."""
    partition_keys: list[str] = field(default_factory=list)
    partitions: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Values → folder, relative to the location, with a trailing slash."""
    delimiter: str = ","
    header: bool = False
    compressed: bool = False
    objects: int = 0
    size: int = 0
    records: int = 0


@dataclass(frozen=True)
class CsvClassifier:
    """What a custom CSV classifier says: https://docs.aws.amazon.com/glue/latest/dg/custom-classifier.html."""

    delimiter: str | None = None
    header: bool | None = None
    """None: look."""
    names: tuple[str, ...] = ()


def discover(
    keys: Sequence[str], prefix: str, read: Callable[[str], bytes], classifier: CsvClassifier | None = None
) -> Found | None:
    """Look at the objects below `prefix`; None when there is no data. `read` may raise `AwsError`."""
    names, partitions = _layout(keys, prefix)
    samples = _samples(sorted(key for folder in partitions.values() for key in folder), read)
    if not samples:
        return None
    formats = Counter(sample.classification for sample in samples)
    classification = formats.most_common(1)[0][0]
    chosen = [sample for sample in samples if sample.classification == classification]
    found = _combine(classification, chosen, classifier or CsvClassifier())
    found.partition_keys = names
    if names:
        found.partitions = {values: _folder_of(folder[0], prefix) for values, folder in partitions.items()}
    found.objects = len(keys)
    return found


# --- partitions -------------------------------------------------------------------------------------------------------


def _layout(keys: Sequence[str], prefix: str) -> tuple[list[str], dict[tuple[str, ...], list[str]]]:
    """Names of the partition keys and the objects by partition; what does not lie as most objects do is left out."""
    by_layout: dict[tuple[str, ...], dict[tuple[str, ...], list[str]]] = {}
    for key in keys:
        folders = key[len(prefix) :].split("/")[:-1]
        pairs = [folder.partition("=") for folder in folders]
        names = tuple(name.lower() if equals else f"partition_{index}" for index, (name, equals, _) in enumerate(pairs))
        values = tuple(unquote(value if equals else name) for name, equals, value in pairs)
        by_layout.setdefault(names, {}).setdefault(values, []).append(key)
    if not by_layout:
        return [], {}
    names, partitions = max(by_layout.items(), key=lambda item: sum(map(len, item[1].values())))
    return list(names), partitions


def _folder_of(key: str, prefix: str) -> str:
    return key[len(prefix) :].rpartition("/")[0] + "/"


# --- formats ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Sample:
    classification: str
    data: bytes
    compressed: bool
    size: int


def _samples(keys: Sequence[str], read: Callable[[str], bytes]) -> list[_Sample]:
    samples: list[_Sample] = []
    for key in keys:
        data = read(key)
        if not data:
            continue
        size, compressed = len(data), data[:2] == b"\x1f\x8b"
        if compressed:
            data = gzip.decompress(data)
        samples.append(_Sample(_classify(data), data, compressed, size))
        if len(samples) >= _SAMPLED_FILES.get(samples[0].classification, 20):
            break
    return samples


def _classify(data: bytes) -> str:
    if data[:4] == b"PAR1":
        return PARQUET
    try:
        text = data[:_SAMPLED_BYTES].decode("utf-8-sig", errors="strict" if len(data) <= _SAMPLED_BYTES else "ignore")
    except UnicodeDecodeError:
        return UNKNOWN
    if "\0" in text:
        return UNKNOWN
    start = text.lstrip()[:1]
    if start in ("{", "["):
        return JSON
    # https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html: CSV has at least two columns and two rows.
    return CSV if re.search(r"[,|\t;\x01]", text.split("\n", 1)[0]) else UNKNOWN


def _combine(classification: str, samples: list[_Sample], classifier: CsvClassifier) -> Found:
    size = sum(sample.size for sample in samples)
    found = Found(classification, {}, compressed=any(sample.compressed for sample in samples), size=size)
    for sample in samples:
        if classification == PARQUET:
            _parquet(sample, found)
        elif classification == CSV:
            _csv(sample, found, classifier)
        elif classification == JSON:
            _json(sample, found)
    return found


def _add(found: Found, name: str, kind: str) -> None:
    name = name.strip().lower()
    found.columns[name] = widest(found.columns[name], kind) if name in found.columns else kind


def widest(one: str, other: str) -> str:
    """The type that holds the values of both."""
    if one == other:
        return one
    if one in _INTEGERS and other in _INTEGERS:
        return max(one, other, key=_INTEGERS.index)
    if {one, other} <= {*_INTEGERS, "float", "double"}:
        return "double"
    return "string"


def _parquet(sample: _Sample, found: Found) -> None:
    try:
        read = pq.ParquetFile(io.BytesIO(sample.data))
    except pa.ArrowInvalid:
        return
    for column in read.schema_arrow:
        _add(found, column.name, from_arrow(column.type))
    found.records += read.metadata.num_rows


def _on_disk(data: bytes, describe: Callable[[duckdb.DuckDBPyConnection, str], None]) -> None:
    """DuckDB sniffs files only; cut after a whole line."""
    if len(data) > _SAMPLED_BYTES:
        data = data[: data.rindex(b"\n", 0, _SAMPLED_BYTES) + 1]
    with tempfile.NamedTemporaryFile(suffix=".sample") as file, duckdb.connect() as connection:
        Path(file.name).write_bytes(data)
        try:
            describe(connection, file.name)
        except duckdb.Error:
            # Neither CSV nor JSON after all: it adds no columns, as for AWS's built-in classifiers.
            return


def _csv(sample: _Sample, found: Found, classifier: CsvClassifier) -> None:
    def describe(connection: duckdb.DuckDBPyConnection, path: str) -> None:
        lenient = "sample_size = -1, null_padding = true, strict_mode = false, header = false"
        if classifier.delimiter:
            lenient += f", delim = '{classifier.delimiter}'"
        row = connection.execute(f"SELECT Delimiter, Columns FROM sniff_csv(?, {lenient})", [path]).fetchone()  # noqa: S608
        if row is None:
            return
        found.delimiter, kinds = str(row[0]), [from_duckdb(column["type"]) for column in row[1]]
        first = next(
            csv.reader([sample.data.decode(errors="replace").split("\n", 1)[0].strip()], delimiter=found.delimiter)
        )
        below = _kinds_below(connection, path, f"{lenient}, delim = '{found.delimiter}'", len(kinds))
        found.header = classifier.header if classifier.header is not None else _is_header(connection, first, below)
        names = classifier.names or (first if found.header else [f"col{index}" for index in range(len(kinds))])
        for name, kind in zip(names, below if found.header else kinds, strict=False):
            _add(found, name, kind)
        found.records += sample.data.count(b"\n") - int(found.header)

    _on_disk(sample.data, describe)


def _kinds_below(connection: duckdb.DuckDBPyConnection, path: str, options: str, count: int) -> list[str]:
    """The types of the rows after the first; text where there are none."""
    try:
        row = connection.execute(f"SELECT Columns FROM sniff_csv(?, {options}, skip = 1)", [path]).fetchone()  # noqa: S608
    except duckdb.Error:
        row = None
    found = [from_duckdb(column["type"]) for column in row[0]] if row else []
    return (found + ["string"] * count)[:count]


def _is_header(connection: duckdb.DuckDBPyConnection, first: list[str], below: list[str]) -> bool:
    """AWS's rule: the first row is all text, and the rows below are not.

    https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html#classifier-builtin: "If all columns are of type
    STRING, then the first row of data is not sufficiently different from subsequent rows to be used as the header."
    """
    tries = (
        "coalesce(try_cast(? AS DOUBLE)::VARCHAR, try_cast(? AS TIMESTAMP)::VARCHAR, try_cast(? AS BOOLEAN)::VARCHAR)"
    )
    if not all(name.strip() and len(name) < 150 for name in first[:-1]):
        return False
    if any(connection.execute(f"SELECT {tries}", [name] * 3).fetchall()[0][0] is not None for name in first):
        return False
    return any(kind != "string" for kind in below)


def _json(sample: _Sample, found: Found) -> None:
    def describe(connection: duckdb.DuckDBPyConnection, path: str) -> None:
        query = (
            "DESCRIBE SELECT * FROM read_json(?, maximum_depth = -1, map_inference_threshold = -1, sample_size = -1)"
        )
        for name, kind, *_ in connection.execute(query, [path]).fetchall():
            _add(found, name, from_duckdb(kind, temporal=False))
        found.records += sample.data.count(b"\n")

    _on_disk(sample.data, describe)
