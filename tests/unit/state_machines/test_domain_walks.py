"""The domain's two state machines walked offline, with the real logic behind a fake AWS."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from datamesh.handlers import crawl_data_product, link_data_product
from datamesh.handlers._runtime import bound, read_request
from datamesh.logic.crawl_data_product import CrawlConfig, CrawlDataProduct, run_id_of
from datamesh.logic.link_data_product import LinkConfig, LinkDataProduct
from datamesh.models.catalog import CatalogDatabase
from datamesh.models.crawls import LinkResult
from datamesh.models.errors import DatameshError, GrantFailed
from datamesh.models.events import Envelope
from datamesh.models.executions import Execution
from tests.support import asl
from tests.support.asl_walk import TaskCall, TaskError, Walk, walk
from tests.support.domain_fakes import (
    CENTRAL,
    LOCAL,
    MARKETING,
    SALES,
    FakeCatalog,
    FakeCrawlers,
    FakeExecutions,
    FakePermissions,
    FakeRuns,
    FakeShares,
    crawler_ended,
    execution_ended,
    granted,
    registered,
    table_names,
)

NOW = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)
MODULE = asl.REPOSITORY / "modules" / "data-domain"
LINK = asl.render(MODULE / "link_data_product.asl.json")
CRAWL = asl.render(MODULE / "crawl_data_product.asl.json")
HAPPY_LINK = [
    "Accept Share",
    "Anything To Link?",
    "Await Visibility",
    "Create Links",
    "Grant Principals",
    "All Granted?",
    "Publish Links",
]
HAPPY_CRAWL = [
    "Plan Crawl",
    "Anything To Crawl?",
    "Start Crawlers",
    "Check Crawlers",
    "Finish Crawl",
    "Delete Crawlers",
    "Publish Outcome",
]


def ask(flow: Any, steps: Mapping[str, Any], call: TaskCall) -> Any:
    """Answer a task as Lambda does: with what the step returns, or with the class of what it raises."""
    if call.step is None:
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in call.arguments["Entries"]]}
    request = read_request(call.arguments["Payload"])
    try:
        return bound(flow, steps)[request.step](request)
    except DatameshError as error:
        raise TaskError(error.code, error.message) from error


@dataclass
class Account:
    """A domain's account with both flows; `before` is called before each task and may raise TaskError."""

    id: str = SALES
    shares: FakeShares = field(default_factory=FakeShares)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    permissions: FakePermissions = field(default_factory=FakePermissions)
    crawlers: FakeCrawlers = field(default_factory=FakeCrawlers)
    runs: FakeRuns = field(default_factory=FakeRuns)
    executions: FakeExecutions = field(default_factory=FakeExecutions)
    before: Callable[[TaskCall], None] = lambda _: None
    crawl: Callable[[list[str]], None] | None = None

    def link(self, event: dict[str, Any]) -> Walk:
        role = f"arn:aws:iam::{self.id}:role"
        config = LinkConfig(
            account_id=self.id,
            central_account_id=CENTRAL,
            prefix="datamesh",
            own_role_arn=f"{role}/link",
            data_principals=(f"{role}/engineer",),
            crawler_role_arn=f"{role}/crawler",
            schema_reader_role_arn=f"{role}/crawl",
        )
        flow = LinkDataProduct(
            config, shares=self.shares, shared=self.catalog, catalog=self.catalog, permissions=self.permissions
        )

        def answer(call: TaskCall) -> Any:
            self.before(call)
            return ask(flow, link_data_product.STEPS, call)

        return walk(LINK, event, answer)

    def crawl_flow(self) -> CrawlDataProduct:
        return CrawlDataProduct(
            CrawlConfig(
                account_id=self.id,
                central_account_id=CENTRAL,
                prefix="datamesh",
                crawler_role_arn=f"arn:aws:iam::{self.id}:role/crawler",
            ),
            catalog=self.catalog,
            crawlers=self.crawlers,
            runs=self.runs,
            executions=self.executions,
        )

    def crawl_after(self, output: Any) -> Walk:
        flow = self.crawl_flow()

        def answer(call: TaskCall) -> Any:
            self.before(call)
            if call.step != "start":
                return ask(flow, crawl_data_product.STEPS, call)
            payload = call.arguments["Payload"]
            self.executions.tokens.add(payload["task_token"])
            self.executions.known[payload["execution"]["id"]] = Execution(status="RUNNING")
            ask(flow, crawl_data_product.STEPS, call)
            return self.await_callback(flow, payload["task_token"])

        return walk(CRAWL, execution_ended(output, account=self.id), answer)

    def await_callback(self, flow: CrawlDataProduct, token: str) -> Any:
        """Let the crawlers run and their events come, until the task is woken or times out."""
        running = [name for name, state in self.crawlers.states.items() if state.activity == "RUNNING"]
        if self.crawl is not None:
            self.crawl(running)
        for name in running:
            if self.crawlers.states[name].ended:
                flow.resume(Envelope.read(crawler_ended(name)))
        if token in self.executions.woken:
            return {"run_id": "0123456789"}
        self.executions.tokens.discard(token)
        raise TaskError("States.Timeout")

    def all_succeed(self, running: list[str]) -> None:
        for name in running:
            self.crawlers.end(name)
            self.catalog.describe(name.split("-")[-2], "year", "month")

    @property
    def lists_nothing(self) -> bool:
        return not self.crawlers.states


def failing(step: str, error: str, times: int = 10_000) -> Callable[[TaskCall], None]:
    """Return a hook that makes a step (or `publish`) fail so often."""
    left = [times]

    def before(call: TaskCall) -> None:
        if (call.step or "publish") == step and left[0] > 0:
            left[0] -= 1
            raise TaskError(error, "injected")

    return before


@pytest.fixture
def sales() -> Account:
    account = Account()
    account.catalog.share(["flights"])
    account.crawl = account.all_succeed
    return account


# --- link_data_product -----------------------------------------------------------------------------------------------


def test_linking_goes_straight_through_and_publishes(sales: Account) -> None:
    done = sales.link(registered())
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    (entry,) = done.published
    assert entry["EventBusName"] == asl.TEMPLATE_INPUTS["event_bus_arn"]
    assert (entry["Source"], entry["DetailType"]) == ("datamesh.domain", "DataProductLinked")
    assert entry["Detail"]["data"]["request_id"] is None
    assert (done.output["role"], done.output["tables"]) == ("producer", ["flights"])


def test_a_consumer_s_link_publishes_two_events() -> None:
    marketing = Account(id=MARKETING)
    marketing.catalog.share(["flights"])
    done = marketing.link(granted())
    assert [entry["DetailType"] for entry in done.published] == ["DataProductLinked", "DataProductAccessProvisioned"]
    assert done.path == HAPPY_LINK


@pytest.mark.parametrize("make", [registered, granted])
def test_transitions_of_linking_do_not_grow_with_tables(make: Callable[..., dict[str, Any]]) -> None:
    counts = set()
    for number in (1, 2, 25, 100):
        tables = table_names(number)
        event = make(tables)
        account = Account(id=event["detail"]["metadata"]["target_account"])
        account.catalog.share(tables)
        counts.add(account.link(event).transitions)
    assert counts == {len(HAPPY_LINK)}


def test_only_the_widest_grants_take_another_round() -> None:
    tables = table_names(100)
    marketing = Account(id=MARKETING)
    marketing.catalog.share(tables)
    principals = [f"arn:aws:iam::{MARKETING}:role/analyst-{number}" for number in range(50)]
    done = marketing.link(granted(tables, principals=principals))
    assert (done.status, done.path.count("Grant Principals")) == ("SUCCEEDED", 6)


def test_an_unchanged_registration_ends_without_a_side_effect(sales: Account) -> None:
    done = sales.link(registered(outcome="unchanged"))
    assert (done.status, done.path[-1], done.published) == ("SUCCEEDED", "Nothing To Link", [])
    assert sales.catalog.writes == 0


def test_visibility_is_awaited_by_retries(sales: Account) -> None:
    late = registered(["flights", "airlines"])
    waits = iter(range(3))

    def before(call: TaskCall) -> None:
        if call.step == "await_visibility" and next(waits, None) is None:
            sales.catalog.share(["airlines"])

    sales.before = before
    done = sales.link(late)
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    assert done.transitions == len(HAPPY_LINK) + 3


def test_the_wait_for_visibility_is_bounded() -> None:
    done = Account().link(registered())
    assert (done.status, done.error) == ("FAILED", "ShareNotYetVisible")
    assert done.path[-2:] == ["Await Visibility", "Link Failed"]
    assert done.cause is not None
    assert done.cause.startswith("Await Visibility: 1 of 1 tables")
    assert done.transitions < 40


def test_a_conflict_fails_with_its_name_and_its_place(sales: Account) -> None:
    sales.catalog.databases[LOCAL] = CatalogDatabase(name=LOCAL)
    done = sales.link(registered())
    assert (done.status, done.error, done.published) == ("FAILED", "ConflictError", [])
    assert done.cause is not None
    assert done.cause.startswith("Create Links: ")


@pytest.mark.parametrize("step", ["accept_share", "await_visibility", "create_links", "grant_principals", "publish"])
@pytest.mark.parametrize(
    "error", ["Lambda.ServiceException", "EventBridge.FailedEntry", "GrantFailed", "States.Timeout"]
)
def test_every_step_of_linking_may_fail_for_good(sales: Account, step: str, error: str) -> None:
    sales.before = failing(step, error)
    done = sales.link(registered())
    assert (done.status, done.error, done.path[-1]) == ("FAILED", error, "Link Failed")


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("accept_share", "Lambda.TooManyRequestsException"),
        ("create_links", "AwsTemporarilyUnavailable"),
        ("grant_principals", "Lambda.SdkClientException"),
        ("publish", "EventBridge.FailedEntry"),
    ],
)
def test_what_passes_by_itself_is_retried(sales: Account, step: str, error: str) -> None:
    sales.before = failing(step, error, times=3)
    done = sales.link(registered())
    assert (done.status, done.transitions) == ("SUCCEEDED", len(HAPPY_LINK) + 3)


def test_the_same_event_twice_leaves_the_same_account(sales: Account) -> None:
    first = sales.link(registered())
    before = (repr(sales.catalog.tables), repr(sales.permissions.held))
    second = sales.link(registered())
    assert (repr(sales.catalog.tables), repr(sales.permissions.held)) == before
    assert first.output == second.output


# --- crawl_data_product ----------------------------------------------------------------------------------------------


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
