"""Whether a document has the structure of an Open Data Contract Standard v3 contract.

The fields and their types are those of the standard's own models (package open-data-contract-standard); which fields
are required and which words are allowed is out of its JSON schema, of which the models say nothing.
"""

import types
import typing
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from open_data_contract_standard import model as odcs
from pydantic import BaseModel

from datamesh.logic.contracts.nodes import DOCUMENT, Node, Problems

REQUIRED: dict[type[BaseModel], tuple[str, ...]] = {
    odcs.OpenDataContractStandard: ("apiVersion", "kind", "id", "version"),
    odcs.SchemaObject: ("name",),
    odcs.SchemaProperty: ("name",),
    odcs.Server: ("server", "type"),
    odcs.CustomProperty: ("property", "value"),
    odcs.MapDefinition: ("key", "value"),
    odcs.EnumValue: ("value",),
    odcs.Support: ("channel",),
    odcs.TeamMember: ("username",),
    odcs.Role: ("role",),
    odcs.ServiceLevelAgreementProperty: ("property", "value"),
    odcs.Synonym: ("synonym",),
}
WORDS: dict[tuple[type[BaseModel], str], tuple[str, ...]] = {
    (odcs.SchemaObject, "logicalType"): ("object",),
    (odcs.SchemaProperty, "logicalType"): (
        *("string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map", "vector"),
    ),
    (odcs.SchemaProperty, "semanticType"): ("column", "measure", "dimension"),
}
S3_SERVER = frozenset(
    {
        *("id", "server", "type", "description", "environment", "roles", "customProperties"),
        *("location", "endpointUrl", "format", "encoding", "delimiter"),
    }
)
HINTS: dict[tuple[type[BaseModel], str], str] = {
    (odcs.SchemaObject, "classification"): (
        "the standard has it on properties only; of an object say it in customProperties as datamesh.classification"
    ),
    (odcs.SchemaObject, "location"): (
        "it is that of a server; of one object say it in customProperties as datamesh.location"
    ),
    (odcs.SchemaObject, "columns"): "the standard calls them properties",
    (odcs.OpenDataContractStandard, "tables"): "the standard calls them schema",
    (odcs.OpenDataContractStandard, "dataset"): "this is version 2 of the standard; version 3 calls it schema",
}
_KINDS: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}


def check_structure(root: Node, problems: Problems) -> None:
    """Note every unknown or missing field, every value of another type than the standard's, and every unknown word."""
    _check_model(root, odcs.OpenDataContractStandard, problems)


def kind_of(node: Node) -> str:
    """Return in words what a value is."""
    match node.value:
        case None:
            return "nothing"
        case bool():
            return f"`{node.text}`, true or false"
        case int() | float():
            return f"the number {node.text[:40]}"
        case str():
            return f"the text {node.text[:40]!r}"
        case list():
            return "a list"
    return "a mapping"


def did_you_mean(name: str, known: typing.Iterable[str]) -> str:
    """Return the question whether something else was meant; empty when nothing is near."""
    close = get_close_matches(name, sorted(known), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def _check_model(node: Node, model: type[BaseModel], problems: Problems) -> None:
    fields = _fields(model)
    known = _known(node, model, fields)
    for name, mark in node.keys.items():
        if name not in known:
            hint = HINTS.get((model, name))
            said = f": {hint}" if hint else did_you_mean(name, known)
            problems.error_at(node.mapping[name].path, mark, f"the standard has no field {name} here{said}")
        elif name in fields:
            value = node.mapping[name]
            _check_value(value, fields[name], problems)
            words = WORDS.get((model, name))
            if words and isinstance(value.value, str) and value.value not in words:
                said = did_you_mean(value.value, words) or f", only {', '.join(words)}"
                problems.error(value, f"there is no {name} {value.value!r}{said}")
    # The items of an array and the two parts of a map have no name of their own.
    nameless = model is odcs.SchemaProperty and node.path.endswith((".items", ".map.key", ".map.value"))
    for name in REQUIRED.get(model, ()):
        if node.get(name) is None and not (name == "value" and "value" in node.keys) and not nameless:
            problems.error(node, f"{name} is missing")


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {info.alias or name: info.annotation for name, info in model.model_fields.items()}


def _known(node: Node, model: type[BaseModel], fields: dict[str, Any]) -> frozenset[str]:
    if model is odcs.Server:
        kind = node.get("type")
        # What other servers have is theirs to say.
        return S3_SERVER if kind is not None and kind.value == "s3" else frozenset({*fields, *node.keys})
    return frozenset(fields)


def _check_value(node: Node, annotation: object, problems: Problems) -> None:
    options = list(_options(annotation))
    if node.value is None or Any in options:
        return
    for option in options:
        if _fits(node, option):
            _check_below(node, option, problems)
            return
    wanted = " or ".join(dict.fromkeys(_words(option) for option in options))
    quoted = ": put it in quotes" if str in options and isinstance(node.value, int | float) else ""
    problems.error(node, f"{_last(node)} must be {wanted}, not {kind_of(node)}{quoted}")


def _check_below(node: Node, option: object, problems: Problems) -> None:
    if get_origin(option) is list:
        (item,) = get_args(option)
        for each in node.items:
            if each.value is None:
                problems.error(each, f"{_last(each)} is empty")
            _check_value(each, item, problems)
    elif isinstance(option, type) and issubclass(option, BaseModel):
        _check_model(node, option, problems)


def _options(annotation: object) -> Iterator[object]:
    if get_origin(annotation) in {typing.Union, types.UnionType}:
        for each in get_args(annotation):
            yield from _options(each)
    elif isinstance(annotation, typing.ForwardRef):
        # Pydantic resolves what a model says of one below it only when somebody validates with it.
        yield getattr(odcs, annotation.__forward_arg__)
    elif annotation is not type(None):
        yield annotation


def _fits(node: Node, option: object) -> bool:
    value = node.value
    if get_origin(option) is list:
        return isinstance(value, list)
    if get_origin(option) is dict or (isinstance(option, type) and issubclass(option, BaseModel)):
        return isinstance(value, dict)
    if option is bool or isinstance(value, bool):
        return option is bool and isinstance(value, bool)
    return isinstance(value, int | float) if option is float else type(value) is option


def _words(option: object) -> str:
    if get_origin(option) is list:
        return "a list"
    return _KINDS.get(option, "a mapping") if isinstance(option, type) else "a mapping"


def _last(node: Node) -> str:
    return node.path.rpartition(".")[2] or DOCUMENT
