"""Where an HTTP API is reached, and the request that comes in there.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-publish.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from sandbox import adapter, api_urls, asgi, faults
from sandbox.api import AwsError, Json
from sandbox.asgi import Answer
from sandbox.httpapi import cors, limits

_MODULE = "services.apigateway"
adapter.uses(
    _MODULE,
    "_apis",
    "_authorizers",
    "_extract_path_params",
    "_handle_execute_in_scope",
    "_integrations",
    "_match_route",
    "_stages",
    "decode_http_api_path",
)

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
    api_id, slash, below = asgi.raw_path(scope).removeprefix(api_urls.PREFIX).partition("/")
    body = await asgi.body_of(receive)
    request = Request(
        method=scope["method"],
        path=f"{slash}{below}" or "/",
        query=asgi.raw_query(scope),
        headers=scope["headers"],
        body=body,
        source_ip=asgi.peer(scope),
    )
    await asgi.send_answer(send, await answer(api_id, request), request.method)


class Request(NamedTuple):
    """A plain HTTP request to an API: the path without the API's id, still encoded."""

    method: str
    path: str
    query: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    source_ip: str


async def answer(api_id: str, request: Request) -> Answer:
    """What API Gateway answers: to a browser, or to CloudFront in front of the API."""
    place = _place_of(api_id)
    if place is None:
        return _NOT_FOUND
    account, region = place
    path = adapter.internal(_MODULE, "decode_http_api_path")(request.path)
    target = f"{request.path}?{request.query}"
    if refused := limits.too_large(request.method, target, request.headers, request.body):
        return refused[0], _JSON, refused[1]
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
        token = source_ip.set(request.source_ip)
        try:
            headers = asgi.joined(request.headers)
            return await _execute(api_id, stage, path, request.method, headers, request.body, request.query)
        finally:
            source_ip.reset(token)


async def _execute(  # noqa: PLR0917  what a request consists of
    api_id: str, stage: str, path: str, method: str, headers: dict[str, str], body: bytes, raw_query: str
) -> Answer:
    """A request to a stage: throttled by its route, preflights answered, else on to the integration."""
    cors_settings = (adapter.internal(_MODULE, "_apis").get(api_id) or {}).get("corsConfiguration") or {}
    route = adapter.internal(_MODULE, "_match_route")(api_id, method, "/" + path.lstrip("/"))
    if route is None:
        # A route for OPTIONS, for ANY or $default takes the preflight; only without one API Gateway answers.
        asked = cors_settings and cors.is_preflight(method, headers)
        return cors.preflight(cors_settings, headers["origin"]) if asked else _NOT_FOUND
    record = adapter.internal(_MODULE, "_stages").get(api_id, {}).get(stage) or {}
    if refused := limits.throttled(api_id, stage, record, route.get("routeKey", "$default")):
        return refused[0], _JSON, refused[1]
    if method == "OPTIONS":
        return await _options(api_id, stage, path, headers, body, raw_query, route)
    answer: Answer = await adapter.internal(_MODULE, "_handle_execute_in_scope")(
        api_id,
        stage,
        path,
        method,
        headers,
        body,
        parse_qs(raw_query, keep_blank_values=True),
        adapter.account(),
        adapter.region(),
        raw_query,
    )
    return answer


async def _options(  # noqa: PLR0917  what a request consists of
    api_id: str, stage: str, path: str, headers: dict[str, str], body: bytes, raw_query: str, route: Json
) -> Answer:
    """OPTIONS for which there is a route: MiniStack takes every one for a preflight."""
    query = parse_qs(raw_query, keep_blank_values=True)
    integration_id = str(route.get("target", "")).rpartition("/")[2]
    integration = adapter.internal(_MODULE, "_integrations").get(api_id, {}).get(integration_id) or {}
    kind = (route.get("authorizationType") or "NONE").upper()
    if integration.get("integrationType") != "AWS_PROXY" or kind not in {"NONE", "JWT"}:
        return _NOT_FOUND
    claims: dict[str, Any] = {}
    if kind == "JWT":
        authorizer = adapter.internal(_MODULE, "_authorizers").get(api_id, {}).get(route.get("authorizerId")) or {}
        judge = adapter.internal(_MODULE, "_validate_jwt_authorizer")
        found, scopes, refusal = await judge(route, authorizer, headers, query)
        if refusal is not None:
            refused: Answer = refusal
            return refused
        claims = {"authorizer_claims": found, "authorizer_scopes": scopes}
    key = route.get("routeKey", "$default")
    values = adapter.internal(_MODULE, "_extract_path_params")(key.partition(" ")[2], path) if " " in key else None
    invoke = adapter.internal(_MODULE, "_invoke_lambda_proxy")
    answer: Answer = await invoke(
        integration,
        api_id,
        stage,
        path,
        "OPTIONS",
        headers,
        body,
        query,
        key,
        values,
        raw_query_string=raw_query,
        **claims,
    )
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
