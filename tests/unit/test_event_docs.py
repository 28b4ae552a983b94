"""The event documentation follows from the models, and drift is found."""

from pathlib import Path

import pytest

from datamesh.models.facts import EVENTS
from tools import generate_event_docs


def test_the_repository_is_up_to_date() -> None:
    assert generate_event_docs.differences(generate_event_docs.ROOT) == []


def test_drift_is_found_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert generate_event_docs.main(["--check", "--root", str(tmp_path)]) == 1
    assert "docs/events.md is missing" in capsys.readouterr().out

    assert generate_event_docs.main(["--root", str(tmp_path)]) == 0
    assert generate_event_docs.main(["--check", "--root", str(tmp_path)]) == 0

    (tmp_path / "docs/schemas/CommandRejected.json").write_text("{}", encoding="utf-8")
    (tmp_path / "docs/schemas/Forgotten.json").write_text("{}", encoding="utf-8")
    assert generate_event_docs.differences(tmp_path) == [
        "docs/schemas/CommandRejected.json is out of date",
        "docs/schemas/Forgotten.json belongs to no event",
    ]
    generate_event_docs.write(tmp_path)
    assert generate_event_docs.differences(tmp_path) == []


def test_every_event_that_starts_a_flow_exists() -> None:
    assert set(generate_event_docs.STARTS) <= {event.detail_type() for event in EVENTS}
