"""The demo's people: they can sign in as what they are, the command line knows them, and they decide by any link."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from sandbox.client import Sandbox
from sandbox.mesh import people, profiles
from sandbox.mesh.approver import Approver
from sandbox.mesh.bring_up import Mesh, describe
from sandbox.mesh.layout import CENTRAL, MARKETING, SALES
from tests.sandbox.cognito.conftest import People, claims

USERS = {user.email: user for user in people.PORTAL_USERS}
EXPECTED = {
    "owner@sales.example": ("sales.owner",),
    "steward@sales.example": ("sales.steward",),
    "owner@marketing.example": ("marketing.owner",),
    "analyst@marketing.example": ("marketing.member",),
    "admin@mesh.example": ("mesh.admin",),
    "auditor@mesh.example": ("mesh.auditor",),
    "operator@mesh.example": ("mesh.operator",),
    "newcomer@marketing.example": ("marketing.member",),
}


@pytest.fixture
def pool(clean_sandbox: Sandbox) -> People:
    """A pool with the rules and groups of modules/data-portal."""
    idp = clean_sandbox.client("cognito-idp", CENTRAL.id)
    rules = dict.fromkeys(("RequireLowercase", "RequireNumbers", "RequireSymbols", "RequireUppercase"), True)
    made = idp.create_user_pool(
        PoolName="portal",
        UsernameAttributes=["email"],
        Policies={"PasswordPolicy": {"MinimumLength": 14, **rules}},
    )["UserPool"]["Id"]
    for group in {group for groups in EXPECTED.values() for group in groups}:
        idp.create_group(UserPoolId=made, GroupName=group)
    client = idp.create_user_pool_client(
        UserPoolId=made, ClientName="portal", ExplicitAuthFlows=["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    )["UserPoolClient"]["ClientId"]
    return People(clean_sandbox, made, client)


def test_everybody_signs_in_as_what_they_are(pool: People) -> None:
    for _ in range(2):  # who is there already stays as is
        assert people.create_portal_users(pool.pool, pool.sandbox.url) == len(EXPECTED)
    assert {user.email: user.groups for user in USERS.values()} == EXPECTED
    for user in USERS.values():
        answer = pool.prove(user.password, user.email)
        assert (answer.get("ChallengeName") == "NEW_PASSWORD_REQUIRED") is user.temporary, user.email
        if not user.temporary:
            told = claims(answer["AuthenticationResult"]["IdToken"])
            assert (told["email"], told["email_verified"], told["name"]) == (user.email, True, user.name)
            assert tuple(told["cognito:groups"]) == user.groups
    [newcomer] = [user for user in USERS.values() if user.temporary]
    assert newcomer.email == "newcomer@marketing.example"
    assert [mail["to"] for mail in pool.sandbox.mails()] == [newcomer.email]


def mesh(sandbox: Sandbox, *, portal: bool) -> Mesh:
    central = {
        "portal_url": "https://d1abc.cloudfront.net",
        "portal_distribution_id": "E1ABC",
        "portal_user_pool_id": "eu-west-1_abc",
        "portal_client_id": "client",
    }
    lake = {"products_bucket": "lake", "products_prefix": "products/", "kms_key_arn": "key"}
    domain = {"state_machine_arns": {}, "config_secret_arn": "secret", "lake": lake}
    outputs = {name: dict(domain) for name in (SALES.name, MARKETING.name)}
    outputs[CENTRAL.name] = {"state_machine_arns": {}, **(central if portal else {})}
    return Mesh(sandbox.url, outputs=outputs)


def test_the_description_and_the_profiles_lead_to_the_portal(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "FILE", tmp_path / "datamesh-cli.ini")
    applied = mesh(sandbox, portal=True)
    told = describe(applied, None)
    assert told["portal_url"] == sandbox.portal_url("https://d1abc.cloudfront.net")
    assert told["api_url"] == f"{sandbox.url}/_sandbox/cloudfront/E1ABC"
    assert {user["email"]: tuple(user["groups"]) for user in told["users"] if "email" in user} == EXPECTED
    assert {user["name"] for user in told["users"] if "role_arn" in user} == {"pipeline", "analyst", "intern"}
    found = configparser.ConfigParser()
    found.read(profiles.write(applied))
    by_api = {section: dict(found[section]) for section in found if found[section].get("mode") == "api"}
    assert {values["email"] for values in by_api.values()} == set(EXPECTED)
    assert by_api["profile sales-owner"] == {
        "mode": "api",
        "api_url": told["api_url"],
        "cognito_endpoint": sandbox.url,
        "region": "eu-west-1",
        "user_pool_id": "eu-west-1_abc",
        "client_id": "client",
        "email": "owner@sales.example",
    }
    assert found["default"]["email"] == "analyst@marketing.example"
    assert dict(found["profile sales-pipeline"]) == {
        "mode": "bus",
        "domain": "sales",
        "prefix": "datamesh",
        "region": "eu-west-1",
        "endpoint_url": sandbox.url,
    }


def test_a_mesh_without_a_portal_has_none(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "FILE", tmp_path / "datamesh-cli.ini")
    applied = mesh(sandbox, portal=False)
    told = describe(applied, None)
    assert (told["portal_url"], told["api_url"]) == (None, None)
    assert all("role_arn" in user for user in told["users"])
    found = configparser.ConfigParser()
    found.read(profiles.write(applied))
    assert found.sections() == ["profile sales-pipeline", "profile marketing-pipeline"]


def test_an_approver_finds_the_page_of_either_link(clean_sandbox: Sandbox) -> None:
    client = clean_sandbox.client("apigatewayv2", CENTRAL.id)
    client.create_api(Name="datamesh-portal", ProtocolType="HTTP")
    endpoint = client.create_api(Name="datamesh-central-approvals", ProtocolType="HTTP")["ApiEndpoint"]
    approver = Approver(clean_sandbox, "owner@sales.example")
    own = f"{endpoint}/approvals/l-1?signature=s.t"
    portals = "https://d1abc.cloudfront.net/approval-links/l-1?signature=s.t"
    for link in (own, portals):
        assert approver.page_of(link) == own
        assert approver.link({"text": f"Decide: {link}."}) == link
