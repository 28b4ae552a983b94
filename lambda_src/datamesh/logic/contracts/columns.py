"""Properties of an object as columns, fields inside struct columns and partition keys."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter

from datamesh.logic.contracts.classes import Said, other_tags, said_of
from datamesh.logic.contracts.context import Context
from datamesh.logic.contracts.nodes import Node
from datamesh.logic.contracts.property_types import field_name, glue_type
from datamesh.models.base import PlainColumnName
from datamesh.models.commands import MAX_COLUMNS, MAX_EXAMPLES
from datamesh.models.tags import Tags

CUSTOM = frozenset({"classification", "pii", "tags"})
MAX_COMMENT = 255
MAX_EXAMPLE = 128
UNUSED = (
    *("authoritativeDefinitions", "businessName", "criticalDataElement", "deprecated", "encryptedName", "enum"),
    *("primaryKey", "quality", "relationships", "required", "synonyms", "transformDescription", "transformLogic"),
    *("transformSourceObjects", "unique"),
)
_NAME: TypeAdapter[str] = TypeAdapter(PlainColumnName)
TAGS: TypeAdapter[dict[str, str]] = TypeAdapter(Tags)


@dataclass(frozen=True)
class Draft:
    """A column or partition key as the contract has it, before it is known how sensitive the product is."""

    node: Node
    name: str
    type: str | None
    said: Said
    comment: str | None
    examples: tuple[str, ...]
    tags: dict[str, str]
    key: bool = False

    def to_column(self) -> dict[str, Any]:
        """Return the data of a Column."""
        return {**self.to_key(), "comment": self.comment, "examples": self.examples}

    def to_key(self) -> dict[str, Any]:
        """Return the data of a PartitionKey."""
        return {"name": self.name, "type": self.type, "pii": self.said.pii, "tags": self.tags}


def drafts(context: Context, table: Node, of_table: Said) -> tuple[list[Draft], list[Draft]]:
    """Return the columns of an object, fields inside them after each, and its partition keys in their order."""
    columns: list[Draft] = []
    keys: list[tuple[int, Draft]] = []
    properties = table.get("properties")
    seen: dict[str, Node] = {}
    for node in properties.items if properties is not None else ():
        draft = _draft(context, node, "", of_table, seen)
        if draft is None:
            continue
        if draft.key:
            keys.append((_position(context, node, keys), draft))
        else:
            columns.append(draft)
            columns += _fields(context, node, draft)
    if len(columns) > MAX_COLUMNS:
        context.problems.error(
            properties or table, f"it has {len(columns)} columns, fields included, of at most {MAX_COLUMNS}"
        )
        columns = columns[:MAX_COLUMNS]
    return columns, [draft for _, draft in sorted(keys, key=lambda each: each[0])]


def _draft(context: Context, node: Node, above: str, inherited: Said, seen: dict[str, Node]) -> Draft | None:
    """Return what a property says; None when it is no column, or has no name that it could have."""
    if context.text(node, "semanticType") == "measure":
        context.problems.warning(node, "a measure is computed from columns and is none: it is left out")
        return None
    name = _name(context, node, seen)
    if name is None:
        return None
    custom = context.custom(node, CUSTOM)
    said = _with(said_of(context, node, custom, column=True), inherited)
    context.unused(node, *UNUSED)
    if other_tags(node):
        context.unused(node, "tags")
    return Draft(
        node=node,
        name=f"{above}{name}",
        type=glue_type(context, node),
        said=said,
        comment=_comment(context, node),
        examples=_examples(context, node),
        tags=_tags(context, custom.get("tags"), above),
        key=_is_key(context, node, above),
    )


def _fields(context: Context, node: Node, root: Draft) -> Iterator[Draft]:
    """Yield the fields inside a column, with dotted names; those in an array or a map as if they lay in the column."""
    for inner in _inner(node):
        properties = inner.get("properties")
        seen: dict[str, Node] = {}
        for each in properties.items if properties is not None else ():
            draft = _draft(context, each, f"{root.name}.", root.said, seen)
            if draft is not None:
                yield draft
                yield from _fields(context, each, draft)


def _inner(node: Node) -> Iterator[Node]:
    yield node
    items, parts = node.get("items"), node.get("map")
    for inner in (items, parts.get("value") if parts is not None else None):
        if inner is not None:
            yield from _inner(inner)


def _name(context: Context, node: Node, seen: dict[str, Node]) -> str | None:
    name = field_name(context, node)
    at = node.get("physicalName") or node.get("name")
    if name is None or at is None:
        return None
    if name in seen:
        context.problems.error(at, f"{name} is there twice: on line {seen[name].mark.line}, too")
        return None
    seen[name] = at
    try:
        return _NAME.validate_python(name)
    except ValueError:
        hint = f"; give the name in the data as physicalName, e.g. {name.lower()}" if name != name.lower() else ""
        context.problems.error(
            at, f"{name[:60]!r} cannot name a column: lower-case letters, digits and _, not starting with a digit{hint}"
        )
        return None


def _with(said: Said, inherited: Said) -> Said:
    """Return what holds of something inside something else: what is said of the whole, unless it says otherwise."""
    if said.classification is None and said.pii is None:
        return inherited
    return replace(said, classification=said.classification or inherited.classification)


def _comment(context: Context, node: Node) -> str | None:
    text, field = context.text(node, "description"), node.get("description")
    if text is None or field is None or not text.strip():
        return None
    text = " ".join(text.split())
    if len(text.encode()) <= MAX_COMMENT:
        return text
    context.problems.warning(field, f"Glue takes {MAX_COMMENT} bytes of it: it is cut in the catalog")
    return text.encode()[: MAX_COMMENT - 3].decode(errors="ignore") + "…"


def _examples(context: Context, node: Node) -> tuple[str, ...]:
    field = node.get("examples")
    found = []
    for each in field.items[:MAX_EXAMPLES] if field is not None else ():
        text = each.text if not isinstance(each.value, dict | list) else json.dumps(each.plain(), ensure_ascii=False)
        if len(text) > MAX_EXAMPLE:
            context.problems.warning(each, f"an example has {len(text)} characters: it is cut to {MAX_EXAMPLE}")
            text = text[: MAX_EXAMPLE - 1] + "…"
        found.append(text)
    return tuple(found)


def _tags(context: Context, node: Node | None, above: str) -> dict[str, str]:
    if node is None:
        return {}
    if above:
        context.problems.error(node, "it lies inside a column: Lake Formation takes LF-tags on whole columns only")
        return {}
    return tags_of(context, node)


def tags_of(context: Context, node: Node) -> dict[str, str]:
    """Return the LF-tags that a `datamesh.tags` has: a mapping of keys to values."""
    return context.checked(TAGS, node.plain(), node, "datamesh.tags") or {}


def _is_key(context: Context, node: Node, above: str) -> bool:
    partitioned, position = node.get("partitioned"), node.get("partitionKeyPosition")
    if partitioned is None or partitioned.value is not True:
        if position is not None and isinstance(position.value, int) and position.value > 0:
            context.problems.warning(position, "without `partitioned: true` it is no partition key")
        return False
    if above:
        context.problems.error(partitioned, "a partition key cannot lie inside a column")
        return False
    kind = glue_type(context, node)
    if node.get("logicalType") is None and node.get("physicalType") is None:
        context.problems.error(node, "a partition key needs a logicalType or a physicalType")
    elif kind is not None and "<" in kind:
        context.problems.error(partitioned, f"a partition key cannot be of the type {kind}")
    return True


def _position(context: Context, node: Node, keys: list[tuple[int, Draft]]) -> int:
    """Return the position of a partition key; where the contract gives none it is the next one."""
    field = node.get("partitionKeyPosition")
    if field is None or not isinstance(field.value, int) or isinstance(field.value, bool) or field.value < 1:
        return max((position for position, _ in keys), default=0) + 1
    for position, draft in keys:
        if position == field.value:
            context.problems.error(field, f"{draft.name} (line {draft.node.mark.line}) has this position, too")
    return field.value
