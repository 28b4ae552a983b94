"""One sandbox process for all tests of the rooms; `clean_sandbox` empties it before a test."""

from __future__ import annotations

from collections.abc import Iterator

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
