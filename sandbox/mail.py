"""The mailbox of everybody: what SNS mails lands here, for tests, demos and people with a browser.

`GET /_sandbox/mail?to=` answers JSON, `GET /_sandbox/mail.html` a page with links, `DELETE /_sandbox/mail` empties it.
"""

from __future__ import annotations

import html
import os
import re
import threading
from collections import deque
from typing import Any

from sandbox import api_urls, clock, control, snapshots
from sandbox.api import Json

# Old mails make room: a sandbox that runs for days must not grow for ever.
_CAPACITY = 5_000
_LINK = re.compile(r"https?://[^\s<>\"']+")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Mails of the sandbox</title>
<style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}article{{border-top:1px solid #999;padding:1em 0}}
pre{{white-space:pre-wrap}}dt{{float:left;width:5em;color:#666}}dd{{margin-left:6em}}</style></head>
<body><h1>Mails of the sandbox</h1><p>{count}, the newest first.</p>
{mails}
</body></html>
"""

_mails: deque[dict[str, Any]] = deque(maxlen=_CAPACITY)
_lock = threading.Lock()


def install() -> None:
    """Serve the mailbox, and keep it in snapshots."""
    snapshots.register_room("mail", mails, _put_back, clear)
    control.endpoint("GET", "mail", lambda _body, query, _rest: {"mails": mails(**query)})
    control.endpoint("DELETE", "mail", lambda _body, query, _rest: clear(**query))
    control.endpoint("GET", "mail.html", lambda _body, query, _rest: page(**query))


def deliver(*, to: str, topic: str, subject: str, text: str, **more: Json) -> None:
    """Put a mail into the box; `more` are further fields (`message_attributes`, `subscribe_url`…)."""
    entry = {"to": to, "topic": topic, "subject": subject, "text": text, "time": clock.now().isoformat(), **more}
    with _lock:
        _mails.append(entry)


def mails(to: str | None = None) -> list[dict[str, Any]]:
    """The mails, oldest first; of one address, or all."""
    with _lock:
        kept = list(_mails)
    return [mail for mail in kept if to is None or mail["to"].lower() == to.lower()]


def clear(to: str | None = None) -> None:
    """Throw away the mails of one address, or all."""
    with _lock:
        kept = [] if to is None else [mail for mail in _mails if mail["to"].lower() != to.lower()]
        _mails.clear()
        _mails.extend(kept)


def page(to: str | None = None) -> control.Page:
    """The mails for a person: plain, escaped, with links that work in this browser."""
    found = mails(to)
    return control.Page(_PAGE.format(count=len(found), mails="\n".join(map(_article, reversed(found)))))


def _article(mail: dict[str, Any]) -> str:
    fields = {"To": mail["to"], "Subject": mail["subject"], "Time": mail["time"], "Topic": mail["topic"]}
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>" for name, value in fields.items())
    return f"<article><dl>{listed}</dl><pre>{_linked(str(mail['text']))}</pre></article>"


def _linked(text: str) -> str:
    """Escaped, with links; those to an API or a distribution of the sandbox lead where it can be opened."""
    own = f"http://127.0.0.1:{os.environ.get('GATEWAY_PORT', '4566')}"
    parts, position = [], 0
    for found in _LINK.finditer(text):
        # A full stop after a link ends the sentence.
        url = found.group().rstrip(".,;:!?)")
        parts.append(html.escape(text[position : found.start()]))
        target = html.escape(api_urls.callable_path(url) or api_urls.site_url(url, own) or url)
        parts.append(f'<a href="{target}" rel="noreferrer">{html.escape(url)}</a>')
        position = found.start() + len(url)
    return "".join([*parts, html.escape(text[position:])])


def _put_back(state: list[dict[str, Any]]) -> None:
    with _lock:
        _mails.clear()
        _mails.extend(state)
