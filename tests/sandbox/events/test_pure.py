"""The parts that need no server: paths into events, sizes, hops, the queue of jobs."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import clock
from sandbox.events.model import Arn, Bus, DeliveryError, Event, RetryPolicy, Rule
from sandbox.events.put_events import entry_size, refuse
from sandbox.events.targets import kind_of, needs_role
from sandbox.events.workers import Workers

EVENT = Event(
    "id", "shop", "Sold", '{"a": {"b": [1, 2]}}', "1" * 12, "eu-west-1", 0, (), Bus("2" * 12, "eu-west-1", "b")
)


def test_a_forwarded_event_keeps_its_sender() -> None:
    there = EVENT.on(Bus("3" * 12, "eu-west-1", "c"))
    assert (there.account, there.id, there.forwarded, there.foreign) == (EVENT.account, EVENT.id, True, True)
    assert there.envelope() == EVENT.envelope()


def test_an_archived_event_comes_back_whole() -> None:
    there = EVENT.on(Bus("3" * 12, "eu-west-1", "c"))
    assert Event.from_record(there.record(), account="3" * 12, region="eu-west-1") == there


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        (None, Bus("1", "r", "default")),
        ("x", Bus("1", "r", "x")),
        ("arn:aws:events:q:2:event-bus/y", Bus("2", "q", "y")),
    ],
)
def test_a_bus_by_name_or_arn(named: str | None, expected: Bus) -> None:
    assert Bus.of(named, account="1", region="r") == expected


def test_an_arn_of_something_else_is_no_bus() -> None:
    with pytest.raises(ValueError, match="sqs"):
        Bus.of("arn:aws:sqs:q:2:y", account="1", region="r")


@given(st.text(alphabet=":/abc1", max_size=30))
def test_no_text_breaks_the_look_at_a_target(text: str) -> None:
    assert kind_of(text) is None or needs_role(text) in {True, False}


def test_a_rule_or_a_schedule() -> None:
    bus = Bus("1", "r", "default")
    rule = Rule("arn:aws:events:r:1:rule/x", "x", bus)
    schedule = Rule("arn:aws:scheduler:r:1:schedule/group/x", "x", bus)
    assert (rule.service, rule.source_arn) == ("events.amazonaws.com", rule.arn)
    assert schedule.service == "scheduler.amazonaws.com"
    assert schedule.source_arn == "arn:aws:scheduler:r:1:schedule-group/group"


def test_the_size_of_an_entry() -> None:
    entry = {"Source": "ab", "DetailType": "c", "Detail": "{}", "Resources": ["éé"], "Time": 1}
    assert entry_size(entry) == 2 + 1 + 2 + 4 + 14


@pytest.mark.parametrize("source", ["aws.states", "AWS.states", "aws."])
def test_the_sources_of_aws_are_its_own(source: str) -> None:
    refusal = refuse({"Source": source, "DetailType": "x", "Detail": "{}"})
    assert refusal is not None
    assert refusal[0] == "NotAuthorizedForSourceException"


def test_a_source_that_only_looks_like_aws() -> None:
    assert refuse({"Source": "awsome", "DetailType": "x", "Detail": "{}"}) is None


def test_the_retry_policy_of_a_target_without_one() -> None:
    assert RetryPolicy.of({}) == RetryPolicy(185, 86_400)
    assert RetryPolicy.of({"RetryPolicy": {"MaximumRetryAttempts": 0}}) == RetryPolicy(0, 86_400)


def test_an_arn_too_short() -> None:
    with pytest.raises(ValueError, match="unpack"):
        Arn.parse("arn:aws:sqs")


def test_an_error_says_code_and_message() -> None:
    assert str(DeliveryError("CODE", "message")) == "CODE: message"


class TestWorkers:
    def test_a_held_job_runs_after_the_next_one(self) -> None:
        workers, seen = Workers(threads=1), []
        workers.hold(lambda: seen.append("first"), at_most=30)
        workers.submit(lambda: seen.append("second"))
        assert workers.settle(10)
        assert seen == ["second", "first"]

    def test_a_broken_job_does_not_stop_the_pool(self) -> None:
        workers = Workers(threads=1)
        seen: list[object] = []
        workers.submit(lambda: seen.append(1 // 0))
        workers.submit(lambda: seen.append("after"))
        assert workers.settle(10)
        assert seen == ["after"]

    def test_what_a_job_submits_after_clear_is_dropped(self) -> None:
        workers, seen = Workers(threads=1), []
        started, cleared = threading.Event(), threading.Event()

        def job() -> None:
            started.set()
            cleared.wait(10)
            workers.submit(lambda: seen.append("late"))

        workers.submit(job)
        workers.submit(lambda: seen.append("waiting"), delay=60)
        assert started.wait(10)
        clearing = threading.Thread(target=workers.clear)
        clearing.start()
        while workers.pending() > 1:
            clearing.join(0.01)
        cleared.set()
        clearing.join()
        assert workers.settle(10)
        workers.submit(lambda: seen.append("new"))
        assert workers.settle(10)
        assert seen == ["new"]


def test_a_wait_that_began_ahead_ends_after_the_clock_was_turned_back() -> None:
    """MiniStack's schedulers sleep between two looks at their schedules: a reset must not make that a day."""
    clock.advance(86_400)
    waiting = threading.Thread(target=clock.sleep, args=(0.5,), daemon=True)
    waiting.start()
    clock.reset()
    waiting.join(20)
    assert not waiting.is_alive()
