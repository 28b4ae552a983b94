"""The sandbox's own HTTP endpoints under `/_sandbox/`: for tests, `make demo` and people with curl."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from sandbox import authz, clock, faults, ledger, settings, snapshots
from sandbox.api import Json

Endpoint = Callable[[dict[str, Any], dict[str, str], list[str]], Json]
_endpoints: dict[tuple[str, str], Endpoint] = {}


class Page(str):
    """An answer for a browser instead of JSON."""

    __slots__ = ()


def endpoint(method: str, name: str, function: Endpoint) -> None:
    """Serve `METHOD /_sandbox/<name>[/rest…]` by `function(body, query, rest)`; rooms may add theirs."""
    _endpoints[(method, name)] = function


async def serve(scope: dict[str, Any], receive: Callable[[], Json], send: Callable[[Json], Json]) -> None:
    """The ASGI application behind `/_sandbox/`."""
    name, *rest = scope["path"].removeprefix("/_sandbox/").split("/")
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    query = {key: values[0] for key, values in parse_qs(scope.get("query_string", b"").decode()).items()}
    function = _endpoints.get((scope["method"], name))
    if function is None:
        return await _send(send, 404, {"error": f"No {scope['method']} /_sandbox/{name}"})
    try:
        parsed = json.loads(body) if body else {}
        answer = await asyncio.to_thread(function, parsed, query, rest)
    except (ValueError, TypeError, KeyError) as error:
        return await _send(send, 400, {"error": f"{type(error).__name__}: {error}"})
    await _send(send, 200, answer if answer is not None else {})
    return None


async def _send(send: Callable[[Json], Json], status: int, answer: Json) -> None:
    page = isinstance(answer, Page)
    payload = answer.encode() if page else json.dumps(answer, default=str).encode()
    kind = b"text/html; charset=utf-8" if page else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(payload)).encode())]
    if page:
        # Pages show what others wrote: nothing in them may run or load.
        headers.append((b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": payload})


def _health(_body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    return {"status": "ok", "time": clock.now().isoformat()}


def _ledger(_body: dict[str, Any], query: dict[str, str], _rest: list[str]) -> Json:
    return {"entries": ledger.entries(**query)}


def _ledger_clear(_body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    ledger.clear()


def _faults(_body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    return {"faults": faults.armed()}


def _faults_inject(body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    return {"id": faults.inject(**body).id}


def _faults_clear(_body: dict[str, Any], _query: dict[str, str], rest: list[str]) -> Json:
    faults.clear(int(rest[0]) if rest and rest[0] else None)


def _credentials(body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    """Temporary credentials of a role without asking its trust policy: tests act as roles only services may assume."""
    return authz.open_session(body["role_arn"], body.get("session_name", "sandbox"))


def _clock(_body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    return {"now": clock.now().isoformat(), "offset_seconds": clock.offset()}


def _clock_advance(body: dict[str, Any], query: dict[str, str], rest: list[str]) -> Json:
    clock.advance(float(body["advance_seconds"]))
    return _clock(body, query, rest)


def _settings(_body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    return settings.as_json()


def _settings_change(body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    settings.update(**body)
    return settings.as_json()


def _snapshot_take(_body: dict[str, Any], _query: dict[str, str], rest: list[str]) -> Json:
    return snapshots.take(rest[0])


def _snapshot_restore(_body: dict[str, Any], _query: dict[str, str], rest: list[str]) -> Json:
    return snapshots.restore(rest[0])


def _reset(_body: dict[str, Any], _query: dict[str, str], _rest: list[str]) -> Json:
    snapshots.reset()


endpoint("GET", "health", _health)
endpoint("GET", "ledger", _ledger)
endpoint("DELETE", "ledger", _ledger_clear)
endpoint("GET", "faults", _faults)
endpoint("POST", "faults", _faults_inject)
endpoint("DELETE", "faults", _faults_clear)
endpoint("POST", "credentials", _credentials)
endpoint("GET", "clock", _clock)
endpoint("POST", "clock", _clock_advance)
endpoint("GET", "settings", _settings)
endpoint("PATCH", "settings", _settings_change)
endpoint("PUT", "snapshots", _snapshot_take)
endpoint("POST", "snapshots", _snapshot_restore)
endpoint("POST", "reset", _reset)
