"""The small mesh of `lake`, built once and put back before each test."""

from __future__ import annotations

import pytest

from sandbox.client import Sandbox
from tests.sandbox.glue.lake import MARKETING, Lake

_BUILT = "glue-lake"


@pytest.fixture(scope="session")
def built(sandbox: Sandbox) -> Lake:
    """Central's tables, shared with marketing, which has links to them; only administrators were granted anything."""
    sandbox.reset()
    lake = Lake(sandbox)
    lake.storage()
    lake.catalog()
    lake.consumer()
    for table in ("orders", "flights"):
        lake.share(table, account=MARKETING)
    sandbox.snapshot(_BUILT)
    return lake


@pytest.fixture
def lake(built: Lake) -> Lake:
    """The same, restored."""
    return restored(built)


def restored(lake: Lake, snapshot: str = _BUILT) -> Lake:
    """The sandbox as it was when the snapshot was taken, settings and clock included."""
    lake.sandbox.restore(snapshot)
    return lake
