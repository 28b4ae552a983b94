"""Executions of state machines: as Step Functions describes them and as their status-change events tell of them."""

import json
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from pydantic import Field

from datamesh.models.base import NonEmpty, OpenModel

STATUS_CHANGE = "Step Functions Execution Status Change"
# Of them one is never an end: an execution that waits for its redrive may run again.
ENDED = frozenset({"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"})
# What may be started again: it has ended, and not well.
RETRYABLE = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})


def _object(text: str | None) -> dict[str, Any]:
    """Return a JSON object, empty when the text is none."""
    try:
        value = json.loads(text) if text else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


class Execution(OpenModel):
    """An execution as DescribeExecution returns it."""

    status: str
    input: str | None = None
    output: str | None = None

    @property
    def input_object(self) -> dict[str, Any]:
        """The input as a JSON object, empty when there is none."""
        return _object(self.input)

    @property
    def output_object(self) -> dict[str, Any]:
        """The output as a JSON object, empty when there is none."""
        return _object(self.output)


class ExecutionStatusChange(Execution):
    """`detail` of the event. Input and output are left out when they are too large for an event.

    Source: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
    """

    execution_arn: NonEmpty = Field(alias="executionArn")
    state_machine_arn: NonEmpty = Field(alias="stateMachineArn")
    status: Literal["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"]
    error: str | None = None
    cause: str | None = None
    redrive_count: int | None = Field(None, alias="redriveCount")
    start_date: int | None = Field(None, alias="startDate", description="Milliseconds; of a redrive, too, the first.")
    stop_date: int | None = Field(None, alias="stopDate", description="Milliseconds; null while it runs.")

    @property
    def state_machine(self) -> str:
        """The name of the state machine."""
        return self.state_machine_arn.rsplit(":", 1)[-1]

    @property
    def name(self) -> str:
        """The name of the execution, which is its own within the state machine."""
        return self.execution_arn.rsplit(":", 1)[-1]

    @property
    def started_at(self) -> datetime | None:
        """When the execution was started."""
        return _moment(self.start_date)

    @property
    def stopped_at(self) -> datetime | None:
        """When the execution ended."""
        return _moment(self.stop_date)


class HistoryEvent(NamedTuple):
    """An event in the history of an execution, without what was passed from state to state.

    Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    """

    id: int
    previous: int
    type: str
    at: datetime
    state: str | None = None
    """The state that was entered or left."""
    error: str | None = None
    cause: str | None = None


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
