"""The command line runs in the process of the tests: what it sets for a process of its own is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from datamesh.aws import clients
from datamesh.cli.config import choose_file
from datamesh.observability import logger


@pytest.fixture(autouse=True)
def a_home_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nobody's profiles and tokens are read or written."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setattr(Path, "home", lambda: home)
    choose_file(None)


@pytest.fixture(autouse=True)
def a_process_of_its_own() -> Iterator[None]:
    """No client that another test has made, and the level of the log that others want."""
    made_once = [each for each in vars(clients).values() if hasattr(each, "cache_clear")]
    level = logger.log_level
    for each in made_once:
        each.cache_clear()
    yield
    logger.setLevel(level)
    for each in made_once:
        each.cache_clear()
