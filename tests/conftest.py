"""Which tests stay together when several processes run them: those that share something costly to make."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling, Scheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from tests.support.applied_mesh import Applied

# The mesh's tests mostly wait. They run on two applied meshes, each in a process of its own, which last about as long.
SECOND_MESH = frozenset({"test_approvals.py", "test_destroy.py", "test_notifications.py", "test_refusals.py"})


class SharedWork(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    """Two processes have an applied mesh, each room of the sandbox is whole, and so are the plans of the modules.

    The marker `xdist_group` would say the same, but pytest 9 no longer shows pytest-xdist 3.8 the groups.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = PurePosixPath(nodeid.partition("::")[0])
        suite, room = path.parts[1], path.parts[2]
        if suite == "portal":
            return "sandbox/mesh/second"
        if suite == "sandbox":
            return f"{suite}/{room}" + ("/second" if room == "mesh" and path.name in SECOND_MESH else "")
        return "roots" if room == "test_roots.py" else "plans"


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Schedule like this where `--dist loadscope` asks for groups."""
    return SharedWork(config, log) if config.getvalue("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the applied mesh: it takes minutes to apply, and the others do the rest meanwhile."""
    items.sort(key=_comes_later)


def _comes_later(item: pytest.Item) -> tuple[bool, bool]:
    """The first mesh leads and the second follows: they last longest."""
    path = item.path.as_posix()
    first = "tests/sandbox/mesh" in path and item.path.name not in SECOND_MESH
    return not first, not ("tests/portal" in path or "tests/sandbox/mesh" in path)


@pytest.fixture(scope="session")
def applied() -> Iterator[Applied]:
    """The mesh of this process, applied once; tests restore it from a snapshot."""
    from tests.support.applied_mesh import applied_mesh  # noqa: PLC0415 - most tests need nothing of it

    yield from applied_mesh()
