"""Read Terraform files as data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from hcl2.api import loads

# An interpolation inside a message: what it is replaced with is not known before Terraform runs.
INTERPOLATION = re.compile(r"\$\{[^}]*\}")


@cache
def parse(file: Path) -> dict[str, Any]:
    """Return the blocks of a Terraform file, by kind."""
    document: dict[str, Any] = loads(file.read_text(encoding="utf-8"))
    return document


def blocks(module: Path, kind: str) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield file, name and body of all blocks of a kind with one label (variable, output, module, …)."""
    for file in sorted(module.glob("*.tf")):
        for block in parse(file).get(kind, []):
            for name, body in block.items():
                yield file, name, body


def resources(module: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Yield file, address and body of all resources and data sources."""
    for kind, prefix in (("resource", ""), ("data", "data.")):
        for file, resource_type, named in blocks(module, kind):
            for name, body in named.items():
                yield file, f"{prefix}{resource_type}.{name}", body


def error_messages(module: Path) -> list[str]:
    """Return the messages of all validations and preconditions, each up to its first interpolation."""
    bodies = [body for _, _, body in blocks(module, "variable")]
    checks = [check for body in bodies for check in body.get("validation", [])]
    for _, _, body in resources(module):
        for lifecycle in body.get("lifecycle", []):
            checks += lifecycle.get("precondition", [])
    return [INTERPOLATION.split(check["error_message"])[0] for check in checks]
