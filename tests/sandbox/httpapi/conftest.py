"""An HTTP API in front of a function, called as a browser does; the building blocks of others serve here as well."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.cognito.conftest import make_pool, people
from tests.sandbox.core.conftest import CENTRAL, REGION, make_role
from tests.sandbox.functions.support import deploy

__all__ = ["make_pool", "make_role", "people"]

ECHO = """
import json
import time

def handler(event, context):
    if event["rawPath"].startswith("/slow"):
        time.sleep(3)
    if event["rawPath"].startswith("/huge"):
        return {"statusCode": 200, "body": "x" * 6_400_000}
    headers = {"content-type": "application/json", "access-control-allow-origin": "https://own.example.com"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(event)}
"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    @property
    def said(self) -> tuple[int, bytes]:
        return self.status, self.body


@dataclass
class Api:
    """An API of the central account; every route leads to the function `echo`."""

    sandbox: Sandbox
    id: str
    endpoint: str
    integration: str

    @property
    def client(self) -> Any:
        return self.sandbox.client("apigatewayv2", CENTRAL)

    def route(self, key: str, **more: Any) -> None:
        self.client.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{self.integration}", **more)

    def authorizer(self, issuer: str, *audience: str) -> str:
        made = self.client.create_authorizer(
            ApiId=self.id,
            Name="people",
            AuthorizerType="JWT",
            IdentitySource=["$request.header.Authorization"],
            JwtConfiguration={"Issuer": issuer, "Audience": list(audience)},
        )
        return str(made["AuthorizerId"])

    def stage(self, **settings: Any) -> None:
        self.client.create_stage(ApiId=self.id, StageName="$default", AutoDeploy=True, **settings)

    def call(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        split = urllib.parse.urlsplit(self.sandbox.api_url(self.endpoint, path))
        connection = http.client.HTTPConnection(split.netloc, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"{split.path}{'?' if split.query else ''}{split.query}", body, named)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())


@pytest.fixture
def make_api(clean_sandbox: Sandbox, make_role: Callable[..., str]) -> Callable[..., Api]:
    """`make_api(**settings)`: an API without routes and stages; its function lets it in."""

    def make(*, timeout: int = 30_000, **settings: Any) -> Api:
        function = deploy(clean_sandbox, CENTRAL, "echo", ECHO, make_role("echo"))
        client = clean_sandbox.client("apigatewayv2", CENTRAL)
        made = client.create_api(Name="portal", ProtocolType="HTTP", **settings)
        integration = client.create_integration(
            ApiId=made["ApiId"],
            IntegrationType="AWS_PROXY",
            IntegrationUri=function,
            PayloadFormatVersion="2.0",
            TimeoutInMillis=timeout,
        )
        clean_sandbox.client("lambda", CENTRAL).add_permission(
            FunctionName="echo",
            StatementId="api",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{CENTRAL}:{made['ApiId']}/*/*/*",
        )
        return Api(clean_sandbox, made["ApiId"], made["ApiEndpoint"], integration["IntegrationId"])

    return make
