"""`datamesh policy explain`: who would have to agree, asked of a file or of the registry, and how it ends."""

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from datamesh.cli import policy as commands
from datamesh.cli.app import app
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy
from datamesh.models.registry import DomainRecord, Stamp
from tests.support.central_commands import NOW
from tests.support.people import config

POLICY = {
    "groups": {
        "governance": [{"email": "gina@example.com"}, {"email": "gus@example.com"}],
        "privacy": [
            {"email": "dora@example.com"},
            {"email": "dan@example.com"},
            {"email": "dee@example.com", "domain": "marketing"},
        ],
    },
    "rules": [
        {"name": "not-sensitive", "when": {"sensitive": False}},
        {"name": "gold", "when": {"tags": {"tier": ["gold"]}}, "stages": [{"name": "g", "approvers": ["governance"]}]},
        {
            "name": "personal",
            "stages": [
                {"name": "owners", "approvers": ["product_owners"]},
                {
                    "name": "privacy",
                    "approvers": ["privacy"],
                    "quorum": 2,
                    "deadline_hours": 48,
                    "on_deadline": "escalate",
                    "escalate_to": ["governance"],
                },
            ],
            "purposes": ["campaigns"],
            "max_duration_days": 90,
        },
    ],
}


class Domains:
    """A registry with two domains."""

    tables: list[str] = []

    def __init__(self, table: str) -> None:
        self.tables.append(table)

    def policy(self) -> ApprovalPolicy:
        return DEFAULT_POLICY

    def domain(self, name: str) -> DomainRecord | None:
        people = {"sales": ("sam", "sue", "max"), "marketing": ("max",)}
        if name not in people:
            return None
        return DomainRecord(
            status="REGISTERED",
            stamp=Stamp(occurred_at=NOW, event_id=uuid.UUID(int=1)),
            execution_id="e",
            lease_expires_at=NOW,
            updated_at=NOW,
            domain=name,
            account_id="222222222222",
            secret_arn="arn:aws:secretsmanager:eu-west-1:222222222222:secret:s",
            config=config(name, people[name]),
        )


@pytest.fixture(autouse=True)
def _registry(monkeypatch: pytest.MonkeyPatch) -> None:
    Domains.tables = []
    monkeypatch.setattr(commands, "Registry", Domains)


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(POLICY), encoding="utf-8")
    return file


def run(*arguments: object, consumer: str = "marketing", producer: str = "sales") -> tuple[int, str, str]:
    words = ["policy", "explain", "--consumer", consumer, "--producer", producer, *map(str, arguments)]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def explained(*arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, _ = run(*arguments, "--output", "json")
    return code, json.loads(out)


def test_the_policy_in_force_and_the_people_come_from_the_registry() -> None:
    code, found = explained("--classification", "confidential", "--requested-by", "sam@example.com")
    assert code == 0
    assert Domains.tables == ["datamesh-registry"]
    assert (found["outcome"], found["rule"], found["grant_to"]) == ("people", "sensitive", "principals")
    assert found["policy"] == DEFAULT_POLICY.digest
    (place,) = found["stages"][0]["places"]
    assert place["people"] == ["sue@example.com"]


def test_a_mesh_of_another_prefix_has_another_registry() -> None:
    run("--prefix", "mesh")
    run("--registry-table", "table")
    assert Domains.tables == ["mesh-registry", "table"]


def test_a_policy_from_a_file_is_asked_without_any_account(policy_file: Path) -> None:
    code, found = explained("--policy", policy_file, "--purpose", "campaigns")
    assert (code, Domains.tables) == (0, [])
    owners, privacy = found["stages"]
    assert owners["places"][0]["people"] is None
    assert privacy["places"][0]["people"] == ["dan@example.com", "dora@example.com"]
    assert privacy["escalation"][0]["people"] == ["gina@example.com", "gus@example.com"]
    assert (found["rule"], found["duration_days"]) == ("personal", 90)


def test_a_policy_from_a_file_is_asked_about_the_registrys_people(policy_file: Path) -> None:
    _, found = explained("--policy", policy_file, "--registry-table", "t", "--purpose", "campaigns")
    assert found["stages"][0]["places"][0]["people"] == ["sam@example.com", "sue@example.com"]


def test_people_read_who_decides_and_by_when(policy_file: Path) -> None:
    code, out, err = run("--policy", policy_file, "--purpose", "campaigns")
    assert code == 0
    for text in (
        "People have to decide, by rule personal.",
        "To the named principals alone, for 90 days.",
        "1 of the product_owners of sales: who they are is not known here",
        "48 h",
        "2 of governance: gina@example.com, gus@example.com",
    ):
        assert text in out
    assert "--registry-table" in err


def test_what_is_not_sensitive_is_granted_at_once(policy_file: Path) -> None:
    code, out, _ = run("--policy", policy_file, "--not-sensitive", "--classification", "public")
    assert code == 0
    assert "Granted at once, by rule not-sensitive." in out
    assert "To the consumer's account, without end." in out


def test_tags_are_looked_at(policy_file: Path) -> None:
    _, found = explained("--policy", policy_file, "--mode", "tbac", "--tag", "tier=gold", "--tag", "tier=")
    assert found["rule"] == "gold"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "PurposeNotAllowed"),
        (("--purpose", "campaigns", "--duration-days", "91"), "DurationTooLong"),
        (("--purpose", "campaigns", "--requested-by", "dan@example.com"), "QuorumUnreachable"),
    ],
)
def test_a_refusal_ends_with_one_and_its_code(policy_file: Path, arguments: tuple[str, ...], code: str) -> None:
    status, found = explained("--policy", policy_file, *arguments)
    assert (status, found["outcome"], found["refusal"]["code"]) == (1, "refused", code)


def test_what_nobody_may_decide_is_refused_with_its_rule() -> None:
    status, found = explained("--requested-by", "nobody@example.com", "--producer", "hr")
    assert (status, found["rule"], found["refusal"]["code"]) == (1, "sensitive", "QuorumUnreachable")
    assert "of hr" in found["refusal"]["message"]
    assert [place["people"] for place in found["stages"][0]["places"]] == [[], ["sam@example.com", "sue@example.com"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--not-sensitive",), "unclassified is sensitive"),
        (("--not-sensitive", "--classification", "restricted"), "restricted is sensitive"),
        (("--tag", "tier"), "tier is not KEY=VALUE"),
        (("--tag", "Tier=gold"), "'Tier' is not the key of an LF-tag"),
        (("--tag", "tier=GOLD"), "'GOLD' is not the value"),
        (("--requested-by", "mia"), "'mia' is not an address"),
        (("--producer", "Sales"), "'Sales' is not the name of a domain"),
        (("--producer", "marketing"), "marketing needs no access"),
        (("--classification", "secret"), "secret"),
        (("--duration-days", "0"), "duration-days"),
        (("--policy", "/nowhere/policy.yaml"), "cannot be read"),
    ],
)
def test_what_cannot_be_asked_ends_with_two(arguments: tuple[str, ...], said: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_policy_that_is_not_valid_cannot_be_asked(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("rules: [{name: Wrong}]", encoding="utf-8")
    code, _, err = run("--policy", file)
    assert code == 2
    assert "rules[0].name" in err


def test_yaml_can_be_read_back(policy_file: Path) -> None:
    _, out, _ = run("--policy", policy_file, "--purpose", "campaigns", "-o", "yaml")
    assert yaml.safe_load(out)["rule"] == "personal"


def test_somebody_of_two_domains_is_of_the_consumer() -> None:
    record = Domains("t").domain("sales")
    assert record is not None
    assert record.config is not None
    assert "max@example.com" in {person.email for person in record.config.product_owners}
    _, found = explained()
    assert "max@example.com" not in found["stages"][0]["places"][0]["people"]


def test_one_person_cannot_decide_at_two_stages(tmp_path: Path) -> None:
    owners = {"name": "owners", "approvers": ["product_owners"], "quorum": 2}
    again = {"name": "again", "approvers": ["product_owners"]}
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump({"rules": [{"name": "twice", "stages": [owners, again]}]}), encoding="utf-8")
    status, found = explained("--policy", file, "--registry-table", "t")
    assert (status, found["refusal"]["code"]) == (1, "QuorumUnreachable")
    assert "stages owners and again need 3 different people" in found["refusal"]["message"]
