"""The role of a location against real policies: MiniStack's IAM, S3 and KMS in this process, no server.

https://docs.aws.amazon.com/lake-formation/latest/dg/registration-role.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import adapter
from sandbox.api import AwsError, Call
from sandbox.lakeformation import engine, live, service, store, world
from tests.sandbox.lakeformation.fake_world import REGION, root

OWNER, PRODUCER = "121212121212", "343434343434"
BUCKET = "reach-for-real"
ROLE = f"arn:aws:iam::{OWNER}:role/reach-lake-access"
URI = f"s3://{BUCKET}/products/orders/"
READ = ["s3:GetObject", "s3:ListBucket"]


def raw(account: str, service_name: str, operation: str, **params: Any) -> dict[str, Any]:
    """A call to MiniStack that asks nobody."""
    return adapter.invoke_raw(service_name, operation, params, account=account, region=REGION)


def policy(*statements: dict[str, Any]) -> str:
    """A policy document."""
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **item} for item in statements]})


class Parts:
    """The four documents between Lake Formation and the data, each of which can be taken away."""

    def __init__(self) -> None:
        self.key = raw(PRODUCER, "kms", "CreateKey")["KeyMetadata"]["Arn"]

    def trust(self, principal: str = "lakeformation.amazonaws.com", account: str = OWNER) -> None:
        document = policy(
            {
                "Principal": {"Service": principal},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        )
        raw(OWNER, "iam", "UpdateAssumeRolePolicy", RoleName="reach-lake-access", PolicyDocument=document)

    def identity(self, *actions: str) -> None:
        document = policy({"Action": list(actions), "Resource": "*"})
        raw(OWNER, "iam", "PutRolePolicy", RoleName="reach-lake-access", PolicyName="reach", PolicyDocument=document)

    def bucket(self, *actions: str, prefix: str = "products") -> None:
        arn = f"arn:aws:s3:::{BUCKET}"
        document = policy({"Principal": {"AWS": ROLE}, "Action": list(actions), "Resource": [arn, f"{arn}/{prefix}/*"]})
        raw(PRODUCER, "s3", "PutBucketPolicy", Bucket=BUCKET, Policy=document)

    def key_policy(self, *actions: str) -> None:
        via = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}}
        document = policy({"Principal": {"AWS": ROLE}, "Action": list(actions), "Resource": "*", "Condition": via})
        raw(PRODUCER, "kms", "PutKeyPolicy", KeyId=self.key, PolicyName="default", Policy=document)


@pytest.fixture(scope="module")
def made() -> Iterator[Parts]:
    """A bucket with a key in one account, a role in another."""
    adapter.install()
    with adapter.scope(OWNER, REGION):
        document = policy({"Principal": {"Service": "lakeformation.amazonaws.com"}, "Action": "sts:AssumeRole"})
        raw(OWNER, "iam", "CreateRole", RoleName="reach-lake-access", AssumeRolePolicyDocument=document)
        place = {"LocationConstraint": REGION}
        raw(PRODUCER, "s3", "CreateBucket", Bucket=BUCKET, CreateBucketConfiguration=place)
        parts = Parts()
        default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": parts.key}
        rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
        raw(PRODUCER, "s3", "PutBucketEncryption", Bucket=BUCKET, ServerSideEncryptionConfiguration=rules)
        raw(PRODUCER, "s3", "PutObject", Bucket=BUCKET, Key="products/orders/1.csv", Body=b"1")
        yield parts
        raw(PRODUCER, "s3", "DeleteObject", Bucket=BUCKET, Key="products/orders/1.csv")
        raw(PRODUCER, "s3", "DeleteBucket", Bucket=BUCKET)
        raw(OWNER, "iam", "DeleteRolePolicy", RoleName="reach-lake-access", PolicyName="reach")
        raw(OWNER, "iam", "DeleteRole", RoleName="reach-lake-access")


@pytest.fixture
def parts(made: Parts) -> Parts:
    """Everything in place."""
    world.use(live.LiveWorld())
    store.store.reset()
    made.trust()
    made.identity("s3:GetObject", "s3:ListBucket", "kms:Decrypt")
    made.bucket("s3:GetObject", "s3:ListBucket")
    made.key_policy("kms:Decrypt")
    params = {"ResourceArn": f"arn:aws:s3:::{BUCKET}/products", "RoleArn": ROLE}
    service.handle(Call("lakeformation", "RegisterResource", params, root(OWNER), REGION))
    return made


def test_everything_is_in_place(parts: Parts) -> None:
    engine.vend(OWNER, URI, READ)


def refused(words: str) -> Any:
    """`pytest.raises` of AccessDeniedException."""
    return pytest.raises(AwsError, match=f"^AccessDeniedException: .*{words}")


def test_the_trust_policy_names_another_service(parts: Parts) -> None:
    parts.trust("glue.amazonaws.com")
    with refused("Unable to assume role"):
        engine.vend(OWNER, URI, READ)


def test_the_trust_policy_means_another_account(parts: Parts) -> None:
    parts.trust(account=PRODUCER)
    with refused("Unable to assume role"):
        engine.vend(OWNER, URI, READ)


@pytest.mark.parametrize("missing", ["s3:GetObject", "s3:ListBucket", "kms:Decrypt"])
def test_the_role_has_not_the_action(parts: Parts, missing: str) -> None:
    parts.identity(*{"s3:GetObject", "s3:ListBucket", "kms:Decrypt"} - {missing})
    with refused(f"{missing} on resource: .* because no identity-based policy allows the {missing} action"):
        engine.vend(OWNER, URI, READ)


@pytest.mark.parametrize(("left", "missing"), [("s3:ListBucket", "s3:GetObject"), ("s3:GetObject", "s3:ListBucket")])
def test_the_bucket_policy_has_not_the_action(parts: Parts, left: str, missing: str) -> None:
    parts.bucket(left)
    with refused(f"{missing} on resource: .* because no resource-based policy allows the {missing} action"):
        engine.vend(OWNER, URI, READ)


def test_the_bucket_policy_opens_another_prefix(parts: Parts) -> None:
    parts.bucket("s3:GetObject", "s3:ListBucket", prefix="raw")
    with refused("s3:GetObject on resource"):
        engine.vend(OWNER, URI, READ)


def test_the_key_policy_has_not_the_action(parts: Parts) -> None:
    parts.key_policy("kms:Encrypt")
    with refused("kms:Decrypt on resource: .* because no resource-based policy allows the kms:Decrypt action"):
        engine.vend(OWNER, URI, READ)


def test_passing_the_role_is_asked_of_iam(parts: Parts) -> None:
    raw(OWNER, "iam", "CreateRole", RoleName="reach-caller", AssumeRolePolicyDocument=policy({"Action": "*"}))
    arn = f"arn:aws:iam::{OWNER}:role/reach-caller"
    caller = root(OWNER).__class__(arn, arn, OWNER, is_root=False)
    params = {"ResourceArn": f"arn:aws:s3:::{BUCKET}/other", "RoleArn": ROLE}
    try:
        with refused("is not authorized to perform: iam:PassRole on resource"):
            service.handle(Call("lakeformation", "RegisterResource", params, caller, REGION))
        allowed = policy(
            {
                "Action": "iam:PassRole",
                "Resource": ROLE,
                "Condition": {"StringEquals": {"iam:PassedToService": "lakeformation.amazonaws.com"}},
            }
        )
        raw(OWNER, "iam", "PutRolePolicy", RoleName="reach-caller", PolicyName="pass", PolicyDocument=allowed)
        service.handle(Call("lakeformation", "RegisterResource", params, caller, REGION))
    finally:
        raw(OWNER, "iam", "DeleteRolePolicy", RoleName="reach-caller", PolicyName="pass")
        raw(OWNER, "iam", "DeleteRole", RoleName="reach-caller")
