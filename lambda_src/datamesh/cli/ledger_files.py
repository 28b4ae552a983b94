"""The ledger as a file: JSON lines or Parquet, written from its entries and read back as they were."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import count, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from datamesh.models.base import iso
from datamesh.models.ledger import LedgerEntry, Stored

ROWS = 1_000
# The details differ from kind to kind: one JSON text, which every engine can read into.
SCHEMA = pa.schema(
    [
        pa.field("sequence", pa.int64(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("actor", pa.string(), nullable=False),
        pa.field("request_id", pa.string()),
        pa.field("domain", pa.string()),
        pa.field("details", pa.string(), nullable=False),
        pa.field("previous", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
    ]
)


class FileFormat(StrEnum):
    """What the ledger can be exported as."""

    JSONL = "jsonl"
    PARQUET = "parquet"


def write_entries(entries: Iterable[LedgerEntry], file: Path, file_format: FileFormat) -> int:
    """Write entries to a file, which is there only when all are in it, and return how many. Raises OSError."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    try:
        written = _WRITERS[file_format](entries, unfinished)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return written


def read_entries(file: Path) -> Iterator[Stored]:
    """Yield what a file holds, in its order. Raises OSError, ValueError when it is neither of the formats."""
    with file.open("rb") as start:
        is_parquet = start.read(4) == b"PAR1"
    return map(_read, count(1), _parquet_rows(file) if is_parquet else _json_rows(file))


def _write_jsonl(entries: Iterable[LedgerEntry], file: Path) -> int:
    written = 0
    with file.open("w", encoding="utf-8") as lines:
        for entry in entries:
            lines.write(json.dumps(entry.to_json(), sort_keys=True, ensure_ascii=False) + "\n")
            written += 1
    return written


def _write_parquet(entries: Iterable[LedgerEntry], file: Path) -> int:
    written = 0
    with pq.ParquetWriter(file, SCHEMA) as writer:
        left = iter(entries)
        while some := list(islice(left, ROWS)):
            rows = [entry.to_json() | {"at": entry.at, "details": _text(entry.to_json()["details"])} for entry in some]
            writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            written += len(rows)
    return written


def _text(details: Mapping[str, Any]) -> str:
    return json.dumps(details, sort_keys=True, ensure_ascii=False)


def _json_rows(file: Path) -> Iterator[Any]:
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _parquet_rows(file: Path) -> Iterator[Any]:
    with pq.ParquetFile(file) as parquet:
        for batch in parquet.iter_batches(ROWS):
            for row in batch.to_pylist():
                yield row | {"at": iso(row["at"]), "details": json.loads(row["details"])}


def _read(number: int, row: object) -> Stored:
    try:
        return Stored(number, LedgerEntry.model_validate(row))
    except ValidationError as error:
        return Stored(number, None, f"{error.error_count()} fields are not as they should be")


_WRITERS: dict[FileFormat, Callable[[Iterable[LedgerEntry], Path], int]] = {
    FileFormat.JSONL: _write_jsonl,
    FileFormat.PARQUET: _write_parquet,
}
