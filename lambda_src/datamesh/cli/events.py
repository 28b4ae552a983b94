"""`datamesh events`: what happens in the mesh, as it happens."""

import re
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Annotated, Any

import typer
import yaml

from datamesh.aws.domain_bus import READY
from datamesh.cli.bus import bus_of
from datamesh.cli.client import ApiClient, ApiRefused, ApiUnreachable
from datamesh.cli.config import DEFAULT, Profile, ProfileName, profile_of
from datamesh.cli.output import Format, Output, harmless, json_text, remark, unanswered
from datamesh.cli.signing_in import api
from datamesh.cli.whose import domain_or_all
from datamesh.models.api.operations import EventPage, MeshEvent, Operation
from datamesh.models.api.routes import OVERSEERS

app = typer.Typer(no_args_is_help=True, help="What happens in the mesh, as it happens.")

# An event is listed by when it happened, and may come a while later: so far back is looked every time.
OVERLAP = timedelta(minutes=2)
MOST_AT_ONCE = 1_000
MOST_REMEMBERED = 20_000
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# What of an event tells people most.
_TELLING = ("domain", "product", "name", "request_id", "status", "code", "error")


@app.callback()
def _group() -> None:
    """Keep `tail` a command of its own."""


@app.command()
def tail(
    domain: Annotated[
        str | None,
        typer.Option(help="What concerns this domain.", show_default="that of the profile, or the only one you are in"),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Of the whole mesh, for those who oversee it.")] = False,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="AGO|TIME", help="From then on: 10m, 2h, 1d, or 2026-01-31T12:00:00Z.", show_default="now"
        ),
    ] = None,
    correlation_id: Annotated[uuid.UUID | None, typer.Option(help="Of this flow only.", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on until Ctrl-C.")] = True,
    interval: Annotated[float, typer.Option(min=0.5, max=300, help="Seconds between two looks.")] = 3.0,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Print events as they come, one line each; with --output json each is a line of JSON. Ctrl-C ends it.

    With a profile of the mode bus the own bus is listened to, by a rule and a queue that are removed at the end.
    A bus keeps nothing: --since is for the API.

    \b
    datamesh events tail --since 1h                          what was, and what comes
    datamesh events tail --all -o json | jq .detail_type     the whole mesh, for programs
    datamesh events tail --correlation-id … --no-follow      all that came of one command
    """
    chosen = profile_of(profile)
    with _ended_by_hand():
        if chosen.mode == "bus":
            if since is not None or domain is not None or everything or not follow:
                unanswered(
                    "a bus keeps nothing and is one domain's: --since, --domain, --all and --no-follow need the API"
                )
            _listen(chosen, correlation_id, output)
            return
        client, start = api(profile), _start(since)
        if correlation_id is not None:
            look = _flow(client, correlation_id, start if since is not None else None)
        else:
            of = domain_or_all(client, chosen, domain, everything=everything, overseers=OVERSEERS)
            look = _listed(client, of, start)
        _poll(look, output, follow=follow, interval=interval)


@contextmanager
def _ended_by_hand() -> Iterator[None]:
    """End well with Ctrl-C, and when the process is told to end: what was made for listening is removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = None
    # Only the main thread hears signals.
    with suppress(ValueError):
        before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Exit from None
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)


# --- by the API ---


def _poll(
    look: Callable[[], list[MeshEvent]],
    output: Format,
    *,
    follow: bool,
    interval: float,
) -> None:
    """Print what is there and, to follow, what comes. Whoever has been answered once goes on through an outage."""
    known, order = set[uuid.UUID](), deque[uuid.UUID]()
    answered, away = False, False
    while True:
        found: list[MeshEvent] = []
        try:
            found = look()
            answered, away = True, False
        except (ApiUnreachable, ApiRefused) as error:
            passing = isinstance(error, ApiUnreachable) or error.problem.status == 429 or error.problem.status >= 500
            if not (answered and follow and passing):
                raise
            if not away:
                remark(f"datamesh: {error.code}: {error.message}; trying again")
            away = True
        for event in found:
            if event.event_id not in known:
                known.add(event.event_id)
                order.append(event.event_id)
                _print(event.to_json(), output)
        while len(order) > MOST_REMEMBERED:
            known.discard(order.popleft())
        if not follow:
            return
        time.sleep(interval)


def _listed(client: ApiClient, domain: str | None, start: datetime) -> Callable[[], list[MeshEvent]]:
    """Return what looks at the newest events of a domain or of the mesh, back to where events still may come late."""
    floor = start

    def look() -> list[MeshEvent]:
        nonlocal floor
        if domain is None:
            pages = client.pages("list_all_events", EventPage, query={"limit": 100})
        else:
            pages = client.pages("list_events", EventPage, query={"limit": 100}, domain=domain)
        found: list[MeshEvent] = []
        for event in pages:
            if event.occurred_at < floor:
                break
            found.append(event)
            if len(found) >= MOST_AT_ONCE:
                remark(f"datamesh: only the newest {MOST_AT_ONCE} events are shown")
                break
        if found:
            floor = max(floor, found[0].occurred_at - OVERLAP)
        return found[::-1]

    return look


def _flow(client: ApiClient, correlation_id: uuid.UUID, start: datetime | None) -> Callable[[], list[MeshEvent]]:
    """Return what looks at the events of a flow; of one that nothing is known of yet there are none."""
    told = False

    def look() -> list[MeshEvent]:
        nonlocal told
        try:
            events = client.ask("get_operation", Operation, correlation_id=str(correlation_id)).events
        except ApiRefused as error:
            if error.problem.status != 404:
                raise
            if not told:
                remark(f"datamesh: {error.message}")
            told = True
            return []
        return [event for event in events if start is None or event.occurred_at >= start]

    return look


def _start(since: str | None) -> datetime:
    now = datetime.now(UTC)
    if since is None:
        return now
    if (ago := _AGO.fullmatch(since)) is not None:
        return now - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
    try:
        moment = datetime.fromisoformat(since)
    except ValueError:
        unanswered(f"--since: {since} is neither like 10m, 2h or 1d, nor a time like 2026-01-31T12:00:00Z")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


# --- on the own bus ---


def _listen(profile: Profile, correlation_id: uuid.UUID | None, output: Format) -> None:
    bus = bus_of(profile)
    with bus.listening(correlation_id or uuid.uuid4(), everything=correlation_id is None) as ear:
        remark(f"Listening on the bus of {profile.domain}. Ctrl-C ends it.")
        while True:
            for event in ear.next():
                if event.get("detail-type") != READY:
                    _print(_of_bus(event), output)


def _of_bus(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of a bus in the form in which the API has it."""
    detail = event.get("detail", {})
    metadata = detail.get("metadata", {})
    return {
        "event_id": metadata.get("event_id"),
        "detail_type": event.get("detail-type"),
        "source": event.get("source"),
        "account": event.get("account"),
        "occurred_at": metadata.get("occurred_at") or event.get("time"),
        "causation_id": metadata.get("causation_id"),
        "target_account": metadata.get("target_account"),
        "data": detail.get("data", {}),
    }


# --- what is printed ---


def _print(event: Mapping[str, Any], output: Format) -> None:
    """Print an event at once: whoever reads a pipe does not wait for the next ones."""
    if output is Format.JSON:
        text = json_text(event)
    elif output is Format.YAML:
        text = f"---\n{yaml.safe_dump(dict(event), sort_keys=False, allow_unicode=True)}".rstrip("\n")
    else:
        text = _line(event)
    typer.echo(harmless(text))


def _line(event: Mapping[str, Any]) -> str:
    at = str(event["occurred_at"] or "").replace("T", " ")[:19]
    to = f" → {event['target_account']}" if event["target_account"] else ""
    data = event["data"] if isinstance(event["data"], Mapping) else {}
    told = " ".join(f"{name}={_short(data[name])}" for name in _TELLING if data.get(name) is not None)
    # Names come from others: nothing of them moves a terminal's cursor, nor begins a line.
    line = f"{at}  {event['detail_type']}  {event['account']}{to}  {told}".rstrip()
    return "".join(character if character.isprintable() else "?" for character in line)


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        return ".".join(str(value[name]) for name in ("domain", "name") if name in value)
    text = str(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
