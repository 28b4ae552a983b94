"""The way in: which distribution a request means, and what its viewer gets.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/distribution-overview.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, unquote

from sandbox import adapter, api_urls, asgi
from sandbox.api import Json
from sandbox.asgi import Answer

_MODULE = "services.cloudfront"
adapter.uses(_MODULE, "_cf_error_response", "_distributions", "_get_distribution_aliases", "handle_viewer_request")

_HOST = re.compile(r"([a-z0-9]+)\.cloudfront\.(?:localhost|net)")
_ERROR = "Error from cloudfront"
# CloudFront's own pages: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-403-permission-denied.html
_UNKNOWN = "Bad request. We can't connect to the server for this app or website at this time."


def meant_by(scope: dict[str, Any]) -> bool:
    """Is this request one to a distribution, by its Host header or by its path?"""
    host = _host(scope)
    return bool(_HOST.fullmatch(host)) or scope["path"].startswith(api_urls.SITES) or _by_alias(host) is not None


async def serve(scope: dict[str, Any], receive: Callable[[], Json], send: Callable[[Json], Json]) -> None:
    """The ASGI application of all distributions."""
    body = await asgi.body_of(receive)
    await asgi.send_answer(send, await _answer(scope, body), scope["method"])


async def _answer(scope: dict[str, Any], body: bytes) -> Answer:
    raw, query = asgi.raw_path(scope), asgi.raw_query(scope)
    host = _host(scope)
    if raw.startswith(api_urls.SITES):
        label, slash, below = raw.removeprefix(api_urls.SITES).partition("/")
        raw = f"{slash}{below}" or "/"
        found = _by_label(label)
    else:
        named = _HOST.fullmatch(host)
        found = _by_label(named.group(1)) if named else _by_alias(host)
    if found is None or not found[1].get("enabled", True):
        refused: Answer = adapter.internal(_MODULE, "_cf_error_response")(403, _UNKNOWN, _ERROR)
        return refused
    account, distribution = found
    with adapter.scope(account, adapter.region()):
        answer: Answer = await adapter.internal(_MODULE, "handle_viewer_request")(
            distribution,
            scope["method"],
            unquote(raw),
            raw,
            query,
            asgi.joined(scope["headers"]),
            body,
            parse_qs(query, keep_blank_values=True),
            asgi.peer(scope),
        )
    return answer


def _by_label(label: str) -> tuple[str, dict[str, Any]] | None:
    """Account and record of a distribution by its id, or by the first label of its domain name."""
    asked = label.lower()
    for account, record in _all():
        if asked in {record["Id"].lower(), record["DomainName"].partition(".")[0].lower()}:
            return account, record
    return None


def _by_alias(host: str) -> tuple[str, dict[str, Any]] | None:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/CNAMEs.html; `*.example.com` may be one."""
    if not host or host in {"localhost", "127.0.0.1"}:
        return None
    for account, record in _all():
        for alias in adapter.internal(_MODULE, "_get_distribution_aliases")(record):
            if alias.lower() == host or (alias.startswith("*.") and alias[2:].lower() == host.partition(".")[2]):
                return account, record
    return None


def _all() -> list[tuple[str, dict[str, Any]]]:
    held = adapter.internal(_MODULE, "_distributions")._data
    return [(key[0], record) for key, record in list(held.items())]


def _host(scope: dict[str, Any]) -> str:
    named = next((value for name, value in scope["headers"] if name.lower() == b"host"), b"")
    return str(named.decode("latin-1").lower().partition(":")[0])
