"""report_workflow_failure: an execution of the mesh FAILED, TIMED_OUT or was ABORTED → WorkflowFailed."""

from aws_lambda_powertools.utilities.typing import LambdaContext

from datamesh.aws.events import EventBus
from datamesh.handlers._runtime import Json, observed, utc_now
from datamesh.logic.report_workflow_failure import failure_entry
from datamesh.models.events import Envelope
from datamesh.observability import count, logger
from datamesh.settings import ReportWorkflowFailureSettings, load


@observed
def handler(event: Json, _context: LambdaContext) -> Json:
    """Publish the failure on the account's own mesh bus.

    Raises InvalidEvent for an event about something else, PublishFailed when EventBridge refuses the entry.
    """
    settings = load(ReportWorkflowFailureSettings)
    entry = failure_entry(
        Envelope.read(event), account_id=settings.datamesh_account_id, source=settings.event_source, now=utc_now()
    )
    metadata, data = entry.detail["metadata"], entry.detail["data"]
    logger.set_correlation_id(metadata["correlation_id"])
    EventBus(settings.event_bus_name).publish([entry])
    count("WorkflowFailed")
    logger.error("Workflow failed", workflow=data["workflow"], execution=data["execution_arn"], error=data["error"])
    return {"event_id": metadata["event_id"]}
