"""How much an HTTP API takes: requests per second, and bytes.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import settings, snapshots

_PAYLOAD = 10 * 1024 * 1024
_HEADERS = 10_240
_TOO_MANY = 429, b'{"message":"Too Many Requests"}'
TOO_LARGE = 413, b'{"message":"Request Entity Too Large"}'
# What Lambda takes and gives in one synchronous call (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
INVOCATION = 6_291_556
_TOO_LONG = 431, b'{"message":"Request Header Fields Too Large"}'
Refusal = tuple[int, bytes]


@dataclass
class _Bucket:
    """Tokens of one route; full at the start."""

    tokens: float
    filled: float


_buckets: dict[tuple[str, str, str], _Bucket] = {}
_lock = threading.Lock()


def install() -> None:
    """Start with full buckets after every restore and reset."""
    snapshots.register_room("httpapi", dict, lambda _state: clear(), clear)


def clear() -> None:
    """Fill all buckets."""
    with _lock:
        _buckets.clear()


def too_large(method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> Refusal | None:
    """The quotas of a request: 10 MB of payload, 10,240 bytes of request line and headers."""
    if len(method) + len(target) + sum(len(name) + len(value) for name, value in headers) > _HEADERS:
        return _TOO_LONG
    return TOO_LARGE if len(body) > _PAYLOAD else None


def throttled(api: str, stage_name: str, stage: Mapping[str, Any], route: str) -> Refusal | None:
    """The token bucket of a route: its own settings, else the stage's default; none without any.

    It fills by the machine's time, which tests cannot move. The setting `api_throttling` turns it off.
    """
    default = stage.get("defaultRouteSettings") or {}
    limits = {**default, **((stage.get("routeSettings") or {}).get(route) or {})}
    burst, rate = limits.get("throttlingBurstLimit"), limits.get("throttlingRateLimit")
    if burst is None or rate is None or not settings.get().api_throttling:
        return None
    now = time.monotonic()
    with _lock:
        bucket = _buckets.setdefault((api, stage_name, route), _Bucket(float(burst), now))
        bucket.tokens = min(float(burst), bucket.tokens + (now - bucket.filled) * float(rate))
        bucket.filled = now
        if bucket.tokens < 1:
            return _TOO_MANY
        bucket.tokens -= 1
    return None
