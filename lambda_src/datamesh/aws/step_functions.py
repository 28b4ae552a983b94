"""Step Functions: wakes an execution that waits for a callback, and looks at executions."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.executions import Execution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class StepFunctions:
    """Gateway to the executions of the own account."""

    def __init__(self, client: "SFNClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.step_functions()
        self._retrier = retrier or Retrier()

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """End a waiting task with success; False when nothing waits (any more) with this token.

        A token works once, and ends with the task's timeout and with the execution.
        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
        """
        exceptions = self._client.exceptions
        try:
            self._retrier.run(lambda: self._client.send_task_success(taskToken=token, output=json.dumps(output)))
        except (exceptions.TaskTimedOut, exceptions.TaskDoesNotExist, exceptions.InvalidToken):
            return False
        return True

    def execution(self, arn: str) -> Execution | None:
        """Return an execution; None when it is not known (any more: history is kept for 90 days).

        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
        """
        try:
            answer = self._retrier.run(lambda: self._client.describe_execution(executionArn=arn))
        except self._client.exceptions.ExecutionDoesNotExist:
            return None
        return Execution(status=answer["status"], input=answer.get("input"), output=answer.get("output"))
