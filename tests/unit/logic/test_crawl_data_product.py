"""crawl_data_product: one run from plan to clean-up, the crawlers' events, and what happens when things go wrong."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.crawl_data_product import CrawlConfig, CrawlDataProduct, crawler_name, table_of
from datamesh.models.crawls import CrawlerState, CrawlPlan
from datamesh.models.errors import CrawlersStillRunning, GrantFailed, InvalidEvent, LeaseLost
from datamesh.models.events import Envelope
from datamesh.models.executions import Execution
from tests.support.domain_fakes import (
    CENTRAL,
    DATABASE,
    LOCAL,
    MARKETING,
    SALES,
    FakeCatalog,
    FakeCrawlers,
    FakeExecutions,
    FakeRuns,
    crawler_ended,
    execution_ended,
    registered,
    table_names,
)

NOW = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)
MINE = f"arn:aws:states:eu-west-1:{SALES}:execution:datamesh-domain-crawl-data-product:one"
OTHER = f"arn:aws:states:eu-west-1:{SALES}:execution:datamesh-domain-crawl-data-product:two"


def link_result(
    tables: list[str], role: str = "producer", event_id: str = "d9b2d63d-a233-4123-847a-7090d0e1cb3d"
) -> Any:
    return {
        "role": role,
        "domain": "sales",
        "product": {"domain": "sales", "name": "air_travel"},
        "catalog_account": CENTRAL,
        "catalog_database": DATABASE,
        "database": LOCAL,
        "tables": tables,
        "correlation_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "event_id": event_id,
    }


@dataclass
class Domain:
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    crawlers: FakeCrawlers = field(default_factory=FakeCrawlers)
    runs: FakeRuns = field(default_factory=FakeRuns)
    executions: FakeExecutions = field(default_factory=lambda: FakeExecutions(tokens={"token"}))
    now: datetime = NOW

    @property
    def flow(self) -> CrawlDataProduct:
        return CrawlDataProduct(
            CrawlConfig(
                account_id=SALES,
                central_account_id=CENTRAL,
                prefix="datamesh",
                crawler_role_arn=f"arn:aws:iam::{SALES}:role/datamesh-domain-crawler",
            ),
            catalog=self.catalog,
            crawlers=self.crawlers,
            runs=self.runs,
            executions=self.executions,
        )

    def begin(self, tables: list[str], execution: str = MINE) -> dict[str, Any]:
        self.catalog.share(tables)
        self.executions.known.setdefault(execution, Execution(status="RUNNING"))
        return self.flow.plan(Envelope.read(execution_ended(link_result(tables))), execution, self.now)

    def started(self, tables: list[str]) -> CrawlPlan:
        plan = CrawlPlan.model_validate(self.begin(tables))
        self.flow.start(plan, MINE, "token")
        return plan

    def event(self, name: str, state: str = "Succeeded") -> str:
        return str(self.flow.resume(Envelope.read(crawler_ended(name, state)))["outcome"])

    def crawl(self, plan: CrawlPlan, *columns: str) -> None:
        """Let all crawls of a plan succeed and find the columns."""
        for target in plan.targets:
            self.catalog.describe(target.table, *columns)
            self.crawlers.end(target.crawler)


@pytest.fixture
def sales() -> Domain:
    return Domain()


# --- plan ------------------------------------------------------------------------------------------------------------


def test_a_plan_names_one_crawler_per_table_on_the_local_link(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    assert [target.crawler for target in plan.targets] == [
        f"datamesh-domain-air_travel-{table}-{plan.run_id}" for table in ("flights", "airlines")
    ]
    role = f"arn:aws:iam::{SALES}:role/datamesh-domain-crawler"
    assert list(sales.crawlers.targets.values()) == [(role, LOCAL, table, CENTRAL) for table in ("flights", "airlines")]


def test_where_central_is_this_account_the_crawler_needs_no_other_s_credentials(sales: Domain) -> None:
    own = {**link_result(["flights"]), "catalog_account": SALES}
    sales.catalog.share(["flights"], account=SALES)
    sales.executions.known[MINE] = Execution(status="RUNNING")
    plan = CrawlPlan.model_validate(sales.flow.plan(Envelope.read(execution_ended(own)), MINE, NOW))
    sales.flow.start(plan, MINE, "token")
    assert [target[3] for target in sales.crawlers.targets.values()] == [None]


def test_a_consumer_s_link_is_not_crawled(sales: Domain) -> None:
    event = Envelope.read(execution_ended(link_result(["flights"], role="consumer")))
    assert sales.flow.plan(event, MINE, NOW) == {"outcome": "nothing_to_crawl"}
    assert sales.runs.runs == {}


def test_a_link_that_had_nothing_to_do_is_not_crawled(sales: Domain) -> None:
    event = Envelope.read(execution_ended({"outcome": "nothing_to_link"}))
    assert sales.flow.plan(event, MINE, NOW) == {"outcome": "nothing_to_crawl"}


def test_an_output_too_large_for_the_event_is_read_from_the_execution(sales: Domain) -> None:
    sales.catalog.share(["flights"])
    event = execution_ended(None, outputDetails={"included": False})
    arn = event["detail"]["executionArn"]
    output = execution_ended(link_result(["flights"]))["detail"]["output"]
    sales.executions.known[arn] = Execution(status="SUCCEEDED", output=output)
    assert sales.flow.plan(Envelope.read(event), MINE, NOW)["outcome"] == "crawl"
    del sales.executions.known[arn]
    assert sales.flow.plan(Envelope.read(event), MINE, NOW)["outcome"] == "nothing_to_crawl"


def test_the_same_link_reported_twice_is_crawled_once(sales: Domain) -> None:
    assert sales.begin(["flights"])["outcome"] == "crawl"
    assert sales.begin(["flights"], OTHER) == {"outcome": "duplicate"}
    plan = CrawlPlan.model_validate(sales.begin(["flights"]))
    sales.flow.clean_up(plan, MINE, failed=False)
    assert sales.begin(["flights"], OTHER) == {"outcome": "duplicate"}


def test_a_failed_run_can_be_repeated(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.crawl(plan)
    sales.flow.clean_up(plan, MINE, failed=True)
    assert sales.begin(["flights"], OTHER)["outcome"] == "crawl"


def test_a_run_whose_execution_died_is_taken_over_and_the_dead_one_touches_nothing_more(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.executions.known[MINE] = Execution(status="ABORTED")
    assert sales.begin(["flights"], OTHER)["outcome"] == "crawl"
    with pytest.raises(LeaseLost):
        sales.flow.start(plan, MINE, "token")
    assert sales.flow.clean_up(plan, MINE, failed=True) == {"outcome": "taken_over"}
    assert sales.crawlers.deleted == []


def test_a_run_that_is_taken_over_keeps_what_was_crawled_and_repeats_what_was_stopped(sales: Domain) -> None:
    dead = sales.started(["flights", "airlines", "planes"])
    done, stopped, failed = (target.crawler for target in dead.targets)
    sales.crawlers.end(done)
    sales.crawlers.end(stopped, "CANCELLED")
    sales.crawlers.end(failed, "FAILED")
    sales.executions.known[MINE] = Execution(status="TIMED_OUT")
    plan = CrawlPlan.model_validate(sales.begin(["flights", "airlines", "planes"], OTHER))
    sales.flow.start(plan, OTHER, "token")
    assert sales.crawlers.started == [done, stopped, failed, stopped]
    sales.crawlers.end(stopped)
    assert sales.event(stopped) == "resumed"


def test_a_repeated_plan_is_the_same_plan(sales: Domain) -> None:
    assert sales.begin(["flights"]) == sales.begin(["flights"])


@pytest.mark.parametrize(
    "event",
    [
        registered(),
        execution_ended(link_result(["flights"]), account=MARKETING),
        execution_ended({"role": "producer"}),
        {**execution_ended(link_result(["flights"])), "source": "datamesh.domain"},
    ],
    ids=["another event", "another account", "a strange output", "a forged source"],
)
def test_what_is_no_result_of_a_link_is_refused(sales: Domain, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        sales.flow.plan(Envelope.read(event), MINE, NOW)


# --- start and resume -------------------------------------------------------------------------------------------------


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


# --- check, finish, clean up ------------------------------------------------------------------------------------------


def test_check_waits_for_every_crawler(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    sales.crawlers.end(plan.targets[0].crawler)
    with pytest.raises(CrawlersStillRunning, match=r"1 of 2 .*airlines"):
        sales.flow.check(plan)
    sales.crawlers.end(plan.targets[1].crawler)
    assert sales.flow.check(plan) == {"outcome": "ended"}


def test_check_starts_what_could_not_be_started(sales: Domain) -> None:
    sales.crawlers.room = 0
    plan = sales.started(["flights"])
    sales.crawlers.room = 1
    with pytest.raises(CrawlersStillRunning):
        sales.flow.check(plan)
    assert sales.crawlers.started == [plan.targets[0].crawler]


def test_a_good_crawl_reports_the_schema_that_was_found(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    sales.crawl(plan, "year", "month")
    result = sales.flow.finish(plan, MINE, NOW)
    assert result["outcome"] == "crawled"
    (entry,) = result["entries"]
    assert entry["DetailType"] == "DataProductSchemaUpdated"
    assert [(table["name"], table["columns"], table["changed"]) for table in entry["Detail"]["data"]["tables"]] == [
        ("flights", 2, True),
        ("airlines", 2, True),
    ]
    assert entry["Detail"]["metadata"]["causation_id"] == "d9b2d63d-a233-4123-847a-7090d0e1cb3d"
    assert entry["Detail"]["metadata"]["correlation_id"] == "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def test_a_schema_that_is_as_before_is_reported_as_unchanged(sales: Domain) -> None:
    sales.catalog.share(["flights"])
    sales.catalog.describe("flights", "year")
    event = Envelope.read(execution_ended(link_result(["flights"])))
    plan = CrawlPlan.model_validate(sales.flow.plan(event, MINE, NOW))
    sales.flow.start(plan, MINE, "token")
    sales.crawl(plan, "year")
    (entry,) = sales.flow.finish(plan, MINE, NOW)["entries"]
    assert [table["changed"] for table in entry["Detail"]["data"]["tables"]] == [False]


def test_a_failed_crawl_is_told_from_a_good_one(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines", "planes", "weather", "airports"])
    names = {target.table: target.crawler for target in plan.targets}
    sales.catalog.describe("flights", "year")
    sales.crawlers.end(names["flights"])
    sales.crawlers.end(names["airlines"], "FAILED", "Access denied")
    sales.crawlers.end(names["planes"], "CANCELLED")
    sales.crawlers.states[names["airports"]] = CrawlerState()
    result = sales.flow.finish(plan, MINE, NOW)
    assert result["outcome"] == "crawl_failed"
    updated, failed = result["entries"]
    assert [table["name"] for table in updated["Detail"]["data"]["tables"]] == ["flights"]
    assert failed["DetailType"] == "DataProductCrawlFailed"
    assert [(table["name"], table["status"], bool(table["error"])) for table in failed["Detail"]["data"]["tables"]] == [
        ("flights", "SUCCEEDED", False),
        ("airlines", "FAILED", True),
        ("planes", "CANCELLED", True),
        ("weather", "TIMED_OUT", True),
        ("airports", "NOT_STARTED", True),
    ]


def test_when_all_fail_only_the_failure_is_reported(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.crawlers.end(plan.targets[0].crawler, "FAILED")
    assert [entry["DetailType"] for entry in sales.flow.finish(plan, MINE, NOW)["entries"]] == [
        "DataProductCrawlFailed"
    ]


def test_a_crawled_table_that_cannot_be_seen_counts_as_failed(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.crawlers.end(plan.targets[0].crawler)
    sales.catalog.shared.clear()
    (entry,) = sales.flow.finish(plan, MINE, NOW)["entries"]
    assert entry["Detail"]["data"]["tables"][0]["status"] == "FAILED"


def test_a_crawler_that_somebody_deleted_counts_as_not_started(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.crawlers.states.clear()
    (entry,) = sales.flow.finish(plan, MINE, NOW)["entries"]
    assert entry["Detail"]["data"]["tables"][0]["status"] == "NOT_STARTED"


def test_a_repeated_finish_says_the_same_event_and_another_execution_another(sales: Domain) -> None:
    plan = sales.started(["flights"])
    sales.crawl(plan, "year")
    ids = [
        sales.flow.finish(plan, execution, NOW)["entries"][0]["Detail"]["metadata"]["event_id"]
        for execution in (MINE, MINE, OTHER)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_clean_up_stops_what_runs_and_deletes_all(sales: Domain) -> None:
    plan = sales.started(["flights", "airlines"])
    sales.crawlers.end(plan.targets[0].crawler)
    with pytest.raises(CrawlersStillRunning, match="1 of 2"):
        sales.flow.clean_up(plan, MINE, failed=True)
    assert sales.flow.clean_up(plan, MINE, failed=True) == {"outcome": "cleaned_up"}
    assert sales.crawlers.states == {}
    assert sales.runs.runs[plan.run_id].status == "FAILED"
    assert sales.runs.runs[plan.run_id].task_token is None
    assert sales.flow.clean_up(plan, MINE, failed=True) == {"outcome": "cleaned_up"}


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
