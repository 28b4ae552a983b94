"""Faults on demand: throttling, conflicts, server errors, crashes after the side effect, latency.

A fault names whom it strikes (account, service, action, resource; a missing field strikes all) and how often (`count`
or `probability`). Event rooms ask `strikes("events", "deliver", …)` for their own kinds (duplicate, delay, reorder,
drop).
"""

from __future__ import annotations

import fnmatch
import itertools
import random
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox import settings
from sandbox.api import AwsError, Json

# What AWS sends under each of these names; services word throttling differently.
KINDS: dict[str, tuple[str, str, int]] = {
    "throttling": ("ThrottlingException", "Rate exceeded", 400),
    "concurrent_modification": (
        "ConcurrentModificationException",
        "Two processes are trying to modify a resource simultaneously.",
        400,
    ),
    "internal": ("InternalServiceException", "Internal service error", 500),
    "unavailable": ("ServiceUnavailableException", "Service is unavailable", 503),
}
# Kinds that strike only events on their way to a target (service `events`, action `deliver`), never an API call.
DELIVERY_KINDS = frozenset({"duplicate", "delay", "reorder", "drop"})
# https://docs.aws.amazon.com/general/latest/gr/api-retries.html; each service's "Common errors".
_THROTTLING_CODES: dict[str, tuple[str, int]] = {
    "s3": ("SlowDown", 503),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "lambda": ("TooManyRequestsException", 429),
    "sns": ("Throttled", 429),
    "sqs": ("RequestThrottled", 403),
    "sts": ("Throttling", 400),
    "iam": ("Throttling", 400),
    "athena": ("TooManyRequestsException", 400),
    "execute-api": ("TooManyRequestsException", 429),
}
_INTERNAL_CODES: dict[str, str] = {
    "s3": "InternalError",
    "dynamodb": "InternalServerError",
    "lambda": "ServiceException",
    "sns": "InternalError",
    "events": "InternalException",
    "athena": "InternalServerException",
    "kms": "KMSInternalException",
    "secretsmanager": "InternalServiceError",
}


@dataclass
class Fault:
    """One fault; `when` is `before` (the call has no effect) or `after` (it took effect, its answer is lost)."""

    kind: str = "throttling"
    account: str | None = None
    service: str | None = None
    action: str | None = None
    """Operation or IAM action name, `*` and `?` allowed."""
    resource: str | None = None
    principal: str | None = None
    count: int | None = None
    probability: float | None = None
    when: str = "before"
    seconds: float = 0.0
    code: str | None = None
    message: str | None = None
    status: int | None = None
    options: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    struck: int = 0


_faults: list[Fault] = []
_ids = itertools.count(1)
_lock = threading.Lock()
_random = random.Random(0)  # noqa: S311  reproducible chaos, not a secret


def inject(**fields: Json) -> Fault:
    """Arm a fault; raises `TypeError` for a field it has not.

    Short forms: `error="ThrottlingException"` for `code`, `after=True` for `when="after"`.
    """
    if "error" in fields:
        fields["code"] = fields.pop("error")
    if fields.pop("after", False):
        fields["when"] = "after"
    fault = Fault(**fields)
    with _lock:
        fault.id = next(_ids)
        _faults.append(fault)
    return fault


def clear(fault_id: int | None = None) -> None:
    """Disarm one fault, or all."""
    with _lock:
        _faults[:] = [fault for fault in _faults if fault_id is not None and fault.id != fault_id]


def armed() -> list[dict[str, Any]]:
    """All faults and how often each struck."""
    with _lock:
        return [asdict(fault) for fault in _faults]


def seed(value: int) -> None:
    """Make probabilities repeatable."""
    _random.seed(value)


def strikes(
    service: str,
    action: str,
    *,
    account: str = "",
    resource: str = "",
    principal: str = "",
    when: str = "before",
    facts: Mapping[str, str] | None = None,
) -> Fault | None:
    """The first armed fault that meets this call; counts as having struck.

    `action` may give several names of the same call: `Invoke|lambda:InvokeFunction`. `facts` are what a fault's
    `options` of the same name must match (`detail_type`, `source` … of an event).
    """
    met = {"service": service, "account": account, "resource": resource, "principal": principal}
    with _lock:
        for fault in _faults:
            if fault.when == when and _fits(fault, action, facts or {}) and _meets(fault, action, met):
                fault.struck += 1
                return fault
    return None


def _fits(fault: Fault, action: str, facts: Mapping[str, str]) -> bool:
    """Does the fault's kind belong to this action, and do its options match the facts?"""
    if fault.kind in DELIVERY_KINDS and action != "deliver":
        return False
    return all(fnmatch.fnmatchcase(value, str(fault.options.get(name, "*"))) for name, value in facts.items())


def _meets(fault: Fault, action: str, met: dict[str, str]) -> bool:
    if fault.count is not None and fault.struck >= fault.count:
        return False
    names = [name.rpartition(":")[2] for name in action.split("|")]
    wanted = ((getattr(fault, name), value) for name, value in met.items())
    if not all(pattern is None or fnmatch.fnmatchcase(value, pattern) for pattern, value in wanted):
        return False
    if fault.action is not None:
        pattern = fault.action.rpartition(":")[2]
        if not any(fnmatch.fnmatchcase(name, pattern) for name in names):
            return False
    return fault.probability is None or _random.random() < fault.probability


def error_of(fault: Fault, service: str) -> AwsError:
    """The error a fault answers with, in the service's own code."""
    code, message, status = KINDS.get(fault.kind, KINDS["internal"])
    if fault.kind == "throttling" and service in _THROTTLING_CODES:
        code, status = _THROTTLING_CODES[service]
    if fault.kind == "internal" or fault.when == "after":
        code, message, status = _INTERNAL_CODES.get(service, KINDS["internal"][0]), *KINDS["internal"][1:]
    if fault.code is not None:
        # A named error is a client's fault unless it says otherwise: SDKs retry every 5xx by themselves.
        server = any(word in fault.code for word in ("Internal", "ServiceUnavailable", "ServiceException"))
        code, status = fault.code, 500 if server else 400
    return AwsError(code, fault.message or message, fault.status or status)


def before_call(service: str, action: str, *, account: str, resource: str = "", principal: str = "") -> None:
    """Wait as long as the settings and armed latency faults say; raise the `AwsError` of a fault that strikes first."""
    latency = settings.get().latency
    pause = latency.get(f"{service}:{action.split('|', maxsplit=1)[0]}", latency.get(service, latency.get("*", 0.0)))
    fault = strikes(service, action, account=account, resource=resource, principal=principal)
    if fault is not None and fault.kind == "latency":
        pause, fault = pause + fault.seconds, None
    if pause > 0:
        time.sleep(pause)
    if fault is not None:
        raise error_of(fault, service)


def after_call(service: str, action: str, *, account: str, resource: str = "", principal: str = "") -> None:
    """Raise the `AwsError` of a fault that strikes after the side effect."""
    fault = strikes(service, action, account=account, resource=resource, principal=principal, when="after")
    if fault is not None:
        raise error_of(fault, service)
