"""Commands of the mesh from the command line: how they are waited for, and what is said of their outcome."""

from typing import Annotated, Any

import typer
from rich.text import Text

from datamesh.cli.client import ApiClient, OperationFailed, StillPending
from datamesh.cli.output import REFUSED, UNANSWERED, Format, answer, remark
from datamesh.models.api.base import Accepted
from datamesh.models.api.operations import Operation

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")]
Timeout = Annotated[int, typer.Option(min=1, max=3_600, help="For how many seconds at most.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key", help="Sent again with the same key nothing happens twice.", show_default="a new one"
    ),
]


def settled(client: ApiClient, accepted: Accepted, *, wait: bool, seconds: int, output: Format) -> None:
    """Say what became of a change; ends with 1 when it was refused or failed, with 2 when nothing is known yet."""
    if not wait:
        say(accepted, {"status": "PENDING"}, output)
        return
    found = done(client, accepted, seconds=seconds, output=output)
    say(accepted, {"status": found.status, "events": [event.detail_type for event in found.events]}, output)


def done(client: ApiClient, accepted: Accepted, *, seconds: int, output: Format) -> Operation:
    """Wait for a change and return what became of it; ends the command, and says why, when that is nothing."""
    try:
        return client.outcome(accepted, seconds=seconds)
    except OperationFailed as error:
        said = error.operation
        say(
            accepted,
            {"status": said.status, "error": said.error, "message": said.message, "field": said.field},
            output,
        )
        raise typer.Exit(REFUSED) from error
    except StillPending as error:
        remark(f"datamesh: {error.message}")
        raise typer.Exit(UNANSWERED) from error


def confirmed(question: str, *, yes: bool) -> None:
    """Ask whether somebody means it; ends the command when not."""
    if not yes and not typer.confirm(question, err=True):
        raise typer.Exit(REFUSED)


def say(accepted: Accepted, more: dict[str, Any], output: Format) -> None:
    """Say how a change stands."""
    data = {**accepted.to_json(), **more}

    def words() -> Text:
        said = f"{accepted.command}: {more['status']}"
        if more.get("message"):
            said += f": {more.get('error')}: {more['message']}" + (f" [{more['field']}]" if more.get("field") else "")
        return Text(f"{said} (operation {accepted.correlation_id})")

    answer(data, output, table=words)
