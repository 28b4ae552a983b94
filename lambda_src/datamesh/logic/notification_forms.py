"""A story as mail, as Slack message and as document for ticketing systems.

What a domain wrote itself (its justification, a row filter, a comment) is shown as quotation and as plain text: nobody
who asks for access can make a message look as if the mesh had written his words, or a channel call its members.
"""

import hashlib
import hmac
import json
import re
import textwrap
from datetime import datetime
from typing import Any

from datamesh.logic.notification_stories import Story, asked_for
from datamesh.models.approvals import ApprovalRecord
from datamesh.models.base import iso
from datamesh.models.notifications import Notification
from datamesh.models.registry import RequestRecord

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: a subject is printable, on one line, and "less than 100
# characters long"; it begins with a letter, a digit or a punctuation mark. A message has 256 KB.
MAX_SUBJECT = 99
MAX_TEXT = 64_000
# https://docs.slack.dev/reference/block-kit/blocks/section-block and header-block
MAX_HEADER = 150
MAX_SECTION = 3_000
MAX_QUOTE = 2_000
CUT = "..."
SIGNATURE_VERSION = "v1"
DOCUMENT_VERSION = 1

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def cut(text: str, length: int) -> str:
    """Return a text of at most `length` characters."""
    return text if len(text) <= length else text[: length - len(CUT)] + CUT


def plain(text: str) -> str:
    """Return a text without control characters and marks that turn the direction of reading."""
    return _CONTROL.sub(" ", text.replace("\r\n", "\n"))


def mail_subject(text: str) -> str:
    """Return a subject that SNS takes, whatever the names in it are."""
    line = " ".join(plain(text).split())
    printable = line.encode("ascii", "replace").decode().lstrip()
    return cut(printable or "Data mesh", MAX_SUBJECT)


def mail_text(story: Story, link: str | None) -> str:
    """Return a mail. `link` is the reader's own, and stands nowhere else."""
    width = max(len(label) for label, _ in story.facts) + 2
    lines = [story.opening, ""]
    lines += [f"{label + ':':<{width}}{plain(text).replace(chr(10), ' ')}" for label, text in story.facts]
    if story.quote is not None:
        label, words = story.quote
        lines += ["", f"{label}:", textwrap.indent(plain(words), "> ", lambda _line: True)]
    if link is not None:
        lines += [
            "",
            "Your personal link. It shows the request; nothing is decided before you say so there:",
            link,
            "It lets you alone decide, once. Do not forward this mail: whoever has the link could answer in your name.",
        ]
    return cut("\n".join(lines) + "\n", MAX_TEXT)


def slack_message(story: Story) -> dict[str, Any]:
    """Return a message for a channel. It says who is asked and has no link: a channel has many readers."""
    facts = "\n".join(f"*{label}:* {_escaped(text)}" for label, text in story.facts)
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": cut(plain(story.subject), MAX_HEADER)}},
        _section(_escaped(story.opening)),
        _section(facts),
    ]
    if story.quote is not None:
        label, words = story.quote
        quoted = textwrap.indent(_escaped(cut(words, MAX_QUOTE)), "> ", lambda _line: True)
        blocks.append(_section(f"*{label}:*\n{quoted}"))
    if story.approvers:
        asked = ", ".join(person.name or person.email for person in story.approvers)
        blocks.append(_section(f"*Asked to decide:* {_escaped(asked)}. Each has a personal link by mail."))
    return {"text": _escaped(cut(plain(story.subject), MAX_SECTION)), "blocks": blocks}


def document(
    notification: Notification, story: Story, request: RequestRecord, approval: ApprovalRecord | None, base_url: str
) -> dict[str, Any]:
    """Return the document for a ticketing system, and with a stage that waits how to answer it."""
    stage = None
    decide = None
    if approval is not None and story.asks_for_decision:
        stage = {
            "number": approval.number,
            "name": approval.name,
            "digest": approval.digest,
            "deadline": iso(approval.deadline),
            "approvers": [{"email": person.email, "name": person.name} for person in story.approvers],
        }
        decide = {
            "method": "POST",
            "url": f"{base_url}/webhook",
            "body": {
                "request_id": str(request.request_id),
                "number": approval.number,
                "digest": approval.digest,
                "approver": "<address of one of the approvers>",
                "decision": "APPROVE | DENY",
                "comment": "<why>",
            },
        }
    return {
        "version": DOCUMENT_VERSION,
        "kind": notification.kind,
        "subject": plain(story.subject),
        "text": mail_text(story, None),
        "request": {
            "request_id": str(request.request_id),
            "sort": request.sort,
            "status": request.status,
            "consumer": request.domain,
            "account_id": request.account_id,
            "product": request.product.to_json() if request.product is not None else None,
            "expression": request.expression,
            "asked_for": asked_for(request),
            "requested_by": request.requested_by,
            "justification": request.justification,
            "purpose": request.purpose,
            "expires_at": iso(request.expires_at) if request.expires_at is not None else None,
        },
        "stage": stage,
        "decide": decide,
    }


def signed_headers(secret: str, body: bytes, *, key: str, now: datetime) -> dict[str, str]:
    """Return the headers of the signed webhook: HMAC-SHA256 over `<timestamp>.<body>`, as Unix time in seconds.

    The same message has the same `Idempotency-Key`, however often it is sent.
    """
    timestamp = str(int(now.timestamp()))
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "Idempotency-Key": key,
        "X-Datamesh-Timestamp": timestamp,
        "X-Datamesh-Signature": f"{SIGNATURE_VERSION}={digest}",
    }


def idempotency_key(notification: Notification, about: str) -> str:
    """Return the name of a message, the same in every attempt to send it."""
    return hashlib.sha256(f"{notification.id}\n{about}".encode()).hexdigest()


def encoded(content: dict[str, Any]) -> bytes:
    """Return the bytes of a body."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, MAX_SECTION)}}


def _escaped(text: str) -> str:
    """Escape what makes links, mentions and formatting. https://docs.slack.dev/messaging/formatting-message-text"""
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
