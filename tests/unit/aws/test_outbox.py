"""SQS: ten messages at a time, those that fail are sent again, alone."""

import json
import uuid
from typing import Any

import pytest

from datamesh.aws.outbox import Outbox
from datamesh.aws.retry import Retrier
from datamesh.models.errors import AwsTemporarilyUnavailable, DeliveryFailed
from datamesh.models.notifications import Notification

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111111111111/datamesh-central-notifications"


def notifications(count: int) -> list[Notification]:
    return [
        Notification(kind="decided", request_id=uuid.UUID(int=number), channel="slack", number=0)
        for number in range(count)
    ]


class FakeClient:
    """SQS that fails messages as told, by their place in the whole."""

    def __init__(self, *failures: dict[int, dict[str, Any]]) -> None:
        self.failures = list(failures)
        self.sent: list[list[int]] = []

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == QUEUE
        assert 1 <= len(Entries) <= 10
        places = {entry["Id"]: self.place(entry["MessageBody"]) for entry in Entries}
        assert len(places) == len(Entries), "ids are unique in a batch"
        self.sent.append(list(places.values()))
        failing = self.failures.pop(0) if self.failures else {}
        return {
            "Successful": [{"Id": name} for name, place in places.items() if place not in failing],
            "Failed": [{"Id": name, **failing[place]} for name, place in places.items() if place in failing],
        }

    @staticmethod
    def place(body: str) -> int:
        return Notification.model_validate(json.loads(body)).request_id.int


def outbox(client: FakeClient) -> Outbox:
    return Outbox(QUEUE, client, Retrier(sleep=lambda _s: None, uniform=lambda _low, high: high))  # type: ignore[arg-type]


BUSY = {"SenderFault": False, "Code": "InternalError", "Message": "m"}
REFUSED = {"SenderFault": True, "Code": "InvalidMessageContents", "Message": "not a text"}


def test_messages_go_ten_at_a_time() -> None:
    client = FakeClient()
    outbox(client).put(notifications(23))
    assert [len(sent) for sent in client.sent] == [10, 10, 3]
    assert [place for sent in client.sent for place in sent] == list(range(23))


def test_nothing_to_say_asks_nothing() -> None:
    client = FakeClient()
    outbox(client).put([])
    assert client.sent == []


def test_only_failed_messages_are_sent_again() -> None:
    client = FakeClient({1: BUSY, 2: BUSY}, {2: BUSY})
    outbox(client).put(notifications(3))
    assert client.sent == [[0, 1, 2], [1, 2], [2]]


def test_a_refused_message_is_named() -> None:
    with pytest.raises(DeliveryFailed, match="InvalidMessageContents: not a text"):
        outbox(FakeClient({1: REFUSED})).put(notifications(2))


def test_a_queue_that_stays_busy_is_transient() -> None:
    with pytest.raises(AwsTemporarilyUnavailable):
        outbox(FakeClient(*[{0: BUSY}] * 200)).put(notifications(1))
