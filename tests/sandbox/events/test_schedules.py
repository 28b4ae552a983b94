"""Rules with a schedule, and EventBridge Scheduler: what fires without an event."""

from __future__ import annotations

import json
from typing import Any

from tests.sandbox.core.conftest import refusal
from tests.sandbox.events.world import CENTRAL, World, allow, eventually


def test_a_schedule_fires_when_the_clock_says_so(world: World) -> None:
    rule = world.rule(CENTRAL, "default", "nightly", ScheduleExpression="rate(1 day)")
    queue = world.queue(CENTRAL, "nightly", rule)
    world.target(CENTRAL, "default", "nightly", queue)
    world.control("POST", "clock", {"advance_seconds": 86_500})
    event = eventually(lambda: next(iter(world.messages(queue)), None), "the schedule", seconds=60)
    body = json.loads(event["Body"])
    assert (body["source"], body["detail-type"], body["resources"]) == ("aws.events", "Scheduled Event", [rule])


class TestScheduler:
    """EventBridge Scheduler works with the schedule's role only, and trusts it to the schedule's group.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/setting-up.html
    """

    @staticmethod
    def _schedule(world: World, name: str, role: str, queue: str) -> dict[str, Any]:
        world.client("scheduler", CENTRAL).create_schedule(
            Name=name,
            ScheduleExpression="at(2020-01-01T00:00:00)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": queue, "RoleArn": role, "Input": '{"n": 1}'},
        )
        eventually(lambda: world.control("GET", "events")["deliveries"], "the schedule", seconds=60)
        (entry,) = world.deliveries(rule_name=name)
        return entry

    def test_it_sends_with_its_role(self, world: World) -> None:
        queue = world.queue(CENTRAL, "closed")
        group = f"arn:aws:scheduler:eu-west-1:{CENTRAL}:schedule-group/default"
        role = world.role(
            CENTRAL,
            "schedule",
            allow("sqs:SendMessage", queue),
            trusts="scheduler.amazonaws.com",
            Condition={"ArnEquals": {"aws:SourceArn": group}},
        )
        assert self._schedule(world, "good", role, queue)["outcome"] == "delivered"
        assert world.received(queue) == [{"n": 1}]

    def test_a_role_for_rules_does_not_serve(self, world: World) -> None:
        queue = world.queue(CENTRAL, "closed")
        role = world.role(CENTRAL, "schedule", allow("sqs:SendMessage", queue))
        code, message = refusal(lambda: self._schedule(world, "bad", role, queue))
        assert code == "ValidationException"
        assert "must allow AWS EventBridge Scheduler to assume the role" in message
