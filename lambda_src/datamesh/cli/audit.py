"""`datamesh audit`: what was asked, voted, granted and taken back, and whether anybody changed what is said of it."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, get_args
from uuid import UUID

import typer
from rich.console import RenderableType
from rich.text import Text

from datamesh.aws.ledger import Ledger
from datamesh.aws.registry import Registry
from datamesh.cli.access_tables import sheet
from datamesh.cli.config import DEFAULT, ProfileName, profile_of
from datamesh.cli.ledger_files import FileFormat, read_entries, write_entries
from datamesh.cli.output import REFUSED, Format, Output, answer, unanswered
from datamesh.cli.signing_in import api
from datamesh.cli.whose import domain_or_all
from datamesh.logic.ledger import Known, Verdict
from datamesh.logic.ledger import verify as verify_entries
from datamesh.models.api.operations import AuditPage
from datamesh.models.api.routes import AUDITORS
from datamesh.models.ledger import LedgerEntry, LedgerKind

app = typer.Typer(no_args_is_help=True, help="The ledger: what was decided on access, and whether it is unchanged.")

Prefix = Annotated[str, typer.Option(envvar="DATAMESH_PREFIX", help="The mesh's prefix, in central's account.")]
MAX_DETAILS = 120


@app.command()
def verify(
    prefix: Prefix = "datamesh",
    file: Annotated[
        Path | None, typer.Option(help="Verify an exported file instead of the mesh's ledger.", show_default=False)
    ] = None,
    noted: Annotated[
        list[str] | None,
        typer.Option(help="NUMBER:DIGEST of an entry, as an earlier verification said it.", show_default=False),
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Find any change of the ledger; ends with 1 and the first entry that is not what was entered."""
    digests = dict(map(_noted, noted or []))
    if file is not None:
        try:
            verdict = verify_entries(read_entries(file), Known(noted=digests))
        except (OSError, ValueError) as error:
            unanswered(f"{file} cannot be read: {error}")
    else:
        registry = Registry(f"{prefix}-registry")
        known = Known(registry.ledger_head(), registry.ledger_head, digests)
        verdict = verify_entries(Ledger(f"{prefix}-ledger").stored(), known)
    answer(_verdict(verdict), output, table=lambda: _said(verdict))
    if verdict.broken is not None:
        raise typer.Exit(REFUSED)


@app.command()
def export(
    to: Annotated[Path, typer.Option(help="The file to write.", show_default=False)],
    file_format: Annotated[FileFormat, typer.Option("--format", help="JSON lines, or Parquet.")] = FileFormat.JSONL,
    prefix: Prefix = "datamesh",
    output: Output = Format.TABLE,
) -> None:
    """Write the whole ledger to a file, which `verify --file` understands."""
    try:
        written = write_entries(Ledger(f"{prefix}-ledger").entries(), to, file_format)
    except OSError as error:
        unanswered(f"{to} cannot be written: {error}")
    answer({"entries": written, "file": str(to)}, output, table=lambda: f"{written} entries written to {to}")


@app.command()
def show(
    *,
    request: Annotated[UUID | None, typer.Option(help="Only what concerns this request.", show_default=False)] = None,
    domain: Annotated[str | None, typer.Option(help="Only what concerns this domain.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind.", show_default=False)] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many, the last ones.", show_default=False)] = None,
    prefix: Prefix = "datamesh",
    output: Output = Format.TABLE,
) -> None:
    """Print entries, in their order."""
    wanted = {"request_id": request, "domain": domain, "kind": kind}
    found = list(_matching(Ledger(f"{prefix}-ledger").entries(), wanted))
    shown = found[-last:] if last is not None else found
    answer([entry.to_json() for entry in shown], output, table=lambda: _entries(shown))


@app.command("list")
def list_entries(  # noqa: PLR0917 - options have no order
    domain: Annotated[
        str | None,
        typer.Option(
            help="Only what is about this domain.", show_default="all for auditors, else the domain you are in"
        ),
    ] = None,
    request: Annotated[UUID | None, typer.Option(help="Only what concerns this request.", show_default=False)] = None,
    kind: Annotated[str | None, typer.Option(help="Only entries of this kind.", show_default=False)] = None,
    last: Annotated[int, typer.Option(min=1, help="Only so many, the last ones.")] = 50,
    profile: ProfileName = DEFAULT,
    output: Output = Format.TABLE,
) -> None:
    """Print the last entries as the API has them: for auditors, and for owners and stewards of a domain.

    `show`, `export` and `verify` read the ledger itself, with credentials of central's account.
    """
    if kind is not None and kind not in get_args(LedgerKind):
        unanswered(f"--kind: {kind} is none of {', '.join(get_args(LedgerKind))}")
    client = api(profile)
    of = domain_or_all(client, profile_of(profile), domain, everything=False, overseers=AUDITORS)
    query = {"kind": kind, "request_id": str(request) if request is not None else None, "limit": min(last, 200)}
    if of is None:
        pages = client.pages("list_audit", AuditPage, most=last, query=query)
    else:
        pages = client.pages("list_domain_audit", AuditPage, most=last, query=query, domain=of)
    found: list[LedgerEntry] = list(pages)[::-1]
    answer([entry.to_json() for entry in found], output, table=lambda: _entries(found))


def _matching(entries: Iterable[LedgerEntry], wanted: dict[str, Any]) -> Iterator[LedgerEntry]:
    for entry in entries:
        if all(value is None or getattr(entry, name) == value for name, value in wanted.items()):
            yield entry


def _noted(text: str) -> tuple[int, str]:
    number, colon, digest = text.partition(":")
    if not colon or not number.isdecimal() or int(number) < 1:
        unanswered(f"{text} is not NUMBER:DIGEST")
    return int(number), digest


def _verdict(verdict: Verdict) -> dict[str, Any]:
    broken = verdict.broken
    return {
        "sound": broken is None,
        "entries": verdict.entries,
        "digest": verdict.digest,
        "broken": (
            {"sequence": broken.sequence, "tampering": broken.tampering, "problem": broken.problem} if broken else None
        ),
    }


def _said(verdict: Verdict) -> RenderableType:
    broken = verdict.broken
    if broken is None:
        return f"All {verdict.entries} entries are what was entered. To note elsewhere: {_note(verdict)}"
    sound = f"Sound up to {_note(verdict)}" if verdict.entries else "No entry before it is sound"
    return f"Entry {broken.sequence} is {broken.tampering}: {broken.problem}. {sound}"


def _note(verdict: Verdict) -> str:
    return f"{verdict.entries}:{verdict.digest}"


def _entries(entries: list[LedgerEntry]) -> RenderableType:
    table = sheet("#", "when", "what", "who", "request", "domain", "details")
    for entry in entries:
        details = "; ".join(f"{name}: {value}" for name, value in islice(sorted(entry.details.items()), 8))
        short = details if len(details) <= MAX_DETAILS else f"{details[:MAX_DETAILS]}…"
        when = entry.at.strftime("%Y-%m-%d %H:%M:%S")
        request = str(entry.request_id) if entry.request_id is not None else ""
        texts = (str(entry.sequence), when, entry.kind, entry.actor, request, entry.domain or "", short)
        table.add_row(*map(Text, texts))
    return table
