"""Completion in a shell: commands, options and the profiles of the file."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from datamesh.cli.app import app
from datamesh.cli.config import Profile, config_path, write_profile


def completed(words: str) -> list[str]:
    """What bash is told for the last word."""
    given = {"_DATAMESH_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = CliRunner().invoke(app, [], prog_name="datamesh", env=given)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("datamesh acc", ["access"]),
        ("datamesh approval de", ["deny"]),
        ("datamesh access request --princ", ["--principal"]),
        ("datamesh whoami --profile sales-", ["sales-owner", "sales-pipeline"]),
    ],
)
def test_a_word_is_completed(words: str, found: list[str]) -> None:
    for name in ("sales-owner", "sales-pipeline", "analyst"):
        write_profile(config_path(), name, Profile(mode="bus", domain="sales"))
    assert completed(words) == found


@pytest.mark.parametrize("text", [None, "[broken", "[other]\nx = 1\n"])
def test_a_file_that_is_none_completes_nothing(text: str | None) -> None:
    if text is not None:
        config_path().parent.mkdir(parents=True, exist_ok=True)
        config_path().write_text(text)
    assert completed("datamesh whoami --profile sales") == []
