"""The one door between the sandbox and MiniStack: the only module that imports it.

MiniStack is pinned; what is used of its inside is named in `INTERNALS` (and by the rooms through `uses`), and
tests/sandbox/core/test_adapter_contract.py tells which name an upgrade moved. The rest of the sandbox sees
`register_service`, `wrap_service`, `invoke_raw`, `scope` and the look-ups below.
"""

from __future__ import annotations

import contextvars
import importlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from sandbox import wire
from sandbox.api import AwsError, Gate, Handler, Json

REGION = "eu-west-1"

# Module below `ministack` -> names the sandbox relies on.
INTERNALS: dict[str, set[str]] = {
    "app": {"SERVICE_HANDLERS", "_get_module", "_reset_all_state", "app", "call_service_handler_sync"},
    "core.lambda_runtime": {"reset"},
    "core.responses": {"get_account_id", "get_region", "request_scope"},
}

handlers: dict[str, Handler] = {}
gates: dict[str, Gate] = {}
_installed = False


def uses(module: str, *names: str) -> None:
    """Declare that a room relies on these names of `ministack.<module>`; the contract test checks them."""
    INTERNALS.setdefault(module, set()).update(names)


def internal(module: str, name: str) -> Json:
    """The current value of a declared name inside MiniStack; raises `AttributeError` naming what moved."""
    if name not in INTERNALS.get(module, set()):
        raise AttributeError(f"ministack.{module}.{name} is used but not declared with adapter.uses()")
    try:
        return getattr(load(module), name)
    except AttributeError as error:
        raise AttributeError(
            f"ministack.{module}.{name} is gone: MiniStack moved it, mend sandbox/adapter.py"
        ) from error


def load(module: str) -> ModuleType:
    """`ministack.<module>`; services go through MiniStack's own loader so that its reset and save see them."""
    package, _, name = module.partition(".")
    if package == "services":
        loaded: ModuleType = importlib.import_module("ministack.app")._get_module(name)
        return loaded
    return importlib.import_module(f"ministack.{module}")


def patch(module: str, name: str, make: Callable[[Any], Any]) -> None:
    """Replace `ministack.<module>.<name>` by `make(original)` and declare the name."""
    uses(module, name)
    setattr(load(module), name, make(internal(module, name)))


def install() -> None:
    """Fit the sandbox into MiniStack: once, before the server starts. Later calls change nothing."""
    global _installed  # noqa: PLW0603  one process has one MiniStack
    if _installed:
        return
    _installed = True
    os.environ.update(
        AUTH="true",
        MINISTACK_REGION=REGION,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        MINISTACK_WORKER_THREADS="128",
    )
    # Not before the environment stands: MiniStack reads it when it is imported.
    from sandbox import frontdoor  # noqa: PLC0415

    frontdoor.install()


def register_service(name: str, handler: Handler) -> None:
    """Serve a whole service that MiniStack lacks: input is decoded and validated with botocore's model."""
    handlers[name] = handler


def wrap_service(name: str, handler: Gate) -> None:
    """Put a gate before a service that MiniStack has; `handler(call, next)` decides what `next` sees."""
    gates[name] = handler


@contextmanager
def scope(account: str, region: str) -> Iterator[None]:
    """Work in this account and region: MiniStack's stores show what belongs there."""
    with internal("core.responses", "request_scope")(account, region):
        yield


def account() -> str:
    """The account whose stores are visible now."""
    return str(internal("core.responses", "get_account_id")())


def region() -> str:
    """The region whose stores are visible now."""
    return str(internal("core.responses", "get_region")())


def invoke_raw(service: str, operation: str, params: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
    """MiniStack's own handler in that account: no gate, no IAM, no ledger entry.

    Call it from a worker thread (every `Handler` runs in one). Raises `AwsError`.
    """
    method, path, headers, query, body = wire.request(service, operation, params)
    handler = internal("app", "SERVICE_HANDLERS")[service]
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={account}/20240101/{region}/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    )
    with scope(account, region):
        status, answered, payload = internal("app", "call_service_handler_sync")(
            handler, method, path, headers, body, query
        )
    return wire.response(service, operation, status, answered, payload)


def start_background(function: Callable[..., None], *args: Json) -> None:
    """Run in a thread that keeps the caller's account and region."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(function, *args), daemon=True).start()


def stop_workers() -> None:
    """End the processes that run Lambda functions."""
    internal("core.lambda_runtime", "reset")()


# --- what rooms ask about resources -----------------------------------------------------------------------------------

uses("services.s3", "_buckets", "_bucket_policies", "_bucket_default_sse_headers", "_stored_sse_headers")
uses("services.kms", "_keys", "_resolve_key")
uses("services.sqs", "queue_policy_for_arn", "_queue_by_arn")
uses("services.sns", "topic_policy_for_arn", "_topic_by_arn_any_scope")
uses("services.secretsmanager", "secret_policy_for_arn")
uses("services.lambda_svc", "function_policy_for_arn")
uses("services.eventbridge", "_event_bus_policies", "_put_events")


def document(policy: Json) -> dict[str, Any] | None:
    """A policy document however it is stored: text, bytes or parsed; None when there is none."""
    if isinstance(policy, bytes | bytearray):
        policy = policy.decode()
    if isinstance(policy, str):
        policy = json.loads(policy) if policy.strip() else None
    return policy or None


def bucket_owner(bucket: str) -> str | None:
    """The account that owns a bucket; names are global."""
    return next((key[0] for key in list(internal("services.s3", "_buckets")._data) if key[1] == bucket), None)


def bucket_policy(bucket: str) -> dict[str, Any] | None:
    """The bucket's policy document."""
    return document(internal("services.s3", "_bucket_policies")._data.get((bucket_owner(bucket), bucket)))


def bucket_kms_key(bucket: str) -> str | None:
    """The ARN of the customer managed key that encrypts new objects by default."""
    owner = bucket_owner(bucket)
    return key_arn(bucket_key_as_stored(bucket), owner, region()) if owner else None


def bucket_key_as_stored(bucket: str) -> str | None:
    """The default encryption's key as the bucket's owner gave it: ARN, id or alias."""
    owner = bucket_owner(bucket)
    if owner is None:
        return None
    with scope(owner, region()):
        headers = internal("services.s3", "_bucket_default_sse_headers")(bucket)
    found: str | None = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    return found


def object_key_as_stored(bucket: str, key: str) -> str | None:
    """The key that encrypts an object, as it was given when the object was written."""
    found = _object(bucket, key)
    if found is None:
        return None
    headers = internal("services.s3", "_stored_sse_headers")(found)
    named: str | None = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    return named


def object_exists(bucket: str, key: str) -> bool:
    """Is there such an object (whatever its versions)?"""
    return _object(bucket, key) is not None


def _object(bucket: str, key: str) -> Json:
    held = internal("services.s3", "_buckets")._data.get((bucket_owner(bucket), bucket), {})
    return held.get("objects", {}).get(key)


def s3_read(account: str | None, bucket: str, key: str) -> bytes:
    """An object's bytes, without asking anybody; raises `AwsError` NoSuchBucket or NoSuchKey."""
    owner = account or bucket_owner(bucket)
    if owner is None:
        raise AwsError("NoSuchBucket", "The specified bucket does not exist", 404)
    answer = invoke_raw("s3", "GetObject", {"Bucket": bucket, "Key": key}, account=owner, region=region())
    body = answer["Body"]
    return body if isinstance(body, bytes) else bytes(body.read())


def s3_list(bucket: str, prefix: str) -> list[str]:
    """The keys below a prefix, sorted; empty for a bucket that does not exist."""
    objects = internal("services.s3", "_buckets")._data.get((bucket_owner(bucket), bucket), {}).get("objects", {})
    return sorted(key for key in list(objects) if key.startswith(prefix))


def key_arn(key: str | None, account: str, region: str) -> str | None:
    """The key ARN behind a key id, alias or ARN; None for AWS's own keys (`alias/aws/…`) and for no key."""
    record = _key_record(key, account, region)
    if record is None or record.get("KeyManager") == "AWS":
        return None
    return str(record["Arn"])


def _key_record(key: str | None, account: str, region: str) -> dict[str, Any] | None:
    if not key:
        return None
    parts = key.split(":")
    if len(parts) > 5:
        region, account = parts[3], parts[4]
    with scope(account, region):
        found: dict[str, Any] | None = internal("services.kms", "_resolve_key")(key)
    return found


def key_policy(key_arn: str) -> dict[str, Any] | None:
    """The key's policy document."""
    record = _key_record(key_arn, *_place(key_arn))
    return document(record.get("Policy")) if record else None


def queue_policy(arn: str) -> dict[str, Any] | None:
    """The queue's policy document."""
    return _looked_up("services.sqs", "queue_policy_for_arn", arn)


def topic_policy(arn: str) -> dict[str, Any] | None:
    """The topic's policy document."""
    return _looked_up("services.sns", "topic_policy_for_arn", arn)


def secret_policy(arn: str) -> dict[str, Any] | None:
    """The secret's resource policy."""
    return _looked_up("services.secretsmanager", "secret_policy_for_arn", arn)


def function_policy(arn: str) -> dict[str, Any] | None:
    """The function's resource policy."""
    return _looked_up("services.lambda_svc", "function_policy_for_arn", arn)


def bus_policy(arn: str) -> dict[str, Any] | None:
    """The event bus's resource policy."""
    account, bus_region = _place(arn)
    name = arn.rsplit("event-bus/", maxsplit=1)[-1]
    return document(internal("services.eventbridge", "_event_bus_policies").get_scoped(account, bus_region, name))


def queue_attributes(arn: str) -> dict[str, Any]:
    """The queue's attributes, empty when it does not exist."""
    with scope(*_place(arn)):
        found = internal("services.sqs", "_queue_by_arn")(arn)
    return dict(found["attributes"]) if found else {}


def topic_attributes(arn: str) -> dict[str, Any]:
    """The topic's attributes, empty when it does not exist."""
    found = internal("services.sns", "_topic_by_arn_any_scope")(arn)
    return dict(found.get("attributes", {})) if found else {}


def put_aws_event(
    source: str, detail_type: str, detail: dict[str, Any], resources: list[str], *, account: str, region: str
) -> None:
    """An event of an AWS service itself (`aws.glue` …) on the account's default bus."""
    entry = {"Source": source, "DetailType": detail_type, "Detail": json.dumps(detail), "Resources": resources}
    with scope(account, region):
        internal("services.eventbridge", "_put_events")({"Entries": [entry]}, allow_aws_source=True)


def _place(arn: str) -> tuple[str, str]:
    parts = arn.split(":")
    return parts[4], parts[3] or region()


def _looked_up(module: str, name: str, arn: str) -> dict[str, Any] | None:
    with scope(*_place(arn)):
        found = internal(module, name)(arn)
    return document(found[0]) if found else None
