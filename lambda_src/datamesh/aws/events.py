"""EventBridge: publishes mesh events and keeps the routing rule of each domain."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, THROTTLES, Handling, Retrier, Rule
from datamesh.models.errors import PublishFailed, RoutingFailed
from datamesh.models.events import Entry

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_ENTRIES = 10
_RETRY = Rule(Handling.RETRY, THROTTLES | HICCUPS, budget=60, cap=10)


class EventBus:
    """Gateway to one event bus."""

    def __init__(self, name: str, client: "EventBridgeClient | None" = None, retrier: Retrier | None = None) -> None:
        self._name = name
        self._client = client or clients.events()
        self._retrier = retrier or Retrier()

    def publish(self, entries: Sequence[Entry]) -> None:
        """Publish all entries; the answer's failed entries are sent again, alone.

        Raises PublishFailed when EventBridge refuses an entry for good, AwsTemporarilyUnavailable when it stays busy.
        Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
        """
        for batch in _batches(entries):
            pending = [
                {
                    "Source": entry.source,
                    "DetailType": entry.detail_type,
                    "Detail": json.dumps(entry.detail, separators=(",", ":")),
                    "EventBusName": self._name,
                }
                for entry in batch
            ]
            attempt, waited = 0, 0.0
            while pending:
                sent = list(pending)
                answer = self._retrier.run(partial(self._client.put_events, Entries=cast("Any", sent)))
                failed = [
                    (entry, result)
                    for entry, result in zip(sent, answer.get("Entries", []), strict=True)
                    if result.get("ErrorCode")
                ]
                refused = [
                    f"{entry['DetailType']}: {result.get('ErrorCode')}: {result.get('ErrorMessage')}"
                    for entry, result in failed
                    if not _RETRY.matches(result.get("ErrorCode", ""), "")
                ]
                if refused:
                    raise PublishFailed("; ".join(refused))
                pending = [entry for entry, _ in failed]
                if pending:
                    problem = f"{failed[0][1].get('ErrorCode')}: {failed[0][1].get('ErrorMessage')}"
                    waited += self._retrier.pause(_RETRY, attempt, waited, problem)
                    attempt += 1

    def ensure_route(
        self,
        *,
        rule: str,
        description: str,
        pattern: Mapping[str, Any],
        target_id: str,
        target_arn: str,
        role_arn: str,
        dead_letter_arn: str,
    ) -> None:
        """Create or update a rule that forwards to another account's bus. Both calls replace, so repeating is harmless.

        Raises RoutingFailed when EventBridge does not take the target.
        Source: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
        """
        self._retrier.run(
            lambda: self._client.put_rule(
                Name=rule,
                EventBusName=self._name,
                Description=description,
                EventPattern=json.dumps(pattern, separators=(",", ":"), sort_keys=True),
                State="ENABLED",
            )
        )
        answer = self._retrier.run(
            lambda: self._client.put_targets(
                Rule=rule,
                EventBusName=self._name,
                Targets=[
                    {
                        "Id": target_id,
                        "Arn": target_arn,
                        "RoleArn": role_arn,
                        "DeadLetterConfig": {"Arn": dead_letter_arn},
                    }
                ],
            )
        )
        if answer.get("FailedEntryCount", 0):
            problems = [f"{entry.get('ErrorCode')}: {entry.get('ErrorMessage')}" for entry in answer["FailedEntries"]]
            raise RoutingFailed(f"{rule}: {'; '.join(problems)}")

    def remove_route(self, rule: str, target_id: str) -> None:
        """Remove a rule with its one target; one that is gone counts as removed.

        Raises RoutingFailed when EventBridge keeps a target.
        Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html
        """
        with suppress(self._client.exceptions.ResourceNotFoundException):
            answer = self._retrier.run(
                lambda: self._client.remove_targets(Rule=rule, EventBusName=self._name, Ids=[target_id])
            )
            if answer.get("FailedEntryCount", 0):
                problems = [
                    f"{entry.get('ErrorCode')}: {entry.get('ErrorMessage')}" for entry in answer["FailedEntries"]
                ]
                raise RoutingFailed(f"{rule}: {'; '.join(problems)}")
        with suppress(self._client.exceptions.ResourceNotFoundException):
            self._retrier.run(lambda: self._client.delete_rule(Name=rule, EventBusName=self._name))


def _batches(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for start in range(0, len(entries), MAX_ENTRIES):
        yield entries[start : start + MAX_ENTRIES]
