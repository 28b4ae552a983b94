"""Who is signed in: tokens kept for their owner only, renewed in time, forgotten when they hold no more."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.stub import Stubber
from pycognito.exceptions import ForceChangePasswordException, MFAChallengeException
from typer.testing import CliRunner

from datamesh.aws.cognito import REFUSALS, SignInFailed, cognito_idp, refreshed, refusal, revoke
from datamesh.cli import session as sessions
from datamesh.cli import signing_in
from datamesh.cli.app import app
from datamesh.cli.config import Profile, profiles_in, write_profile
from datamesh.cli.session import CognitoUserPool, PasswordChange, Session, TokenCache, Tokens

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
PROFILE = Profile.model_validate(
    {
        "api_url": "https://portal.example.com",
        "region": "eu-west-1",
        "user_pool_id": "eu-west-1_abc",
        "client_id": "1example",
        "email": "owner@sales.example",
    }
)


def tokens(minutes: int = 60, name: str = "first") -> Tokens:
    expires = NOW + timedelta(minutes=minutes)
    return Tokens(email="owner@sales.example", id_token=name, refresh_token="refresh", expires_at=expires)


class FakePool:
    """A user pool with one person, whose password is temporary until it is changed."""

    def __init__(self, *, temporary: bool = False, over: bool = False) -> None:
        self.password, self.temporary, self.over = "right", temporary, over
        self.renewed = 0
        self.revoked: list[Tokens] = []

    def sign_in(self, email: str, password: str) -> Tokens:
        if (email, password) != ("owner@sales.example", self.password):
            raise SignInFailed("the address or the password is wrong")
        if self.temporary:
            raise PasswordChange
        return tokens()

    def choose_password(self, email: str, temporary: str, chosen: str) -> Tokens:
        if len(chosen) < 8:
            raise SignInFailed("the new password is not one that the mesh takes")
        self.password, self.temporary = chosen, False
        return tokens(name="chosen")

    def renew(self, old: Tokens) -> Tokens:
        if self.over:
            raise SignInFailed("over")
        self.renewed += 1
        return old.model_copy(update={"id_token": f"renewed {self.renewed}", "expires_at": NOW + timedelta(hours=1)})

    def revoke(self, old: Tokens) -> None:
        if self.over:
            raise EndpointConnectionError(endpoint_url="https://cognito.example")
        self.revoked.append(old)


def test_tokens_are_their_owners_and_one_persons(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path / "cache")
    cache.write(PROFILE, tokens())
    assert cache.read(PROFILE) == tokens()
    assert stat.S_IMODE(cache.path(PROFILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert cache.read(PROFILE.model_copy(update={"email": "other@sales.example"})) is None
    assert cache.forget(PROFILE)
    assert not cache.forget(PROFILE)


def test_what_is_no_token_is_none(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    cache.path(PROFILE).write_text("{}")
    assert cache.read(PROFILE) is None


def test_a_token_is_used_until_it_ends_and_then_renewed_once(tmp_path: Path) -> None:
    cache, pool = TokenCache(tmp_path), FakePool()
    session = Session(PROFILE, pool, cache, now=lambda: NOW)
    with pytest.raises(SignInFailed, match="datamesh login"):
        session.id_token()
    cache.write(PROFILE, tokens())
    assert session.id_token() == "first"
    cache.write(PROFILE, tokens(minutes=1))
    assert [session.id_token(), session.id_token()] == ["renewed 1", "renewed 1"]


def test_a_session_that_is_over_is_forgotten(tmp_path: Path) -> None:
    cache = TokenCache(tmp_path)
    cache.write(PROFILE, tokens(minutes=-5))
    with pytest.raises(SignInFailed, match="the session is over"):
        Session(PROFILE, FakePool(over=True), cache, now=lambda: NOW).id_token()
    assert cache.read(PROFILE) is None


# --- Cognito ---


def test_a_refresh_token_gets_the_next_id_token() -> None:
    client = boto3.client("cognito-idp", region_name="eu-west-1")
    with Stubber(client) as stub:
        result = {"IdToken": "next", "AccessToken": "a", "ExpiresIn": 3600, "TokenType": "Bearer"}
        stub.add_response(
            "initiate_auth",
            {"AuthenticationResult": result},
            {"AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": {"REFRESH_TOKEN": "r"}, "ClientId": "c"},
        )
        assert refreshed(client, "c", "r")["IdToken"] == "next"
        stub.add_client_error("initiate_auth", "NotAuthorizedException", "Refresh Token has been revoked")
        with pytest.raises(SignInFailed, match="the session is over"):
            refreshed(client, "c", "r")


def test_a_refresh_token_is_revoked() -> None:
    client = boto3.client("cognito-idp", region_name="eu-west-1")
    with Stubber(client) as stub:
        stub.add_response("revoke_token", {}, {"Token": "r", "ClientId": "c"})
        revoke(client, "c", "r")
        stub.assert_no_pending_responses()
        stub.add_client_error("revoke_token", "TooManyRequestsException", "m")
        with pytest.raises(SignInFailed, match="too many attempts"):
            revoke(client, "c", "r")


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_what_cognito_refuses_is_said_in_words(code: str) -> None:
    error = refusal(ClientError({"Error": {"Code": code, "Message": "m"}}, "InitiateAuth"))
    assert isinstance(error, SignInFailed)
    # Whether there is such a person nobody learns.
    assert REFUSALS["UserNotFoundException"] == REFUSALS["NotAuthorizedException"]


def test_what_is_no_refusal_stays_what_it_is() -> None:
    error = ClientError({"Error": {"Code": "InternalErrorException", "Message": "m"}}, "InitiateAuth")
    assert refusal(error) is error


def test_nothing_is_signed_and_no_credentials_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    cognito_idp.cache_clear()
    client = cognito_idp("eu-west-1", "http://127.0.0.1:1")
    assert vars(client.meta.config)["_user_provided_options"]["signature_version"] is UNSIGNED


class FakeSrp:
    """What pycognito does with a password, by what the password is."""

    def __init__(self, **given: Any) -> None:
        self.given = given

    def authenticate_user(self) -> dict[str, Any]:
        match self.given["password"]:
            case "temporary":
                raise ForceChangePasswordException("change it")
            case "factor":
                raise MFAChallengeException("code?", {})
            case "wrong":
                raise ClientError(
                    {"Error": {"Code": "NotAuthorizedException", "Message": "m"}}, "RespondToAuthChallenge"
                )
        return {"AuthenticationResult": {"IdToken": "i", "RefreshToken": "r", "ExpiresIn": 600}}

    def set_new_password_challenge(self, chosen: str) -> dict[str, Any]:
        if chosen == "short":
            code = "InvalidPasswordException"
            raise ClientError({"Error": {"Code": code, "Message": "too short"}}, "RespondToAuthChallenge")
        return {"AuthenticationResult": {"IdToken": chosen, "RefreshToken": "r", "ExpiresIn": 600}}


def test_a_password_gets_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "AWSSRP", FakeSrp)
    pool = CognitoUserPool(PROFILE, now=lambda: NOW)
    found = pool.sign_in("owner@sales.example", "right")
    assert (found.id_token, found.refresh_token, found.expires_at) == ("i", "r", NOW + timedelta(minutes=10))
    with pytest.raises(PasswordChange):
        pool.sign_in("owner@sales.example", "temporary")
    with pytest.raises(SignInFailed, match="second factor"):
        pool.sign_in("owner@sales.example", "factor")
    with pytest.raises(SignInFailed, match="password is wrong"):
        pool.sign_in("owner@sales.example", "wrong")
    assert pool.choose_password("owner@sales.example", "temporary", "chosen").id_token == "chosen"
    with pytest.raises(SignInFailed, match="too short"):
        pool.choose_password("owner@sales.example", "temporary", "short")


# --- the commands ---


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    write_profile(tmp_path / ".config" / "datamesh" / "config", "default", PROFILE)
    return tmp_path


def run(pool: FakePool, monkeypatch: pytest.MonkeyPatch, *arguments: str, given: str) -> tuple[int, str, str]:
    monkeypatch.setattr(signing_in, "user_pool", lambda profile: pool)
    done = CliRunner().invoke(app, list(arguments), input=given)
    return done.exit_code, done.stdout, done.stderr


def test_signing_in_and_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, err = run(FakePool(), monkeypatch, "login", given="right\n")
    assert (code, "owner@sales.example is signed in" in err) == (0, True)
    assert "right" not in out + err
    assert TokenCache().read(PROFILE) == tokens()
    assert "right" not in "".join(file.read_text() for file in home.rglob("*") if file.is_file())
    pool = FakePool()
    code, _, err = run(pool, monkeypatch, "logout", given="")
    assert (code, "owner@sales.example was signed in" in err, TokenCache().read(PROFILE)) == (0, True, None)
    assert pool.revoked == [tokens()]
    code, _, err = run(pool, monkeypatch, "logout", given="")
    assert (code, "Nobody was signed in" in err, len(pool.revoked)) == (0, True, 1)


def test_who_signs_out_is_forgotten_though_cognito_does_not_answer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    TokenCache().write(PROFILE, tokens())
    code, _, err = run(FakePool(over=True), monkeypatch, "logout", given="")
    assert (code, "were not revoked" in err, "was signed in" in err) == (0, True, True)
    assert TokenCache().read(PROFILE) is None


def test_a_wrong_password_ends_with_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = run(FakePool(), monkeypatch, "login", given="wrong\n")
    assert (code, "the password is wrong" in err) == (1, True)
    assert TokenCache().read(PROFILE) is None


def test_a_temporary_password_is_changed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = FakePool(temporary=True)
    code, _, err = run(pool, monkeypatch, "login", given="right\nnew-password\nnew-password\n")
    assert (code, "temporary" in err, pool.password) == (0, True, "new-password")


def test_a_pipeline_gives_passwords_on_stdin(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = FakePool(temporary=True)
    code, _, _ = run(pool, monkeypatch, "login", "--password-stdin", given="right\nnew-password\n")
    assert (code, pool.password) == (0, "new-password")
    code, _, err = run(FakePool(), monkeypatch, "login", "--password-stdin", given="")
    assert (code, "no password on stdin" in err) == (2, True)


def test_somebody_else_signs_in_and_is_remembered(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(home / ".config" / "datamesh" / "config", "default", PROFILE.model_copy(update={"email": None}))
    code, _, _ = run(FakePool(), monkeypatch, "login", "--email", "Owner@sales.example", given="right\n")
    assert code == 0
    assert profiles_in(home / ".config" / "datamesh" / "config")["default"]["email"] == "owner@sales.example"
    code, _, err = run(FakePool(), monkeypatch, "login", "--email", "nobody", given="right\n")
    assert (code, "is not an address" in err) == (2, True)
