"""`datamesh reconcile`: what Lake Formation grants, against what should be granted. With the credentials of central."""

import uuid
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from rich.console import RenderableType
from rich.table import Table

from datamesh.aws.data_filters import DataFilters
from datamesh.aws.events import EventBus
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import account_id
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.registry import Registry
from datamesh.cli.live import DOMAIN_TAG_KEY
from datamesh.cli.output import REFUSED, Format, Output, answer
from datamesh.logic.drift import Comparison, DriftWorld, Mesh, told_of
from datamesh.models.commands import ReconcileAccess
from datamesh.models.events import Metadata, make_entry

app = typer.Typer(no_args_is_help=True, help="Compare what is granted with what should be, and mend it.")

Prefix = Annotated[str, typer.Option(envvar="DATAMESH_PREFIX", help="The mesh's prefix, in central's account.")]


class Heal(StrEnum):
    """What is done about differences."""

    REPORT = "report"
    MISSING = "missing"
    ALL = "all"


@app.command()
def plan(
    prefix: Prefix = "datamesh",
    domain_tag_key: Annotated[str, typer.Option(help="The mesh's domain_tag_key.")] = DOMAIN_TAG_KEY,
    output: Output = Format.TABLE,
) -> None:
    """Say what is different now, and change nothing; ends with 1 when anything is.

    Only a data lake administrator sees all permissions. What is granted or taken back right now is left out.
    """
    account, registry = account_id(), Registry(f"{prefix}-registry")
    world = DriftWorld(registry, GlueCatalog(), LakeFormation(account), DataFilters(account))
    domains = {domain.domain: domain for domain in registry.all_domains()}
    mesh = Mesh(account_id=account, prefix=prefix, domain_tag_key=domain_tag_key, domains=domains)
    found = [
        told_of(finding).model_dump(mode="json", exclude={"healed"})
        for finding in Comparison(world, mesh).everything(datetime.now(UTC))
    ]
    answer(found, output, table=lambda: _table(found))
    if found:
        raise typer.Exit(REFUSED)


@app.command()
def apply(
    heal: Annotated[
        Heal,
        typer.Option(
            help="`missing` grants again what is missing or differs; `all` takes back, too, what nobody granted."
        ),
    ] = Heal.MISSING,
    prefix: Prefix = "datamesh",
    output: Output = Format.TABLE,
) -> None:
    """Let central compare everything now, and mend it. `datamesh audit show --kind DriftHealed` tells what was done."""
    now, event_id = datetime.now(UTC), uuid.uuid4()
    cause = Metadata(event_id=event_id, correlation_id=event_id, occurred_at=now)
    entry = make_entry(ReconcileAccess(heal=heal.value), cause=cause, now=now)
    EventBus(f"{prefix}-central").publish([entry])
    said = {"event_id": str(entry.detail["metadata"]["event_id"]), "heal": heal.value}
    answer(said, output, table=lambda: f"Central compares and mends ({heal.value}). Its event: {said['event_id']}")


def _table(found: list[dict[str, Any]]) -> RenderableType:
    if not found:
        return "All that is granted is what should be granted."
    table = Table("what", "where", "who", "consumer", "request")
    for each in found:
        table.add_row(
            each["kind"], each["resource"], each["principal"] or "", each["domain"] or "", each["request_id"] or ""
        )
    return table
