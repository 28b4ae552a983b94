"""SNS: mail over a topic whose subscriptions are one address each."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule, error_of
from datamesh.models.errors import DeliveryFailed

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

# The name of the message attribute that the subscriptions' filter policies look at.
APPROVER = "approver"
_BUSY = Rule(
    Handling.RETRY, THROTTLES | HICCUPS | {"Throttled", "KMSThrottling", "KMSThrottlingException"}, budget=10, cap=3
)
_RULES = (_BUSY, *RULES)


class Mail:
    """Gateway to the approval topics, in central and in the domains' accounts."""

    def __init__(self, client: "SNSClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.sns()
        self._retrier = retrier or Retrier()

    def publish(self, topic_arn: str, *, to: str, subject: str, text: str) -> None:
        """Publish for one address: by the attribute, the topic hands the message to this person's subscription alone.

        Raises DeliveryFailed when the topic does not take it (gone, another account's, a key that does not let central
        in): the queue tries again and keeps what nobody mends. AwsTemporarilyUnavailable when SNS stays busy.
        Sources: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html,
        https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
        """
        try:
            self._retrier.run(
                lambda: self._client.publish(
                    TopicArn=topic_arn,
                    Subject=subject,
                    Message=text,
                    MessageAttributes={APPROVER: {"DataType": "String", "StringValue": to}},
                ),
                rules=_RULES,
            )
        except ClientError as error:
            # The code alone: a message of SNS can quote what it was sent.
            raise DeliveryFailed(f"{topic_arn} does not take mail: {error_of(error)[0]}") from None
