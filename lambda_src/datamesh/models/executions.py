"""Executions of state machines: as Step Functions describes them and as their status-change events tell of them."""

import json
from typing import Any, Literal

from pydantic import Field

from datamesh.models.base import NonEmpty, OpenModel

STATUS_CHANGE = "Step Functions Execution Status Change"


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

    @property
    def state_machine(self) -> str:
        """The name of the state machine."""
        return self.state_machine_arn.rsplit(":", 1)[-1]
