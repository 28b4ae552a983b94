"""Cognito user pools: the calls that sign somebody in. They are unsigned: who knows a password has no keys yet."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from datamesh.models.errors import DatameshError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

_PEOPLE_WAIT = Config(
    signature_version=UNSIGNED, retries={"mode": "standard", "max_attempts": 3}, connect_timeout=5, read_timeout=30
)
# https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html
REFUSALS = {
    "NotAuthorizedException": "the address or the password is wrong, or the session is over",
    "UserNotFoundException": "the address or the password is wrong, or the session is over",
    "PasswordResetRequiredException": "the password has to be reset by an administrator",
    "InvalidPasswordException": "the new password is not one that the mesh takes",
    "TooManyRequestsException": "too many attempts: wait a little",
    "LimitExceededException": "too many attempts: wait a little",
    "ResourceNotFoundException": "there is no such user pool or client: check user_pool_id and client_id",
}


class SignInFailed(DatameshError):  # noqa: N818 - named like the other errors
    """Nobody is signed in, and why."""


@cache
def cognito_idp(region: str, endpoint_url: str | None = None) -> "CognitoIdentityProviderClient":
    """Return the client of a region."""
    return boto3.client("cognito-idp", region_name=region, endpoint_url=endpoint_url, config=_PEOPLE_WAIT)


def refreshed(client: "CognitoIdentityProviderClient", client_id: str, refresh_token: str) -> dict[str, Any]:
    """Return new tokens for a refresh token, as `AuthenticationResult` has them. Raises SignInFailed."""
    try:
        answer = client.initiate_auth(
            AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": refresh_token}, ClientId=client_id
        )
    except ClientError as error:
        raise refusal(error) from error
    return dict(answer["AuthenticationResult"])


def revoke(client: "CognitoIdentityProviderClient", client_id: str, refresh_token: str) -> None:
    """End a refresh token and the tokens that it got. Raises SignInFailed."""
    try:
        client.revoke_token(Token=refresh_token, ClientId=client_id)
    except ClientError as error:
        raise refusal(error) from error


def refusal(error: ClientError) -> Exception:
    """Return what to raise for an answer of Cognito: its refusals as SignInFailed, all else as it is."""
    code = error.response["Error"]["Code"]
    if code not in REFUSALS:
        return error
    said = error.response["Error"].get("Message", "")
    detail = f" ({said})" if code == "InvalidPasswordException" and said else ""
    return SignInFailed(f"{REFUSALS[code]}{detail}")
