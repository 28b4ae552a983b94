"""`datamesh product`: products and the contracts that describe them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.aws.registry import Registry
from datamesh.cli.bus import bus_of, send
from datamesh.cli.commanding import Key, Timeout, Wait, confirmed, settled
from datamesh.cli.config import DEFAULT, ProfileName, profile_of
from datamesh.cli.contract_files import ContractFile, contract_file, line_of, one_contract, variables_of
from datamesh.cli.live import DOMAIN_TAG_KEY, SENSITIVE_TAGS, tag_rules
from datamesh.cli.output import OK, REFUSED, UNANSWERED, Format, Output, answer, lines, remark, unanswered
from datamesh.cli.product_sources import ApiSource, ContractSource, ProductSource, RegistrySource
from datamesh.cli.product_tables import product_table, search_table
from datamesh.cli.signing_in import api
from datamesh.models.api.products import ProductDetail, ProductPlan, ProductRegistration, SchemaChange
from datamesh.models.commands import DeregisterDataProduct, RegisterDataProduct
from datamesh.models.search import SearchHit, SearchResult

app = typer.Typer(no_args_is_help=True, help="Data products, and the contracts that describe them.")

Server = Annotated[
    str | None,
    typer.Option(help="Which of the contract's servers counts.", show_default="the only one, or that for production"),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value for ${NAME} in the contract.", show_default=False),
]


Product = Annotated[str, typer.Argument(metavar="DOMAIN.PRODUCT", help="A product.", show_default=False)]


@app.command()
def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="Contracts, in YAML or JSON (Open Data Contract Standard v3); - is stdin."),
    ],
    server: Server = None,
    variables: Variables = None,
    *,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
    output: Output = Format.TABLE,
) -> None:
    """Check contracts, without a mesh: every problem with its file, line and column.

    Ends with 1 when one of them cannot be registered, and with 2 when one cannot be read.
    """
    values, found, unreadable = variables_of(variables), list[ContractFile](), False
    for path in files:
        try:
            found.append(contract_file(path, server=server, variables=values))
        except (OSError, UnicodeDecodeError) as error:
            unreadable = True
            remark(f"datamesh: {path} cannot be read: {error}")
    if output is Format.TABLE:
        lines([line for file in found for line in _said(file, strict=strict)])
    else:
        answer([_data(file, strict=strict) for file in found], output, table=str)
    refused = not all(_is_valid(file, strict=strict) for file in found)
    raise typer.Exit(UNANSWERED if unreadable else REFUSED if refused else OK)


@app.command()
def diff(  # noqa: PLR0917 - options have no order
    file: Annotated[Path, typer.Argument(help="The contract; - is stdin.")],
    against: Annotated[
        Path | None,
        typer.Option(help="Compare with this contract, not with what is registered.", show_default=False),
    ] = None,
    domain: Annotated[
        str | None, typer.Option(help="The domain.", show_default="the one that the contract names")
    ] = None,
    server: Server = None,
    variables: Variables = None,
    registry_table: Annotated[
        str | None,
        typer.Option(help="Look it up in central's registry, with credentials that may.", show_default="ask the API"),
    ] = None,
    sensitive_tag: Annotated[
        list[str] | None,
        typer.Option(
            help="With --registry-table: the mesh's sensitive_tags, KEY=VALUE.",
            show_default=", ".join(SENSITIVE_TAGS),
        ),
    ] = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Say what a registration would change and whom that hits, without changing anything.

    Ends with 1 when consumers would lose something or the registration would be refused.
    """
    values = variables_of(variables)
    contract = one_contract(file, server=server, variables=values)
    spec, reading = contract.reading.spec, contract.reading
    if spec is None:
        _print_plan(contract, ProductPlan(problems=reading.problems), output)
        raise typer.Exit(REFUSED)
    of = domain or reading.domain
    if domain is not None and reading.domain not in {None, domain}:
        unanswered(f"{contract.name} is a contract of the domain {reading.domain}, not of {domain}")
    source: ProductSource
    if against is not None:
        other = one_contract(against, server=server, variables=values)
        if other.reading.spec is None:
            unanswered(f"{other.name} is not valid: datamesh product validate {other.name} says why")
        source = ContractSource(other.reading.spec)
    elif of is None:
        unanswered(f"{contract.name} names no domain: give --domain")
    elif registry_table is not None:
        rules = tag_rules(DOMAIN_TAG_KEY, sensitive_tag or list(SENSITIVE_TAGS))
        source = RegistrySource(Registry(registry_table), rules.sensitive_tags)
    else:
        source = ApiSource(api(profile))
    plan = source.plan(of or "", spec, reading)
    _print_plan(contract, plan, output)
    raise typer.Exit(REFUSED if plan.product is None or plan.breaking else OK)


@app.command()
def search(  # noqa: PLR0917 - options have no order
    text: Annotated[str, typer.Argument(help="Words of names, descriptions, tables and columns.")] = "",
    domain: Annotated[list[str] | None, typer.Option(help="Of any of these domains.", show_default=False)] = None,
    classification: Annotated[
        list[str] | None, typer.Option(help="With any of these; `unclassified` is one.", show_default=False)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="With any of these LF-tags, KEY=VALUE.")] = None,
    file_format: Annotated[
        list[str] | None, typer.Option("--format", help="With a table in any of these.", show_default=False)
    ] = None,
    owner: Annotated[list[str] | None, typer.Option(help="Of any of these owners.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many at most.")] = 20,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Find products, the best first."""
    asked = {"domain": domain, "classification": classification, "tag": tag, "format": file_format, "owner": owner}
    query: dict[str, Any] = {
        "q": text,
        "limit": min(limit, 100),
        **{name: each for name, each in asked.items() if each},
    }
    client, found, cursor = api(profile), list[SearchHit](), None
    while len(found) < limit:
        result = client.ask("search_products", SearchResult, query={**query, "cursor": cursor})
        found += result.hits
        cursor = result.next_cursor
        if cursor is None:
            break
    answer([hit.to_json() for hit in found[:limit]], output, table=lambda: search_table(found[:limit], result.total))


@app.command()
def show(product: Product, profile: ProfileName = DEFAULT, output: Output = Format.TABLE) -> None:
    """Show a product: its tables and columns, and for those with access how to query it."""
    domain, name = named(product)
    found = api(profile).ask("get_product", ProductDetail, domain=domain, product=name)
    answer(found.to_json(), output, table=lambda: product_table(found))


@app.command()
def register(
    file: Annotated[Path, typer.Option("--file", "-f", help="The contract; - is stdin.", show_default=False)],
    *,
    domain: Annotated[
        str | None, typer.Option(help="The domain.", show_default="the one that the contract names")
    ] = None,
    server: Server = None,
    variables: Variables = None,
    accept_breaking_changes: Annotated[
        bool, typer.Option("--accept-breaking-changes", help="Change what consumers rely on.")
    ] = False,
    wait: Wait = True,
    timeout: Timeout = 300,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Register a product from its contract, or change it.

    What it would change is shown first; what breaks consumers has to be accepted. As an account on its own bus nobody
    can be asked for that: `product diff` tells.
    """
    contract = one_contract(file, server=server, variables=variables_of(variables))
    spec, reading = contract.reading.spec, contract.reading
    of = domain or reading.domain
    if spec is None:
        _print_plan(contract, ProductPlan(problems=reading.problems), output)
        raise typer.Exit(REFUSED)
    if of is None or reading.domain not in {None, of}:
        unanswered(
            f"{contract.name} is a contract of the domain {reading.domain or '(none)'}: give --domain, and the same"
        )
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        send(bus_of(chosen), RegisterDataProduct(domain=of, product=spec), wait=wait, seconds=timeout, output=output)
        return
    client = api(profile)
    plan = ApiSource(client).plan(of, spec, reading)
    refused = [change for change in plan.changes if change.refused]
    if plan.product is None or refused or (plan.breaking and not accept_breaking_changes):
        _print_plan(contract, plan, output)
        if plan.product is not None and not refused:
            remark("datamesh: this breaks consumers: say --accept-breaking-changes if it is meant")
        raise typer.Exit(REFUSED)
    body = ProductRegistration(product=spec, accept_breaking_changes=accept_breaking_changes)
    accepted = client.change("register_product", body, key=idempotency_key, domain=of)
    settled(client, accepted, wait=wait, seconds=timeout, output=output)


@app.command()
def deregister(
    product: Product,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Wait = True,
    timeout: Timeout = 600,
    idempotency_key: Key = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Take a product out of the mesh, with all access to it. Its data stays where it is."""
    domain, name = named(product)
    confirmed(f"Shall {product} leave the mesh, and everybody lose access to it?", yes=yes)
    chosen = profile_of(profile)
    if chosen.mode == "bus":
        command = DeregisterDataProduct(domain=domain, name=name)
        send(bus_of(chosen), command, wait=wait, seconds=timeout, output=output)
        return
    client = api(profile)
    accepted = client.change("deregister_product", key=idempotency_key, domain=domain, product=name)
    settled(client, accepted, wait=wait, seconds=timeout, output=output)


def named(product: str) -> tuple[str, str]:
    """Return domain and name of `<domain>.<product>`; ends the command when it is not that."""
    domain, dot, name = product.partition(".")
    if not (domain and dot and name):
        unanswered(f"{product} is not DOMAIN.PRODUCT")
    return domain, name


# --- what validate prints ---


def _is_valid(file: ContractFile, *, strict: bool) -> bool:
    return file.reading.valid and not (strict and file.reading.problems)


def _data(file: ContractFile, *, strict: bool) -> dict[str, Any]:
    spec = file.reading.spec
    return {
        "file": file.name,
        "valid": _is_valid(file, strict=strict),
        "domain": file.reading.domain,
        "product": spec.to_json() if spec is not None else None,
        "problems": [problem.to_json() for problem in file.reading.problems],
    }


def _said(file: ContractFile, *, strict: bool) -> list[str]:
    spec, problems = file.reading.spec, file.reading.problems
    said = [line_of(file.name, problem) for problem in problems]
    errors = sum(1 for problem in problems if strict or problem.severity == "error")
    if spec is None or errors:
        return [*said, f"{file.name}: {_count(errors, 'error')}"]
    columns = sum(len(table.columns) + len(table.partition_keys) for table in spec.tables)
    name = f"{file.reading.domain}.{spec.name}" if file.reading.domain is not None else spec.name
    counts = f"{_count(len(spec.tables), 'table')}, {_count(columns, 'column')}"
    warnings = f", {_count(len(problems), 'warning')}" if problems else ""
    return [*said, f"{file.name}: valid: {name}, {counts}{warnings}"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


# --- what diff prints ---


def _print_plan(contract: ContractFile, plan: ProductPlan, output: Format) -> None:
    if output is Format.TABLE:
        lines([line_of(contract.name, problem) for problem in plan.problems])
    if output is not Format.TABLE or plan.product is not None:
        answer({**plan.to_json(), "breaking": plan.breaking}, output, table=lambda: _plan(plan))


def _plan(plan: ProductPlan) -> RenderableType:
    if not plan.exists:
        return Text("The product is not registered yet: all of it is new.")
    if not plan.changes:
        return Text("Nothing would change.")
    changes = Table("", "table", "column", "what", "before", "after", title="Changes", title_justify="left")
    for change in plan.changes:
        changes.add_row(
            _mark(change),
            *(Text(each or "") for each in (change.table, change.column, _what(change), change.before, change.after)),
        )
    if not plan.affected:
        nobody = "Nobody is hit by it." if plan.breaking else "Nothing of it breaks anything."
        return Group(changes, Text(nobody))
    hit = Table("consumer", "tables", "principals", "request", title="Who is hit", title_justify="left")
    for each in plan.affected:
        hit.add_row(
            *(Text(text) for text in (each.consumer, ", ".join(each.tables), "\n".join(each.principals))),
            Text(str(each.request_id)),
        )
    return Group(changes, hit)


def _mark(change: SchemaChange) -> Text:
    if change.refused:
        return Text("refused", style="bold red")
    return Text("breaking", style="red") if change.breaking else Text("")


def _what(change: SchemaChange) -> str:
    return change.what if change.kind == "changed" else f"{change.what} {change.kind}"
