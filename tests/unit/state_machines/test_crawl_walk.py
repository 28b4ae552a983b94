"""crawl_data_product walked offline, with the real logic behind a fake AWS."""

from typing import Any

import pytest

from datamesh.logic.crawl_data_product import run_id_of
from datamesh.models.crawls import LinkResult
from datamesh.models.errors import GrantFailed
from tests.support.asl_walk import TaskCall, TaskError
from tests.support.domain_account import HAPPY_CRAWL, Account, failing
from tests.support.domain_fakes import MARKETING, granted, registered, table_names


@pytest.fixture
def sales() -> Account:
    account = Account()
    account.catalog.share(["flights"])
    account.crawl = account.all_succeed
    return account


def linked(account: Account, tables: list[str] | None = None) -> Any:
    names = tables or ["flights"]
    account.catalog.share(names)
    return account.link(registered(names)).output


def test_crawling_is_resumed_by_the_crawlers_events(sales: Account) -> None:
    done = sales.crawl_after(linked(sales, ["flights", "airlines"]))
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_CRAWL)
    (entry,) = done.published
    assert entry["DetailType"] == "DataProductSchemaUpdated"
    assert [table["columns"] for table in entry["Detail"]["data"]["tables"]] == [2, 2]
    assert sales.lists_nothing


def test_transitions_of_crawling_do_not_grow_with_tables() -> None:
    counts = set()
    for number in (1, 2, 25, 100):
        account = Account()
        account.crawl = account.all_succeed
        counts.add(account.crawl_after(linked(account, table_names(number))).transitions)
        assert account.lists_nothing
    assert counts == {len(HAPPY_CRAWL)}


def test_a_consumer_s_link_is_not_crawled() -> None:
    marketing = Account(id=MARKETING)
    marketing.catalog.share(["flights"])
    done = marketing.crawl_after(marketing.link(granted()).output)
    assert (done.status, done.path[-1], done.published) == ("SUCCEEDED", "Nothing To Crawl", [])


def test_a_link_with_nothing_to_do_is_not_crawled(sales: Account) -> None:
    done = sales.crawl_after(sales.link(registered(outcome="unchanged")).output)
    assert done.path[-1] == "Nothing To Crawl"


def test_the_same_link_is_crawled_once(sales: Account) -> None:
    output = linked(sales)
    sales.crawl_after(output)
    again = sales.crawl_after(output)
    assert (again.status, again.path[-1], again.published) == ("SUCCEEDED", "Nothing To Crawl", [])
    assert len(sales.crawlers.started) == 1


def test_lost_events_are_made_up_for_by_a_bounded_poll(sales: Account) -> None:
    sales.crawl = None
    polls = iter(range(4))

    def before(call: TaskCall) -> None:
        if call.step == "check" and next(polls, None) is None:
            sales.all_succeed([name for name, state in sales.crawlers.states.items() if state.activity == "RUNNING"])

    sales.before = before
    done = sales.crawl_after(linked(sales))
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_CRAWL)
    assert done.transitions == len(HAPPY_CRAWL) + 4
    assert sales.lists_nothing


def test_a_crawler_that_never_ends_is_reported_stopped_and_deleted(sales: Account) -> None:
    sales.crawl = None
    done = sales.crawl_after(linked(sales))
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_CRAWL)
    (entry,) = done.published
    assert entry["DetailType"] == "DataProductCrawlFailed"
    assert entry["Detail"]["data"]["tables"][0]["status"] == "TIMED_OUT"
    assert sales.lists_nothing
    assert done.transitions < 60


def test_a_failed_crawl_is_published_as_failed(sales: Account) -> None:
    def all_fail(running: list[str]) -> None:
        for name in running:
            sales.crawlers.end(name, "FAILED", "Access denied")

    sales.crawl = all_fail
    done = sales.crawl_after(linked(sales))
    assert [entry["DetailType"] for entry in done.published] == ["DataProductCrawlFailed"]
    assert sales.lists_nothing


@pytest.mark.parametrize("step", ["start", "check", "finish", "clean_up", "publish"])
@pytest.mark.parametrize("error", ["InvalidEvent", "Lambda.Unknown", "Lambda.ServiceException"])
def test_whatever_fails_no_crawler_is_left_behind(sales: Account, step: str, error: str) -> None:
    # As often as the first state that asks for the step retries, and once more: then another state cleans up.
    output = linked(sales)
    sales.before = failing(step, error, times=7 if error == "Lambda.ServiceException" and step != "publish" else 1)
    done = sales.crawl_after(output)
    assert (done.status, done.error) == ("FAILED", error)
    assert done.path[-2:] == ["Clean Up After Failure", "Crawl Failed"]
    assert sales.lists_nothing
    assert {run.status for run in sales.runs.runs.values()} == {"FAILED"}


def test_a_crawler_that_cannot_be_created_fails_the_run_and_leaves_nothing(sales: Account) -> None:
    sales.crawlers.refuse = GrantFailed("no")
    done = sales.crawl_after(linked(sales))
    assert (done.status, done.error) == ("FAILED", "GrantFailed")
    sales.crawlers.refuse = None
    assert sales.crawl_after(linked(sales)).path == HAPPY_CRAWL


def test_a_plan_that_fails_has_nothing_to_clean_up(sales: Account) -> None:
    done = sales.crawl_after({"role": "producer"})
    assert (done.status, done.error, done.path) == ("FAILED", "InvalidEvent", ["Plan Crawl", "Crawl Failed"])


def test_when_cleaning_up_fails_too_the_first_failure_is_told(sales: Account) -> None:
    sales.before = _both_fail
    done = sales.crawl_after(linked(sales))
    assert (done.status, done.error) == ("FAILED", "InvalidEvent")
    assert done.cause == "Finish Crawl: first"


def _both_fail(call: TaskCall) -> None:
    if call.step == "finish":
        raise TaskError("InvalidEvent", "first")
    if call.step == "clean_up":
        raise TaskError("Lambda.Unknown", "second")


def test_a_stubborn_crawler_is_waited_for(sales: Account) -> None:
    sales.crawl = None
    output = linked(sales)
    name = f"datamesh-domain-air_travel-flights-{_run_id(output)}"
    sales.crawlers.stubborn[name] = 3
    done = sales.crawl_after(output)
    assert done.status == "SUCCEEDED"
    assert sales.lists_nothing


def _run_id(output: Any) -> str:
    return run_id_of(LinkResult.model_validate(output))
