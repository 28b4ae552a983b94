"""`datamesh policy explain --request`: what is asked for is looked up as central looks it up."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from datamesh.cli import live
from datamesh.cli import policy as commands
from datamesh.cli.app import app
from datamesh.logic.share_world import World
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import CENTRAL, product_spec, request_access, table_spec
from tools.terraform_files import blocks

MODULE = Path(__file__).resolve().parents[3] / "modules" / "central-governance"
PERSONAL = {"name": "email", "type": "string", "pii": True}


@pytest.fixture
def central(monkeypatch: pytest.MonkeyPatch) -> FakeCentral:
    """Central with a product of sales, in the place of the account of the credentials."""
    tables = (table_spec("flights"), table_spec("customers", columns=[PERSONAL]))
    central = central_with("sales", "marketing", product=product_spec(*tables))
    nothing: Any = None
    monkeypatch.setattr(commands, "Registry", lambda table: central.registry)
    monkeypatch.setattr(live, "account_id", lambda: CENTRAL)
    monkeypatch.setattr(
        live,
        "world_of",
        lambda registry, account: World(
            registry, central.catalog, central.lake_formation, central.lf_tags, nothing, nothing, nothing, nothing
        ),
    )
    return central


def run(file: Path, *arguments: str) -> tuple[int, str, str]:
    words = ["policy", "explain", "--request", str(file), *arguments]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def request_file(tmp_path: Path) -> Path:
    return written(tmp_path, tables=["customers"])


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "request.yaml"
    file.write_text(yaml.safe_dump(request_access(**changes)["detail"]["data"]), encoding="utf-8")
    return file


def test_what_is_sensitive_is_found_out(central: FakeCentral, request_file: Path) -> None:
    before = central.state()
    code, out, _ = run(request_file, "--output", "json")
    assert code == 0
    found = json.loads(out)
    assert (found["outcome"], found["rule"], found["sensitive"]) == ("people", "sensitive", True)
    assert found["shows"][0]["sensitive"] == ["email"]
    assert found["stages"][0]["places"][0]["people"] == ["owner@sales.example"]
    assert central.state() == before


def test_people_read_what_would_be_shown(central: FakeCentral, request_file: Path) -> None:
    code, out, _ = run(request_file)
    assert code == 0
    assert "Shows customers: email" in out
    assert "sensitive: email" in out
    assert "1 of the product_owners of sales: owner@sales.example" in out


def test_what_is_not_sensitive_is_granted_at_once(central: FakeCentral, tmp_path: Path) -> None:
    code, out, _ = run(written(tmp_path, tables=["flights"]))
    assert code == 0
    assert "Granted at once, by rule not-sensitive." in out


def test_what_central_would_refuse_ends_with_one(central: FakeCentral, tmp_path: Path) -> None:
    code, out, _ = run(written(tmp_path, tables=["nothing"]))
    assert code == 1
    assert "TableNotFound" in out


def test_another_policy_can_be_asked(central: FakeCentral, request_file: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("rules: [{name: open, when: {sensitive: false}}]", encoding="utf-8")
    code, out, _ = run(request_file, "--policy", str(policy))
    assert code == 1
    assert "NoPolicyRule" in out


def test_what_makes_sensitive_can_be_said(central: FakeCentral, tmp_path: Path) -> None:
    file = written(tmp_path, tables=["flights"])
    assert run(file, "--sensitive-tag", "lob=sales", "--domain-tag-key", "lob")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--consumer", "marketing"], "give either --request"),
        (["--consumer", "marketing", "--producer", "sales"], "give either --request"),
        (["--purpose", "fraud"], "leave the other options out"),
        (["--not-sensitive"], "leave the other options out"),
        (["--sensitive-tag", "confidentiality"], "is not KEY=VALUE"),
        (["--sensitive-tag", "Tier=gold"], "sensitive_tags"),
    ],
)
def test_what_cannot_be_asked_ends_with_two(
    central: FakeCentral, request_file: Path, arguments: list[str], said: str
) -> None:
    code, out, err = run(request_file, *arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_neither_a_request_nor_a_description_ends_with_two() -> None:
    done = CliRunner().invoke(app, ["policy", "explain"])
    assert (done.exit_code, done.stdout) == (2, "")


def test_a_file_that_is_no_request_names_the_field(central: FakeCentral, tmp_path: Path) -> None:
    code, _, err = run(written(tmp_path, principals=["somebody"]))
    assert code == 2
    assert "principals[0]" in err


def test_the_tags_are_those_of_the_module() -> None:
    declared = {name: body["default"] for _, name, body in blocks(MODULE, "variable") if "default" in body}
    assert declared["domain_tag_key"] == live.DOMAIN_TAG_KEY
    pairs = [f"{key}={value}" for key, values in declared["sensitive_tags"].items() for value in values]
    assert tuple(pairs) == live.SENSITIVE_TAGS
