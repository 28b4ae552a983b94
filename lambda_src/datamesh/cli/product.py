"""`datamesh product`: products and the contracts that describe them."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.aws.registry import Registry
from datamesh.cli.contract_files import ContractFile, contract_file, line_of, one_contract, variables_of
from datamesh.cli.live import DOMAIN_TAG_KEY, SENSITIVE_TAGS, tag_rules
from datamesh.cli.output import OK, REFUSED, UNANSWERED, Format, Output, answer, lines, remark, unanswered
from datamesh.cli.product_sources import ContractSource, ProductSource, RegistrySource
from datamesh.models.api.products import ProductPlan, SchemaChange

app = typer.Typer(no_args_is_help=True, help="Data products, and the contracts that describe them.")

Server = Annotated[
    str | None,
    typer.Option(help="Which of the contract's servers counts.", show_default="the only one, or that for production"),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="A value for ${NAME} in the contract.", show_default=False),
]


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
        str | None, typer.Option(help="Central's registry.", show_default="<prefix>-registry")
    ] = None,
    prefix: Annotated[str, typer.Option(envvar="DATAMESH_PREFIX", help="The mesh's prefix.")] = "datamesh",
    sensitive_tag: Annotated[
        list[str] | None,
        typer.Option(help="The mesh's sensitive_tags, KEY=VALUE.", show_default=", ".join(SENSITIVE_TAGS)),
    ] = None,
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
    else:
        rules = tag_rules(DOMAIN_TAG_KEY, sensitive_tag or list(SENSITIVE_TAGS))
        source = RegistrySource(Registry(registry_table or f"{prefix}-registry"), rules.sensitive_tags)
    plan = source.plan(of or "", spec, reading)
    _print_plan(contract, plan, output)
    raise typer.Exit(REFUSED if plan.product is None or plan.breaking else OK)


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
