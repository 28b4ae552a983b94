"""The JWT authorizer: who may pass is whoever shows a token that one of this sandbox's user pools signed.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html (authorizing API requests)
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox import adapter, clock
from sandbox.api import Json
from sandbox.cognito import owners

_MODULE = "services.apigateway"
adapter.uses(_MODULE, "_b64url_decode", "_extract_token_from_identity_source", "_verify_rs256_signature")
adapter.uses("services.cognito", "well_known_jwks")

Outcome = tuple[dict[str, Any] | None, list[str] | None, tuple[int, dict[str, str], bytes] | None]
_POOL = re.compile(r"https://cognito-idp\.([a-z0-9-]+)\.amazonaws\.com/([\w-]+)")


class _RefusedError(Exception):
    """Why a token does not do, in API Gateway's words."""


def validate(original: Callable[..., Awaitable[Outcome]]) -> Callable[..., Awaitable[Outcome]]:
    """In the place of MiniStack's: claims and scopes, or the refusal.

    Tokens of user pools are judged by the pool's own keys and the sandbox's clock; other issuers as MiniStack does.
    """

    async def judge(route: Json, authorizer: Json, headers: dict[str, str], query: Json) -> Outcome:
        settings = authorizer.get("jwtConfiguration") or {}
        issuer = str(settings.get("issuer") or "")
        pool = _POOL.fullmatch(issuer)
        if pool is None:
            return await original(route, authorizer, headers, query)
        source = authorizer.get("identitySource", [])
        token = adapter.internal(_MODULE, "_extract_token_from_identity_source")(source, headers, query)
        if not token:
            return None, None, _refusal(401, "Bearer")
        try:
            claims = _verified(token, pool.group(2))
            _meant_for(claims, issuer, [str(each) for each in settings.get("audience") or []])
        except _RefusedError as refused:
            return None, None, _refusal(401, f'Bearer scope="" error="invalid_token" error_description="{refused}"')
        scopes = sorted(set(str(claims.get("scope") or "").split()))
        wanted = route.get("authorizationScopes") or []
        if wanted and not set(wanted) & set(scopes):
            return None, None, _refusal(403, f'Bearer scope="{" ".join(wanted)}" error="insufficient_scope"')
        return claims, scopes, None

    return judge


def _refusal(status: int, why: str) -> tuple[int, dict[str, str], bytes]:
    said = {401: b'{"message":"Unauthorized"}', 403: b'{"message":"Forbidden"}'}[status]
    return status, {"Content-Type": "application/json", "www-authenticate": why}, said


def _verified(token: str, pool_id: str) -> dict[str, Any]:
    """The claims of a token that this pool signed."""
    parts = token.split(".")
    try:
        header = json.loads(adapter.internal(_MODULE, "_b64url_decode")(parts[0]))
        claims = json.loads(adapter.internal(_MODULE, "_b64url_decode")(parts[1]))
        key_id = header["kid"]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise _RefusedError("the token is malformed") from error
    if owners.pool(pool_id) is None:
        raise _RefusedError("unable to retrieve the issuer's keys")
    _, _, published = adapter.internal("services.cognito", "well_known_jwks")(pool_id)
    key = next((each for each in json.loads(published)["keys"] if each["kid"] == key_id), None)
    if header.get("alg") != "RS256" or key is None:
        raise _RefusedError("the token has an unknown key or algorithm")
    if len(parts) != 3 or not adapter.internal(_MODULE, "_verify_rs256_signature")(token, key):
        raise _RefusedError("signature verification failed")
    return dict(claims)


def _meant_for(claims: dict[str, Any], issuer: str, audience: list[str]) -> None:
    """`client_id` counts only for a token without `aud`."""
    now = clock.time()
    if claims.get("iss") != issuer:
        raise _RefusedError("the token has an invalid issuer")
    named = claims.get("aud", claims.get("client_id"))
    meant = [str(each) for each in named] if isinstance(named, list) else [str(named)]
    if audience and not set(meant) & set(audience):
        raise _RefusedError("the token does not have a valid audience")
    if not isinstance(claims.get("exp"), int | float) or claims["exp"] <= now:
        raise _RefusedError("the token has expired")
    # Both are whole seconds, and the clock may stand between two.
    if any(isinstance(claims.get(name), int | float) and claims[name] > now + 1 for name in ("nbf", "iat")):
        raise _RefusedError("the token is not valid yet")
