"""Requests for access as people read them in a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.models.api.requests import AccessPreview, RequestDetail, RequestSummary, StageView
from datamesh.models.commands import ProductRef

MAX_REASONS = 20
# Columns of what is typed again.
# Ids that fit beside the rest on a usual screen; those of executions do not, and are folded.
IDENTITIES = frozenset({"request"})
_OUTCOMES = {
    "GRANTED_AT_ONCE": "It would be granted at once",
    "NEEDS_APPROVAL": "People would have to agree",
    "REJECTED": "It would be refused",
}


def when(moment: datetime | None) -> str:
    """Return a time, in UTC."""
    return "" if moment is None else moment.strftime("%Y-%m-%d %H:%M")


def sheet(*headers: str, title: str | None = None) -> Table:
    """Return a table in which nothing is cut: what is long is folded, and what names something stays in one piece."""
    table = Table(title=title, title_justify="left")
    for header in headers:
        table.add_column(header, overflow="fold", no_wrap=header in IDENTITIES)
    return table


def facts_table(rows: Mapping[str, str | None]) -> Table:
    """Return names and values, without those that are missing."""
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        if value:
            table.add_row(name, Text(value))
    return table


def subject(product: ProductRef | None, expression: Mapping[str, Sequence[str]] | None) -> str:
    """Return what is asked for: a product, or what carries certain LF-tags."""
    if product is not None:
        return f"{product.domain}.{product.name}"
    return ", ".join(f"{key}={'|'.join(values)}" for key, values in (expression or {}).items())


def preview_table(found: AccessPreview) -> RenderableType:
    """Return the policy's answer."""
    said = [f"{_OUTCOMES[found.outcome]}{f', by rule {found.rule}' if found.rule else ''}."]
    if found.message is not None:
        said.append(f"{found.code}: {found.message}" + (f" [{found.field}]" if found.field else ""))
    said += [f"Sensitive: {reason}" for reason in found.reasons[:MAX_REASONS]]
    if len(found.reasons) > MAX_REASONS:
        said.append(f"… and {len(found.reasons) - MAX_REASONS} more reasons")
    if found.outcome != "REJECTED":
        lasts = "without end" if found.duration_days is None else f"for {found.duration_days} days"
        said.append(f"It would last {lasts}.")
    parts: list[RenderableType] = [Text("\n".join(said))]
    if found.shown:
        table = sheet("table", "columns", "sensitive", title="What it would show")
        for each in found.shown:
            more = each.column_count - len(each.columns)
            names = ", ".join(each.columns) + (f" and {more} more" if more > 0 else "")
            table.add_row(*(Text(text) for text in (each.name, names or "none yet", ", ".join(each.sensitive))))
        parts.append(table)
    if found.stages:
        table = sheet("stage", "who may agree", "how many must", "within", title="Who decides")
        for stage in found.stages:
            who = "\n".join(stage.approvers) or "nobody is known"
            table.add_row(Text(stage.name), Text(who), str(stage.quorum), f"{stage.deadline_hours} h")
        parts.append(table)
    return Group(*parts)


def requests_table(requests: Sequence[RequestSummary]) -> RenderableType:
    """Return requests in a list."""
    if not requests:
        return Text("There is no request.")
    table = sheet("request", "what", "status", "asked by", "asked", "until")
    for each in requests:
        what = subject(each.product, each.expression)
        what += "" if each.sort == "access" else f" ({each.sort} of {each.of})"
        status = f"{each.status} ({each.waiting_for})" if each.waiting_for else each.status
        table.add_row(
            *(Text(text) for text in (str(each.request_id), what, status, each.requested_by or "")),
            when(each.requested_at),
            when(each.expires_at),
        )
    return table


def request_table(request: RequestDetail) -> RenderableType:
    """Return a request with its decision and its life."""
    head = facts_table(
        {
            "request": str(request.request_id),
            "status": f"{request.status}: {request.reason}" if request.reason else request.status,
            "waits for": request.waiting_for,
            "what": subject(request.product, request.expression),
            "extends" if request.sort == "extension" else "widens": str(request.of) if request.of else None,
            "tables": ", ".join(request.tables),
            "columns": "\n".join(f"{table}: {', '.join(names)}" for table, names in request.columns.items()),
            "rows": "\n".join(f"{table}: {condition}" for table, condition in request.rows.items()),
            "later tables": "asked for too" if request.later_tables == "included" else None,
            "for": "\n".join([request.domain, *request.principals]),
            "asked by": request.requested_by,
            "justification": request.justification,
            "purpose": request.purpose,
            "asked for": f"{request.duration_days} days" if request.duration_days is not None else None,
            "rule": request.rule,
            "sensitive": "\n".join(request.reasons) if request.sensitive else None,
            "granted": when(request.granted_at),
            "until": when(request.expires_at),
            "refused": f"{request.rejection} [{request.rejected_field}]"
            if request.rejected_field
            else request.rejection,
        }
    )
    parts: list[RenderableType] = [head]
    if request.stages:
        parts.append(stages_table(request.stages))
    if request.history:
        table = sheet("when", "status", "by", "why", title="What happened")
        for step in request.history:
            table.add_row(*(Text(text) for text in (when(step.at), step.status, step.by, step.why)))
        parts.append(table)
    may = [
        word
        for word, is_so in (
            ("cancel", request.may_cancel),
            ("extend", request.may_extend),
            ("revoke", request.may_revoke),
        )
        if is_so
    ]
    if may:
        parts.append(Text(f"You may {' or '.join(may)} it."))
    return Group(*parts)


def stages_table(stages: Iterable[StageView]) -> RenderableType:
    """Return the stages of an approval with what was said."""
    table = sheet("#", "stage", "status", "who may decide", "votes", "until", title="Who decides")
    for stage in stages:
        votes = [
            f"{vote.decision} by {vote.approver} ({vote.via})" + (f": {vote.comment}" if vote.comment else "")
            for vote in stage.votes
        ]
        status = f"{stage.status}: {stage.reason}" if stage.reason else stage.status
        status += ", escalated" if stage.escalated else ""
        who = "\n".join(stage.approvers)
        if stage.quorum > 1:
            who += f"\n{stage.quorum} of them"
        table.add_row(
            str(stage.number),
            *(Text(text) for text in (stage.name, status, who, "\n".join(votes))),
            when(stage.deadline),
        )
    return table
