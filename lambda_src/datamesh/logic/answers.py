"""How a step ends: admitted, duplicate, rejected; and the checks that every command passes first."""

import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from datamesh.models.errors import CommandRejection, CommandTooLarge, OccurredInFuture
from datamesh.models.events import Command, Entry, Envelope, EventData, Metadata, make_entry
from datamesh.models.facts import CommandRejected
from datamesh.models.registry import Stamp
from datamesh.models.steps import Json, StepRequest

# A task's input has 256 KiB, and each step takes the command together with results of earlier steps.
# https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
MAX_COMMAND_BYTES = 192 * 1024
# A sender may put anything into a field's name or value, and a step's result has its limit too.
MAX_FIELD = 512
MAX_MESSAGE = 4_096
CLOCK_SKEW = timedelta(minutes=5)
DUPLICATE: Json = {"outcome": "duplicate"}

CommandT = TypeVar("CommandT", bound=Command)


def read_command(request: StepRequest, model: type[CommandT], now: datetime) -> tuple[Envelope, Metadata, CommandT]:
    """Read a command.

    Raises CommandTooLarge, InvalidCommand, OccurredInFuture: all the sender's fault.
    """
    envelope = request.envelope
    size = len(json.dumps(request.event).encode())
    if size > MAX_COMMAND_BYTES:
        raise CommandTooLarge(
            f"The command has {size} bytes, more than {MAX_COMMAND_BYTES}: send fewer tables or examples at once"
        )
    metadata, command = envelope.command(model)
    if metadata.occurred_at > now + CLOCK_SKEW:
        raise OccurredInFuture("occurred_at lies in the future")
    return envelope, metadata, command


def stamp_of(metadata: Metadata) -> Stamp:
    """Return when and by which event something was said."""
    return Stamp(occurred_at=metadata.occurred_at, event_id=metadata.event_id)


def answering(request: StepRequest, now: datetime, act: Callable[[], Json]) -> Json:
    """Run a step and turn a rejection into its outcome."""
    try:
        return act()
    except CommandRejection as rejection:
        return rejected(request.envelope, rejection, now)


def rejected(envelope: Envelope, rejection: CommandRejection, now: datetime) -> Json:
    """Return the outcome `rejected` with the answer to the account that sent the command."""
    data = envelope.detail.get("data")
    asked: dict[str, Any] = data if isinstance(data, dict) else {}
    fact = CommandRejected(
        command=envelope.detail_type,
        domain=_text(asked.get("domain")),
        code=rejection.code,
        message=rejection.message[:MAX_MESSAGE],
        field=rejection.field[:MAX_FIELD] if rejection.field is not None else None,
        request_id=_uuid(asked.get("request_id")),
    )
    cause = envelope.metadata_or_substitute()
    entries = [make_entry(fact, cause=cause, now=now, target_account=envelope.account)]
    entries += [
        make_entry(each, cause=cause, now=now, discriminator=str(number))
        for number, each in enumerate(rejection.follow_ups)
        if isinstance(each, EventData)
    ]
    reason = rejection.message[:MAX_MESSAGE]
    shown = [entry.to_json() for entry in entries]
    return {"outcome": "rejected", "code": rejection.code, "reason": reason, "entries": shown}


def entries_of(metadata: Metadata, now: datetime, target_account: str, *facts: EventData) -> list[Json]:
    """Return the entries that tell one account what follows from a command."""
    entries: list[Entry] = [make_entry(fact, cause=metadata, now=now, target_account=target_account) for fact in facts]
    return [entry.to_json() for entry in entries]


def error_text(request: StepRequest) -> str:
    """Return what a state machine caught, in one line."""
    error = request.payload.get("error")
    caught: dict[str, Any] = error if isinstance(error, dict) else {}
    return f"{caught.get('State', '?')}: {caught.get('Error', 'unknown error')}: {caught.get('Cause', '')}"


def _text(value: object) -> str:
    return value[:128] if isinstance(value, str) else ""


def _uuid(value: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
