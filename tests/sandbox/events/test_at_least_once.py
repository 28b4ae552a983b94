"""At least once, in any order: duplicates, delays, changed order, lost and repeated deliveries, replays."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from tests.sandbox.events.world import CENTRAL, World, eventually


@pytest.fixture
def watch(world: World) -> World:
    """A rule on central's bus `mesh` with a queue that EventBridge may write to."""
    world.bus(CENTRAL, "mesh")
    rule = world.rule(CENTRAL, "mesh", "watch")
    world.target(CENTRAL, "mesh", "watch", world.queue(CENTRAL, "seen", rule))
    return world


QUEUE = f"arn:aws:sqs:eu-west-1:{CENTRAL}:seen"


def fault(world: World, kind: str, **more: object) -> None:
    world.control("POST", "faults", {"service": "events", "action": "deliver", "kind": kind, **more})


def test_a_duplicate_has_the_same_id(watch: World) -> None:
    fault(watch, "duplicate", count=1, options={"copies": 2})
    event_id = watch.put(CENTRAL, "mesh")
    assert [event["id"] for event in watch.received(QUEUE, 3)] == [event_id] * 3


def test_a_fault_may_name_the_event_it_strikes(watch: World) -> None:
    fault(watch, "duplicate", options={"detail_type": "Bou*"})
    watch.put(CENTRAL, "mesh", {"n": 1})
    watch.put(CENTRAL, "mesh", {"n": 2}, DetailType="Bought")
    watch.settle()
    assert sorted(event["detail"]["n"] for event in watch.received(QUEUE, 3)) == [1, 2, 2]


def test_two_events_change_places(watch: World) -> None:
    fault(watch, "reorder", count=1, seconds=30)
    watch.put(CENTRAL, "mesh", {"n": 1})
    watch.put(CENTRAL, "mesh", {"n": 2})
    watch.received(QUEUE, 2)
    assert [entry["detail"]["n"] for entry in watch.deliveries(rule_name="watch")] == [2, 1]


def test_a_held_event_comes_without_another_one(watch: World) -> None:
    fault(watch, "reorder", count=1, seconds=3600)
    watch.put(CENTRAL, "mesh")
    watch.control("POST", "clock", {"advance_seconds": 3601})
    assert len(watch.received(QUEUE)) == 1


def test_a_delayed_event_comes_when_the_clock_moves(watch: World) -> None:
    fault(watch, "delay", count=1, seconds=3600)
    watch.put(CENTRAL, "mesh", {"n": 1})
    watch.put(CENTRAL, "mesh", {"n": 2})
    assert [event["detail"]["n"] for event in watch.received(QUEUE)] == [2]
    watch.control("POST", "clock", {"advance_seconds": 3601})
    assert [event["detail"]["n"] for event in watch.received(QUEUE)] == [1]


def test_a_dropped_event_comes_again(watch: World) -> None:
    fault(watch, "drop", count=1)
    watch.put(CENTRAL, "mesh")
    assert len(watch.received(QUEUE)) == 1
    (entry,) = watch.deliveries(rule_name="watch")
    assert entry["attempts"] == 2


def test_a_lost_answer_makes_a_duplicate(watch: World) -> None:
    fault(watch, "unavailable", count=1, when="after")
    watch.put(CENTRAL, "mesh")
    assert len(watch.received(QUEUE, 2)) == 2


class TestReplay:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html"""

    @pytest.fixture
    def archived(self, watch: World) -> str:
        events = watch.client("events", CENTRAL)
        bus = events.describe_event_bus(Name="mesh")["Arn"]
        pattern = json.dumps({"detail": {"kept": [True]}})
        arn: str = events.create_archive(ArchiveName="all", EventSourceArn=bus, EventPattern=pattern)["ArchiveArn"]
        return arn

    def test_what_the_archive_keeps_comes_again_with_the_replays_name(self, watch: World, archived: str) -> None:
        event_id = watch.put(CENTRAL, "mesh", {"kept": True})
        watch.put(CENTRAL, "mesh", {"kept": False})
        assert len(watch.received(QUEUE, 2)) == 2
        self._replay(watch, archived)
        (event,) = watch.received(QUEUE)
        assert (event["id"], event["replay-name"], event["account"]) == (event_id, "again", CENTRAL)

    def test_a_rule_can_leave_replays_out(self, watch: World, archived: str) -> None:
        watch.rule(CENTRAL, "mesh", "watch", {"source": ["shop"], "replay-name": [{"exists": False}]})
        watch.put(CENTRAL, "mesh", {"kept": True})
        assert len(watch.received(QUEUE)) == 1
        self._replay(watch, archived)
        watch.settle()
        assert watch.messages(QUEUE) == []

    def test_a_replay_is_not_archived_again(self, watch: World, archived: str) -> None:
        watch.put(CENTRAL, "mesh", {"kept": True})
        self._replay(watch, archived)
        watch.settle()
        assert watch.client("events", CENTRAL).describe_archive(ArchiveName="all")["EventCount"] == 1

    @staticmethod
    def _replay(world: World, archive: str) -> None:
        events = world.client("events", CENTRAL)
        now = datetime.fromisoformat(world.sandbox.now())
        events.start_replay(
            ReplayName="again",
            EventSourceArn=archive,
            EventStartTime=now - timedelta(hours=1),
            EventEndTime=now + timedelta(hours=1),
            Destination={"Arn": events.describe_event_bus(Name="mesh")["Arn"]},
        )
        eventually(lambda: events.describe_replay(ReplayName="again")["State"] == "COMPLETED", "the end of the replay")


def test_reset_forgets_what_was_under_way(watch: World) -> None:
    fault(watch, "delay", seconds=3600)
    watch.put(CENTRAL, "mesh")
    watch.control("POST", "reset", {})
    assert watch.control("GET", "events") == {"deliveries": [], "metrics": [], "pending": 0}
