"""A person who decides on requests: reads the own mail, opens the link in it, sends the form on the page.

With a portal the link in the mail leads to its pages, which need a browser. The page that central's own API has for
the same link, with the same id and signature, needs none: this person uses that one.
"""

from __future__ import annotations

import re
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any, Literal

from sandbox.client import Sandbox
from sandbox.mesh.layout import CENTRAL

Decision = Literal["APPROVE", "DENY"]
SECONDS = 60.0
# Of an approval, to central's own page or to the portal's.
LINK = re.compile(r"https?://\S+/(?:approvals|approval-links)/\S+")
_IN_PORTAL = re.compile(r"https?://[^/\s]+/approval-links/(\S+)")


class NoMailError(Exception):
    """The mail that was waited for did not come."""


@dataclass(frozen=True)
class Page:
    """What a browser shows."""

    status: int
    text: str
    headers: dict[str, str]

    @property
    def heading(self) -> str:
        """The page's first heading."""
        found = re.search(r"<h1>(.*?)</h1>", self.text, re.DOTALL)
        return found.group(1) if found else ""


class _Form(HTMLParser):
    """Takes the hidden fields of a page's form, as a browser sends them."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "input" and given.get("type") == "hidden" and given.get("name"):
            self.fields[str(given["name"])] = given.get("value") or ""


class Approver:
    """Somebody with an address to whom the mesh sends mail."""

    def __init__(self, sandbox: Sandbox, address: str) -> None:
        self._sandbox = sandbox
        self.address = address

    def mail(self, request_id: str, seconds: float = SECONDS) -> dict[str, Any]:
        """Return the newest mail about a request with a link in it. Raises NoMailError when none comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [
                mail
                for mail in self._sandbox.mails(self.address)
                if request_id in mail["text"] and LINK.search(mail["text"])
            ]
            if found:
                return found[-1]
            time.sleep(0.2)
        raise NoMailError(f"{self.address} got no mail about the request {request_id} within {seconds:.0f} s")

    def link(self, mail: dict[str, Any]) -> str:
        """Return the link in a mail, as it stands there."""
        found = LINK.search(mail["text"])
        if found is None:
            raise NoMailError("the mail has no link")
        return found.group(0).rstrip(".,>")

    def open(self, link: str) -> Page:
        """Open a link: only looks."""
        return self._send(link, None)

    def decide(self, link: str, decision: Decision, comment: str) -> Page:
        """Open a link and send the form that its page has."""
        form = _Form()
        form.feed(self.open(link).text)
        return self.post(link, form.fields | {"decision": decision, "comment": comment})

    def post(self, link: str, fields: dict[str, str]) -> Page:
        """Send a form to where a link leads, without its query: as the page's form does."""
        return self._send(link.partition("?")[0], urllib.parse.urlencode(fields).encode())

    def page_of(self, link: str) -> str:
        """Return where central's own API shows what a link is about: the link itself, unless it leads to the portal."""
        found = _IN_PORTAL.fullmatch(link)
        if found is None:
            return link
        apis: list[dict[str, Any]] = self._sandbox.client("apigatewayv2", CENTRAL.id).get_apis()["Items"]
        endpoint = next(str(api["ApiEndpoint"]) for api in apis if str(api["Name"]).endswith("-approvals"))
        return f"{endpoint}/approvals/{found.group(1)}"

    def _send(self, link: str, body: bytes | None) -> Page:
        path, _, query = self.page_of(link).partition("?")
        url = self._sandbox.api_url(path) + (f"?{query}" if query else "")
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        request = urllib.request.Request(url, data=body, headers=headers)  # noqa: S310 - the sandbox's own URL
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return Page(answer.status, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Page(error.code, error.read().decode(), dict(error.headers))
