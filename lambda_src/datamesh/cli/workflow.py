"""`datamesh workflow`: what central's workflows do, step by step, and starting a failed one again."""

from datetime import datetime
from typing import Annotated, NamedTuple, get_args

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from datamesh.cli.access_tables import facts_table, sheet, when
from datamesh.cli.client import ApiRefused
from datamesh.cli.commanding import Key, Timeout, Wait, say
from datamesh.cli.config import DEFAULT, ProfileName, profile_of
from datamesh.cli.output import REFUSED, UNANSWERED, Format, Output, answer, remark, unanswered
from datamesh.cli.signing_in import api
from datamesh.cli.whose import domain_or_all
from datamesh.models.api.base import Accepted
from datamesh.models.api.operations import ExecutionDetail, ExecutionPage, ExecutionStatus, ExecutionSummary
from datamesh.models.api.routes import OVERSEERS

app = typer.Typer(no_args_is_help=True, help="Central's workflows: what ran, how it ended, and again.")

Execution = Annotated[
    str, typer.Argument(metavar="WORKFLOW:NAME", help="An execution, as `list` has it.", show_default=False)
]


class Moment(NamedTuple):
    """Something on the timeline of an execution."""

    at: datetime
    what: str
    status: str
    more: str


@app.command("list")
def list_executions(
    domain: Annotated[
        str | None,
        typer.Option(help="What concerns this domain.", show_default="that of the profile, or the only one you are in"),
    ] = None,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Of the whole mesh, for those who oversee it.")] = False,
    status: Annotated[
        str | None, typer.Option(help="Only those that stand so, like FAILED.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """List executions, the newest first.

    \b
    datamesh workflow list --status FAILED        what of ours has failed?
    datamesh workflow list --all                  everything that runs in central
    """
    wanted = status.upper() if status is not None else None
    if wanted is not None and wanted not in get_args(ExecutionStatus):
        unanswered(f"--status: {status} is none of {', '.join(get_args(ExecutionStatus))}")
    client = api(profile)
    of = domain_or_all(client, profile_of(profile), domain, everything=everything, overseers=OVERSEERS)
    query = {"status": wanted, "limit": min(limit, 200)}
    if of is None:
        pages = client.pages("list_all_executions", ExecutionPage, most=limit, query=query)
    else:
        pages = client.pages("list_executions", ExecutionPage, most=limit, query=query, domain=of)
    found: list[ExecutionSummary] = list(pages)
    answer([each.to_json() for each in found], output, table=lambda: _listed(found))


@app.command()
def show(execution: Execution, profile: ProfileName = DEFAULT, output: Output = Format.TABLE) -> None:
    """Show an execution as a timeline: the steps that it went through, and the events of its flow."""
    found = api(profile).ask("get_execution", ExecutionDetail, execution_id=execution)
    answer(found.to_json(), output, table=lambda: _detail(found))


@app.command()
def retry(  # noqa: PLR0917 - options have no order
    execution: Execution,
    wait: Wait = True,
    timeout: Timeout = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Start an execution again that has failed, with its own input; for operators.

    Ends with 1 when it fails again, and with 2 when nothing is known in time.
    """
    client = api(profile)
    accepted = client.change("retry_execution", key=idempotency_key, execution_id=execution)
    again = accepted.execution_id
    if not wait or again is None:
        say(accepted, {"status": "PENDING"}, output)
        return

    def look() -> ExecutionDetail | None:
        try:
            found = client.ask("get_execution", ExecutionDetail, execution_id=again)
        except ApiRefused as error:
            # It is not recorded yet.
            if error.problem.status == 404:
                return None
            raise
        return None if found.status == "RUNNING" else found

    ended = client.until(look, seconds=timeout)
    if ended is None:
        remark(f"datamesh: {again} has not ended after {timeout} s: `datamesh workflow show {again}`")
        raise typer.Exit(UNANSWERED)
    _say(accepted, ended, output)
    if ended.status != "SUCCEEDED":
        raise typer.Exit(REFUSED)


def _say(accepted: Accepted, ended: ExecutionDetail, output: Format) -> None:
    data = {**accepted.to_json(), "status": ended.status, "error": ended.error, "cause": ended.cause}

    def words() -> Text:
        failure = f": {ended.error}: {ended.cause}" if ended.error or ended.cause else ""
        return Text(f"{ended.execution_id}: {ended.status}{failure}")

    answer(data, output, table=words)


def _listed(executions: list[ExecutionSummary]) -> RenderableType:
    if not executions:
        return Text("Nothing ran.")
    table = sheet("execution", "about", "status", "began", "took", "error")
    for each in executions:
        about = " ".join(part for part in (each.domain, each.subject) if part)
        texts = (each.execution_id, about, each.status, when(each.started_at), _took(each), each.error or "")
        table.add_row(*map(Text, texts))
    return table


def _took(execution: ExecutionSummary) -> str:
    if execution.stopped_at is None:
        return ""
    return f"{(execution.stopped_at - execution.started_at).total_seconds():.1f} s"


def _detail(execution: ExecutionDetail) -> RenderableType:
    head = facts_table(
        {
            "execution": execution.execution_id,
            "status": execution.status,
            "error": execution.error,
            "cause": execution.cause,
            "domain": execution.domain,
            "about": execution.subject,
            "started by": execution.started_by.detail_type if execution.started_by is not None else None,
            "correlation id": str(execution.correlation_id) if execution.correlation_id is not None else None,
            "took": _took(execution),
        }
    )
    table = sheet("when", "what", "status", "", title="What happened")
    for each in timeline(execution):
        texts = (each.at.strftime("%H:%M:%S.%f")[:-3], each.what, each.status, each.more)
        table.add_row(*map(Text, texts))
    parts: list[RenderableType] = [head, table]
    if execution.may_retry:
        parts.append(Text(f"You may start it again: datamesh workflow retry {execution.execution_id}"))
    return Group(*parts)


def timeline(execution: ExecutionDetail) -> list[Moment]:
    """Return the steps and events of an execution in the order in which they happened."""
    steps = [
        Moment(
            step.entered_at,
            step.name,
            step.status,
            ": ".join(part for part in (step.error, step.cause) if part) or step.type,
        )
        for step in execution.steps
    ]
    events = [
        Moment(
            event.occurred_at,
            f"» {event.detail_type}",
            "",
            f"from {event.account}" + (f" to {event.target_account}" if event.target_account else ""),
        )
        for event in execution.events
    ]
    return sorted([*steps, *events], key=lambda moment: moment.at)
