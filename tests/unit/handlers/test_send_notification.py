"""The handler of send_notification: which messages of a batch come again, and what is said of them."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from datamesh.handlers import send_notification
from datamesh.logic.send_notification import NotificationSending
from datamesh.models.errors import DeliveryFailed, InvalidSettings
from datamesh.models.notifications import Notification
from datamesh.settings import load
from tests.support.approvals import ANN, BASE_URL, BEN, WaitingRequest
from tests.support.notifying import SLACK, Notifying

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "send_notification",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
    "APPROVAL_BASE_URL": f"{BASE_URL}",
    "APPROVAL_LINK_BASE_URL": f"{BASE_URL}",
    "APPROVAL_KEY_ID": "alias/datamesh-central-approval-links",
    "NOTIFICATION_CHANNELS": json.dumps({"slack_secret_arn": SLACK, "webhook_secret_arn": None}),
}


@pytest.fixture
def notifying(monkeypatch: pytest.MonkeyPatch) -> Notifying:
    notifying = Notifying(WaitingRequest())
    flow = NotificationSending(notifying.world, channels=notifying.channels, base_url=BASE_URL, link_base_url=BASE_URL)
    monkeypatch.setattr(send_notification, "_flow", lambda: flow)
    monkeypatch.setattr(send_notification, "utc_now", lambda: notifying.waiting.now)
    return notifying


def batch(*bodies: str) -> dict[str, Any]:
    """Return what Lambda hands over."""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": "h",
                "body": body,
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:111111111111:datamesh-central-notifications",
                "awsRegion": "eu-west-1",
            }
            for number, body in enumerate(bodies)
        ]
    }


def body_of(notification: Notification) -> str:
    return json.dumps(notification.to_json())


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_only_what_failed_comes_again(notifying: Notifying) -> None:
    ann, ben = (body_of(notifying.queued("mail", to)) for to in (ANN, BEN))
    slack = body_of(notifying.queued("slack"))
    answer = send_notification.handler(batch(ann, "no json", slack, ben, "{}"), CONTEXT)
    assert failed(answer) == ["m1", "m2", "m4"]
    assert {mail["to"] for mail in notifying.mail.sent} == {ANN, BEN}


def test_a_batch_that_failed_as_a_whole_is_no_error_of_the_function(notifying: Notifying) -> None:
    notifying.mail.faults = [DeliveryFailed("NotFound")] * 2
    ann, ben = (body_of(notifying.queued("mail", to)) for to in (ANN, BEN))
    assert failed(send_notification.handler(batch(ann, ben), CONTEXT)) == ["m0", "m1"]


def test_a_message_that_is_never_taken_stays_failed_until_the_dead_letters_have_it(notifying: Notifying) -> None:
    notifying.mail.faults = [DeliveryFailed("AuthorizationError")] * 10
    message = batch(body_of(notifying.queued("mail", ANN)))
    for _ in range(10):
        assert failed(send_notification.handler(message, CONTEXT)) == ["m0"]
        notifying.waiting.later(minutes=6)
    assert notifying.mail.sent == []


def test_duplicates_in_one_batch_send_one_mail(notifying: Notifying) -> None:
    ann = body_of(notifying.queued("mail", ANN))
    assert failed(send_notification.handler(batch(ann, ann), CONTEXT)) == []
    assert len(notifying.mail.sent) == 1


def test_nothing_secret_is_logged(notifying: Notifying, capsys: pytest.CaptureFixture[str]) -> None:
    send_notification.handler(
        batch(body_of(notifying.queued("mail", ANN)), body_of(notifying.queued("slack"))), CONTEXT
    )
    lines = capsys.readouterr()
    signature = notifying.mail.sent[0]["text"].split("?signature=")[1].split()[0]
    for secret in (signature, BASE_URL, "/slack"):
        assert secret not in lines.out + lines.err


def test_the_flow_is_made_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    with pytest.raises(InvalidSettings, match="NOTIFICATION_CHANNELS"):
        send_notification.handler(batch(), CONTEXT)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    assert failed(send_notification.handler(batch("no json"), CONTEXT)) == ["m0"]
