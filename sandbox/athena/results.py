"""Values, types and files of a result as Athena gives them.

https://docs.aws.amazon.com/athena/latest/APIReference/API_GetQueryResults.html,
https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from sandbox.api import Json

_TYPES = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "HUGEINT": "bigint",
    "UBIGINT": "bigint",
    "UINTEGER": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "varchar",
    "UUID": "uuid",
    "JSON": "json",
    "BLOB": "varbinary",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
    "INTERVAL": "interval day to second",
}
_PRECISION = {
    "boolean": 0,
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "float": 17,
    "double": 17,
    "date": 0,
    "timestamp": 3,
    "varchar": 2147483647,
    "varbinary": 1073741824,
}


@dataclass(frozen=True)
class Column:
    """A result column: its name and DuckDB's type."""

    name: str
    kind: str

    @property
    def athena(self) -> str:
        """Athena's name of the type."""
        return athena_type(self.kind)


def athena_type(kind: str) -> str:
    """Athena's name of a DuckDB type."""
    if kind.endswith("]"):
        return "array"
    for prefix, name in (("STRUCT", "row"), ("MAP", "map"), ("DECIMAL", "decimal")):
        if kind.startswith(prefix):
            return name
    if kind.startswith("TIMESTAMP") and "ZONE" not in kind:
        return "timestamp"
    return _TYPES.get(kind, "varchar")


def column_info(column: Column) -> dict[str, Any]:
    """One `ColumnInfo`."""
    kind = column.athena
    precision, scale = _PRECISION.get(kind, 0), 0
    match = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", column.kind)
    if match:
        precision, scale = int(match[1]), int(match[2])
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind in ("varchar", "char", "json"),
    }


def text(value: Json, kind: str) -> str | None:
    """A value as Athena prints it; None for NULL."""
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M:%S}.{value.microsecond // 1000:03d}{' UTC' if value.tzinfo else ''}"
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return _interval(value)
    if isinstance(value, bytes | bytearray):
        return " ".join(f"{byte:02x}" for byte in value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_inside(item, kind) for item in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inside(key, '')}={_inside(item, '')}" for key, item in value.items()) + "}"
    return str(value)


def _inside(value: Json, kind: str) -> str:
    return text(value, kind) or "null" if value is None or value != "" else ""


def _float(value: float) -> str:
    """As Java prints doubles: 1.0E7 from ten million on, NaN, Infinity."""
    if value != value:  # noqa: PLR0124  NaN
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = format(Decimal(repr(value)), "f")
        return plain if "." in plain else f"{plain}.0"
    mantissa, _, exponent = format(Decimal(repr(value)).normalize(), "E").partition("E")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}E{int(exponent)}"


def _interval(value: timedelta) -> str:
    hours, rest = divmod(value.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{value.days} {hours:02d}:{minutes:02d}:{seconds:02d}.{value.microseconds // 1000:03d}"


def csv_file(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> bytes:
    """The result file: everything quoted, NULL empty and unquoted."""
    lines = [_line(columns), *(_line(row) for row in rows)]
    return "".join(f"{line}\n" for line in lines).encode()


def _line(values: Sequence[str | None]) -> str:
    return ",".join("" if value is None else '"' + value.replace('"', '""') + '"' for value in values)


def text_file(rows: Sequence[Sequence[str | None]]) -> bytes:
    """The result file of a utility statement: tab-separated, without a header."""
    return "".join("\t".join(value or "" for value in row) + "\n" for row in rows).encode()


def row(values: Sequence[str | None]) -> dict[str, Any]:
    """One `Row`; NULL is a datum without a value."""
    return {"Data": [{} if value is None else {"VarCharValue": value} for value in values]}
