"""crawl_data_product's steps: one run from plan to clean-up, and what happens when things go wrong."""

from typing import Any

import pytest

from datamesh.models.crawls import CrawlerState, CrawlPlan
from datamesh.models.errors import CrawlersStillRunning, InvalidEvent, LeaseLost
from datamesh.models.events import Envelope
from datamesh.models.executions import Execution
from tests.support.crawling import MINE, NOW, OTHER, Domain, link_result
from tests.support.domain_fakes import (
    CENTRAL,
    LOCAL,
    MARKETING,
    SALES,
    TAG_DATABASE,
    execution_ended,
    registered,
)


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


def test_what_a_request_for_lf_tags_linked_is_not_crawled(sales: Domain) -> None:
    event = Envelope.read(execution_ended({"databases": [TAG_DATABASE]}))
    assert sales.flow.plan(event, MINE, NOW) == {"outcome": "nothing_to_crawl"}


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_product_shared_by_lf_tag_is_crawled_through_its_database_and_said_so(sales: Domain, status: str) -> None:
    by_tag = {"access_mode": "tbac", "catalog_database": TAG_DATABASE, "database": TAG_DATABASE}
    sales.catalog.share(["flights"], database=TAG_DATABASE)
    event = Envelope.read(execution_ended({**link_result(["flights"]), **by_tag}))
    plan = CrawlPlan.model_validate(sales.flow.plan(event, MINE, NOW))
    sales.flow.start(plan, MINE, "token")
    (target,) = plan.targets
    assert sales.crawlers.targets[target.crawler][1:] == (TAG_DATABASE, "flights", CENTRAL)
    sales.catalog.describe("flights", "year", database=TAG_DATABASE)
    sales.crawlers.end(target.crawler, status)
    (entry,) = sales.flow.finish(plan, MINE, NOW)["entries"]
    assert entry["Detail"]["data"]["access_mode"] == "tbac"


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
