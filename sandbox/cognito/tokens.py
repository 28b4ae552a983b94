"""What a token says of its user.

https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox import adapter
from sandbox.api import Json

_MODULE = "services.cognito"
adapter.uses(_MODULE, "_user_pools")


def as_the_client_may_read(original: Callable[..., str]) -> Callable[..., str]:
    """An ID token has the attributes in the client's `ReadAttributes` (all, when it names none).

    `email_verified` is false for whoever has an address that nobody verified.
    """

    def token(sub: str, pool_id: str, client_id: str, use: str = "access", **more: Json) -> str:
        attributes = more.get("user_attrs")
        if use == "id" and attributes:
            if "email" in attributes:
                attributes = {"email_verified": "false", **attributes}
            more["user_attrs"] = readable(pool_id, client_id, attributes)
        return original(sub, pool_id, client_id, use, **more)

    return token


def readable(pool_id: str, client_id: str, attributes: dict[str, str]) -> dict[str, str]:
    """The attributes that an app client may read; `sub` always."""
    pool = adapter.internal(_MODULE, "_user_pools").get(pool_id) or {}
    allowed = (pool.get("_clients", {}).get(client_id) or {}).get("ReadAttributes")
    if not allowed:
        return attributes
    return {name: value for name, value in attributes.items() if name == "sub" or name in allowed}
