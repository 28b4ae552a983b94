"""Step Functions: answers the executions that wait for people."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.errors import CallbackRefused

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class Callbacks:
    """Gateway to the tasks that wait for a decision."""

    def __init__(self, client: "SFNClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.step_functions()
        self._retrier = retrier or Retrier()

    def answer(self, task_token: str, output: Mapping[str, Any]) -> None:
        """Let an execution go on.

        Raises CallbackRefused when nothing waits for this token (any more): the task has timed out, was answered
        before, or its execution is over. It does not say which token.
        Source: https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
        """
        exceptions = self._client.exceptions
        try:
            self._retrier.run(lambda: self._client.send_task_success(taskToken=task_token, output=json.dumps(output)))
        except (exceptions.TaskTimedOut, exceptions.TaskDoesNotExist, exceptions.InvalidToken):
            # `from None`: what AWS says quotes the token.
            raise CallbackRefused("the workflow has gone on, timed out or ended") from None
