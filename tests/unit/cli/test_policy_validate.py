"""`datamesh policy validate`: errors name their field, and what is odd is said."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from datamesh.cli.app import app
from datamesh.models.policy import DEFAULT_POLICY

OWNERS = {"name": "owners", "approvers": ["product_owners"]}


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["policy", "validate", *arguments], env={"COLUMNS": "160"})
    return done.exit_code, done.stdout, done.stderr


def checked(tmp_path: Path, document: Any) -> tuple[int, dict[str, Any]]:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    code, out, _ = run(str(file), "--output", "json")
    return code, json.loads(out)


def test_a_valid_policy_is_named_by_its_digest(tmp_path: Path) -> None:
    code, found = checked(tmp_path, DEFAULT_POLICY.to_json())
    assert code == 0
    assert found == {"valid": True, "digest": DEFAULT_POLICY.digest, "rules": 2, "remarks": []}


def test_json_is_read_too_and_people_get_a_table(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(DEFAULT_POLICY.to_json()), encoding="utf-8")
    code, out, _ = run(str(file))
    assert code == 0
    for word in ("valid", "not-sensitive", "approved by itself", "owners (1 of product_owners)"):
        assert word in out


@pytest.mark.parametrize(
    ("document", "field", "problem"),
    [
        ([], "(document)", "valid dictionary"),
        ({"rules": []}, "rules", "at least 1"),
        ({"rules": [{"name": "r", "stages": [{**OWNERS, "quorum": 0}]}]}, "rules[0].stages[0].quorum", "greater than"),
        ({"rules": [{"name": "r", "stages": [{**OWNERS, "quorums": 2}]}]}, "rules[0].stages[0].quorums", "not permit"),
        ({"rules": [{"name": "r", "when": {"sensitive": True}}]}, "rules[0]", "needs a stage"),
        ({"rules": [{"name": "r"}], "groups": {"g": [{"email": "nobody"}]}}, "groups.g[0].email", "match pattern"),
        (
            {"rules": [{"name": "r"}], "discovery": [{"name": "d", "visible_to": []}]},
            "discovery[0].visible_to",
            "names of one or more domains",
        ),
        (
            {"rules": [{"name": "r"}], "discovery": [{"name": "d", "visible_to": ["everyone", "sales"]}]},
            "discovery[0].visible_to",
            "names of one or more domains",
        ),
        (
            {"rules": [{"name": "r"}], "discovery": [{"name": "d", "visible_to": ["human-resources"]}]},
            "discovery[0].visible_to",
            "names of one or more domains",
        ),
        (
            {"rules": [{"name": "r"}], "discovery": [{"name": "d", "visible_to": [{"domain": "sales"}]}]},
            "discovery[0].visible_to",
            "names of one or more domains",
        ),
        (
            {"rules": [{"name": "r"}], "discovery": [{"name": "d", "visible_to": "somebody"}]},
            "discovery[0].visible_to",
            "names of one or more domains",
        ),
        (
            {"rules": [{"name": "r"}], "discovery": [{"name": "d", "visible_to": "nobody"}] * 2},
            "(document)",
            "discovery rules must have different names",
        ),
        (
            {"rules": [{"name": "r", "stages": [{"name": "s", "approvers": ["dpo"]}]}]},
            "(document)",
            "no such group: dpo",
        ),
    ],
)
def test_an_error_names_its_field(tmp_path: Path, document: Any, field: str, problem: str) -> None:
    code, found = checked(tmp_path, document)
    assert code == 1
    assert not found["valid"]
    (error,) = found["errors"]
    assert error["field"] == field
    assert problem in error["problem"]


def test_people_see_the_field_in_a_table(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("rules: [{name: Wrong Name}]", encoding="utf-8")
    code, out, _ = run(str(file))
    assert code == 1
    assert "rules[0].name" in out


@pytest.mark.parametrize("text", ["rules: [", "rules: []\nrules: [{name: r}]", "? [a]\n: b"])
def test_what_is_no_document_is_not_answered(tmp_path: Path, text: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    code, out, err = run(str(file))
    assert (code, out) == (2, "")
    assert "neither YAML nor JSON" in err


def test_a_file_that_is_not_there_is_not_answered(tmp_path: Path) -> None:
    code, _, err = run(str(tmp_path / "none.yaml"))
    assert code == 2
    assert "cannot be read" in err


def test_what_the_author_may_not_have_meant_is_said(tmp_path: Path) -> None:
    document = {
        "groups": {"governance": [{"email": "gina@example.com"}], "idle": []},
        "rules": [
            {"name": "all", "stages": [{"name": "g", "approvers": ["governance"], "quorum": 2}]},
            {"name": "late", "stages": [OWNERS]},
        ],
    }
    code, found = checked(tmp_path, document)
    assert code == 0
    assert found["remarks"] == [
        "rule late is never reached: all, before it, speaks of every request",
        "rule all, stage g asks 2 of governance, who are only 1: every request that comes to it is refused",
        "group idle is asked by no rule",
    ]


def test_who_may_find_what_is_part_of_the_policy(tmp_path: Path) -> None:
    rules = [{"name": "all", "stages": [OWNERS]}]
    hidden = {"name": "hidden", "when": {"sensitive": True}, "visible_to": "nobody"}
    _, without = checked(tmp_path, {"rules": rules})
    _, by_word = checked(tmp_path, {"rules": rules, "discovery": [hidden]})
    _, by_list = checked(tmp_path, {"rules": rules, "discovery": [hidden | {"visible_to": ["nobody"]}]})
    assert by_word["valid"]
    assert by_word["digest"] == by_list["digest"] != without["digest"], "a word is that word in a list, as in Terraform"


def test_a_discovery_rule_that_is_never_reached_is_said(tmp_path: Path) -> None:
    discovery = [{"name": "all", "visible_to": "everyone"}, {"name": "late", "visible_to": ["sales"]}]
    _, found = checked(tmp_path, {"rules": [{"name": "all", "stages": [OWNERS]}], "discovery": discovery})
    assert found["remarks"] == ["discovery rule late is never reached: all, before it, speaks of every product"]


def test_a_policy_without_a_last_rule_refuses_the_rest(tmp_path: Path) -> None:
    _, found = checked(tmp_path, {"rules": [{"name": "public", "when": {"sensitive": False}}]})
    assert found["remarks"] == ["there is no rule for everything else: what no rule speaks of is refused"]
