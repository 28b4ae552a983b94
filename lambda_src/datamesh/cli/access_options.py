"""What the options of `datamesh access` ask for, as the API and the bus take it."""

from typing import Annotated, Any, TypeVar

import typer

from datamesh.cli.documents import parse
from datamesh.cli.output import unanswered
from datamesh.models.base import Model

ModelT = TypeVar("ModelT", bound=Model)
# What the options are called that the fields of a request come from.
_OPTIONS = {
    "domain": "--domain",
    "product": "DOMAIN.PRODUCT",
    "tables": "--table",
    "columns": "--columns",
    "rows": "--rows",
    "expression": "--tag",
    "principals": "--principal",
    "purpose": "--purpose",
    "duration_days": "--days",
    "justification": "--justification",
    "reason": "--reason",
}

Product = Annotated[
    str | None, typer.Argument(metavar="DOMAIN.PRODUCT", help="A product; or say --tag.", show_default=False)
]
Principals = Annotated[
    list[str],
    typer.Option(
        "--principal", metavar="ARN", help="Who is to read: a role or user of the domain.", show_default=False
    ),
]
Domain = Annotated[
    str | None, typer.Option(help="In whose name.", show_default="that of the profile, or the only one you are in")
]
Tables = Annotated[
    list[str] | None, typer.Option("--table", help="These tables only.", show_default="all that there are now")
]
Columns = Annotated[
    list[str] | None, typer.Option(metavar="TABLE=A,B", help="Of this table, these columns only.", show_default=False)
]
Rows = Annotated[
    list[str] | None,
    typer.Option(metavar="TABLE=SQL", help="Of this table, the rows for which this holds only.", show_default=False),
]
LaterTables = Annotated[bool, typer.Option("--later-tables", help="Ask for tables that the product gets later, too.")]
TagChoice = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="KEY=V1,V2", help="Whatever carries all these LF-tags.", show_default=False),
]
Purpose = Annotated[str | None, typer.Option(help="What for, in a word of the approval policy.", show_default=False)]
Days = Annotated[int | None, typer.Option(min=1, help="For how long.", show_default="as long as the policy lets")]


def wanted(
    product: str | None,
    *,
    tables: list[str] | None,
    columns: list[str] | None,
    rows: list[str] | None,
    later_tables: bool,
    tags: list[str] | None,
    principals: list[str],
    purpose: str | None,
    days: int | None,
    justification: str,
) -> dict[str, Any]:
    """Return what is asked for, but for who asks; ends the command when an option cannot be read."""
    found: dict[str, Any] = {"principals": principals, "justification": justification}
    if product is not None:
        domain, _, name = product.partition(".")
        if not (domain and name):
            unanswered(f"{product} is not DOMAIN.PRODUCT")
        found["product"] = {"domain": domain, "name": name}
    if tags:
        found["expression"] = {key: _names(values) for key, values in (_pair(tag, "KEY=V1,V2") for tag in tags)}
    if tables:
        found["tables"] = tables
    if columns:
        found["columns"] = {table: _names(names) for table, names in (_pair(each, "TABLE=A,B") for each in columns)}
    if rows:
        found["rows"] = dict(_pair(each, "TABLE=SQL") for each in rows)
    if later_tables:
        found["later_tables"] = "included"
    if purpose is not None:
        found["purpose"] = purpose
    if days is not None:
        found["duration_days"] = days
    return found


def complete(model: type[ModelT], values: dict[str, Any]) -> ModelT:
    """Return what was asked for as a model; ends the command with the option to blame."""
    found = parse(model, values)
    if isinstance(found, list):
        field, problem = found[0]
        option = next((text for name, text in _OPTIONS.items() if field.split(".")[0].split("[")[0] == name), None)
        unanswered(f"{option or field}: {problem}" if field != "(document)" else _in_options(problem))
    return found


def _in_options(problem: str) -> str:
    if problem == "give exactly one of product and expression":
        return "give either DOMAIN.PRODUCT or --tag"
    return problem


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def _pair(text: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (equals and name and value):
        unanswered(f"{text} is not {form}")
    return name, value
