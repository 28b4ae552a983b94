"""What travels: an event, the rule it matched, the target it goes to, and why a delivery failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast


class Bus(NamedTuple):
    """An event bus, wherever it is: `arn:aws:events:<region>:<account>:event-bus/<name>`."""

    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        """The bus ARN."""
        return f"arn:aws:events:{self.region}:{self.account}:event-bus/{self.name}"

    @classmethod
    def of(cls, name_or_arn: str | None, *, account: str, region: str) -> Bus:
        """The bus that an API parameter names: nothing (the default bus), a name in the caller's account, or an ARN.

        Raises `ValueError` when an ARN is not that of an event bus.
        """
        if not name_or_arn:
            return cls(account, region, "default")
        if not name_or_arn.startswith("arn:"):
            return cls(account, region, name_or_arn)
        arn = Arn.parse(name_or_arn)
        if arn.service != "events" or not arn.resource.startswith("event-bus/"):
            raise ValueError(name_or_arn)
        return cls(arn.account, arn.region, arn.resource.removeprefix("event-bus/"))


class Arn(NamedTuple):
    """The parts of an ARN that delivery looks at."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, arn: str) -> Arn:
        """Split an ARN; raises `ValueError` when it has not six parts."""
        prefix, partition, service, region, account, resource = arn.split(":", 5)
        if prefix != "arn" or not service or not resource:
            raise ValueError(arn)
        return cls(partition, service, region, account, resource)


@dataclass(frozen=True)
class Event:
    """One event on one bus. `account` and `region` are the sender's and survive every forwarding.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
    """

    id: str
    source: str
    detail_type: str
    detail: str
    account: str
    region: str
    time: int
    resources: tuple[str, ...]
    bus: Bus
    forwarded: bool = False
    """It came to `bus` from another bus, through a rule."""
    replay_name: str | None = None

    @property
    def foreign(self) -> bool:
        """Whether another account than the bus's owner sent it."""
        return self.account != self.bus.account

    def envelope(self) -> dict[str, Any]:
        """The event as rules match it and targets receive it."""
        envelope: dict[str, Any] = {
            "version": "0",
            "id": self.id,
            "detail-type": self.detail_type,
            "source": self.source,
            "account": self.account,
            "time": datetime.fromtimestamp(self.time, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self.region,
            "resources": list(self.resources),
        }
        if self.replay_name is not None:
            envelope["replay-name"] = self.replay_name
        envelope["detail"] = json.loads(self.detail)
        return envelope

    def on(self, bus: Bus, detail: str | None = None) -> Event:
        """The same event after a rule has forwarded it to another bus."""
        return replace(self, bus=bus, forwarded=True, detail=self.detail if detail is None else detail)

    def record(self) -> dict[str, Any]:
        """The form in which MiniStack's archives keep an event."""
        return {
            "EventId": self.id,
            "Source": self.source,
            "DetailType": self.detail_type,
            "Detail": self.detail,
            "EventBusName": self.bus.name,
            "Time": self.time,
            "Resources": list(self.resources),
            "Account": self.account,
            "Region": self.region,
            "Forwarded": self.forwarded,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any], *, account: str, region: str) -> Event:
        """An event that MiniStack emits itself (replays, notifications of services) on its bus in `account`."""
        detail = record.get("Detail", "{}")
        return cls(
            id=str(record.get("EventId", "")),
            source=str(record.get("Source", "")),
            detail_type=str(record.get("DetailType", "")),
            detail=detail if isinstance(detail, str) else json.dumps(detail),
            account=str(record.get("Account", account)),
            region=str(record.get("Region", region)),
            time=_epoch(record.get("Time")),
            resources=tuple(record.get("Resources") or ()),
            bus=Bus(account, region, str(record.get("EventBusName", "default"))),
            forwarded=bool(record.get("Forwarded", False)),
            replay_name=cast("str | None", record.get("ReplayName")),
        )


def _epoch(value: object) -> int:
    if isinstance(value, int | float):
        return int(value)
    if isinstance(value, str) and value:
        return int(datetime.fromisoformat(value).timestamp())
    return int(datetime.now(tz=UTC).timestamp())


@dataclass(frozen=True)
class Rule:
    """A rule as far as delivery needs it, or a schedule of EventBridge Scheduler, which plays a rule's part."""

    arn: str
    name: str
    bus: Bus

    @property
    def service(self) -> str:
        """The service principal that invokes the targets."""
        return f"{Arn.parse(self.arn).service}.amazonaws.com"

    @property
    def scheduled(self) -> bool:
        """Whether this is a schedule of EventBridge Scheduler."""
        return self.service == "scheduler.amazonaws.com"

    @property
    def source_arn(self) -> str:
        """What `aws:SourceArn` names: the rule, or the group of the schedule.

        https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        """
        if not self.scheduled:
            return self.arn
        arn = Arn.parse(self.arn)
        group = arn.resource.split("/")[1]
        return f"arn:{arn.partition}:scheduler:{arn.region}:{arn.account}:schedule-group/{group}"


@dataclass(frozen=True)
class RetryPolicy:
    """How long and how often a transient failure is retried; AWS's default is 24 hours and 185 times.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
    """

    maximum_attempts: int = 185
    maximum_age_seconds: int = 86_400

    @classmethod
    def of(cls, target: Mapping[str, Any]) -> RetryPolicy:
        """The policy of a target as PutTargets stored it."""
        policy = target.get("RetryPolicy") or {}
        return cls(
            int(policy.get("MaximumRetryAttempts", cls.maximum_attempts)),
            int(policy.get("MaximumEventAgeInSeconds", cls.maximum_age_seconds)),
        )


class DeliveryError(Exception):
    """A target did not take an event. `code` is one of the ERROR_CODEs that a dead-letter message carries.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable
