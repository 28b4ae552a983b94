"""A producer's account in which crawl_data_product runs on fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datamesh.logic.crawl_data_product import CrawlConfig, CrawlDataProduct
from datamesh.models.crawls import CrawlPlan
from datamesh.models.events import Envelope
from datamesh.models.executions import Execution
from tests.support.domain_fakes import (
    CENTRAL,
    DATABASE,
    LOCAL,
    SALES,
    FakeCatalog,
    FakeCrawlers,
    FakeExecutions,
    FakeRuns,
    crawler_ended,
    execution_ended,
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
