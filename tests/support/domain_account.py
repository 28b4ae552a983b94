"""A domain's account with both of its state machines, walked offline with the real logic behind a fake AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datamesh.handlers import crawl_data_product, link_data_product
from datamesh.handlers._runtime import bound, read_request
from datamesh.logic.crawl_data_product import CrawlConfig, CrawlDataProduct
from datamesh.logic.link_data_product import LinkDataProduct
from datamesh.logic.link_plans import LinkConfig
from datamesh.models.errors import DatameshError
from datamesh.models.events import Envelope
from datamesh.models.executions import Execution
from tests.support import asl
from tests.support.asl_walk import TaskCall, TaskError, Walk, walk
from tests.support.domain_fakes import (
    CENTRAL,
    SALES,
    FakeCatalog,
    FakeCrawlers,
    FakeExecutions,
    FakePermissions,
    FakeRuns,
    FakeShares,
    crawler_ended,
    execution_ended,
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
