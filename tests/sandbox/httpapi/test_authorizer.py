"""A JWT authorizer lets in whoever shows a valid ID token of its user pool, and nobody else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest

from tests.sandbox.cognito.conftest import ANN, People
from tests.sandbox.core.conftest import REGION
from tests.sandbox.httpapi.conftest import Api

UNAUTHORIZED = (401, b'{"message":"Unauthorized"}')


def issuer(people: People) -> str:
    return f"https://cognito-idp.{REGION}.amazonaws.com/{people.pool}"


@pytest.fixture
def api(make_api: Callable[..., Api], people: People) -> Api:
    made = make_api()
    authorizer = made.authorizer(issuer(people), people.client)
    made.route("GET /v1/me", AuthorizationType="JWT", AuthorizerId=authorizer)
    made.route(
        "GET /v1/scoped",
        AuthorizationType="JWT",
        AuthorizerId=authorizer,
        AuthorizationScopes=["mesh/read", "mesh/all"],
    )
    made.route("GET /v1/open")
    made.stage()
    return made


def forged(token: str, part: int, **changes: object) -> str:
    """The token with other claims (1) or another header (0), and the signature that it had."""
    parts = token.split(".")
    content = json.loads(base64.urlsafe_b64decode(parts[part] + "=" * (-len(parts[part]) % 4))) | changes
    parts[part] = base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
    return ".".join(parts)


def test_the_function_sees_who_it_is(api: Api, people: People) -> None:
    people.create(groups=("sales.owner", "mesh.auditor"))
    token = people.sign_in()["IdToken"]
    for header in (token, f"Bearer {token}", f"bearer {token}"):
        context = api.call("/v1/me", Authorization=header).event["requestContext"]["authorizer"]["jwt"]
        told = context["claims"]
        assert told["email"] == ANN
        assert sorted(told["cognito:groups"].strip("[]").split(" ")) == ["mesh.auditor", "sales.owner"]
        assert (told["cognito:groups"][0], told["cognito:groups"][-1]) == ("[", "]")
        assert (told["email_verified"], told["token_use"]) == ("true", "id")
        assert all(isinstance(value, str) for value in told.values())
        assert context["scopes"] is None


def test_without_a_token_nobody_gets_in(api: Api) -> None:
    answer = api.call("/v1/me")
    assert (answer.said, answer.headers["www-authenticate"]) == (UNAUTHORIZED, "Bearer")
    assert api.call("/v1/open").status == 200
    assert api.call("/v1/me", Authorization="nonsense").said == UNAUTHORIZED
    assert api.call("/v1/me", Authorization="a.b.c").said == UNAUTHORIZED


def test_a_tampered_token_is_refused(api: Api, people: People) -> None:
    people.create()
    token = people.sign_in()["IdToken"]
    claims, signature = token.split(".")[1:]
    other = "A" if signature[20] != "A" else "B"
    changed = [
        forged(token, 1, **{"cognito:groups": ["mesh.admin"]}),
        forged(token, 1, exp=4_000_000_000),
        forged(token, 0, alg="none"),
        forged(token, 0, kid="unknown"),
        f"{forged(token, 0, alg='none').split('.')[0]}.{claims}.",
        token.replace(signature, signature[:20] + other + signature[21:]),
    ]
    for each in changed:
        assert api.call("/v1/me", Authorization=f"Bearer {each}").said == UNAUTHORIZED, each


def test_a_token_of_another_pool_is_refused(api: Api, people: People, make_pool: Callable[..., People]) -> None:
    other = make_pool()
    other.create()
    answer = api.call("/v1/me", Authorization=other.sign_in()["IdToken"])
    assert answer.said == UNAUTHORIZED
    # Nor does it help to claim the right issuer: the key is the other pool's.
    lied = forged(other.sign_in()["IdToken"], 1, iss=issuer(people), aud=people.client)
    assert api.call("/v1/me", Authorization=lied).said == UNAUTHORIZED


def test_a_token_for_another_client_is_refused(api: Api, people: People) -> None:
    people.create()
    made = people.admin.create_user_pool_client(
        UserPoolId=people.pool, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"]
    )
    other = People(people.sandbox, people.pool, made["UserPoolClient"]["ClientId"])
    answer = api.call("/v1/me", Authorization=other.sign_in()["IdToken"])
    assert answer.said == UNAUTHORIZED
    assert 'error_description="the token does not have a valid audience"' in answer.headers["www-authenticate"]


def test_an_access_token_passes_by_its_client(api: Api, people: People) -> None:
    """As on AWS: without `aud`, `client_id` counts. The function has to ask for `token_use`."""
    people.create()
    answer = api.call("/v1/me", Authorization=people.sign_in()["AccessToken"])
    assert answer.event["requestContext"]["authorizer"]["jwt"]["claims"]["token_use"] == "access"


def test_a_token_expires_by_the_sandboxs_clock(api: Api, people: People) -> None:
    people.create()
    token = people.sign_in()["IdToken"]
    assert api.call("/v1/me", Authorization=token).status == 200
    people.sandbox.advance(3600)
    answer = api.call("/v1/me", Authorization=token)
    assert answer.said == UNAUTHORIZED
    assert "the token has expired" in answer.headers["www-authenticate"]
    # Whoever signs in now is let in now.
    assert api.call("/v1/me", Authorization=people.sign_in()["IdToken"]).status == 200


def test_a_route_may_want_scopes(api: Api, people: People) -> None:
    people.create()
    answer = api.call("/v1/scoped", Authorization=people.sign_in()["IdToken"])
    assert answer.said == (403, b'{"message":"Forbidden"}')
    assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


def test_a_restored_pool_still_knows_its_tokens(api: Api, people: People) -> None:
    people.sandbox.snapshot("before-any-key")
    people.create()
    people.sandbox.snapshot("signed-in")
    token = people.sign_in()["IdToken"]
    people.sandbox.restore("signed-in")
    assert api.call("/v1/me", Authorization=token).status == 200
    people.sandbox.restore("before-any-key")
    people.create()
    assert api.call("/v1/me", Authorization=people.sign_in()["IdToken"]).status == 200
