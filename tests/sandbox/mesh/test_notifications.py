"""Telling people, over the applied mesh: mail on the producer's own topic, to one person each, and nobody else's."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from datamesh.aws.outbox import Outbox
from datamesh.aws.registry import Registry
from datamesh.logic.approvals import Approvals
from datamesh.models.approvals import Seat
from datamesh.models.notifications import Notification
from datamesh.models.people import Person
from datamesh.models.registry import Save
from sandbox.mesh.approver import LINK
from sandbox.mesh.layout import CENTRAL, MARKETING, SALES
from tests.sandbox.mesh.story import SECONDS, Story
from tests.support.approvals import EXPOSURE, FakeCallbacks, request_record

OWNER, STEWARD = "owner@sales.example", "steward@sales.example"
SENDER = CENTRAL.role_arn("datamesh-central-send-notification-function")


class Asked:
    """A request of marketing on which the owner of sales is asked to decide."""

    def __init__(self, story: Story) -> None:
        self.story = story
        outputs = story.mesh.outputs
        self.topic = outputs[SALES.name]["approval_topic_arn"]
        self.queue_url = outputs[CENTRAL.name]["notifications_queue_url"]
        self.sqs = story.client("sqs", CENTRAL)
        self.registry = Registry("datamesh-registry", story.client("dynamodb", CENTRAL), ledger_table="datamesh-ledger")
        story.sandbox.clear_mails()

    def open(self) -> None:
        """Open a stage, as share_data_product does: this queues the messages."""
        now = datetime.now(UTC)
        request = request_record(updated_at=now, lease_expires_at=now)
        self.registry.write([Save(request)])
        seat = Seat(
            groups=("product_owners",),
            producer="sales",
            approvers=(Person(email=OWNER),),
            topic_arn=self.topic,
            quorum=1,
        )
        approvals = Approvals(self.registry, Outbox(self.queue_url, self.sqs), FakeCallbacks("token-1"))
        approvals.open(request, number=0, seats=(seat,), task_token="token-1", now=now, exposure=EXPOSURE)

    def put(self, body: str) -> None:
        """Put something into the outbox."""
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)

    def drained(self, url: str) -> bool:
        """Tell whether a queue has no message, taken or not."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return not any(int(found[name]) for name in names)

    def wait_until_drained(self) -> None:
        """Wait until all messages are dealt with."""
        until = time.monotonic() + SECONDS
        while not self.drained(self.queue_url):
            assert time.monotonic() < until, "messages stay in the outbox"
            time.sleep(0.2)

    def mails(self) -> list[dict[str, Any]]:
        """Return the mails about requests."""
        return [mail for mail in self.story.sandbox.mails() if mail["topic"] == self.topic]


@pytest.fixture
def asked(story: Story) -> Asked:
    return Asked(story)


def test_the_owner_gets_one_mail_with_a_link_and_nobody_else_does(asked: Asked) -> None:
    asked.open()
    asked.wait_until_drained()
    # The outbox is a standard queue: it may bring a message again.
    approval = asked.registry.approvals(request_record().request_id)[0]
    duplicate = Notification(
        kind="approval_needed",
        request_id=approval.request_id,
        number=0,
        digest=approval.digest,
        channel="mail",
        to=OWNER,
        topic_arn=asked.topic,
        domain="sales",
    )
    asked.put(json.dumps(duplicate.to_json()))
    asked.wait_until_drained()

    [mail] = asked.mails()
    assert mail["to"] == OWNER
    assert mail["subject"] == "Approval needed: marketing asks for sales.air_travel"
    assert LINK.search(mail["text"])
    assert "?signature=" in mail["text"]
    told = asked.registry.notification(approval.request_id, duplicate.id)
    assert told is not None
    assert told.sent_at is not None
    refused = asked.story.sandbox.ledger(role=SENDER, allowed=False)
    assert refused == [], "the function has what it needs"


def test_only_centrals_sender_may_publish_on_a_domains_topic(asked: Asked) -> None:
    sandbox = asked.story.sandbox
    strangers = [
        CENTRAL.role_arn("datamesh-central-share-data-product-function"),
        MARKETING.role_arn("datamesh-domain-link-data-product-function"),
    ]
    message = {"Subject": "Approve", "Message": "https://evil.example", "TopicArn": asked.topic}
    for role in strangers:
        with pytest.raises(ClientError, match="AuthorizationError"):
            sandbox.client("sns", role_arn=role).publish(**message)
    with pytest.raises(ClientError, match="AuthorizationError"):
        sandbox.client("sns", account=CENTRAL.id).publish(**message)
    attribute = {"approver": {"DataType": "String", "StringValue": STEWARD}}
    sandbox.client("sns", role_arn=SENDER).publish(**message, MessageAttributes=attribute)
    assert [mail["to"] for mail in asked.mails()] == [STEWARD]


def test_what_is_never_taken_ends_in_the_dead_letters(asked: Asked) -> None:
    dead_letters = asked.queue_url + "-dlq"
    asked.put(json.dumps({"not": "a notification"}))
    until = time.monotonic() + SECONDS
    while asked.drained(dead_letters):
        assert time.monotonic() < until, "the message is nowhere"
        asked.story.sandbox.advance(361)
        time.sleep(0.5)
    [message] = asked.sqs.receive_message(QueueUrl=dead_letters)["Messages"]
    assert json.loads(message["Body"]) == {"not": "a notification"}
    assert asked.mails() == []
