"""Mails: who gets one, when a subscription counts, and who may publish on another account's topic."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION, SALES, document, key_policy, refusal

Role = Callable[..., str]
ANN, BOB = "ann@example.com", "bob@example.com"


def topic(sandbox: Sandbox, account: str = CENTRAL, **attributes: str) -> str:
    created = sandbox.client("sns", account).create_topic(Name="approvals", Attributes=attributes)
    return str(created["TopicArn"])


def subscribe(sandbox: Sandbox, arn: str, to: str, *, protocol: str = "email", **attributes: Any) -> str:
    sns = sandbox.client("sns", arn.split(":")[4])
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in attributes.items()}
    return str(
        sns.subscribe(TopicArn=arn, Protocol=protocol, Endpoint=to, Attributes=given, ReturnSubscriptionArn=True)[
            "SubscriptionArn"
        ]
    )


def get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  the sandbox's own URL
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_mail_has_subject_text_and_attributes(clean_sandbox: Sandbox) -> None:
    arn = topic(clean_sandbox)
    subscribe(clean_sandbox, arn, ANN)
    (confirmation,) = clean_sandbox.mails(to=ANN)
    assert confirmation["subject"] == "AWS Notification - Subscription Confirmation"
    clean_sandbox.clear_mails()
    attributes = {"approver": {"DataType": "String.Array", "StringValue": '["ann", "bob"]'}}
    clean_sandbox.advance(3600)
    clean_sandbox.client("sns", CENTRAL).publish(
        TopicArn=arn, Message="Please decide.\nNow.", Subject="Äccess wanted", MessageAttributes=attributes
    )
    (mail,) = clean_sandbox.mails(to="Ann@Example.com")
    assert (mail["to"], mail["topic"], mail["subject"]) == (ANN, arn, "Äccess wanted")
    assert mail["text"] == "Please decide.\nNow."
    assert mail["time"][:16] == clean_sandbox.now()[:16]
    assert mail["message_attributes"] == {"approver": {"Type": "String.Array", "Value": ["ann", "bob"]}}
    assert clean_sandbox.mails(to=BOB) == []


def test_without_its_confirmation_a_subscription_gets_nothing(clean_sandbox: Sandbox) -> None:
    clean_sandbox.settings(sns_confirms_email=False)
    arn, sns = topic(clean_sandbox), clean_sandbox.client("sns", CENTRAL)
    answer = sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=ANN)
    assert answer["SubscriptionArn"] == "pending confirmation"
    subscription = subscribe(clean_sandbox, arn, ANN)
    assert sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["PendingConfirmation"] == "true"
    sns.publish(TopicArn=arn, Message="lost")
    mails = clean_sandbox.mails(to=ANN)
    assert [mail["subject"] for mail in mails] == ["AWS Notification - Subscription Confirmation"] * 2
    assert get(mails[0]["subscribe_url"])[0] == 400, "the second mail's token replaced the first's"
    status, body = get(mails[1]["subscribe_url"])
    assert (status, subscription in body) == (200, True)
    assert sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["PendingConfirmation"] == "false"
    sns.publish(TopicArn=arn, Message="seen")
    last = clean_sandbox.mails(to=ANN)[-1]
    assert (last["text"], last["subject"]) == ("seen", "AWS Notification Message")
    assert get(last["unsubscribe_url"])[0] == 200
    sns.publish(TopicArn=arn, Message="lost again")
    assert clean_sandbox.mails(to=ANN)[-1]["text"] == "seen"


def test_a_confirmation_link_lives_two_days(clean_sandbox: Sandbox) -> None:
    clean_sandbox.settings(sns_confirms_email=False)
    subscribe(clean_sandbox, topic(clean_sandbox), ANN)
    clean_sandbox.advance(2 * 86_400 + 1)
    assert get(clean_sandbox.mails(to=ANN)[0]["subscribe_url"])[0] == 400


def test_filter_policies_decide_who_gets_a_message(clean_sandbox: Sandbox) -> None:
    arn, sns = topic(clean_sandbox), clean_sandbox.client("sns", CENTRAL)
    subscribe(clean_sandbox, arn, ANN, FilterPolicy={"recipient": ["ann"]})
    subscribe(
        clean_sandbox,
        arn,
        BOB,
        FilterPolicy={"data": {"level": [{"numeric": [">", 3]}]}},
        FilterPolicyScope="MessageBody",
    )
    clean_sandbox.clear_mails()
    to_ann = {"recipient": {"DataType": "String", "StringValue": "ann"}}
    several = {"recipient": {"DataType": "String.Array", "StringValue": '["eve", "ann"]'}}
    sns.publish(TopicArn=arn, Message="plain")
    sns.publish(TopicArn=arn, Message="one", MessageAttributes=to_ann)
    sns.publish(TopicArn=arn, Message="two", MessageAttributes=several)
    sns.publish(TopicArn=arn, Message='{"data": {"level": 4}}')
    sns.publish(TopicArn=arn, Message='{"data": {"level": 3}}')
    assert [mail["text"] for mail in clean_sandbox.mails(to=ANN)] == ["one", "two"]
    assert [mail["text"] for mail in clean_sandbox.mails(to=BOB)] == ['{"data": {"level": 4}}']


@pytest.mark.parametrize("subject", ["x" * 101, "two\nlines", "bell\x07", "tab\there", "line\u2028break"])
def test_subjects_that_aws_refuses(clean_sandbox: Sandbox, subject: str) -> None:
    arn, sns = topic(clean_sandbox), clean_sandbox.client("sns", CENTRAL)
    code, message = refusal(lambda: sns.publish(TopicArn=arn, Message="m", Subject=subject))
    assert (code, message) == ("InvalidParameter", "Invalid parameter: Subject")
    sns.publish(TopicArn=arn, Message="m", Subject="x" * 100)


def test_other_protocols_and_structures(clean_sandbox: Sandbox) -> None:
    arn, sns = topic(clean_sandbox), clean_sandbox.client("sns", CENTRAL)
    subscribe(clean_sandbox, arn, ANN, protocol="email-json")
    clean_sandbox.clear_mails()
    sns.publish(
        TopicArn=arn,
        MessageStructure="json",
        Message=json.dumps({"default": "short", "email-json": "long"}),
        Subject="S",
    )
    (mail,) = clean_sandbox.mails()
    assert json.loads(mail["text"])["Message"] == "long"
    assert refusal(lambda: subscribe(clean_sandbox, arn, "nobody"))[0] == "InvalidParameter"


def test_a_policy_may_limit_who_is_subscribed(clean_sandbox: Sandbox, make_role: Role) -> None:
    arn = topic(clean_sandbox)
    only = {"StringLike": {"sns:Endpoint": "*@example.com"}, "StringEquals": {"sns:Protocol": "email"}}
    role = make_role("admin", {"Action": "sns:Subscribe", "Resource": arn, "Condition": only})
    sns = clean_sandbox.client("sns", role_arn=role)
    sns.subscribe(TopicArn=arn, Protocol="email", Endpoint=ANN)
    code, _ = refusal(lambda: sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="eve@example.net"))
    assert code == "AuthorizationError"


def test_messages_in_queues_carry_the_sandboxs_time(clean_sandbox: Sandbox) -> None:
    arn, sqs = topic(clean_sandbox), clean_sandbox.client("sqs", CENTRAL)
    url = sqs.create_queue(QueueName="copy")["QueueUrl"]
    queue = f"arn:aws:sqs:{REGION}:{CENTRAL}:copy"
    policy = document({"Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": queue})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    subscribe(clean_sandbox, arn, queue, protocol="sqs")
    clean_sandbox.advance(86_400)
    clean_sandbox.client("sns", CENTRAL).publish(TopicArn=arn, Message="m")
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(message["Body"])["Timestamp"][:13] == clean_sandbox.now()[:13]


class TestAcrossAccounts:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html, …/sns-key-management.html"""

    ARN = f"arn:aws:sns:{REGION}:{SALES}:approvals"

    def _topic(self, sandbox: Sandbox, make_role: Role, *, open_topic: bool, open_key: bool) -> tuple[Any, str]:
        role = make_role("publisher", {"Action": ["sns:Publish", "kms:*"], "Resource": "*"})
        opening = {
            "Principal": {"AWS": role},
            "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
            "Resource": "*",
            "Condition": {"StringEquals": {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}},
        }
        kms = sandbox.client("kms", SALES)
        key = kms.create_key(Policy=key_policy(*([opening] if open_key else [])))["KeyMetadata"]["Arn"]
        policy = document({"Principal": {"AWS": role}, "Action": "sns:Publish", "Resource": self.ARN})
        topic(sandbox, SALES, KmsMasterKeyId=key, **({"Policy": policy} if open_topic else {}))
        subscribe(sandbox, self.ARN, ANN)
        sandbox.clear_mails()
        return sandbox.client("sns", role_arn=role), key

    def test_topic_policy_identity_policy_and_key_allow(self, clean_sandbox: Sandbox, make_role: Role) -> None:
        sns, key = self._topic(clean_sandbox, make_role, open_topic=True, open_key=True)
        sns.publish(TopicArn=self.ARN, Message="from afar")
        assert [mail["text"] for mail in clean_sandbox.mails(to=ANN)] == ["from afar"]
        asked = {entry["action"] for entry in clean_sandbox.ledger(role="publisher", resource=key, allowed=True)}
        assert asked == {"kms:GenerateDataKey", "kms:Decrypt"}

    def test_without_the_topics_policy(self, clean_sandbox: Sandbox, make_role: Role) -> None:
        sns, _ = self._topic(clean_sandbox, make_role, open_topic=False, open_key=True)
        code, message = refusal(lambda: sns.publish(TopicArn=self.ARN, Message="m"))
        assert code == "AuthorizationError"
        assert "no resource-based policy allows the SNS:Publish action" in message

    def test_without_the_keys_policy(self, clean_sandbox: Sandbox, make_role: Role) -> None:
        sns, _ = self._topic(clean_sandbox, make_role, open_topic=True, open_key=False)
        code, message = refusal(lambda: sns.publish(TopicArn=self.ARN, Message="m"))
        assert code == "KMSAccessDenied"
        assert "kms:GenerateDataKey" in message
        assert clean_sandbox.mails() == []

    def test_without_the_identity_policy(self, clean_sandbox: Sandbox, make_role: Role) -> None:
        self._topic(clean_sandbox, make_role, open_topic=True, open_key=True)
        clean_sandbox.client("iam", CENTRAL).delete_role_policy(RoleName="publisher", PolicyName="allow")
        sns = clean_sandbox.client("sns", role_arn=f"arn:aws:iam::{CENTRAL}:role/publisher")
        code, message = refusal(lambda: sns.publish(TopicArn=self.ARN, Message="m"))
        assert code == "AuthorizationError"
        assert "no identity-based policy allows the SNS:Publish action" in message


def test_the_page_shows_mails_escaped_with_links(clean_sandbox: Sandbox) -> None:
    arn = topic(clean_sandbox)
    subscribe(clean_sandbox, arn, ANN)
    clean_sandbox.client("sns", CENTRAL).publish(
        TopicArn=arn,
        Subject="<script>alert(1)</script>",
        Message="Decide: https://abc123.execute-api.eu-west-1.amazonaws.com/decide?a=1&b=2. <b>now</b>",
    )
    status, body = get(f"{clean_sandbox.url}/_sandbox/mail.html?to={ANN}")
    assert status == 200
    assert "<script>" not in body
    assert "&lt;b&gt;now&lt;/b&gt;" in body
    assert '<a href="/_sandbox/api/abc123/decide?a=1&amp;b=2" rel="noreferrer">https://abc123.' in body


def test_mails_belong_to_snapshots(clean_sandbox: Sandbox) -> None:
    arn = topic(clean_sandbox)
    subscribe(clean_sandbox, arn, ANN)
    clean_sandbox.snapshot("mailed")
    clean_sandbox.clear_mails(to=ANN)
    clean_sandbox.restore("mailed")
    assert len(clean_sandbox.mails()) == 1
    clean_sandbox.reset()
    assert clean_sandbox.mails() == []
