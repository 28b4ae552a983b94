"""The dead-letter queue of a target: where an event goes that could not be delivered.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from sandbox import adapter
from sandbox.api import AwsError
from sandbox.events import access, inputs, targets
from sandbox.events.model import DeliveryError, Event, Rule

ExhaustedCondition = Literal["MaximumRetryAttempts", "MaximumEventAgeInSeconds"]


def queue_of(target: Mapping[str, Any]) -> str | None:
    """The ARN of the target's dead-letter queue."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    return str(arn) if arn else None


def send(
    event: Event,
    rule: Rule,
    target: Mapping[str, Any],
    error: DeliveryError,
    *,
    retries: int,
    exhausted: ExhaustedCondition | None,
) -> None:
    """Put the event, as it matched the rule, into the target's dead-letter queue.

    EventBridge writes as itself, so the queue's own policy must let `events.amazonaws.com` in for this rule. Raises
    `DeliveryError` when it may not or there is no such queue: the event is lost then.
    """
    queue = queue_of(target)
    if queue is None:
        raise DeliveryError("NO_RESOURCE", "The target has no dead-letter queue")
    attributes = {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": str(target.get("Arn", "")),
        "ERROR_CODE": error.code,
        "ERROR_MESSAGE": error.message or error.code,
    }
    if retries or exhausted:
        attributes["RETRY_ATTEMPTS"] = str(retries)
    if exhausted:
        attributes["EXHAUSTED_RETRY_CONDITION"] = exhausted
    body = json.dumps(event.envelope())
    if rule.scheduled:
        body = inputs.payload(event, rule, target)
        attributes |= {
            "SCHEDULE_ARN": attributes.pop("RULE_ARN"),
            "EXECUTION_ID": event.id,
            "SCHEDULED_TIME": event.envelope()["time"],
            "RETRY_ATTEMPTS": str(retries),
            "IS_PAYLOAD_TRUNCATED": "false",
        }
    message = {
        "MessageBody": body,
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()},
    }
    # EventBridge Scheduler writes with the schedule's role: https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    role = str(target.get("RoleArn", "")) if rule.scheduled else None
    access.require_action(role, "sqs:SendMessage", queue, rule, adapter.queue_policy(queue), across_accounts=True)
    try:
        targets.send_message(queue, message, rule, with_role=bool(role))
    except AwsError as refused:
        raise targets.delivery_error(refused) from refused
