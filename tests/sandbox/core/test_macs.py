"""HMAC keys: made, used and refused as on AWS. https://docs.aws.amazon.com/kms/latest/developerguide/hmac.html"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, SALES, key_policy, refusal
from tests.sandbox.functions.support import deploy, invoke

Role = Callable[..., str]
ASK = {"Message": b"request-1", "MacAlgorithm": "HMAC_SHA_256"}


def make_key(sandbox: Sandbox, *statements: dict[str, Any], open_to_iam: bool = True) -> str:
    policy = key_policy(*statements, account=CENTRAL)
    if not open_to_iam:
        policy = policy.replace('"kms:*"', '["kms:PutKeyPolicy", "kms:DescribeKey"]')
    made = sandbox.client("kms", CENTRAL).create_key(
        KeyUsage="GENERATE_VERIFY_MAC",
        KeySpec="HMAC_256",
        Policy=policy,
        BypassPolicyLockoutSafetyCheck=True,
    )
    return str(made["KeyMetadata"]["Arn"])


def test_a_mac_is_verified_and_a_wrong_one_is_not(clean_sandbox: Sandbox, make_role: Role) -> None:
    key = make_key(clean_sandbox)
    maker = clean_sandbox.client("kms", role_arn=make_role("maker", {"Action": "kms:GenerateMac", "Resource": key}))
    checker = clean_sandbox.client("kms", role_arn=make_role("checker", {"Action": "kms:VerifyMac", "Resource": key}))
    mac = maker.generate_mac(KeyId=key, **ASK)["Mac"]
    assert len(mac) == 32
    assert checker.verify_mac(KeyId=key, Mac=mac, **ASK)["MacValid"] is True
    code, _ = refusal(lambda: checker.verify_mac(KeyId=key, Mac=mac[::-1], **ASK))
    assert code == "KMSInvalidMacException"
    code, message = refusal(lambda: checker.generate_mac(KeyId=key, **ASK))
    assert code == "AccessDeniedException"
    assert f"kms:GenerateMac on resource: {key}" in message
    assert refusal(lambda: maker.verify_mac(KeyId=key, Mac=mac, **ASK))[0] == "AccessDeniedException"


def test_the_key_policy_must_allow(clean_sandbox: Sandbox, make_role: Role) -> None:
    key = make_key(clean_sandbox, open_to_iam=False)
    role = make_role("maker", {"Action": "kms:*", "Resource": "*"})
    client = clean_sandbox.client("kms", role_arn=role)
    assert refusal(lambda: client.generate_mac(KeyId=key, **ASK))[0] == "AccessDeniedException"


def test_another_account_needs_both_policies(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role("maker", {"Action": "kms:GenerateMac", "Resource": "*"}, account=SALES)
    client = clean_sandbox.client("kms", role_arn=role)
    closed = make_key(clean_sandbox)
    assert refusal(lambda: client.generate_mac(KeyId=closed, **ASK))[0] == "AccessDeniedException"
    opened = make_key(clean_sandbox, {"Principal": {"AWS": role}, "Action": "kms:GenerateMac", "Resource": "*"})
    assert client.generate_mac(KeyId=opened, **ASK)["KeyId"] == opened


def test_an_algorithm_can_be_asked_for_by_the_policy(clean_sandbox: Sandbox, make_role: Role) -> None:
    key = make_key(clean_sandbox)
    only = {"StringEquals": {"kms:MacAlgorithm": "HMAC_SHA_256"}}
    role = make_role("maker", {"Action": "kms:GenerateMac", "Resource": key, "Condition": only})
    clean_sandbox.client("kms", role_arn=role).generate_mac(KeyId=key, **ASK)


def test_keys_for_one_use_refuse_the_other(clean_sandbox: Sandbox) -> None:
    kms = clean_sandbox.client("kms", CENTRAL)
    mac, plain = make_key(clean_sandbox), kms.create_key()["KeyMetadata"]["Arn"]
    assert refusal(lambda: kms.generate_mac(KeyId=plain, **ASK))[0] == "InvalidKeyUsageException"
    assert refusal(lambda: kms.encrypt(KeyId=mac, Plaintext=b"x"))[0] == "InvalidKeyUsageException"
    described = kms.describe_key(KeyId=mac)["KeyMetadata"]
    assert (described["KeyUsage"], described["KeySpec"], described["MacAlgorithms"]) == (
        "GENERATE_VERIFY_MAC",
        "HMAC_256",
        ["HMAC_SHA_256"],
    )


@pytest.mark.parametrize("by", ["alias/links", "arn"])
def test_a_function_signs_with_its_role_by_alias(clean_sandbox: Sandbox, make_role: Role, by: str) -> None:
    key = make_key(clean_sandbox)
    clean_sandbox.client("kms", CENTRAL).create_alias(AliasName="alias/links", TargetKeyId=key)
    source = (
        "import boto3\n"
        "def handler(event, context):\n"
        "    kms = boto3.client('kms')\n"
        "    ask = {'KeyId': event['key'], 'Message': b'm', 'MacAlgorithm': 'HMAC_SHA_256'}\n"
        "    return kms.verify_mac(Mac=kms.generate_mac(**ask)['Mac'], **ask)['MacValid']\n"
    )
    role = make_role("signer", {"Action": ["kms:GenerateMac", "kms:VerifyMac"], "Resource": key})
    deploy(clean_sandbox, CENTRAL, "signer", source, role)
    assert invoke(clean_sandbox, CENTRAL, "signer", {"key": key if by == "arn" else by}) is True
