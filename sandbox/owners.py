"""Whose resource does a request name? AWS finds it by its global name or ARN, whichever account asks.

MiniStack keeps one store per account and looks into the caller's. The front door asks here first and lets the request
run in the owner's account; authorisation (sandbox/gate.py) still sees the caller.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from sandbox import adapter, wire

adapter.uses("services.kms", "_keys")

_ACCOUNT = re.compile(r"\d{12}")
# Body members that name a resource by ARN, by service.
_ARN_MEMBERS = {
    "kms": ("KeyId", "SourceKeyId", "DestinationKeyId"),
    "secretsmanager": ("SecretId",),
}


@dataclass(frozen=True)
class Request:
    """One HTTP request after routing."""

    service: str
    method: str
    path: str
    headers: dict[str, str]
    query: dict[str, list[str]]
    body: bytes
    params: dict[str, Any]
    """The query string with a form body's fields merged in, as MiniStack routes by them."""

    def operation(self) -> str:
        """The API operation, as boto3 names it; empty when unknown."""
        form = self.form()
        if "Action" in form:
            return form["Action"]
        try:
            found = wire.operation_of(self.service, self.method, self.path, self.headers, self.query)
        except Exception:  # noqa: BLE001  botocore has no model for some of MiniStack's inventions
            return ""
        return found or ""

    def form(self) -> dict[str, str]:
        """Parameters of the query protocol (body and query string)."""
        first = {key: value[0] if isinstance(value, list) and value else value for key, value in self.params.items()}
        return {key: str(value) for key, value in first.items() if value}

    def json(self) -> dict[str, Any]:
        """The JSON body, empty when it is none."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def bucket(self) -> tuple[str, str]:
        """Bucket and key of a path-style S3 request."""
        bucket, _, key = self.path.lstrip("/").partition("/")
        return bucket, key


def owner_of(request: Request) -> tuple[str, str] | None:
    """Account and region of the resource a request names; None when only the caller's own can be meant."""
    finder = {
        "s3": _s3,
        "kms": _by_arn_member,
        "secretsmanager": _by_arn_member,
        "sns": _sns,
        "sqs": _sqs,
        "lambda": _lambda,
        "cognito-idp": _cognito,
    }.get(request.service)
    return finder(request) if finder else None


def _s3(request: Request) -> tuple[str, str] | None:
    bucket, key = request.bucket()
    if not bucket or (request.method == "PUT" and not key and not request.query):
        return None  # CreateBucket answers BucketAlreadyExists in the caller's account
    owner = adapter.bucket_owner(bucket)
    return (owner, adapter.region()) if owner else None


def _by_arn_member(request: Request) -> tuple[str, str] | None:
    body = request.json()
    for member in _ARN_MEMBERS[request.service]:
        if found := _from_arn(body.get(member)):
            return found
    if request.service == "kms" and not body.get("KeyId") and "CiphertextBlob" in body:
        return _key_owner(body["CiphertextBlob"])
    return None


def _key_owner(ciphertext: str) -> tuple[str, str] | None:
    """A ciphertext names its key (MiniStack writes the key id in front)."""
    try:
        blob = base64.b64decode(ciphertext)
    except (binascii.Error, ValueError):
        return None
    for scoped_key in list(adapter.internal("services.kms", "_keys")._data):
        if str(scoped_key[-1]).encode() in blob[:64]:
            return scoped_key[0], scoped_key[1] if len(scoped_key) == 3 else adapter.region()
    return None


def _sns(request: Request) -> tuple[str, str] | None:
    form = request.form()
    return _from_arn(
        form.get("TopicArn") or form.get("TargetArn") or form.get("ResourceArn") or form.get("SubscriptionArn")
    )


def _sqs(request: Request) -> tuple[str, str] | None:
    body = request.json() or request.form()
    url = str(body.get("QueueUrl") or request.path)
    parts = url.rstrip("/").split("/")
    if len(parts) >= 2 and _ACCOUNT.fullmatch(parts[-2]):
        return parts[-2], adapter.region()
    named = body.get("QueueOwnerAWSAccountId")
    return (str(named), adapter.region()) if named else None


def _lambda(request: Request) -> tuple[str, str] | None:
    match = re.search(r"/functions/([^/]+)", request.path)
    return _from_arn(unquote(match.group(1))) if match else None


def _cognito(request: Request) -> tuple[str, str] | None:
    """A call without a signature: the pool of its client, token or session."""
    from sandbox.cognito import owners as pools  # noqa: PLC0415  loads Cognito, which few need

    return pools.owner_of(request.operation(), request.json())


def _from_arn(value: object) -> tuple[str, str] | None:
    parts = str(value or "").split(":")
    if len(parts) < 6 or parts[0] != "arn" or not _ACCOUNT.fullmatch(parts[4]):
        return None
    return parts[4], parts[3] or adapter.region()
