"""Every authorisation decision the sandbox took: who asked for what on which resource, and whether it was allowed.

Tests ask it which granted actions were never used and which calls were denied. An entry is an *authorisation*, not an
HTTP request: one `PutObject` on a bucket with a customer managed key is two entries, as on AWS.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from sandbox import clock
from sandbox.api import Json

# Old entries make room: a sandbox that runs for days must not grow for ever.
_CAPACITY = 200_000


@dataclass
class Entry:
    """One decision. `principal` is the ARN as AWS shows it; `role` the IAM principal behind a session.

    `error` is the code with which the call ended that the decision was for, when it failed.
    """

    time: str
    principal: str
    role: str
    account: str
    action: str
    resource: str
    allowed: bool
    reason: str = ""
    error: str = ""
    via: str = "api"
    """`api`: a call through the front door; a service principal or room otherwise."""


_entries: deque[Entry] = deque(maxlen=_CAPACITY)
_lock = threading.Lock()


class Collection(list[Entry]):
    """The entries of one request, to note its error in them. Threads that outlive the request find it closed."""

    closed = False


collecting: contextvars.ContextVar[Collection | None] = contextvars.ContextVar("sandbox_ledger", default=None)


def record(
    *,
    principal: str,
    action: str,
    resource: str,
    allowed: bool,
    role: str = "",
    account: str = "",
    reason: str = "",
    error: str = "",
    via: str = "api",
) -> None:
    """Write one entry."""
    entry = Entry(
        time=clock.now().isoformat(),
        principal=principal,
        role=role or principal,
        account=account or _account_of(principal),
        action=action,
        resource=resource,
        allowed=allowed,
        reason=reason,
        error=error,
        via=via,
    )
    with _lock:
        _entries.append(entry)
    current = collecting.get()
    if current is not None and not current.closed:
        current.append(entry)


def mark(collection: Collection, error: str) -> None:
    """Note the error with which the request ended."""
    for entry in collection:
        entry.error = entry.error or error


def _account_of(principal: str) -> str:
    parts = principal.split(":")
    return parts[4] if len(parts) > 4 else ""


def entries(**filters: Json) -> list[dict[str, Any]]:
    """Entries whose fields contain the given texts (`allowed` compares as a boolean), oldest first."""
    with _lock:
        kept = list(_entries)
    found = []
    for entry in kept:
        fields = asdict(entry)
        if all(_matches(fields.get(name), wanted) for name, wanted in filters.items() if wanted is not None):
            found.append(fields)
    return found


def _matches(value: Json, wanted: Json) -> bool:
    if isinstance(value, bool):
        return value == (str(wanted).lower() == "true")
    return str(wanted) in str(value)


def clear() -> None:
    """Forget all entries."""
    with _lock:
        _entries.clear()


def state() -> list[Entry]:
    """For snapshots."""
    with _lock:
        return list(_entries)
