"""docs/manifest.md says what the code does: its example output, the words that it lists, the commands of its recipe."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from datamesh.cli.app import app
from datamesh.logic.contracts import columns, contract, tables
from datamesh.logic.contracts.classes import LEVELS, PERSONAL, SYNONYMS
from datamesh.logic.contracts.context import PREFIX
from datamesh.logic.contracts.property_types import INTEGERS, NUMBERS
from datamesh.logic.contracts.structure import WORDS
from datamesh.models.api.products import MAX_MANIFEST

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_output_that_is_shown_is_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    command, _, shown = block("text").partition("\n")
    done = CliRunner().invoke(app, command.removeprefix("$ datamesh ").split(), env={"COLUMNS": "160"})
    assert done.exit_code == 1
    assert done.stdout == shown


def test_the_custom_properties_are_those_that_are_read() -> None:
    rows = re.findall(rf"^\| `{re.escape(PREFIX)}(\w+)` \| ([^|]+) \|", TEXT, flags=re.MULTILINE)
    places = {"contract": contract.CUSTOM, "object": tables.CUSTOM, "property": columns.CUSTOM}
    for place, known in places.items():
        assert {name for name, where in rows if place in where.split(", ") or place == where.strip()} == known


def test_all_words_are_named() -> None:
    for word in (*LEVELS, *SYNONYMS, *(PERSONAL - {"personal data"}), *INTEGERS, "f32"):
        assert f"`{word}`" in TEXT, word
    assert set(NUMBERS) == {"f32", "f64"}
    (types,) = (words for (_, name), words in WORDS.items() if name == "logicalType" and len(words) > 1)
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", TEXT, flags=re.MULTILINE)
    assert set(types) <= {word for row in listed for word in re.findall(r"`(\w+)`", row)}
    assert f"{MAX_MANIFEST:,}" in TEXT


def test_the_recipe_is_a_workflow_whose_commands_there_are() -> None:
    recipe = yaml.safe_load(block("yaml"))
    steps = " ".join(step.get("run", "") for step in recipe["jobs"]["contracts"]["steps"])
    for command in re.findall(r"datamesh product (\w+)", steps):
        assert CliRunner().invoke(app, ["product", command, "--help"]).exit_code == 0
