"""The Glue type of a property: its physicalType where that is one, else what its logicalType stands for."""

from datamesh.logic.contracts.context import Context
from datamesh.logic.contracts.glue_types import NotATypeError, parse
from datamesh.logic.contracts.nodes import Node

INTEGERS = {
    "i8": "tinyint",
    "i16": "smallint",
    "i32": "int",
    "i64": "bigint",
    "u8": "smallint",
    "u16": "int",
    "u32": "bigint",
    "u64": "decimal(20,0)",
    "i128": "decimal(38,0)",
    "u128": "decimal(38,0)",
}
NUMBERS = {"f32": "float", "f64": "double"}
PLAIN = {"string": "string", "date": "date", "timestamp": "timestamp", "time": "string", "boolean": "boolean"}
VECTORS = {
    "bfloat16": "float",
    "float16": "float",
    "float32": "float",
    "float64": "double",
    "int8": "tinyint",
    "uint8": "smallint",
}
# What other systems call them; compared in lower case and without what stands in brackets.
PHYSICAL = {
    "bool": "boolean",
    "text": "string",
    "varchar": "string",
    "nvarchar": "string",
    "char": "string",
    "uuid": "string",
    "json": "string",
    "int2": "smallint",
    "int4": "int",
    "int8": "bigint",
    "int64": "bigint",
    "float4": "float",
    "float8": "double",
    "double precision": "double",
    "bytes": "binary",
    "datetime": "timestamp",
    "timestamp_ntz": "timestamp",
    "timestamp without time zone": "timestamp",
}
# They say nothing without what is inside.
OUTLINES = frozenset({"array", "list", "struct", "object", "record", "map"})


def glue_type(context: Context, node: Node) -> str | None:
    """Return the type of a property; None when the contract leaves it open, or it is wrong (a problem then)."""
    physical, logical = context.text(node, "physicalType"), context.text(node, "logicalType")
    if physical is not None:
        found = _physical(physical)
        if found is not None and not (logical and physical.strip().lower() in OUTLINES):
            return found
        outline = physical.strip().lower().partition("<")[0].strip() in OUTLINES
        field = node.get("physicalType") or node
        if logical is None:
            context.problems.error(field, f"{physical!r} is no type of Glue: {_why(physical)}; or give a logicalType")
            return None
        if not outline:
            context.problems.warning(field, f"{physical!r} is no type of Glue: the logicalType {logical} counts")
    if logical is None:
        return None
    return _logical(context, node, logical)


def _physical(text: str) -> str | None:
    try:
        return str(parse(text))
    except NotATypeError:
        return PHYSICAL.get(text.lower().partition("(")[0].strip())


def _why(text: str) -> str:
    try:
        parse(text)
    except NotATypeError as error:
        return str(error)
    return "it is incomplete"


def _logical(context: Context, node: Node, logical: str) -> str | None:
    match logical:
        case "integer" | "number":
            return _number(context, node, INTEGERS if logical == "integer" else NUMBERS)
        case "object":
            return _struct(context, node)
        case "array":
            return _array(context, node)
        case "map":
            return _map(context, node)
        case "vector":
            element = _option(context, node, "elementType") or "float32"
            if element in VECTORS:
                return f"array<{VECTORS[element]}>"
            context.problems.error(node.get("logicalType") or node, f"a vector of {element} has no type in Glue")
            return None
    # What is no logicalType at all, the structure says.
    return PLAIN.get(logical)


def _number(context: Context, node: Node, formats: dict[str, str]) -> str | None:
    written = _option(context, node, "format")
    default = "int" if formats is INTEGERS else "double"
    if written is None or written in formats:
        return formats[written] if written is not None else default
    options = node.get("logicalTypeOptions") or node
    field = options.get("format") or options
    context.problems.error(field, f"there is no format {written!r}, only {', '.join(formats)}")
    return None


def _option(context: Context, node: Node, name: str) -> str | None:
    options = node.get("logicalTypeOptions")
    return context.text(options, name) if options is not None else None


def _struct(context: Context, node: Node) -> str | None:
    properties = node.get("properties")
    if properties is None or not properties.items:
        context.problems.error(
            node.get("logicalType") or node,
            "an object needs properties, or a physicalType: struct<…>, or map<…>, or string for JSON in text",
        )
        return None
    fields: dict[str, str] = {}
    whole = True
    for each in properties.items:
        name = field_name(context, each)
        found = _inner(context, each)
        whole = whole and found is not None and name is not None
        if name is not None and found is not None:
            fields.setdefault(name, found)
    return f"struct<{','.join(f'{name}:{found}' for name, found in fields.items())}>" if whole else None


def _array(context: Context, node: Node) -> str | None:
    items = node.get("items")
    if items is None:
        context.problems.error(
            node.get("logicalType") or node, "an array needs items, or a physicalType: array<…>, or string"
        )
        return None
    found = _inner(context, items)
    return f"array<{found}>" if found is not None else None


def _map(context: Context, node: Node) -> str | None:
    parts = node.get("map")
    if parts is None:
        context.problems.error(node.get("logicalType") or node, "a map needs map with key and value")
        return None
    key, value = parts.get("key"), parts.get("value")
    # That one is missing, the structure says.
    found = [_inner(context, each) if each is not None else None for each in (key, value)]
    if None in found:
        return None
    text = f"map<{found[0]},{found[1]}>"
    try:
        parse(text)
    except NotATypeError as error:
        context.problems.error(key or node, str(error))
        return None
    return text


def _inner(context: Context, node: Node) -> str | None:
    """Return the type of something inside another type, which has to have one."""
    if node.get("physicalType") is None and node.get("logicalType") is None:
        context.problems.error(node, "what lies inside another type needs a logicalType or a physicalType")
        return None
    return glue_type(context, node)


def field_name(context: Context, node: Node) -> str | None:
    """Return the name of a property in the data: its physicalName, or its name."""
    return context.text(node, "physicalName") or context.text(node, "name")
