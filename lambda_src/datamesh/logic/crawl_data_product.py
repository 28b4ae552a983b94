"""Finds the schema of a producer's tables: one crawler per table, resumed by their events, never left behind.

AWS allows a crawler that reads with Lake Formation's credentials only one table, hence one each. Events about crawlers
are best effort and may be early, late, repeated or lost: they only wake the workflow; what has ended and how is asked
of Glue. Every step can be repeated.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from datamesh.logic.domain_ports import Crawlers, CrawlRuns, Executions, TableReader
from datamesh.logic.schemas import column_count, schema_digest
from datamesh.models.catalog import CatalogTable
from datamesh.models.crawls import (
    ENDED,
    CrawlerState,
    CrawlerStateChange,
    CrawlPlan,
    CrawlRun,
    CrawlTarget,
    LinkResult,
    crawled_table,
)
from datamesh.models.errors import CrawlersStillRunning, InvalidEvent, LeaseLost
from datamesh.models.events import Envelope, Metadata, describe, make_entry
from datamesh.models.executions import STATUS_CHANGE, ExecutionStatusChange
from datamesh.models.facts import CrawledTable, DataProductCrawlFailed, DataProductSchemaUpdated, TableSchema

# Longer than any run; a replay of an older event crawls again, which is harmless.
KEPT = timedelta(days=7)
RUN_ID_LENGTH = 10
MAX_NAMED = 5


@dataclass(frozen=True)
class CrawlConfig:
    """What the domain's account gives the flow."""

    account_id: str
    central_account_id: str
    prefix: str
    crawler_role_arn: str


def crawler_name(prefix: str, product: str, table: str, run_id: str) -> str:
    """Return the name of a table's crawler in a run: at most 166 characters, of the 255 that Glue takes."""
    return f"{prefix}-domain-{product}-{table}-{run_id}"


def table_of(crawler: str, prefix: str) -> tuple[str, str] | None:
    """Return run and table that a crawler belongs to; None when it is none of ours.

    Names of products and tables have no dash, so the parts are unmistakable.
    """
    head = f"{prefix}-domain-"
    parts = crawler.removeprefix(head).split("-")
    if not crawler.startswith(head) or len(parts) != 3 or len(parts[2]) != RUN_ID_LENGTH:
        return None
    return parts[2], parts[1]


def run_id_of(link: LinkResult) -> str:
    """Return the run that a link asks for: the same link, however often reported, asks for the same run."""
    return hashlib.sha256(str(link.event_id).encode()).hexdigest()[:RUN_ID_LENGTH]


class CrawlDataProduct:
    """The steps of the flow, and what a crawler's event does."""

    def __init__(
        self,
        config: CrawlConfig,
        *,
        catalog: TableReader,
        crawlers: Crawlers,
        runs: CrawlRuns,
        executions: Executions,
    ) -> None:
        self._config = config
        self._catalog = catalog
        self._crawlers = crawlers
        self._runs = runs
        self._executions = executions

    # --- steps of the state machine ---------------------------------------------------------------------------------

    def plan(self, envelope: Envelope, execution_arn: str, now: datetime) -> dict[str, Any]:
        """Read what was linked and record the run.

        Returns the plan; or `nothing_to_crawl` for a consumer's link, and `duplicate` when the same link was crawled or
        is being crawled. A run whose execution ended without a result is taken over. Raises InvalidEvent.
        """
        link = self._link(envelope)
        if link is None or link.role != "producer" or not link.tables:
            return {"outcome": "nothing_to_crawl"}
        run_id = run_id_of(link)
        schemas = self._schemas(link.catalog_account, link.catalog_database, link.tables)
        plan = CrawlPlan(
            run_id=run_id,
            domain=link.domain,
            product=link.product.name,
            access_mode=link.access_mode,
            catalog_account=link.catalog_account,
            catalog_database=link.catalog_database,
            database=link.database,
            correlation_id=link.correlation_id,
            event_id=link.event_id,
            targets=tuple(
                CrawlTarget(
                    table=table,
                    crawler=crawler_name(self._config.prefix, link.product.name, table, run_id),
                    digest_before=schema_digest(schemas[table]) if table in schemas else None,
                )
                for table in link.tables
            ),
        )
        return plan.to_json() if self._begin(plan, execution_arn, now + KEPT) else {"outcome": "duplicate"}

    def start(self, plan: CrawlPlan, execution_arn: str, task_token: str) -> dict[str, Any]:
        """Store the token that wakes the workflow, then create and start all crawlers.

        A crawler that Glue is too busy to start is started when another has ended. Raises LeaseLost when the run is
        another execution's.
        """
        if self._runs.await_callback(plan.run_id, execution_arn=execution_arn, task_token=task_token) is None:
            raise LeaseLost(f"Run {plan.run_id} belongs to another execution")
        waiting = [target.table for target in plan.targets if not self._launch(plan, target)]
        run = self._runs.set_waiting(plan.run_id, waiting)
        # Where this step is repeated, crawlers may have ended while nobody listened.
        if run is not None and run.complete:
            self._wake(run)
        return {"outcome": "started", "waiting": len(waiting)}

    def check(self, plan: CrawlPlan) -> dict[str, Any]:
        """Return when every crawler has ended.

        Starts those that could not be started before. Raises CrawlersStillRunning while one has not ended.
        """
        running = []
        for target in plan.targets:
            state = self._crawlers.state(target.crawler)
            if state is None or state.idle:
                self._launch(plan, target)
                running.append(target.table)
            elif not state.ended:
                running.append(target.table)
        if running:
            raise CrawlersStillRunning(_some("crawlers have not ended", running, len(plan.targets)))
        return {"outcome": "ended"}

    def finish(self, plan: CrawlPlan, execution_arn: str, now: datetime) -> dict[str, Any]:
        """Tell failed crawls from good ones, and prepare what to publish.

        The tables whose crawl went well are reported with their schema even when another's failed.
        """
        ended = [crawled_table(target.table, self._crawlers.state(target.crawler)) for target in plan.targets]
        good = [table.name for table in ended if table.status == "SUCCEEDED"]
        schemas = self._schemas(plan.catalog_account, plan.catalog_database, good)
        unseen = [name for name in good if name not in schemas]
        ended = [_unseen(table) if table.name in unseen else table for table in ended]
        updated = self._updated(plan, schemas)
        cause = Metadata(event_id=plan.event_id, correlation_id=plan.correlation_id, occurred_at=now)
        said = {"domain": plan.domain, "product": plan.product, "access_mode": plan.access_mode}
        facts: list[DataProductSchemaUpdated | DataProductCrawlFailed] = []
        if updated:
            facts.append(DataProductSchemaUpdated.model_validate({**said, "tables": updated}))
        if len(updated) < len(plan.targets):
            facts.append(DataProductCrawlFailed.model_validate({**said, "tables": ended}))
        # The execution is part of the event's identity: crawling the same link again says something new.
        entries = [make_entry(fact, cause=cause, now=now, discriminator=execution_arn) for fact in facts]
        return {
            "outcome": "crawled" if len(updated) == len(plan.targets) else "crawl_failed",
            "entries": [entry.to_json() for entry in entries],
            "plan": plan.to_json(),
            "result": {
                "run_id": plan.run_id,
                "correlation_id": str(plan.correlation_id),
                "product": plan.product,
                "tables": {table.name: table.status for table in ended},
            },
        }

    def clean_up(self, plan: CrawlPlan, execution_arn: str, *, failed: bool) -> dict[str, Any]:
        """Stop and delete all crawlers of the run and close it.

        Raises CrawlersStillRunning while a stopping crawler cannot be deleted yet. A run that another execution took
        over is left alone with its crawlers.
        """
        run = self._runs.get(plan.run_id)
        if run is not None and run.execution_arn != execution_arn:
            return {"outcome": "taken_over"}
        remaining = [target.crawler for target in plan.targets if not self._crawlers.delete(target.crawler)]
        if remaining:
            raise CrawlersStillRunning(_some("crawlers are still stopping", remaining, len(plan.targets)))
        self._runs.close(plan.run_id, execution_arn=execution_arn, failed=failed)
        return {"outcome": "cleaned_up"}

    # --- a crawler's event ------------------------------------------------------------------------------------------

    def resume(self, envelope: Envelope) -> dict[str, Any]:
        """Record that a crawl ended; wake the workflow when it was the last one.

        Ignores crawlers that are not this mesh's and runs that are over. Crawlers whose execution ended without
        deleting them (it was aborted) are deleted here.
        """
        change = self._change(envelope)
        place = table_of(change.crawler_name, self._config.prefix)
        if change.state not in ENDED or place is None:
            return {"outcome": "ignored"}
        run_id, table = place
        run = self._runs.crawl_ended(run_id, table)
        if run is None or run.crawlers.get(table) != change.crawler_name:
            return {"outcome": "ignored"}
        self._start_next(run)
        if not run.complete:
            return {"outcome": "recorded", "open": len(run.crawlers) - len(run.ended)}
        return {"outcome": self._wake(run)}

    # --- parts ------------------------------------------------------------------------------------------------------

    def _link(self, envelope: Envelope) -> LinkResult | None:
        if envelope.detail_type != STATUS_CHANGE or envelope.source != "aws.states":
            raise InvalidEvent(f"Expected the end of an execution, got {envelope.detail_type}")
        self._check_account(envelope)
        try:
            change = ExecutionStatusChange.model_validate(envelope.detail)
            output = change.output_object
            if not change.output:
                # Left out of the event because it is large: it is read where it is.
                execution = self._executions.execution(change.execution_arn)
                output = execution.output_object if execution else {}
            # One that had nothing to link, or linked what a request for LF-tags matches, has no result.
            return LinkResult.model_validate(output) if "role" in output else None
        except ValidationError as error:
            raise InvalidEvent(f"Not the result of a link: {describe(error)}") from error

    def _change(self, envelope: Envelope) -> CrawlerStateChange:
        self._check_account(envelope)
        if envelope.source != "aws.glue":
            raise InvalidEvent(f"{envelope.source} does not speak about crawlers")
        try:
            return CrawlerStateChange.model_validate(envelope.detail)
        except ValidationError as error:
            raise InvalidEvent(f"Not a crawler's state change: {describe(error)}") from error

    def _check_account(self, envelope: Envelope) -> None:
        if envelope.account != self._config.account_id:
            raise InvalidEvent(f"{envelope.detail_type} comes from another account")

    def _begin(self, plan: CrawlPlan, execution_arn: str, expires_at: datetime) -> bool:
        other = self._runs.begin(plan, execution_arn=execution_arn, expires_at=expires_at)
        if other is None:
            return True
        if other.status == "DONE":
            return False
        execution = self._executions.execution(other.execution_arn)
        if execution is not None and execution.status == "RUNNING":
            return False
        ended = other.execution_arn
        return self._runs.begin(plan, execution_arn=execution_arn, expires_at=expires_at, instead_of=ended) is None

    def _launch(self, plan: CrawlPlan, target: CrawlTarget) -> bool:
        """Create and start a crawler unless it is under way or has ended; False when Glue is too busy.

        One that was stopped on the way, by an execution that died before it could delete it, crawls again.
        """
        state = self._crawlers.state(target.crawler)
        if state is None:
            if not self._crawlers.create(
                name=target.crawler,
                role_arn=self._config.crawler_role_arn,
                database=plan.database,
                link=target.table,
                location_account=None if plan.catalog_account == self._config.account_id else plan.catalog_account,
            ):
                return False
        elif state.ended and not state.cancelled:
            self._runs.crawl_ended(plan.run_id, target.table)
            return True
        elif not state.ended and not state.idle:
            return True
        return self._crawlers.start(target.crawler)

    def _start_next(self, run: CrawlRun) -> None:
        """Start crawlers that were too many before; those not even created are left to `check`."""
        waiting = run.waiting - run.ended
        if waiting:
            still = [table for table in sorted(waiting) if not self._start_waiting(run.crawlers[table])]
            self._runs.set_waiting(run.run_id, still)

    def _start_waiting(self, crawler: str) -> bool:
        state: CrawlerState | None = self._crawlers.state(crawler)
        if state is None:
            return False
        return self._crawlers.start(crawler) if state.idle else True

    def _wake(self, run: CrawlRun) -> str:
        if run.task_token is not None and self._executions.succeed(run.task_token, {"run_id": run.run_id}):
            return "resumed"
        execution = self._executions.execution(run.execution_arn)
        if execution is not None and execution.status == "RUNNING":
            return "recorded"  # it polls by itself now
        remaining = [crawler for crawler in run.crawlers.values() if not self._crawlers.delete(crawler)]
        if remaining:
            raise CrawlersStillRunning(_some("crawlers are still stopping", remaining, len(run.crawlers)))
        self._runs.close(run.run_id, execution_arn=run.execution_arn, failed=True)
        return "abandoned"

    def _schemas(self, account: str, database: str, tables: Iterable[str]) -> dict[str, CatalogTable]:
        wanted = set(tables)
        if not wanted:
            return {}
        return {table.name: table for table in self._catalog.list_tables(database, account) if table.name in wanted}

    @staticmethod
    def _updated(plan: CrawlPlan, schemas: dict[str, CatalogTable]) -> list[TableSchema]:
        return [
            TableSchema(
                name=target.table,
                columns=column_count(schemas[target.table]),
                digest=schema_digest(schemas[target.table]),
                changed=schema_digest(schemas[target.table]) != target.digest_before,
            )
            for target in plan.targets
            if target.table in schemas
        ]


def _unseen(table: CrawledTable) -> CrawledTable:
    return CrawledTable(name=table.name, status="FAILED", error="The crawl succeeded, but the table cannot be seen.")


def _some(what: str, names: list[str], total: int) -> str:
    shown = ", ".join(sorted(names)[:MAX_NAMED])
    return f"{len(names)} of {total} {what}: {shown}{', …' if len(names) > MAX_NAMED else ''}"
