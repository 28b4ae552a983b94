"""What happened: operations, executions of workflows and the audit trail, as the API shows them."""

import uuid
from typing import Any, Literal

from pydantic import Field

from datamesh.models.api.base import OperationStatus, Page
from datamesh.models.base import Model, UtcTime
from datamesh.models.ledger import LedgerEntry

ExecutionStatus = Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]


class MeshEvent(Model):
    """An event of the mesh."""

    event_id: uuid.UUID
    detail_type: str
    source: str
    account: str
    occurred_at: UtcTime
    causation_id: uuid.UUID | None = None
    target_account: str | None = None
    data: dict[str, Any] = Field(
        description="As it was sent, but for example values of columns; what is very long is cut with the mark `…`."
    )


class ExecutionSummary(Model):
    """An execution of a workflow in central."""

    execution_id: str = Field(description="`<workflow>:<execution name>`.")
    workflow: str = Field(description="e.g. `register_data_product`.")
    status: ExecutionStatus
    domain: str | None = Field(None, description="The domain whose command or fact started it.")
    subject: str | None = Field(None, description="What it is about: a product, a request.")
    correlation_id: uuid.UUID | None = None
    started_at: UtcTime
    stopped_at: UtcTime | None = None
    error: str | None = None
    cause: str | None = None


class ExecutionPage(Page):
    """Executions, the newest first."""

    items: tuple[ExecutionSummary, ...]


class ExecutionStep(Model):
    """A state that an execution went through."""

    name: str
    type: str
    status: Literal["RUNNING", "SUCCEEDED", "CAUGHT", "FAILED"]
    entered_at: UtcTime
    exited_at: UtcTime | None = None
    error: str | None = None
    cause: str | None = None


class ExecutionDetail(ExecutionSummary):
    """An execution with its steps, and the events of its flow."""

    started_by: MeshEvent | None = None
    steps: tuple[ExecutionStep, ...] = ()
    events: tuple[MeshEvent, ...] = ()
    may_retry: bool = False


class Operation(Model):
    """What became of a command: all events with its correlation id, in the order in which they occurred."""

    correlation_id: uuid.UUID
    status: OperationStatus
    error: str | None = Field(None, description="Code of the rejection, or error of the workflow that failed.")
    message: str | None = None
    field: str | None = None
    events: tuple[MeshEvent, ...]
    executions: tuple[ExecutionSummary, ...] = ()


class EventPage(Page):
    """Events of the mesh, the newest first."""

    items: tuple[MeshEvent, ...]


class AuditPage(Page):
    """Entries of the ledger, the newest first."""

    items: tuple[LedgerEntry, ...]


class LfTag(Model):
    """A key of the mesh's LF-tags and its values."""

    key: str
    values: tuple[str, ...]


class LfTagPage(Page):
    """LF-tags by key."""

    items: tuple[LfTag, ...]
