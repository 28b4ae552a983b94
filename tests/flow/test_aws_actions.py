"""The reading of code that test_follow_one_event.py relies on: it sees calls, and only those that a flow can make."""

from __future__ import annotations

import ast
import re

import botocore.session
import pytest

from tests.support.aws_actions import (
    CLIENTS,
    CROSS_ACCOUNT_GRANT,
    IMPLIED,
    RENAMED,
    SOURCE,
    TRANSACTION_PARTS,
    function_actions,
    gateway_module,
)

GATEWAYS = sorted(
    file.stem
    for file in (SOURCE / "datamesh" / "aws").glob("*.py")
    # OpenSearch has a client of its own; what it may be asked stands in a plan of data-portal.
    if file.stem not in {"__init__", "clients", "retry", "search_server"}
)
# How IAM calls what boto3 calls otherwise.
BOTO3_NAMES = {prefix: name for name, prefix in CLIENTS.values()}


def test_every_client_of_the_package_is_known() -> None:
    tree = ast.parse((SOURCE / "datamesh" / "aws" / "clients.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    assert functions - {"region", "partition"} == set(CLIENTS)


@pytest.mark.parametrize("module", GATEWAYS)
def test_every_call_of_a_client_is_seen(module: str) -> None:
    # GIVEN the calls as text, which is cruder than the syntax tree, but independent of it
    text = (SOURCE / "datamesh" / "aws" / f"{module}.py").read_text(encoding="utf-8")
    written = set(re.findall(r"_client\.(?!exceptions)(\w+)", text)) | set(
        re.findall(r'"(batch_\w+_permissions)"', text)
    )

    seen = {
        action.partition(":")[2]
        for callee in gateway_module(f"datamesh.aws.{module}").values()
        for actions in callee.methods.values()
        for action in actions
    }

    assert {name.replace("_", "") for name in written} <= {name.lower() for name in seen}


def test_a_method_has_the_actions_of_the_methods_that_it_calls() -> None:
    methods = gateway_module("datamesh.aws.glue_catalog")["GlueCatalog"].methods

    assert methods["ensure_link"] == {"glue:CreateTable", "glue:GetTable"}
    assert methods["get_table"] == {"glue:GetTable"}


def test_a_flow_has_no_actions_of_methods_that_it_does_not_call() -> None:
    # GIVEN a gateway that can delete tables, which no flow does so far
    assert "glue:DeleteTable" in gateway_module("datamesh.aws.glue_catalog")["GlueCatalog"].methods["delete_table"]

    assert "glue:DeleteTable" not in function_actions("link_data_product")
    assert "glue:CreateTable" in function_actions("link_data_product")


def test_a_function_of_the_api_has_the_actions_of_its_own_routes() -> None:
    # GIVEN functions that share all their modules
    assert "events:PutEvents" in function_actions("send_command")
    assert "states:StartExecution" in function_actions("retry_execution")

    assert not {"events:PutEvents", "states:StartExecution", "states:SendTaskSuccess"} & function_actions(
        "answer_query"
    )
    assert not {"states:StartExecution", "states:SendTaskSuccess"} & function_actions("send_command")


def test_a_library_that_is_given_a_client_calls_aws_as_well() -> None:
    idempotency = gateway_module("datamesh.aws.idempotency")["Idempotency"].methods

    assert "dynamodb:UpdateItem" in idempotency["once"]
    assert "dynamodb:UpdateItem" in function_actions("cast_vote")
    assert "dynamodb:UpdateItem" not in function_actions("answer_query")


def test_the_mappings_name_operations_that_exist() -> None:
    session = botocore.session.get_session()
    named = {*RENAMED, *IMPLIED, *(action for implied in IMPLIED.values() for action in implied)}
    named |= set(CROSS_ACCOUNT_GRANT) | {
        action for action in TRANSACTION_PARTS.values() if action != "dynamodb:ConditionCheckItem"
    }
    # Actions that are no operations.
    named -= {"iam:PassRole", "ram:Get*", "ram:List*", "s3:ListBucket"}

    for action in named:
        prefix, _, operation = action.partition(":")
        model = session.get_service_model(BOTO3_NAMES.get(prefix, prefix))
        assert operation in model.operation_names, action
