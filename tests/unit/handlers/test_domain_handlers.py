"""The handlers of a domain's account: environment, dispatch, and what they hand to the flows."""

import io
import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.stub import Stubber

from datamesh import settings
from datamesh.aws import clients, identity
from datamesh.handlers import (
    crawl_data_product,
    link_data_product,
    manage_data_lake_settings,
    report_workflow_failure,
    unlink_data_product,
)
from datamesh.models.errors import (
    InvalidDataLakeSettings,
    InvalidEvent,
    InvalidSettings,
    ShareNotYetVisible,
    UnknownStep,
)
from datamesh.observability import logger
from tests.support.domain_fakes import (
    CENTRAL,
    SALES,
    SHARE,
    FakeBus,
    FakeCatalog,
    FakeCrawlers,
    FakeExecutions,
    FakePermissions,
    FakeRuns,
    FakeShares,
    crawler_ended,
    deregistered,
    execution_ended,
    registered,
)

CONTEXT: Any = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:eu-west-1:222222222222:function:f",
    aws_request_id="1",
)
COMMON = {
    "POWERTOOLS_SERVICE_NAME": "flow",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": SALES,
    "CENTRAL_ACCOUNT_ID": CENTRAL,
    "CRAWLER_ROLE_ARN": f"arn:aws:iam::{SALES}:role/datamesh-domain-crawler",
    "SCHEMA_READER_ROLE_ARN": f"arn:aws:iam::{SALES}:role/datamesh-domain-crawl-data-product-function",
    "DATA_PRINCIPALS": json.dumps([f"arn:aws:iam::{SALES}:role/engineer"]),
    "CRAWL_RUNS_TABLE": "datamesh-domain-crawl-runs",
    "EVENT_BUS_NAME": "datamesh-domain",
    "EVENT_SOURCE": "datamesh.domain",
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in COMMON.items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    identity.own_role_arn.cache_clear()
    yield
    settings.load.cache_clear()
    identity.own_role_arn.cache_clear()


def request(step: str, event: dict[str, Any], **more: Any) -> dict[str, Any]:
    execution = {
        "id": f"arn:aws:states:eu-west-1:{SALES}:execution:datamesh-domain-flow:one",
        "name": "one",
        "started_at": "2026-01-02T03:04:06.000Z",
    }
    return {"step": step, "event": event, "execution": execution, **more}


class Account:
    """Fakes behind both handlers, put in place of the gateways."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shares, self.catalog, self.permissions = FakeShares(), FakeCatalog(), FakePermissions()
        self.crawlers, self.runs, self.executions = FakeCrawlers(), FakeRuns(), FakeExecutions()
        self.senders: list[str] = []
        self.tables: list[str] = []

        def shares(sender: str, **_: Any) -> FakeShares:
            self.senders.append(sender)
            return self.shares

        def runs(table: str, **_: Any) -> FakeRuns:
            self.tables.append(table)
            return self.runs

        monkeypatch.setattr(link_data_product, "own_role_arn", lambda: f"arn:aws:iam::{SALES}:role/link")
        monkeypatch.setattr(link_data_product, "ResourceShares", shares)
        monkeypatch.setattr(link_data_product, "SharedCatalog", lambda **_: self.catalog)
        monkeypatch.setattr(link_data_product, "GlueCatalog", lambda **_: self.catalog)
        monkeypatch.setattr(link_data_product, "LakeFormation", lambda _account, **_: self.permissions)
        monkeypatch.setattr(unlink_data_product, "own_role_arn", lambda: f"arn:aws:iam::{SALES}:role/unlink")
        monkeypatch.setattr(unlink_data_product, "SharedCatalog", lambda **_: self.catalog)
        monkeypatch.setattr(unlink_data_product, "GlueCatalog", lambda **_: self.catalog)
        monkeypatch.setattr(unlink_data_product, "LakeFormation", lambda _account, **_: self.permissions)
        monkeypatch.setattr(crawl_data_product, "GlueCatalog", lambda **_: self.catalog)
        monkeypatch.setattr(crawl_data_product, "Crawlers", lambda **_: self.crawlers)
        monkeypatch.setattr(crawl_data_product, "CrawlRuns", runs)
        monkeypatch.setattr(crawl_data_product, "StepFunctions", lambda **_: self.executions)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    return Account(monkeypatch)


def link(step: str, **more: Any) -> Any:
    return link_data_product.handler(request(step, registered(), **more), CONTEXT)


def test_linking_step_by_step(account: Account) -> None:
    assert link("accept_share") == {"outcome": "link", "shares": {SHARE: "visible"}}
    with pytest.raises(ShareNotYetVisible):
        link("await_visibility")
    account.catalog.share(["flights"])
    assert link("await_visibility")["outcome"] == "visible"
    done = link("grant_principals", links=link("create_links"))
    assert (done["outcome"], done["result"]["role"]) == ("linked", "producer")
    json.dumps(done)
    assert set(account.senders) == {CENTRAL}
    assert "flights@central" in account.permissions.of(f"arn:aws:iam::{SALES}:role/engineer")
    assert account.permissions.of(COMMON["SCHEMA_READER_ROLE_ARN"]) == {"flights@central": {"DESCRIBE"}}


def test_crawling_step_by_step(account: Account) -> None:
    account.catalog.share(["flights"])
    result = link("grant_principals", links=link("create_links"))["result"]
    event = execution_ended(result)
    plan = crawl_data_product.handler(request("plan", event), CONTEXT)
    account.executions.tokens.add("token")
    started = crawl_data_product.handler(request("start", event, plan=plan, task_token="token"), CONTEXT)
    assert started == {"outcome": "started", "waiting": 0}
    (crawler,) = account.crawlers.started
    account.crawlers.end(crawler)
    assert crawl_data_product.handler(crawler_ended(crawler), CONTEXT) == {"outcome": "resumed"}
    assert crawl_data_product.handler(request("check", event, plan=plan), CONTEXT) == {"outcome": "ended"}
    finished = crawl_data_product.handler(request("finish", event, plan=plan), CONTEXT)
    assert finished["outcome"] == "crawled"
    json.dumps(finished)
    cleaned = crawl_data_product.handler(request("clean_up", event, plan=plan, failed=False), CONTEXT)
    assert cleaned == {"outcome": "cleaned_up"}
    assert account.crawlers.deleted == [crawler]
    assert set(account.tables) == {"datamesh-domain-crawl-runs"}


def test_unlinking_step_by_step(account: Account) -> None:
    account.catalog.share(["flights"])
    link("grant_principals", links=link("create_links"))
    account.catalog.shared.clear()
    assert unlink_data_product.handler(request("revoke", deregistered()), CONTEXT) == {"outcome": "revoked"}
    done = unlink_data_product.handler(request("remove_links", deregistered()), CONTEXT)
    assert (done["outcome"], done["links"], account.catalog.tables) == ("unlinked", ["flights"], {})
    json.dumps(done)


def test_the_task_token_is_not_logged(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    logged = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", logged)
    account.catalog.share(["flights"])
    result = link("grant_principals", links=link("create_links"))["result"]
    event = execution_ended(result)
    plan = crawl_data_product.handler(request("plan", event), CONTEXT)
    crawl_data_product.handler(request("start", event, plan=plan, task_token="very secret"), CONTEXT)
    assert plan["correlation_id"] in logged.getvalue()
    assert "very secret" not in logged.getvalue()


@pytest.mark.parametrize("plan", [None, {}, {"run_id": "x"}])
def test_a_strange_plan_is_refused(account: Account, plan: Any) -> None:
    with pytest.raises(InvalidEvent):
        crawl_data_product.handler(request("check", execution_ended({}), plan=plan), CONTEXT)


@pytest.mark.parametrize("handler", [link_data_product.handler, crawl_data_product.handler])
def test_an_unknown_step_is_refused(account: Account, handler: Any) -> None:
    with pytest.raises(UnknownStep):
        handler(request("dance", registered()), CONTEXT)


@pytest.mark.parametrize(
    "name", ["CENTRAL_ACCOUNT_ID", "CRAWLER_ROLE_ARN", "SCHEMA_READER_ROLE_ARN", "DATA_PRINCIPALS"]
)
def test_a_missing_setting_is_named(account: Account, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(InvalidSettings, match=name):
        link("accept_share")


def test_a_failure_is_published_on_the_own_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    bus, names = FakeBus(), []

    def named(name: str) -> FakeBus:
        names.append(name)
        return bus

    monkeypatch.setattr(report_workflow_failure, "EventBus", named)
    event = execution_ended(None, status="TIMED_OUT", execution_input=registered())
    report_workflow_failure.handler(event, CONTEXT)
    assert names == ["datamesh-domain"]
    assert [(entry.source, entry.detail_type) for entry in bus.entries] == [("datamesh.domain", "WorkflowFailed")]


def test_settings_are_merged_and_the_answer_is_stable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manage_data_lake_settings, "_pause", lambda: None)
    clients.lake_formation.cache_clear()
    role = f"arn:aws:iam::{SALES}:role/link"
    before: Any = {"DataLakeAdmins": [], "Parameters": {"CROSS_ACCOUNT_VERSION": "1"}}
    after = {
        "DataLakeAdmins": [{"DataLakePrincipalIdentifier": role}],
        "CreateDatabaseDefaultPermissions": [],
        "CreateTableDefaultPermissions": [],
        "Parameters": {"CROSS_ACCOUNT_VERSION": "4"},
    }
    with Stubber(clients.lake_formation()) as stubber:
        stubber.add_response("get_data_lake_settings", {"DataLakeSettings": before})
        stubber.add_response("put_data_lake_settings", {}, {"DataLakeSettings": after})
        for _ in range(3):
            stubber.add_response("get_data_lake_settings", {"DataLakeSettings": after})
        answer = manage_data_lake_settings.handler(
            {"administrators": [role], "cross_account_version": "4", "tf": {"action": "create", "prev_input": None}},
            CONTEXT,
        )
        stubber.assert_no_pending_responses()
    clients.lake_formation.cache_clear()
    assert answer == {"administrators": [role], "cross_account_version": "4"}


@pytest.mark.parametrize(
    "event", [{}, {"administrators": [], "cross_account_version": "4", "tf": {"action": "create"}}]
)
def test_a_wrong_settings_request_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidDataLakeSettings, match="administrators"):
        manage_data_lake_settings.handler(event, CONTEXT)
