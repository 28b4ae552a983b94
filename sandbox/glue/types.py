"""Column types: Hive's (as Glue stores them), DuckDB's and Arrow's.

https://docs.aws.amazon.com/athena/latest/ug/data-types.html lists what Athena reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

_SCALARS = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "float": "FLOAT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "string": "VARCHAR",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
    "decimal": "DECIMAL(10,0)",
}
_TO_HIVE = {
    "BOOLEAN": "boolean",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "UTINYINT": "smallint",
    "USMALLINT": "int",
    "UINTEGER": "bigint",
    "UBIGINT": "bigint",
    "HUGEINT": "bigint",
    "FLOAT": "float",
    "DOUBLE": "double",
    "VARCHAR": "string",
    "UUID": "string",
    "JSON": "string",
    "TIME": "string",
    "BLOB": "binary",
    "DATE": "date",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp",
}


def split(text: str, opening: str = "<([", closing: str = ">)]") -> Iterator[str]:
    """The parts of `a:int,b:struct<c:int,d:int>` between the commas that are not inside brackets."""
    depth, start = 0, 0
    for index, letter in enumerate(text):
        depth += (letter in opening) - (letter in closing)
        if letter == "," and depth == 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def to_duckdb(hive: str) -> str:
    """The DuckDB type of a Hive type; raises `ValueError` for one that Athena does not read."""
    text = hive.strip()
    lowered = text.lower()
    if lowered.startswith("array<"):
        return f"{to_duckdb(text[6:-1])}[]"
    if lowered.startswith("map<"):
        key, value = split(text[4:-1])
        return f"MAP({to_duckdb(key)}, {to_duckdb(value)})"
    if lowered.startswith("struct<"):
        fields = (field.split(":", 1) for field in split(text[7:-1]))
        return f"STRUCT({', '.join(f'{quoted(name)} {to_duckdb(kind)}' for name, kind in fields)})"
    if match := re.fullmatch(r"decimal\((\d+)\s*(?:,\s*(\d+))?\)", lowered):
        return f"DECIMAL({match[1]},{match[2] or 0})"
    base = re.sub(r"\(\d+\)$", "", lowered)
    if base not in _SCALARS:
        raise ValueError(f"Unsupported Hive type: {hive}")
    return _SCALARS[base]


def quoted(name: str) -> str:
    """An identifier for DuckDB."""
    return '"' + name.strip().replace('"', '""') + '"'


def from_duckdb(kind: str, *, temporal: bool = True) -> str:
    """The Hive type of what DuckDB found in CSV or JSON; without `temporal`, dates and times are text."""
    if kind.endswith("[]"):
        return f"array<{from_duckdb(kind[:-2], temporal=temporal)}>"
    if kind.startswith("MAP("):
        key, value = (from_duckdb(part.strip(), temporal=temporal) for part in split(kind[4:-1]))
        return f"map<{key},{value}>"
    if kind.startswith("STRUCT("):
        fields = (_field(part) for part in split(kind[7:-1]))
        return f"struct<{','.join(f'{name}:{from_duckdb(value, temporal=temporal)}' for name, value in fields)}>"
    if kind.startswith("DECIMAL("):
        return kind.lower()
    if not temporal and kind.startswith(("DATE", "TIME")):
        return "string"
    return _TO_HIVE.get(kind, "string")


def _field(part: str) -> tuple[str, str]:
    """Name and type of a struct's member; the name is quoted when it is no plain word."""
    text = part.strip()
    if text.startswith('"'):
        end = text.index('"', 1)
        return text[1:end], text[end + 1 :].strip()
    name, _, kind = text.partition(" ")
    return name, kind.strip()


def from_arrow(kind: pa.DataType) -> str:
    """The Hive type of a Parquet column."""
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{from_arrow(field.type)}' for field in kind)}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return f"array<{from_arrow(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{from_arrow(kind.key_type)},{from_arrow(kind.item_type)}>"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_dictionary(kind):
        return from_arrow(kind.value_type)
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return "binary"
    return _ARROW.get(str(kind), "string")


_ARROW = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "uint64": "bigint",
    "halffloat": "float",
    "float": "float",
    "double": "double",
}
