"""record_event as EventBridge invokes it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.handlers import record_event
from datamesh.models.errors import InvalidEvent
from datamesh.models.registry import Take, account_claim
from datamesh.settings import load
from tests.support.central_commands import ACCOUNTS, NOW, product_spec, register_product, table_spec
from tests.support.central_fakes import FakeRegistry
from tests.support.portal import ENVIRONMENT
from tests.support.timeline import FakeTimeline
from tests.unit.logic.test_record_event import said, status

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)
COMMAND = register_product(product_spec(table_spec("flights")))
DELIVERIES = [
    COMMAND,
    said("DataProductRegistered", to=ACCOUNTS["sales"], domain="sales", product="air_travel"),
    said("DataProductLinked", ACCOUNTS["sales"], domain="sales", product={"domain": "sales", "name": "air_travel"}),
    said("WorkflowFailed", ACCOUNTS["sales"], workflow="link_data_product", error="Boom"),
    status("RUNNING", COMMAND),
    status("FAILED", COMMAND, error="Boom"),
    status("SUCCEEDED", redriveCount=1),
]


@pytest.fixture
def timeline(monkeypatch: pytest.MonkeyPatch) -> FakeTimeline:
    registry, timeline = FakeRegistry(), FakeTimeline()
    registry.write([Take(account_claim(account, domain)) for domain, account in ACCOUNTS.items()])
    load.cache_clear()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(record_event, "Registry", lambda _table: registry)
    monkeypatch.setattr(record_event, "Timeline", lambda _table: timeline)
    monkeypatch.setattr(record_event, "utc_now", lambda: NOW)
    return timeline


def deliver(event: dict[str, Any]) -> dict[str, Any]:
    return record_event.handler(event, CONTEXT)


def test_events_and_executions_are_put_into_the_timeline(timeline: FakeTimeline) -> None:
    for event in DELIVERIES:
        deliver(event)
    events, _ = timeline.events_of("sales", limit=10)
    assert {event.detail_type for event in events} == {
        "RegisterDataProduct",
        "DataProductRegistered",
        "DataProductLinked",
        "WorkflowFailed",
    }
    (execution,), _ = timeline.executions_of("sales", limit=10)
    assert (execution.status, execution.subject) == ("SUCCEEDED", "sales.air_travel")
    signs = timeline.link("sales")
    assert signs.sent is not None
    assert signs.heard is not None
    assert signs.failed is not None


@given(st.permutations(range(len(DELIVERIES))), st.lists(st.integers(0, len(DELIVERIES) - 1), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_duplicates_and_reordering_change_nothing(timeline: FakeTimeline, order: list[int], again: list[int]) -> None:
    timeline.items.clear()
    for event in DELIVERIES:
        deliver(event)
    expected = dict(timeline.items)
    timeline.items.clear()
    for number in (*order, *again):
        deliver(DELIVERIES[number])
    assert timeline.items == expected


def test_what_is_no_workflow_of_the_mesh_is_let_be(timeline: FakeTimeline) -> None:
    other = "arn:aws:states:eu-west-1:111111111111:stateMachine:payroll"
    change = status("FAILED", stateMachineArn=other, executionArn=other.replace("stateMachine", "execution") + ":one")
    assert deliver(change) == {"execution_id": None}
    assert timeline.items == {}


@pytest.mark.parametrize("event", [{}, {**COMMAND, "source": "aws.s3"}], ids=["nothing", "of a service"])
def test_what_is_neither_fails_so_that_it_ends_in_the_dead_letter_queue(
    timeline: FakeTimeline, event: dict[str, Any]
) -> None:
    with pytest.raises(InvalidEvent):
        deliver(event)
    assert timeline.items == {}
