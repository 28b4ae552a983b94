"""What stands behind a distribution: a bucket, read as CloudFront; an HTTP API of this sandbox; a server elsewhere."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import re
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote, unquote

from sandbox import adapter, authz
from sandbox.api import Json
from sandbox.httpapi import endpoints

_MODULE = "services.cloudfront"
adapter.uses(_MODULE, "_oacs", "_origin_request_headers")
adapter.uses("services.s3", "_error", "_foreign_bucket_allows", "_get_object", "_head_object", "_no_such_bucket")

_SERVICE = "cloudfront.amazonaws.com"
_API = re.compile(r"([a-z0-9]+)\.execute-api\.[a-z0-9-]+\.amazonaws\.com", re.IGNORECASE)
# Preconditions and ranges of the viewer, which S3 understands.
_OF_THE_VIEWER = {"range", "if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since"}
Fetched = tuple[int, str, dict[str, Any], bytes]


def fetch(original: Callable[..., Awaitable[Fetched]]) -> Callable[..., Awaitable[Fetched]]:
    """In the place of MiniStack's way to an origin: status, reason, headers and body."""

    async def answer(  # noqa: PLR0917  MiniStack's signature
        origin: Json,
        method: str,
        uri: str,
        query: str,
        headers: dict[str, Any],
        body: bytes,
        viewer_is_https: bool,
        client_ip: str,
        forwarded_for: str,
        distribution_arn: str,
    ) -> Fetched:
        path = (origin.get("origin_path") or "") + uri
        if origin.get("s3_bucket"):
            status, found, payload = await asyncio.to_thread(
                _from_bucket, origin, method, unquote(path).lstrip("/"), headers, distribution_arn
            )
        elif (api := _API.fullmatch(origin["domain_name"])) is not None:
            sent = adapter.internal(_MODULE, "_origin_request_headers")(origin, headers, client_ip, forwarded_for)
            status, found, payload = await _from_api(api.group(1), method, path, query, sent, body, client_ip)
        else:
            return await original(
                origin, method, uri, query, headers, body, viewer_is_https, client_ip, forwarded_for, distribution_arn
            )
        return status, http.client.responses.get(status, ""), {n.lower(): v for n, v in found.items()}, payload

    return answer


async def _from_api(  # noqa: PLR0917  what a request consists of
    api_id: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes, client_ip: str
) -> tuple[int, dict[str, Any], bytes]:
    """API Gateway knows an API by its Host header: who forwards the viewer's is refused.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
    """
    named = {name.lower(): value for name, value in headers.items()}
    if _API.fullmatch(named.get("host", "")) is None:
        return 403, {"content-type": "application/json"}, b'{"message":"Forbidden"}'
    raw = [(name.encode("latin-1"), str(value).encode("latin-1")) for name, value in named.items()]
    request = endpoints.Request(method, quote(path, safe="/%:@!$&'()*+,;=~-._"), query, raw, body, client_ip)
    return await endpoints.answer(api_id, request)


def _from_bucket(
    origin: Json, method: str, key: str, headers: dict[str, Any], distribution_arn: str
) -> tuple[int, dict[str, Any], bytes]:
    """An object, if the bucket's policy lets CloudFront have it; 404 only for whoever may list the bucket."""
    bucket = str(origin["s3_bucket"])
    owner = adapter.bucket_owner(bucket)
    with adapter.scope(owner or adapter.account(), adapter.region()):
        refuse: Json = adapter.internal("services.s3", "_error")
        if owner is None:
            missing: tuple[int, dict[str, Any], bytes] = adapter.internal("services.s3", "_no_such_bucket")(bucket)
            return missing
        signed = _signs(origin)
        denied: tuple[int, dict[str, Any], bytes] = refuse("AccessDenied", "Access Denied", 403, f"/{bucket}/{key}")
        arn = f"arn:aws:s3:::{bucket}"
        if method not in {"GET", "HEAD"} or not _may(signed, "s3:GetObject", f"{arn}/{key}", distribution_arn):
            return denied
        if not adapter.object_exists(bucket, key):
            if not _may(signed, "s3:ListBucket", arn, distribution_arn):
                return denied
            unknown: tuple[int, dict[str, Any], bytes] = refuse(
                "NoSuchKey", "The specified key does not exist.", 404, f"/{bucket}/{key}"
            )
            return unknown
        stored = adapter.key_arn(adapter.object_key_as_stored(bucket, key), owner, adapter.region())
        if stored and not _may_decrypt(signed, stored, distribution_arn):
            return denied
        asked = {name: value for name, value in headers.items() if name.lower() in _OF_THE_VIEWER}
        read = adapter.internal("services.s3", "_head_object" if method == "HEAD" else "_get_object")
        status, found, payload = read(bucket, key, asked, {})
    ids = {"x-amz-request-id": os.urandom(8).hex().upper(), "x-amz-id-2": base64.b64encode(os.urandom(48)).decode()}
    return status, {**found, **ids, "server": "AmazonS3"}, b"" if method == "HEAD" else bytes(payload)


def _signs(origin: Json) -> bool:
    """Does the origin access control sign requests? Without one, and with `never`, S3 is asked as nobody."""
    control = adapter.internal(_MODULE, "_oacs").get(origin.get("oac_id") or "")
    return bool(control) and control["SigningBehavior"] != "never"


def _may(signed: bool, action: str, resource: str, distribution_arn: str) -> bool:
    bucket, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
    owner = adapter.bucket_owner(bucket)
    if not signed:
        public: bool = bool(key) and adapter.internal("services.s3", "_foreign_bucket_allows")(
            owner, bucket, key, "GET", {}, ""
        )
        return public
    return authz.check(
        _SERVICE,
        action,
        resource,
        context=_context(distribution_arn),
        resource_policy=adapter.bucket_policy(bucket),
        resource_account=owner,
        service=_SERVICE,
    ).allowed


def _may_decrypt(signed: bool, key: str, distribution_arn: str) -> bool:
    """https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html."""
    return (
        signed
        and authz.check(
            _SERVICE,
            "kms:Decrypt",
            key,
            context={**_context(distribution_arn), "kms:ViaService": f"s3.{adapter.region()}.amazonaws.com"},
            resource_policy=adapter.key_policy(key),
            resource_account=authz.account_of(key),
            service=_SERVICE,
        ).allowed
    )


def _context(distribution_arn: str) -> dict[str, str]:
    return {"aws:SourceArn": distribution_arn, "aws:SourceAccount": distribution_arn.split(":")[4]}
