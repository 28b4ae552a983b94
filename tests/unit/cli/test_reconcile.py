"""`datamesh reconcile`: the comparison of the whole mesh in one go, and the command that central gets."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from datamesh.cli import reconcile
from datamesh.cli.app import app
from datamesh.logic import access_work
from datamesh.models.commands import ReconcileAccess
from datamesh.models.events import Entry
from tests.support.central_commands import CENTRAL
from tests.unit.logic.test_reconcile_access import DAMAGES, Mesh


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    mesh = Mesh()
    monkeypatch.setattr(reconcile, "account_id", lambda: CENTRAL)
    monkeypatch.setattr(reconcile, "Registry", lambda table: {"datamesh-registry": mesh.registry}[table])
    monkeypatch.setattr(reconcile, "GlueCatalog", lambda: mesh.central.catalog)
    monkeypatch.setattr(reconcile, "LakeFormation", lambda _account: mesh.permissions)
    monkeypatch.setattr(reconcile, "DataFilters", lambda _account: mesh.filters)
    return mesh


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["reconcile", *arguments], env={"COLUMNS": "300"})
    return done.exit_code, done.stdout


def test_a_sound_mesh_ends_with_0(mesh: Mesh) -> None:
    assert run("plan", "-o", "json") == (0, "[]\n")
    assert "should be granted" in run("plan")[1]


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_difference_is_told_and_nothing_is_changed(mesh: Mesh, damage: str) -> None:
    act, counts = DAMAGES[damage]
    act(mesh)
    damaged = mesh.granted
    code, out = run("plan", "-o", "json")
    assert code == 1
    found = json.loads(out)
    assert {kind: sum(each["kind"] == kind for each in found) for kind in counts} == counts
    assert len(found) == sum(counts.values())
    assert found[0]["resource"] in run("plan")[1]
    assert mesh.granted == damaged


def test_what_is_being_granted_is_left_out(mesh: Mesh) -> None:
    DAMAGES["a grant to the account"][0](mesh)
    access_work.take(mesh.registry, "marketing", "sharing", datetime.now(UTC) - timedelta(minutes=5))
    assert run("plan", "-o", "json") == (0, "[]\n")


@pytest.mark.parametrize("heal", ["missing", "all"])
def test_central_is_told_to_compare_and_mend(monkeypatch: pytest.MonkeyPatch, heal: str) -> None:
    published: list[tuple[str, Entry]] = []

    class Bus:
        def __init__(self, name: str) -> None:
            self._name = name

        def publish(self, entries: list[Entry]) -> None:
            published.extend((self._name, entry) for entry in entries)

    monkeypatch.setattr(reconcile, "EventBus", Bus)
    code, out = run("apply", "--heal", heal, "-o", "json")
    ((bus, entry),) = published
    assert (code, bus, entry.source, entry.detail_type) == (
        0,
        "datamesh-central",
        "datamesh.central",
        "ReconcileAccess",
    )
    assert ReconcileAccess.model_validate(entry.detail["data"]).heal == heal
    said: Any = json.loads(out)
    assert said == {"event_id": entry.detail["metadata"]["event_id"], "heal": heal}
