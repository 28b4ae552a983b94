"""Destroying central takes its routing rules along, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from tools.routing_rules import remove

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

BUS = "datamesh-central"


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Iterator[EventBridgeClient]:
    """An account with a central bus."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        client = boto3.client("events", region_name="eu-west-1")
        client.create_event_bus(Name=BUS)
        yield client


def put_rule(events: EventBridgeClient, name: str, *, targets: int = 1) -> None:
    """Put a rule with that many targets on the bus."""
    events.put_rule(Name=name, EventBusName=BUS, EventPattern='{"source": ["datamesh.central"]}')
    for number in range(targets):
        arn = f"arn:aws:sqs:eu-west-1:123456789012:{name}-{number}"
        events.put_targets(Rule=name, EventBusName=BUS, Targets=[{"Id": f"domain-bus-{number}", "Arn": arn}])


def rules(events: EventBridgeClient) -> list[str]:
    """Return the names of all rules on the bus."""
    return [rule["Name"] for rule in events.list_rules(EventBusName=BUS)["Rules"]]


def test_the_bus_can_be_deleted_afterwards(events: EventBridgeClient) -> None:
    put_rule(events, "datamesh-to-sales")
    put_rule(events, "datamesh-to-marketing", targets=0)

    assert sorted(remove(events, BUS)) == ["datamesh-to-marketing", "datamesh-to-sales"]
    assert rules(events) == []


def test_rules_of_others_stay(events: EventBridgeClient) -> None:
    put_rule(events, "datamesh-to-sales")
    put_rule(events, "audit-everything")

    remove(events, BUS)

    assert rules(events) == ["audit-everything"]


def test_a_bus_without_domains_is_left_as_it_is(events: EventBridgeClient) -> None:
    assert remove(events, BUS) == []
