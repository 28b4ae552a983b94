"""Central owns database shop with table orders; its administrator is `admin`, each domain's is `steward`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox import clock, settings
from sandbox.api import Caller
from sandbox.lakeformation import store, windows, world
from sandbox.ram import store as ram_store
from tests.sandbox.lakeformation.fake_world import CENTRAL, MARKETING, FakeWorld, Lake, role


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """Fresh accounts in one organization, shares visible at once."""
    monkeypatch.setattr(windows, "HOLD_SECONDS", 0.0)
    fake = FakeWorld()
    world.use(fake)
    settings.reset()
    settings.update(ram_visibility_delay=0.0)
    store.store.reset()
    ram_store.store.reset()
    yield Lake(fake)
    settings.reset()
    clock.reset()


@pytest.fixture
def admin() -> Caller:
    """Central's administrator."""
    return role(CENTRAL, "admin")


@pytest.fixture
def steward() -> Caller:
    """Marketing's administrator."""
    return role(MARKETING, "steward")


@pytest.fixture
def shop(lake: Lake, admin: Caller, steward: Caller) -> Lake:
    """Both accounts under Lake Formation alone, and a table made by a role that is nobody's administrator."""
    lake.settings(CENTRAL, admin)
    lake.settings(MARKETING, steward)
    maker = role(CENTRAL, "maker")
    lake.create_database(maker, "shop")
    lake.create_table(maker, "shop", "orders")
    return lake
