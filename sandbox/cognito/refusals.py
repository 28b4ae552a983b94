"""What Cognito refuses, beside what MiniStack refuses itself. Beside each rule its page or its API reference.

An operation is looked at before MiniStack serves it; what needs the answer is put right afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sandbox import adapter, clock
from sandbox.api import AwsError, Json
from sandbox.cognito import owners, tokens

_MODULE = "services.cognito"
adapter.uses(
    _MODULE,
    "_challenge_sessions",
    "_create_challenge_session",
    "_password_policy_errors",
    "_pool_for_client",
    "_resolve_user",
    "_user_pools",
)
adapter.uses("core.responses", "error_response_json")

# Whom a client without ExplicitAuthFlows lets in (API_CreateUserPoolClient).
_DEFAULT_FLOWS = {"ALLOW_CUSTOM_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"}
_FLOW_OF = {
    "USER_PASSWORD_AUTH": {"ALLOW_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"},
    "USER_SRP_AUTH": {"ALLOW_USER_SRP_AUTH"},
    "REFRESH_TOKEN_AUTH": {"ALLOW_REFRESH_TOKEN_AUTH"},
    "REFRESH_TOKEN": {"ALLOW_REFRESH_TOKEN_AUTH"},
}
_NOT_THEIRS = "A client attempted to write unauthorized attribute"
# Attributes that follow another one: whoever changes the address has to prove it anew.
_VERIFIED = {"email": "email_verified", "phone_number": "phone_number_verified"}


def refuse_first(original: Callable[..., Json]) -> Callable[..., Json]:
    """In the place of MiniStack's call of an operation."""

    def run(handler: Json, action: str, data: dict[str, Any]) -> Json:
        try:
            rule = _RULES.get(action)
            if rule is not None:
                rule(data)
        except AwsError as refusal:
            return _error(refusal)
        answer = original(handler, action, data)
        settle = _AFTERWARDS.get(action)
        return settle(data, answer) if settle is not None and answer[0] < 300 else answer

    return run


def _error(refusal: AwsError) -> Json:
    return adapter.internal("core.responses", "error_response_json")(refusal.code, refusal.message, refusal.status)


def user_of(pool: Json, username: str | None) -> dict[str, Any] | None:
    """A user of a pool by name, address or id; None when there is none."""
    found: dict[str, Any] | None = adapter.internal(_MODULE, "_resolve_user")(pool, username)[0]
    return found


def _place(data: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pool and the client that a call names; empty when there is none, which MiniStack refuses itself."""
    pool = adapter.internal(_MODULE, "_pool_for_client")(data.get("ClientId"))[0] or {}
    return pool, pool.get("_clients", {}).get(data.get("ClientId")) or {}


# --- Sign-in ----------------------------------------------------------------------------------------------------------


def _initiate(data: dict[str, Any]) -> None:
    pool, client = _place(data)
    if not client:
        return
    flow = str(data.get("AuthFlow", ""))
    flows = set(client.get("ExplicitAuthFlows") or _DEFAULT_FLOWS)
    wanted = _FLOW_OF.get(flow)
    # Clients of the older form (ADMIN_NO_SRP_AUTH …) always have SRP and refresh.
    legacy = not any(name.startswith("ALLOW_") for name in flows) and flow != "USER_PASSWORD_AUTH"
    if wanted and not legacy and not flows & wanted:
        raise AwsError("InvalidParameterException", f"{flow} flow not enabled for this client")
    parameters = data.get("AuthParameters") or {}
    if flow.startswith("REFRESH_TOKEN"):
        _fresh(parameters.get("REFRESH_TOKEN"))
    else:
        _still_valid(pool, user_of(pool, parameters.get("USERNAME")))


def _fresh(token: Json) -> None:
    """API_InitiateAuth: a refresh token is valid as long as the client says."""
    expires = owners.claims_of(token).get("exp")
    if isinstance(expires, int | float) and expires <= clock.time():
        raise AwsError("NotAuthorizedException", "Refresh Token has expired")


def _still_valid(pool: dict[str, Any], user: dict[str, Any] | None) -> None:
    """API_PasswordPolicyType: after `TemporaryPasswordValidityDays` an administrator has to reset the password."""
    if user is None or user.get("UserStatus") != "FORCE_CHANGE_PASSWORD":
        return
    policy = (pool.get("Policies") or {}).get("PasswordPolicy") or {}
    days = policy.get("TemporaryPasswordValidityDays") or 7
    if clock.time() - float(user.get("UserLastModifiedDate") or 0) > timedelta(days=int(days)).total_seconds():
        raise AwsError(
            "NotAuthorizedException", "Temporary password has expired and must be reset by an administrator."
        )


def _respond(data: dict[str, Any]) -> None:
    pool, client = _place(data)
    if not client:
        return
    responses = data.get("ChallengeResponses") or {}
    name = data.get("ChallengeName")
    if name == "NEW_PASSWORD_REQUIRED":
        _new_password(pool, client, data, responses)
    elif name in {"SOFTWARE_TOKEN_MFA", "MFA_SETUP"}:
        _pending(pool, data, responses)
    elif name == "PASSWORD_VERIFIER":
        user = user_of(pool, responses.get("USERNAME"))
        if user is not None and not user.get("Enabled", True):
            raise AwsError("NotAuthorizedException", "User is disabled.")


def _pending(pool: dict[str, Any], data: Json, responses: dict[str, str]) -> dict[str, Any]:
    """The user whose challenge this is: the session tells, and it was opened by a password."""
    if not data.get("Session"):
        raise AwsError("InvalidParameterException", "Missing required parameter Session")
    session = adapter.internal(_MODULE, "_challenge_sessions").get(data["Session"])
    user = user_of(pool, responses.get("USERNAME"))
    known = session is not None and session.get("pending") == data["ChallengeName"]
    if not known or user is None or session["username"] != user["Username"] or session["client_id"] != data["ClientId"]:
        raise AwsError("NotAuthorizedException", "Invalid session for the user.")
    if session["expires_at"] < clock.time():
        raise AwsError("NotAuthorizedException", "Invalid session for the user, session is expired.")
    if not user.get("Enabled", True):
        raise AwsError("NotAuthorizedException", "User is disabled.")
    return user


def _new_password(pool: dict[str, Any], client: dict[str, Any], data: Json, responses: dict[str, str]) -> None:
    """Only who has just shown the temporary password may set another, once, and one that the policy lets pass.

    https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/API_RespondToAuthChallenge.html
    """
    for name in ("USERNAME", "NEW_PASSWORD"):
        if not responses.get(name):
            raise AwsError("InvalidParameterException", f"Missing required parameter {name}")
    user = _pending(pool, data, responses)
    errors = adapter.internal(_MODULE, "_password_policy_errors")(pool, responses["NEW_PASSWORD"])
    if errors:
        raise AwsError("InvalidPasswordException", f"Password did not conform with policy: {'; '.join(errors)}")
    given = {
        name.removeprefix("userAttributes."): value
        for name, value in responses.items()
        if name.startswith("userAttributes.")
    }
    _may_write(client, given)
    _write(user, given)
    del adapter.internal(_MODULE, "_challenge_sessions")[data["Session"]]


def _remember_session(data: dict[str, Any], answer: Json) -> Json:
    """A challenge that follows the password gets a session that leads back to who may answer it."""
    told = json.loads(answer[2])
    if told.get("ChallengeName") not in {"NEW_PASSWORD_REQUIRED", "SOFTWARE_TOKEN_MFA"}:
        return answer
    pool, _ = _place(data)
    parameters = data.get("AuthParameters") or data.get("ChallengeResponses") or {}
    user = user_of(pool, parameters.get("USERNAME"))
    if user is None:
        return answer
    create = adapter.internal(_MODULE, "_create_challenge_session")
    told["Session"], session = create(pool["Id"], data["ClientId"], user["Username"])
    session["pending"] = told["ChallengeName"]
    attributes = {each["Name"]: each["Value"] for each in user.get("Attributes", []) if each["Name"] != "sub"}
    shown = tokens.readable(pool["Id"], data["ClientId"], attributes)
    if told["ChallengeName"] == "NEW_PASSWORD_REQUIRED":
        told["ChallengeParameters"]["userAttributes"] = json.dumps(shown)
    return answer[0], answer[1], json.dumps(told).encode()


# --- What people change themselves ------------------------------------------------------------------------------------


def _may_write(client: dict[str, Any], given: dict[str, str]) -> None:
    """The client's `WriteAttributes`; without any, the standard attributes that are not Cognito's own to set.

    https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-settings-attributes.html (permissions)
    """
    allowed = client.get("WriteAttributes")
    own = {"sub", *_VERIFIED.values()}
    if any(name in own or (allowed is not None and name not in allowed) for name in given):
        raise AwsError("NotAuthorizedException", _NOT_THEIRS)


def _write(user: dict[str, Any], given: dict[str, str]) -> None:
    kept = [each for each in user.get("Attributes", []) if each["Name"] not in given]
    user["Attributes"] = [*kept, *({"Name": name, "Value": value} for name, value in given.items())]


def _update_attributes(data: dict[str, Any]) -> None:
    """API_UpdateUserAttributes; the client is the one that the access token was made for."""
    claims = owners.claims_of(data.get("AccessToken"))
    found = owners.pool(str(claims.get("iss", "")).rpartition("/")[2])
    client = (found[2].get("_clients", {}).get(claims.get("client_id")) or {}) if found else {}
    given = _given(data)
    _may_write(client, given)
    user = user_of(found[2], claims.get("username")) if found else None
    if user is not None:
        _unverify(user, given)


def _update_as_administrator(data: dict[str, Any]) -> None:
    """API_AdminUpdateUserAttributes: a new address is not verified unless the call says so."""
    pool = adapter.internal(_MODULE, "_user_pools").get(data.get("UserPoolId"))
    user = user_of(pool, data.get("Username")) if pool else None
    if user is not None:
        _unverify(user, _given(data))


def _given(data: dict[str, Any]) -> dict[str, str]:
    return {str(each.get("Name")): str(each.get("Value")) for each in data.get("UserAttributes") or []}


def _unverify(user: dict[str, Any], given: dict[str, str]) -> None:
    held = {each["Name"]: each["Value"] for each in user.get("Attributes", [])}
    changed = {name for name in _VERIFIED if name in given and given[name] != held.get(name)}
    _write(user, {_VERIFIED[name]: "false" for name in changed if _VERIFIED[name] not in given})


def _forgot(data: dict[str, Any]) -> None:
    """API_ForgotPassword: to a verified address only, and only for whoever has a password of his own."""
    pool, _ = _place(data)
    user = user_of(pool, data.get("Username")) if pool else None
    if user is None:
        return
    held = {each["Name"]: each["Value"] for each in user.get("Attributes", [])}
    if not user.get("Enabled", True):
        raise AwsError("NotAuthorizedException", "User is disabled.")
    if user.get("UserStatus") == "FORCE_CHANGE_PASSWORD":
        raise AwsError("NotAuthorizedException", "User password cannot be reset in the current state.")
    if not any(held.get(name) and held.get(flag) == "true" for name, flag in _VERIFIED.items()):
        message = "Cannot reset password for the user as there is no registered/verified email or phone_number"
        raise AwsError("InvalidParameterException", message)


def _sign_up(data: dict[str, Any]) -> None:
    """API_SignUp: nobody signs up to a pool whose users are created by administrators."""
    pool, client = _place(data)
    if (pool.get("AdminCreateUserConfig") or {}).get("AllowAdminCreateUserOnly"):
        raise AwsError("NotAuthorizedException", "SignUp is not permitted for this user pool")
    if client:
        _may_write(client, _given(data))


_RULES: dict[str, Callable[[dict[str, Any]], None]] = {
    "AdminUpdateUserAttributes": _update_as_administrator,
    "ForgotPassword": _forgot,
    "GetTokensFromRefreshToken": lambda data: _fresh(data.get("RefreshToken")),
    "InitiateAuth": _initiate,
    "RespondToAuthChallenge": _respond,
    "SignUp": _sign_up,
    "UpdateUserAttributes": _update_attributes,
}
_AFTERWARDS: dict[str, Callable[[dict[str, Any], Json], Json]] = {
    "InitiateAuth": _remember_session,
    "RespondToAuthChallenge": _remember_session,
}
