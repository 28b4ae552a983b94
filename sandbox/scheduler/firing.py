"""When a schedule is due, and what it sends then.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import adapter, clock
from sandbox.api import Json
from sandbox.events import delivery
from sandbox.events.model import Bus, Event, Rule

_MODULE = "services.scheduler"
adapter.uses(_MODULE, "_schedule_last_fired", "_schedules", "_to_epoch")
adapter.uses("services.eventbridge", "_cron_next_fire", "_parse_cron_fields", "_parse_rate_seconds")

_log = logging.getLogger(__name__)
_GLANCE = 0.25
_AT = re.compile(r"at\((.+)\)")


def watch() -> None:
    """Look for due schedules, for ever."""
    while True:
        time.sleep(_GLANCE)
        try:
            _look()
        except Exception:  # noqa: BLE001  the next look may do better, and the log tells
            _log.exception("Looking for due schedules failed")


def forget(account: str, region: str, group: str, name: str) -> None:
    """A schedule was made, changed or deleted: when one of this name fired last does not matter any more."""
    adapter.internal(_MODULE, "_schedule_last_fired").pop((account, region, f"{group}/{name}"), None)


def _look() -> None:
    now = clock.time()
    for key, schedule in list(adapter.internal(_MODULE, "_schedules")._data.items()):
        if schedule.get("State") == "ENABLED":
            _consider(key, schedule, now)


def _consider(key: tuple[str, str, str], schedule: dict[str, Any], now: float) -> None:
    epoch = adapter.internal(_MODULE, "_to_epoch")
    start, end = epoch(schedule.get("StartDate")), epoch(schedule.get("EndDate"))
    once = _AT.fullmatch(str(schedule["ScheduleExpression"]))
    if once is None and end is not None and now > end:
        _complete(key, schedule)
        return
    fired = adapter.internal(_MODULE, "_schedule_last_fired")
    if once is not None:
        due: float | None = None if key in fired else _moment(once.group(1), schedule)
    else:
        due = _next(schedule, fired.get(key), start)
    if due is None or now < due:
        return
    fired[key] = now
    _fire(key, schedule, due)
    if once is not None:
        _complete(key, schedule)


def _complete(key: tuple[str, str, str], schedule: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html."""
    if schedule.get("ActionAfterCompletion") == "DELETE":
        adapter.internal(_MODULE, "_schedules")._data.pop(key, None)
        adapter.internal(_MODULE, "_schedule_last_fired").pop(key, None)


def _moment(written: str, schedule: dict[str, Any]) -> float:
    zone = ZoneInfo(str(schedule.get("ScheduleExpressionTimezone") or "UTC"))
    return datetime.fromisoformat(written).replace(tzinfo=zone).timestamp()


def _next(schedule: dict[str, Any], fired: float | None, start: float | None) -> float | None:
    """The first time after the last one (or after the schedule was made, or its start)."""
    expression = str(schedule["ScheduleExpression"])
    since = fired if fired is not None else float(schedule.get("CreationDate", 0))
    rate = adapter.internal("services.eventbridge", "_parse_rate_seconds")(expression)
    if rate is not None:
        # With a start date the first invocation is then; without one, after the first interval.
        return start if fired is None and start is not None else since + float(rate)
    fields: Json = adapter.internal("services.eventbridge", "_parse_cron_fields")(expression)
    if fields is None:
        return None
    zone = ZoneInfo(str(schedule.get("ScheduleExpressionTimezone") or "UTC"))
    # Cron fields are wall-clock times of the zone, which MiniStack counts as UTC.
    local = datetime.fromtimestamp(max(since, start or 0), zone).replace(tzinfo=UTC)
    following = adapter.internal("services.eventbridge", "_cron_next_fire")(fields, local)
    return None if following is None else following.replace(tzinfo=zone).timestamp()


def _fire(key: tuple[str, str, str], schedule: dict[str, Any], due: float) -> None:
    account, region, name = key
    arn, target = str(schedule["Arn"]), dict(schedule["Target"])
    execution = str(uuid.uuid4())
    scheduled = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    bus = target.get("EventBridgeParameters") or {}
    if "Input" in target:
        target["Input"] = _filled(str(target["Input"]), arn, scheduled, execution)
    event = Event(
        id=execution,
        source=str(bus.get("Source", "aws.scheduler")),
        detail_type=str(bus.get("DetailType", "Scheduled Event")),
        detail="{}",
        account=account,
        region=region,
        time=int(due),
        resources=(arn,),
        bus=Bus(account, region, "default"),
    )
    with adapter.scope(account, region):
        delivery.start(event, Rule(arn, name.partition("/")[2], event.bus), [target])


def _filled(given: str, arn: str, scheduled: str, execution: str) -> str:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html."""
    values = {
        "schedule-arn": arn,
        "scheduled-time": scheduled,
        "execution-id": execution,
        "attempt-number": "1",
    }
    for name, value in values.items():
        given = given.replace(f"<aws.scheduler.{name}>", value)
    return given
