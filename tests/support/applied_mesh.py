"""A sandbox with all accounts of the mesh applied, which the tests of one process share."""

from __future__ import annotations

import fcntl
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console

from sandbox.client import Sandbox
from sandbox.mesh import people
from sandbox.mesh.bring_up import Mesh, bring_up
from sandbox.mesh.layout import BUILD, CENTRAL, FINANCE, MARKETING, SALES
from sandbox.mesh.progress import Progress
from tests.sandbox.mesh.story import Story

REGISTERED = "registered"


@dataclass
class Applied:
    """A sandbox and its mesh. The snapshot `REGISTERED` has the domains sales and marketing, and no product."""

    sandbox: Sandbox
    mesh: Mesh


def applied_mesh() -> Iterator[Applied]:
    """Start a sandbox, apply all accounts, register two domains, take the snapshot; end the sandbox at last."""
    # Two processes apply one each: see tests/conftest.py.
    directory = BUILD / f"test-mesh-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    with Sandbox.start(log=directory / "sandbox.log") as sandbox:
        mesh = Mesh(sandbox.url, directory / "terraform")
        with _one_at_a_time():
            bring_up(mesh, Progress(Console(file=io.StringIO())), others=[FINANCE])
        people.create_readers(FINANCE, sandbox.url)
        for account in (CENTRAL, SALES, MARKETING, FINANCE):
            people.create_administrator(account, sandbox.url)
        # A snapshot holds state, not threads: an execution under way would never end in a restored mesh.
        Story(sandbox, mesh, heard=()).settle()
        sandbox.snapshot(REGISTERED)
        yield Applied(sandbox, mesh)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait until no other process applies a mesh.

    Two at once take as long as one after the other, and on a busy machine Terraform's calls time out: what was created
    then is created again, and is there already.
    """
    with (BUILD / "test-mesh.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
