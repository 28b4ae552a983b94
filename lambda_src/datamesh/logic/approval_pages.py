"""The pages of decide_approval: plain HTML that works without scripts, on a phone, and in the dark.

All that anybody has written (names, filters, justifications, comments) is escaped. The one style stands in the page and
is named in its policy by its hash, so that a browser takes no other and loads nothing.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from html import escape

from datamesh.logic.decide_approval import Form, Sight
from datamesh.logic.notification_stories import asked_for, readable
from datamesh.logic.tags import WHOLE_TABLE
from datamesh.logic.votes import vote_of
from datamesh.models.approvals import MAX_COMMENT, ApprovalRecord, Seat
from datamesh.models.errors import VoteNotTaken
from datamesh.models.registry import RequestRecord

STYLE = """
:root{color-scheme:light dark;--line:#8886}
body{font:1rem/1.5 system-ui,sans-serif;max-width:46rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
h1{font-size:1.4rem;line-height:1.25}h2{font-size:1.1rem;margin-top:2rem}
dt{font-weight:600;margin-top:.75rem}dd{margin:0}
blockquote{margin:.25rem 0;padding:.25rem .75rem;border-left:.25rem solid var(--line);white-space:pre-wrap}
code{font-family:ui-monospace,monospace;white-space:pre-wrap}
.note{border:1px solid var(--line);border-left-width:.4rem;border-radius:.3rem;padding:.5rem .75rem}
label{display:block;margin:.5rem 0}textarea{width:100%;box-sizing:border-box;font:inherit}
button{font:inherit;padding:.6rem 1.4rem;margin-top:.5rem}
fieldset{border:1px solid var(--line);border-radius:.3rem}
"""
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
_SORTS = {"access": "asks to read", "extension": "asks to go on reading", "widening": "would be shown more of"}
_STATUSES = {
    "OPEN": "waits for decisions",
    "APPROVED": "approved",
    "DENIED": "denied",
    "EXPIRED": "expired",
    "CANCELLED": "cancelled",
}
_SAID = {"APPROVE": "approved", "DENY": "denied"}


def request_page(sight: Sight, signature: str, *, form: Form | None = None, error: VoteNotTaken | None = None) -> str:
    """Return the page of a request, with the form while its reader may decide.

    `form` is what was posted and could not be taken, `error` why.
    """
    request, approval = sight.request, sight.approval
    title = f"{request.domain} {_SORTS[request.sort]} {asked_for(request)}"
    mine = vote_of(approval, sight.link.approver)
    if mine is not None:
        note = f"You {_SAID[mine.decision]} this on {readable(mine.at)}. Nothing more is to be done."
        if approval.status != "OPEN":
            note += f" The stage is {_STATUSES[approval.status]}."
    elif sight.problem is not None:
        note = f"{sight.problem.message}."
    elif error is not None:
        note = f"{error.message}."
    else:
        note = f"You are asked to decide until {readable(approval.deadline)}. Nothing is decided by opening this page."
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="note" role="status">{escape(note)}</p>',
        _facts(_who(request)),
        "<h2>What would be shown</h2>",
        _what(sight),
        "<h2>How it is decided</h2>",
        *(_stage(stage) for stage in sight.stages),
    ]
    if mine is None and sight.problem is None:
        parts.append(_form(sight, signature, form))
    return _page(title, "\n".join(parts))


def message_page(title: str, text: str) -> str:
    """Return a page that says one thing."""
    return _page(title, f"<h1>{escape(title)}</h1>\n<p>{escape(text)}</p>")


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _who(request: RequestRecord) -> list[tuple[str, str]]:
    ruling = request.ruling
    days = ruling.duration_days if ruling is not None else request.duration_days
    whose = f"the account of {request.domain}, whose administrators may pass it on inside it"
    if ruling is not None and ruling.grant_to == "principals":
        whose = "these principals alone"
    return [
        ("Who asks", escape(f"{request.domain}, account {request.account_id}")),
        ("Asked by", escape(request.requested_by or "nobody named")),
        ("For whom", _names(request.principals)),
        ("Granted to", escape(whose)),
        ("Why, in the words of whoever asks", f"<blockquote>{escape(request.justification)}</blockquote>"),
        ("Purpose", escape(request.purpose or "none named")),
        ("For how long", escape(f"{days} days" if days is not None else "without an end")),
        ("Why it is sensitive", _names(ruling.reasons) if ruling is not None and ruling.reasons else "It is not."),
        ("By the policy's rule", escape(ruling.rule) if ruling is not None else ""),
        ("Request", escape(str(request.request_id))),
        ("Earlier request that it is about", escape(str(request.of or ""))),
    ]


def _what(sight: Sight) -> str:
    request = sight.request
    parts = []
    if request.expression is not None:
        expression = " and ".join(f"{key} = {' or '.join(values)}" for key, values in request.expression.items())
        parts.append(_facts([("Whatever carries these LF-tags, now and later", _code(expression))]))
    tables = {table.name: table for table in sight.approval.shown}
    for name in tuple(tables) or request.tables:
        table = tables.get(name)
        facts = []
        if table is not None:
            more = table.column_count - len(table.columns)
            facts.append(("Columns", _names(table.columns) + (f" and {more} more" if more else "")))
            facts.append(
                ("Sensitive among them", _names(column for column in table.sensitive if column != WHOLE_TABLE))
            )
            if WHOLE_TABLE in table.sensitive:
                facts.append(("Later columns", "You decide on every column that the table gets later as well."))
        elif name in request.columns:
            facts.append(("Columns", _names(request.columns[name])))
        else:
            facts.append(("Columns", "all that it has now"))
        if hidden := sight.hidden.get(name):
            facts.append(("Not shown", _names(hidden)))
        rows = request.rows.get(name)
        facts.append(("Rows", escape("all") if rows is None else f"only those for which {_code(rows)} holds"))
        parts.append(f"<h3>{escape(name)}</h3>\n{_facts(facts)}")
    if request.product is not None and request.later_tables == "included":
        parts.append(
            "<p>Tables that the product gets later are asked for as well; each is decided on when it comes.</p>"
        )
    return "\n".join(parts)


def _stage(stage: ApprovalRecord) -> str:
    facts = [
        ("Who decides", " and ".join(_seat(seat) for seat in stage.seats)),
        ("Until", escape(readable(stage.deadline))),
        ("Decisions so far", _votes(stage)),
    ]
    if stage.escalation:
        facts.insert(1, ("Since the first deadline also", " and ".join(_seat(seat) for seat in stage.escalation)))
    if stage.reason is not None and stage.status in {"EXPIRED", "CANCELLED"}:
        facts.append(("Reason", escape(stage.reason)))
    title = f"Stage {stage.number + 1}, {stage.name}: {_STATUSES[stage.status]}"
    return f"<h3>{escape(title)}</h3>\n{_facts(facts)}"


def _seat(seat: Seat) -> str:
    whose = f" of {seat.producer}" if seat.producer is not None else ""
    return escape(f"{seat.quorum} of {len(seat.approvers)} {', '.join(seat.groups)}{whose}")


def _votes(stage: ApprovalRecord) -> str:
    if not stage.votes:
        return "none"
    return "".join(
        f"<p>{escape(vote.approver)} {_SAID[vote.decision]} it on {readable(vote.at)}</p>"
        + (f"<blockquote>{escape(vote.comment)}</blockquote>" if vote.comment else "")
        for vote in stage.votes
    )


def _form(sight: Sight, signature: str, form: Form | None) -> str:
    chosen = form.decision if form is not None else None

    def choice(value: str, label: str) -> str:
        checked = " checked" if chosen == value else ""
        return f'<label><input type="radio" name="decision" value="{value}" required{checked}> {label}</label>'

    comment = form.comment if form is not None else ""
    return (
        "<h2>Your decision</h2>\n"
        # Relative, and without the query: the signature goes into the body.
        f'<form method="post" action="{escape(sight.link.link_id)}" autocomplete="off">\n'
        f'<input type="hidden" name="signature" value="{escape(signature)}">\n'
        f"<fieldset>\n<legend>As {escape(sight.link.approver)}</legend>\n"
        f"{choice('APPROVE', 'I approve it')}\n{choice('DENY', 'I deny it')}\n</fieldset>\n"
        '<label for="comment">Comment (needed to deny it; who asked and who decides can read it)</label>\n'
        f'<textarea id="comment" name="comment" rows="4" maxlength="{MAX_COMMENT}">{escape(comment)}</textarea>\n'
        '<button type="submit">Send my decision</button>\n</form>'
    )


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    """Return a list of facts; the second of each pair is HTML already."""
    rows = "\n".join(f"<dt>{escape(label)}</dt><dd>{value}</dd>" for label, value in facts if value)
    return f"<dl>\n{rows}\n</dl>"


def _code(text: str) -> str:
    return f"<code>{escape(text)}</code>"


def _names(names: Iterable[str]) -> str:
    return ", ".join(_code(name) for name in names)
