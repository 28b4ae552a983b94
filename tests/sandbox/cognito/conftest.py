"""A user pool as the portal has it, and people who sign in to it as a browser does: without credentials of AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from pycognito.aws_srp import AWSSRP

from sandbox.client import Sandbox
from sandbox.cognito.owners import claims_of
from tests.sandbox.core.conftest import CENTRAL, REGION, make_role

__all__ = ["make_role"]

ANN = "ann@sales.example"
TEMPORARY = "Temporary-Password-1"
PERMANENT = "Permanent-Password-1"


@dataclass
class People:
    """A pool of the central account with one client, and the clients of whoever calls it."""

    sandbox: Sandbox
    pool: str
    client: str

    @property
    def admin(self) -> Any:
        return self.sandbox.client("cognito-idp", CENTRAL)

    @property
    def browser(self) -> Any:
        """No credentials: nothing tells the account but what the call itself says."""
        config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
        return boto3.client("cognito-idp", region_name=REGION, endpoint_url=self.sandbox.url, config=config)

    def create(self, email: str = ANN, *, permanent: str | None = PERMANENT, groups: tuple[str, ...] = ()) -> None:
        self.admin.admin_create_user(
            UserPoolId=self.pool,
            Username=email,
            TemporaryPassword=TEMPORARY,
            UserAttributes=[
                {"Name": "email", "Value": email},
                {"Name": "email_verified", "Value": "true"},
                {"Name": "name", "Value": "Ann"},
                {"Name": "family_name", "Value": "Secret"},
            ],
        )
        if permanent:
            self.admin.admin_set_user_password(UserPoolId=self.pool, Username=email, Password=permanent, Permanent=True)
        for group in groups:
            self.admin.create_group(UserPoolId=self.pool, GroupName=group)
            self.admin.admin_add_user_to_group(UserPoolId=self.pool, Username=email, GroupName=group)

    def prove(self, password: str, email: str = ANN, client: str | None = None) -> dict[str, Any]:
        """The answer to the password's proof (SRP): tokens, or the next challenge."""
        srp = AWSSRP(email, password, self.pool, client or self.client, client=self.browser)
        given = srp.get_auth_params()
        asked = self.browser.initiate_auth(
            AuthFlow="USER_SRP_AUTH", AuthParameters=given, ClientId=client or self.client
        )
        answer: dict[str, Any] = self.browser.respond_to_auth_challenge(
            ClientId=client or self.client,
            ChallengeName="PASSWORD_VERIFIER",
            ChallengeResponses=srp.process_challenge(asked["ChallengeParameters"], given),
        )
        return answer

    def sign_in(self, password: str = PERMANENT, email: str = ANN) -> dict[str, Any]:
        tokens: dict[str, Any] = self.prove(password, email)["AuthenticationResult"]
        return tokens

    def new_password(self, session: str | None, password: str = PERMANENT, email: str = ANN, **more: str) -> Any:
        responses = {"USERNAME": email, "NEW_PASSWORD": password, **more}
        given = {"Session": session} if session is not None else {}
        return self.browser.respond_to_auth_challenge(
            ClientId=self.client, ChallengeName="NEW_PASSWORD_REQUIRED", ChallengeResponses=responses, **given
        )


@pytest.fixture
def make_pool(clean_sandbox: Sandbox) -> Callable[..., People]:
    """`make_pool(**client settings)`: a pool of the central account; people are created by administrators only."""

    def make(**client: Any) -> People:
        admin = clean_sandbox.client("cognito-idp", CENTRAL)
        pool = admin.create_user_pool(
            PoolName="portal",
            UsernameAttributes=["email"],
            AdminCreateUserConfig={"AllowAdminCreateUserOnly": True},
            Policies={"PasswordPolicy": {"MinimumLength": 14, "TemporaryPasswordValidityDays": 3}},
        )["UserPool"]["Id"]
        settings = {
            "ExplicitAuthFlows": ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            "PreventUserExistenceErrors": "ENABLED",
            "ReadAttributes": ["email", "email_verified", "name"],
            "WriteAttributes": ["name"],
            "RefreshTokenValidity": 12,
            "TokenValidityUnits": {"RefreshToken": "hours"},
            **client,
        }
        made = admin.create_user_pool_client(UserPoolId=pool, ClientName="portal", **settings)["UserPoolClient"]
        return People(clean_sandbox, pool, made["ClientId"])

    return make


@pytest.fixture
def people(make_pool: Callable[..., People]) -> People:
    return make_pool()


def claims(token: str) -> dict[str, Any]:
    return claims_of(token)
