"""Requests that are answered once: a repeated one gets the first answer again.

Powertools' Idempotency utility over a DynamoDB table with its attribute names (`id`, `expiration`).
Source: https://docs.powertools.aws.dev/lambda/python/latest/utilities/idempotency/
"""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from datamesh.aws import clients
from datamesh.models.errors import AwsTemporarilyUnavailable, IdempotencyConflict, StateConflict

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEPT = timedelta(days=1)
Answer = dict[str, Any]


class Idempotency:
    """Gateway to the table of answers. An answer is kept for a day; what failed is not kept at all."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None) -> None:
        self._store = DynamoDBPersistenceLayer(table_name=table, boto3_client=client or clients.dynamodb())

    def once(
        self, scope: tuple[str, ...], request: Answer, context: LambdaContext, act: Callable[[], Answer]
    ) -> Answer:
        """Act, or return what acting on the same request returned before.

        `scope` is what a request is known by: whoever asks, for what, and the key. Raises IdempotencyConflict when it
        was another request, StateConflict while the first one is being answered, AwsTemporarilyUnavailable.
        """
        config = IdempotencyConfig(
            event_key_jmespath="scope",
            payload_validation_jmespath="request",
            expires_after_seconds=int(KEPT.total_seconds()),
            hash_function="sha256",
            lambda_context=context,
        )

        def answered(*, data: Answer) -> Answer:  # noqa: ARG001 - by its data the utility knows the request
            return act()

        once = idempotent_function(
            answered, data_keyword_argument="data", persistence_store=self._store, config=config, key_prefix="api"
        )
        try:
            return cast("Answer", once(data={"scope": list(scope), "request": request}))
        except IdempotencyValidationError as error:
            raise IdempotencyConflict("The idempotency key was used before, for another request") from error
        except IdempotencyAlreadyInProgressError as error:
            raise StateConflict("The first request with this idempotency key is still being answered") from error
        except (IdempotencyInconsistentStateError, IdempotencyPersistenceLayerError) as error:
            raise AwsTemporarilyUnavailable("The table of idempotency keys does not answer") from error
