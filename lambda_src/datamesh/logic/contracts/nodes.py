"""YAML as a tree in which every value knows its path, line and column.

Read as YAML 1.2's core schema has it: `yes`, `12:30` and `2024-01-01` are text. Aliases are refused, because a few
lines of them can stand for gigabytes; so is what is nested too deep or too long, and so are long names, which all that
is below has in its path.
https://yaml.org/spec/1.2.2/#103-core-schema
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import yaml
from yaml.composer import ComposerError
from yaml.events import AliasEvent
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.nodes import Node as YamlNode

from datamesh.models.api.products import MAX_MANIFEST, ManifestProblem

MAX_DEPTH = 40
MAX_NAME = 256
MAX_PATH = 1_000
MAX_PROBLEMS = 200
MAX_FIELD = 300
MAX_MESSAGE = 1_000
DOCUMENT = "(document)"
_TAG = "tag:yaml.org,2002:"
_MAX_DIGITS = 40


class Mark(NamedTuple):
    """A place in the text, from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Node:
    """A value with its place. A mapping knows where its keys stand, a scalar how it was written."""

    path: str
    mark: Mark
    value: Any
    text: str = ""
    keys: dict[str, Mark] = field(default_factory=dict)

    @property
    def mapping(self) -> "dict[str, Node]":
        """The values by key; empty when it is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The items; empty when it is no list."""
        return self.value if isinstance(self.value, list) else []

    def get(self, key: str) -> "Node | None":
        """Return the value of a key; None when there is none, or null."""
        found = self.mapping.get(key)
        return found if found is not None and found.value is not None else None

    def plain(self) -> object:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: each.plain() for key, each in self.value.items()}
        if isinstance(self.value, list):
            return [each.plain() for each in self.value]
        return self.value


class Problems:
    """What is wrong with a contract, as it is found."""

    def __init__(self) -> None:
        self._found: dict[ManifestProblem, None] = {}

    def error(self, at: Node, message: str) -> None:
        """Note what forbids to register the contract."""
        self._note("error", at.path, at.mark, message)

    def warning(self, at: Node, message: str) -> None:
        """Note what people should know."""
        self._note("warning", at.path, at.mark, message)

    def error_at(self, path: str, mark: Mark, message: str) -> None:
        """Note what is wrong with something that is no value: a key, or the text."""
        self._note("error", path, mark, message)

    def add(self, problem: ManifestProblem) -> None:
        """Note a problem that knows its place itself."""
        self._found[problem] = None

    @property
    def failed(self) -> bool:
        """Whether there is any error."""
        return any(problem.severity == "error" for problem in self._found)

    def sorted(self) -> tuple[ManifestProblem, ...]:
        """Return all of them by line; of very many the first ones, errors before warnings."""
        found = list(self._found)
        if len(found) > MAX_PROBLEMS:
            worst = sorted(found, key=lambda problem: (problem.severity != "error", problem.line or 0))
            left_out = len(found) - MAX_PROBLEMS + 1
            found = worst[: MAX_PROBLEMS - 1]
            found.append(
                ManifestProblem(
                    severity=worst[MAX_PROBLEMS - 1].severity,
                    line=found[-1].line,
                    column=found[-1].column,
                    field=DOCUMENT,
                    message=f"{left_out} more problems are not shown",
                )
            )
        return tuple(sorted(found, key=lambda problem: (problem.line or 0, problem.column or 0)))

    def _note(self, severity: Literal["error", "warning"], path: str, mark: Mark, message: str) -> None:
        problem = ManifestProblem(
            severity=severity,
            line=mark.line,
            column=mark.column,
            field=_printable(path)[:MAX_FIELD] or DOCUMENT,
            message=_printable(message)[:MAX_MESSAGE],
        )
        self._found[problem] = None


def read_yaml(text: str, problems: Problems) -> Node | None:
    """Return the document of a text; None when it is none, which is then among the problems."""
    if len(text) > MAX_MANIFEST:
        problems.error_at(DOCUMENT, Mark(1, 1), f"it has {len(text)} characters, of at most {MAX_MANIFEST}")
        return None
    try:
        loader = _Loader(text)
        found = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        at = error.problem_mark or error.context_mark
        said = ": ".join(part for part in (error.context, error.problem) if part)
        problems.error_at(DOCUMENT, _mark(at) if at is not None else Mark(1, 1), f"it is not YAML: {said}")
        return None
    except yaml.reader.ReaderError as error:
        said = f"it is not YAML: the character {error.character!r} is not allowed"
        problems.error_at(DOCUMENT, _mark_of(text, error.position), said)
        return None
    except (ValueError, OverflowError) as error:
        # What PyYAML makes of an escape that is no character.
        problems.error_at(DOCUMENT, Mark(1, 1), f"it is not YAML: {error}")
        return None
    for mark in loader.aliases:
        problems.error_at(DOCUMENT, mark, "aliases (`*name`) are not taken: write it out")
    if found is None:
        problems.error_at(DOCUMENT, Mark(1, 1), "it is empty")
        return None
    return _node(found, "", problems)


class _Loader(yaml.SafeLoader):
    """Composes only: nothing is constructed, so tags of other programs mean nothing."""

    # Own ones, of the core schema.
    yaml_implicit_resolvers = {}

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.aliases: list[Mark] = []
        self._depth = 0

    def compose_node(self, parent: YamlNode | None, index: int) -> YamlNode | None:
        if self.check_event(AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            self.aliases.append(_mark(event.start_mark))
            return ScalarNode(f"{_TAG}null", "", event.start_mark, event.end_mark)
        if self._depth >= MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise ComposerError(None, None, f"it is nested more than {MAX_DEPTH} deep", mark)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


for _name, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(f"{_TAG}{_name}", re.compile(_pattern), _first)


def _printable(text: str) -> str:
    """Return a text in one line, without what a terminal would act on: parts of it come out of the contract."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _node(found: YamlNode, path: str, problems: Problems) -> Node:
    mark = _mark(found.start_mark)
    if isinstance(found, ScalarNode):
        node = Node(path, mark, None, found.value)
        known, value = _scalar(found)
        if not known:
            problems.error(node, f"the tag {found.tag} means nothing in a contract")
        return Node(path, mark, value, found.value)
    if found.tag not in {f"{_TAG}map", f"{_TAG}seq"}:
        problems.error(Node(path, mark, None), f"the tag {found.tag} means nothing in a contract")
    if isinstance(found, SequenceNode):
        return Node(path, mark, [_node(each, f"{path}[{number}]", problems) for number, each in enumerate(found.value)])
    values: dict[str, Node] = {}
    keys: dict[str, Mark] = {}
    for key, value in _pairs(found):
        if not isinstance(key, ScalarNode):
            problems.error_at(path or DOCUMENT, _mark(key.start_mark), "the name of a field must be plain text")
            continue
        name, length = key.value, len(path) + 1 + len(key.value)
        if len(name) > MAX_NAME or length > MAX_PATH:
            long = f"name of a field is {len(name)} characters long, of at most {MAX_NAME}"
            if len(name) <= MAX_NAME:
                long = f"names down to this field are {length} characters long, of at most {MAX_PATH}"
            problems.error_at(path or DOCUMENT, _mark(key.start_mark), f"the {long}")
            continue
        below = f"{path}.{name}" if path else name
        if name in keys:
            first = keys[name].line
            problems.error_at(below, _mark(key.start_mark), f"{name} is there twice: on line {first}, too")
            continue
        keys[name] = _mark(key.start_mark)
        values[name] = _node(value, below, problems)
    return Node(path, mark, values, keys=keys)


def _pairs(found: YamlNode) -> Iterator[tuple[YamlNode, YamlNode]]:
    if isinstance(found, MappingNode):
        yield from found.value


def _scalar(found: ScalarNode) -> tuple[bool, Any]:
    """Return what a scalar means, and whether its tag is known."""
    text: str = found.value
    match found.tag.removeprefix(_TAG):
        case "null":
            return True, None
        case "bool":
            return True, text.lower() == "true"
        case "int" if len(text) <= _MAX_DIGITS and re.fullmatch(r"[-+]?[0-9]+", text):
            return True, int(text)
        case "float" if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text):
            return True, float(text)
        case "str" | "int" | "float":
            # A number that is none that anybody can count with stays text.
            return True, text
    return False, text


def _mark(mark: yaml.Mark) -> Mark:
    return Mark(mark.line + 1, mark.column + 1)


def _mark_of(text: str, position: int) -> Mark:
    before = text[:position]
    return Mark(before.count("\n") + 1, position - before.rfind("\n"))
