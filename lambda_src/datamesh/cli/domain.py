"""`datamesh domain`: who is in the mesh, how one comes and leaves."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.cli.bus import bus_of, send
from datamesh.cli.commanding import Key, Timeout, Wait, confirmed, settled
from datamesh.cli.config import DEFAULT, ProfileName, profile_of
from datamesh.cli.documents import parse
from datamesh.cli.output import Format, Output, answer, unanswered
from datamesh.cli.signing_in import api
from datamesh.models.api.domains import DomainDetail, DomainPage, DomainRegistration, DomainSummary
from datamesh.models.commands import DeregisterDataDomain, RegisterDataDomain

app = typer.Typer(no_args_is_help=True, help="Data domains: who is in the mesh.")

Name = Annotated[str, typer.Argument(help="Name of a domain.", show_default=False)]


@app.command("list")
def list_domains(profile: ProfileName = DEFAULT, output: Output = Format.TABLE) -> None:
    """List the domains."""
    found: list[DomainSummary] = list(api(profile).pages("list_domains", DomainPage))
    answer([each.to_json() for each in found], output, table=lambda: _table(found))


@app.command()
def show(domain: Name, profile: ProfileName = DEFAULT, output: Output = Format.TABLE) -> None:
    """Show a domain, and how well central and its account reach each other."""
    found = api(profile).ask("get_domain", DomainDetail, domain=domain)
    answer(found.to_json(), output, table=lambda: _detail(found))


@app.command()
def register(  # noqa: PLR0917 - options have no order
    domain: Name,
    config_secret_arn: Annotated[str, typer.Option(help="Full ARN of its config secret.", show_default=False)],
    tag: Annotated[list[str] | None, typer.Option(help="An LF-tag of the domain, KEY=VALUE.")] = None,
    wait: Wait = True,
    timeout: Timeout = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Register a domain, or tell that its configuration changed."""
    tags = {}
    for pair in tag or ():
        key, equals, value = pair.partition("=")
        if not equals:
            unanswered(f"{pair} is not KEY=VALUE")
        tags[key] = value
    body = parse(DomainRegistration, {"domain": domain, "config_secret_arn": config_secret_arn, "tags": tags})
    if isinstance(body, list):
        unanswered(f"{body[0].field}: {body[0].problem}")
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        send(bus_of(chosen), RegisterDataDomain(**body.model_dump()), wait=wait, seconds=timeout, output=output)
        return
    client = api(profile)
    accepted = client.change("register_domain", body, key=idempotency_key)
    settled(client, accepted, wait=wait, seconds=timeout, output=output)


@app.command()
def leave(
    domain: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = True,
    timeout: Timeout = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Let a domain leave the mesh, of which nothing is in use any more. Its data stays."""
    confirmed(f"Shall {domain} leave the mesh?", yes=yes)
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        send(bus_of(chosen), DeregisterDataDomain(domain=domain), wait=wait, seconds=timeout, output=output)
        return
    client = api(profile)
    accepted = client.change("leave_domain", key=idempotency_key, domain=domain)
    settled(client, accepted, wait=wait, seconds=timeout, output=output)


def _table(domains: list[DomainSummary]) -> RenderableType:
    table = Table("domain", "account", "status", "products", "registered")
    for each in domains:
        when = each.registered_at.strftime("%Y-%m-%d %H:%M") if each.registered_at is not None else ""
        table.add_row(each.domain, each.account_id, each.status, str(each.product_count), when)
    return table


def _detail(domain: DomainDetail) -> RenderableType:
    table = Table(show_header=False)
    rows = {
        "domain": domain.domain,
        "account": domain.account_id,
        "status": domain.status,
        "error": domain.error,
        "link": domain.link.health,
        "last failure": domain.link.last_failure,
        "products": str(domain.product_count),
        "region": domain.region,
        "location": domain.location,
        "bus": domain.bus_arn,
        "owners": ", ".join(person.email for person in domain.owners),
        "stewards": ", ".join(person.email for person in domain.stewards),
        "LF-tags": ", ".join(f"{key}={value}" for key, value in domain.tags.items()),
    }
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(value))
    return table
