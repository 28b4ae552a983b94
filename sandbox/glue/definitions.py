"""From what a crawler found to a table definition, and how it changes one that is there.

https://docs.aws.amazon.com/glue/latest/dg/crawler-configuration.html: by default a crawler adds, removes and modifies
columns and *removes metadata that it does not set*; with `MergeNewColumns` it only adds columns.
"""

from __future__ import annotations

import json
from typing import Any

from sandbox.glue.inference import CSV, JSON, PARQUET, Found
from sandbox.glue.store import Record

_TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
_FORMATS = {
    PARQUET: (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    CSV: (_TEXT_INPUT, _TEXT_OUTPUT, "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"),
    JSON: (_TEXT_INPUT, _TEXT_OUTPUT, "org.openx.data.jsonserde.JsonSerDe"),
}
_UNKNOWN = ("", "", "")


def merges(configuration: str | None) -> bool:
    """Does a crawler's `Configuration` say MergeNewColumns for tables?"""
    output = (json.loads(configuration) if configuration else {}).get("CrawlerOutput", {})
    return bool(output.get("Tables", {}).get("AddOrUpdateBehavior") == "MergeNewColumns")


def definition(found: Found, name: str, location: str, crawler: str) -> Record:
    """The `TableInput` of a table that a crawler makes by itself."""
    input_format, output_format, _ = _FORMATS.get(found.classification, _UNKNOWN)
    parameters = _parameters(found, crawler)
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": parameters,
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in found.partition_keys],
        "StorageDescriptor": {
            "Columns": _columns(found),
            "Location": location,
            "InputFormat": input_format,
            "OutputFormat": output_format,
            "Compressed": found.compressed,
            "NumberOfBuckets": -1,
            "SerdeInfo": _serde(found),
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": dict(parameters),
            "StoredAsSubDirectories": False,
        },
    }


def _columns(found: Found) -> list[Record]:
    keys = set(found.partition_keys)
    return [{"Name": name, "Type": kind} for name, kind in found.columns.items() if name not in keys]


def _serde(found: Found) -> Record:
    library = _FORMATS.get(found.classification, _UNKNOWN)[2]
    parameters = {"serialization.format": "1"}
    if found.classification == CSV:
        parameters = {"field.delim": found.delimiter}
    elif found.classification == JSON:
        parameters = {"paths": ",".join(sorted(found.columns))}
    return {"SerializationLibrary": library, "Parameters": parameters} if library else {}


def _parameters(found: Found, crawler: str) -> dict[str, str]:
    average = found.size // found.records if found.records else 0
    parameters = {
        "classification": found.classification,
        "typeOfData": "file",
        "compressionType": "gzip" if found.compressed else "none",
        "objectCount": str(found.objects),
        "sizeKey": str(found.size),
        "recordCount": str(found.records),
        "averageRecordSize": str(average),
        "CrawlerSchemaSerializerVersion": "1.0",
        "CrawlerSchemaDeserializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": crawler,
    }
    if found.classification == CSV:
        parameters |= {"delimiter": found.delimiter, "columnsOrdered": "true", "areColumnsQuoted": "false"}
        if found.header:
            parameters["skip.header.line.count"] = "1"
    return parameters


def changed(old: Record, found: Found, crawler: str, *, merge: bool) -> Record:
    """The `TableInput` that an existing table gets; its location and, where their names stay, partition keys remain."""
    storage = old.get("StorageDescriptor") or {}
    new = definition(found, old["Name"], storage.get("Location", ""), crawler)
    old_keys = old.get("PartitionKeys") or []
    if merge and old_keys:
        new["PartitionKeys"] = old_keys
    elif not found.partition_keys or [key["Name"] for key in old_keys] == found.partition_keys:
        new["PartitionKeys"] = [{"Name": key["Name"], "Type": key.get("Type", "string")} for key in old_keys]
    if not merge:
        return new
    return _merged(old, new, found)


def _merged(old: Record, new: Record, found: Found) -> Record:
    """Columns are added, none changed; formats stay; parameters that a crawler does not set stay."""
    storage: dict[str, Any] = {**new["StorageDescriptor"], **(old.get("StorageDescriptor") or {})}
    known = {column["Name"].lower() for column in storage.get("Columns") or []}
    known |= {key["Name"].lower() for key in new["PartitionKeys"]}
    added = [column for column in _columns(found) if column["Name"] not in known]
    storage["Columns"] = [*((old.get("StorageDescriptor") or {}).get("Columns") or []), *added]
    for member in ("InputFormat", "OutputFormat"):
        storage[member] = storage.get(member) or new["StorageDescriptor"][member]
    serde, own = dict(storage.get("SerdeInfo") or {}), new["StorageDescriptor"]["SerdeInfo"]
    if not serde.get("SerializationLibrary") and own:
        serde["SerializationLibrary"] = own["SerializationLibrary"]
    serde["Parameters"] = {**(serde.get("Parameters") or {}), **own.get("Parameters", {})}
    storage["SerdeInfo"] = serde
    storage["Parameters"] = {**(storage.get("Parameters") or {}), **new["StorageDescriptor"]["Parameters"]}
    kept = ("Description", "Owner", "Retention", "TableType", "LastAccessTime", "LastAnalyzedTime")
    return {
        **new,
        **{key: old[key] for key in kept if key in old},
        "StorageDescriptor": storage,
        "Parameters": {**(old.get("Parameters") or {}), **new["Parameters"]},
    }


def differs(old: Record, new: Record) -> bool:
    """Would the update change the schema? Statistics alone do not count."""
    one, other = old.get("StorageDescriptor") or {}, new["StorageDescriptor"]
    members = ("Columns", "InputFormat", "OutputFormat", "SerdeInfo")
    return (
        any((one.get(member) or None) != (other.get(member) or None) for member in members)
        or (old.get("PartitionKeys") or []) != new["PartitionKeys"]
    )


def partition_inputs(found: Found, table: Record, existing: list[list[str]]) -> list[Record]:
    """The `PartitionInput`s of folders the catalog does not know yet; none when the table is partitioned otherwise."""
    if [key["Name"] for key in table.get("PartitionKeys") or []] != found.partition_keys:
        return []
    storage = table["StorageDescriptor"]
    home = storage["Location"].rstrip("/")
    known = {tuple(values) for values in existing}
    return [
        {"Values": list(values), "StorageDescriptor": {**storage, "Location": f"{home}/{folder}"}}
        for values, folder in sorted(found.partitions.items())
        if values not in known
    ]
