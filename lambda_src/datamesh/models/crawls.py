"""A crawl of a product's tables: what is crawled, what a run remembers, how a crawler ended."""

import uuid
from typing import Literal

from pydantic import Field

from datamesh.models.base import AccountId, DomainName, Model, NonEmpty, OpenModel, ProductName, TableName
from datamesh.models.commands import ProductRef
from datamesh.models.facts import CrawledTable, CrawlStatus, SharingMode

CRAWLER_STATE_CHANGE = "Glue Crawler State Change"
MAX_ERROR = 1024
# How the states of a crawler's events read as states of its last crawl.
ENDED: dict[str, CrawlStatus] = {"Succeeded": "SUCCEEDED", "Failed": "FAILED"}


class LinkResult(OpenModel):
    """Output of link_data_product, from which crawl_data_product takes its work."""

    role: Literal["producer", "consumer"]
    domain: DomainName
    product: ProductRef
    access_mode: SharingMode = "nrac"
    catalog_account: AccountId
    catalog_database: NonEmpty
    database: NonEmpty = Field(description="Local database that holds the links, or with `tbac` is one itself.")
    tables: tuple[TableName, ...]
    correlation_id: uuid.UUID
    event_id: uuid.UUID = Field(description="Of the DataProductLinked event that this execution published.")


class CrawlTarget(Model):
    """A table with the crawler that crawls it in one run."""

    table: TableName
    crawler: str = Field(min_length=1, max_length=255)
    digest_before: str | None = Field(None, description="Of the schema before the crawl; null when it was not visible.")


class CrawlPlan(Model):
    """What one run does. It travels through the state machine."""

    outcome: Literal["crawl"] = "crawl"
    run_id: str = Field(pattern=r"^[0-9a-f]{10}$")
    domain: DomainName
    product: ProductName
    access_mode: SharingMode = "nrac"
    catalog_account: AccountId
    catalog_database: NonEmpty
    database: NonEmpty
    correlation_id: uuid.UUID
    event_id: uuid.UUID
    targets: tuple[CrawlTarget, ...] = Field(min_length=1)


class CrawlerState(Model):
    """A crawler as GetCrawler shows it."""

    activity: str = "READY"
    last_status: str | None = None
    error: str | None = None

    @property
    def ended(self) -> bool:
        """Whether its crawl is over, one way or the other."""
        return self.activity == "READY" and self.last_status is not None

    @property
    def cancelled(self) -> bool:
        """Whether its crawl was stopped before the end."""
        return self.ended and self.last_status == "CANCELLED"

    @property
    def idle(self) -> bool:
        """Whether it was never started."""
        return self.activity == "READY" and self.last_status is None


class CrawlerStateChange(OpenModel):
    """`detail` of the event that Glue publishes, as far as it can.

    Source: https://docs.aws.amazon.com/glue/latest/dg/automating-awsglue-with-cloudwatch-events.html
    """

    crawler_name: NonEmpty = Field(alias="crawlerName")
    state: NonEmpty


class CrawlRun(OpenModel):
    """What the table of crawl runs remembers of a run."""

    run_id: str
    execution_arn: str
    event_id: str
    status: Literal["RUNNING", "DONE", "FAILED"]
    crawlers: dict[str, str] = Field(default_factory=dict, description="Crawler name by table.")
    ended: frozenset[str] = Field(frozenset(), description="Tables whose crawl has ended.")
    waiting: frozenset[str] = Field(frozenset(), description="Tables whose crawler Glue was too busy to start.")
    task_token: str | None = Field(None, repr=False)

    @property
    def complete(self) -> bool:
        """Whether every crawl has ended."""
        return self.ended >= set(self.crawlers)


def crawled_table(table: str, state: CrawlerState | None) -> CrawledTable:
    """Return how the crawl of a table ended, told from what its crawler shows at the end of the run."""
    if state is None:
        return CrawledTable(name=table, status="NOT_STARTED", error="The crawler does not exist.")
    if not state.ended:
        if state.idle:
            return CrawledTable(name=table, status="NOT_STARTED", error="Glue did not start the crawler in time.")
        return CrawledTable(name=table, status="TIMED_OUT", error=f"The crawler is still {state.activity}.")
    statuses: dict[str, CrawlStatus] = {"SUCCEEDED": "SUCCEEDED", "CANCELLED": "CANCELLED"}
    status = statuses.get(state.last_status or "", "FAILED")
    error = (state.error or f"The crawl ended as {state.last_status}.")[:MAX_ERROR]
    return CrawledTable(name=table, status=status, error=None if status == "SUCCEEDED" else error)
