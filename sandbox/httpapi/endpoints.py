"""Where an HTTP API is reached, and the request that comes in there.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs

from sandbox import adapter, api_urls, faults
from sandbox.api import AwsError, Json

_MODULE = "services.apigateway"
adapter.uses(_MODULE, "_apis", "_stages", "decode_http_api_path", "handle_execute")

# The address a request comes from; MiniStack does not hand it through.
source_ip: ContextVar[str] = ContextVar("sandbox_source_ip", default="127.0.0.1")
_JSON = {"Content-Type": "application/json"}
_NOT_FOUND = 404, _JSON, b'{"message":"Not Found"}'
_REFUSED = {429: "Too Many Requests", 503: "Service Unavailable"}


def named_as_on_aws(original: Callable[[dict[str, Any]], Json]) -> Callable[[dict[str, Any]], Json]:
    """`api_endpoint` as AWS gives it."""

    def create(data: dict[str, Any]) -> Json:
        status, headers, body = original(data)
        if status >= 300 or data.get("protocolType", "HTTP") != "HTTP":
            return status, headers, body
        answer = json.loads(body)
        endpoint = f"https://{domain_of(answer['apiId'], adapter.region())}"
        adapter.internal(_MODULE, "_apis")[answer["apiId"]]["apiEndpoint"] = endpoint
        return status, headers, json.dumps({**answer, "apiEndpoint": endpoint}).encode()

    return create


def domain_of(api_id: str, region: str) -> str:
    """The host name that AWS gives an API."""
    return f"{api_id}.execute-api.{region}.amazonaws.com"


async def serve(scope: dict[str, Any], receive: Callable[[], Json], send: Callable[[Json], Json]) -> None:
    """The ASGI application behind `/_sandbox/api/`."""
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    status, headers, payload = await _answer(scope, body)
    sent = [
        (name.lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, given in headers.items()
        for value in (given if isinstance(given, list | tuple) else [given])
        if name.lower() != "content-length"
    ]
    sent.append((b"content-length", str(len(payload)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else payload})


async def _answer(scope: dict[str, Any], body: bytes) -> tuple[int, dict[str, Any], bytes]:
    raw = scope.get("raw_path") or scope["path"].encode()
    api_id, slash, below = raw.decode("latin-1").removeprefix(api_urls.PREFIX).partition("/")
    place = _place_of(api_id)
    if place is None:
        return _NOT_FOUND
    account, region = place
    path = adapter.internal(_MODULE, "decode_http_api_path")(f"{slash}{below}" or "/")
    raw_query = scope.get("query_string", b"").decode("latin-1")
    try:
        # Faults of service `execute-api`, action `Invoke`, resource the API's id: 429, 500 or 503 to the browser.
        await asyncio.to_thread(faults.before_call, "execute-api", "Invoke", account=account, resource=api_id)
    except AwsError as fault:
        told = {"message": _REFUSED.get(fault.status, "Internal Server Error")}
        return fault.status, _JSON, json.dumps(told).encode()
    with adapter.scope(account, region):
        stage, path = _stage(api_id, path)
        if stage is None:
            return _NOT_FOUND
        token = source_ip.set(str((scope.get("client") or ("127.0.0.1",))[0]))
        try:
            answer: tuple[int, dict[str, Any], bytes] = await adapter.internal(_MODULE, "handle_execute")(
                api_id,
                stage,
                path,
                scope["method"],
                _joined(scope["headers"]),
                body,
                parse_qs(raw_query, keep_blank_values=True),
                raw_query_string=raw_query,
            )
        finally:
            source_ip.reset(token)
    return answer


def _place_of(api_id: str) -> tuple[str, str] | None:
    """Account and region of an API: ids are unique, and nobody who calls one says whose it is."""
    keys = list(adapter.internal(_MODULE, "_apis")._data)
    return next(((account, region) for account, region, held in keys if held == api_id), None)


def _stage(api_id: str, path: str) -> tuple[str | None, str]:
    """A stage's name leads its path; `$default` serves from the root."""
    stages = adapter.internal(_MODULE, "_stages").get(api_id, {})
    first, slash, rest = path.lstrip("/").partition("/")
    if first in stages:
        return first, f"{slash}{rest}" or "/"
    return ("$default", path) if "$default" in stages else (None, path)


def _joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Several headers of one name are one, joined by commas (cookies by semicolons)."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        glue = "; " if key == "cookie" else ","
        found[key] = f"{found[key]}{glue}{text}" if key in found else text
    return found
