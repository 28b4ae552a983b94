"""What approvals need of AWS: signatures by KMS, callbacks of Step Functions, the ticketing system's secret."""

from __future__ import annotations

import base64
import json

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from datamesh.aws.callbacks import Callbacks
from datamesh.aws.retry import Retrier
from datamesh.aws.shared_secrets import SharedSecrets
from datamesh.aws.signatures import Signatures
from datamesh.models.errors import CallbackRefused, InvalidSharedSecret

KEY = "arn:aws:kms:eu-west-1:111111111111:key/0a1b"
MAC = bytes(range(200, 232))
SIGNATURE = base64.urlsafe_b64encode(MAC).decode().rstrip("=")
ASKED = {"KeyId": KEY, "MacAlgorithm": "HMAC_SHA_256", "Message": b"text"}


def patient() -> Retrier:
    return Retrier(total=2, sleep=lambda _: None)


def test_a_signature_is_safe_in_an_address() -> None:
    client = boto3.client("kms")
    with Stubber(client) as stubber:
        stubber.add_response("generate_mac", {"Mac": MAC, "KeyId": KEY}, ASKED)
        signature = Signatures(KEY, client, patient()).sign("text")
    assert signature == SIGNATURE
    assert set(signature) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_kms_says_whether_a_signature_holds() -> None:
    client = boto3.client("kms")
    with Stubber(client) as stubber:
        signatures = Signatures(KEY, client, patient())
        stubber.add_response("verify_mac", {"MacValid": True, "KeyId": KEY}, ASKED | {"Mac": MAC})
        assert signatures.verify("text", SIGNATURE)
        stubber.add_client_error("verify_mac", "KMSInvalidMacException")
        assert not signatures.verify("text", SIGNATURE)
        stubber.add_client_error("verify_mac", "DisabledException")
        with pytest.raises(ClientError):
            signatures.verify("text", SIGNATURE)
        stubber.add_client_error("verify_mac", "KMSInternalException")
        stubber.add_response("verify_mac", {"MacValid": True, "KeyId": KEY}, ASKED | {"Mac": MAC})
        assert signatures.verify("text", SIGNATURE)
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    "signature", ["", "=", "a", "AAAA", SIGNATURE + "=", SIGNATURE + "A", SIGNATURE[:-1] + "B", "ä" * 43, "+/" * 21]
)
def test_what_is_no_signature_costs_no_call(signature: str) -> None:
    client = boto3.client("kms")
    with Stubber(client):
        assert not Signatures(KEY, client, patient()).verify("text", signature)


def test_who_waits_is_answered() -> None:
    client = boto3.client("stepfunctions")
    with Stubber(client) as stubber:
        stubber.add_response("send_task_success", {}, {"taskToken": "token", "output": '{"status": "APPROVED"}'})
        Callbacks(client, patient()).answer("token", {"status": "APPROVED"})


@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_task_that_is_gone_refuses_and_its_token_is_not_told(code: str) -> None:
    client = boto3.client("stepfunctions")
    with Stubber(client) as stubber:
        stubber.add_client_error("send_task_success", code, "Task Timed Out: 'token'")
        with pytest.raises(CallbackRefused) as refusal:
            Callbacks(client, patient()).answer("token", {})
    assert "token" not in refusal.value.message


def test_a_shared_secret_is_read() -> None:
    client = boto3.client("secretsmanager")
    with Stubber(client) as stubber:
        content = json.dumps({"secret": "s" * 32, "url": "https://tickets.example"})
        stubber.add_response("get_secret_value", {"SecretString": content}, {"SecretId": "arn"})
        assert SharedSecrets(client, patient()).read("arn") == "s" * 32


@pytest.mark.parametrize("content", ["not json: hush", "[]", "{}", '{"secret": "hush"}', '{"secret": 7}'])
def test_what_is_no_secret_is_refused_without_being_told(content: str) -> None:
    client = boto3.client("secretsmanager")
    with Stubber(client) as stubber:
        stubber.add_response("get_secret_value", {"SecretString": content})
        with pytest.raises(InvalidSharedSecret) as refusal:
            SharedSecrets(client, patient()).read("arn")
    assert "hush" not in refusal.value.message
    assert refusal.value.__cause__ is None
