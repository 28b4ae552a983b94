"""Writes docs/events.md and docs/schemas/ from the event models, or tells with --check what is out of date.

The models are the contract; what people read about it is never written by hand.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from datamesh.models.commands import COMMANDS
from datamesh.models.errors import CommandRejection
from datamesh.models.events import CENTRAL_SOURCE, CentralFact, EventData, Metadata
from datamesh.models.facts import EVENTS

ROOT = Path(__file__).resolve().parents[1]
DOCS = Path("docs/events.md")
SCHEMAS = Path("docs/schemas")
SAMPLES = Path("tests/events")
# What a domain's events start in central, and central's in a domain. Facts that start nothing are for listeners.
STARTS: dict[str, str] = {
    "RegisterDataDomain": "register_data_domain",
    "DeregisterDataDomain": "deregister_data_domain",
    "RegisterDataProduct": "register_data_product",
    "DeregisterDataProduct": "deregister_data_product",
    "ExtendDataProductAccess": "share_data_product",
    "RequestDataProductAccess": "share_data_product",
    "WidenDataProductAccess": "share_data_product",
    "ReconcileAccess": "reconcile_access",
    "RevokeDataProductAccess": "revoke_access",
    "ExpireDataProductAccess": "revoke_access",
    "DataProductLinkFailed": "revoke_access",
    "DataProductRegistered": "link_data_product",
    "DataProductAccessGranted": "link_data_product",
    "DataProductTagsChanged": "link_data_product",
    "DataProductAccessEnding": "unlink_data_product",
    "DataProductDeregistered": "unlink_data_product",
    "DataProductLinked": "index_data_product",
    "DataProductSchemaUpdated": "index_data_product",
    "DataProductCrawlFailed": "index_data_product",
    "DataProductAccessProvisioned": "index_data_product",
    "DataProductUnlinked": "index_data_product",
}


def schema_of(event: type[EventData]) -> dict[str, Any]:
    """Return the JSON Schema of an event's `detail`."""
    references, definitions = models_json_schema(
        [(Metadata, "validation"), (event, "validation")], ref_template="#/$defs/{model}"
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": event.detail_type(),
        "description": summary(event),
        "type": "object",
        "required": ["metadata", "data"],
        "properties": {
            "metadata": references[(Metadata, "validation")],
            "data": references[(event, "validation")],
        },
        "$defs": definitions["$defs"],
    }


def summary(model: type[Any]) -> str:
    """Return a model's docstring as one paragraph."""
    return re.sub(r"\s+", " ", model.__doc__ or "").strip()


def sample_of(event: type[EventData]) -> str:
    """Return the path of an event's recorded sample."""
    return f"{SAMPLES}/{re.sub(r'(?<!^)(?=[A-Z])', '_', event.detail_type()).lower()}.json"


def type_of(shape: dict[str, Any]) -> str:
    """Return a schema's type in words."""
    if "$ref" in shape:
        name = shape["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in shape:
        return " or ".join(type_of(option) for option in shape["anyOf"])
    if "allOf" in shape:
        return " and ".join(type_of(option) for option in shape["allOf"])
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return " \\| ".join(f"`{value}`" for value in shape["enum"])
    kind = shape.get("type", "any")
    if kind == "array":
        bounds = [str(shape[name]) for name in ("minItems", "maxItems") if name in shape]
        return f"list of {type_of(shape.get('items', {}))}" + (f" ({'-'.join(bounds)})" if bounds else "")
    if kind == "object" and ("patternProperties" in shape or "additionalProperties" in shape):
        values = [*shape.get("patternProperties", {}).values(), shape.get("additionalProperties")]
        return f"map of {type_of(next(value for value in values if value))}"
    return f"{kind} ({shape['format']})" if "format" in shape else kind


def fields_of(shape: dict[str, Any]) -> list[str]:
    """Return the table of a schema's fields."""
    required = set(shape.get("required", []))
    rows = ["| field | type | required | meaning |", "|---|---|---|---|"]
    for name, field in shape.get("properties", {}).items():
        meaning = field.get("description", "")
        if "pattern" in field:
            # A bar would end the cell.
            pattern = field["pattern"].replace("|", "\\|")
            meaning = f"{meaning} Matches `{pattern}`.".strip()
        rows.append(f"| `{name}` | {type_of(field)} | {'yes' if name in required else 'no'} | {meaning} |")
    return rows


def section_of(event: type[EventData]) -> list[str]:
    """Return the section of one event."""
    shape = schema_of(event)["$defs"][event.detail_type()]
    name = event.detail_type()
    starts = f" Starts `{STARTS[name]}`." if name in STARTS else ""
    return [
        f"### {name}",
        "",
        f"{summary(event)}{starts}",
        "",
        f"Sample: [{sample_of(event)}](../{sample_of(event)}) · schema: [schemas/{name}.json](schemas/{name}.json)",
        "",
        *fields_of(shape),
        "",
    ]


def sections_of(events: Iterable[type[EventData]]) -> list[str]:
    """Return the sections of several events."""
    return [line for event in events for line in section_of(event)]


def shared_shapes() -> dict[str, dict[str, Any]]:
    """Return the schemas that events are made of, by name."""
    found: dict[str, dict[str, Any]] = {}
    for event in EVENTS:
        found |= schema_of(event)["$defs"]
    names = {event.detail_type() for event in EVENTS} | {"Metadata"}
    return {name: shape for name, shape in sorted(found.items()) if name not in names and "properties" in shape}


def rejection_codes() -> list[str]:
    """Return the table of the codes that CommandRejected carries."""
    rows = [
        f"| `{error.__name__}` | {f'`{error.default_field}`' if error.default_field else ''} | {summary(error)} |"
        for error in sorted(CommandRejection.__subclasses__(), key=lambda error: error.__name__)
    ]
    return ["| code | field, unless a deeper one is named | meaning |", "|---|---|---|", *rows]


def document() -> str:
    """Return docs/events.md."""
    central = [event for event in EVENTS if issubclass(event, CentralFact)]
    domain = [event for event in EVENTS if event not in COMMANDS and event not in central]
    rows = [
        f"| [{event.detail_type()}](#{event.detail_type().lower()}) | "
        f"{', '.join(f'`{source}`' for source in event.sources)} | {STARTS.get(event.detail_type(), '')} |"
        for event in EVENTS
    ]
    metadata = schema_of(EVENTS[0])["$defs"]["Metadata"]
    lines = [
        "# Events",
        "",
        "<!-- Written by tools/generate_event_docs.py from lambda_src/datamesh/models. Do not edit. -->",
        "",
        'Every event of the mesh is an EventBridge event whose `detail` is `{"metadata": {…}, "data": {…}}`. The',
        "detail-type is the name of the model. The sender is the envelope's `account`, which EventBridge sets; account",
        "ids inside `data` are never believed. Events arrive at least once and in any order: `event_id` stays the same",
        "when an event is said again, and `occurred_at` decides which of two is the newer.",
        "",
        "Commands refuse fields that they do not know; readers of facts ignore them, so facts may grow.",
        "",
        "| event | source | starts |",
        "|---|---|---|",
        *rows,
        "",
        "## Metadata",
        "",
        summary(Metadata),
        "",
        *fields_of(metadata),
        "",
        "## Commands",
        "",
        "Sent by a domain's account on its own bus, which forwards them to central. Those with both sources people",
        "give by the API as well: central's own account says them on its bus, with the person in `metadata.person`,",
        "and they speak for the domain that they name. Nobody else can say on that bus that it is central, and what",
        "a domain says about a person is not heard.",
        "",
    ]
    lines += sections_of(COMMANDS)
    addressed = (
        f"Source `{CENTRAL_SOURCE}`, addressed by `metadata.target_account`; what is for listeners in central has none."
    )
    lines += ["## Facts of central", "", addressed, ""]
    lines += sections_of(central)
    lines += [
        "### Codes of CommandRejected",
        "",
        "A refused command has changed nothing but its own record.",
        "",
        *rejection_codes(),
        "",
    ]
    lines += ["## Facts of the domains", ""]
    lines += sections_of(domain)
    lines += ["## Parts", ""]
    for name, shape in shared_shapes().items():
        lines += [f"### {name}", "", re.sub(r"\s+", " ", shape.get("description", "")).strip(), ""]
        lines += [*fields_of(shape), ""]
    return "\n".join(lines).rstrip() + "\n"


def wanted_files() -> dict[Path, str]:
    """Return every generated file with its content."""
    files = {DOCS: document()}
    for event in EVENTS:
        files[SCHEMAS / f"{event.detail_type()}.json"] = json.dumps(schema_of(event), indent=2) + "\n"
    return files


def differences(root: Path) -> list[str]:
    """Return what is missing, out of date or left over below `root`."""
    wanted = wanted_files()
    found = []
    for path, content in wanted.items():
        actual = (root / path).read_text(encoding="utf-8") if (root / path).exists() else None
        if actual != content:
            found.append(f"{path} is {'missing' if actual is None else 'out of date'}")
    left = {path.relative_to(root) for path in (root / SCHEMAS).glob("*.json")} - set(wanted)
    return found + [f"{path} belongs to no event" for path in sorted(left)]


def write(root: Path) -> None:
    """Write all generated files below `root`, and delete schemas that belong to no event."""
    wanted = wanted_files()
    for path, content in wanted.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    for path in (root / SCHEMAS).glob("*.json"):
        if path.relative_to(root) not in wanted:
            path.unlink()


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or check them; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when a file is out of date")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository (default: this one)")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.root)
        return 0
    found = differences(options.root)
    for difference in found:
        print(f"{difference}; run python tools/generate_event_docs.py")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
