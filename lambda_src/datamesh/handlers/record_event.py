"""record_event: mesh events and the executions of central's workflows → the timeline that people look at."""

from datetime import timedelta
from functools import cache

from aws_lambda_powertools.utilities.typing import LambdaContext

from datamesh.aws.registry import Registry
from datamesh.aws.timeline import Timeline
from datamesh.handlers._runtime import Json, observed, utc_now
from datamesh.logic.record_event import Recording
from datamesh.models.events import Envelope
from datamesh.models.registry import account_claim
from datamesh.observability import count, logger
from datamesh.settings import RecordEventSettings, load

MESH = "datamesh."


@observed
def handler(event: Json, _context: LambdaContext) -> Json:
    """Put an event into the timeline; once more changes nothing.

    Raises InvalidEvent for what is neither a mesh event nor the status of an execution of this account.
    """
    settings = load(RecordEventSettings)
    registry, timeline = Registry(settings.registry_table), Timeline(settings.timeline_table)

    @cache
    def domain_of(account: str) -> str | None:
        return registry.owner(account_claim(account, ""))

    recording = Recording(
        domain_of, account_id=settings.datamesh_account_id, state_machine_prefix=settings.state_machine_prefix
    )
    envelope = Envelope.read(event)
    expires_at = utc_now() + timedelta(days=settings.timeline_days)
    if envelope.source.startswith(MESH):
        recorded = recording.event(envelope)
        new = timeline.put_event(recorded.event, expires_at=expires_at)
        for sign in recorded.signs:
            timeline.put_sign(sign, expires_at=expires_at)
        count("EventRecorded" if new else "EventKnown")
        return {"event_id": str(recorded.event.event_id)}
    execution = recording.execution(envelope)
    if execution is None:
        logger.info("Not a workflow of the mesh")
        return {"execution_id": None}
    timeline.put_execution(execution, expires_at=expires_at)
    count("ExecutionRecorded")
    return {"execution_id": execution.execution_id}
