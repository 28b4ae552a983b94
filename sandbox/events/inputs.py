"""What a target receives: the whole event, a part of it, a constant, or a template filled from it.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from sandbox import clock
from sandbox.events import store
from sandbox.events.model import DeliveryError, Event, Rule

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]|\[\"([^\"]+)\"\]")


class _MissingError(Exception):
    """A path names something that the event does not have."""


def payload(event: Event, rule: Rule, target: Mapping[str, Any]) -> str:
    """The text that is handed to the target.

    Raises `DeliveryError` (`INVALID_JSON`) when `InputPath` names nothing. AWS does not say what happens then; a target
    that expects a part of the event must not be called with something else.
    """
    if "InputTransformer" in target:
        return _transformed(event, rule, target["InputTransformer"])
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        try:
            return json.dumps(extract(event.envelope(), str(target["InputPath"])))
        except _MissingError as missing:
            raise DeliveryError("INVALID_JSON", f"InputPath {target['InputPath']} matches nothing") from missing
    return json.dumps(event.envelope())


def shapes_input(target: Mapping[str, Any]) -> bool:
    """Whether the target asks for anything else than the whole event."""
    return any(key in target for key in ("InputTransformer", "Input", "InputPath"))


def extract(document: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """The value at a JSONPath of the kind EventBridge takes: `$`, names and indexes, no filters or wildcards.

    Raises `_MissingError` when there is none.
    """
    value = document
    position = 1 if path.startswith("$") else 0
    while position < len(path):
        step = _STEP.match(path, position)
        if step is None:
            raise _MissingError(path)
        name = step[1] or step[3] or step[4]
        try:
            value = value[int(step[2])] if step[2] is not None else value[name]
        except (KeyError, IndexError, TypeError) as missing:
            raise _MissingError(path) from missing
        position = step.end()
    return value


def _transformed(event: Event, rule: Rule, transformer: Mapping[str, Any]) -> str:
    envelope = event.envelope()
    values: dict[str, Any] = {}
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        try:
            values[name] = extract(envelope, path)
        except _MissingError:
            values[name] = ""
    values |= {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws.events.event.json": envelope,
        "aws.events.event": {key: value for key, value in envelope.items() if key != "detail"},
    }
    return store.render_template(str(transformer.get("InputTemplate", "")), values)
