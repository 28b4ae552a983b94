"""Step Functions: answers the executions that wait for people."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamesh.aws.retry import Retrier
from datamesh.aws.step_functions import StepFunctions
from datamesh.models.errors import CallbackRefused

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Callbacks:
    """Gateway to the tasks that wait for a decision."""

    def __init__(self, client: "SFNClient | None" = None, retrier: Retrier | None = None) -> None:
        self._step_functions = StepFunctions(client, retrier)

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Let an execution go on.

        Raises CallbackRefused when nothing waits for this token (any more): the task has timed out, was answered
        before, or its execution is over. It does not say which token.
        """
        if not self._step_functions.succeed(task_token, output):
            raise CallbackRefused("the workflow has gone on, timed out or ended")
