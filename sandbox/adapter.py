"""The one door between the sandbox and MiniStack: the only module that imports it.

MiniStack is pinned; what is used of its inside is named in `INTERNALS` (and by the rooms through `uses`), and
tests/sandbox/core/test_adapter_contract.py tells which name an upgrade moved. The rest of the sandbox sees
`register_service`, `wrap_service`, `invoke_raw`, `scope` and the look-ups below.
"""

from __future__ import annotations

import contextvars
import importlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from sandbox import wire
from sandbox.api import AwsError, Gate, Handler

REGION = "eu-west-1"

# Module below `ministack` -> names the sandbox relies on.
INTERNALS: dict[str, set[str]] = {
    "app": {"SERVICE_HANDLERS", "_get_module", "_reset_all_state", "app", "call_service_handler_sync"},
    "core.responses": {"get_account_id", "get_region", "request_scope"},
}

handlers: dict[str, Handler] = {}
gates: dict[str, Gate] = {}
_installed = False


def uses(module: str, *names: str) -> None:
    """Declare that a room relies on these names of `ministack.<module>`; the contract test checks them."""
    INTERNALS.setdefault(module, set()).update(names)


def internal(module: str, name: str) -> Any:
    """The current value of a declared name inside MiniStack; raises `AttributeError` naming what moved."""
    if name not in INTERNALS.get(module, set()):
        raise AttributeError(f"ministack.{module}.{name} is used but not declared with adapter.uses()")
    try:
        return getattr(load(module), name)
    except AttributeError as error:
        raise AttributeError(f"ministack.{module}.{name} is gone: MiniStack moved it, mend sandbox/adapter.py") from error


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


def start_background(function: Callable[..., None], *args: Any) -> None:
    """Run in a thread that keeps the caller's account and region."""
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(function, *args), daemon=True).start()


# --- what rooms ask about resources -----------------------------------------------------------------------------------


def bucket_owner(bucket: str) -> str | None:
    """The account that owns a bucket; names are global."""
    return next((key[0] for key in list(_data("services.s3", "_buckets")) if key[1] == bucket), None)


def bucket_policy(bucket: str) -> dict[str, Any] | None:
    """The bucket's policy document."""
    owner = bucket_owner(bucket)
    return _document(_data("services.s3", "_bucket_policies").get((owner, bucket)))


def _data(module: str, name: str) -> dict[Any, Any]:
    """All accounts' entries of one of MiniStack's scoped stores, keyed `(account[, region], key)`."""
    uses(module, name)
    store: dict[Any, Any] = internal(module, name)._data
    return store


def _document(policy: Any) -> dict[str, Any] | None:
    if isinstance(policy, bytes | bytearray):
        policy = policy.decode()
    if isinstance(policy, str):
        policy = json.loads(policy) if policy.strip() else None
    return policy or None


def _arn_account(arn: str) -> str:
    return arn.split(":")[4]


def bucket_of(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI."""
    parts = urlsplit(uri)
    return parts.netloc, parts.path.lstrip("/")


__all__ = ["REGION", "AwsError", "install", "invoke_raw", "register_service", "scope", "wrap_service"]
