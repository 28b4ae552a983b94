"""What a service's model allows as input, and the words in which AWS refuses the rest.

The constraints are those of botocore's models: required members, lengths, ranges, enumerations, patterns. The words are
those of AWS's common validator, as in "Member must not be null".
"""

from __future__ import annotations

import functools
import re
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from sandbox.api import AwsError, Json

# The code under which a service refuses input that its model does not allow.
_VALIDATION_CODES = {
    "athena": "InvalidRequestException",
    "secretsmanager": "InvalidRequestException",
    "ram": "InvalidParameterException",
}
_REPORT_NUMBER = {1: "1 validation error detected"}


def constraint_errors(shape: StructureShape, params: dict[str, Any], path: str = "") -> list[str]:
    """What the service's model forbids in `params`, each in AWS's words (Coral's validator)."""
    missing = (name for name in shape.required_members if params.get(name) is None)
    errors = [_constraint(None, _join(path, name), "Member must not be null") for name in missing]
    for name, value in params.items():
        errors += _value_errors(shape.members[name], value, _join(path, name))
    return errors


def validation_error(service: str, errors: list[str]) -> AwsError:
    """The service's refusal of input that breaks the constraints of its model."""
    number = _REPORT_NUMBER.get(len(errors), f"{len(errors)} validation errors detected")
    code = _VALIDATION_CODES.get(service, "ValidationException")
    return AwsError(code, f"{number}: {'; '.join(errors)}")


def _join(path: str, name: str) -> str:
    lowered = name[:1].lower() + name[1:]
    return f"{path}.{lowered}" if path else lowered


def _constraint(value: Json, path: str, rule: str) -> str:
    shown = "null" if value is None else f"'{value}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {rule}"


def _value_errors(shape: Shape, value: Json, path: str) -> list[str]:
    if isinstance(shape, StructureShape):
        if shape.is_document_type or not isinstance(value, dict):
            return []
        return constraint_errors(shape, value, path)
    if isinstance(shape, ListShape):
        errors = _length_errors(shape, value, path, len(value))
        for index, item in enumerate(value, start=1):
            errors += _value_errors(shape.member, item, f"{path}.{index}.member")
        return errors
    if isinstance(shape, MapShape):
        errors = _length_errors(shape, value, path, len(value))
        for key, item in value.items():
            errors += _value_errors(shape.value, item, f"{path}.{key}.member")
        return errors
    if shape.type_name == "string":
        return _string_errors(shape, value, path)
    if shape.type_name in ("integer", "long", "float", "double"):
        return _range_errors(shape, value, path)
    return []


def _length_errors(shape: Shape, value: Json, path: str, length: int) -> list[str]:
    if length < shape.metadata.get("min", 0):
        return [_constraint(value, path, f"Member must have length greater than or equal to {shape.metadata['min']}")]
    if "max" in shape.metadata and length > shape.metadata["max"]:
        return [_constraint(value, path, f"Member must have length less than or equal to {shape.metadata['max']}")]
    return []


def _range_errors(shape: Shape, value: Json, path: str) -> list[str]:
    if "min" in shape.metadata and value < shape.metadata["min"]:
        rule = f"Member must have value greater than or equal to {shape.metadata['min']}"
        return [_constraint(value, path, rule)]
    if "max" in shape.metadata and value > shape.metadata["max"]:
        return [_constraint(value, path, f"Member must have value less than or equal to {shape.metadata['max']}")]
    return []


def _string_errors(shape: Shape, value: str, path: str) -> list[str]:
    errors = _length_errors(shape, value, path, len(value))
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed:
        errors.append(_constraint(value, path, f"Member must satisfy enum value set: [{', '.join(allowed)}]"))
    pattern = shape.metadata.get("pattern")
    compiled = _pattern(pattern) if pattern else None
    if compiled is not None and not compiled.fullmatch(value):
        errors.append(_constraint(value, path, f"Member must satisfy regular expression pattern: {pattern}"))
    return errors


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str] | None:
    """None for patterns that only say "printable": AWS writes them in Java's syntax with UTF-16 surrogates."""
    if re.search(r"\\u[dD][89abAB]|\\uD8|\\p\{", pattern):
        return None
    try:
        return re.compile(pattern)
    except re.error:
        return None
