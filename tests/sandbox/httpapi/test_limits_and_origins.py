"""What API Gateway answers before any function is asked: preflights, too many requests, and too large ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.cognito.conftest import People
from tests.sandbox.core.conftest import REGION
from tests.sandbox.httpapi.conftest import Api

PORTAL = "https://portal.example.com"
CORS = {
    "AllowOrigins": [PORTAL],
    "AllowMethods": ["GET", "POST", "DELETE"],
    "AllowHeaders": ["authorization", "idempotency-key"],
    "ExposeHeaders": ["retry-after"],
    "MaxAge": 300,
}
ASKED: dict[str, Any] = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "authorization"}
TOO_MANY = (429, b'{"message":"Too Many Requests"}')


def added(answer: object) -> dict[str, str]:
    """The CORS headers of an answer."""
    headers = getattr(answer, "headers", {})
    return {name.lower(): value for name, value in headers.items() if name.lower().startswith("access-control-")}


@pytest.fixture
def cors(make_api: Callable[..., Api], people: People) -> Api:
    made = make_api(CorsConfiguration=CORS)
    authorizer = made.authorizer(f"https://cognito-idp.{REGION}.amazonaws.com/{people.pool}", people.client)
    made.route("GET /v1/me", AuthorizationType="JWT", AuthorizerId=authorizer)
    made.route("GET /v1/open")
    made.route("ANY /any")
    made.stage()
    return made


def test_a_preflight_is_answered_without_function_and_authorizer(cors: Api) -> None:
    for path in ("/v1/me", "/v1/open", "/v1/unknown"):
        answer = cors.call(path, "OPTIONS", Origin=PORTAL, **ASKED)
        assert answer.said == (204, b"")
        told = added(answer)
        lists = {name: sorted(told.pop(f"access-control-allow-{name}").split(",")) for name in ("methods", "headers")}
        assert lists == {"methods": ["DELETE", "GET", "POST"], "headers": ["authorization", "idempotency-key"]}
        assert told == {
            "access-control-allow-origin": PORTAL,
            "access-control-expose-headers": "retry-after",
            "access-control-max-age": "300",
        }


@pytest.mark.parametrize("origin", ["https://evil.example.com", "http://portal.example.com", "null", f"{PORTAL}.evil"])
def test_another_origin_is_told_nothing(cors: Api, origin: str) -> None:
    assert added(cors.call("/v1/open", "OPTIONS", Origin=origin, **ASKED)) == {}
    answer = cors.call("/v1/open", Origin=origin)
    assert (answer.status, added(answer)) == (200, {})


def test_what_the_function_says_of_origins_does_not_count(cors: Api) -> None:
    answer = cors.call("/v1/open", Origin=PORTAL)
    assert added(answer) == {"access-control-allow-origin": PORTAL, "access-control-expose-headers": "retry-after"}
    assert added(cors.call("/v1/open")) == {}


def test_without_cors_the_function_decides_and_nobody_answers_preflights(make_api: Callable[..., Api]) -> None:
    api = make_api()
    api.route("GET /v1/open")
    api.stage()
    assert added(api.call("/v1/open", Origin=PORTAL)) == {"access-control-allow-origin": "https://own.example.com"}
    assert api.call("/v1/open", "OPTIONS", Origin=PORTAL, **ASKED).said == (404, b'{"message":"Not Found"}')


def test_a_route_for_any_method_takes_the_preflight(cors: Api) -> None:
    answer = cors.call("/any", "OPTIONS", Origin=PORTAL, **ASKED)
    assert answer.event["requestContext"]["http"]["method"] == "OPTIONS"


@pytest.mark.parametrize(("pattern", "allowed"), [("*", "*"), ("https://*", PORTAL), ("http://*", None)])
def test_origins_by_pattern(make_api: Callable[..., Api], pattern: str, allowed: str | None) -> None:
    api = make_api(CorsConfiguration={"AllowOrigins": [pattern]})
    api.route("GET /v1/open")
    api.stage()
    assert api.call("/v1/open", Origin=PORTAL).headers["access-control-allow-origin"] == allowed


def throttled(make_api: Callable[..., Api], people: People) -> Api:
    """Routes that refuse whoever comes without a token: they answer at once, and count all the same."""
    api = make_api()
    authorizer = api.authorizer(f"https://cognito-idp.{REGION}.amazonaws.com/{people.pool}", people.client)
    for key in ("GET /first", "GET /second"):
        api.route(key, AuthorizationType="JWT", AuthorizerId=authorizer)
    api.stage(
        DefaultRouteSettings={"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 0.2},
        RouteSettings={"GET /second": {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 0.2}},
    )
    return api


def test_a_route_takes_its_burst_and_then_its_rate(make_api: Callable[..., Api], people: People) -> None:
    api = throttled(make_api, people)
    assert [api.call("/first").status for _ in range(4)] == [401, 401, 401, 429]
    assert api.call("/first").said == TOO_MANY
    assert [api.call("/second").status for _ in range(2)] == [401, 429]
    api.sandbox.advance(3600)  # the clock of tests lets nobody in
    assert api.call("/first").said == TOO_MANY
    deadline = time.monotonic() + 20
    while api.call("/first").status == 429:
        assert time.monotonic() < deadline, "the bucket does not fill"
        time.sleep(0.2)


def test_throttling_can_be_turned_off(make_api: Callable[..., Api], people: People) -> None:
    api = throttled(make_api, people)
    api.sandbox.settings(api_throttling=False)
    assert {api.call("/first").status for _ in range(8)} == {401}


def test_a_stage_without_limits_takes_what_comes(make_api: Callable[..., Api]) -> None:
    api = make_api()
    api.route("GET /first")
    api.stage()
    assert {api.call("/first").status for _ in range(10)} == {200}


@pytest.fixture
def plain(make_api: Callable[..., Api]) -> Api:
    api = make_api()
    api.route("ANY /{proxy+}")
    api.stage()
    return api


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_method_may_have_a_body_and_every_parameter_several_values(plain: Api, method: str) -> None:
    event = plain.call("/v1/a%2Fb?tag=a&tag=b&tag=c%2Cd&x=", method, b'{"a":1}', Content_Type="application/json").event
    assert (event["requestContext"]["http"]["method"], event["body"]) == (method, '{"a":1}')
    assert event["queryStringParameters"] == {"tag": "a,b,c,d", "x": ""}
    assert event["rawQueryString"] == "tag=a&tag=b&tag=c%2Cd&x="


def test_bodies_and_headers_have_limits(plain: Api) -> None:
    assert plain.call("/a", "POST", b"x" * (10 * 1024 * 1024 + 1)).said == (
        413,
        b'{"message":"Request Entity Too Large"}',
    )
    assert plain.call("/a", "POST", b"x" * 6_300_000).status == 413  # more than Lambda takes
    assert plain.call("/a", "POST", b"x" * 100_000).status == 200
    assert plain.call("/a", X_Large="x" * 11_000).status == 431
    assert plain.call("/huge").said == (500, b'{"message":"Internal Server Error"}')


def test_an_integration_has_only_so_much_time(make_api: Callable[..., Api]) -> None:
    api = make_api(timeout=500)
    api.route("GET /slow")
    api.stage()
    assert api.call("/slow").said == (503, b'{"message":"Service Unavailable"}')
