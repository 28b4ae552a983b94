"""`datamesh`: what is wrong is told in a line, and never in a traceback."""

import sys
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from datamesh.cli import app as application
from datamesh.cli import policy as commands
from datamesh.models.errors import InvalidPolicy


def main(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["datamesh", *words])
    with pytest.raises(SystemExit) as ended:
        application.main()
    return ended.value.code


ASK = ("policy", "explain", "--consumer", "marketing", "--producer", "sales")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidPolicy("rules: Field required"), "datamesh: InvalidPolicy: rules: Field required"),
        (NoCredentialsError(), "datamesh: Unable to locate credentials"),
    ],
)
def test_what_the_mesh_or_aws_says_against_it_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, said: str
) -> None:
    class Broken:
        def __init__(self, table: str) -> None:
            pass

        def policy(self) -> Any:
            raise error

    monkeypatch.setattr(commands, "Registry", Broken)
    assert main(monkeypatch, *ASK) == 2
    out, err = capsys.readouterr()
    assert (out, err.strip()) == ("", said)


def test_without_a_command_there_is_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(monkeypatch, "--help") == 0
    assert "policy" in capsys.readouterr().out


def test_an_unknown_command_ends_with_two(monkeypatch: pytest.MonkeyPatch) -> None:
    assert main(monkeypatch, "polices") == 2
