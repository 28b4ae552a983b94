"""Turns the failure of one of the mesh's executions into WorkflowFailed."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from datamesh.models.errors import InvalidEvent
from datamesh.models.events import EVENT_NAMESPACE, Entry, Envelope, Metadata, describe, make_entry
from datamesh.models.executions import STATUS_CHANGE, ExecutionStatusChange
from datamesh.models.facts import MAX_CAUSE, WorkflowFailed

MAX_ERROR_NAME = 256
CUT = "…"


def failure_entry(envelope: Envelope, *, account_id: str, source: str, now: datetime) -> Entry:
    """Return what to publish about the end of an execution.

    Its correlation id is the one of the event that started the execution, so that the failure shows up in its flow.
    The event id follows from the execution and how often it was redriven: the same end, reported twice, is one event.
    Raises InvalidEvent when the event is not about an execution of this account.
    """
    if envelope.detail_type != STATUS_CHANGE or envelope.source != "aws.states" or envelope.account != account_id:
        raise InvalidEvent(f"Not an execution of this account: {envelope.detail_type} from {envelope.account}")
    try:
        change = ExecutionStatusChange.model_validate(envelope.detail)
        failed = WorkflowFailed.model_validate(
            {
                "workflow": change.state_machine,
                "execution_arn": change.execution_arn,
                "status": change.status,
                "error": _cut(change.error, MAX_ERROR_NAME),
                "cause": _cut(change.cause, MAX_CAUSE),
            }
        )
    except ValidationError as error:
        raise InvalidEvent(f"Not the failure of an execution: {describe(error)}") from error
    known = cause_of_execution(change.input_object)
    entry = make_entry(
        failed,
        cause=known or _substitute(change.execution_arn, now),
        now=now,
        source=source,
        discriminator=f"{change.execution_arn}/{change.redrive_count or 0}",
    )
    if known is not None:
        return entry
    # Nothing is known of what caused it, and a made-up id must not look like an event's.
    metadata = {**entry.detail["metadata"], "causation_id": None}
    return entry.model_copy(update={"detail": {**entry.detail, "metadata": metadata}})


def cause_of_execution(execution_input: Mapping[str, Any]) -> Metadata | None:
    """Return the metadata of what started an execution: a mesh event, or the end of another workflow."""
    detail = execution_input.get("detail")
    if not isinstance(detail, Mapping):
        return None
    try:
        if "metadata" in detail:
            return Metadata.model_validate(detail["metadata"])
        if execution_input.get("detail-type") == STATUS_CHANGE:
            earlier = ExecutionStatusChange.model_validate(detail)
            result = earlier.output_object
            if "correlation_id" in result and "event_id" in result:
                return Metadata(
                    event_id=result["event_id"],
                    correlation_id=result["correlation_id"],
                    occurred_at=execution_input["time"],
                )
            return cause_of_execution(earlier.input_object)
    except (ValidationError, KeyError):
        return None
    return None


def _substitute(execution_arn: str, now: datetime) -> Metadata:
    derived = uuid.uuid5(EVENT_NAMESPACE, execution_arn)
    return Metadata(event_id=derived, correlation_id=derived, occurred_at=now)


def _cut(text: str | None, length: int) -> str | None:
    if text is None or len(text) <= length:
        return text
    return text[: length - len(CUT)] + CUT
