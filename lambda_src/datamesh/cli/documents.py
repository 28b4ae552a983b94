"""Documents that people write: YAML or JSON files, and what their models say of them field by field."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from datamesh.cli.output import unanswered

ModelT = TypeVar("ModelT", bound=BaseModel)
Place = tuple[int | str, ...]


class Problem(NamedTuple):
    """What is wrong with a field, which is named by its path: `rules[2].stages[0].quorum`."""

    field: str
    problem: str


class _NothingTwice(yaml.SafeLoader):
    """Refuses a mapping with the same key twice, of which YAML would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                continue
            if key in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key} is there twice", key_node.start_mark)
            keys.add(key)
        return super().construct_mapping(node, deep)


def read_document(path: Path) -> object:
    """Read a YAML or JSON file; ends the command when that is not possible."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), _NothingTwice)  # noqa: S506 - a SafeLoader
    except (OSError, UnicodeDecodeError) as error:
        unanswered(f"{path} cannot be read: {error}")
    except yaml.YAMLError as error:
        unanswered(f"{path} is neither YAML nor JSON: {error}")


def parse(model: type[ModelT], document: object) -> ModelT | list[Problem]:
    """Return what a document says, or what is wrong with it."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = [(tuple(fault["loc"]), fault) for fault in error.errors()]
        places = [place for place, _ in found]
        return [
            Problem(_path(place), fault["msg"].removeprefix("Value error, "))
            for place, fault in found
            if not (fault["type"] == "too_short" and _is_above(place, places))
        ]


def _is_above(place: Place, places: list[Place]) -> bool:
    """Tell whether something is wrong below a place: a list is called too short, too, for what is wrong in it."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _path(location: Place) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".") or "(document)"
