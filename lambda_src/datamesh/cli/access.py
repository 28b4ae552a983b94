"""`datamesh access`: ask to read something, see what comes of it, keep it, give it back."""

import uuid
from typing import Annotated, get_args

import typer

from datamesh.cli import access_options as options
from datamesh.cli.access_tables import preview_table, request_table, requests_table
from datamesh.cli.bus import Awaited, bus_of, send
from datamesh.cli.client import ApiClient
from datamesh.cli.commanding import Key, Timeout, confirmed, done, say, settled
from datamesh.cli.commanding import Wait as WaitForCommand
from datamesh.cli.config import DEFAULT, Profile, ProfileName, profile_of
from datamesh.cli.output import OK, REFUSED, UNANSWERED, Format, Output, answer, remark, unanswered
from datamesh.cli.signing_in import api
from datamesh.cli.whose import domain_of
from datamesh.models.api.base import Accepted
from datamesh.models.api.requests import (
    AccessPreview,
    AccessRequest,
    EndingReason,
    Extension,
    RequestDetail,
    RequestPage,
    RequestSummary,
)
from datamesh.models.commands import ExtendDataProductAccess, RequestDataProductAccess, RevokeDataProductAccess
from datamesh.models.registry import RequestStatus

app = typer.Typer(no_args_is_help=True, help="Access to products of others: ask for it, keep it, give it back.")

# Of these nothing comes any more but by a new request.
REFUSALS = frozenset({"DENIED", "EXPIRED", "CANCELLED", "REVOKING", "REVOKED", "REJECTED", "FAILED"})
# Longer than the others: people decide.
Patience = Annotated[int, typer.Option("--timeout", min=1, max=30 * 86_400, help="Wait so many seconds at most.")]
Wait = Annotated[
    bool | None,
    typer.Option(
        "--wait/--no-wait",
        help="Wait until it is granted and ready, or refused; or do not wait at all.",
        show_default="until central has taken it",
    ),
]
Request = Annotated[uuid.UUID, typer.Argument(metavar="REQUEST_ID", help="A request.", show_default=False)]
Justification = Annotated[str, typer.Option(help="Why; read by those who decide.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; kept in the ledger.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def request(  # noqa: PLR0917 - options have no order
    product: options.Product = None,
    principals: options.Principals = ...,  # type: ignore[assignment]  # typer's way to say that it is needed
    justification: Justification = ...,  # type: ignore[assignment]
    tables: options.Tables = None,
    columns: options.Columns = None,
    rows: options.Rows = None,
    *,
    later_tables: options.LaterTables = False,
    tag: options.TagChoice = None,
    purpose: options.Purpose = None,
    days: options.Days = None,
    domain: options.Domain = None,
    wait: Wait = None,
    timeout: Patience = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Ask to read a product, tables, columns or rows of it, or whatever carries certain LF-tags.

    Ends with 0 when it was taken (with --wait: when it is ready), and with 1 when it is refused or denied.
    Ends with 2 when nothing is known in time: `access wait` goes on waiting.

    \b
    datamesh access request sales.departures --principal arn:aws:iam::333333333333:role/analyst \\
      --table flights --columns flights=carrier,dep_delay --rows "flights=origin = 'JFK'" \\
      --days 30 --justification "Delays by carrier"
    datamesh access request --tag lob=sales --tag confidentiality=non-sensitive --principal … --justification …
    """
    asked = options.wanted(
        product,
        tables=tables,
        columns=columns,
        rows=rows,
        later_tables=later_tables,
        tags=tag,
        principals=principals,
        purpose=purpose,
        days=days,
        justification=justification,
    )
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        command = options.complete(
            RequestDataProductAccess,
            {**asked, "request_id": uuid.uuid4(), "domain": domain or chosen.domain, "requested_by": chosen.email},
        )
        remark(f"The request is {command.request_id}.")
        ready = Awaited(
            facts=frozenset(),
            refusals=frozenset({"DataProductAccessDenied"}),
            own=frozenset({"DataProductAccessProvisioned"}),
        )
        send(
            bus_of(chosen),
            command,
            wait=wait is not False,
            seconds=timeout,
            output=output,
            awaited=ready if wait else None,
        )
        return
    client = api(profile)
    body = options.complete(AccessRequest, {**asked, "domain": domain_of(client, chosen, domain)})
    _taken(client, client.change("request_access", body, key=idempotency_key), wait, timeout, output)


@app.command()
def preview(  # noqa: PLR0917 - options have no order
    product: options.Product = None,
    principals: options.Principals = ...,  # type: ignore[assignment]
    justification: Annotated[str, typer.Option(help="Why; nobody reads it yet.")] = "a preview",
    tables: options.Tables = None,
    columns: options.Columns = None,
    rows: options.Rows = None,
    *,
    later_tables: options.LaterTables = False,
    tag: options.TagChoice = None,
    purpose: options.Purpose = None,
    days: options.Days = None,
    domain: options.Domain = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Say what a request would show and who would have to agree, without asking anybody.

    Takes the options of `access request`. Ends with 1 when the request would be refused.
    """
    asked = options.wanted(
        product,
        tables=tables,
        columns=columns,
        rows=rows,
        later_tables=later_tables,
        tags=tag,
        principals=principals,
        purpose=purpose,
        days=days,
        justification=justification,
    )
    client = api(profile)
    body = options.complete(AccessRequest, {**asked, "domain": domain_of(client, profile_of(profile), domain)})
    found = client.ask("preview_access", AccessPreview, body=body)
    answer(found.to_json(), output, table=lambda: preview_table(found))
    raise typer.Exit(REFUSED if found.outcome == "REJECTED" else OK)


@app.command("list")
def list_requests(
    domain: options.Domain = None,
    status: Annotated[
        list[str] | None, typer.Option(help="Only those that stand so, like PENDING.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Look at so many at most, the newest ones.")] = 50,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """List what a domain has asked for, the newest first."""
    wanted = {each.upper() for each in status or ()}
    if strange := sorted(wanted - set(get_args(RequestStatus))):
        unanswered(f"--status: {strange[0]} is none of {', '.join(get_args(RequestStatus))}")
    client = api(profile)
    of = domain_of(client, profile_of(profile), domain)
    found: list[RequestSummary] = [
        each
        for each in client.pages("list_requests", RequestPage, most=limit, query={"limit": min(limit, 200)}, domain=of)
        if not wanted or each.status in wanted
    ]
    answer([each.to_json() for each in found], output, table=lambda: requests_table(found))


@app.command()
def show(request_id: Request, profile: ProfileName = DEFAULT, output: Output = Format.TABLE) -> None:
    """Show a request: what was asked, who decides or has decided, and what has become of it."""
    found = _request(api(profile), request_id)
    answer(found.to_json(), output, table=lambda: request_table(found))


@app.command()
def wait(
    request_id: Request, timeout: Patience = 300, profile: ProfileName = DEFAULT, output: Output = Format.TABLE
) -> None:
    """Wait until a request is granted and ready (0), or refused, denied, taken back or over (1); else end with 2."""
    _ended(api(profile), request_id, timeout, output)


@app.command()
def cancel(  # noqa: PLR0917 - options have no order
    request_id: Request,
    reason: Reason,
    wait_for_it: WaitForCommand = True,
    timeout: Timeout = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Take a request back that waits for a decision."""
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        # Central says so in the flow of the request that is taken back.
        taken_back = Awaited(frozenset({"DataProductAccessDenied"}), request_id=request_id)
        command = _revocation(request_id, chosen, reason)
        send(bus_of(chosen), command, wait=wait_for_it, seconds=timeout, output=output, awaited=taken_back)
        return
    client = api(profile)
    body = options.complete(EndingReason, {"reason": reason})
    accepted = client.change("cancel_request", body, key=idempotency_key, request_id=str(request_id))
    settled(client, accepted, wait=wait_for_it, seconds=timeout, output=output)


@app.command()
def extend(  # noqa: PLR0917 - options have no order
    request_id: Request,
    days: Annotated[int, typer.Option(min=1, help="From the decision on.", show_default=False)],
    justification: Justification,
    wait: Wait = None,
    timeout: Patience = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Ask to keep access longer: a request of its own, decided on like a new one."""
    chosen = profile_of(profile)
    asked = {"duration_days": days, "justification": justification}
    if chosen.mode == "bus":
        own = {"request_id": uuid.uuid4(), "domain": chosen.domain, "extends": request_id, "requested_by": chosen.email}
        command = options.complete(ExtendDataProductAccess, {**asked, **own})
        remark(f"The request is {command.request_id}.")
        longer = Awaited(frozenset({"DataProductAccessExtended"}), refusals=frozenset({"DataProductAccessDenied"}))
        send(
            bus_of(chosen),
            command,
            wait=wait is not False,
            seconds=timeout,
            output=output,
            awaited=longer if wait else None,
        )
        return
    client = api(profile)
    body = options.complete(Extension, asked)
    accepted = client.change("extend_access", body, key=idempotency_key, request_id=str(request_id))
    _taken(client, accepted, wait, timeout, output)


@app.command()
def revoke(
    request_id: Request,
    reason: Reason,
    *,
    yes: Yes = False,
    wait_for_it: WaitForCommand = True,
    timeout: Timeout = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """End access that was granted: as the one who reads, as the one who owns the product, or for governance."""
    confirmed(f"Shall the access of the request {request_id} end?", yes=yes)
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        command = _revocation(request_id, chosen, reason)
        send(bus_of(chosen), command, wait=wait_for_it, seconds=timeout, output=output)
        return
    client = api(profile)
    body = options.complete(EndingReason, {"reason": reason})
    accepted = client.change("revoke_access", body, key=idempotency_key, request_id=str(request_id))
    settled(client, accepted, wait=wait_for_it, seconds=timeout, output=output)


def _revocation(request_id: uuid.UUID, profile: Profile, reason: str) -> RevokeDataProductAccess:
    values = {"request_id": request_id, "domain": profile.domain, "reason": reason}
    return options.complete(RevokeDataProductAccess, values)


def _taken(client: ApiClient, accepted: Accepted, wait: bool | None, seconds: int, output: Format) -> None:
    """Say what became of a request that was sent: nothing yet, that it is taken, or how it ended."""
    if wait is False or accepted.request_id is None:
        say(accepted, {"status": "PENDING"}, output)
        return
    remark(f"The request is {accepted.request_id}.")
    done(client, accepted, seconds=seconds, output=output)
    if wait:
        _ended(client, accepted.request_id, seconds, output)
        return
    found = _request(client, accepted.request_id)
    answer(found.to_json(), output, table=lambda: request_table(found))
    raise typer.Exit(REFUSED if found.status in REFUSALS else OK)


def _ended(client: ApiClient, request_id: uuid.UUID, seconds: int, output: Format) -> None:
    def look() -> RequestDetail | None:
        found = _request(client, request_id)
        return found if found.status in REFUSALS or _is_ready(found) else None

    ended = client.until(look, seconds=seconds)
    if ended is None:
        remark(f"datamesh: {request_id} is not decided and ready after {seconds} s; `datamesh access wait` goes on")
        raise typer.Exit(UNANSWERED)
    answer(ended.to_json(), output, table=lambda: request_table(ended))
    raise typer.Exit(REFUSED if ended.status in REFUSALS else OK)


def _is_ready(found: RequestDetail) -> bool:
    """Tell whether the access is there. What lasts longer or shows more needs nothing in the consumer's account."""
    return found.status == "PROVISIONED" or (found.sort != "access" and found.status == "GRANTED")


def _request(client: ApiClient, request_id: uuid.UUID) -> RequestDetail:
    return client.ask("get_request", RequestDetail, request_id=str(request_id))
