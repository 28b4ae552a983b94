"""A domain's own bus, from inside its account: put a command on it, and listen for what comes of it.

To listen takes a rule and a queue of one's own, made for one command and removed afterwards.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from datamesh.aws.clients import DATA_PLANE
from datamesh.models.errors import DatameshError, PublishFailed
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, EventData, Metadata

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

# It is none of the types that a domain's bus forwards, so nobody else hears of it.
READY = "ListenerReady"
EVERYTHING = {"source": [DOMAIN_SOURCE, CENTRAL_SOURCE]}
TAG, TAG_VALUE = "datamesh:temporary", "true"
# A rule that was just made may not match for a while.
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule.html
SECONDS_UNTIL_READY = 90.0
WAIT_SECONDS = 2
# Nobody reads what is left behind by a command that was killed: the queue forgets it by itself.
RETENTION_SECONDS = 600


class CannotListen(DatameshError):  # noqa: N818 - named like the other errors
    """The rule and the queue that listening takes could not be made."""


class Heard:
    """What came in."""

    def __init__(self, sqs: "SQSClient", queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def next(self) -> Iterator[Mapping[str, Any]]:
        """Yield the events that came in, after a moment's wait when there are none."""
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_SECONDS
        )
        for message in answer.get("Messages", []):
            self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
            yield json.loads(message["Body"])


class DomainBus:
    """The bus of the account whose credentials are used."""

    def __init__(
        self, events: "EventBridgeClient", sqs: "SQSClient", *, name: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._events = events
        self._sqs = sqs
        self._name = name
        self._clock = clock

    @classmethod
    def of(
        cls, *, prefix: str, region: str | None, aws_profile: str | None = None, endpoint_url: str | None = None
    ) -> "DomainBus":
        """Return the bus of a mesh with a prefix, with a profile of the AWS CLI, or whatever credentials there are."""
        session = boto3.Session(profile_name=aws_profile, region_name=region)
        return cls(
            session.client("events", endpoint_url=endpoint_url, config=DATA_PLANE),
            session.client("sqs", endpoint_url=endpoint_url, config=DATA_PLANE),
            name=f"{prefix}-domain",
        )

    def put(self, data: EventData, correlation_id: uuid.UUID) -> None:
        """Put a command on the bus. Raises PublishFailed: PutEvents answers 200 all the same."""
        self._put(data.detail_type(), data.to_json(), correlation_id)

    def try_to_put(self, correlation_id: uuid.UUID) -> None:
        """Put an event on the bus that nobody acts on, to see whether that is allowed. Raises PublishFailed."""
        self._put(READY, {}, correlation_id)

    @contextmanager
    def listening(self, correlation_id: uuid.UUID, *, everything: bool = False) -> Iterator[Heard]:
        """Hear all that is said with a correlation id, or all that is said on the bus by the mesh.

        Everything made for that is removed, whatever happens.

        Raises CannotListen.
        """
        name = f"datamesh-cli-{correlation_id.hex[:16]}"
        url: str | None = None
        try:
            try:
                pattern = (
                    EVERYTHING if everything else {"detail": {"metadata": {"correlation_id": [str(correlation_id)]}}}
                )
                url = self._subscribe(name, pattern)
                heard = Heard(self._sqs, url)
                self._until_ready(heard, correlation_id)
            except (ClientError, BotoCoreError, PublishFailed) as error:
                raise CannotListen(
                    f"listening for the answer takes a rule on {self._name} and a queue, and that failed ({error}): "
                    "allow events:PutRule, TagResource, PutTargets, RemoveTargets, DeleteRule and sqs:CreateQueue, "
                    "TagQueue, GetQueueUrl, GetQueueAttributes, SetQueueAttributes, ReceiveMessage, DeleteMessage, "
                    f"DeleteQueue on names {name[:13]}*, or do not wait (--no-wait)"
                ) from error
            yield heard
        finally:
            self._unsubscribe(name, url)

    def _subscribe(self, name: str, pattern: Mapping[str, Any]) -> str:
        rule_arn = self._events.put_rule(
            Name=name,
            EventBusName=self._name,
            EventPattern=json.dumps(pattern),
            Description="Of a command line that waits for an answer; may be deleted.",
            Tags=[{"Key": TAG, "Value": TAG_VALUE}],
        )["RuleArn"]
        url = self._sqs.create_queue(
            QueueName=name,
            Attributes={"MessageRetentionPeriod": str(RETENTION_SECONDS), "SqsManagedSseEnabled": "true"},
            tags={TAG: TAG_VALUE},
        )["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
        policy = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "events.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": attributes["QueueArn"],
                    "Condition": {"ArnEquals": {"aws:SourceArn": rule_arn}},
                }
            ],
        }
        self._sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        failed = self._events.put_targets(
            Rule=name, EventBusName=self._name, Targets=[{"Id": "queue", "Arn": attributes["QueueArn"]}]
        )
        if failed.get("FailedEntryCount"):
            raise PublishFailed(f"EventBridge did not take the queue: {failed['FailedEntries'][0].get('ErrorMessage')}")
        return url

    def _until_ready(self, heard: Heard, correlation_id: uuid.UUID) -> None:
        """Wait until the rule matches: an answer that comes before is lost."""
        deadline = self._clock() + SECONDS_UNTIL_READY
        while self._clock() < deadline:
            self._put(READY, {}, correlation_id)
            if any(event.get("detail-type") == READY for event in heard.next()):
                return
        raise PublishFailed(f"the rule matched nothing for {SECONDS_UNTIL_READY:.0f} s")

    def _unsubscribe(self, name: str, url: str | None) -> None:
        removals: tuple[Callable[[], object], ...] = (
            lambda: self._events.remove_targets(Rule=name, EventBusName=self._name, Ids=["queue"]),
            lambda: self._events.delete_rule(Name=name, EventBusName=self._name),
            lambda: self._sqs.delete_queue(QueueUrl=url or self._sqs.get_queue_url(QueueName=name)["QueueUrl"]),
        )
        for remove in removals:
            # What was not made cannot be removed; the other things still are.
            with suppress(ClientError, BotoCoreError):
                remove()

    def _put(self, detail_type: str, data: Mapping[str, Any], correlation_id: uuid.UUID) -> None:
        metadata = Metadata(event_id=uuid.uuid4(), correlation_id=correlation_id, occurred_at=datetime.now(UTC))
        shown = {name: value for name, value in metadata.to_json().items() if value is not None}
        answer = self._events.put_events(
            Entries=[
                {
                    "EventBusName": self._name,
                    "Source": DOMAIN_SOURCE,
                    "DetailType": detail_type,
                    "Detail": json.dumps({"metadata": shown, "data": data}),
                }
            ]
        )
        if answer["FailedEntryCount"]:
            failed = answer["Entries"][0]
            raise PublishFailed(f"{detail_type} was not taken: {failed.get('ErrorCode')}: {failed.get('ErrorMessage')}")
