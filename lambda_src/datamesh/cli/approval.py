"""`datamesh approval`: what waits for you, what it would expose, and your decision."""

import re
import uuid
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from datamesh.cli.access_tables import facts_table, sheet, stages_table, subject, when
from datamesh.cli.client import ApiClient
from datamesh.cli.commanding import Key, confirmed
from datamesh.cli.config import DEFAULT, ProfileName
from datamesh.cli.output import REFUSED, Format, Output, answer, aside, remark, unanswered
from datamesh.cli.signing_in import api
from datamesh.models.api.requests import (
    ApprovalDetail,
    ApprovalLink,
    ApprovalPage,
    ApprovalSummary,
    DecisionGiven,
    DecisionTaken,
    ExposedTable,
    RequestDetail,
)
from datamesh.models.approvals import MAX_COMMENT, Decision

app = typer.Typer(no_args_is_help=True, help="Requests that wait for your decision.")

Request = Annotated[uuid.UUID, typer.Argument(metavar="REQUEST_ID", help="A request.", show_default=False)]
Stage = Annotated[
    int | None, typer.Option(min=0, help="Number of the stage.", show_default="the one that waits for you")
]
Comment = Annotated[str, typer.Option(help="Why; kept in the ledger, and told to who asked.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Digest = Annotated[
    str | None,
    typer.Option(
        help="Decide only on what `show` gave this digest; else it is refused.", show_default="what stands now"
    ),
]
# Of the portal's pages, and of those that central has without a portal.
_LINK = re.compile(r"/(?:approval-links|approvals)/([A-Za-z0-9_-]+)/?$")


@app.command("list")
def list_approvals(
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 50,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """List what waits for your decision, the nearest deadline first."""
    found: list[ApprovalSummary] = list(api(profile).pages("list_approvals", ApprovalPage, most=limit))
    answer([each.to_json() for each in found], output, table=lambda: _listed(found))


@app.command()
def show(
    request_id: Request, stage: Stage = None, profile: ProfileName = DEFAULT, output: Output = Format.TABLE
) -> None:
    """Show what somebody asks for: what it would expose, and what of that the consumer can read already."""
    client = api(profile)
    found = _approval(client, request_id, stage)
    answer(found.to_json(), output, table=lambda: approval_table(found))


@app.command("open")
def open_link(
    link: Annotated[str, typer.Argument(help="The link in the mail that asks for your decision.", show_default=False)],
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Show what the link out of a mail is about. The link itself is not called: it decides nothing here."""
    place = _LINK.search(urlsplit(link).path)
    if place is None:
        unanswered("that is no link of an approval: it ends like /approval-links/<id>?signature=…")
    client = api(profile)
    found = client.ask("find_approval_link", ApprovalLink, link_id=place[1])
    detail = _approval(client, found.request_id, found.number)
    answer(detail.to_json(), output, table=lambda: approval_table(detail))
    if detail.may_decide:
        remark(f"To decide: datamesh approval approve|deny {found.request_id} --stage {found.number}")


@app.command()
def approve(
    request_id: Request,
    comment: Comment = "",
    stage: Stage = None,
    digest: Digest = None,
    *,
    yes: Yes = False,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Agree to a request, after it is shown once more. Ends with 1 when the vote is not taken."""
    said = _Said("APPROVE", comment, stage, digest)
    _decide(api(profile), request_id, said, yes=yes, key=idempotency_key, output=output)


@app.command()
def deny(
    request_id: Request,
    comment: Comment = "",
    stage: Stage = None,
    digest: Digest = None,
    *,
    yes: Yes = False,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Refuse a request, after it is shown once more. Ends with 1 when the vote is not taken."""
    said = _Said("DENY", comment, stage, digest)
    _decide(api(profile), request_id, said, yes=yes, key=idempotency_key, output=output)


class _Said(NamedTuple):
    decision: Decision
    comment: str
    stage: int | None
    digest: str | None


def _decide(
    client: ApiClient, request_id: uuid.UUID, said: _Said, *, yes: bool, key: str | None, output: Format
) -> None:
    decision, comment, stage, digest = said
    if len(comment) > MAX_COMMENT:
        unanswered(f"--comment: at most {MAX_COMMENT} characters, got {len(comment)}")
    seen = _approval(client, request_id, stage)
    if not seen.may_decide:
        remark(f"datamesh: {seen.why_not or 'this is not yours to decide'}")
        raise typer.Exit(REFUSED)
    if not yes:
        aside(approval_table(seen))
        confirmed("Shall this be shown to them?" if decision == "APPROVE" else "Shall this be refused?", yes=False)
    given = DecisionGiven(decision=decision, comment=comment, digest=digest or seen.digest)
    taken = client.settle("decide", DecisionTaken, given, key=key, request_id=str(request_id), number=str(seen.number))
    answer(
        taken.to_json(),
        output,
        table=lambda: Text(
            f"{decision} is noted; the stage {seen.name} of the request {request_id} is {taken.status}."
        ),
    )


def _approval(client: ApiClient, request_id: uuid.UUID, stage: int | None) -> ApprovalDetail:
    number = _waiting(client, request_id) if stage is None else stage
    return client.ask("get_approval", ApprovalDetail, request_id=str(request_id), number=str(number))


def _waiting(client: ApiClient, request_id: uuid.UUID) -> int:
    """Return the stage of a request that waits for the person, or else its last one."""
    for each in client.pages("list_approvals", ApprovalPage):
        if each.request_id == request_id:
            return int(each.number)
    stages = client.ask("get_request", RequestDetail, request_id=str(request_id)).stages
    if not stages:
        unanswered(f"nobody was asked to decide on {request_id}")
    return max(each.number for each in stages)


def _listed(approvals: list[ApprovalSummary]) -> RenderableType:
    if not approvals:
        return Text("Nothing waits for you.")
    table = sheet("request", "stage", "who asks", "for what", "why", "sensitive", "until")
    for each in approvals:
        who = f"{each.domain} ({each.requested_by})" if each.requested_by else each.domain
        texts = (str(each.request_id), each.name, who, subject(each.product, each.expression), each.justification)
        table.add_row(*map(Text, texts), "yes" if each.sensitive else "", when(each.deadline))
    return table


def approval_table(found: ApprovalDetail) -> RenderableType:
    """Return all that somebody needs to decide."""
    head = facts_table(
        {
            "request": str(found.request_id),
            "stage": f"{found.number}, {found.name}: {found.status}",
            "who asks": f"{found.domain} ({found.requested_by})" if found.requested_by else found.domain,
            "who would read": "\n".join(found.principals),
            "what": subject(found.product, found.expression),
            "why": found.justification,
            "purpose": found.purpose,
            "how long": "without end" if found.duration_days is None else f"{found.duration_days} days",
            "sensitive": "\n".join(found.reasons) if found.sensitive else None,
            "until": when(found.deadline),
            "digest": found.digest,
        }
    )
    exposed = sheet("table", "columns", "sensitive", "rows", "not shown", title="What it would expose")
    for each in found.exposed:
        exposed.add_row(
            Text(each.name), _columns(each), *map(Text, (", ".join(each.sensitive), each.rows or "all", _hidden(each)))
        )
    parts: list[RenderableType] = [head, exposed]
    if any(each.already for each in found.exposed):
        parts.append(Text("Columns with = they can read already."))
    parts.append(stages_table(found.stages))
    parts.append(Text("You may decide on it." if found.may_decide else found.why_not or "It is not yours to decide."))
    return Group(*parts)


def _columns(table: ExposedTable) -> Text:
    names = [f"= {name}" if name in table.already else f"+ {name}" for name in table.columns]
    if (more := table.column_count - len(table.columns)) > 0:
        names.append(f"… and {more} more")
    return Text("\n".join(names) or "none yet")


def _hidden(table: ExposedTable) -> str:
    return "\n".join(table.hidden)
