"""Objects of a contract's schema as tables."""

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from datamesh.logic.contracts.classes import Said, other_tags, said_of
from datamesh.logic.contracts.columns import Draft, drafts, tags_of
from datamesh.logic.contracts.context import Context
from datamesh.logic.contracts.nodes import Node
from datamesh.logic.contracts.servers import Server, format_of, location_of
from datamesh.models.base import TableName
from datamesh.models.commands import MAX_TABLES

CUSTOM = frozenset({"classification", "format", "location", "pii", "tags"})
UNUSED = (
    *("authoritativeDefinitions", "businessName", "context", "dataGranularityDescription", "deprecated", "quality"),
    *("relationships", "synonyms"),
)
# What cannot be read as objects in S3.
NO_TABLES = frozenset({"view", "topic", "stream", "queue"})
MAX_DESCRIPTION = 2_048
_NAME: TypeAdapter[str] = TypeAdapter(TableName)


@dataclass(frozen=True)
class TableDraft:
    """A table as the contract has it. What is None is among the problems, or left open."""

    node: Node
    name: str
    location: str | None
    format: str | None
    description: str | None
    said: Said
    columns: list[Draft]
    keys: list[Draft]
    tags: dict[str, str]
    tags_node: Node | None

    @property
    def all_columns(self) -> list[Draft]:
        """Columns, fields inside them and partition keys."""
        return [*self.columns, *self.keys]

    def to_spec(self) -> dict[str, Any]:
        """Return the data of a TableSpec."""
        return {
            "name": self.name,
            "location": self.location,
            "format": self.format,
            "description": self.description,
            "columns": [column.to_column() for column in self.columns],
            "partition_keys": [key.to_key() for key in self.keys],
            "tags": self.tags,
        }


def table_drafts(context: Context, root: Node, server: Server) -> list[TableDraft]:
    """Return the tables of a contract."""
    schema = root.get("schema")
    if schema is None or (isinstance(schema.value, list) and not schema.items):
        context.problems.error(schema or root, "schema has no object: a product has at least one table")
        return []
    if len(schema.items) > MAX_TABLES:
        context.problems.error(schema, f"schema has {len(schema.items)} objects, of at most {MAX_TABLES}")
    found: list[TableDraft] = []
    seen: dict[str, Node] = {}
    for node in schema.items[:MAX_TABLES]:
        draft = _draft(context, node, server, seen)
        if draft is not None:
            found.append(draft)
    _check_apart(context, found)
    return found


def description_of(context: Context, node: Node, text: str) -> str:
    """Return a description if it is not too long, else its beginning; that is a problem then."""
    if len(text) > MAX_DESCRIPTION:
        context.problems.error(node, f"it has {len(text)} characters, of at most {MAX_DESCRIPTION}")
    return text[:MAX_DESCRIPTION]


def _draft(context: Context, node: Node, server: Server, seen: dict[str, Node]) -> TableDraft | None:
    if not node.mapping:
        return None
    custom = context.custom(node, CUSTOM)
    said = said_of(context, node, custom)
    columns, keys = drafts(context, node, said)
    context.unused(node, *UNUSED)
    if other_tags(node):
        context.unused(node, "tags")
    kind = node.get("physicalType")
    if kind is not None and (context.text_of(kind) or "").strip().lower() in NO_TABLES:
        context.problems.error(kind, f"a {kind.value} is no table of objects in S3: it cannot be shared")
    name = _name(context, node, seen)
    if name is None:
        return None
    text, field = context.text(node, "description"), node.get("description")
    return TableDraft(
        node=node,
        name=name,
        location=location_of(context, server, node, custom.get("location"), name),
        format=format_of(context, server, node, custom.get("format")),
        description=description_of(context, field, text.strip()) if text is not None and field is not None else None,
        said=said,
        columns=columns,
        keys=keys,
        tags=tags_of(context, custom["tags"]) if "tags" in custom else {},
        tags_node=custom.get("tags"),
    )


def _name(context: Context, node: Node, seen: dict[str, Node]) -> str | None:
    at = node.get("physicalName") or node.get("name")
    name = context.text_of(at) if at is not None else None
    if name is None or at is None:
        return None
    if name in seen:
        context.problems.error(at, f"the table {name} is there twice: on line {seen[name].mark.line}, too")
        return None
    seen[name] = at
    try:
        return _NAME.validate_python(name)
    except ValueError:
        hint = "" if node.get("physicalName") is not None else "; if it has another name in the data, give physicalName"
        context.problems.error(
            at, f"{name[:60]!r} cannot name a table: lower-case letters, digits and _, starting with a letter, 63{hint}"
        )
        return None


def _check_apart(context: Context, tables: list[TableDraft]) -> None:
    """Check that no table lies inside another: its objects would be read as the other's."""
    previous: TableDraft | None = None
    for table in sorted(
        (table for table in tables if table.location is not None), key=lambda table: table.location or ""
    ):
        if previous is not None and (table.location or "").startswith(previous.location or ""):
            context.problems.error(
                table.node,
                f"{table.name} lies inside {previous.name} (line {previous.node.mark.line}): {table.location}",
            )
            continue
        previous = table
