"""Cross-origin calls: Cognito's endpoint answers pages of every origin.

Whoever has a client id may call; what protects a pool is the password, not the page's origin. AWS documents it only by
the browser libraries that work: https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-integrate-apps.html
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.api import Json

_EXPOSED = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
_ASKED = (
    "Authorization,Date,X-Amz-Date,X-Amz-Security-Token,X-Amz-Target,content-type,x-amz-user-agent,"
    "x-amz-content-sha256,amz-sdk-invocation-id,amz-sdk-request,cache-control"
)


def preflight(original: Callable[..., Json]) -> Callable[..., Json]:
    """The answer to OPTIONS at the endpoint itself: POST and the headers of AWS's JSON protocol."""

    def answer(method: str, path: str, headers: dict[str, str], query: Json, request_id: str) -> Json:
        asked = headers.get("access-control-request-headers", "").lower()
        if method != "OPTIONS" or path != "/" or "x-amz-target" not in asked:
            return original(method, path, headers, query, request_id)
        return (
            200,
            {
                "Access-Control-Allow-Origin": "*",
                "Access-Control-Allow-Methods": "POST",
                "Access-Control-Allow-Headers": _ASKED,
                "Access-Control-Expose-Headers": _EXPOSED,
                "Access-Control-Max-Age": "172800",
                "x-amzn-requestid": request_id,
            },
            b"",
        )

    return answer


def with_headers(headers: dict[str, str]) -> dict[str, str]:
    """A refusal's headers, so that a page is told what was refused."""
    return {**headers, "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
