"""Contracts (Open Data Contract Standard v3) for tests: a valid one, to be changed in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from datamesh.logic.contracts import ContractReading, read_contract
from datamesh.models.api.products import ManifestProblem

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "contracts"
LAKE = "s3://datamesh-lake/products/"


def contract(*objects: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a valid contract that nothing can be said about; None takes a field out."""
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "flights",
        "version": "1.0.0",
        "domain": "sales",
        "name": "air_travel",
        "description": {"purpose": "Flights"},
        "servers": [{"server": "lake", "type": "s3", "location": LAKE, "format": "parquet"}],
        "schema": list(objects or (obj("flights", prop("carrier")),)),
    } | changes
    return {name: value for name, value in document.items() if value is not None}


def obj(name: str, *properties: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return an object of a schema."""
    return {"name": name, "properties": list(properties)} | changes


def prop(name: str, logical: str | None = "string", **changes: Any) -> dict[str, Any]:
    """Return a property that is classified as internal; None takes a field out."""
    found = {"name": name, "logicalType": logical, "classification": "internal"} | changes
    return {key: value for key, value in found.items() if value is not None}


def custom(**values: Any) -> list[dict[str, Any]]:
    """Return customProperties of the mesh's own."""
    return [{"property": f"datamesh.{name}", "value": value} for name, value in values.items()]


def read(document: dict[str, Any], **options: Any) -> ContractReading:
    """Read a contract."""
    return read_contract(text_of(document), **options)


def text_of(document: dict[str, Any]) -> str:
    """Write a contract as people do: without aliases for what is there twice."""
    return yaml.dump(document, Dumper=_Plain, sort_keys=False, allow_unicode=True)


def errors(reading: ContractReading) -> list[ManifestProblem]:
    """Return the errors of a reading."""
    return [problem for problem in reading.problems if problem.severity == "error"]


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
