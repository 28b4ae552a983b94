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


class Ear(Protocol):
    """What listens."""

    def next(self) -> Iterable[Mapping[str, Any]]:
        """Return what came in since the last time, after a moment."""


class Bus(Protocol):
    """A domain's bus."""

    def put(self, data: Command, correlation_id: uuid.UUID) -> None:
        """Put a command on it."""

    def listening(self, correlation_id: uuid.UUID) -> AbstractContextManager[Ear]:
        """Hear what is said with a correlation id."""


def bus_of(profile: Profile) -> Bus:
    """Return the bus of a profile."""
    return DomainBus.of(
        prefix=profile.prefix,
        region=profile.region,
        aws_profile=profile.aws_profile,
        endpoint_url=profile.endpoint_url,
    )


def send(bus: Bus, command: Command, *, wait: bool, seconds: int, output: Format) -> None:
    """Put a command on a bus and say what came of it.

    Ends with 1 when central refused it or its workflow failed, with 2 when nothing came in time.
    """
    correlation_id = uuid.uuid4()
    if not wait:
        bus.put(command, correlation_id)
        _say(command, correlation_id, Said("PENDING", None, None, None, []), output)
        return
    with bus.listening(correlation_id) as ear:
        bus.put(command, correlation_id)
        said = heard(ear, command, seconds=seconds)
    if said is None:
        name = command.detail_type()
        remark(f"datamesh: {name} is not answered after {seconds} s; its correlation id is {correlation_id}")
        raise typer.Exit(UNANSWERED)
    _say(command, correlation_id, said, output)
    if said.status != "SUCCEEDED":
        raise typer.Exit(REFUSED)


def heard(ear: Ear, command: Command, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> Said | None:
    """Return what central says of a command; None when it says nothing in time. Only central's own word counts."""
    deadline, events = clock() + seconds, list[str]()
    wanted = DONE[command.detail_type()]
    while clock() < deadline:
        for event in ear.next():
            if event.get("source") != CENTRAL_SOURCE:
                continue
            name, data = str(event.get("detail-type")), event.get("detail", {}).get("data", {})
            events.append(name)
            if name in wanted:
                return Said("SUCCEEDED", None, None, None, events)
            if name == "CommandRejected":
                return Said("REJECTED", data.get("code"), data.get("message"), data.get("field"), events)
            if name == "WorkflowFailed":
                return Said("FAILED", data.get("error"), data.get("cause"), None, events)
    return None


def _say(command: Command, correlation_id: uuid.UUID, said: Said, output: Format) -> None:
    data = {"command": command.detail_type(), "correlation_id": str(correlation_id), **said._asdict()}

    def words() -> Text:
        text = f"{command.detail_type()}: {said.status}"
        if said.error or said.message:
            text += f": {said.error}: {said.message}" + (f" [{said.field}]" if said.field else "")
        return Text(f"{text} (correlation id {correlation_id})")

    answer(data, output, table=words)
