"""The approval policy is declared twice, in Terraform and as a model: they say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from datamesh.models.people import Person
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy, Conditions, Rule, Stage
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


@pytest.mark.parametrize("model", [ApprovalPolicy, Conditions, Person, Rule, Stage])
def test_every_field_can_be_given(model: type[BaseModel]) -> None:
    assert model.model_fields.keys() <= set(re.findall(r'"([a-z_]+)":', variable(MODULE)["type"]))


def test_nothing_can_be_given_that_is_no_field() -> None:
    fields = {name for model in (ApprovalPolicy, Conditions, Person, Rule, Stage) for name in model.model_fields}
    assert set(re.findall(r'"([a-z_]+)":', variable(MODULE)["type"])) <= fields
