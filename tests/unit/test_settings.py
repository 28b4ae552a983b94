"""Settings: complete, typed, and loud about what is missing or wrong."""

import json

import pytest

from datamesh.models.errors import InvalidSettings
from datamesh.settings import SETTINGS, DecideApprovalSettings, Observability, load, variable_names

VALID: dict[str, str] = {
    "POWERTOOLS_SERVICE_NAME": "register_data_domain",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
    "LEDGER_TABLE": "datamesh-ledger",
    "TIMELINE_TABLE": "datamesh-timeline",
    "TIMELINE_DAYS": "90",
    "IDEMPOTENCY_TABLE": "datamesh-idempotency",
    "SEARCH_BUCKET": "datamesh-search-111111111111",
    "SEARCH_KEY": "search.sqlite",
    "SEARCH_ENDPOINT": "",
    "STATE_MACHINE_PREFIX": "datamesh-central-",
    "RECONCILE_HEAL": "missing",
    "EVENT_BUS_NAME": "datamesh-central",
    "EVENT_SOURCE": "datamesh.central",
    "APPROVAL_BASE_URL": "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/approvals",
    "APPROVAL_LINK_BASE_URL": "https://portal.example.com/approval-links",
    "APPROVAL_KEY_ID": "alias/datamesh-central-approvals",
    "APPROVAL_WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:tickets-a1b2c3",
    "NOTIFICATION_CHANNELS": json.dumps({"slack_secret_arn": None}),
    "APPROVAL_TOPIC_ARN": "arn:aws:sns:eu-west-1:111111111111:datamesh-central-approvals",
    "EVENT_BUS_ARN": "arn:aws:events:eu-west-1:111111111111:event-bus/datamesh-central",
    "NOTIFICATIONS_QUEUE_URL": "https://sqs.eu-west-1.amazonaws.com/111111111111/datamesh-central-notifications",
    "SCHEDULE_DLQ_ARN": "arn:aws:sqs:eu-west-1:111111111111:datamesh-central-schedules-dlq",
    "SCHEDULE_GROUP": "datamesh-central",
    "SCHEDULE_ROLE_ARN": "arn:aws:iam::111111111111:role/datamesh-central-schedules",
    "CENTRAL_ACCOUNT_ID": "111111111111",
    "LAKE_ACCESS_ROLE_ARN": "arn:aws:iam::111111111111:role/datamesh-central-lake-access",
    "ROUTING_ROLE_ARN": "arn:aws:iam::111111111111:role/datamesh-central-to-domains",
    "ROUTING_DLQ_ARN": "arn:aws:sqs:eu-west-1:111111111111:datamesh-central-to-domains-dlq",
    "CATALOG_WRITER_ROLE_ARN": "arn:aws:iam::111111111111:role/writer",
    "CRAWLER_ROLE_ARN": "arn:aws:iam::222222222222:role/datamesh-domain-crawler",
    "SCHEMA_READER_ROLE_ARN": "arn:aws:iam::222222222222:role/datamesh-domain-crawl-data-product-function",
    "CRAWL_RUNS_TABLE": "datamesh-domain-crawl-runs",
    "DOMAIN_TAG_KEY": "lob",
    "REGISTRAR_ROLE_ARN": "arn:aws:iam::111111111111:role/registrar",
    "SENSITIVE_TAGS": json.dumps({"confidentiality": ["sensitive"]}),
    "DATA_PRINCIPALS": json.dumps(["arn:aws:iam::222222222222:role/analyst"]),
}
INVALID: dict[str, str] = {
    "POWERTOOLS_LOG_LEVEL": "LOUD",
    "DATAMESH_PREFIX": "Data_Mesh",
    "DATAMESH_ACCOUNT_ID": "12345",
    "REGISTRY_TABLE": "a table",
    "LEDGER_TABLE": "a table",
    "TIMELINE_TABLE": "a table",
    "TIMELINE_DAYS": "0",
    "STATE_MACHINE_PREFIX": "all of them",
    "RECONCILE_HEAL": "everything",
    "EVENT_BUS_NAME": "a bus",
    "EVENT_SOURCE": "somebody.else",
    "APPROVAL_BASE_URL": "approvals",
    "APPROVAL_LINK_BASE_URL": "approval-links",
    "APPROVAL_WEBHOOK_SECRET_ARN": "a secret",
    "NOTIFICATION_CHANNELS": json.dumps({"slack_secret_arn": "https://hooks.slack.com/services/T/B/X"}),
    "APPROVAL_TOPIC_ARN": "arn:aws:sqs:eu-west-1:111111111111:queue",
    "EVENT_BUS_ARN": "datamesh-central",
    "NOTIFICATIONS_QUEUE_URL": "datamesh-central-notifications",
    "SCHEDULE_DLQ_ARN": "arn:aws:sns:eu-west-1:111111111111:topic",
    "SCHEDULE_GROUP": "a group",
    "SCHEDULE_ROLE_ARN": "a role",
    "CENTRAL_ACCOUNT_ID": "central",
    "LAKE_ACCESS_ROLE_ARN": "arn:aws:iam::111111111111:user/somebody",
    "ROUTING_ROLE_ARN": "a role",
    "ROUTING_DLQ_ARN": "arn:aws:sns:eu-west-1:111111111111:topic",
    "CATALOG_WRITER_ROLE_ARN": "arn:aws:iam::111111111111:root",
    "CRAWLER_ROLE_ARN": "*",
    "SCHEMA_READER_ROLE_ARN": "*",
    "CRAWL_RUNS_TABLE": "",
    "DOMAIN_TAG_KEY": "Line of business",
    "SENSITIVE_TAGS": json.dumps({"confidentiality": ["Sensitive"]}),
    "DATA_PRINCIPALS": "not json",
}
# Without a value there is no ticketing system.
MAY_BE_EMPTY = {"APPROVAL_WEBHOOK_SECRET_ARN", "SEARCH_ENDPOINT"}
CASES = [(name, variable) for name, model in SETTINGS.items() for variable in sorted(variable_names(model))]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    for name, value in VALID.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("model", SETTINGS.values(), ids=SETTINGS)
def test_a_complete_environment_is_read_once(model: type[Observability]) -> None:
    settings = load(model)
    assert settings.datamesh_account_id == "111111111111"
    assert load(model) is settings


@pytest.mark.parametrize(("flow", "variable"), CASES)
def test_a_missing_variable_is_named(flow: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variable)
    with pytest.raises(InvalidSettings, match=variable):
        load(SETTINGS[flow])


@pytest.mark.parametrize(("flow", "variable"), [case for case in CASES if case[1] not in MAY_BE_EMPTY])
def test_an_empty_variable_is_refused(flow: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "")
    with pytest.raises(InvalidSettings, match=f"(?i){variable}"):
        load(SETTINGS[flow])


@pytest.mark.parametrize(("flow", "variable"), [case for case in CASES if case[1] in INVALID])
def test_an_invalid_variable_is_named_without_its_value(
    flow: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, INVALID[variable])
    with pytest.raises(InvalidSettings, match=f"(?i){variable}") as problem:
        load(SETTINGS[flow])
    if len(INVALID[variable]) > 1 and variable != "DATA_PRINCIPALS":
        assert f"'{INVALID[variable]}'" not in str(problem.value)


def test_what_may_be_empty_is_none_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPROVAL_WEBHOOK_SECRET_ARN", "")
    assert load(DecideApprovalSettings).approval_webhook_secret_arn is None


def test_every_variable_is_known_here() -> None:
    assert {variable for _, variable in CASES} == set(VALID)


def test_the_prefix_becomes_a_catalog_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATAMESH_PREFIX", "my-mesh")
    assert load(SETTINGS["index_data_product"]).database_prefix == "my_mesh"
