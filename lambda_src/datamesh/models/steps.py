"""What passes between a state machine and its function."""

from typing import Any

from pydantic import Field

from datamesh.models.base import NonEmpty, OpenModel, UtcTime
from datamesh.models.events import Envelope

Json = dict[str, Any]


class Execution(OpenModel):
    """The execution of the state machine that asks."""

    id: NonEmpty = Field(description="ARN of the execution.")
    name: NonEmpty
    started_at: UtcTime


class StepRequest(OpenModel):
    """What a state machine sends to its function."""

    step: NonEmpty
    event: dict[str, Any]
    execution: Execution
    payload: dict[str, Any] = Field(default_factory=dict, exclude=True, description="The whole payload, for the rest.")

    @property
    def envelope(self) -> Envelope:
        """The event as an EventBridge envelope. Raises InvalidEvent."""
        return Envelope.read(self.event)
