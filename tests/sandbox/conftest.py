"""One sandbox process for all tests of the rooms; `clean_sandbox` empties it before a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.client import Sandbox


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A running sandbox on a free port, one per session (and per xdist worker)."""
    log = tmp_path_factory.mktemp("sandbox") / "sandbox.log"
    with Sandbox.start(log=log) as running:
        yield running


@pytest.fixture
def clean_sandbox(sandbox: Sandbox) -> Sandbox:
    """The same sandbox with all accounts emptied, faults disarmed, settings and clock as at the start."""
    sandbox.reset()
    return sandbox


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each room's tests stay together when several processes run them, those of the applied mesh first.

    The mesh takes minutes to apply and is shared by its tests: one process has it, the others do the rest meanwhile.
    """
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(here).parts[0]))
    items.sort(key=lambda item: not item.path.is_relative_to(here / "mesh"))
