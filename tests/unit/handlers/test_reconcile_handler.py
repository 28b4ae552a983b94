"""Handler of reconcile_access: built from the environment, and what it counts."""

from types import SimpleNamespace
from typing import Any

import pytest

from datamesh.aws import clients
from datamesh.handlers import reconcile_access
from datamesh.models.errors import InvalidSettings
from datamesh.settings import load
from tests.support.events import load_event

ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "reconcile_access",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "DOMAIN_TAG_KEY": "lob",
    "LEDGER_TABLE": "datamesh-ledger",
    "NOTIFICATIONS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111111111111/datamesh-central-notifications",
    "RECONCILE_HEAL": "report",
    "REGISTRY_TABLE": "datamesh-registry",
}
CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)


class EmptyTable:
    """DynamoDB without any item."""

    def scan(self, **_request: Any) -> dict[str, Any]:
        return {"Items": []}

    def query(self, **_request: Any) -> dict[str, Any]:
        return {"Items": []}


class NothingGranted:
    """Lake Formation without any permission."""

    exceptions = SimpleNamespace(EntityNotFoundException=KeyError)

    def list_permissions(self, **_request: Any) -> dict[str, Any]:
        return {"PrincipalResourcePermissions": []}


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    monkeypatch.setattr(clients, "dynamodb", EmptyTable)
    monkeypatch.setattr(clients, "lake_formation", NothingGranted)
    monkeypatch.setattr(reconcile_access, "own_role_arn", lambda: "arn:aws:iam::111111111111:role/reconciler")


def request(step: str, **more: Any) -> dict[str, Any]:
    execution = {"id": "arn", "name": "name", "started_at": "2026-03-02T12:00:00Z"}
    return {"step": step, "event": load_event("ReconcileAccess"), "execution": execution, **more}


def test_an_empty_mesh_is_sound(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    settled = reconcile_access.handler(request("settle", after=""), CONTEXT)
    assert settled == {"outcome": "settled", "at": {}}
    compared = reconcile_access.handler(request("compare", at=settled["at"]), CONTEXT)
    assert compared == {"outcome": "sound", "counts": {}, "healed": 0, "skipped": 0}
    assert "DriftSkipped" in capsys.readouterr().out


def test_without_its_environment_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidSettings, match="DATAMESH_PREFIX"):
        reconcile_access.handler(request("settle"), CONTEXT)
