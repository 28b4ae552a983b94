"""docs/cli.md names every command, and no other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from datamesh.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "cli.md").read_text()
STORY = (ROOT / "examples" / "share_a_product.sh").read_text()
COMMAND: Any = typer.main.get_command(app)


def commands() -> dict[str, Any]:
    """All commands by what is typed."""
    found: dict[str, Any] = {}
    for name, command in COMMAND.commands.items():
        below = getattr(command, "commands", None)
        found |= {name: command} if below is None else {f"{name} {each}": below[each] for each in below}
    return found


def said() -> list[list[str]]:
    """The command lines in the document, word by word."""
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)).replace("\\\n", " ")
    lines = [line.partition("#")[0].partition("|")[0] for line in blocks.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("datamesh ")]


def test_every_command_is_in_the_table() -> None:
    table = TEXT.partition("## What there is")[2].partition("\n## ")[0]
    named = set()
    for cell in re.findall(r"^\| (.*?) \|", table, re.MULTILINE):
        group = ""
        for words in re.findall(r"`([a-z ]+)`", cell):
            parts = words.split()
            group = parts[0] if len(parts) == 2 else group
            named.add(words if len(parts) == 2 or words in commands() else f"{group} {words}")
    assert named == set(commands())


@pytest.mark.parametrize("words", said(), ids=" ".join)
def test_every_command_line_can_be_typed(words: list[str]) -> None:
    place = next((size for size in (2, 1) if " ".join(words[:size]) in commands()), 0)
    if not place:
        assert words == ["--install-completion"]
        return
    command = commands()[" ".join(words[:place])]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    assert {word for word in words[place:] if word.startswith("-")} <= options


def test_the_story_types_commands_that_there_are() -> None:
    typed = re.findall(r"^(?:\w+=\$\()?(?:run|must_end_with \d|until_it_says \S+) ([a-z]+(?: [a-z]+)?)", STORY, re.M)
    assert len(typed) > 20
    known = commands()
    assert [each for each in typed if each not in known and each.split()[0] not in known] == []
