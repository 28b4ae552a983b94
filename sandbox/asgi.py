"""Plain HTTP in and out, for the rooms that browsers call: what ASGI leaves to its applications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.api import Json

Answer = tuple[int, dict[str, Any], bytes]
"""Status, headers (a list of values for a repeated one) and body."""


async def body_of(receive: Callable[[], Json]) -> bytes:
    """The whole body of a request."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def raw_path(scope: dict[str, Any]) -> str:
    """The path as it came, still encoded."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.decode("latin-1")


def raw_query(scope: dict[str, Any]) -> str:
    """The query string as it came."""
    query: bytes = scope.get("query_string", b"")
    return query.decode("latin-1")


def peer(scope: dict[str, Any]) -> str:
    """The address of whoever calls."""
    return str((scope.get("client") or ("127.0.0.1",))[0])


def joined(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Several headers of one name are one, joined by commas (cookies by semicolons); names in lower case."""
    found: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        glue = "; " if key == "cookie" else ","
        found[key] = f"{found[key]}{glue}{text}" if key in found else text
    return found


async def send_answer(send: Callable[[Json], Json], answer: Answer, method: str) -> None:
    """Send it; the answer to HEAD has no body, and tells the length of what GET would bring where it is known."""
    status, headers, payload = answer
    sent = [
        (name.lower().encode("latin-1"), str(value).encode("latin-1"))
        for name, given in headers.items()
        for value in (given if isinstance(given, list | tuple) else [given])
        if name.lower() != "content-length"
    ]
    told = next((str(value) for name, value in headers.items() if name.lower() == "content-length"), None)
    length = told if method == "HEAD" and told else str(len(payload))
    sent.append((b"content-length", length.encode()))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else payload})
