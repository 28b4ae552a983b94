"""Central's handlers: built from the environment, and their steps are those of the flow."""

from types import SimpleNamespace
from typing import Any

import pytest

from datamesh.aws import clients, identity
from datamesh.handlers import (
    deregister_data_domain,
    deregister_data_product,
    index_data_product,
    register_data_domain,
    register_data_product,
    revoke_access,
    share_data_product,
)
from datamesh.models.errors import InvalidSettings
from datamesh.settings import load
from tests.support.events import load_event

HANDLERS = {
    "register_data_domain": (register_data_domain, "RegisterDataDomain"),
    "deregister_data_domain": (deregister_data_domain, "DeregisterDataDomain"),
    "deregister_data_product": (deregister_data_product, "DeregisterDataProduct"),
    "register_data_product": (register_data_product, "RegisterDataProduct"),
    "share_data_product": (share_data_product, "RequestDataProductAccess"),
    "revoke_access": (revoke_access, "RevokeDataProductAccess"),
    "index_data_product": (index_data_product, "DataProductSchemaUpdated"),
}
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "flow",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
    "EVENT_BUS_NAME": "datamesh-central",
    "LAKE_ACCESS_ROLE_ARN": "arn:aws:iam::111111111111:role/lake",
    "ROUTING_ROLE_ARN": "arn:aws:iam::111111111111:role/routing",
    "ROUTING_DLQ_ARN": "arn:aws:sqs:eu-west-1:111111111111:dlq",
    "CATALOG_WRITER_ROLE_ARN": "arn:aws:iam::111111111111:role/writer",
    "LEDGER_TABLE": "datamesh-ledger",
    "NOTIFICATIONS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111111111111/datamesh-central-notifications",
    "APPROVAL_TOPIC_ARN": "arn:aws:sns:eu-west-1:111111111111:datamesh-central-approvals",
    "EVENT_BUS_ARN": "arn:aws:events:eu-west-1:111111111111:event-bus/datamesh-central",
    "SCHEDULE_DLQ_ARN": "arn:aws:sqs:eu-west-1:111111111111:datamesh-central-schedules-dlq",
    "SCHEDULE_GROUP": "datamesh-central",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::111111111111:role/datamesh-central-schedules",
    "DOMAIN_TAG_KEY": "lob",
    "REGISTRAR_ROLE_ARN": "arn:aws:iam::111111111111:role/registrar",
    "SENSITIVE_TAGS": '{"confidentiality": ["sensitive"]}',
}
CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)


class EmptyTable:
    """DynamoDB without any item."""

    def get_item(self, **_request: Any) -> dict[str, Any]:
        return {}


@pytest.fixture(autouse=True)
def _aws(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    monkeypatch.setattr(clients, "dynamodb", EmptyTable)
    monkeypatch.setattr(deregister_data_domain, "own_role_arn", lambda: "arn:aws:iam::111111111111:role/remover")
    monkeypatch.setattr(deregister_data_product, "own_role_arn", lambda: "arn:aws:iam::111111111111:role/remover")
    monkeypatch.setattr(revoke_access, "own_role_arn", lambda: "arn:aws:iam::111111111111:role/revoker")
    monkeypatch.setattr(register_data_domain, "own_role_arn", lambda: "arn:aws:iam::111111111111:role/own")


def request(flow: str, step: str) -> dict[str, Any]:
    return {
        "step": step,
        "event": load_event(HANDLERS[flow][1]),
        "execution": {"id": "arn", "name": "name", "started_at": "2026-03-02T12:00:00Z"},
    }


@pytest.mark.parametrize("flow", HANDLERS)
def test_a_handler_runs_a_step_of_its_flow(flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    module, _ = HANDLERS[flow]
    step = "index" if flow == "index_data_product" else "fail"
    result = module.handler(request(flow, step), CONTEXT)
    expected = "rejected" if flow == "index_data_product" else "failed"
    assert result["outcome"] == expected


@pytest.mark.parametrize("flow", HANDLERS)
def test_a_handler_without_its_environment_says_so(flow: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidSettings, match="DATAMESH_PREFIX"):
        HANDLERS[flow][0].handler(request(flow, "admit"), CONTEXT)


def test_the_role_is_asked_for_once() -> None:
    assert identity.own_role_arn.cache_info().maxsize is None
