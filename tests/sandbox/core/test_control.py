"""Ledger, faults, clock, settings, snapshots: what tests steer the sandbox with."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from botocore.config import Config

from sandbox.client import Sandbox, SandboxError
from tests.sandbox.core.conftest import CENTRAL, SALES, refusal

Role = Callable[..., str]


def test_the_ledger_holds_who_did_what(clean_sandbox: Sandbox, make_role: Role) -> None:
    role = make_role("reader", {"Action": "sns:ListTopics", "Resource": "*"})
    clean_sandbox.clear_ledger()
    clean_sandbox.client("sns", role_arn=role).list_topics()
    refusal(lambda: clean_sandbox.client("sqs", role_arn=role).list_queues())
    entries = [(item["role"], item["action"], item["allowed"]) for item in clean_sandbox.ledger()]
    assert entries == [(role, "sns:ListTopics", True), (role, "sqs:ListQueues", False)]
    assert clean_sandbox.ledger(allowed=False)[0]["error"].startswith("AccessDenied")


def test_the_ledger_tells_an_allowed_call_that_failed(clean_sandbox: Sandbox) -> None:
    refusal(lambda: clean_sandbox.client("dynamodb", CENTRAL).describe_table(TableName="none"))
    (entry,) = clean_sandbox.ledger(action="dynamodb:DescribeTable")
    assert (entry["allowed"], entry["error"]) == (True, "ResourceNotFoundException")


def test_a_fault_strikes_as_often_as_asked(clean_sandbox: Sandbox) -> None:
    clean_sandbox.inject(service="dynamodb", action="ListTables", account=CENTRAL, count=2)
    client = clean_sandbox.client("dynamodb", CENTRAL)
    for _ in range(2):
        assert refusal(client.list_tables)[0] == "ProvisionedThroughputExceededException"
    client.list_tables()
    assert clean_sandbox.faults()[0]["struck"] == 2


def test_a_fault_strikes_only_whom_it_names(clean_sandbox: Sandbox) -> None:
    clean_sandbox.inject(service="sns", account=SALES, kind="throttling")
    clean_sandbox.client("sns", CENTRAL).list_topics()
    assert refusal(clean_sandbox.client("sns", SALES).list_topics)[0] == "Throttled"
    clean_sandbox.clear_faults()
    clean_sandbox.client("sns", SALES).list_topics()


def test_the_sdk_retries_what_a_fault_throttles(clean_sandbox: Sandbox) -> None:
    clean_sandbox.inject(service="s3", action="ListBuckets", count=1)
    retrying = Config(retries={"total_max_attempts": 3, "mode": "standard"})
    assert clean_sandbox.client("s3", CENTRAL, config=retrying).list_buckets()["Buckets"] == []


def test_a_crash_after_the_side_effect(clean_sandbox: Sandbox) -> None:
    clean_sandbox.inject(service="sqs", action="CreateQueue", after=True, count=1)
    sqs = clean_sandbox.client("sqs", CENTRAL)
    refusal(lambda: sqs.create_queue(QueueName="made"))
    assert [url.rsplit("/", 1)[1] for url in sqs.list_queues()["QueueUrls"]] == ["made"]


def test_a_fault_may_name_its_error(clean_sandbox: Sandbox) -> None:
    clean_sandbox.inject(service="lakeformation", error="ConcurrentModificationException")
    client = clean_sandbox.client("lakeformation", CENTRAL)
    assert refusal(client.get_data_lake_settings)[0] == "ConcurrentModificationException"


def test_the_clock_moves_forward_only(clean_sandbox: Sandbox) -> None:
    before = clean_sandbox.now()
    assert clean_sandbox.advance(3600) > before
    with pytest.raises(SandboxError):
        clean_sandbox.advance(-1)


def test_credentials_expire_on_the_clock(clean_sandbox: Sandbox) -> None:
    iam = clean_sandbox.client("iam", CENTRAL)
    trust = {"Effect": "Allow", "Principal": {"AWS": CENTRAL}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))["Role"]["Arn"]
    keys = clean_sandbox.client("sts", CENTRAL).assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    sts = clean_sandbox.session(CENTRAL).client(
        "sts",
        endpoint_url=clean_sandbox.url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
    sts.get_caller_identity()
    clean_sandbox.advance(3601)
    assert refusal(sts.get_caller_identity)[0] in ("ExpiredToken", "ExpiredTokenException")


def test_settings_change_and_come_back(clean_sandbox: Sandbox) -> None:
    assert clean_sandbox.settings()["ram_sharing_with_organization"] is True
    changed = clean_sandbox.settings(organization=None, ram_visibility_delay=2.5)
    assert (changed["organization"], changed["ram_visibility_delay"]) == (None, 2.5)
    clean_sandbox.reset()
    assert clean_sandbox.settings()["organization"]["id"] == "o-datamesh01"
    with pytest.raises(SandboxError):
        clean_sandbox.settings(unknown=1)


def test_a_snapshot_brings_all_accounts_back(clean_sandbox: Sandbox, make_role: Role, lake: dict[str, str]) -> None:
    role = make_role("kept")
    clean_sandbox.snapshot("before")
    clean_sandbox.client("s3", SALES).delete_object(Bucket=lake["bucket"], Key=lake["object"])
    clean_sandbox.client("iam", CENTRAL).delete_role(RoleName="kept")
    clean_sandbox.client("sqs", CENTRAL).create_queue(QueueName="later")
    clean_sandbox.inject(service="s3")
    taken = clean_sandbox.restore("before")
    s3 = clean_sandbox.client("s3", SALES)
    assert s3.get_object(Bucket=lake["bucket"], Key=lake["object"])["Body"].read() == b"one"
    assert clean_sandbox.client("iam", CENTRAL).get_role(RoleName="kept")["Role"]["Arn"] == role
    assert not clean_sandbox.client("sqs", CENTRAL).list_queues().get("QueueUrls")
    assert clean_sandbox.ledger(action="DeleteRole") == []
    assert taken["seconds"] < 3


def test_a_snapshot_can_be_restored_again_and_again(clean_sandbox: Sandbox) -> None:
    sns = clean_sandbox.client("sns", CENTRAL)
    clean_sandbox.snapshot("empty")
    for _ in range(2):
        sns.create_topic(Name="t")
        clean_sandbox.restore("empty")
        assert sns.list_topics()["Topics"] == []
    with pytest.raises(SandboxError):
        clean_sandbox.restore("never-taken")


def test_reset_empties_everything(clean_sandbox: Sandbox, lake: dict[str, str]) -> None:
    clean_sandbox.reset()
    assert clean_sandbox.client("s3", SALES).list_buckets()["Buckets"] == []
    assert clean_sandbox.client("kms", SALES).list_keys()["Keys"] == []


def test_an_unknown_endpoint_says_so(clean_sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="404"):
        clean_sandbox._call("GET", "nothing")


def test_a_restored_function_runs_its_restored_code(clean_sandbox: Sandbox, make_role: Role) -> None:
    client = clean_sandbox.client("lambda", CENTRAL)
    first, second = code("return 1"), code("return 2")
    role = make_role("work")
    client.create_function(
        FunctionName="f", Runtime="python3.11", Role=role, Handler="h.handler", Code={"ZipFile": first}, Timeout=30
    )

    def answer() -> int:
        return int(client.invoke(FunctionName="f")["Payload"].read())

    assert answer() == 1
    clean_sandbox.snapshot("first")
    client.update_function_code(FunctionName="f", ZipFile=second)
    assert answer() == 2
    clean_sandbox.restore("first")
    assert answer() == 1


def code(body: str) -> bytes:
    """A deployment package whose handler does this."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("h.py", f"def handler(event, context):\n    {body}\n")
    return archive.getvalue()
