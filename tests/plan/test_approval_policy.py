"""What Terraform writes as the approval policy is what the flows read."""

from __future__ import annotations

import pytest

from datamesh.aws.items import deserialize
from datamesh.aws.registry import record_from_item
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy, read_policy
from datamesh.models.registry import POLICY, PolicyRecord
from tests.support.plan_scenarios import module_plan, scenarios


@pytest.mark.parametrize("name", ["organization", "accounts"])
def test_the_policy_that_is_written_is_the_one_that_was_given(name: str) -> None:
    # GIVEN a module with a policy of its own, or with none
    inputs = next(each.inputs for each in scenarios() if (each.module, each.name) == ("central-governance", name))
    given = inputs.get("approval_policy")
    wanted = DEFAULT_POLICY if given is None else ApprovalPolicy.model_validate(given)

    # WHEN Terraform writes it
    item = deserialize(module_plan("central-governance", name).json("aws_dynamodb_table_item.approval_policy", "item"))

    # THEN the flows find the record and read the same policy, all that was left out included
    record = record_from_item(PolicyRecord, item)
    assert {"pk": item["pk"], "sk": item["sk"]} == POLICY.to_json()
    assert item["kind"] == PolicyRecord.kind
    assert read_policy(record.document) == wanted
    assert read_policy(record.document).digest == wanted.digest
