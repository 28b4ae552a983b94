"""crawl_data_product between start and end: the crawlers' events, in any order, lost, repeated or strange."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.crawl_data_product import crawler_name, table_of
from datamesh.models.crawls import CrawlerState, CrawlPlan
from datamesh.models.errors import CrawlersStillRunning, GrantFailed, InvalidEvent
from datamesh.models.events import Envelope
from datamesh.models.executions import Execution
from tests.support.crawling import MINE, Domain
from tests.support.domain_fakes import (
    MARKETING,
    crawler_ended,
    table_names,
)


@pytest.fixture
def sales() -> Domain:
    return Domain()


def test_the_token_is_stored_before_a_crawler_can_end(sales: Domain) -> None:
    plan = CrawlPlan.model_validate(sales.begin(["flights"]))
    sales.crawlers.refuse = GrantFailed("cannot create")
    with pytest.raises(GrantFailed):
        sales.flow.start(plan, MINE, "token")
    assert sales.runs.runs[plan.run_id].task_token == "token"


def test_the_last_crawler_s_event_wakes_the_workflow_once(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    first, last = (target.crawler for target in plan.targets)
    assert sales.event(first) == "recorded"
    assert sales.executions.woken == []
    assert sales.event(last, "Failed") == "resumed"
    assert sales.event(last, "Failed") == "recorded"
    assert sales.executions.woken == ["token"]


@pytest.mark.parametrize(
    "name",
    [
        "datamesh-domain-air_travel-flights-0123456789",
        "datamesh-domain-nightly",
        "somebody-elses-crawler",
        "datamesh-domain-a-b-c-0123456789",
    ],
)
def test_other_crawlers_are_ignored(sales: Domain, name: str) -> None:
    sales.started(["flights"])
    assert sales.event(name) == "ignored"


def test_a_started_event_and_one_after_the_run_are_ignored(sales: Domain) -> None:
    plan = sales.started(["flights"])
    crawler = plan.targets[0].crawler
    assert sales.event(crawler, "Started") == "ignored"
    sales.crawl(plan)
    sales.flow.clean_up(plan, MINE, failed=False)
    assert sales.event(crawler) == "ignored"


@pytest.mark.parametrize(
    "event",
    [
        crawler_ended("datamesh-domain-a-b-0123456789", account=MARKETING),
        {**crawler_ended("datamesh-domain-a-b-0123456789"), "source": "datamesh.domain"},
        {**crawler_ended("x"), "detail": {"state": "Succeeded"}},
    ],
    ids=["another account", "a forged source", "no name"],
)
def test_a_strange_crawler_event_is_refused(sales: Domain, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        sales.flow.resume(Envelope.read(event))


def test_crawlers_beyond_the_account_s_room_start_when_another_has_ended(sales: Domain) -> None:
    sales.crawlers.room = 1
    plan = sales.started(["a", "b", "c"])
    assert len(sales.crawlers.started) == 1
    for number, target in enumerate(plan.targets, start=1):
        sales.crawlers.end(target.crawler)
        outcome = sales.event(target.crawler)
        assert outcome == ("resumed" if number == 3 else "recorded")
        assert len(sales.crawlers.started) == min(number + 1, 3)


def test_a_start_that_is_repeated_starts_nothing_twice_and_misses_nothing(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    sales.crawl(plan)
    sales.executions.tokens = {"second token"}
    sales.flow.start(plan, MINE, "second token")
    assert len(sales.crawlers.started) == 2
    assert sales.executions.woken == ["second token"]


def test_crawlers_of_an_aborted_execution_are_deleted_by_their_last_event(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    sales.executions.known[MINE] = Execution(status="ABORTED")
    sales.executions.tokens.clear()
    sales.crawl(plan)
    assert [sales.event(target.crawler) for target in plan.targets] == ["recorded", "abandoned"]
    assert sales.crawlers.states == {}
    assert sales.runs.runs[plan.run_id].status == "FAILED"


def test_an_event_after_the_callback_timed_out_leaves_the_polling_execution_alone(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.executions.tokens.clear()
    sales.crawl(plan)
    assert sales.event(plan.targets[0].crawler) == "recorded"
    assert sales.crawlers.deleted == []


def test_crawlers_that_could_not_even_be_created_are_left_to_the_poll(sales: Domain) -> None:
    sales.crawlers.no_room_to_create = True
    plan = sales.started(["a", "b"])
    assert sales.runs.runs[plan.run_id].waiting == {"a", "b"}
    sales.crawlers.no_room_to_create = False
    sales.crawlers.states[plan.targets[0].crawler] = CrawlerState(last_status="SUCCEEDED")
    assert sales.event(plan.targets[0].crawler) == "recorded"
    assert sales.runs.runs[plan.run_id].waiting == {"b"}
    with pytest.raises(CrawlersStillRunning):
        sales.flow.check(plan)
    assert sales.crawlers.started == [plan.targets[1].crawler]


def test_a_repeated_start_leaves_running_crawlers_alone(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.flow.start(plan, MINE, "second token")
    assert len(sales.crawlers.started) == 1


def test_an_abandoned_crawler_that_is_still_stopping_is_tried_again(sales: Domain) -> None:
    plan = sales.started(["a", "b"])
    sales.executions.known[MINE] = Execution(status="ABORTED")
    sales.executions.tokens.clear()
    first, last = (target.crawler for target in plan.targets)
    sales.crawlers.end(last)
    sales.event(first)
    with pytest.raises(CrawlersStillRunning):
        sales.event(last)
    assert sales.event(last) == "abandoned"
    assert sales.crawlers.states == {}


# --- names ------------------------------------------------------------------------------------------------------------

NAME = st.from_regex(r"\A[a-z][a-z0-9_]{0,62}\Z")


@given(st.from_regex(r"\A[a-z][a-z0-9-]{1,18}\Z"), NAME, NAME, st.from_regex(r"\A[0-9a-f]{10}\Z"))
def test_crawler_names_fit_and_tell_run_and_table(prefix: str, product: str, table: str, run_id: str) -> None:
    name = crawler_name(prefix, product, table, run_id)
    assert len(name) <= 255
    assert table_of(name, prefix) == (run_id, table)


# --- any order of events ----------------------------------------------------------------------------------------------


@given(st.integers(1, 6), st.integers(1, 6), st.randoms(use_true_random=False), st.booleans())
def test_however_events_come_the_workflow_is_woken_and_nothing_is_left(
    tables: int, room: int, chance: random.Random, lossy: bool
) -> None:
    """Lost, repeated and reordered events, little room: every table is crawled once and every crawler deleted."""
    sales = Domain()
    sales.crawlers.room = room
    plan = sales.started(table_names(tables))
    sales.executions.known[MINE] = Execution(status="RUNNING")
    told: list[str] = []
    for _ in range(4 * tables):
        running = [name for name, state in sales.crawlers.states.items() if state.activity == "RUNNING"]
        if running:
            ended = chance.choice(running)
            sales.crawlers.end(ended)
            if not (lossy and chance.random() < 0.5):
                told.append(ended)
        if told and chance.random() < 0.8:
            sales.event(chance.choice(told))
        if not running and lossy:
            try:
                sales.flow.check(plan)
            except CrawlersStillRunning:
                continue
    for name in told:
        sales.event(name)
    for _ in range(2 * tables):
        try:
            sales.flow.check(plan)
            break
        except CrawlersStillRunning:
            for name, state in list(sales.crawlers.states.items()):
                if state.activity == "RUNNING":
                    sales.crawlers.end(name)
    assert sorted(sales.crawlers.started) == sorted(target.crawler for target in plan.targets)
    assert len(sales.executions.woken) <= 1
    if not lossy:
        assert sales.executions.woken == ["token"]
    sales.flow.clean_up(plan, MINE, failed=False)
    assert sales.crawlers.states == {}
