"""An applied mesh for the tests of this directory: four accounts, brought up once, restored from snapshots.

``mesh`` is the mesh with its domains registered and the data loaded, ``shared_mesh`` the same after sales' product
was registered and granted to the analyst of marketing. Both are restored before each test that asks for them.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from rich.console import Console

from sandbox.client import Sandbox
from sandbox.mesh import people
from sandbox.mesh.bring_up import Mesh, bring_up
from sandbox.mesh.layout import BUILD, CENTRAL, FINANCE, MARKETING, SALES
from sandbox.mesh.progress import Progress
from tests.sandbox.mesh.story import Story

REGISTERED = "registered"
SHARED = "shared"


@dataclass
class Applied:
    """What the session's fixture hands to the others."""

    sandbox: Sandbox
    mesh: Mesh


@pytest.fixture(scope="session")
def applied() -> Iterator[Applied]:
    """A sandbox of its own with all accounts applied; the domains sales and marketing are registered."""
    # Two processes apply one each: see tests/conftest.py.
    directory = BUILD / f"test-mesh-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with Sandbox.start(log=directory / "sandbox.log") as sandbox:
        mesh = Mesh(sandbox.url, directory / "terraform")
        bring_up(mesh, Progress(Console(file=io.StringIO())), others=[FINANCE])
        people.create_readers(FINANCE, sandbox.url)
        for account in (CENTRAL, SALES, MARKETING, FINANCE):
            people.create_administrator(account, sandbox.url)
        # A snapshot holds state, not threads: an execution under way would never end in a restored mesh.
        Story(sandbox, mesh, heard=()).settle()
        sandbox.snapshot(REGISTERED)
        yield Applied(sandbox, mesh)


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
