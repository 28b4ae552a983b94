"""Listen to the mesh's buses as any team may: a rule and a queue of one's own, no change to the platform."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.mesh.layout import REGION, Account
from sandbox.mesh.people import root_session

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

NAME = "demo-listener"


class MeshError(Exception):
    """The mesh answered a command with CommandRejected or WorkflowFailed, or did not answer in time."""


@dataclass(frozen=True)
class SeenEvent:
    """One event as it arrived on the bus of one account."""

    detail_type: str
    sender: str
    receiver: str
    at: str
    metadata: dict[str, Any]
    data: dict[str, Any]

    @property
    def correlation_id(self) -> str:
        """What ties together all events that one command caused."""
        return str(self.metadata.get("correlation_id", ""))


class Listener:
    """Collects the events that reach the mesh buses of ``accounts``.

    Every event that crosses from one account to another is handed to ``on_event`` once, when it is first seen.
    """

    def __init__(
        self, accounts: Iterable[Account], endpoint: str, on_event: Callable[[SeenEvent], None] | None = None
    ) -> None:
        self.events: list[SeenEvent] = []
        self._names = {account.id: account.name for account in accounts}
        self._on_event = on_event
        self._queues = [self._subscribe(account, endpoint) for account in accounts]

    def _subscribe(self, account: Account, endpoint: str) -> tuple[Account, SQSClient, str]:
        session = root_session(account)
        events = session.client("events", endpoint_url=endpoint)
        sqs = session.client("sqs", endpoint_url=endpoint)
        rule_arn = events.put_rule(
            Name=NAME,
            EventBusName=account.bus,
            EventPattern=json.dumps({"source": ["datamesh.central", "datamesh.domain"]}),
        )["RuleArn"]
        queue_arn = f"arn:aws:sqs:{REGION}:{account.id}:{NAME}"
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue_arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
                }
            ],
        }
        url = sqs.create_queue(QueueName=NAME, Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
        events.put_targets(Rule=NAME, EventBusName=account.bus, Targets=[{"Id": "queue", "Arn": queue_arn}])
        return account, sqs, url

    def poll(self) -> None:
        """Take in what has arrived since the last call."""
        for account, sqs, url in self._queues:
            while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                for message in messages:
                    self._take(account, json.loads(message["Body"]))
                    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _take(self, receiver: Account, envelope: dict[str, Any]) -> None:
        event = SeenEvent(
            detail_type=envelope["detail-type"],
            sender=self._names.get(envelope["account"], envelope["account"]),
            receiver=receiver.name,
            at=envelope["time"],
            # What a schedule says has no metadata: it has no id to give.
            metadata=envelope["detail"].get("metadata", {}),
            data=envelope["detail"].get("data", {}),
        )
        self.events.append(event)
        if self._on_event and event.sender != event.receiver:
            self._on_event(event)

    def wait(
        self, detail_type: str, correlation_id: str, *, receiver: str | None = None, seconds: float = 120
    ) -> SeenEvent:
        """Return the first ``detail_type`` that ``correlation_id`` caused (and that ``receiver`` got).

        Raises MeshError at once when the command was rejected or its workflow failed, or after ``seconds``.
        """
        return self._wait(detail_type, lambda event: event.correlation_id == correlation_id, receiver, seconds)

    def wait_for_request(
        self, detail_type: str, request_id: str, *, receiver: str | None = None, seconds: float = 120
    ) -> SeenEvent:
        """Return the first ``detail_type`` about a request, whatever caused it. Raises as ``wait`` does."""
        return self._wait(detail_type, lambda event: event.data.get("request_id") == request_id, receiver, seconds)

    def _wait(
        self, detail_type: str, concerns: Callable[[SeenEvent], bool], receiver: str | None, seconds: float
    ) -> SeenEvent:
        deadline = time.monotonic() + seconds
        while True:
            self.poll()
            caused = [event for event in self.events if concerns(event)]
            for event in caused:
                if event.detail_type == detail_type and receiver in (None, event.receiver):
                    return event
            for event in caused:
                if event.detail_type == "CommandRejected":
                    raise MeshError(f"the command was rejected: {event.data.get('message')}")
                if event.detail_type == "WorkflowFailed":
                    raise MeshError(f"{event.data['workflow']} failed: {event.data['error']}: {_cause(event.data)}")
            if time.monotonic() > deadline:
                seen = ", ".join(event.detail_type for event in caused) or "nothing"
                raise MeshError(f"no {detail_type} within {seconds:.0f} s; what came: {seen}")
            time.sleep(0.2)


def _cause(failure: dict[str, Any]) -> str:
    """What went wrong in one line: a function's own message where the cause is its whole answer, stack included."""
    cause = str(failure["cause"])
    step, _, answer = cause.partition(": {")
    try:
        message = json.loads("{" + answer)["errorMessage"]
    except (ValueError, KeyError):
        return cause
    return f"{step}: {message}"
