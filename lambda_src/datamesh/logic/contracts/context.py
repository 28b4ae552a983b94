"""What all parts of reading share: where problems are noted, values of variables, what is used and what is not."""

import re
from collections.abc import Mapping
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from datamesh.logic.contracts.nodes import Node, Problems
from datamesh.logic.contracts.readings import Place
from datamesh.logic.contracts.structure import did_you_mean, kind_of

T = TypeVar("T")
PREFIX = "datamesh."
# https://github.com/bitol-io/tsc/blob/main/rfcs/approved/odcs-v3.2.0/0050-variables.md
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class Context:
    """A contract that is being read."""

    def __init__(self, problems: Problems, variables: Mapping[str, str]) -> None:
        self.problems = problems
        self.places: dict[str, Place] = {}
        self._variables = variables
        self._unused: dict[str, Node] = {}

    def text(self, owner: Node, name: str) -> str | None:
        """Return the text of a field, its variables replaced; None when there is none, or something else."""
        node = owner.get(name)
        return self.text_of(node) if node is not None else None

    def text_of(self, node: Node) -> str | None:
        """Return a text, its variables replaced; None when it is no text, or a variable has no value."""
        if not isinstance(node.value, str):
            return None
        missing: list[str] = []

        def value(found: re.Match[str]) -> str:
            name, default = found[1], found[2]
            known = self._variables.get(name) or default
            if not known:
                missing.append(name)
            return known or ""

        replaced = _VARIABLE.sub(value, node.value)
        for name in dict.fromkeys(missing):
            self.problems.error(
                node, f"${{{name}}} has no value: set it (--set {name}=…), or give it a default (${{{name}:-…}})"
            )
        return None if missing else replaced

    def checked(self, kind: TypeAdapter[T], value: object, at: Node, what: str) -> T | None:
        """Return a value if it is of a kind; None otherwise, which is then among the problems."""
        try:
            return kind.validate_python(value)
        except ValidationError as error:
            for fault in error.errors():
                below = "".join(f".{part}" for part in fault["loc"] if part != "[key]")
                message = fault["msg"].removeprefix("Value error, ")
                self.problems.error(at, f"{what}{below}: {message}")
            return None

    def custom(self, owner: Node, known: frozenset[str]) -> dict[str, Node]:
        """Return the mesh's own customProperties of something by name, without the prefix: the nodes of their values.

        Those of others are left alone; one of the mesh's that is unknown there is an error.
        """
        found: dict[str, Node] = {}
        custom = owner.get("customProperties")
        for each in custom.items if custom is not None else ():
            name, value = each.get("property"), each.get("value")
            if name is None or not isinstance(name.value, str) or not name.value.startswith(PREFIX):
                continue
            short = name.value.removeprefix(PREFIX)
            if short not in known:
                mine = ", ".join(f"{PREFIX}{one}" for one in sorted(known))
                said = did_you_mean(short, known) or f"; here there are {mine}"
                self.problems.error(name, f"the mesh has no {name.value} here{said}")
            elif short in found:
                self.problems.error(name, f"{name.value} is there twice: on line {found[short].mark.line}, too")
            elif value is not None:
                found[short] = value
        return found

    def boolean(self, node: Node | None) -> bool | None:
        """Return the boolean that a custom property has; None when it has none."""
        if node is None or isinstance(node.value, bool):
            return node.value if node is not None else None
        self.problems.error(node, f"it must be true or false, not {kind_of(node)}")
        return None

    def word(self, node: Node | None, words: tuple[str, ...]) -> str | None:
        """Return the word that a custom property has; None when it has none, or one that there is not."""
        if node is None:
            return None
        text = self.text_of(node)
        if text in words:
            return text
        if text is not None:
            self.problems.error(node, f"{text!r} is not one of {', '.join(words)}{did_you_mean(text, words)}")
        elif not isinstance(node.value, str):
            self.problems.error(node, f"it must be one of {', '.join(words)}, not {kind_of(node)}")
        return None

    def unused(self, owner: Node, *names: str) -> None:
        """Note fields that the mesh does not use; they are said once for the whole contract."""
        for name in names:
            node = owner.get(name)
            if node is not None and node.value not in ("", False, -1) and (node.value or node.value == 0):
                generic = re.sub(r"\[[0-9]+\]", "[]", node.path)
                self._unused.setdefault(
                    re.sub(r"(\.properties\[\]|\.items|\.map)+(?=\.)", ".properties[]", generic), node
                )

    def say_unused(self) -> None:
        """Note as one warning what the mesh does not use."""
        if self._unused:
            first = min(self._unused.values(), key=lambda node: node.mark)
            names = ", ".join(sorted(self._unused))
            self.problems.warning(first, f"the mesh takes no notice of {names}")

    def read_from(self, field: str, node: Node) -> None:
        """Remember where a field of the command comes from."""
        self.places[field] = Place(node.path, node.mark.line, node.mark.column)
