"""Where the tables of a contract lie: its server of type s3."""

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from datamesh.logic.contracts.context import Context
from datamesh.logic.contracts.nodes import Node
from datamesh.logic.contracts.structure import did_you_mean
from datamesh.models.base import S3Location
from datamesh.models.commands import TableFormat

FORMATS: tuple[TableFormat, ...] = ("parquet", "csv", "json")
PRODUCTION = frozenset({"prod", "production"})
# As the standard's own examples write the name of an object in a location.
MODEL = "{model}"
_LOCATION: TypeAdapter[str] = TypeAdapter(S3Location)


@dataclass(frozen=True)
class Server:
    """The server that counts; without one every object has to say where it lies."""

    node: Node | None = None
    location: str | None = None
    format: str | None = None


def server_of(context: Context, root: Node, wanted: str | None) -> Server:
    """Return the server that counts: the one that is wanted, the only one of type s3, or the one for production."""
    servers = root.get("servers")
    found = servers.items if servers is not None else []
    usable = [each for each in found if context.text(each, "type") == "s3"]
    _note_others(context, found)
    named = [each for each in usable if wanted is not None and context.text(each, "server") == wanted]
    if wanted is not None and not named:
        names = [name for each in usable if (name := context.text(each, "server")) is not None]
        said = did_you_mean(wanted, names) or f"; there are {', '.join(names) or 'none'}"
        context.problems.error(servers or root, f"there is no server {wanted} of type s3{said}")
        return Server()
    if wanted is None and len(usable) > 1:
        named = [
            each for each in usable if {context.text(each, "environment"), context.text(each, "server")} & PRODUCTION
        ]
        if len(named) != 1:
            names = [context.text(each, "server") or "?" for each in usable]
            context.problems.error(
                servers or root,
                f"say which server counts (--server): {', '.join(names)}; none is the one for production",
            )
            return Server()
    return _read(context, (named or usable)[0]) if usable else Server()


def location_of(context: Context, server: Server, table: Node, custom: Node | None, name: str) -> str | None:
    """Return where a table lies: where its `datamesh.location` says, else below the server's location.

    A location of its own is whole (`s3://…`) or relative to the server's.
    """
    own = context.text_of(custom) if custom is not None else None
    if custom is not None and own is None:
        return None
    base = server.location
    if own is not None and own.startswith("s3://"):
        return _checked(context, own, custom or table)
    if base is None:
        if server.node is None:
            context.problems.error(
                table,
                "nothing says where it lies: give the contract a server of type s3, or the object datamesh.location",
            )
        return None
    if own is not None:
        return _checked(context, f"{_folder(base).partition(MODEL)[0]}{own}", custom or table)
    below = base.replace(MODEL, name) if MODEL in base else f"{_folder(base)}{name}/"
    return _checked(context, below, server.node.get("location") or table if server.node is not None else table)


def format_of(context: Context, server: Server, table: Node, custom: Node | None) -> str | None:
    """Return the format of a table: its `datamesh.format`, else that of the server."""
    if custom is not None:
        return context.word(custom, FORMATS)
    if server.format is None and (server.node is None or server.node.get("format") is None):
        context.problems.error(table, "nothing says its format: give the server one, or the object datamesh.format")
    return server.format


def _read(context: Context, node: Node) -> Server:
    context.unused(node, "endpointUrl", "roles")
    location, at = context.text(node, "location"), node.get("location")
    if at is None:
        context.problems.error(node, "location is missing")
    elif location is not None and not location.startswith("s3://"):
        context.problems.error(at, f"a server of type s3 has a location s3://<bucket>/<prefix>/, not {location[:80]!r}")
        location = None
    written = context.word(node.get("format"), FORMATS)
    encoding, delimiter = node.get("encoding"), node.get("delimiter")
    text = (context.text(node, "encoding") or "utf-8").lower().replace("_", "-")
    if encoding is not None and written != "parquet" and text not in {"utf-8", "utf8", "ascii", "us-ascii"}:
        context.problems.error(encoding, f"Athena reads text in UTF-8, not {text}")
    allowed = {"csv": {",", "comma"}, "json": {"new_line", "\n"}}.get(written or "", set())
    if delimiter is not None and allowed and context.text_of(delimiter) not in allowed:
        message = "one document per line (`new_line`)" if written == "json" else "columns separated by commas (`,`)"
        context.problems.error(delimiter, f"the mesh reads {written} with {message} only")
    return Server(node, location, written)


def _checked(context: Context, location: str, at: Node) -> str | None:
    try:
        return _LOCATION.validate_python(_folder(location))
    except ValidationError:
        context.problems.error(
            at,
            f"{location[:120]!r} is no location: s3://<bucket>/<prefix>/ of letters, digits and _.=-, at most 700 long",
        )
        return None


def _folder(location: str) -> str:
    """Return the folder that a location names: what follows the last slash may be a pattern of files."""
    folder, _, last = location.rpartition("/")
    return f"{folder}/" if not last or "*" in last else f"{location}/"


def _note_others(context: Context, servers: list[Node]) -> None:
    others = [(kind, each) for each in servers if (kind := context.text(each, "type")) is not None and kind != "s3"]
    if others:
        kinds = ", ".join(sorted({kind for kind, _ in others}))
        context.problems.warning(others[0][1], f"the mesh takes no notice of servers of type {kinds}")
