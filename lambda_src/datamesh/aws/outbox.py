"""SQS: the outbox, the queue of what people are to be told."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule
from datamesh.models.errors import DeliveryFailed
from datamesh.models.notifications import Notification

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html: at most 10 entries.
# A notification has less than 8 KB, so that ten of them stay far below the size of a batch.
MAX_ENTRIES = 10
_BUSY = Rule(
    Handling.RETRY, THROTTLES | HICCUPS | {"RequestThrottled", "KmsThrottled", "KMS.ThrottlingException"}, budget=60
)
_RULES = (_BUSY, *RULES)


class Outbox:
    """Gateway to the outbox.

    A standard queue: a message may arrive twice and in any order, so that whoever sends looks whether it was sent.
    """

    def __init__(self, queue_url: str, client: "SQSClient | None" = None, retrier: Retrier | None = None) -> None:
        self._queue_url = queue_url
        self._client = client or clients.sqs()
        self._retrier = retrier or Retrier()

    def put(self, notifications: Sequence[Notification]) -> None:
        """Queue all; the answer's failed entries are sent again, alone. Putting the same once more is harmless.

        Raises DeliveryFailed when SQS refuses an entry for good, AwsTemporarilyUnavailable when it stays busy.
        """
        for batch in _batches(notifications):
            pending = {
                str(number): {"Id": str(number), "MessageBody": json.dumps(notification.to_json())}
                for number, notification in enumerate(batch)
            }
            attempt, waited = 0, 0.0
            while pending:
                entries = list(pending.values())
                answer = self._retrier.run(
                    partial(self._client.send_message_batch, QueueUrl=self._queue_url, Entries=cast("Any", entries)),
                    rules=_RULES,
                )
                failed = answer.get("Failed", [])
                if refused := [entry for entry in failed if entry["SenderFault"]]:
                    problems = [f"{entry['Code']}: {entry.get('Message', '')}" for entry in refused]
                    raise DeliveryFailed(f"The outbox does not take {'; '.join(problems)}")
                pending = {entry["Id"]: pending[entry["Id"]] for entry in failed}
                if failed:
                    problem = f"{failed[0]['Code']}: {failed[0].get('Message', '')}"
                    waited += self._retrier.pause(_BUSY, attempt, waited, problem)
                    attempt += 1


def _batches(notifications: Sequence[Notification]) -> Iterator[Sequence[Notification]]:
    for start in range(0, len(notifications), MAX_ENTRIES):
        yield notifications[start : start + MAX_ENTRIES]
