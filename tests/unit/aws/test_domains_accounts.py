"""What central reads of a domain's account: its secret and its bucket's owner; and who central's function is."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from datamesh.aws import clients, identity
from datamesh.aws.buckets import Buckets
from datamesh.aws.secrets import DomainConfigs
from datamesh.models.errors import InvalidConfigSecret
from tests.support.central_commands import SALES, config_of, secret_arn


class FailingClient:
    """A client whose one call fails."""

    def __init__(self, code: str, message: str = "m") -> None:
        self.error = ClientError({"Error": {"Code": code, "Message": message}}, "AnyOperation")

    def get_secret_value(self, **_request: Any) -> None:
        raise self.error

    def head_bucket(self, **_request: Any) -> None:
        raise self.error


@pytest.fixture
def secrets() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-west-1")


def create(client: Any, content: str) -> str:
    arn: str = client.create_secret(Name="datamesh-domain-config", SecretString=content)["ARN"]
    return arn


def test_a_configuration_is_read(secrets: Any) -> None:
    content = config_of("sales").to_json() | {"something_newer": 1}
    assert DomainConfigs(secrets).read(create(secrets, json.dumps(content))) == config_of("sales")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("not json", "not JSON"),
        ("[]", "is not one"),
        (json.dumps(config_of("sales").to_json() | {"version": 2}), "version"),
        (json.dumps(config_of("sales").to_json() | {"prefix": "products"}), "prefix"),
        (json.dumps(config_of("sales").to_json() | {"prefix": "/"}), "prefix"),
        (json.dumps(config_of("sales").to_json() | {"bucket": "s3://bucket"}), "bucket"),
    ],
)
def test_what_is_no_configuration_is_the_senders_fault(secrets: Any, content: str, message: str) -> None:
    with pytest.raises(InvalidConfigSecret, match=message) as problem:
        DomainConfigs(secrets).read(create(secrets, content))
    assert "s3://bucket" not in problem.value.message, "a secret's content is not repeated"


@pytest.mark.parametrize(
    "code", ["AccessDeniedException", "ResourceNotFoundException", "DecryptionFailure", "InvalidRequestException"]
)
def test_a_secret_that_cannot_be_read_is_the_senders_fault(code: str) -> None:
    with pytest.raises(InvalidConfigSecret, match=code):
        DomainConfigs(FailingClient(code)).read(secret_arn(SALES))  # type: ignore[arg-type]


def test_another_error_is_not(secrets: Any) -> None:
    with pytest.raises(ClientError):
        DomainConfigs(FailingClient("SomethingElse")).read(secret_arn(SALES))  # type: ignore[arg-type]


def test_a_bucket_belongs_to_its_account() -> None:
    with mock_aws():
        client = boto3.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket="sales", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        assert Buckets(client).is_owned_by("sales", "123456789012")
        assert not Buckets(client).is_owned_by("nothing", "123456789012")


@pytest.mark.parametrize(("code", "owned"), [("403", False), ("404", False), ("301", False)])
def test_what_may_not_be_looked_at_is_not_owned(code: str, owned: bool) -> None:
    assert Buckets(FailingClient(code)).is_owned_by("bucket", SALES) is owned  # type: ignore[arg-type]


def test_an_unknown_answer_is_no_answer() -> None:
    with pytest.raises(ClientError):
        Buckets(FailingClient("SomethingElse")).is_owned_by("bucket", SALES)  # type: ignore[arg-type]


def test_a_function_knows_its_role_and_place(monkeypatch: pytest.MonkeyPatch) -> None:
    identity.own_role_arn.cache_clear()
    clients.sts.cache_clear()

    class Sts:
        def get_caller_identity(self) -> dict[str, str]:
            return {"Arn": f"arn:aws:sts::{SALES}:assumed-role/function/session"}

    with monkeypatch.context() as patched:
        patched.setattr(clients, "sts", Sts)
        assert identity.own_role_arn() == f"arn:aws:iam::{SALES}:role/function"
    identity.own_role_arn.cache_clear()
    assert (clients.region(), clients.partition()) == ("eu-west-1", "aws")


@pytest.mark.parametrize(
    "name",
    [
        "lake_formation",
        "glue",
        "ram",
        "events",
        "dynamodb",
        "secrets_manager",
        "s3",
        "sts",
        "step_functions",
    ],
)
def test_every_client_is_made_once_and_retries(name: str) -> None:
    make = getattr(clients, name)
    make.cache_clear()
    client = make()
    assert make() is client
    assert client.meta.config.retries["mode"] in {"standard", "adaptive"}
