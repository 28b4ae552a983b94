"""Who is signed in: tokens that Cognito gives for a password, kept below the home directory and renewed when due.

The password itself never leaves this machine (SRP), and is never kept.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from pycognito.aws_srp import AWSSRP
from pycognito.exceptions import ForceChangePasswordException, MFAChallengeException
from pydantic import ValidationError

from datamesh.aws.clients import SDK_ERRORS
from datamesh.aws.cognito import SignInFailed, cognito_idp, refreshed, refusal, revoke
from datamesh.cli.config import Profile, write_privately
from datamesh.models.base import Model, UtcTime
from datamesh.models.people import Email

# Renewed so long before they end: a request may take a while, and clocks differ.
MARGIN = timedelta(minutes=1)


class Tokens(Model):
    """What Cognito gives: the ID token says who asks, the refresh token gets the next one."""

    email: Email
    id_token: str
    refresh_token: str
    expires_at: UtcTime


class PasswordChange(Exception):  # noqa: N818 - no error: what comes next
    """The password was a temporary one: a new one has to be chosen."""


class UserPool(Protocol):
    """Somebody who gives tokens. All raise SignInFailed."""

    def sign_in(self, email: str, password: str) -> Tokens:
        """Return tokens for a password. Raises PasswordChange when that is a temporary one."""

    def choose_password(self, email: str, temporary: str, chosen: str) -> Tokens:
        """Replace a temporary password, and return tokens."""

    def renew(self, tokens: Tokens) -> Tokens:
        """Return tokens that hold for longer."""

    def revoke(self, tokens: Tokens) -> None:
        """Make that no more tokens are got with these."""


class CognitoUserPool:
    """A user pool of Cognito."""

    def __init__(self, profile: Profile, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._pool_id, self._client_id = profile.user_pool_id or "", profile.client_id or ""
        self._client = cognito_idp(profile.region or "", profile.cognito_endpoint)
        self._now = now

    def sign_in(self, email: str, password: str) -> Tokens:
        """Return tokens for a password. Raises PasswordChange, SignInFailed."""
        try:
            return self._tokens(email, self._srp(email, password).authenticate_user()["AuthenticationResult"])
        except ForceChangePasswordException as error:
            raise PasswordChange from error
        except (MFAChallengeException, NotImplementedError, KeyError) as error:
            raise SignInFailed("the user pool asks for a second factor, which the command line cannot give") from error
        except SDK_ERRORS as error:
            raise _told(error) from error

    def choose_password(self, email: str, temporary: str, chosen: str) -> Tokens:
        """Replace a temporary password, and return tokens. Raises SignInFailed."""
        try:
            answer = self._srp(email, temporary).set_new_password_challenge(chosen)
            return self._tokens(email, answer["AuthenticationResult"])
        except SDK_ERRORS as error:
            raise _told(error) from error

    def renew(self, tokens: Tokens) -> Tokens:
        """Return tokens that hold for longer. Raises SignInFailed."""
        result = refreshed(self._client, self._client_id, tokens.refresh_token)
        return self._tokens(tokens.email, {"RefreshToken": tokens.refresh_token, **result})

    def revoke(self, tokens: Tokens) -> None:
        """Make that no more tokens are got with these. Raises SignInFailed."""
        revoke(self._client, self._client_id, tokens.refresh_token)

    def _srp(self, email: str, password: str) -> AWSSRP:
        return AWSSRP(
            username=email, password=password, pool_id=self._pool_id, client_id=self._client_id, client=self._client
        )

    def _tokens(self, email: str, result: dict[str, Any]) -> Tokens:
        return Tokens(
            email=email,
            id_token=result["IdToken"],
            refresh_token=result["RefreshToken"],
            expires_at=self._now() + timedelta(seconds=int(result["ExpiresIn"])),
        )


class TokenCache:
    """Where tokens are kept between commands: one file per user pool, client and person, for its owner's eyes only."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path.home() / ".cache" / "datamesh"

    def path(self, profile: Profile) -> Path:
        """Return the file of a profile's person."""
        who = "\n".join([profile.user_pool_id or "", profile.client_id or "", profile.email or ""])
        return self._folder / f"{hashlib.sha256(who.encode()).hexdigest()[:32]}.json"

    def read(self, profile: Profile) -> Tokens | None:
        """Return the tokens of a profile; None when there are none that can be read."""
        try:
            return Tokens.model_validate_json(self.path(profile).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, profile: Profile, tokens: Tokens) -> None:
        """Keep tokens. Raises OSError."""
        write_privately(self.path(profile), tokens.model_dump_json())

    def forget(self, profile: Profile) -> bool:
        """Forget the tokens of a profile; tell whether there were any."""
        path = self.path(profile)
        found = path.exists()
        path.unlink(missing_ok=True)
        return found


class Session:
    """A profile's person, signed in."""

    def __init__(
        self,
        profile: Profile,
        pool: UserPool,
        cache: TokenCache,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._profile = profile
        self._pool = pool
        self._cache = cache
        self._now = now

    def id_token(self) -> str:
        """Return a token that holds, renewed if need be. Raises SignInFailed when somebody has to sign in first."""
        tokens = self._cache.read(self._profile)
        if tokens is None:
            raise SignInFailed("nobody is signed in: `datamesh login`")
        if tokens.expires_at - self._now() > MARGIN:
            return tokens.id_token
        try:
            tokens = self._pool.renew(tokens)
        except SignInFailed as error:
            self._cache.forget(self._profile)
            raise SignInFailed("the session is over: `datamesh login`") from error
        self._cache.write(self._profile, tokens)
        return tokens.id_token


def _told(error: Exception) -> Exception:
    response = getattr(error, "response", None)
    return refusal(error) if response is not None else error  # type: ignore[arg-type]
