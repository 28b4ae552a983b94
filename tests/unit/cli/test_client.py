"""The API's client: routes out of the table, problems as errors, sent again only when that is harmless."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from datamesh.cli.client import ApiClient, ApiRefused, ApiUnreachable, OperationFailed, Response, StillPending
from datamesh.models.api.base import Accepted
from datamesh.models.api.domains import DomainDetail, DomainPage, DomainRegistration
from datamesh.models.api.identity import Me

ID = uuid.UUID(int=5)
ME = {"email": "owner@sales.example"}
ACCEPTED = {"correlation_id": str(ID), "command": "RegisterDataDomain"}
SECRET = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:config-abc"


def problem(status: int, code: str = "NotAllowed", **more: Any) -> Response:
    said = {"type": f"urn:datamesh:{code}", "title": code, "status": status, "detail": "no", "code": code, **more}
    return Response(status, {}, json.dumps(said).encode())


def found(body: Any, status: int = 200) -> Response:
    return Response(status, {}, json.dumps(body).encode())


class FakeApi:
    """Answers one after the other, and keeps what it was asked."""

    def __init__(self, *answers: Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, Mapping[str, str], Any]] = []
        self.pauses: list[float] = []
        self.time = 0.0

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        self.asked.append((method, url, headers, json.loads(body) if body is not None else None))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def client(self) -> ApiClient:
        return ApiClient(
            "https://portal.example.com/", lambda: "token", self, pause=self.pause, clock=lambda: self.time
        )


def test_a_question_is_asked_by_its_route_with_the_persons_token() -> None:
    api = FakeApi(
        found(
            {
                "domain": "sales",
                "account_id": "2" * 12,
                "status": "REGISTERED",
                "product_count": 0,
                "link": {"health": "OK"},
            }
        )
    )
    assert api.client().ask("get_domain", DomainDetail, domain="sa/les").domain == "sales"
    ((method, url, headers, body),) = api.asked
    assert (method, url, body) == ("GET", "https://portal.example.com/v1/domains/sa%2Fles", None)
    assert headers["Authorization"] == "Bearer token"
    assert "Idempotency-Key" not in headers


def test_lists_are_read_page_by_page() -> None:
    def page(names: list[str], cursor: str | None) -> Response:
        items = [{"domain": name, "account_id": "2" * 12, "status": "REGISTERED", "product_count": 1} for name in names]
        return found({"items": items, "next_cursor": cursor})

    api = FakeApi(page(["a", "b"], "c1"), page(["c"], None))
    assert [each.domain for each in api.client().pages("list_domains", DomainPage)] == ["a", "b", "c"]
    assert [url.partition("?")[2] for _, url, _, _ in api.asked] == ["", "cursor=c1"]
    api = FakeApi(page(["a", "b"], "c1"))
    assert [each.domain for each in api.client().pages("list_domains", DomainPage, most=2)] == ["a", "b"]
    assert len(api.asked) == 1


def test_lists_of_values_are_given_one_by_one() -> None:
    api = FakeApi(found(ME))
    api.client().ask("get_me", Me, query={"tag": ["a=b", "c=d"], "q": "x y", "none": None})
    assert api.asked[0][1].endswith("/v1/me?tag=a%3Db&tag=c%3Dd&q=x+y")


def test_a_change_has_one_key_however_often_it_is_sent() -> None:
    api = FakeApi(ApiUnreachable("cut off"), problem(503, "Unavailable"), found(ACCEPTED, 202))
    body = DomainRegistration(domain="sales", config_secret_arn=SECRET)
    accepted = api.client().change("register_domain", body)
    assert accepted == Accepted.model_validate(ACCEPTED)
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in api.asked}
    assert len(keys) == 1
    assert [body for _, _, _, body in api.asked] == [{"domain": "sales", "config_secret_arn": SECRET, "tags": {}}] * 3
    api = FakeApi(found(ACCEPTED, 202))
    api.client().change("leave_domain", domain="sales", key="my-own-key")
    assert api.asked[0][2]["Idempotency-Key"] == "my-own-key"


def test_the_api_says_when_to_come_back() -> None:
    busy = problem(429, "TooManyRequests")._replace(headers={"Retry-After": "7"})
    patient = problem(503, "Unavailable")._replace(headers={"retry-after": "3600"})
    api = FakeApi(busy, patient, found(ME))
    assert api.client().ask("get_me", Me).email == "owner@sales.example"
    assert api.pauses == [7.0, 20.0]


@pytest.mark.parametrize("status", [429, 503])
def test_it_does_not_ask_for_ever(status: int) -> None:
    api = FakeApi(problem(status, "Unavailable"))
    with pytest.raises(ApiRefused):
        api.client().ask("get_me", Me)
    assert len(api.asked) == 4


def test_a_refusal_is_said_as_the_api_says_it_and_not_asked_again() -> None:
    api = FakeApi(problem(409, "BreakingChange", field="product.tables.0"))
    with pytest.raises(ApiRefused) as told:
        api.client().ask("get_me", Me)
    assert (told.value.code, told.value.message) == ("BreakingChange", "no [product.tables.0]")
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (401, b'{"message":"Unauthorized"}', "NotSignedIn", "Unauthorized: sign in again with `datamesh login`"),
        (404, b'{"message":"Not Found"}', "NotFound", "Not Found"),
        (403, b"<html>", "NotAllowed", "HTTP status 403"),
        (500, b"", "Unavailable", "HTTP status 500"),
        (400, b"[]", "InvalidRequest", "HTTP status 400"),
    ],
)
def test_what_the_gateway_says_itself_is_a_problem_too(status: int, body: bytes, code: str, message: str) -> None:
    with pytest.raises(ApiRefused) as told:
        FakeApi(Response(status, {}, body)).client().ask("get_me", Me)
    assert (told.value.code, told.value.message) == (code, message)


def test_what_is_no_answer_of_the_api_is_said_to_be_none() -> None:
    with pytest.raises(ApiUnreachable, match="is that the API"):
        FakeApi(Response(200, {}, b"<html>")).client().ask("get_me", Me)
    with pytest.raises(ApiUnreachable, match="nobody there"):
        FakeApi(ApiUnreachable("nobody there")).client().ask("get_me", Me)


def operation(status: str, **more: Any) -> Response:
    return found({"correlation_id": str(ID), "status": status, "events": [], **more})


def test_a_change_is_waited_for() -> None:
    api = FakeApi(operation("PENDING"), operation("PENDING"), operation("SUCCEEDED"))
    done = api.client().outcome(Accepted.model_validate(ACCEPTED), seconds=60)
    assert done.status == "SUCCEEDED"
    assert api.asked[0][1].endswith(f"/v1/operations/{ID}")
    assert api.pauses == sorted(api.pauses)


def test_a_change_that_comes_to_nothing_says_why() -> None:
    api = FakeApi(operation("REJECTED", error="TableNameTaken", message="flights is another's", field="product"))
    with pytest.raises(OperationFailed) as told:
        api.client().outcome(Accepted.model_validate(ACCEPTED), seconds=60)
    assert (told.value.code, told.value.message) == ("TableNameTaken", "flights is another's [product]")


def test_nobody_waits_for_ever() -> None:
    api = FakeApi(operation("PENDING"))
    with pytest.raises(StillPending, match=str(ID)):
        api.client().outcome(Accepted.model_validate(ACCEPTED), seconds=30)
    assert api.time == pytest.approx(30)
