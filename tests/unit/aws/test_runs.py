"""The table of crawl runs against DynamoDB's own conditions, and the fake of it against the table."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from datamesh.aws.runs import CrawlRuns
from datamesh.models.crawls import CrawlPlan, CrawlTarget
from tests.support.domain_fakes import FakeRuns

EXPIRES = datetime(2026, 1, 9, tzinfo=UTC)
RUN = "0123456789"
PLAN = CrawlPlan.model_validate(
    {
        "run_id": RUN,
        "domain": "sales",
        "product": "air_travel",
        "catalog_account": "111111111111",
        "catalog_database": "datamesh_sales_nrac",
        "database": "datamesh_sales",
        "correlation_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "event_id": "d9b2d63d-a233-4123-847a-7090d0e1cb3d",
        "targets": [CrawlTarget(table=table, crawler=f"crawler-{table}") for table in ("flights", "size", "name")],
    }
)
Runs = CrawlRuns | FakeRuns


@pytest.fixture(params=["table", "fake"])
def runs(request: pytest.FixtureRequest) -> Iterator[Runs]:
    if request.param == "fake":
        yield FakeRuns()
        return
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="runs",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
        )
        yield CrawlRuns("runs", client)


def begin(runs: Runs, execution: str, instead_of: str | None = None) -> str | None:
    other = runs.begin(PLAN, execution_arn=execution, expires_at=EXPIRES, instead_of=instead_of)
    return None if other is None else other.execution_arn


def test_a_run_belongs_to_whoever_began_it(runs: Runs) -> None:
    assert begin(runs, "one") is None
    assert begin(runs, "one") is None
    assert begin(runs, "two") == "one"
    run = runs.get(RUN)
    assert run is not None
    assert (run.execution_arn, run.status) == ("one", "RUNNING")
    assert run.crawlers == {table: f"crawler-{table}" for table in ("flights", "size", "name")}
    assert run.event_id == str(PLAN.event_id)


def test_a_run_can_be_taken_over_from_the_one_named_and_no_other(runs: Runs) -> None:
    begin(runs, "one")
    assert begin(runs, "two", instead_of="three") == "one"
    assert begin(runs, "two", instead_of="one") is None
    assert begin(runs, "one", instead_of="one") == "two"


@pytest.mark.parametrize("failed", [True, False])
def test_only_a_failed_run_can_be_begun_again(runs: Runs, failed: bool) -> None:
    begin(runs, "one")
    runs.close(RUN, execution_arn="one", failed=failed)
    assert begin(runs, "two") == (None if failed else "one")


def test_a_finished_run_cannot_be_taken_over(runs: Runs) -> None:
    begin(runs, "one")
    runs.close(RUN, execution_arn="one", failed=False)
    assert begin(runs, "one") == "one"
    assert begin(runs, "two", instead_of="one") == "one"


def test_the_token_is_kept_for_the_owner_and_forgotten_at_the_end(runs: Runs) -> None:
    begin(runs, "one")
    assert runs.await_callback(RUN, execution_arn="two", task_token="theirs") is None
    kept = runs.await_callback(RUN, execution_arn="one", task_token="mine")
    assert kept is not None
    assert kept.task_token == "mine"
    assert "mine" not in repr(kept)
    runs.close(RUN, execution_arn="two", failed=True)
    runs.close(RUN, execution_arn="one", failed=True)
    closed = runs.get(RUN)
    assert closed is not None
    assert (closed.status, closed.task_token) == ("FAILED", None)


def test_the_last_crawl_to_end_sees_the_run_complete_and_a_repetition_too(runs: Runs) -> None:
    begin(runs, "one")
    seen = [runs.crawl_ended(RUN, table) for table in ("flights", "flights", "size", "name", "name")]
    assert [run is not None and run.complete for run in seen] == [False, False, False, True, True]


@pytest.mark.parametrize(("run_id", "table"), [("unknown", "flights"), (RUN, "unknown")])
def test_crawls_that_nobody_asked_for_are_not_recorded(runs: Runs, run_id: str, table: str) -> None:
    begin(runs, "one")
    assert runs.crawl_ended(run_id, table) is None


def test_nothing_is_recorded_of_a_run_that_is_over(runs: Runs) -> None:
    begin(runs, "one")
    runs.close(RUN, execution_arn="one", failed=False)
    assert runs.crawl_ended(RUN, "flights") is None
    assert runs.set_waiting(RUN, ["flights"]) is None


def test_what_waits_to_be_started(runs: Runs) -> None:
    begin(runs, "one")
    for waiting in (["flights", "size"], ["size"], []):
        run = runs.set_waiting(RUN, waiting)
        assert run is not None
        assert run.waiting == frozenset(waiting)
    runs.set_waiting(RUN, ["flights", "size"])
    ended = runs.crawl_ended(RUN, "size")
    assert ended is not None
    assert ended.waiting == {"flights"}


def test_a_new_beginning_forgets_what_the_earlier_one_had_done(runs: Runs) -> None:
    begin(runs, "one")
    runs.crawl_ended(RUN, "flights")
    runs.await_callback(RUN, execution_arn="one", task_token="old")
    begin(runs, "two", instead_of="one")
    run = runs.get(RUN)
    assert run is not None
    assert (run.ended, run.task_token) == (frozenset(), None)


def test_an_unknown_run_is_none(runs: Runs) -> None:
    assert runs.get("unknown") is None
    runs.close("unknown", execution_arn="one", failed=True)


def test_the_table_forgets_runs_after_a_while() -> None:
    with mock_aws():
        client = boto3.client("dynamodb")
        client.create_table(
            TableName="runs",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "run_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "run_id", "AttributeType": "S"}],
        )
        CrawlRuns("runs", client).begin(PLAN, execution_arn="one", expires_at=EXPIRES)
        item = client.get_item(TableName="runs", Key={"run_id": {"S": RUN}})["Item"]
    assert item["expires_at"] == {"N": str(int(EXPIRES.timestamp()))}
