"""A queue invokes a function: with its role, message by message, and what fails too often goes to the dead letters."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION, document, key_policy, refusal
from tests.sandbox.core.test_states import wait_until
from tests.sandbox.functions.support import deploy

Role = Callable[..., str]
WORKER = """
import json
import boto3

def handler(event, context):
    table = boto3.client("dynamodb")
    failed = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        table.update_item(
            TableName="seen",
            Key={"id": {"S": body["id"]}},
            UpdateExpression="ADD times :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
        if body.get("fails"):
            failed.append({"itemIdentifier": record["messageId"]})
        if body.get("nonsense"):
            return {"batchItemFailures": [{"itemIdentifier": "unknown"}]}
    return {"batchItemFailures": failed}
"""
ARN = f"arn:aws:sqs:{REGION}:{CENTRAL}:work"
MAY: list[dict[str, Any]] = [
    {"Action": "dynamodb:UpdateItem", "Resource": "*"},
    {"Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], "Resource": ARN},
]


class Work:
    """The queue `work` with its dead letters, the table `seen`, and the function `worker`."""

    def __init__(self, sandbox: Sandbox, make_role: Role, *allowed: dict[str, Any], **attributes: str) -> None:
        self.sandbox = sandbox
        self.sqs, self.functions = sandbox.client("sqs", CENTRAL), sandbox.client("lambda", CENTRAL)
        self.letters = self.sqs.create_queue(QueueName="letters")["QueueUrl"]
        redrive = {"deadLetterTargetArn": ARN.replace("work", "letters"), "maxReceiveCount": 2}
        given = {"VisibilityTimeout": "60", "RedrivePolicy": json.dumps(redrive)} | attributes
        self.url = self.sqs.create_queue(QueueName="work", Attributes=given)["QueueUrl"]
        self.table = sandbox.client("dynamodb", CENTRAL)
        self.table.create_table(
            TableName="seen",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        deploy(sandbox, CENTRAL, "worker", WORKER, make_role("worker", *allowed))

    def map(self, **more: Any) -> dict[str, Any]:
        asked = {"EventSourceArn": ARN, "FunctionName": "worker", "FunctionResponseTypes": ["ReportBatchItemFailures"]}
        made: dict[str, Any] = self.functions.create_event_source_mapping(**asked | more)
        return made

    def send(self, **body: Any) -> None:
        self.sqs.send_message(QueueUrl=self.url, MessageBody=json.dumps(body))

    def seen(self, name: str) -> int:
        item = self.table.get_item(TableName="seen", Key={"id": {"S": name}}).get("Item")
        return int(item["times"]["N"]) if item else 0

    def waiting(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(value) for value in found.values())


@pytest.fixture
def work(clean_sandbox: Sandbox, make_role: Role) -> Work:
    return Work(clean_sandbox, make_role, *MAY)


def test_messages_arrive_within_seconds_and_are_taken(work: Work) -> None:
    work.map()
    began = time.monotonic()
    for name in ("a", "b"):
        work.send(id=name)
    wait_until(lambda: work.seen("a") and work.seen("b"), 20)
    assert time.monotonic() - began < 10
    wait_until(lambda: work.waiting(work.url) == 0, 10)
    used = {entry["action"] for entry in work.sandbox.ledger(role=":role/worker", resource=ARN, allowed=True)}
    assert used == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}


def test_what_the_function_gives_back_comes_again_and_then_goes_to_the_dead_letters(work: Work) -> None:
    work.map()
    work.send(id="good")
    work.send(id="bad", fails=True)
    wait_until(lambda: work.seen("bad") == 1 and work.waiting(work.url) == 1, 20)
    time.sleep(1.5)
    assert work.seen("bad") == 1, "it is invisible"
    work.sandbox.advance(61)
    wait_until(lambda: work.seen("bad") == 2, 20)
    work.sandbox.advance(61)
    wait_until(lambda: work.waiting(work.letters) == 1, 20)
    assert (work.seen("good"), work.seen("bad"), work.waiting(work.url)) == (1, 2, 0)


def test_an_answer_that_names_no_message_fails_the_batch(work: Work) -> None:
    work.map()
    work.send(id="odd", nonsense=True)
    wait_until(lambda: work.seen("odd") == 1, 20)
    time.sleep(0.5)
    assert work.waiting(work.url) == 1


def test_without_permissions_there_is_no_mapping(clean_sandbox: Sandbox, make_role: Role) -> None:
    work = Work(clean_sandbox, make_role, MAY[0])
    code, message = refusal(work.map)
    assert code == "InvalidParameterValueException"
    assert message == "The function execution role does not have permissions to call ReceiveMessage on SQS"


def test_a_visibility_timeout_below_the_functions_is_refused(clean_sandbox: Sandbox, make_role: Role) -> None:
    work = Work(clean_sandbox, make_role, *MAY, VisibilityTimeout="10")
    code, message = refusal(work.map)
    assert code == "InvalidParameterValueException"
    assert message == "Queue visibility timeout: 10 seconds is less than Function timeout: 30 seconds"
    assert refusal(lambda: work.map(BatchSize=11))[0] == "InvalidParameterValueException"


def test_a_role_that_loses_its_right_is_not_polled_for(work: Work) -> None:
    mapping = work.map()
    iam = work.sandbox.client("iam", CENTRAL)
    iam.put_role_policy(RoleName="worker", PolicyName="allow", PolicyDocument=document(MAY[0]))
    work.send(id="unread")

    def told() -> bool:
        found = work.functions.get_event_source_mapping(UUID=mapping["UUID"])
        return "sqs:ReceiveMessage denied" in str(found.get("LastProcessingResult"))

    wait_until(told, 10)
    assert (work.seen("unread"), work.waiting(work.url)) == (0, 1)
    iam.put_role_policy(RoleName="worker", PolicyName="allow", PolicyDocument=document(*MAY))
    wait_until(lambda: work.seen("unread"), 20)


def test_an_encrypted_queue_asks_for_its_key(clean_sandbox: Sandbox, make_role: Role) -> None:
    key = clean_sandbox.client("kms", CENTRAL).create_key(Policy=key_policy(account=CENTRAL))["KeyMetadata"]["Arn"]
    work = Work(clean_sandbox, make_role, *MAY, KmsMasterKeyId=key)
    work.map()
    work.send(id="secret")
    wait_until(lambda: work.sandbox.ledger(role=":role/worker", action="kms:Decrypt", allowed=False), 10)
    assert work.seen("secret") == 0
    may = {"Action": "kms:Decrypt", "Resource": key}
    work.sandbox.client("iam", CENTRAL).put_role_policy(
        RoleName="worker", PolicyName="allow", PolicyDocument=document(*MAY, may)
    )
    wait_until(lambda: work.seen("secret"), 20)
