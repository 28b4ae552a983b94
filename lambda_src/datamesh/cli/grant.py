"""`datamesh grant`: what a domain may read, and who reads a product."""

from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from datamesh.cli.access_tables import sheet, subject, when
from datamesh.cli.config import DEFAULT, ProfileName, profile_of
from datamesh.cli.output import Format, Output, answer, unanswered
from datamesh.cli.product import named
from datamesh.cli.signing_in import api
from datamesh.cli.whose import domain_of
from datamesh.models.api.products import GrantOfProduct, GrantPage

app = typer.Typer(no_args_is_help=True, help="What was granted: what a domain may read, and who reads a product.")


@app.callback()
def _group() -> None:
    """Keep `list` a command of its own."""


@app.command("list")
def list_grants(
    product: Annotated[
        str | None,
        typer.Option(metavar="DOMAIN.PRODUCT", help="Who reads this product.", show_default="what your domain reads"),
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option(help="What this domain may read.", show_default="that of the profile, or the only one you are in"),
    ] = None,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """List what a domain may read, or with --product who reads that.

    \b
    datamesh grant list                           what may we read?
    datamesh grant list --product sales.fleet     who reads our product?
    """
    if product is not None and domain is not None:
        unanswered("give either --product or --domain")
    client = api(profile)
    if product is not None:
        of, name = named(product)
        found = list(client.pages("list_product_grants", GrantPage, domain=of, product=name))
    else:
        found = list(client.pages("list_grants", GrantPage, domain=domain_of(client, profile_of(profile), domain)))
    answer([each.to_json() for each in found], output, table=lambda: _table(found))


def _table(grants: list[GrantOfProduct]) -> RenderableType:
    if not grants:
        return Text("Nothing is granted.")
    table = sheet("product", "who reads", "what", "where", "until", "request")
    for each in grants:
        what = subject(each.product, each.expression)
        if each.product is not None and each.expression is not None:
            what += f", by {subject(None, each.expression)}"
        texts = (what, "\n".join([each.consumer, *each.principals]), _shown(each), ", ".join(each.databases))
        table.add_row(*map(Text, texts), when(each.expires_at) or "no end", str(each.request_id))
    return table


def _shown(grant: GrantOfProduct) -> str:
    said = []
    for table in grant.tables:
        columns = f": {', '.join(grant.columns[table])}" if table in grant.columns else ""
        rows = f" where {grant.rows[table]}" if table in grant.rows else ""
        said.append(f"{table}{columns}{rows}")
    return "\n".join(said) or "nothing now"
