"""What commands print: whatever others wrote, a terminal is told nothing by it."""

from __future__ import annotations

import json

import pytest
import yaml
from rich.console import Group
from rich.table import Table
from rich.text import Text

from datamesh.cli.output import Format, answer, aside, lines, remark

CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
ACTED_ON = set(CONTROLS) - set("\n\t")
HOSTILE = f"ünd {CONTROLS}\x1b[2Jend"


def table() -> Table:
    made = Table("one", HOSTILE, title=f"title {HOSTILE}")
    made.add_row(Text(HOSTILE), HOSTILE)
    return made


def printed(capsys: pytest.CaptureFixture[str]) -> str:
    return "".join(capsys.readouterr())


def test_nothing_printed_for_people_moves_a_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    answer({}, Format.TABLE, table=lambda: Group(Text(HOSTILE), table()))
    aside(Group(Text(HOSTILE), table()))
    lines([HOSTILE])
    remark(HOSTILE)
    out = printed(capsys)
    assert not ACTED_ON & set(out)
    assert out.count("\ufffd[2Jend") >= 4
    assert "ünd" in out


def test_what_is_replaced_takes_its_place_in_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    made = Table("why")
    made.add_column("more")
    made.add_row(Text("\x1b" * 40 + "Text"), "\x9b" * 20 + "str")
    answer({}, Format.TABLE, table=lambda: made)
    out = printed(capsys)
    assert "\ufffd" * 40 + "Text │ " + "\ufffd" * 20 + "str │" in out
    assert len({len(line) for line in out.splitlines()}) == 1


@pytest.mark.parametrize("output", [Format.JSON, Format.YAML])
def test_programs_read_what_was_written(output: Format, capsys: pytest.CaptureFixture[str]) -> None:
    # NEL stands as it is in YAML, and is replaced.
    data = {"why": HOSTILE.replace("\x85", "") if output is Format.YAML else HOSTILE, "number": 1}
    answer({"why": HOSTILE}, output, table=Table)
    assert not ACTED_ON & set(printed(capsys))
    answer(data, output, table=Table)
    out = printed(capsys)
    assert (json.loads(out) if output is Format.JSON else yaml.safe_load(out)) == data
    assert "ünd" in out


def test_our_own_styles_stay(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    answer({}, Format.TABLE, table=lambda: Text.assemble(("good", "red"), "\x1b[32m"))
    assert printed(capsys) == "\x1b[31mgood\x1b[0m\ufffd[32m\n"
    answer({"a": 1}, Format.JSON, table=Table)
    assert "\x1b[" in printed(capsys)
