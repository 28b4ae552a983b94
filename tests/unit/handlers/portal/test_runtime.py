"""What all routes share: who asks, what is refused before a route is asked, problems, and what no log line holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Annotated, Any

import pytest
from aws_lambda_powertools.event_handler.openapi.params import Body

from datamesh.handlers import answer_query, cast_vote, retry_execution, send_command
from datamesh.handlers.portal._runtime import Asked, DomainInPath, Routes, make_app, make_handler
from datamesh.models import errors
from datamesh.models.api.base import Accepted
from datamesh.models.api.domains import DomainRegistration
from datamesh.models.api.identity import Me
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.errors import DatameshError
from datamesh.observability import logger
from tests.support.portal import CONTEXT, PERSON, TOKEN, Answer, Json, Person, claims_of, event_of

SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:datamesh-domain-config-a1B2c3"
DOMAIN = {"domain": "sales", "config_secret_arn": SECRET_ARN}
Handler = Callable[[Json, Any], Json]


def me(claims: Json | None, **more: Any) -> Answer:
    return Answer(answer_query.handler(event_of("GET", "/v1/me", claims=claims, **more), CONTEXT))


def raising(error: Exception | None) -> Handler:
    """Return a function whose routes end so."""
    route = Routes("Test")

    @route(BY_OPERATION["get_me"])
    def get_me() -> Me:
        if error is not None:
            raise error
        return {"email": "not an address"}  # type: ignore[return-value]

    return make_handler([route], "answer_query")


def commanding(taken: list[Any]) -> Handler:
    """Return a function that takes a command for a domain in the path, and one for a domain in the body."""
    route = Routes("Test")

    @route(BY_OPERATION["leave_domain"])
    def leave(origin: Asked, domain: DomainInPath) -> Accepted:
        taken.append((origin, domain))
        return Accepted(correlation_id=origin.cause, command="DeregisterDataDomain")

    @route(BY_OPERATION["register_domain"])
    def register(origin: Asked, body: Annotated[DomainRegistration, Body()]) -> Accepted:
        taken.append((origin, body))
        return Accepted(correlation_id=origin.cause, command="RegisterDataDomain")

    return make_handler([route], "send_command")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Return all that is logged, at the finest level."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logger.registered_formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    own = logger._logger
    own.addHandler(handler)
    own_level = own.level
    own.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)
    own.removeHandler(handler)
    own.setLevel(own_level)


# --- Who asks ---


@pytest.mark.parametrize(
    "groups",
    [
        "[sales.owner mesh.auditor]",
        "[sales.owner, mesh.auditor]",
        ["sales.owner", "mesh.auditor"],
        "sales.owner mesh.auditor",
    ],
)
def test_roles_come_from_the_groups_however_they_are_written(groups: Any) -> None:
    claims = claims_of([]) | {"cognito:groups": groups}
    answer = me(claims)
    assert answer.status == 200
    assert answer.json["domains"] == [{"domain": "sales", "roles": ["owner"]}]
    assert answer.json["mesh_roles"] == ["auditor"]


@pytest.mark.parametrize(
    "group",
    [
        "sales.owner.x",
        "salesx.owner.",
        ".owner",
        "sales.",
        "sales.Owner",
        "Sales.owner",
        "sales_owner",
        "sales.owners",
        "x,sales.owner",
        "sales.owner,mesh.admin",
        "[sales.owner",
        "mesh.owner2",
        "mesh.Admin",
        "sales_nrac.owner",
        "sales.admin",
    ],
)
def test_a_group_that_only_looks_alike_says_nothing(group: str) -> None:
    answer = me(claims_of(["a", group, "z"]))
    assert (answer.status, answer.json["domains"], answer.json["mesh_roles"]) == (200, [], [])


@pytest.mark.parametrize("claim", [None, "", "[]", 7, {"sales.owner": 1}, [["sales.owner"], 3]])
def test_without_groups_there_are_no_roles(claim: Any) -> None:
    answer = me(claims_of([]) | {"cognito:groups": claim})
    assert (answer.status, answer.json["domains"], answer.json["mesh_roles"]) == (200, [], [])


@pytest.mark.parametrize(
    "claims",
    [
        None,
        {},
        claims_of([], token_use="access"),
        claims_of([], token_use=None),
        claims_of([], email_verified="false"),
        claims_of([], email_verified=None),
        claims_of([], email_verified="True"),
        claims_of([], email_verified=1.5),
        claims_of([]) | {"email": None},
        claims_of([], email="not an address"),
        claims_of([], email="a@b.example\nc@d.example"),
        claims_of([]) | {"email": ["ann@sales.example"]},
    ],
)
def test_whoever_the_token_does_not_name_is_not_signed_in(claims: Json | None) -> None:
    answer = me(claims)
    assert (answer.status, answer.code) == (401, "NotSignedIn")


def test_an_address_is_known_in_lower_case() -> None:
    assert me(claims_of([], email="Ann@Sales.Example", email_verified=True)).json["email"] == PERSON


# --- Routes ---


def test_a_function_answers_its_own_routes_only(mesh: Any) -> None:
    everything = ("sales.owner", "mesh.admin")
    for handler, method, path in [
        (send_command.handler, "GET", "/v1/me"),
        (cast_vote.handler, "GET", "/v1/domains"),
        (retry_execution.handler, "DELETE", "/v1/domains/sales"),
        (answer_query.handler, "DELETE", "/v1/domains/sales"),
        (answer_query.handler, "POST", "/v1/domains"),
        (answer_query.handler, "GET", "/v2/me"),
        (answer_query.handler, "PATCH", "/v1/me"),
        (answer_query.handler, "GET", "/v1/me/"),
    ]:
        answer = Person(handler, *everything).ask(method, path)
        assert (answer.status, answer.code) == (404, "NotFound"), (method, path)
    assert mesh.bus.entries == []


def test_roles_are_asked_for_the_domain_in_the_path_before_anything_is_read() -> None:
    taken: list[Any] = []
    handler = commanding(taken)
    answer = Person(handler, "marketing.owner").ask("DELETE", "/v1/domains/sales")
    assert (answer.status, answer.code) == (403, "NotAllowed")
    # Whoever may not is not told either that the body is wrong.
    answer = Person(handler, "sales.member").ask("DELETE", "/v1/domains/sales", body="{")
    assert answer.status == 403
    assert taken == []


def test_the_domain_that_is_checked_is_the_one_that_is_answered_for() -> None:
    taken: list[Any] = []
    person = Person(commanding(taken), "sales.owner")
    assert person.ask("DELETE", "/v1/domains/s%61les").status == 202
    assert [domain for _, domain in taken] == ["sales"]
    for path in (
        "/v1/domains/marketing%2F..%2Fsales",
        "/v1/domains/sales%00",
        "/v1/domains/sales%20",
        "/v1/domains/%E9",
    ):
        assert person.ask("DELETE", path).status in {403, 404}, path
    assert len(taken) == 1


def test_what_a_path_says_is_checked() -> None:
    answer = Person(commanding([]), "mesh.admin").ask("DELETE", "/v1/domains/Sales")
    assert (answer.status, answer.code, answer.json["field"]) == (400, "InvalidRequest", "domain")


# --- Bodies ---


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("{", 400, "body"),
        ("[]", 400, "body"),
        ('[{"domain": "sales"}]', 400, "body"),
        ('"text"', 400, "body"),
        ("null", 400, "body"),
        ("[" * 100_000, 400, "body"),
        ('{"domain": "\\ud800"}', 400, "body"),
        (None, 422, "config_secret_arn"),
        ({}, 422, "config_secret_arn"),
        ({"domain": "sales"}, 422, "config_secret_arn"),
        (DOMAIN | {"domain": "Sales"}, 422, "domain"),
        (DOMAIN | {"tags": {"a": "B"}}, 422, "tags.a"),
        (DOMAIN | {"more": 1}, 422, "more"),
        (DOMAIN | {"config_secret_arn": 7}, 422, "config_secret_arn"),
    ],
)
def test_a_body_that_is_not_as_it_should_be_is_told_by_its_first_field(body: Any, status: int, field: str) -> None:
    taken: list[Any] = []
    answer = Person(commanding(taken), "sales.owner").ask("POST", "/v1/domains", body=body)
    assert (answer.status, answer.code) == (status, "InvalidRequest"), answer.body
    if body not in (None, {}):
        assert answer.json["field"] == field
    assert taken == []


def test_what_was_sent_is_not_repeated() -> None:
    body = {"domain": "s3cr3t VALUE", "config_secret_arn": "s3cr3t VALUE", "s3cr3t": 1}
    answer = Person(commanding([]), "sales.owner").ask("POST", "/v1/domains", body=body)
    assert answer.status == 422
    assert "VALUE" not in answer.body


def test_a_form_is_no_json() -> None:
    answer = Person(commanding([]), "sales.owner").ask(
        "POST", "/v1/domains", body="domain=sales", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert answer.status == 400
    answer = Person(commanding([]), "sales.owner").ask(
        "POST", "/v1/domains", body=DOMAIN, headers={"Content-Type": "text/plain"}
    )
    assert (answer.status, answer.json["field"]) == (400, "Content-Type")


def test_a_body_may_come_in_base64() -> None:
    taken: list[Any] = []
    person = Person(commanding(taken), "sales.owner")
    assert person.ask("POST", "/v1/domains", body=DOMAIN, encoded=True).status == 202
    event = event_of("POST", "/v1/domains", claims=claims_of(["sales.owner"]), body=DOMAIN)
    for broken in ("/w==", "not base64 at all"):
        answer = Answer(commanding(taken)(event | {"body": broken, "isBase64Encoded": True}, CONTEXT))
        assert (answer.status, answer.code) == (400, "InvalidRequest")
    assert len(taken) == 1


# --- Problems ---

CASES: list[tuple[DatameshError, int]] = [
    (errors.NotSignedIn("who"), 401),
    (errors.NotAllowed("no"), 403),
    (errors.NotEligible("no"), 403),
    (errors.LinkForged("no"), 403),
    (errors.NotFound("none"), 404),
    (errors.LinkUnknown("none"), 404),
    (errors.StageNotFound("none"), 404),
    (errors.InvalidRequest("bad", "some.field"), 400),
    (errors.BallotIncomplete("bad"), 400),
    (errors.BreakingChange("breaks"), 409),
    (errors.StateConflict("not now"), 409),
    (errors.RequestChanged("other"), 409),
    (errors.AlreadyVoted("other"), 409),
    (errors.LinkExpired("late"), 410),
    (errors.StageOverdue("late"), 410),
    (errors.IdempotencyConflict("other"), 422),
    (errors.ProductNotFound("none"), 422),
    (errors.InvalidCommand("bad", "product.tables"), 422),
]


@pytest.mark.parametrize(("error", "status"), CASES, ids=lambda case: getattr(case, "code", str(case)))
def test_every_error_of_the_mesh_is_a_problem(error: DatameshError, status: int) -> None:
    answer = Person(raising(error)).get("/v1/me")
    assert answer.status == status
    said = answer.json
    assert said["type"] == f"urn:datamesh:{error.code}"
    assert (said["code"], said["status"], said["detail"]) == (error.code, status, error.message)
    assert said["title"]
    assert said["field"] == getattr(error, "field", None)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"


def test_what_passes_by_itself_is_to_be_asked_again() -> None:
    for error in (errors.AwsTemporarilyUnavailable("Throttling: x"), errors.SearchUnavailable("x")):
        answer = Person(raising(error)).get("/v1/me")
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, error.code, "5")
        assert "Throttling" not in answer.body


class UnexpectedError(Exception):
    """Something that nobody thought of."""


@pytest.mark.parametrize("error", [UnexpectedError("s3cr3t"), errors.InvalidPolicy("s3cr3t"), KeyError("s3cr3t"), None])
def test_what_is_the_meshs_own_fault_is_not_explained(error: Exception | None) -> None:
    answer = Person(raising(error)).get("/v1/me")
    assert (answer.status, answer.code) == (500, "InternalError")
    assert "s3cr3t" not in answer.body
    assert answer.json["correlation_id"]
    assert answer.headers["cache-control"] == "no-store"


def test_every_answer_is_kept_by_nobody() -> None:
    assert me(claims_of([])).headers["cache-control"] == "no-store"
    assert me(claims_of([])).headers["content-type"] == "application/json"


# --- Logs ---


def test_no_log_line_holds_a_token_or_what_was_sent(logged: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    monkeypatch.setenv("POWERTOOLS_DEV", "true")
    taken: list[Any] = []
    handler = commanding(taken)
    person = Person(handler, "sales.owner")
    secret = "s3cr3t-in-the-body"
    assert person.ask("POST", "/v1/domains", body=DOMAIN | {"tags": {"team": secret}}).status == 202
    assert person.ask("POST", "/v1/domains", body=DOMAIN | {secret: secret}).status == 422
    assert person.ask("POST", "/v1/domains", body=f"{{{secret}").status == 400
    assert Person(raising(UnexpectedError(secret))).get("/v1/me", q=secret).status == 500
    assert Person(raising(None)).get("/v1/me").status == 500
    text = logged.getvalue()
    assert '"Answered"' in text
    for hidden in (secret, TOKEN, "Bearer", "not an address", SECRET_ARN):
        assert hidden not in text, hidden


def test_an_unexpected_error_is_found_in_the_logs_by_its_correlation_id(logged: io.StringIO) -> None:
    answer = Person(raising(UnexpectedError("s3cr3t"))).get("/v1/me")
    lines = [json.loads(line) for line in logged.getvalue().splitlines() if '"Failed"' in line]
    assert lines[0]["correlation_id"] == answer.json["correlation_id"]
    assert lines[0]["error"] == "UnexpectedError"
    assert any("get_me" in frame for frame in lines[0]["frames"])


def test_all_modules_make_one_document() -> None:
    route = Routes("Test")

    @route(BY_OPERATION["get_me"], problems=[HTTPStatus.GONE])
    def get_me() -> Me:
        """Say who asks. And more of it."""
        raise NotImplementedError

    schema = make_app([route]).get_openapi_schema(security_schemes={"signed_in": {"type": "http", "scheme": "bearer"}})  # type: ignore[dict-item]
    operation = schema.paths["/v1/me"].get  # type: ignore[index]
    assert operation is not None
    assert (operation.operationId, operation.summary) == ("get_me", "Say who asks")
    assert set(operation.responses or {}) == {200, 401, 410, 429, 500, 503}
