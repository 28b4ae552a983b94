"""Whose pool is meant by a call that nobody signs.

https://docs.aws.amazon.com/cognito/latest/developerguide/authentication-flows-public-server-side.html
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from sandbox import adapter
from sandbox.api import Json

_MODULE = "services.cognito"
adapter.uses(_MODULE, "_UNSIGNED_IDP_ACTIONS", "_challenge_sessions", "_refresh_tokens", "_user_pools")

_TOKENS = ("AccessToken", "RefreshToken", "Token")


def owner_of(operation: str, body: dict[str, Any]) -> tuple[str, str] | None:
    """Account and region of the pool; None for calls that are signed, and when nothing in the call tells."""
    if operation not in adapter.internal(_MODULE, "_UNSIGNED_IDP_ACTIONS"):
        return None
    client = body.get("ClientId")
    for account, region, pool_id, pool in pools():
        if client and client in pool.get("_clients", {}):
            return account, region
        if not client and pool_id in _named(body):
            return account, region
    return None


def pools() -> list[tuple[str, str, str, dict[str, Any]]]:
    """Every user pool: account, region, id and record."""
    held = adapter.internal(_MODULE, "_user_pools")._data
    return [(key[0], key[1], key[2], pool) for key, pool in list(held.items())]


def pool(pool_id: str) -> tuple[str, str, dict[str, Any]] | None:
    """Account, region and record of a pool, whichever account is current."""
    return next(((account, region, each) for account, region, held, each in pools() if held == pool_id), None)


def _named(body: dict[str, Any]) -> set[str]:
    """The ids of pools that the call's tokens or session lead to."""
    found = {str(body.get("UserPoolId") or "")}
    for name in _TOKENS:
        found.add(str(claims_of(body.get(name)).get("iss", "")).rpartition("/")[2])
        held = adapter.internal(_MODULE, "_refresh_tokens").get(body.get(name)) or {}
        found.add(str(held.get("pool_id", "")))
    sessions = adapter.internal(_MODULE, "_challenge_sessions")._data
    asked = body.get("Session")
    found |= {str(session.get("pool_id", "")) for key, session in list(sessions.items()) if asked and key[-1] == asked}
    return found - {""}


def claims_of(token: Json) -> dict[str, Any]:
    """What a JWT says, unverified; empty when it is none."""
    try:
        payload = str(token).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}
