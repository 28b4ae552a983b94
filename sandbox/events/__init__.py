"""EventBridge as AWS delivers: across accounts, with the roles of targets, retries, dead letters and third hops.

MiniStack keeps buses, rules, targets, policies, archives, connections and API destinations; everything between
PutEvents and a target is this package.

Knowingly different from AWS:

* Retries wait a thousandth of AWS's time (`delivery.RETRY_TIME_SCALE`); the age that a retry policy limits counts the
  full time. Moving the sandbox's clock makes events age as well.
* An event that came by PutEvents from another account is not sent on to a third account, like one that came through a
  rule; AWS documents the latter only.
* PutTargets on a bus of another account asks that bus's policy, without its conditions on the event. AWS does not
  document it; users report it. Being strict here costs nothing: the bus with its policy must be there first.
* AWS documents neither the error of a too long event pattern (here LimitExceededException) nor what an `InputPath` that
  names nothing does (here the delivery fails with INVALID_JSON).
* Targets are buses, state machines, functions, queues, topics, log groups and API destinations; PutTargets refuses
  others instead of losing their events.
* Metrics (`/_sandbox/events`) are counters without time; they are not CloudWatch metrics.
* An API destination at `https://127.0.0.1` or `https://localhost` is called in plain HTTP: a test's own server.
* Encryption of buses, schema discovery, global endpoints, pipes and EventBridge V2 buses have no behaviour here.
* No quota on PutEvents or invocations per second.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from sandbox import adapter, authz, control, snapshots
from sandbox.api import Call, Handler
from sandbox.events import delivery, management, metrics, store, trace
from sandbox.events.model import Bus, Event, Rule
from sandbox.events.put_events import put_aws_event, put_events

__all__ = ["deliveries", "install", "put_aws_event", "put_events", "report", "reset", "settle"]

# A schedule of EventBridge Scheduler has no bus; metrics and trace show it on the default bus.
_SCHEDULER_BUS = "default"


def install() -> None:
    """Replace MiniStack's delivery of events by this package's. Once per process."""
    store.replace_delivery(_put_entries, _dispatch, _invoke_target)
    adapter.wrap_service("events", _handle)
    snapshots.before_change(delivery.workers.clear)
    snapshots.register_room("events", _state, _restore, reset)
    control.endpoint("GET", "events", lambda _body, query, _rest: report(**query))
    control.endpoint("DELETE", "events", lambda _body, _query, _rest: _forget())
    control.endpoint("POST", "events", lambda body, _query, _rest: {"settled": settle(float(body.get("settle", 10)))})


def deliveries(**equal_to: str) -> list[dict[str, Any]]:
    """The trace: see `sandbox.events.trace`."""
    return trace.deliveries(**equal_to)


def report(**equal_to: str) -> dict[str, Any]:
    """What the control endpoint shows: deliveries, metrics, and how many deliveries are still under way."""
    return {
        "deliveries": trace.deliveries(**equal_to),
        "metrics": metrics.counts(),
        "pending": delivery.workers.pending(),
    }


def settle(timeout: float = 10.0) -> bool:
    """Wait until no delivery waits or runs; False when that takes longer."""
    return delivery.workers.settle(timeout)


def reset() -> None:
    """Drop what is under way, the trace and the metrics. Buses and rules are MiniStack's to reset."""
    delivery.workers.clear()
    trace.clear()
    metrics.clear()


def _forget() -> None:
    """Empty trace and metrics; what is under way goes on."""
    trace.clear()
    metrics.clear()


def _state() -> None:
    """Nothing under way belongs to a snapshot: it is taken of a mesh at rest."""


def _restore(_state: object) -> None:
    reset()


def _handle(call: Call, proceed: Handler) -> dict[str, Any]:
    if call.operation == "PutEvents":
        return put_events(call.params["Entries"], caller=call.caller, region=call.region)
    return management.handle(call, proceed)


def _put_entries(entries: list[dict[str, Any]], from_aws: bool) -> dict[str, Any]:
    """PutEvents from inside MiniStack: its services' own events, and state machines.

    The role of a state machine is checked where its tasks run (sandbox/states.py); what is left to ask is the policy of
    a bus in another account.
    """
    account, region = adapter.account(), adapter.region()
    if from_aws:
        for entry in entries:
            put_aws_event(
                str(entry["Source"]),
                str(entry["DetailType"]),
                adapter.document(entry.get("Detail")) or {},
                list(entry.get("Resources") or []),
                account=account,
                region=region,
            )
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())} for _ in entries]}
    caller = authz.caller_for(f"arn:aws:iam::{account}:root")
    return put_events(entries, caller=caller, region=region)


def _dispatch(record: Mapping[str, Any]) -> None:
    event = Event.from_record(record, account=adapter.account(), region=adapter.region())
    if event.replay_name is None:
        delivery.publish(event)
    else:
        delivery.dispatch(event)


def _invoke_target(target: Mapping[str, Any], record: Mapping[str, Any], rule: Mapping[str, Any]) -> None:
    bus = str(rule.get("EventBusName") or _SCHEDULER_BUS)
    event = Event.from_record({**record, "EventBusName": bus}, account=adapter.account(), region=adapter.region())
    named = Rule(str(rule.get("Arn", "")), str(rule.get("Name", "")), Bus(adapter.account(), adapter.region(), bus))
    delivery.start(event, named, [target])
