"""report_workflow_failure: the failure of an execution, in the flow of the event that started it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from datamesh.logic.report_workflow_failure import failure_entry
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import Entry, Envelope
from datamesh.models.facts import WorkflowFailed
from tests.support.domain_fakes import MARKETING, SALES, aws_event, execution_ended, registered

NOW = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)
CORRELATION = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
CAUSE = "0f8fad5b-d9cb-469f-a165-70867728950e"


def failed(execution_input: Any = None, status: str = "FAILED", **detail: Any) -> dict[str, Any]:
    return execution_ended(None, status=status, execution_input=execution_input, **detail)


def entry_of(event: dict[str, Any], source: str = "datamesh.domain") -> Entry:
    return failure_entry(Envelope.read(event), account_id=SALES, source=source, now=NOW)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
@pytest.mark.parametrize("source", ["datamesh.central", "datamesh.domain"])
def test_it_says_what_failed_and_why(status: str, source: str) -> None:
    entry = entry_of(failed(registered(), status, error="ConflictError", cause="Create Links: it exists"), source)
    assert (entry.source, entry.detail_type) == (source, "WorkflowFailed")
    data = WorkflowFailed.model_validate(entry.detail["data"])
    assert data.workflow == "datamesh-domain-link-data-product"
    assert (data.status, data.error, data.cause) == (status, "ConflictError", "Create Links: it exists")


def test_it_belongs_to_the_flow_of_the_event_that_started_the_execution() -> None:
    metadata = entry_of(failed(registered())).detail["metadata"]
    assert (metadata["correlation_id"], metadata["causation_id"]) == (CORRELATION, CAUSE)


def test_a_crawl_belongs_to_the_flow_of_the_link_before_it() -> None:
    result = {"correlation_id": CORRELATION, "event_id": "d9b2d63d-a233-4123-847a-7090d0e1cb3d"}
    metadata = entry_of(failed(execution_ended(result))).detail["metadata"]
    assert (metadata["correlation_id"], metadata["causation_id"]) == (CORRELATION, result["event_id"])


def test_without_the_link_s_output_its_input_tells() -> None:
    earlier = execution_ended(None, execution_input=registered())
    assert entry_of(failed(earlier)).detail["metadata"]["correlation_id"] == CORRELATION


@pytest.mark.parametrize(
    "execution_input",
    [
        None,
        {},
        [],
        {"detail": "text"},
        {"detail": {"metadata": {"event_id": "no uuid"}}},
        {"detail": {"other": 1}},
        execution_ended({"correlation_id": "no uuid", "event_id": "no uuid"}),
    ],
)
def test_an_execution_that_nobody_knows_the_cause_of_starts_a_flow_of_its_own(execution_input: Any) -> None:
    one, two = (entry_of(failed(execution_input)).detail["metadata"] for _ in range(2))
    assert one["correlation_id"] == two["correlation_id"]
    assert one["causation_id"] is None


def test_the_same_end_reported_twice_is_one_event_and_a_redrive_s_another() -> None:
    events = failed(registered()), failed(registered(), redriveCount=0), failed(registered(), redriveCount=1)
    ids = [entry_of(event).detail["metadata"]["event_id"] for event in events]
    assert ids[0] == ids[1] != ids[2]


def test_a_long_cause_is_cut_and_a_long_name_too() -> None:
    data = entry_of(failed(registered(), error="E" * 300, cause="c" * 40_000)).detail["data"]
    assert (len(data["cause"]), len(data["error"])) == (8192, 256)
    assert data["cause"].endswith("…")


@pytest.mark.parametrize(
    "event",
    [
        failed(registered(), account=MARKETING),
        {**failed(registered()), "source": "datamesh.domain"},
        aws_event("Glue Crawler State Change", {}, source="aws.glue"),
        aws_event("Step Functions Execution Status Change", {}, source="aws.states"),
        execution_ended({"a": 1}, status="SUCCEEDED"),
    ],
    ids=["another account", "forged", "another event", "no detail", "a success"],
)
def test_anything_else_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        entry_of(event)
