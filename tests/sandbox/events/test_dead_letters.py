"""Retries and dead letters: what is tried again, what is kept, and what is lost and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.events.world import CENTRAL, World, policy, queue_arn

RULE = f"arn:aws:events:eu-west-1:{CENTRAL}:rule/kept"
MISSING = queue_arn(CENTRAL, "missing")
LETTERS = queue_arn(CENTRAL, "letters")


@pytest.fixture
def kept(world: World) -> World:
    """A rule on the default bus whose target's queue does not exist, with a dead-letter queue."""
    world.queue(CENTRAL, "letters", world.rule(CENTRAL, "default", "kept"))
    world.target(CENTRAL, "default", "kept", MISSING, DeadLetterConfig={"Arn": LETTERS})
    return world


def letter(world: World) -> tuple[dict[str, Any], dict[str, str]]:
    world.settle()
    (message,) = world.messages(LETTERS)
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    return json.loads(message["Body"]), attributes


def lost(world: World) -> None:
    """The event reached neither target nor dead-letter queue, and was counted."""
    (entry,) = world.deliveries(rule_name="kept")
    assert entry["outcome"] == "dropped"
    assert world.messages(LETTERS) == []
    assert world.metric("FailedInvocations", "kept") == 1
    assert world.metric("InvocationsFailedToBeSentToDlq", "kept") == 1
    assert world.metric("InvocationsSentToDlq", "kept") == 0


def test_a_letter_tells_what_was_to_go_where_and_why_it_did_not(kept: World) -> None:
    event_id = kept.put(CENTRAL, "default", {"n": 3})
    body, attributes = letter(kept)
    assert (body["id"], body["detail"]) == (event_id, {"n": 3})
    assert attributes["RULE_ARN"] == RULE
    assert attributes["TARGET_ARN"] == MISSING
    assert attributes["ERROR_CODE"] in {"NO_RESOURCE", "NO_PERMISSIONS"}
    assert attributes["ERROR_MESSAGE"]
    assert "EXHAUSTED_RETRY_CONDITION" not in attributes
    assert kept.metric("InvocationsSentToDlq", "kept") == 1
    assert kept.metric("FailedInvocations", "kept") == 1


def test_without_a_queue_the_event_is_dropped_and_counted(world: World) -> None:
    world.rule(CENTRAL, "default", "kept")
    world.target(CENTRAL, "default", "kept", MISSING)
    world.put(CENTRAL, "default")
    (entry,) = world.deliveries(rule_name="kept")
    assert entry["outcome"] == "dropped"
    assert world.metric("FailedInvocations", "kept") == 1
    assert world.metric("InvocationsFailedToBeSentToDlq", "kept") == 0


def test_a_queue_without_a_policy_loses_the_event(kept: World) -> None:
    sqs = kept.client("sqs", CENTRAL)
    sqs.set_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName="letters")["QueueUrl"], Attributes={"Policy": ""})
    kept.put(CENTRAL, "default")
    lost(kept)


@pytest.mark.parametrize(
    "change",
    [
        {"Condition": {"ArnEquals": {"aws:SourceArn": RULE + "-of-others"}}},
        {"Principal": {"Service": "sns.amazonaws.com"}},
        {"Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"}},
        {"Action": "sqs:ReceiveMessage"},
    ],
    ids=["another rule", "another service", "the account only", "another action"],
)
def test_a_queue_for_somebody_else_loses_the_event(kept: World, change: dict[str, Any]) -> None:
    statement = {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": LETTERS,
        "Principal": {"Service": "events.amazonaws.com"},
    } | change
    sqs = kept.client("sqs", CENTRAL)
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy(statement)})
    kept.put(CENTRAL, "default")
    lost(kept)


def test_a_deleted_queue_loses_the_event(kept: World) -> None:
    sqs = kept.client("sqs", CENTRAL)
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName="letters")["QueueUrl"])
    kept.put(CENTRAL, "default")
    (entry,) = kept.deliveries(rule_name="kept")
    assert entry["outcome"] == "dropped"
    assert kept.metric("InvocationsFailedToBeSentToDlq", "kept") == 1


class TestEncryptedQueue:
    """A queue with a customer managed key needs EventBridge in the key's policy."""

    @staticmethod
    def _with_key(kept: World, *more: dict[str, Any]) -> None:
        own = {
            "Effect": "Allow",
            "Action": "kms:*",
            "Resource": "*",
            "Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"},
        }
        key = kept.client("kms", CENTRAL).create_key(Policy=policy(own, *more))["KeyMetadata"]["KeyId"]
        sqs = kept.client("sqs", CENTRAL)
        url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key})

    def test_without_it_the_event_is_lost(self, kept: World) -> None:
        self._with_key(kept)
        kept.put(CENTRAL, "default")
        (entry,) = kept.deliveries(rule_name="kept")
        assert "kms:GenerateDataKey" in entry["error"]

    def test_with_it_the_event_is_kept(self, kept: World) -> None:
        self._with_key(
            kept,
            {
                "Effect": "Allow",
                "Action": ["kms:GenerateDataKey", "kms:Decrypt"],
                "Resource": "*",
                "Principal": {"Service": "events.amazonaws.com"},
                "Condition": {"ArnEquals": {"aws:SourceArn": RULE}},
            },
        )
        kept.put(CENTRAL, "default")
        assert letter(kept)[1]["RULE_ARN"] == RULE


class TestTransientFailures:
    """Throttling and server errors are tried again, as often and as long as the retry policy says."""

    @pytest.fixture
    def busy(self, world: World) -> World:
        rule = world.rule(CENTRAL, "default", "kept")
        world.queue(CENTRAL, "letters", rule)
        arrived = world.queue(CENTRAL, "arrived", rule)
        world.target(
            CENTRAL,
            "default",
            "kept",
            arrived,
            DeadLetterConfig={"Arn": LETTERS},
            RetryPolicy={"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 3600},
        )
        return world

    def test_a_short_failure_is_healed(self, busy: World) -> None:
        busy.control("POST", "faults", {"service": "events", "action": "deliver", "kind": "throttling", "count": 1})
        busy.put(CENTRAL, "default")
        (entry,) = busy.deliveries(rule_name="kept")
        assert (entry["outcome"], entry["attempts"]) == ("delivered", 2)
        assert busy.metric("RetryInvocationAttempts", "kept") == 1
        assert busy.metric("FailedInvocations", "kept") == 0

    def test_a_lasting_one_ends_in_the_queue(self, busy: World) -> None:
        busy.control("POST", "faults", {"service": "events", "action": "attempt", "kind": "internal"})
        busy.put(CENTRAL, "default")
        _, attributes = letter(busy)
        assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
        assert attributes["RETRY_ATTEMPTS"] == "3"
        assert attributes["ERROR_CODE"] == "ERROR_FROM_TARGET"

    def test_age_ends_it_as_well(self, busy: World) -> None:
        busy.target(
            CENTRAL,
            "default",
            "kept",
            queue_arn(CENTRAL, "arrived"),
            DeadLetterConfig={"Arn": LETTERS},
            RetryPolicy={"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 60},
        )
        busy.control("POST", "faults", {"service": "events", "action": "attempt", "kind": "throttling"})
        busy.put(CENTRAL, "default")
        _, attributes = letter(busy)
        assert attributes["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
        assert attributes["ERROR_CODE"] == "THROTTLING"
        assert 0 < int(attributes["RETRY_ATTEMPTS"]) < 185
