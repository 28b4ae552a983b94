"""EventBridge: entries that fail are sent again, routes replace themselves."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from datamesh.aws.events import EventBus
from datamesh.aws.retry import Retrier
from datamesh.models.errors import AwsTemporarilyUnavailable, PublishFailed, RoutingFailed
from datamesh.models.events import Entry

BUS = "datamesh-central"
ROUTE: dict[str, Any] = {
    "rule": "datamesh-to-sales",
    "description": "What central addresses to sales",
    "pattern": {"source": ["datamesh.central"], "detail": {"metadata": {"target_account": ["222222222222"]}}},
    "target_id": "domain-bus",
    "target_arn": "arn:aws:events:eu-west-1:222222222222:event-bus/datamesh-domain",
    "role_arn": "arn:aws:iam::111111111111:role/datamesh-central-to-domains",
    "dead_letter_arn": "arn:aws:sqs:eu-west-1:111111111111:datamesh-central-to-domains-dlq",
}


def entries(count: int) -> list[Entry]:
    return [
        Entry(source="datamesh.central", detail_type=f"Type{number}", detail={"n": number}) for number in range(count)
    ]


class FakeClient:
    """EventBridge that fails entries as told, by detail-type."""

    def __init__(self, *failures: dict[str, str]) -> None:
        self.failures = list(failures)
        self.sent: list[list[str]] = []
        self.last: list[dict[str, Any]] = []

    def put_events(self, **request: Any) -> dict[str, Any]:
        failing = self.failures.pop(0) if self.failures else {}
        self.last = request["Entries"]
        assert len(self.last) <= 10
        self.sent.append([entry["DetailType"] for entry in self.last])
        answers = [
            {"ErrorCode": failing[entry["DetailType"]], "ErrorMessage": "m"}
            if entry["DetailType"] in failing
            else {"EventId": "e"}
            for entry in self.last
        ]
        return {"FailedEntryCount": len(failing), "Entries": answers}

    def put_rule(self, **_request: Any) -> None:
        pass

    def put_targets(self, **_request: Any) -> dict[str, Any]:
        return {"FailedEntryCount": 1, "FailedEntries": [{"ErrorCode": "LimitExceeded", "ErrorMessage": "5 targets"}]}


def bus(client: FakeClient) -> EventBus:
    return EventBus(BUS, client, Retrier(sleep=lambda _s: None, uniform=lambda _low, high: high))  # type: ignore[arg-type]


def test_events_go_ten_at_a_time_to_the_bus_by_name() -> None:
    client = FakeClient()
    bus(client).publish(entries(23))
    assert [len(sent) for sent in client.sent] == [10, 10, 3]
    assert client.last[0] == {
        "Source": "datamesh.central",
        "DetailType": "Type20",
        "Detail": '{"n":20}',
        "EventBusName": BUS,
    }


def test_only_failed_entries_are_sent_again() -> None:
    client = FakeClient({"Type1": "ThrottlingException"}, {"Type1": "InternalFailure"})
    bus(client).publish(entries(3))
    assert client.sent == [["Type0", "Type1", "Type2"], ["Type1"], ["Type1"]]


def test_a_refused_entry_is_named() -> None:
    with pytest.raises(PublishFailed, match="Type1: NotAuthorizedForSourceException"):
        bus(FakeClient({"Type1": "NotAuthorizedForSourceException"})).publish(entries(2))


def test_an_entry_that_stays_busy_is_transient() -> None:
    with pytest.raises(AwsTemporarilyUnavailable):
        bus(FakeClient(*[{"Type0": "ThrottlingException"}] * 100)).publish(entries(1))


def test_a_target_that_is_not_taken_fails() -> None:
    with pytest.raises(RoutingFailed, match="5 targets"):
        bus(FakeClient()).ensure_route(**ROUTE)


@pytest.fixture
def moto() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("events", region_name="eu-west-1")
        client.create_event_bus(Name=BUS)
        yield client


def test_a_route_replaces_itself(moto: Any) -> None:
    gateway = EventBus(BUS, moto)
    gateway.ensure_route(**ROUTE)
    gateway.ensure_route(**ROUTE)
    rule = moto.describe_rule(Name="datamesh-to-sales", EventBusName=BUS)
    assert json.loads(rule["EventPattern"]) == ROUTE["pattern"]
    assert rule["State"] == "ENABLED"
    [target] = moto.list_targets_by_rule(Rule="datamesh-to-sales", EventBusName=BUS)["Targets"]
    assert target == {
        "Id": "domain-bus",
        "Arn": ROUTE["target_arn"],
        "RoleArn": ROUTE["role_arn"],
        "DeadLetterConfig": {"Arn": ROUTE["dead_letter_arn"]},
    }
