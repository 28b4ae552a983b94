"""The roots of environments/ and examples/ plan, and refuse the variables of another workspace."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.plan_inventory import counts
from tests.support.terraform_plan import ROOT, STUB_PACKAGE, Plan, plan_root, variable_problems

# Roots that hold whole modules take their time; one process plans them.
PACKAGE = {"path": STUB_PACKAGE}
CENTRAL = {"account_id": "111111111111", "region": "eu-west-1", "lambda_package": PACKAGE}
CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/1ce0d83f-f79c-4d30-a4f1-6c3b0a4a5b3c"
DOMAIN = {**CENTRAL, "account_id": "222222222222", "central_account_id": "111111111111"}


def refusals(root: str, variables: dict[str, Any]) -> str:
    """Return what the variables of a root have against some values. This needs no plan of its resources."""
    return "\n".join(variable_problems(f"../{root}", variables))


def test_central_plans_and_says_what_holds_data() -> None:
    plan = plan_root("environments/central", {**CENTRAL, "organization_id": "o-datamesh01"})

    assert plan.outputs["data_addresses"] == [
        "module.central_governance.aws_dynamodb_table.ledger",
        "module.central_governance.aws_dynamodb_table.registry",
    ]
    assert plan.values("module.central_governance.aws_dynamodb_table.registry")["deletion_protection_enabled"] is True


def test_central_plans_with_a_portal_and_both_know_each_other() -> None:
    portal = {"domains": ["sales"], "custom_domain": {"certificate_arn": CERTIFICATE, "name": "data.example.com"}}
    plan = plan_root("environments/central", {**CENTRAL, "organization_id": "o-datamesh01", "portal": portal})

    # What holds data is in the plan, the people's groups included.
    addresses = set(plan.outputs["data_addresses"])
    assert 'module.data_portal[0].aws_cognito_user_group.this["sales.owner"]' in addresses
    assert addresses <= set(plan.resources)
    assert plan.outputs["portal_url"] == "https://data.example.com"
    # Mails lead to the portal, and the portal's functions know central's tables and bus.
    assert plan.references("module.central_governance", "approval_link_base_url") >= {"module.data_portal"}
    assert plan.references("module.central_governance", "administrators") >= {"module.data_portal"}
    command = "module.data_portal[0].module.send_command_function.aws_lambda_function.this"
    told = plan.values(command)["environment"][0]["variables"]
    assert (told["EVENT_BUS_NAME"], told["REGISTRY_TABLE"]) == ("datamesh-central", "datamesh-registry")


def test_central_without_a_portal_has_none_of_it() -> None:
    plan = plan_root("environments/central", {**CENTRAL, "organization_id": "o-datamesh01"})

    assert not [address for address in plan.resources if address.startswith("module.data_portal")]
    assert not {"api_url", "portal_url", "portal_user_pool_id", "portal_client_id"} & set(plan.outputs)


def test_a_domain_plans_and_says_what_holds_data() -> None:
    # GIVEN the workspace that a plan has when none was selected, and a domain of that name
    plan = plan_root("environments/domain", {**DOMAIN, "domain": "default"})

    # THEN every address that is to be kept is one of the plan
    addresses = plan.outputs["data_addresses"]
    assert addresses
    assert set(addresses) <= set(plan.resources)
    kinds = {re.split(r"\.", address.rpartition("module.lake_storage.")[2])[0] for address in addresses}
    assert {"aws_kms_key", "aws_s3_bucket", "aws_s3_bucket_policy"} <= kinds


def test_the_variables_of_one_domain_do_not_fit_the_workspace_of_another() -> None:
    said = refusals("environments/domain", {**DOMAIN, "domain": "sales"})

    assert "These variables are for the domain sales, but the workspace is default" in said
    assert refusals("environments/domain", {**DOMAIN, "domain": "default"}) == ""


@pytest.mark.parametrize("side", ["central", "domain"])
def test_a_region_is_a_region(side: str) -> None:
    variables = {**CENTRAL, "organization_id": "o-datamesh01"} if side == "central" else {**DOMAIN, "domain": "default"}

    said = refusals(f"environments/{side}", {**variables, "region": "Ireland"})

    assert "region must be the name of an AWS region" in said


@pytest.mark.parametrize("side", ["central", "domain"])
def test_the_roots_keep_their_state_in_s3_and_lock_it(side: str) -> None:
    text = (ROOT / "environments" / side / "terraform.tf").read_text(encoding="utf-8")

    assert re.search(r'backend "s3" \{[^}]*use_lockfile\s*=\s*true', text)
    assert re.search(r'backend "s3" \{[^}]*encrypt\s*=\s*true', text)


@pytest.mark.parametrize("side", ["central", "domain"])
def test_tfvars_name_variables_that_exist(side: str) -> None:
    # GIVEN the example and what the sandbox uses
    folder = ROOT / "environments" / side
    declared = set(
        re.findall(r'^variable "(\w+)"', (folder / "variables.tf").read_text(encoding="utf-8"), re.MULTILINE)
    )
    files = [folder / "example.tfvars", *sorted((folder / "sandbox").glob("*.tfvars"))]

    # THEN they set nothing else, and say which account they are for
    for file in files:
        named = set(re.findall(r"^(\w+)\s*=", file.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= declared, file.name
        assert {"account_id", "region"} <= named, file.name


def example(name: str, variables: dict[str, Any]) -> Plan:
    """Plan an example."""
    return plan_root(f"examples/{name}", variables)


def test_central_and_a_domain_plan_in_one_account() -> None:
    plan = example("one-account", {"account_id": "111111111111", "lambda_package_path": STUB_PACKAGE})

    assert counts(plan)["aws_cloudwatch_event_bus"] == 2
    forwarded = plan.values("module.data_domain.module.to_central.aws_cloudwatch_event_target.this")["arn"]
    assert forwarded == "arn:aws:events:eu-west-1:111111111111:event-bus/datamesh-central"


def test_a_subscription_plans() -> None:
    plan = example("event-subscription", {"account_id": "222222222222"})

    assert counts(plan)["aws_cloudwatch_event_rule"] == 2
    assert counts(plan)["aws_sqs_queue"] == 3
