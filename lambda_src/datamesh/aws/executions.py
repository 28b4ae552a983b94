"""Executions of central's state machines: what became of one, through which states it went, and one that is started."""

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.executions import Execution, HistoryEvent

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

# A history may have 25,000 events; a workflow of the mesh has some dozens.
MAX_HISTORY = 1_000
_PAGE = 500
_NAMED_STATES = ("stateEnteredEventDetails", "stateExitedEventDetails")


class Executions:
    """Gateway to the executions of the own account, by the names of their state machines."""

    def __init__(self, account_id: str, client: "SFNClient | None" = None, retrier: Retrier | None = None) -> None:
        self._account_id = account_id
        self._client = client or clients.step_functions()
        self._retrier = retrier or Retrier()

    def described(self, state_machine: str, name: str) -> Execution | None:
        """Return an execution; None when it is not known (any more: it is forgotten after 90 days).

        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        """
        arn = self._arn("execution", f"{state_machine}:{name}")
        exceptions = self._client.exceptions
        try:
            answer = self._retrier.run(lambda: self._client.describe_execution(executionArn=arn))
        except (exceptions.ExecutionDoesNotExist, exceptions.InvalidArn):
            return None
        return Execution(status=answer["status"], input=answer.get("input"), output=answer.get("output"))

    def history(self, execution_arn: str) -> list[HistoryEvent]:
        """Return the first events of an execution, in order; none when it is not known (any more).

        What states were given and have returned, task tokens among it, is not even asked for.
        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_GetExecutionHistory.html
        """
        try:
            return list(islice(self._history(execution_arn), MAX_HISTORY))
        except self._client.exceptions.ExecutionDoesNotExist:
            return []

    def start(self, state_machine: str, name: str, execution_input: str) -> None:
        """Start an execution; one of this name that there is already counts as started.

        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
        """
        arn = self._arn("stateMachine", state_machine)
        try:
            self._retrier.run(
                lambda: self._client.start_execution(stateMachineArn=arn, name=name, input=execution_input)
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return

    def _history(self, arn: str) -> Iterator[HistoryEvent]:
        request: dict[str, Any] = {"executionArn": arn, "maxResults": _PAGE, "includeExecutionData": False}
        while True:
            page = self._retrier.run(partial(self._client.get_execution_history, **request))
            yield from map(_event, page["events"])
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:{clients.partition()}:states:{clients.region()}:{self._account_id}:{kind}:{name}"


def _event(found: Any) -> HistoryEvent:  # noqa: ANN401 - as boto3 returns it
    details: dict[str, Any] = next((value for name, value in found.items() if name.endswith("EventDetails")), {})
    state = next((found[name]["name"] for name in _NAMED_STATES if name in found), None)
    return HistoryEvent(
        id=found["id"],
        previous=found.get("previousEventId", 0),
        type=found["type"],
        at=found["timestamp"],
        state=state,
        error=details.get("error"),
        cause=details.get("cause"),
    )
