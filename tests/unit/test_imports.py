"""Imports point downward only: handlers → logic → aws → models, and only aws/ knows boto3.

The command line stands beside the handlers; nothing of what is deployed imports it.

`logic` imports no gateway either: it has interfaces (`ports`), and the handlers bring what implements them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import datamesh

PACKAGE = Path(datamesh.__file__).parent
MODULES = sorted(PACKAGE.glob("**/*.py"))
BASE = {"models", "observability", "settings"}
# Who may import whom inside the package.
ALLOWED: dict[str, set[str]] = {
    "models": {"models"},
    "settings": {"models"},
    "observability": set(),
    "logic": {"logic", "models"},
    "aws": {"aws", "models", "observability"},
    "handlers": {"handlers", "logic", "aws"} | BASE,
    "cli": {"cli", "logic", "aws", "models", "observability"},
}
AWS_SDK = {"boto3", "botocore"}
ONLY_IN = {
    "os": {"settings"},
    "time": {"aws", "cli", "handlers"},
    "random": {"aws", "handlers"},
    "pydantic_settings": {"settings"},
    "opensearchpy": {"aws"},
    "sqlite3": {"aws"},
    # Not in the Lambda package.
    "pyarrow": {"cli"},
    "rich": {"cli"},
    "typer": {"cli"},
    # Manifests are text to the logic; nothing is read from files there.
    "yaml": {"cli", "logic"},
}


def layer_of(module: Path) -> str:
    """Return the layer that a module belongs to."""
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(source: str) -> Iterator[str]:
    """Yield every module that a source imports, type checking included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            base = node.module or ""
            # `from datamesh import settings` names the module in the second part.
            yield from (f"{base}.{name.name}" for name in node.names) if base == "datamesh" else (base,)


def faults(source: str, layer: str) -> list[str]:
    """Return the imports of a source that its layer may not have."""
    found = []
    for name in imports_of(source):
        parts = name.split(".")
        inside = parts[0] == "datamesh" and len(parts) > 1
        wrong = (
            (inside and parts[1] not in ALLOWED[layer])
            or (parts[0] in AWS_SDK and layer != "aws")
            or (parts[0] in ONLY_IN and layer not in ONLY_IN[parts[0]])
        )
        if wrong:
            found.append(name)
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: str(module.relative_to(PACKAGE)))
def test_a_module_imports_downward_only(module: Path) -> None:
    if module == PACKAGE / "__init__.py":
        return
    assert faults(module.read_text(encoding="utf-8"), layer_of(module)) == []


@pytest.mark.parametrize(
    ("source", "layer"),
    [
        ("import boto3", "logic"),
        ("from botocore.exceptions import ClientError", "handlers"),
        ("from datamesh.handlers import _runtime", "logic"),
        ("from datamesh.aws.registry import Registry", "logic"),
        ("from datamesh import aws", "logic"),
        ("from datamesh.logic import ports", "models"),
        ("from datamesh.settings import load", "aws"),
        ("from datamesh.cli import output", "handlers"),
        ("import typer", "logic"),
        ("import os", "handlers"),
        ("import time", "logic"),
    ],
)
def test_the_check_finds_what_it_is_for(source: str, layer: str) -> None:
    assert faults(source, layer)


def test_logic_has_no_clock() -> None:
    for module in (PACKAGE / "logic").glob("*.py"):
        source = module.read_text(encoding="utf-8")
        for call in (".now(", ".utcnow(", ".today(", "uuid4(", "uuid1("):
            assert call not in source, f"{module.name}: {call}"
