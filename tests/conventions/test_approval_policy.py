"""The approval policy is declared twice, in Terraform and as a model: they say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hcl2.api import loads
from pydantic import BaseModel

from datamesh.logic.policy_remarks import remarks
from datamesh.models.people import Person
from datamesh.models.policy import (
    DEFAULT_POLICY,
    ApprovalPolicy,
    Conditions,
    DiscoveryConditions,
    DiscoveryRule,
    Rule,
    Stage,
)
from tools.terraform_files import blocks

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "modules" / "central-governance"
ENVIRONMENT = ROOT / "environments" / "central"


def variable(folder: Path) -> dict[str, Any]:
    return next(body for _, name, body in blocks(folder, "variable") if name == "approval_policy")


def test_the_default_is_the_same() -> None:
    assert ApprovalPolicy.model_validate(variable(MODULE)["default"]) == DEFAULT_POLICY


def test_the_environment_takes_what_the_module_takes() -> None:
    assert variable(ENVIRONMENT)["type"] == variable(MODULE)["type"]
    assert variable(ENVIRONMENT)["default"] is None


MODELS: tuple[type[BaseModel], ...] = (
    ApprovalPolicy,
    Conditions,
    DiscoveryConditions,
    DiscoveryRule,
    Person,
    Rule,
    Stage,
)


@pytest.mark.parametrize("model", MODELS)
def test_every_field_can_be_given(model: type[BaseModel]) -> None:
    assert model.model_fields.keys() <= set(re.findall(r'"([a-z_]+)":', variable(MODULE)["type"]))


def test_nothing_can_be_given_that_is_no_field() -> None:
    fields = {name for model in MODELS for name in model.model_fields}
    assert set(re.findall(r'"([a-z_]+)":', variable(MODULE)["type"])) <= fields


def test_the_documented_example_is_a_policy_and_the_same_in_both_languages() -> None:
    text = (ROOT / "docs" / "approvals.md").read_text(encoding="utf-8")
    blocks_of = {kind: re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL) for kind in ("yaml", "hcl")}
    in_yaml = ApprovalPolicy.model_validate(yaml.safe_load(blocks_of["yaml"][0]))
    in_hcl = ApprovalPolicy.model_validate(loads(blocks_of["hcl"][0])["approval_policy"])
    assert in_yaml == in_hcl
    assert in_yaml.discovery, "the example shows these rules, too"
    assert remarks(in_yaml) == []
