"""Building blocks of the core's tests: accounts, roles with policies, what a refusal says."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.client import Sandbox

CENTRAL = "111111111111"
SALES = "222222222222"
OUTSIDER = "999999999999"
REGION = "eu-west-1"


def document(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]})


def refusal(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and message with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error.get("Message", "")


@pytest.fixture
def make_role(clean_sandbox: Sandbox) -> Callable[..., str]:
    """Create a role: `make_role(name, *statements, account=…, service=…, boundary=…)` returns its ARN."""

    def make(
        name: str,
        *statements: dict[str, Any],
        account: str = CENTRAL,
        service: str = "lambda.amazonaws.com",
        boundary: str | None = None,
        path: str = "/",
    ) -> str:
        iam = clean_sandbox.client("iam", account)
        trust = document({"Principal": {"Service": service}, "Action": "sts:AssumeRole"})
        extra = {"PermissionsBoundary": boundary} if boundary else {}
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust, Path=path, **extra)["Role"]
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="allow", PolicyDocument=document(*statements))
        return str(role["Arn"])

    return make


@pytest.fixture
def lake(clean_sandbox: Sandbox) -> dict[str, str]:
    """A bucket of the sales account, encrypted with its own key, with one object."""
    kms = clean_sandbox.client("kms", SALES)
    key = kms.create_key(Policy=key_policy())["KeyMetadata"]["Arn"]
    s3 = clean_sandbox.client("s3", SALES)
    s3.create_bucket(Bucket="sales-lake", CreateBucketConfiguration={"LocationConstraint": REGION})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(
        Bucket="sales-lake",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": default}]},
    )
    s3.put_object(Bucket="sales-lake", Key="orders/1", Body=b"one")
    return {"bucket": "sales-lake", "object": "orders/1", "key": key}


def key_policy(*statements: dict[str, Any], account: str = SALES) -> str:
    """A key policy that leaves the key to its account's IAM, and what is added."""
    return document(
        {"Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*", "Resource": "*"}, *statements
    )
