"""`doctor`: each thing that can be wrong is found, named, and told how to be mended."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from datamesh.aws.cognito import SignInFailed
from datamesh.aws.domain_account import Identity
from datamesh.cli import doctor as commands
from datamesh.cli.client import ApiUnreachable, Response
from datamesh.cli.config import Profile, config_path, profile_of, write_profile
from datamesh.cli.session import TokenCache, Tokens
from datamesh.models.errors import PublishFailed
from tests.support.cli import FakeApi, problem, run, speaks

DOMAIN: dict[str, Any] = {"domain": "marketing", "account_id": "3" * 12, "status": "REGISTERED", "product_count": 0}
SOON = datetime.now(UTC) + timedelta(minutes=30)


def found(*words: str) -> tuple[int, dict[str, tuple[str, str, str]]]:
    """How it ends, and by check what was found."""
    code, out, _ = run("doctor", *words, "--output", "json")
    return code, {each["check"]: (each["state"], each["message"], each["hint"]) for each in json.loads(out)}


class Pool:
    """A user pool that renews, or not."""

    def __init__(self, *, over: bool = False) -> None:
        self.over = over

    def renew(self, tokens: Tokens) -> Tokens:
        if self.over:
            raise SignInFailed("the session is over")
        return tokens.model_copy(update={"expires_at": SOON})


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    api = speaks(monkeypatch, [commands], email="analyst@marketing.example")
    gateway(monkeypatch, 401)
    monkeypatch.setattr(commands, "user_pool", lambda profile: Pool())
    sign_in(SOON)
    api.says("GET", "/v1/domains/marketing", {**DOMAIN, "link": {"health": "OK", "last_heard_at": SOON.isoformat()}})
    return api


def gateway(monkeypatch: pytest.MonkeyPatch, status: int | Exception, **headers: str) -> None:
    """What answers without a token."""

    def send(*_: object) -> Response:
        if isinstance(status, Exception):
            raise status
        return Response(status, headers, b"")

    monkeypatch.setattr(commands, "pooled", lambda: send)


def sign_in(expires_at: datetime) -> None:
    tokens = Tokens(email="analyst@marketing.example", id_token="t", refresh_token="r", expires_at=expires_at)
    TokenCache().write(profile_of("default"), tokens)


def test_all_is_well(api: FakeApi) -> None:
    code, findings = found()
    assert code == 0
    assert {check: state for check, (state, _, _) in findings.items()} == dict.fromkeys(
        ["profile default", "API", "sign-in", "roles", "domain marketing"], "ok"
    )
    code, out, _ = run("doctor")
    assert (code, "marketing: member" in out) == (0, True)


def test_a_profile_is_missing_or_broken(api: FakeApi) -> None:
    code, findings = found("--profile", "other")
    assert (code, findings["profile other"][0]) == (1, "fail")
    assert findings["profile other"][2] == "datamesh configure --profile other"
    config_path().write_text("[default]\nmode = api\napi_url = ftp://x\n")
    code, findings = found()
    assert (code, list(findings)) == (1, ["profile default"])
    assert "api_url" in findings["profile default"][1]
    config_path().unlink()
    assert "is not there" in found()[1]["profile default"][1]


@pytest.mark.parametrize(
    ("answer", "said"), [(200, "answers 200"), (403, "answers 403"), (ApiUnreachable("nobody there"), "nobody there")]
)
def test_what_is_no_api_is_none(
    api: FakeApi, monkeypatch: pytest.MonkeyPatch, answer: int | Exception, said: str
) -> None:
    gateway(monkeypatch, answer)
    code, findings = found()
    assert (code, findings["API"][0], said in findings["API"][1]) == (1, "fail", True)
    assert "roles" not in findings


def test_a_clock_that_is_off_is_a_warning(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway(monkeypatch, 401, Date=format_datetime(datetime.now(UTC) - timedelta(minutes=9)))
    code, findings = found()
    assert (code, findings["clock"][0]) == (0, "warn")
    gateway(monkeypatch, 401, Date="yesterday")
    assert "clock" not in found()[1]


def test_nobody_is_signed_in_any_more(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_in(datetime.now(UTC) - timedelta(hours=1))
    # A token that is over is renewed.
    assert found()[1]["sign-in"][0] == "ok"
    sign_in(datetime.now(UTC) - timedelta(hours=1))
    monkeypatch.setattr(commands, "user_pool", lambda profile: Pool(over=True))
    for _ in range(2):
        code, findings = found()
        assert (code, findings["sign-in"][0], findings["sign-in"][2]) == (1, "fail", "datamesh login")
        assert "roles" not in findings


def test_a_token_that_the_api_does_not_take(api: FakeApi) -> None:
    api.says("GET", "/v1/me", problem(401, "NotSignedIn"))
    code, findings = found()
    assert (code, findings["roles"][0]) == (1, "fail")


def test_who_has_no_role_is_told(api: FakeApi) -> None:
    api.says("GET", "/v1/me", {"email": "a@b.example"})
    code, findings = found()
    assert (code, findings["roles"][0]) == (0, "warn")


@pytest.mark.parametrize(
    ("answer", "state", "ends"),
    [
        ({**DOMAIN, "link": {"health": "WAITING"}}, "warn", 0),
        ({**DOMAIN, "link": {"health": "UNKNOWN"}}, "ok", 0),
        ({**DOMAIN, "link": {"health": "FAILING", "last_failure": "link_data_product: Boom"}}, "fail", 1),
        ({**DOMAIN, "status": "FAILED", "error": "InvalidConfigSecret", "link": {"health": "OK"}}, "warn", 0),
        (problem(404, "NotFound"), "warn", 0),
        (problem(403, "NotAllowed"), "fail", 1),
    ],
)
def test_links_of_domains_are_told(api: FakeApi, answer: Any, state: str, ends: int) -> None:
    api.says("GET", "/v1/domains/marketing", answer)
    code, findings = found()
    told = findings["domain marketing"] if "domain marketing" in findings else findings["domains"]
    assert (code, told[0]) == (ends, state)


def test_who_oversees_the_mesh_sees_all_domains(api: FakeApi) -> None:
    api.says("GET", "/v1/me", {"email": "o@mesh.example", "mesh_roles": ["operator"]})
    api.says("GET", "/v1/domains", {"items": [DOMAIN]})
    assert found()[1]["domain marketing"][0] == "ok"


# --- bus mode ---


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


class Account:
    """A domain's account in which some things fail."""

    def __init__(self, **failing: Exception) -> None:
        self.failing = failing
        self.region: str | None = "eu-west-1"

    def _do(self, name: str) -> None:
        if name in self.failing:
            raise self.failing[name]

    def identity(self) -> Identity:
        self._do("identity")
        return Identity("2" * 12, "arn:aws:iam::222222222222:role/pipeline")

    def bus(self) -> str:
        self._do("bus")
        return "arn:bus"

    def config_secret(self) -> str:
        self._do("config_secret")
        return "arn:secret"

    def try_to_put(self) -> None:
        self._do("try_to_put")

    @contextmanager
    def listening(self, correlation_id: object, *, everything: bool = False) -> Any:
        self._do("listening")
        yield


def on_bus(monkeypatch: pytest.MonkeyPatch, account: Account) -> None:
    write_profile(config_path(), "default", Profile(mode="bus", domain="sales"))
    monkeypatch.setattr(commands, "account_of", lambda profile: account)
    monkeypatch.setattr(commands, "bus_of", lambda profile: account)


def test_an_account_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    on_bus(monkeypatch, Account())
    code, findings = found("--listen")
    assert code == 0
    assert {state for state, _, _ in findings.values()} == {"ok"}
    assert list(findings)[1:] == ["region", "credentials", "own bus", "config secret", "putting events", "listening"]
    assert "listening" not in found()[1]


@pytest.mark.parametrize(
    ("failing", "check", "state", "ends"),
    [
        ({"identity": NoCredentialsError()}, "credentials", "fail", 1),
        ({"bus": refused("ResourceNotFoundException")}, "own bus", "fail", 1),
        ({"bus": refused("AccessDeniedException")}, "own bus", "warn", 0),
        ({"config_secret": refused("ResourceNotFoundException")}, "config secret", "fail", 1),
        ({"config_secret": refused("AccessDeniedException")}, "config secret", "warn", 0),
        ({"try_to_put": refused("AccessDeniedException")}, "putting events", "fail", 1),
        ({"try_to_put": PublishFailed("not taken")}, "putting events", "fail", 1),
        ({"listening": refused("AccessDeniedException")}, "listening", "fail", 1),
    ],
)
def test_what_an_account_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, failing: dict[str, Exception], check: str, state: str, ends: int
) -> None:
    on_bus(monkeypatch, Account(**failing))
    code, findings = found("--listen")
    assert (code, findings[check][0], bool(findings[check][2])) == (ends, state, True)


def test_an_account_without_a_region(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    account.region = None
    on_bus(monkeypatch, account)
    code, findings = found()
    assert (code, findings["region"][0], len(findings)) == (1, "fail", 2)
