"""People sign in: by a proof of the password, whoever's account is asked, and only as the client and the pool allow."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.cognito.conftest import ANN, PERMANENT, TEMPORARY, People, claims
from tests.sandbox.core.conftest import CENTRAL, REGION, SALES, refusal

WRONG = ("NotAuthorizedException", "Incorrect username or password.")
NOT_THEIRS = ("NotAuthorizedException", "A client attempted to write unauthorized attribute")


def attribute(name: str, value: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value}]


def test_a_proof_of_the_password_gives_tokens(people: People) -> None:
    people.create(groups=("sales.owner", "mesh.auditor"))
    tokens = people.sign_in()
    identity, access = claims(tokens["IdToken"]), claims(tokens["AccessToken"])
    assert identity["iss"] == f"https://cognito-idp.{REGION}.amazonaws.com/{people.pool}"
    assert (identity["aud"], identity["token_use"]) == (people.client, "id")
    assert (identity["email"], identity["email_verified"], identity["name"]) == (ANN, True, "Ann")
    assert sorted(identity["cognito:groups"]) == ["mesh.auditor", "sales.owner"]
    assert "family_name" not in identity  # the client may not read it
    assert (access["client_id"], access["token_use"], "aud" in access) == (people.client, "access", False)
    assert people.browser.get_user(AccessToken=tokens["AccessToken"])["Username"] == identity["sub"]


def test_the_keys_are_where_the_pool_is(people: People) -> None:
    people.create()
    header = json.loads(base64.urlsafe_b64decode(people.sign_in()["IdToken"].split(".")[0] + "=="))
    url = f"{people.sandbox.url}/{people.pool}/.well-known/jwks.json"
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  the sandbox's own URL
        assert header["kid"] in {key["kid"] for key in json.load(answer)["keys"]}
    described = people.admin.describe_user_pool(UserPoolId=people.pool)["UserPool"]
    assert described["Arn"] == f"arn:aws:cognito-idp:{REGION}:{CENTRAL}:userpool/{people.pool}"


def test_an_address_that_nobody_verified_is_not_verified(people: People) -> None:
    people.admin.admin_create_user(
        UserPoolId=people.pool, Username=ANN, TemporaryPassword=TEMPORARY, UserAttributes=attribute("email", ANN)
    )
    people.admin.admin_set_user_password(UserPoolId=people.pool, Username=ANN, Password=PERMANENT, Permanent=True)
    assert claims(people.sign_in()["IdToken"])["email_verified"] is False
    people.admin.admin_update_user_attributes(
        UserPoolId=people.pool, Username=ANN, UserAttributes=attribute("email_verified", "true")
    )
    assert claims(people.sign_in()["IdToken"])["email_verified"] is True
    people.admin.admin_update_user_attributes(
        UserPoolId=people.pool, Username=ANN, UserAttributes=attribute("email", "else@sales.example")
    )
    changed = claims(people.sign_in(email="else@sales.example")["IdToken"])
    assert (changed["email"], changed["email_verified"]) == ("else@sales.example", False)


def test_a_wrong_password_and_an_unknown_name_look_the_same(people: People) -> None:
    people.create()
    assert refusal(lambda: people.prove("Wrong-Password-12")) == WRONG
    assert refusal(lambda: people.prove("Wrong-Password-12", email="nobody@sales.example")) == WRONG


def test_a_client_that_says_so_tells_who_is_unknown(make_pool: Callable[..., People]) -> None:
    people = make_pool(PreventUserExistenceErrors="LEGACY")
    assert refusal(lambda: people.prove(PERMANENT)) == ("UserNotFoundException", "User does not exist.")


@pytest.mark.parametrize("flows", [["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"], None])
def test_a_password_is_not_taken_by_a_client_for_proofs(make_pool: Callable[..., People], flows: Any) -> None:
    people = make_pool(**({"ExplicitAuthFlows": flows} if flows else {"ExplicitAuthFlows": []}))
    people.create()
    given = {"USERNAME": ANN, "PASSWORD": PERMANENT}
    assert refusal(
        lambda: people.browser.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH", AuthParameters=given, ClientId=people.client
        )
    ) == ("InvalidParameterException", "USER_PASSWORD_AUTH flow not enabled for this client")


def test_a_client_without_the_flow_refreshes_nothing(make_pool: Callable[..., People]) -> None:
    people = make_pool(ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH"])
    people.create()
    code, _ = refusal(lambda: refresh(people, people.sign_in()["RefreshToken"]))
    assert code == "InvalidParameterException"


def test_an_unknown_client_is_not_found(people: People) -> None:
    people.create()
    assert refusal(lambda: people.prove(PERMANENT, client="nosuchclient")) == (
        "ResourceNotFoundException",
        "Client nosuchclient not found.",
    )


def test_a_client_belongs_to_one_pool(people: People, make_pool: Callable[..., People]) -> None:
    """Another pool's people do not sign in by this client, though both pools have the address."""
    people.create()
    other = people.sandbox.client("cognito-idp", SALES).create_user_pool(PoolName="other")["UserPool"]["Id"]
    assert other != people.pool
    mixed = People(people.sandbox, other, people.client)
    code, _ = refusal(lambda: mixed.prove(PERMANENT))
    assert code == "NotAuthorizedException"


def test_who_is_disabled_is_kept_out(people: People) -> None:
    people.create()
    tokens = people.sign_in()
    people.admin.admin_disable_user(UserPoolId=people.pool, Username=ANN)
    disabled = ("NotAuthorizedException", "User is disabled.")
    assert refusal(lambda: people.prove(PERMANENT)) == disabled
    assert refusal(lambda: refresh(people, tokens["RefreshToken"])) == disabled
    assert refusal(lambda: people.browser.get_user(AccessToken=tokens["AccessToken"])) == disabled


def refresh(people: People, token: str) -> Any:
    return people.browser.initiate_auth(
        AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token}, ClientId=people.client
    )["AuthenticationResult"]


def test_refresh_tokens_last_as_long_as_the_client_says(people: People) -> None:
    people.create(groups=("sales.member",))
    token = people.sign_in()["RefreshToken"]
    people.sandbox.advance(11 * 3600)
    renewed = refresh(people, token)
    assert claims(renewed["IdToken"])["cognito:groups"] == ["sales.member"]
    assert "RefreshToken" not in renewed
    people.sandbox.advance(2 * 3600)
    assert refusal(lambda: refresh(people, token)) == ("NotAuthorizedException", "Refresh Token has expired")


def test_access_tokens_expire_by_the_clock(people: People) -> None:
    people.create()
    token = people.sign_in()["AccessToken"]
    people.sandbox.advance(3601)
    assert refusal(lambda: people.browser.get_user(AccessToken=token)) == (
        "NotAuthorizedException",
        "Access Token has expired",
    )


def test_signing_out_ends_all_sessions_and_revoking_one(people: People) -> None:
    people.create()
    first, second = people.sign_in(), people.sign_in()
    people.browser.revoke_token(Token=first["RefreshToken"], ClientId=people.client)
    revoked = ("NotAuthorizedException", "Refresh Token has been revoked")
    assert refusal(lambda: refresh(people, first["RefreshToken"])) == revoked
    refresh(people, second["RefreshToken"])
    people.browser.global_sign_out(AccessToken=second["AccessToken"])
    assert refusal(lambda: refresh(people, second["RefreshToken"])) == revoked
    assert refusal(lambda: people.browser.get_user(AccessToken=second["AccessToken"]))[0] == "NotAuthorizedException"


# --- The first sign-in ------------------------------------------------------------------------------------------------


def test_a_newcomer_chooses_a_password(people: People) -> None:
    people.create(permanent=None)
    asked = people.prove(TEMPORARY)
    assert asked["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert json.loads(asked["ChallengeParameters"]["userAttributes"])["email"] == ANN
    tokens = people.new_password(asked["Session"])["AuthenticationResult"]
    assert claims(tokens["IdToken"])["email"] == ANN
    assert people.sign_in(PERMANENT)["IdToken"]
    assert refusal(lambda: people.prove(TEMPORARY)) == WRONG


def test_nobody_sets_a_password_without_having_shown_the_old_one(people: People) -> None:
    people.create(permanent=None)
    people.create("ben@sales.example", permanent=None)
    session = people.prove(TEMPORARY)["Session"]
    invalid = ("NotAuthorizedException", "Invalid session for the user.")
    assert refusal(lambda: people.new_password(None))[0] == "InvalidParameterException"
    assert refusal(lambda: people.new_password("x" * 44)) == invalid
    assert refusal(lambda: people.new_password(session, email="ben@sales.example")) == invalid
    assert refusal(lambda: people.prove(PERMANENT)) == WRONG
    people.new_password(session)
    assert refusal(lambda: people.new_password(session, "Another-Password-1")) == invalid


@pytest.mark.parametrize("name", ["SOFTWARE_TOKEN_MFA", "MFA_SETUP"])
def test_no_other_challenge_stands_in_for_the_password(people: People, name: str) -> None:
    people.create()
    given = {"USERNAME": ANN, "SOFTWARE_TOKEN_MFA_CODE": "123456"}
    assert refusal(
        lambda: people.browser.respond_to_auth_challenge(
            ClientId=people.client, ChallengeName=name, ChallengeResponses=given, Session="x" * 44
        )
    ) == ("NotAuthorizedException", "Invalid session for the user.")


def test_the_new_password_has_to_follow_the_policy_and_may_be_tried_again(people: People) -> None:
    people.create(permanent=None)
    session = people.prove(TEMPORARY)["Session"]
    code, message = refusal(lambda: people.new_password(session, "Short-1"))
    assert (code, "greater than or equal to 14" in message) == ("InvalidPasswordException", True)
    assert people.new_password(session)["AuthenticationResult"]["IdToken"]


def test_a_session_lasts_three_minutes_and_a_temporary_password_three_days(people: People) -> None:
    people.create(permanent=None)
    session = people.prove(TEMPORARY)["Session"]
    people.sandbox.advance(181)
    assert refusal(lambda: people.new_password(session)) == (
        "NotAuthorizedException",
        "Invalid session for the user, session is expired.",
    )
    people.sandbox.advance(3 * 86_400)
    assert refusal(lambda: people.prove(TEMPORARY)) == (
        "NotAuthorizedException",
        "Temporary password has expired and must be reset by an administrator.",
    )


def test_the_invitation_is_in_the_mailbox(people: People) -> None:
    people.create(permanent=None)
    [mail] = people.sandbox.mails(ANN)
    assert TEMPORARY in mail["text"]


# --- What people change themselves ------------------------------------------------------------------------------------


def test_people_change_what_the_client_may_write(people: People) -> None:
    people.create()
    token = people.sign_in()["AccessToken"]
    people.browser.update_user_attributes(AccessToken=token, UserAttributes=attribute("name", "Anna"))
    assert claims(people.sign_in()["IdToken"])["name"] == "Anna"


@pytest.mark.parametrize("name", ["email", "email_verified", "family_name", "sub"])
def test_people_do_not_change_what_it_may_not(people: People, name: str) -> None:
    people.create()
    token = people.sign_in()["AccessToken"]
    given = attribute(name, "other@marketing.example")
    assert refusal(lambda: people.browser.update_user_attributes(AccessToken=token, UserAttributes=given)) == NOT_THEIRS
    assert claims(people.sign_in()["IdToken"])["email"] == ANN


def test_the_first_sign_in_changes_no_address_either(people: People) -> None:
    people.create(permanent=None)
    session = people.prove(TEMPORARY)["Session"]
    changed = {"userAttributes.email": "owner@sales.example"}
    assert refusal(lambda: people.new_password(session, **changed)) == NOT_THEIRS
    named = people.new_password(session, **{"userAttributes.name": "Anna"})["AuthenticationResult"]
    assert (claims(named["IdToken"])["email"], claims(named["IdToken"])["name"]) == (ANN, "Anna")


def test_nobody_signs_up(people: People) -> None:
    assert refusal(lambda: people.browser.sign_up(ClientId=people.client, Username=ANN, Password=PERMANENT)) == (
        "NotAuthorizedException",
        "SignUp is not permitted for this user pool",
    )


def test_people_change_their_password(people: People) -> None:
    people.create()
    token = people.sign_in()["AccessToken"]
    other = "Another-Password-1"
    assert (
        refusal(
            lambda: people.browser.change_password(
                AccessToken=token, PreviousPassword="Wrong-Password-1", ProposedPassword=other
            )
        )
        == WRONG
    )
    people.browser.change_password(AccessToken=token, PreviousPassword=PERMANENT, ProposedPassword=other)
    assert people.sign_in(other)["IdToken"]


def test_who_forgot_the_password_gets_a_code_that_cannot_be_guessed(people: People) -> None:
    people.create()
    people.sandbox.clear_mails()
    people.browser.forgot_password(ClientId=people.client, Username=ANN)
    [mail] = people.sandbox.mails(ANN)
    code = next(word.strip(".") for word in mail["text"].split() if word.strip(".").isdigit())
    other = "Another-Password-1"

    def confirm(given: str) -> Any:
        return people.browser.confirm_forgot_password(
            ClientId=people.client, Username=ANN, ConfirmationCode=given, Password=other
        )

    for wrong in ("654321", "000000"):
        if wrong != code:
            assert refusal(lambda: confirm(wrong))[0] == "CodeMismatchException"  # noqa: B023  called at once
    confirm(code)
    assert people.sign_in(other)["IdToken"]


def test_only_a_verified_address_gets_a_code(people: People) -> None:
    people.create()
    people.create("new@sales.example", permanent=None)
    people.admin.admin_update_user_attributes(
        UserPoolId=people.pool, Username=ANN, UserAttributes=attribute("email_verified", "false")
    )

    def forgot(email: str) -> Any:
        return people.browser.forgot_password(ClientId=people.client, Username=email)

    assert refusal(lambda: forgot(ANN))[0] == "InvalidParameterException"
    assert refusal(lambda: forgot("new@sales.example")) == (
        "NotAuthorizedException",
        "User password cannot be reset in the current state.",
    )
    assert forgot("nobody@sales.example")["CodeDeliveryDetails"]  # nobody is told who is unknown
    assert people.sandbox.mails("nobody@sales.example") == []


# --- Browsers and administrators --------------------------------------------------------------------------------------


def test_pages_of_any_origin_may_call(people: People) -> None:
    asked = urllib.request.Request(  # noqa: S310  the sandbox's own URL
        f"{people.sandbox.url}/",
        method="OPTIONS",
        headers={
            "Origin": "https://portal.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type,x-amz-target,x-amz-user-agent",
        },
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "x-amz-target" in answer.headers["Access-Control-Allow-Headers"].lower()
        assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    for fault in (False, True):
        if fault:
            people.sandbox.inject(service="cognito-idp", action="InitiateAuth", kind="throttling", count=1)
        body = json.dumps({"ClientId": people.client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": {}}).encode()
        call = urllib.request.Request(  # noqa: S310
            f"{people.sandbox.url}/",
            data=body,
            headers={
                "Origin": "https://portal.example.com",
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "AWSCognitoIdentityProviderService.InitiateAuth",
            },
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(call, timeout=30)  # noqa: S310
        assert refused.value.code == 400
        assert refused.value.headers["Access-Control-Allow-Origin"] == "*"
        told = json.loads(refused.value.read())["__type"]
        assert told == ("ThrottlingException" if fault else "InvalidParameterException")


def test_administration_needs_iam(people: People, make_role: Callable[..., str]) -> None:
    arn = f"arn:aws:cognito-idp:{REGION}:{CENTRAL}:userpool/{people.pool}"
    role = make_role("reader", {"Action": "cognito-idp:ListUsers", "Resource": arn})
    reader = people.sandbox.client("cognito-idp", role_arn=role)
    assert reader.list_users(UserPoolId=people.pool)["Users"] == []
    code, message = refusal(lambda: reader.admin_create_user(UserPoolId=people.pool, Username=ANN))
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: cognito-idp:AdminCreateUser on resource: {arn}" in message
    foreign = people.sandbox.client("cognito-idp", SALES)
    assert refusal(lambda: foreign.list_users(UserPoolId=people.pool))[0] == "ResourceNotFoundException"
