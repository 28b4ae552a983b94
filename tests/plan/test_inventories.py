"""The comparison of plans with inventories finds what is wrong: a check that cannot fail would be worse than none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.plan_inventory import describe, differences
from tests.support.terraform_plan import Plan, escape

PLAN = Plan(
    {
        "resources": {
            "aws_sqs_queue.this": {
                "type": "aws_sqs_queue",
                "values": {"name": "orders", "delay": 0, "tags": None, "policy": '{"Statement": [{"Sid": "Deny"}]}'},
                "unknown": {"arn": True},
            },
            'module.logs.aws_s3_bucket.layer["raw"]': {
                "type": "aws_s3_bucket",
                "values": {"rules": [{"id": "a", "days": 1}], "values": ["x", "y"]},
                "unknown": {},
            },
        },
        "outputs": {"name": "orders"},
        "configuration": {
            "resources": [
                {
                    "address": "aws_sqs_queue.this",
                    "expressions": {
                        "name": {"references": ["var.name"]},
                        "redrive": [{"arn": {"references": ["a.b"]}}],
                    },
                }
            ],
            "module_calls": {
                "logs": {
                    "expressions": {"name": {"references": ["var.name"]}},
                    "module": {"resources": [{"address": "aws_s3_bucket.layer", "expressions": {"bucket": {}}}]},
                }
            },
        },
    }
)


@pytest.mark.parametrize(
    "inventory",
    [
        {"counts": {"aws_sqs_queue": 1, "aws_s3_bucket": 1, "aws_kms_key": 0, "resources": 2}},
        {"values": {"aws_sqs_queue.this": {"name": "orders", "arn": "__missing__", "tags": "__missing__"}}},
        {"values": {"aws_sqs_queue.this": {"policy": {"Statement": [{"Sid": "Deny"}]}}}},
        {"values": {'module.logs.aws_s3_bucket.layer["raw"]': {"rules": [{"id": "a"}], "values": ["y", "x"]}}},
        {"values": {"aws_sqs_queue.other": "__missing__"}},
        {"outputs": {"name": "orders", "arn": "__missing__"}},
        {"references": {"aws_sqs_queue.this": {"name": ["var.name"], "redrive.0.arn": ["a.b"]}}},
        {"references": {"module.logs": {"name": ["var.name"]}}},
        {"references": {"module.logs.aws_s3_bucket.layer": {"bucket": []}}},
    ],
)
def test_what_is_planned_is_not_reported(inventory: dict[str, Any]) -> None:
    assert differences(PLAN, inventory) == []


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        ({"values": {"aws_sqs_queue.this": {"name": "other"}}}, "aws_sqs_queue.this.name: 'other' expected"),
        ({"values": {"aws_sqs_queue.this": {"arn": "arn:…"}}}, "aws_sqs_queue.this.arn: 'arn:…' expected"),
        ({"values": {"aws_sqs_queue.this": {"name": "__missing__"}}}, "should be missing"),
        ({"values": {"aws_sqs_queue.this": {"delay": "__missing__"}}}, "should be missing"),
        ({"values": {"aws_sqs_queue.this": "__missing__"}}, "should not be there"),
        ({"values": {"aws_sqs_queue.other": {}}}, "is not there"),
        ({"values": {"aws_sqs_queue.this": {"policy": {"Statement": []}}}}, "policy.Statement: [] expected"),
        ({"values": {'module.logs.aws_s3_bucket.layer["raw"]': {"rules": [{"id": "b"}]}}}, "rules[0].id"),
        ({"values": {'module.logs.aws_s3_bucket.layer["raw"]': {"values": ["x", "z"]}}}, "'z' expected"),
        ({"counts": {"aws_sqs_queue": 2}}, "2 aws_sqs_queue expected, 1 planned"),
        ({"outputs": {"arn": "arn:…"}}, "output arn"),
        ({"references": {"aws_sqs_queue.this": {"name": ["var.other"]}}}, "does not refer to var.other"),
        ({"valeus": {}}, "not a part of an inventory"),
    ],
)
def test_what_differs_is_reported(inventory: dict[str, Any], said: str) -> None:
    found = differences(PLAN, inventory)

    assert len(found) == 1
    assert said in found[0]


def test_a_described_plan_does_not_differ_from_its_description() -> None:
    described = describe(PLAN)

    assert described["values"]["aws_sqs_queue.this"] == {
        "name": "orders",
        "delay": 0,
        "policy": {"Statement": [{"Sid": "Deny"}]},
    }
    assert differences(PLAN, described) == []


def test_an_address_that_is_not_planned_is_answered_with_those_that_are() -> None:
    with pytest.raises(KeyError, match=r"aws_sqs_queue\.this"):
        PLAN.values("aws_sqs_queue.that")


def test_strings_mean_themselves_in_a_module_call() -> None:
    assert escape({"a": ["{% $states.input %}", "${x}", "%{if}"]}) == {"a": ["{% $states.input %}", "$${x}", "%%{if}"]}
