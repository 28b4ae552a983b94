"""From a request to a function and back: payload format 2.0.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import json
import logging
import uuid
from typing import Any

from sandbox import adapter, authz, clock
from sandbox.api import AwsError, Json
from sandbox.httpapi import cors, endpoints, limits

_MODULE = "services.apigateway"
adapter.uses(
    _MODULE, "_apis", "_extract_lambda_ref_from_integration_uri", "_get_stage_variables", "_v2_request_body_is_text"
)

_SERVICE = "apigateway.amazonaws.com"
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-troubleshooting-lambda.html
_BROKEN = 500, {"Content-Type": "application/json"}, b'{"message":"Internal Server Error"}'

_UNAVAILABLE = 503, _BROKEN[1], b'{"message":"Service Unavailable"}'
# Milliseconds: the maximum, and what an integration has that names none.
_LONGEST = 30_000

_log = logging.getLogger(__name__)

Answer = tuple[int, dict[str, Any], bytes]


async def invoke(  # noqa: PLR0917  MiniStack's signature
    integration: dict[str, Any],
    api_id: str,
    stage: str,
    path: str,
    method: str,
    headers: dict[str, str],
    body: bytes,
    query_params: dict[str, list[str]] | None,
    route_key: str = "$default",
    path_params: dict[str, str] | None = None,
    **more: Json,
) -> Answer:
    """In the place of MiniStack's Lambda proxy: ask the function's policy, invoke it, and shape its answer."""
    account, region = adapter.account(), adapter.region()
    uri = str(integration.get("integrationUri", ""))
    function = str(adapter.internal(_MODULE, "_extract_lambda_ref_from_integration_uri")(uri))
    if not function.startswith("arn:"):
        function = f"arn:aws:lambda:{region}:{account}:function:{function}"
    verb, _, route = route_key.partition(" ")
    source = f"{stage}/{method if verb == 'ANY' else verb}{route}"
    event = _event(api_id, stage, path, method, headers, query_params or {}, route_key, more.get("raw_query_string"))
    event["requestContext"] |= _authorizer(more)
    if path_params:
        event["pathParameters"] = path_params
    variables = adapter.internal(_MODULE, "_get_stage_variables")(api_id, stage)
    if variables:
        event["stageVariables"] = variables
    if body:
        text = adapter.internal(_MODULE, "_v2_request_body_is_text")(headers.get("content-type"))
        event["body"] = body.decode(errors="replace") if text else base64.b64encode(body).decode()
        event["isBase64Encoded"] = not text
    role = integration.get("credentialsArn")
    call = asyncio.to_thread(_invoke, function, f"{api_id}/{source}", role, event)
    seconds = float(integration.get("timeoutInMillis") or _LONGEST) / 1000
    try:
        status, answered, payload = await asyncio.wait_for(call, seconds)
    except TimeoutError:
        return _UNAVAILABLE
    settings = (adapter.internal(_MODULE, "_apis").get(api_id) or {}).get("corsConfiguration")
    return status, cors.added(settings, headers.get("origin", ""), answered) if settings else answered, payload


def _event(  # noqa: PLR0917
    api_id: str,
    stage: str,
    path: str,
    method: str,
    headers: dict[str, str],
    query: dict[str, list[str]],
    route_key: str,
    raw_query: str | None,
) -> dict[str, Any]:
    domain, now = endpoints.domain_of(api_id, adapter.region()), clock.now()
    address = endpoints.source_ip.get()
    forwarded = headers.get("x-forwarded-for")
    # A stage other than $default is part of the path that the event shows.
    shown = path if stage == "$default" else f"/{stage}{path}"
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": shown,
        "rawQueryString": raw_query or "",
        "headers": {
            **{name: value for name, value in headers.items() if name not in {"cookie", "connection"}},
            "host": domain,
            "x-forwarded-for": f"{forwarded}, {address}" if forwarded else address,
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": adapter.account(),
            "apiId": api_id,
            "domainName": domain,
            "domainPrefix": api_id,
            "http": {
                "method": method,
                "path": shown,
                "protocol": "HTTP/1.1",
                "sourceIp": address,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": base64.b64encode(uuid.uuid4().bytes).decode()[:16],
            "routeKey": route_key,
            "stage": stage,
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    if "cookie" in headers:
        event["cookies"] = [cookie.strip() for cookie in headers["cookie"].split(";") if cookie.strip()]
    if query:
        event["queryStringParameters"] = {name: ",".join(values) for name, values in query.items()}
    return event


def _authorizer(given: dict[str, Json]) -> dict[str, Any]:
    """What an authorizer of the route found out, as MiniStack hands it on."""
    if given.get("authorizer_claims") is not None:
        claims = {name: _text(value) for name, value in given["authorizer_claims"].items()}
        return {"authorizer": {"jwt": {"claims": claims, "scopes": given.get("authorizer_scopes") or None}}}
    if given.get("authorizer_lambda_context") is not None:
        return {"authorizer": {"lambda": given["authorizer_lambda_context"]}}
    if given.get("authorizer_iam") is not None:
        return {"authorizer": {"iam": given["authorizer_iam"]}}
    return {}


def _text(claim: Json) -> str:
    if isinstance(claim, list):
        return f"[{' '.join(map(_text, claim))}]"
    return claim if isinstance(claim, str) else json.dumps(claim)


def _invoke(function: str, source: str, role: str | None, event: dict[str, Any]) -> Answer:
    if not _may_invoke(function, source, role):
        return _BROKEN
    parts = function.split(":")
    asked = json.dumps(event).encode()
    if len(asked) > limits.INVOCATION:
        return limits.TOO_LARGE[0], _BROKEN[1], limits.TOO_LARGE[1]
    try:
        result = adapter.invoke_raw(
            "lambda",
            "Invoke",
            {"FunctionName": function, "Payload": asked},
            account=parts[4],
            region=parts[3],
        )
    except AwsError as refused:
        _log.info("%s could not be invoked: %s", function, refused)
        if refused.code == "TooManyRequestsException":
            return _UNAVAILABLE
        return _BROKEN
    payload = result.get("Payload")
    text = payload.read() if isinstance(payload, io.IOBase) else payload
    if result.get("FunctionError") or len(text or b"") > limits.INVOCATION:
        return _BROKEN
    try:
        return _shaped(json.loads(text or b"null"))
    except (ValueError, TypeError, binascii.Error):
        return _BROKEN


def _may_invoke(function: str, source: str, role: str | None) -> bool:
    """With the integration's role, or as API Gateway itself when the function's policy names it and this route.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html (permissions)
    """
    account, region = adapter.account(), adapter.region()
    arn = f"arn:aws:execute-api:{region}:{account}:{source}"
    context = {"aws:SourceArn": arn, "aws:SourceAccount": account}
    policy, owner = adapter.function_policy(function), authz.account_of(function)
    if role:
        return authz.check_assume(role, _SERVICE, context=context).allowed and (
            authz.check(role, "lambda:InvokeFunction", function, resource_policy=policy, resource_account=owner).allowed
        )
    return authz.check(
        _SERVICE,
        "lambda:InvokeFunction",
        function,
        context=context,
        resource_policy=policy,
        resource_account=owner,
        service=_SERVICE,
    ).allowed


def _shaped(result: Json) -> Answer:
    """With a `statusCode` the function says all; without, its result is the body of a 200 as JSON."""
    json_headers: dict[str, Any] = {"content-type": "application/json"}
    if not isinstance(result, dict) or "statusCode" not in result:
        return 200, json_headers, (result if isinstance(result, str) else json.dumps(result)).encode()
    headers: dict[str, Any] = {str(name).lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain; charset=utf-8")
    headers["apigw-requestid"] = base64.b64encode(uuid.uuid4().bytes).decode()[:16]
    if result.get("cookies"):
        already = [headers["set-cookie"]] if "set-cookie" in headers else []
        headers["set-cookie"] = [*map(str, result["cookies"]), *already]
    body = result.get("body") or ""
    if not isinstance(body, str):
        body = json.dumps(body)
    payload = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    return int(result["statusCode"]), headers, payload
