"""Items of DynamoDB tables: plain values in and out, what an item may weigh, and what passes by itself."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule

Item = dict[str, Any]
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: an item has 400 KB, a transaction
# 100 actions and 4 MB. A margin is left, because an item's size is counted differently from its JSON's.
MAX_ITEM = 380_000
MAX_ACTIONS = 100
MAX_TRANSACTION = 3_000_000
BUSY = Rule(
    Handling.RETRY,
    THROTTLES
    | HICCUPS
    | {"TransactionInProgressException", "TransactionConflictException", "ProvisionedThroughputExceededException"},
    budget=60,
    cap=5,
)
DYNAMODB_RULES = (BUSY, *RULES)
_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()


def serialize(item: Mapping[str, Any]) -> Item:
    """Return an item as the low-level API takes it."""
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def deserialize(item: Mapping[str, Any]) -> Item:
    """Return an item as plain values; numbers are decimals."""
    return {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}


def pages(operation: Callable[..., Any], request: Item, retrier: Retrier) -> Iterator[Item]:
    """Yield all items that a query or a scan finds, pages walked to the end.

    Sources: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html,
    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
    """
    request = dict(request)
    while True:
        page = retrier.run(partial(operation, **request), rules=DYNAMODB_RULES)
        yield from map(deserialize, page["Items"])
        if not page.get("LastEvaluatedKey"):
            return
        request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
