"""The applied mesh as the tests of this directory want it; both fixtures are restored before each test that asks.

``story`` is the mesh with its domains registered and the data loaded, ``shared`` the same after sales' product was
registered and granted to the analyst of marketing.
"""

from __future__ import annotations

import pytest

from tests.sandbox.mesh.story import Story
from tests.support.applied_mesh import REGISTERED, Applied

SHARED = "shared"


@pytest.fixture(scope="session")
def shared_snapshot(applied: Applied) -> str:
    """Take the snapshot after the product was registered and shared, once."""
    applied.sandbox.restore(REGISTERED)
    story = Story(applied.sandbox, applied.mesh)
    story.register_product()
    story.request_access()
    story.settle()
    applied.sandbox.snapshot(SHARED)
    return SHARED


@pytest.fixture
def story(applied: Applied) -> Story:
    """The mesh with its domains registered, before any product."""
    applied.sandbox.restore(REGISTERED)
    return Story(applied.sandbox, applied.mesh)


@pytest.fixture
def shared(applied: Applied, shared_snapshot: str) -> Story:
    """The mesh in which the analyst of marketing can read sales' product."""
    applied.sandbox.restore(shared_snapshot)
    return Story(applied.sandbox, applied.mesh)
