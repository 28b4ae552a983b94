"""The timeline: every event of the mesh and every execution in central, kept for people to look at. Not the truth.

It lies in a table of its own (`<prefix>-timeline`) whose items expire, written by record_event from mesh events and
Step Functions status changes. Everything in it may come twice and in any order.
"""

import uuid
from typing import Any, ClassVar

from pydantic import Field

from datamesh.models.api.operations import ExecutionStatus
from datamesh.models.base import Model, UtcTime


class TimelineEvent(Model):
    """A mesh event. Kept under its correlation id, and under each domain that it concerns.

    Keys: `pk` CORRELATION#<id> or DOMAIN#<name>#EVENTS or EVENTS#<yyyy-mm>; `sk` <occurred_at>#<event_id>.
    """

    kind: ClassVar[str] = "event"

    event_id: uuid.UUID
    correlation_id: uuid.UUID
    causation_id: uuid.UUID | None = None
    detail_type: str
    source: str
    account: str
    occurred_at: UtcTime
    target_account: str | None = None
    person: str | None = None
    domains: tuple[str, ...] = Field((), description="That it concerns: its sender's, its addressee's, those it names.")
    request_id: uuid.UUID | None = None
    data: dict[str, Any]


class TimelineExecution(Model):
    """An execution in central. The newest status wins: one that has ended is never running again, but by a redrive.

    Keys: `pk` CORRELATION#<id> or DOMAIN#<name>#EXECUTIONS or EXECUTIONS#<yyyy-mm> with `sk` <started_at>#<id>, and
    EXECUTION#<workflow>:<name>/META, which alone is read to find it.
    """

    kind: ClassVar[str] = "execution"

    workflow: str
    name: str
    execution_arn: str
    status: ExecutionStatus
    correlation_id: uuid.UUID | None = None
    event_id: uuid.UUID | None = Field(None, description="Of the event that started it.")
    domains: tuple[str, ...] = ()
    subject: str | None = None
    started_at: UtcTime
    stopped_at: UtcTime | None = None
    redrive_count: int = 0
    error: str | None = None
    cause: str | None = None

    @property
    def execution_id(self) -> str:
        """Identity: `<workflow>:<name>`."""
        return f"{self.workflow}:{self.name}"
