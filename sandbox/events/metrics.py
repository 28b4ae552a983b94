"""The CloudWatch metrics of EventBridge, counted per rule, for tests and for the control endpoint.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any

from sandbox.events.model import Bus, Rule

_lock = threading.Lock()
_counts: Counter[tuple[str, str, str, str, str]] = Counter()


def count(metric: str, bus: Bus, rule: Rule | None = None, value: int = 1) -> None:
    """Add to a metric of a rule, or of the bus where EventBridge has no rule to name (PutEvents)."""
    with _lock:
        _counts[metric, bus.account, bus.region, bus.name, rule.name if rule else ""] += value


def counts() -> list[dict[str, Any]]:
    """Every metric with its dimensions and its sum since the last reset; as on AWS, one never counted is absent."""
    with _lock:
        rows = sorted(_counts.items())
    return [
        {"metric": metric, "account": account, "region": region, "bus": bus, "rule": rule or None, "value": value}
        for (metric, account, region, bus, rule), value in rows
    ]


def total(metric: str, *, rule: str | None = None, account: str | None = None) -> int:
    """The sum of a metric over the rules that match."""
    with _lock:
        return sum(
            value
            for (name, owner, _, _, rule_name), value in _counts.items()
            if name == metric and rule in (None, rule_name) and account in (None, owner)
        )


def clear() -> None:
    """Start to count anew."""
    with _lock:
        _counts.clear()
