"""Which event went from where to where: every delivery, in the order in which it ended.

The demo draws its picture from this list and tests wait on it; AWS has the same in pieces, as event bus logs
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-logs.html).
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any, Literal

from sandbox import clock
from sandbox.events.model import Event, Rule

Outcome = Literal["delivered", "dead-lettered", "dropped", "unmatched"]
"""`unmatched`: no rule of the bus took the event. `dropped`: it is lost (no dead-letter queue, or none that may be
written to)."""

_KEPT = 20_000
_lock = threading.Lock()
_deliveries: deque[dict[str, Any]] = deque(maxlen=_KEPT)


def record(
    event: Event,
    outcome: Outcome,
    *,
    rule: Rule | None = None,
    target: dict[str, Any] | None = None,
    target_account: str | None = None,
    attempts: int = 0,
    error: str | None = None,
) -> None:
    """Note how one delivery of an event ended."""
    entry = {
        "time": clock.now().isoformat(),
        "event_id": event.id,
        "detail_type": event.detail_type,
        "source": event.source,
        "sender_account": event.account,
        "bus": event.bus.arn,
        "bus_account": event.bus.account,
        "rule": rule.arn if rule else None,
        "rule_name": rule.name if rule else None,
        "target_id": (target or {}).get("Id"),
        "target_arn": (target or {}).get("Arn"),
        "target_account": target_account,
        "outcome": outcome,
        "error": error,
        "attempts": attempts,
        "replay_name": event.replay_name,
        "detail": event.envelope()["detail"],
    }
    with _lock:
        _deliveries.append(entry)


def deliveries(**equal_to: str) -> list[dict[str, Any]]:
    """The recorded deliveries, oldest first; `equal_to` keeps those whose fields have these values."""
    with _lock:
        entries = list(_deliveries)
    return [entry for entry in entries if all(str(entry.get(key)) == value for key, value in equal_to.items())]


def clear() -> None:
    """Forget every delivery."""
    with _lock:
        _deliveries.clear()
