"""People in front of the API: events as an HTTP API sends them, and what it gets back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

Json = dict[str, Any]
CONTEXT: Any = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=512,
    invoked_function_arn="arn",
    aws_request_id="r",
    get_remaining_time_in_millis=lambda: 30_000,
)
PERSON = "ann@sales.example"
# What no log line may ever hold.
TOKEN = "eyJraWQiOiJh.secret-token.c2lnbmF0dXJl"
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "answer_query",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
    "LEDGER_TABLE": "datamesh-ledger",
    "TIMELINE_TABLE": "datamesh-timeline",
    "TIMELINE_DAYS": "90",
    "IDEMPOTENCY_TABLE": "datamesh-idempotency",
    "EVENT_BUS_NAME": "datamesh-central",
    "SEARCH_BUCKET": "datamesh-search-111111111111",
    "SEARCH_KEY": "search.sqlite",
    "SEARCH_ENDPOINT": "",
    "STATE_MACHINE_PREFIX": "datamesh-central-",
    "DOMAIN_TAG_KEY": "domain",
    "SENSITIVE_TAGS": json.dumps({"sensitivity": ["high"]}),
}


class Answer:
    """What API Gateway gets."""

    def __init__(self, answer: Json) -> None:
        self.status: int = answer["statusCode"]
        self.headers = {name.lower(): value for name, value in answer["headers"].items()}
        self.body: str = answer["body"]

    @property
    def json(self) -> Json:
        return dict(json.loads(self.body))

    @property
    def code(self) -> str:
        """Of the problem that this is."""
        assert self.headers["content-type"] == "application/problem+json", self.body
        return str(self.json["code"])


def claims_of(groups: Sequence[str], email: str = PERSON, **more: Any) -> Json:
    """Return the claims of an ID token as an HTTP API hands them on: texts."""
    claims = {"email": email, "email_verified": "true", "token_use": "id", "name": "Ann", "sub": "0a1b"}
    if groups:
        claims["cognito:groups"] = f"[{' '.join(groups)}]"
    return {name: value for name, value in {**claims, **more}.items() if value is not None}


def event_of(
    method: str,
    path: str,
    *,
    claims: Mapping[str, Any] | None,
    query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    encoded: bool = False,
) -> Json:
    """Return the event of a request, payload format 2.0.

    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    event: Json = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "headers": {"authorization": f"Bearer {TOKEN}", **{k.lower(): v for k, v in (headers or {}).items()}},
        "requestContext": {
            "http": {"method": method, "path": path, "sourceIp": "192.0.2.1"},
            "stage": "$default",
            "requestId": "r",
        },
        "isBase64Encoded": encoded,
    }
    if claims is not None:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": None}}
    if query:
        pairs: dict[str, list[str]] = {}
        for name, value in query.items() if isinstance(query, Mapping) else query:
            pairs.setdefault(name, []).append(value)
        event["queryStringParameters"] = {name: ",".join(values) for name, values in pairs.items()}
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body)
        event["body"] = base64.b64encode(text.encode()).decode() if encoded else text
        event["headers"].setdefault("content-type", "application/json")
    return event


class Person:
    """Somebody who asks a function of the API."""

    def __init__(self, handler: Callable[[Json, Any], Json], *groups: str, email: str = PERSON) -> None:
        self._handler = handler
        self._claims = claims_of(groups, email)

    def ask(self, method: str, path: str, **more: Any) -> Answer:
        return Answer(self._handler(event_of(method, path, claims=self._claims, **more), CONTEXT))

    def get(self, path: str, **query: str) -> Answer:
        return self.ask("GET", path, query=query)
