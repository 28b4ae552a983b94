"""Column types as Glue and Athena write them: read, compared, and made of what a contract says.

Source: https://docs.aws.amazon.com/athena/latest/ug/data-types.html
"""

import re
from dataclasses import dataclass

MAX_DEPTH = 20
_SYNONYMS = {"integer": "int", "long": "bigint", "short": "smallint", "byte": "tinyint", "real": "float"}
_PLAIN = frozenset(
    {"boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary", "date", "timestamp"}
)
_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[0-9]+|[<>(),:])")


@dataclass(frozen=True)
class GlueType:
    """A type: its name, its parts by name (struct) or position (array, map), and its numbers (decimal, varchar)."""

    name: str
    parts: tuple[tuple[str, "GlueType"], ...] = ()
    numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.numbers:
            return f"{self.name}({','.join(map(str, self.numbers))})"
        if self.name == "struct":
            return f"struct<{','.join(f'{name}:{part}' for name, part in self.parts)}>"
        if self.parts:
            return f"{self.name}<{','.join(str(part) for _, part in self.parts)}>"
        return self.name


class NotATypeError(ValueError):
    """A text is not a type that Glue and Athena know; the message says what it is about."""


def parse(text: str) -> GlueType:
    """Return the type that a text names, in lower case and without blanks. Raises NotATypeError."""
    tokens = _tokens(text)
    found, rest = _type(tokens, 0, 0)
    if rest != len(tokens):
        raise NotATypeError(f"{tokens[rest]!r} is too much")
    return found


def same_type(before: str, after: str) -> bool:
    """Tell whether two texts name the same type."""
    return _normal(before) == _normal(after)


def only_adds(before: str, after: str) -> bool:
    """Tell whether a type differs from the one before by fields only that structs have in addition."""
    try:
        return _adds(parse(before), parse(after))
    except NotATypeError:
        return False


def _adds(before: GlueType, after: GlueType) -> bool:
    if (before.name, before.numbers) != (after.name, after.numbers):
        return False
    fields = dict(after.parts)
    return (before.name == "struct" or len(before.parts) == len(after.parts)) and all(
        name in fields and _adds(part, fields[name]) for name, part in before.parts
    )


def _normal(text: str) -> str:
    try:
        return str(parse(text))
    except NotATypeError:
        return "".join(text.lower().split())


def _tokens(text: str) -> list[str]:
    found, at = list[str](), 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise NotATypeError(f"{text[at:].strip()[:20]!r} cannot stand in a type")
        found.append(match[1].lower())
        at = match.end()
    return found


def _type(tokens: list[str], at: int, depth: int) -> tuple[GlueType, int]:
    if depth > MAX_DEPTH:
        raise NotATypeError(f"it is nested more than {MAX_DEPTH} deep")
    name = _at(tokens, at)
    name = _SYNONYMS.get(name, name)
    match name:
        case "array" | "map":
            count = 1 if name == "array" else 2
            parts, at = list[tuple[str, GlueType]](), _expect(tokens, at + 1, "<")
            for number in range(count):
                part, at = _type(tokens, at, depth + 1)
                parts.append((str(number), part))
                at = _expect(tokens, at, "," if number + 1 < count else ">")
            if name == "map" and parts[0][1].parts:
                raise NotATypeError("the key of a map is a plain type")
            return GlueType(name, tuple(parts)), at
        case "struct":
            return _struct(tokens, _expect(tokens, at + 1, "<"), depth)
        case "decimal" | "numeric":
            numbers, at = _numbers(tokens, at + 1)
            if len(numbers) > 2 or (numbers and not 1 <= numbers[0] <= 38) or (numbers[1:] and numbers[1] > numbers[0]):
                raise NotATypeError("decimal has a precision of 1 to 38 and a scale of at most that")
            return GlueType("decimal", numbers=(*numbers, *(10, 0)[len(numbers) :])), at
        case "varchar" | "char":
            numbers, at = _numbers(tokens, at + 1)
            if len(numbers) != 1 or not 1 <= numbers[0] <= (65_535 if name == "varchar" else 255):
                raise NotATypeError(f"{name} has a length: {name}(20)")
            return GlueType(name, numbers=numbers), at
    if name not in _PLAIN:
        raise NotATypeError(f"{name!r} is not a type")
    return GlueType(name), at + 1


def _struct(tokens: list[str], at: int, depth: int) -> tuple[GlueType, int]:
    fields: dict[str, GlueType] = {}
    while True:
        name = _at(tokens, at)
        if not (name[0].isalpha() or name[0] == "_"):
            raise NotATypeError(f"{name!r} is not the name of a field")
        if name in fields:
            raise NotATypeError(f"the field {name} is there twice")
        fields[name], at = _type(tokens, _expect(tokens, at + 1, ":"), depth + 1)
        if _at(tokens, at) != ",":
            return GlueType("struct", tuple(fields.items())), _expect(tokens, at, ">")
        at += 1


def _numbers(tokens: list[str], at: int) -> tuple[tuple[int, ...], int]:
    if at >= len(tokens) or tokens[at] != "(":
        return (), at
    numbers = list[int]()
    while True:
        text = _at(tokens, at + 1)
        if not text.isdecimal() or len(text) > 5:
            raise NotATypeError(f"{text!r} is not a number")
        numbers.append(int(text))
        if _at(tokens, at + 2) != ",":
            return tuple(numbers), _expect(tokens, at + 2, ")")
        at += 2


def _at(tokens: list[str], at: int) -> str:
    if at >= len(tokens):
        raise NotATypeError("it is not complete")
    return tokens[at]


def _expect(tokens: list[str], at: int, wanted: str) -> int:
    if _at(tokens, at) != wanted:
        raise NotATypeError(f"{tokens[at]!r} stands where {wanted!r} is expected")
    return at + 1
