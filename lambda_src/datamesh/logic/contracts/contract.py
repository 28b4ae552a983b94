"""Reads a contract: the structure by the standard, the content by what the mesh makes of it."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from datamesh.logic.contracts.classes import LEVELS, NOTHING, Said, other_tags, said_of
from datamesh.logic.contracts.columns import Draft, tags_of
from datamesh.logic.contracts.context import Context
from datamesh.logic.contracts.nodes import Node, Problems, read_yaml
from datamesh.logic.contracts.readings import ContractReading
from datamesh.logic.contracts.servers import server_of
from datamesh.logic.contracts.structure import check_structure, did_you_mean, kind_of
from datamesh.logic.contracts.tables import TableDraft, description_of, table_drafts
from datamesh.logic.sensitivity import OPEN_CLASSIFICATIONS
from datamesh.models.base import DomainName, ProductName
from datamesh.models.commands import AccessMode, Classification, ProductSpec

VERSIONS = ("v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0")
KIND = "DataContract"
MODES: tuple[AccessMode, ...] = ("nrac", "tbac", "both")
CUSTOM = frozenset({"access_mode", "classification", "pii", "tags"})
UNUSED = (
    *("authoritativeDefinitions", "context", "contractCreatedTs", "price", "roles", "slaDefaultElement"),
    *("slaProperties", "support", "team", "tenant"),
)
_DOMAIN: TypeAdapter[str] = TypeAdapter(DomainName)
_PRODUCT: TypeAdapter[str] = TypeAdapter(ProductName)


def read_contract(
    text: str, *, server: str | None = None, variables: Mapping[str, str] | None = None
) -> ContractReading:
    """Read a contract: its domain, the product that it describes, and everything that is wrong with it, by line.

    `server` names the one of its servers that counts, where it has more than one of type s3; `variables` are values for
    `${NAME}`. Never raises: whatever the text is, what is wrong with it is among the problems.
    """
    problems = Problems()
    root = read_yaml(text, problems)
    if root is None:
        return ContractReading(None, None, problems.sorted())
    if not isinstance(root.value, dict):
        problems.error(root, f"a contract is a mapping of fields, not {kind_of(root)}")
        return ContractReading(None, None, problems.sorted())
    if not _is_contract(root, problems):
        # Of another kind of document nothing that follows would say anything.
        return ContractReading(None, None, problems.sorted())
    check_structure(root, problems)
    context = Context(problems, variables or {})
    domain = _domain(context, root)
    data = _product(context, root, server)
    context.say_unused()
    spec = None if problems.failed else _spec(context, data)
    return ContractReading(domain, spec if not problems.failed else None, problems.sorted(), context.places)


def _is_contract(root: Node, problems: Problems) -> bool:
    kind, version = root.get("kind"), root.get("apiVersion")
    sound = True
    if kind is not None and kind.value != KIND:
        problems.error(kind, f"the kind must be {KIND}, not {kind_of(kind)}")
        sound = False
    if version is not None and version.value not in VERSIONS:
        found = str(version.value)
        newer = re.fullmatch(r"v3\.[0-9]+\.[0-9]+", found) is not None
        if newer:
            problems.warning(version, f"the mesh knows the standard up to {VERSIONS[-1]}, and reads {found} as that")
        else:
            problems.error(
                version,
                f"the mesh reads version 3 of the Open Data Contract Standard, not {found[:40]!r}"
                f"{did_you_mean(found, VERSIONS) or f'; write {VERSIONS[-1]}'}",
            )
            sound = False
    return sound


def _domain(context: Context, root: Node) -> str | None:
    field, name = root.get("domain"), context.text(root, "domain")
    if field is None:
        context.problems.warning(root, "domain is missing: whoever registers the product has to say whose it is")
        return None
    if name is None:
        return None
    try:
        return _DOMAIN.validate_python(name)
    except ValidationError as error:
        said = error.errors()[0]
        reason = (
            said["msg"].removeprefix("Value error, ")
            if said["type"] == "value_error"
            else "lower-case letters, digits and _, starting with a letter, at most 30"
        )
        context.problems.error(field, f"{name[:60]!r} cannot name a domain: {reason}")
        return None


def _product(context: Context, root: Node, wanted: str | None) -> dict[str, Any]:
    """Return the data of a ProductSpec; where something is missing, that is among the problems."""
    custom = context.custom(root, CUSTOM)
    tables = table_drafts(context, root, server_of(context, root, wanted))
    said = _said_of_product(context, root, custom, tables)
    tables = [_held_back(context, table, said) for table in tables]
    context.unused(root, *UNUSED)
    if other_tags(root):
        context.unused(root, "tags")
    status = root.get("status")
    if status is not None and status.value in ("retired", "deprecated"):
        context.problems.warning(status, f"the contract is {status.value}; the product is registered all the same")
    mode = context.word(custom.get("access_mode"), MODES) or "nrac"
    tags = tags_of(context, custom["tags"]) if "tags" in custom else {}
    _check_mode(context, mode, custom.get("tags"), tables)
    _remember(context, root, custom, tables)
    return {
        "name": _name(context, root),
        "description": _description(context, root),
        "classification": said.classification,
        "pii": said.pii,
        "access_mode": mode,
        "tags": tags,
        "tables": [table.to_spec() for table in tables],
    }


def _name(context: Context, root: Node) -> str | None:
    at = root.get("dataProduct") or root.get("name")
    if at is None:
        context.problems.error(root, "name is missing: it names the product")
        return None
    name = context.text_of(at)
    try:
        return _PRODUCT.validate_python(name) if name is not None else None
    except ValidationError:
        context.problems.error(
            at,
            f"{(name or '')[:60]!r} cannot name a product: lower-case letters, digits and _, starting with a letter, "
            "at most 63",
        )
        return None


def _description(context: Context, root: Node) -> str:
    field = root.get("description")
    if field is None or not field.mapping:
        if field is None:
            context.problems.warning(root, "description is missing: nobody will know what the product is for")
        return ""
    parts = []
    for name, title in (("purpose", ""), ("usage", "Usage: "), ("limitations", "Limitations: ")):
        text = context.text(field, name)
        if text is not None and text.strip():
            parts.append(f"{title}{text.strip()}")
    context.unused(field, "authoritativeDefinitions")
    return description_of(context, field, "\n\n".join(parts))


def _said_of_product(context: Context, root: Node, custom: dict[str, Node], tables: list[TableDraft]) -> Said:
    """Return how sensitive the product is: what is said explicitly, else what follows from all of its columns."""
    explicit = said_of(context, root, custom)
    columns = [(column.node, column.said) for table in tables for column in table.all_columns]
    # What a crawler is yet to find is as its table is said to be.
    columns += [(table.node, table.said) for table in tables if table.said != NOTHING or not table.all_columns]
    classification, pii = explicit.classification, explicit.pii
    if classification is None:
        classification = _strictest(context, root, columns)
    if pii is None:
        flags = {said.pii for _, said in columns}
        pii = True if True in flags else (False if flags == {False} else None)
        if pii is None:
            context.problems.warning(
                root,
                "nobody says whether it holds personal data, so it counts as sensitive: classify every column, or say "
                "datamesh.pii in customProperties",
            )
    return Said(classification, pii)


def _strictest(context: Context, root: Node, columns: list[tuple[Node, Said]]) -> Classification | None:
    """Return the strictest classification; None where something has none: nobody knows how strict that is."""
    missing = [node for node, said in columns if said.classification is None]
    if missing or not columns:
        more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
        context.problems.warning(
            missing[0] if missing else root,
            f"it is not classified{more}, so neither is the product, and that counts as sensitive: classify every "
            "column, or say datamesh.classification in customProperties of the contract",
        )
        return None
    return max((said.classification for _, said in columns if said.classification is not None), key=LEVELS.index)


def _held_back(context: Context, table: TableDraft, product: Said) -> TableDraft:
    """Return a table with the flag at every column that is stricter than its product.

    The flag is what holds a single column back: without it the column would be as open as the product.
    """
    if product.classification not in OPEN_CLASSIFICATIONS:
        return table

    def flagged(column: Draft) -> Draft:
        level = column.said.classification
        if level is None or level in OPEN_CLASSIFICATIONS or column.said.pii:
            return column
        context.problems.warning(
            column.node.get("classification") or column.node,
            f"{column.name} is {level} in a product that is {product.classification}: it is flagged like personal "
            "data, so that nobody sees it without an approval",
        )
        return replace(column, said=replace(column.said, pii=True))

    return replace(
        table, columns=[flagged(column) for column in table.columns], keys=[flagged(key) for key in table.keys]
    )


def _check_mode(context: Context, mode: str, of_product: Node | None, tables: list[TableDraft]) -> None:
    if mode != "nrac":
        return
    nodes = [of_product, *(table.tags_node for table in tables)]
    nodes += [column.node for table in tables for column in table.all_columns if column.tags]
    for node in nodes:
        if node is not None:
            context.problems.error(
                node, "LF-tags need datamesh.access_mode tbac or both: a product that is shared by name has none"
            )
            return


def _remember(context: Context, root: Node, custom: dict[str, Node], tables: list[TableDraft]) -> None:
    """Remember where the fields of the command come from, for what the registry says of them."""
    places = {
        "domain": root.get("domain"),
        "product": root,
        "product.name": root.get("dataProduct") or root.get("name"),
        "product.description": root.get("description"),
        "product.access_mode": custom.get("access_mode"),
        "product.tags": custom.get("tags"),
    }
    for field, node in places.items():
        if node is not None:
            context.read_from(field, node)
    for number, table in enumerate(tables):
        path = f"product.tables.{number}"
        context.read_from(path, table.node)
        if table.tags_node is not None:
            context.read_from(f"{path}.tags", table.tags_node)
        for part, columns in (("columns", table.columns), ("partition_keys", table.keys)):
            for place, column in enumerate(columns):
                context.read_from(f"{path}.{part}.{place}", column.node)


def _spec(context: Context, data: dict[str, Any]) -> ProductSpec | None:
    """Return the product. What the mesh's own model says against it, is said at the place it comes from."""
    try:
        return ProductSpec.model_validate(data)
    except ValidationError as error:
        reading = ContractReading(None, None, (), context.places)
        for fault in error.errors():
            path = ".".join(["product", *map(str, fault["loc"])])
            problem = reading.blame(path, fault["msg"].removeprefix("Value error, "))
            context.problems.add(problem)
        return None
