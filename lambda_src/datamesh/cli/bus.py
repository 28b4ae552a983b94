"""Commands as an account: on the domain's own bus, as a pipeline in it does. The account is the identity."""

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import typer
from rich.text import Text

from datamesh.aws.domain_bus import DomainBus
from datamesh.cli.config import Profile
from datamesh.cli.output import REFUSED, UNANSWERED, Format, answer, remark
from datamesh.logic.portal.operations import DONE
from datamesh.models.events import CENTRAL_SOURCE, Command


class Said(NamedTuple):
    """What central said about a command: done with these facts, refused, or failed."""

    status: str
    error: str | None
    message: str | None
    field: str | None
    events: list[str]


class Awaited(NamedTuple):
    """What ends the wait for an answer, besides a rejection and a failure.

    `own` is said by the domain's account itself, all else by central. With `request_id` central says it in the flow in
    which access was asked for, and not in that of the command.
    """

    facts: frozenset[str]
    refusals: frozenset[str] = frozenset()
    own: frozenset[str] = frozenset()
    request_id: uuid.UUID | None = None


class Ear(Protocol):
    """What listens."""

    def next(self) -> Iterable[Mapping[str, Any]]:
        """Return what came in since the last time, after a moment."""


class Bus(Protocol):
    """A domain's bus."""

    def put(self, data: Command, correlation_id: uuid.UUID) -> None:
        """Put a command on it."""

    def listening(self, correlation_id: uuid.UUID, *, everything: bool = False) -> AbstractContextManager[Ear]:
        """Hear what is said with a correlation id, or everything."""


def bus_of(profile: Profile) -> Bus:
    """Return the bus of a profile."""
    return DomainBus.of(
        prefix=profile.prefix,
        region=profile.region,
        aws_profile=profile.aws_profile,
        endpoint_url=profile.endpoint_url,
    )


def send(
    bus: Bus, command: Command, *, wait: bool, seconds: int, output: Format, awaited: Awaited | None = None
) -> None:
    """Put a command on a bus and say what came of it; without `awaited` what central first says of it is the answer.

    Ends with 1 when central refused it or its workflow failed, with 2 when nothing came in time.
    """
    correlation_id = uuid.uuid4()
    if not wait:
        bus.put(command, correlation_id)
        _say(command, correlation_id, Said("PENDING", None, None, None, []), output)
        return
    widely = awaited is not None and awaited.request_id is not None
    with bus.listening(correlation_id, everything=widely) as ear:
        bus.put(command, correlation_id)
        said = heard(ear, command, seconds=seconds, correlation_id=correlation_id, awaited=awaited)
    if said is None:
        name = command.detail_type()
        remark(f"datamesh: {name} is not answered after {seconds} s; its correlation id is {correlation_id}")
        raise typer.Exit(UNANSWERED)
    _say(command, correlation_id, said, output)
    if said.status != "SUCCEEDED":
        raise typer.Exit(REFUSED)


def heard(
    ear: Ear,
    command: Command,
    *,
    seconds: float,
    correlation_id: uuid.UUID | None = None,
    awaited: Awaited | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Said | None:
    """Return what is said of a command; None when nothing is in time. Only central's own word counts, but for `own`."""
    deadline, events = clock() + seconds, list[str]()
    ends = awaited or Awaited(DONE[command.detail_type()])
    while clock() < deadline:
        for event in ear.next():
            name, source = str(event.get("detail-type")), event.get("source")
            if ends.request_id is not None and not _is_about(event, correlation_id, ends.request_id):
                continue
            if source != CENTRAL_SOURCE and name not in ends.own:
                continue
            events.append(name)
            if (said := _told(name, event.get("detail", {}).get("data", {}), ends)) is not None:
                return said._replace(events=events)
    return None


def _told(name: str, data: Mapping[str, Any], ends: Awaited) -> Said | None:
    if name in ends.facts or name in ends.own:
        return Said("SUCCEEDED", None, None, None, [])
    if name in ends.refusals:
        return Said(data.get("status", "DENIED"), name, data.get("reason"), None, [])
    if name == "CommandRejected":
        return Said("REJECTED", data.get("code"), data.get("message"), data.get("field"), [])
    if name == "WorkflowFailed":
        return Said("FAILED", data.get("error"), data.get("cause"), None, [])
    return None


def _is_about(event: Mapping[str, Any], correlation_id: uuid.UUID | None, request_id: uuid.UUID) -> bool:
    detail = event.get("detail", {})
    if detail.get("metadata", {}).get("correlation_id") == str(correlation_id):
        return True
    return bool(detail.get("data", {}).get("request_id") == str(request_id))


def _say(command: Command, correlation_id: uuid.UUID, said: Said, output: Format) -> None:
    data = {"command": command.detail_type(), "correlation_id": str(correlation_id), **said._asdict()}

    def words() -> Text:
        text = f"{command.detail_type()}: {said.status}"
        if said.error or said.message:
            text += f": {said.error}: {said.message}" + (f" [{said.field}]" if said.field else "")
        return Text(f"{text} (correlation id {correlation_id})")

    answer(data, output, table=words)
