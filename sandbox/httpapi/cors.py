"""Cross-origin calls: what API Gateway answers itself, and what it adds to a function's answer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.api import Json

_PREFIX = "access-control-"


def headers_for(settings: Mapping[str, Any], origin: str) -> dict[str, str]:
    """The headers of an answer to a page of this origin; none when the origin is not allowed."""
    allowed = [str(each) for each in settings.get("allowOrigins") or []]
    if not origin or not any(_matches(pattern, origin) for pattern in allowed):
        return {}
    found = {"access-control-allow-origin": "*" if "*" in allowed else origin}
    if settings.get("allowCredentials") and "*" not in allowed:
        found["access-control-allow-credentials"] = "true"
    if settings.get("exposeHeaders"):
        found["access-control-expose-headers"] = ",".join(settings["exposeHeaders"])
    return found


def _matches(pattern: str, origin: str) -> bool:
    if pattern in {"*", "https://*", "http://*"}:
        return origin.startswith(pattern.removesuffix("*"))
    return pattern.lower() == origin.lower()


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Does a browser ask what it may?"""
    return method == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers


def preflight(settings: Mapping[str, Any], origin: str) -> tuple[int, dict[str, str], bytes]:
    """API Gateway's own answer: the configured lists, whatever was asked for. Nothing for a foreign origin."""
    found = headers_for(settings, origin)
    if found:
        lists = {"allow-methods": "allowMethods", "allow-headers": "allowHeaders"}
        found |= {f"{_PREFIX}{name}": ",".join(settings[key]) for name, key in lists.items() if settings.get(key)}
        if settings.get("maxAge") is not None:
            found["access-control-max-age"] = str(settings["maxAge"])
    return 204, found, b""


def added(settings: Mapping[str, Any], origin: str, headers: dict[str, Json]) -> dict[str, Json]:
    """A function's headers with the configured ones in the place of its own."""
    kept = {name: value for name, value in headers.items() if not name.lower().startswith(_PREFIX)}
    return {**kept, **headers_for(settings, origin)}
