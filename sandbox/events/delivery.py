"""From a bus to the targets of every rule that matches: attempts, retries, dead letters, metrics and the trace.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-what-is-how-it-works-concepts.html
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox import adapter, clock, faults
from sandbox.events import dead_letters, metrics, store, targets, trace
from sandbox.events.model import DeliveryError, Event, RetryPolicy, Rule
from sandbox.events.workers import Job, Workers

workers = Workers()

_log = logging.getLogger(__name__)

RETRY_TIME_SCALE = 0.001
"""Real seconds per second of AWS's back-off: a day of retries passes in a minute and a half. The age that a retry
policy limits is counted in AWS's seconds."""

_FIRST_BACKOFF = 1.0
_LONGEST_BACKOFF = 600.0
_REORDER_SECONDS = 1.0
_jitter = random.Random(0)  # noqa: S311  spreads retries, protects nothing


@dataclass
class Delivery:
    """One event on its way to one target of one rule."""

    event: Event
    rule: Rule
    target: Mapping[str, Any]
    accepted_at: float
    attempts: int = 0
    waited: float = 0.0
    """Back-off so far, in AWS's seconds."""

    @property
    def age(self) -> float:
        """Seconds since EventBridge took the event, as AWS would count them."""
        return max(self.waited, clock.time() - self.accepted_at)


def publish(event: Event) -> None:
    """Take an event onto its bus: archive it and start its way to every target of every rule that matches.

    Returns at once; delivery happens in the workers' threads.
    """
    if event.replay_name is None:
        store.archive(event.record(), event.envelope(), event.bus.arn)
    dispatch(event)


def dispatch(event: Event) -> None:
    """Start the deliveries of an event, without archiving it: replays do not fill the archive again."""
    matched = False
    envelope = event.envelope()
    for stored in store.rules(event.bus.account, event.bus.region, event.bus.name):
        if stored.get("State", "ENABLED") == "DISABLED" or not stored.get("EventPattern"):
            continue
        if not store.matches(stored["EventPattern"], envelope):
            continue
        matched = True
        rule = Rule(str(stored["Arn"]), str(stored["Name"]), event.bus)
        metrics.count("TriggeredRules", event.bus, rule)
        metrics.count("MatchedEvents", event.bus, rule)
        start(event, rule, store.targets(event.bus.account, event.bus.region, event.bus.name, rule.name))
    if not matched:
        trace.record(event, "unmatched")


def start(event: Event, rule: Rule, rule_targets: Iterable[Mapping[str, Any]]) -> None:
    """Send an event to these targets of a rule, whether it matches or not (a schedule's event matches nothing)."""
    for target in rule_targets:
        metrics.count("InvocationsCreated", event.bus, rule)
        _enter(Delivery(event, rule, dict(target), clock.time()))


def _enter(delivery: Delivery) -> None:
    """Start one delivery, unless a fault says otherwise.

    Faults of service `events` strike by action: `deliver` once per event and target (duplicate, delay, reorder, drop,
    or an error of the first attempt), `attempt` every attempt. Their `options` may name `detail_type`, `source`, `bus`
    and `rule`.
    """
    fault = faults.strikes("events", "deliver", **_described(delivery))
    if fault is None:
        workers.submit(lambda: _attempt(delivery))
    elif fault.kind == "duplicate":
        # At-least-once delivery: the same event, with the same id, comes again.
        copies = [replace(delivery) for _ in range(int(fault.options.get("copies", 1)))]
        workers.submit(lambda: _attempt(delivery))
        for copy in copies:
            workers.submit(_attempt_of(copy), delay=fault.seconds)
    elif fault.kind in {"delay", "latency"}:
        workers.submit(lambda: _attempt(delivery), delay=fault.seconds)
    elif fault.kind == "reorder":
        workers.hold(lambda: _attempt(delivery), at_most=fault.seconds or _REORDER_SECONDS)
    elif fault.kind == "drop":
        # Lost on the way and sent again: a transient failure that the target never saw.
        lost = DeliveryError("CONNECTION_FAILURE", "The sandbox was asked to drop this attempt", retryable=True)
        workers.submit(lambda: _failed(delivery, lost))
    else:
        refused = targets.delivery_error(faults.error_of(fault, "events"))
        workers.submit(lambda: _failed(delivery, refused))


def _attempt_of(delivery: Delivery) -> Job:
    return lambda: _attempt(delivery)


def _described(delivery: Delivery) -> dict[str, Any]:
    return {
        "account": delivery.event.bus.account,
        "resource": str(delivery.target.get("Arn", "")),
        "principal": delivery.rule.arn,
        "facts": {
            "detail_type": delivery.event.detail_type,
            "source": delivery.event.source,
            "bus": delivery.event.bus.name,
            "rule": delivery.rule.name,
        },
    }


def _attempt(delivery: Delivery) -> None:
    event, rule = delivery.event, delivery.rule
    metrics.count("InvocationAttempts", event.bus, rule)
    if delivery.attempts:
        metrics.count("RetryInvocationAttempts", event.bus, rule)
    fault = faults.strikes("events", "attempt", **_described(delivery))
    if fault is not None:
        _failed(delivery, targets.delivery_error(faults.error_of(fault, "events")))
        return
    try:
        with adapter.scope(event.bus.account, event.bus.region):
            targets.deliver(event, rule, delivery.target, publish)
    except DeliveryError as error:
        _failed(delivery, error)
        return
    except Exception as error:  # noqa: BLE001
        # A defect of the sandbox must show up in the trace and the dead-letter queue, not as an event that vanished.
        _log.exception("The delivery of %s to %s broke", event.id, delivery.target.get("Arn"))
        _failed(delivery, DeliveryError("INTERNAL_ERROR", repr(error)))
        return
    delivery.attempts += 1
    if faults.strikes("events", "deliver", when="after", **_described(delivery)):
        # The target has it, EventBridge does not know: it tries again, and the target sees the event twice.
        _failed(delivery, DeliveryError("TIMEOUT", "The target's answer was lost", retryable=True), counted=True)
        return
    metrics.count("SuccessfulInvocationAttempts", event.bus, rule)
    metrics.count("Invocations", event.bus, rule)
    _record(delivery, "delivered", None)


def _failed(delivery: Delivery, error: DeliveryError, *, counted: bool = False) -> None:
    """Try again later, or give up: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""
    if not counted:
        delivery.attempts += 1
    if not error.retryable:
        _give_up(delivery, error, None)
        return
    policy = RetryPolicy.of(delivery.target)
    if delivery.attempts > policy.maximum_attempts:
        _give_up(delivery, error, "MaximumRetryAttempts")
        return
    backoff = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(delivery.attempts - 1, 16)) * _jitter.uniform(0.5, 1.0)
    if delivery.age + backoff > policy.maximum_age_seconds:
        _give_up(delivery, error, "MaximumEventAgeInSeconds")
        return
    delivery.waited += backoff
    workers.submit(lambda: _attempt(delivery), delay=backoff * RETRY_TIME_SCALE)


def _give_up(delivery: Delivery, error: DeliveryError, exhausted: dead_letters.ExhaustedCondition | None) -> None:
    event, rule = delivery.event, delivery.rule
    metrics.count("Invocations", event.bus, rule)
    metrics.count("FailedInvocations", event.bus, rule)
    if dead_letters.queue_of(delivery.target) is None:
        _record(delivery, "dropped", str(error))
        return
    try:
        with adapter.scope(event.bus.account, event.bus.region):
            dead_letters.send(
                event, rule, delivery.target, error, retries=max(0, delivery.attempts - 1), exhausted=exhausted
            )
    except DeliveryError as lost:
        metrics.count("InvocationsFailedToBeSentToDlq", event.bus, rule)
        _record(delivery, "dropped", f"{error}; dead-letter queue: {lost}")
        return
    metrics.count("InvocationsSentToDlq", event.bus, rule)
    _record(delivery, "dead-lettered", str(error))


def _record(delivery: Delivery, outcome: trace.Outcome, error: str | None) -> None:
    trace.record(
        delivery.event,
        outcome,
        rule=delivery.rule,
        target=dict(delivery.target),
        target_account=targets.account_of(delivery.target),
        attempts=delivery.attempts,
        error=error,
    )
