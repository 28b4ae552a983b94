"""A domain's bus from inside its account: listening leaves nothing behind, whatever happens."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from datamesh.aws.domain_bus import READY, CannotListen, DomainBus
from datamesh.models.commands import DeregisterDataProduct
from datamesh.models.errors import PublishFailed

ID = uuid.UUID(int=3)
COMMAND = DeregisterDataProduct(domain="sales", name="departures")


class FakeAws:
    """EventBridge and SQS of one account. The rule matches nothing until so many events were put."""

    def __init__(self, *, deaf: int = 0, failing: str | None = None) -> None:
        self.deaf = deaf
        self.failing = failing
        self.rules: dict[str, dict[str, Any]] = {}
        self.targets: dict[str, str] = {}
        self.queues: dict[str, list[str]] = {}
        self.policies: dict[str, dict[str, Any]] = {}
        self.put: list[dict[str, Any]] = []

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody calls {name}")

    def _call(self, name: str) -> None:
        if name == self.failing:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": name}}, name)

    def put_rule(self, **given: Any) -> dict[str, Any]:
        self._call("PutRule")
        self.rules[given["Name"]] = json.loads(given["EventPattern"])
        return {"RuleArn": f"arn:aws:events:eu-west-1:222222222222:rule/b/{given['Name']}"}

    def create_queue(self, **given: Any) -> dict[str, Any]:
        self._call("CreateQueue")
        self.queues[given["QueueName"]] = []
        return {"QueueUrl": given["QueueName"]}

    def get_queue_url(self, **given: Any) -> dict[str, Any]:
        if given["QueueName"] not in self.queues:
            raise ClientError({"Error": {"Code": "QueueDoesNotExist", "Message": ""}}, "GetQueueUrl")
        return {"QueueUrl": given["QueueName"]}

    def get_queue_attributes(self, **given: Any) -> dict[str, Any]:
        return {"Attributes": {"QueueArn": f"arn:aws:sqs:eu-west-1:222222222222:{given['QueueUrl']}"}}

    def set_queue_attributes(self, **given: Any) -> None:
        self.policies[given["QueueUrl"]] = json.loads(given["Attributes"]["Policy"])

    def put_targets(self, **given: Any) -> dict[str, Any]:
        self._call("PutTargets")
        self.targets[given["Rule"]] = given["Targets"][0]["Arn"].rpartition(":")[2]
        return {"FailedEntryCount": 0}

    def put_events(self, **given: Any) -> dict[str, Any]:
        (entry,) = given["Entries"]
        if self.failing == "PutEvents":
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "later"}]}
        detail = json.loads(entry["Detail"])
        self.put.append({"detail-type": entry["DetailType"], "source": entry["Source"], "detail": detail})
        self.deaf -= 1
        for name, pattern in self.rules.items():
            if self.deaf < 0 and name in self.targets and self._matches(pattern, self.put[-1]):
                self.queues[self.targets[name]].append(json.dumps(self.put[-1]))
        return {"FailedEntryCount": 0, "Entries": [{}]}

    @staticmethod
    def _matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
        wanted = pattern.get("detail", {}).get("metadata", {}).get("correlation_id")
        if wanted is not None and event["detail"]["metadata"]["correlation_id"] not in wanted:
            return False
        return event["source"] in pattern.get("source", [event["source"]])

    def receive_message(self, **given: Any) -> dict[str, Any]:
        bodies = self.queues[given["QueueUrl"]]
        return {"Messages": [{"Body": body, "ReceiptHandle": body} for body in bodies[:10]]} if bodies else {}

    def delete_message(self, **given: Any) -> None:
        self.queues[given["QueueUrl"]].remove(given["ReceiptHandle"])

    def remove_targets(self, **given: Any) -> None:
        self.targets.pop(given["Rule"], None)

    def delete_rule(self, **given: Any) -> None:
        if given["Name"] in self.targets:
            raise ClientError({"Error": {"Code": "ValidationException", "Message": "has targets"}}, "DeleteRule")
        self.rules.pop(given["Name"], None)

    def delete_queue(self, **given: Any) -> None:
        del self.queues[given["QueueUrl"]]

    @property
    def left(self) -> list[Any]:
        return [*self.rules, *self.targets, *self.queues]


def bus(aws: Any) -> DomainBus:
    times = iter(range(1_000))
    return DomainBus(aws, aws, name="datamesh-domain", clock=lambda: float(next(times)))


def test_an_answer_is_heard_and_nothing_is_left_behind() -> None:
    aws = FakeAws(deaf=3)
    with bus(aws).listening(ID) as heard:
        # The rule was tried until it matched: what is put from now on is heard.
        assert [event["detail-type"] for event in aws.put] == [READY] * 4
        bus(aws).put(COMMAND, ID)
        (event,) = heard.next()
        assert (event["detail-type"], event["source"]) == ("DeregisterDataProduct", "datamesh.domain")
        assert event["detail"]["data"] == {"domain": "sales", "name": "departures"}
        assert event["detail"]["metadata"]["correlation_id"] == str(ID)
        assert list(heard.next()) == []
        # Only this rule may write into the queue.
        ((name, policy),) = aws.policies.items()
        assert policy["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"].endswith(name)
    assert aws.left == []


def test_all_that_is_said_on_the_bus_can_be_heard() -> None:
    aws, other = FakeAws(), uuid.UUID(int=4)
    for everything, heard_of in ((False, []), (True, ["DeregisterDataProduct"])):
        with bus(aws).listening(ID, everything=everything) as heard:
            bus(aws).put(COMMAND, other)
            assert [event["detail-type"] for event in heard.next()] == heard_of
        assert aws.left == []


@pytest.mark.parametrize("failing", ["PutRule", "CreateQueue", "PutTargets", "PutEvents"])
def test_what_cannot_be_made_is_said_and_the_rest_removed(failing: str) -> None:
    aws = FakeAws(failing=failing)
    with pytest.raises(CannotListen, match=r"events:PutRule.*--no-wait"), bus(aws).listening(ID):
        pytest.fail("nobody listens")
    assert aws.left == []


def test_a_rule_that_never_matches_is_given_up() -> None:
    aws = FakeAws(deaf=1_000)
    with pytest.raises(CannotListen, match="matched nothing"), bus(aws).listening(ID):
        pytest.fail("nobody listens")
    assert aws.left == []


def test_nothing_is_left_behind_when_somebody_gives_up() -> None:
    aws = FakeAws()
    with pytest.raises(KeyboardInterrupt), bus(aws).listening(ID):
        raise KeyboardInterrupt
    assert aws.left == []


def test_a_command_that_eventbridge_does_not_take_is_no_success() -> None:
    with pytest.raises(PublishFailed, match="InternalFailure: later"):
        bus(FakeAws(failing="PutEvents")).put(COMMAND, ID)
