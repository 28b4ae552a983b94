"""SNS: one message for one person; and the secrets that say where channels are."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from datamesh.aws.mail import Mail
from datamesh.aws.retry import Retrier
from datamesh.aws.secrets import ChannelSecrets
from datamesh.models.errors import AwsTemporarilyUnavailable, DeliveryFailed

TOPIC = "arn:aws:sns:eu-west-1:222222222222:datamesh-domain-approvals"
SECRET = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:tickets-a1B2c3"
LINK = "https://approvals.example/approvals/id?signature=signed"


def error(code: str, message: str = "m") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Publish")


def retrier() -> Retrier:
    return Retrier(total=30, sleep=lambda _s: None, uniform=lambda _low, high: high)


class FakeClient:
    """SNS and Secrets Manager, which fail as told."""

    def __init__(self, *errors: ClientError, secret: str = "") -> None:
        self.errors = list(errors)
        self.secret = secret
        self.published: list[dict[str, Any]] = []

    def publish(self, **request: Any) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.published.append(request)

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803
        assert SecretId == SECRET
        if self.errors:
            raise self.errors.pop(0)
        return {"SecretString": self.secret}


def send(client: FakeClient) -> None:
    Mail(client, retrier()).publish(TOPIC, to="olga@example.com", subject="Subject", text=LINK)  # type: ignore[arg-type]


def read(client: FakeClient) -> Any:
    return ChannelSecrets(client, retrier()).read(SECRET)  # type: ignore[arg-type]


def test_the_attribute_names_the_one_who_gets_it() -> None:
    client = FakeClient(error("Throttled"), error("InternalError"))
    send(client)
    assert client.published == [
        {
            "TopicArn": TOPIC,
            "Subject": "Subject",
            "Message": LINK,
            "MessageAttributes": {"approver": {"DataType": "String", "StringValue": "olga@example.com"}},
        }
    ]


@pytest.mark.parametrize("code", ["NotFound", "AuthorizationError", "KMSAccessDenied", "InvalidParameter"])
def test_a_topic_that_refuses_is_named_and_the_mail_is_not_quoted(code: str) -> None:
    with pytest.raises(DeliveryFailed) as failure:
        send(FakeClient(error(code, f"Invalid parameter: {LINK}")))
    assert failure.value.message == f"{TOPIC} does not take mail: {code}"
    assert failure.value.__cause__ is None


def test_a_topic_that_stays_busy_is_transient() -> None:
    with pytest.raises(AwsTemporarilyUnavailable):
        send(FakeClient(*[error("Throttled")] * 100))


def test_a_channel_has_a_url_and_perhaps_a_secret() -> None:
    assert read(FakeClient(secret='{"url": "https://a.example"}')).secret is None
    both = read(FakeClient(secret=f'{{"url": "https://a.example", "secret": "{"s" * 32}"}}'))
    assert (both.url, both.secret) == ("https://a.example", "s" * 32)


@pytest.mark.parametrize(
    "content", ["", "https://hooks.slack.com/services/T/B/X", "{}", '{"url": "u", "secret": "short"}']
)
def test_what_is_no_channels_secret_is_refused_and_not_quoted(content: str) -> None:
    with pytest.raises(DeliveryFailed) as failure:
        read(FakeClient(secret=content))
    assert failure.value.__cause__ is None
    assert failure.value.__suppress_context__
    assert "hooks.slack.com" not in failure.value.message
    assert "short" not in failure.value.message


def test_a_secret_that_may_not_be_read_is_named() -> None:
    with pytest.raises(DeliveryFailed, match="tickets-a1B2c3 cannot be read: AccessDeniedException"):
        read(FakeClient(error("AccessDeniedException")))
