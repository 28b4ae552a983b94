"""A browser calls an HTTP API: what the function sees, what the browser gets, and what must be allowed."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION, refusal
from tests.sandbox.functions.support import deploy

Role = Callable[..., str]
ECHO = """
import base64
import json

def handler(event, context):
    if event["rawPath"].startswith("/broken"):
        raise RuntimeError("no")
    if event["rawPath"].startswith("/plain"):
        return {"seen": True}
    if event["rawPath"].startswith("/teapot"):
        return {
            "statusCode": 418,
            "headers": {"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY"},
            "cookies": ["a=1; HttpOnly", "b=2"],
            "body": "<h1>ä</h1>",
        }
    if event["rawPath"].startswith("/binary"):
        return {"statusCode": 200, "isBase64Encoded": True, "body": base64.b64encode(bytes([0, 255])).decode()}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def event(self) -> Any:
        return json.loads(self.body)


@dataclass
class Api:
    """An API of the central account in front of the function `echo`."""

    sandbox: Sandbox
    id: str
    endpoint: str

    def call(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
        split = urllib.parse.urlsplit(self.sandbox.api_url(self.endpoint, path))
        connection = http.client.HTTPConnection(split.netloc, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"{split.path}{'?' if split.query else ''}{split.query}", body, named)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def permit(self, source: str, statement: str = "api") -> None:
        self.sandbox.client("lambda", CENTRAL).add_permission(
            FunctionName="echo",
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
            SourceArn=f"arn:aws:execute-api:{REGION}:{CENTRAL}:{self.id}/{source}",
        )


@pytest.fixture
def api(clean_sandbox: Sandbox, make_role: Role) -> Api:
    function = deploy(clean_sandbox, CENTRAL, "echo", ECHO, make_role("echo"))
    client = clean_sandbox.client("apigatewayv2", CENTRAL)
    made = client.create_api(Name="approvals", ProtocolType="HTTP")
    integration = client.create_integration(
        ApiId=made["ApiId"], IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )
    for key in ("GET /requests/{id}", "ANY /{proxy+}"):
        client.create_route(ApiId=made["ApiId"], RouteKey=key, Target=f"integrations/{integration['IntegrationId']}")
    client.create_stage(
        ApiId=made["ApiId"],
        StageName="$default",
        AutoDeploy=True,
        DefaultRouteSettings={"ThrottlingBurstLimit": 20, "ThrottlingRateLimit": 10.0},
    )
    return Api(clean_sandbox, made["ApiId"], made["ApiEndpoint"])


def test_the_endpoint_is_awss_and_leads_to_the_sandbox(api: Api) -> None:
    assert api.endpoint == f"https://{api.id}.execute-api.{REGION}.amazonaws.com"
    assert api.sandbox.api_url(f"{api.endpoint}/a?b=c") == f"{api.sandbox.url}/_sandbox/api/{api.id}/a?b=c"
    with pytest.raises(ValueError, match="not the endpoint"):
        api.sandbox.api_url("https://example.com")


def test_the_function_sees_the_request(api: Api) -> None:
    api.permit("*/*/requests/{id}")
    answer = api.call("/requests/a%20b?x=1&x=2&empty=&u=%C3%A4", Cookie="s=1; t=2", User_Agent="test", X_Own="yes")
    event = answer.event
    assert answer.status == 200
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "GET /requests/{id}", "/requests/a b")
    assert event["rawQueryString"] == "x=1&x=2&empty=&u=%C3%A4"
    assert event["queryStringParameters"] == {"x": "1,2", "empty": "", "u": "ä"}
    assert event["pathParameters"] == {"id": "a b"}
    assert event["cookies"] == ["s=1", "t=2"]
    assert event["headers"]["x-own"] == "yes"
    assert event["headers"]["host"] == f"{api.id}.execute-api.{REGION}.amazonaws.com"
    assert "cookie" not in event["headers"]
    assert event["requestContext"]["http"] == {
        "method": "GET",
        "path": "/requests/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "test",
    }
    assert (event["requestContext"]["stage"], event["requestContext"]["accountId"]) == ("$default", CENTRAL)
    assert "body" not in event


def test_a_form_arrives_as_base64_and_text_as_text(api: Api) -> None:
    api.permit("*")
    form = b"decision=approve&note=%C3%A4"
    event = api.call("/decide", "POST", form, Content_Type="application/x-www-form-urlencoded").event
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, form)
    event = api.call("/decide", "POST", b'{"a": 1}', Content_Type="application/json").event
    assert (event["isBase64Encoded"], event["body"]) == (False, '{"a": 1}')


def test_what_the_function_answers_passes_unchanged(api: Api) -> None:
    api.permit("*")
    answer = api.call("/teapot")
    assert (answer.status, answer.body.decode()) == (418, "<h1>ä</h1>")
    assert answer.headers.get_all("set-cookie") == ["a=1; HttpOnly", "b=2"]
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers.get_all("content-type") == ["text/html; charset=utf-8"]
    assert api.call("/binary").body == bytes([0, 255])
    plain = api.call("/plain")
    assert (plain.status, plain.event, plain.headers["content-type"]) == (200, {"seen": True}, "application/json")
    broken = api.call("/broken")
    assert (broken.status, broken.event) == (500, {"message": "Internal Server Error"})


def test_without_the_functions_permission_the_browser_gets_500(api: Api) -> None:
    answer = api.call("/decide")
    assert (answer.status, answer.event) == (500, {"message": "Internal Server Error"})
    api.permit("*/GET/requests/{id}")
    assert api.call("/decide").status == 500
    assert api.call("/requests/1").status == 200
    denied = api.sandbox.ledger(action="lambda:InvokeFunction", allowed=False)
    assert {entry["principal"] for entry in denied} == {"apigateway.amazonaws.com"}


def test_what_is_not_there_is_not_found(api: Api) -> None:
    api.permit("*")
    assert api.call("/").status == 404
    other = Api(api.sandbox, "zzzzzzzz", f"https://zzzzzzzz.execute-api.{REGION}.amazonaws.com")
    assert other.call("/decide").status == 404
    api.sandbox.client("apigatewayv2", CENTRAL).delete_stage(ApiId=api.id, StageName="$default")
    assert api.call("/decide").status == 404


def test_the_time_of_a_request_is_the_sandboxs(api: Api) -> None:
    api.permit("*")
    api.sandbox.advance(86_400)
    event = api.call("/decide").event
    assert abs(event["requestContext"]["timeEpoch"] / 1000 - datetime.fromisoformat(api.sandbox.now()).timestamp()) < 5


def test_who_makes_apis_needs_the_right(api: Api, make_role: Role) -> None:
    apis = f"arn:aws:apigateway:{REGION}::/apis"
    reader = make_role("reader", {"Action": "apigateway:GET", "Resource": [apis, f"{apis}/*"]})
    client = api.sandbox.client("apigatewayv2", role_arn=reader)
    assert client.get_api(ApiId=api.id)["Name"] == "approvals"
    code, message = refusal(lambda: client.create_api(Name="more", ProtocolType="HTTP"))
    assert code == "AccessDeniedException"
    assert "apigateway:POST" in message


def test_a_fault_throttles_the_browser(api: Api) -> None:
    api.permit("*")
    api.sandbox.inject(service="execute-api", kind="throttling", count=1, resource=api.id)
    answer = api.call("/decide")
    assert (answer.status, answer.event) == (429, {"message": "Too Many Requests"})
    assert api.call("/decide").status == 200
