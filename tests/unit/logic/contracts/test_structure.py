"""The structure of contracts: as strict as the standard's own JSON schema, with the field, the line and a hint."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from datamesh.logic.contracts import read_contract
from tests.support.contracts import EXAMPLES, contract, errors, obj, prop, read, text_of

SCHEMA = jsonschema_rs.validator_for(files("open_data_contract_standard").joinpath("schema.json").read_text("utf-8"))
VALID = sorted(file for file in EXAMPLES.glob("*.odcs.yaml") if file.name != "broken.odcs.yaml")


def short(file: Path) -> Any:
    """Return a contract with the first properties only: more of a kind are none of another."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    for each in document["schema"]:
        each["properties"] = each.get("properties", [])[:2]
    return document


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all mappings of a document that the standard gives fields."""
    if isinstance(document, dict):
        # The value of a custom property is anybody's.
        if not path or path[-1] != "value":
            yield path
            for key, value in document.items():
                yield from places(value, (*path, key))
    elif isinstance(document, list):
        for number, value in enumerate(document):
            yield from places(value, (*path, number))


def changed(document: Any, path: tuple[Any, ...], name: str, value: Any) -> Any:
    document = json.loads(json.dumps(document))
    found = document
    for part in path:
        found = found[part]
    found[name] = value
    return document


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.name)
def test_the_examples_are_contracts_by_the_standards_own_schema(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    SCHEMA.validate(yaml.safe_load(text))
    assert errors(read_contract(text)) == []


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.name)
def test_a_field_that_the_schema_refuses_is_refused_wherever_it_stands(file: Path) -> None:
    document = short(file)
    for path in places(document):
        strange = changed(document, path, "propertees", [])
        by_schema = not SCHEMA.is_valid(strange)
        said = [problem for problem in errors(read(strange)) if "propertees" in problem.field]
        # The standard lets a description, quality rules and a few more have any field; the mesh still asks.
        assert said or not by_schema, path


@pytest.mark.parametrize("file", VALID, ids=lambda file: file.name)
def test_a_field_of_another_type_is_refused_where_the_schema_does(file: Path) -> None:
    document = short(file)
    for path in places(document):
        here: Any = document
        for part in path:
            here = here[part]
        for name, value in here.items():
            for other in ({"a": "mapping"}, ["list"], 7, "text"):
                strange = changed(document, path, name, other)
                if type(other) is not type(value) and not SCHEMA.is_valid(strange) and name != "mustBe":
                    assert errors(read(strange)), (path, name, other)


@pytest.mark.parametrize("missing", ["apiVersion", "kind", "id", "version"])
def test_what_the_standard_requires_is_required(missing: str) -> None:
    (problem,) = errors(read(contract(**{missing: None})))
    assert (problem.line, problem.message) == (1, f"{missing} is missing")


@pytest.mark.parametrize(
    ("document", "field", "message"),
    [
        (contract(statuss="active"), "statuss", "did you mean status?"),
        (contract(dataset=[]), "dataset", "version 3 calls it schema"),
        (contract(version=1.5), "version", "must be text, not the number 1.5: put it in quotes"),
        (contract(schema="flights"), "schema", "must be a list, not the text 'flights'"),
        (contract(schema=[None]), "schema[0]", "is empty"),
        (contract(tags="pii"), "tags", "must be a list"),
        (contract(team="me"), "team", "must be a mapping or a list"),
        (contract({"properties": []}), "schema[0]", "name is missing"),
        (contract(obj("a", columns=[])), "schema[0].columns", "calls them properties"),
        (contract(obj("a", classification="internal")), "schema[0].classification", "datamesh.classification"),
        (contract(obj("a", prop("b", required="yes"))), "schema[0].properties[0].required", "true or false"),
        (contract(obj("a", prop("b", "strin"))), "schema[0].properties[0].logicalType", "did you mean string?"),
        (contract(obj("a", prop("b", nmae="b"))), "schema[0].properties[0].nmae", "did you mean name?"),
        (
            contract(obj("a", prop("b", "array", items={"logicalTyp": "string"}))),
            "schema[0].properties[0].items.logicalTyp",
            "did you mean logicalType?",
        ),
        (contract(servers=[{"server": "a", "type": "s3", "locaton": "x"}]), "servers[0].locaton", "location?"),
        (contract(customProperties=[{"property": "a"}]), "customProperties[0]", "value is missing"),
    ],
)
def test_a_wrong_field_is_named(document: dict[str, Any], field: str, message: str) -> None:
    found = {problem.field: problem.message for problem in errors(read(document))}
    assert field in found
    assert message in found[field]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "DataProduct"}, "must be DataContract"),
        ({"apiVersion": "v2.2.2"}, "version 3"),
        ({"apiVersion": "3.1.0"}, "did you mean v3.1.0?"),
        ({"apiVersion": 3}, "version 3"),
    ],
)
def test_of_another_kind_of_document_nothing_else_is_said(changes: dict[str, Any], message: str) -> None:
    found = read(contract(schema="nonsense", **changes)).problems
    assert len(found) == 1
    assert message in found[0].message


@pytest.mark.parametrize("version", ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"])
def test_all_versions_of_3_are_read(version: str) -> None:
    assert read(contract(apiVersion=version)).problems == ()


def test_a_newer_version_is_read_with_a_warning() -> None:
    reading = read(contract(apiVersion="v3.9.0"))
    assert reading.valid
    assert ["v3.9.0" in problem.message for problem in reading.problems] == [True]


@pytest.mark.parametrize("text", ["[]", "just text", "5"])
def test_a_contract_is_a_mapping(text: str) -> None:
    (problem,) = read_contract(text).problems
    assert "is a mapping" in problem.message


def test_json_is_read_too() -> None:
    assert read_contract(json.dumps(contract(), indent=2)).spec == read_contract(text_of(contract())).spec


def test_all_problems_are_said_at_once_and_in_order() -> None:
    found = read_contract((EXAMPLES / "broken.odcs.yaml").read_text(encoding="utf-8"))
    lines = [problem.line or 0 for problem in found.problems]
    assert lines == sorted(lines)
    assert len(errors(found)) == 12
    assert not found.valid
