"""The registry in DynamoDB: typed records, conditional changes."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import HICCUPS, RULES, THROTTLES, Handling, Retrier, Rule, error_of
from datamesh.models.errors import RecordTooLarge, WriteConflict
from datamesh.models.registry import (
    ADDED_TAGS,
    TAG_GRANTS,
    TAG_WORK,
    AddedTags,
    Change,
    Check,
    Claim,
    DomainRecord,
    Drop,
    GiveBack,
    GrantRecord,
    Key,
    ProductRecord,
    Record,
    RequestRecord,
    Save,
    Stamp,
    TableRecord,
    TagChangeRecord,
    TagGrantRecord,
    TagWork,
    Take,
    domain_key,
    product_key,
    product_pk,
    request_key,
    tag_change_key,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RecordT = TypeVar("RecordT", bound=Record)
Item = dict[str, Any]
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html: an item has 400 KB, a transaction
# 100 actions and 4 MB. A margin is left, because an item's size is counted differently from its JSON's.
MAX_ITEM = 380_000
MAX_ACTIONS = 100
MAX_TRANSACTION = 3_000_000
MAX_BATCH_GET = 100
_BUSY = Rule(
    Handling.RETRY,
    THROTTLES
    | HICCUPS
    | {"TransactionInProgressException", "TransactionConflictException", "ProvisionedThroughputExceededException"},
    budget=60,
    cap=5,
)
_RULES = (_BUSY, *RULES)
_SERIALIZER, _DESERIALIZER = TypeSerializer(), TypeDeserializer()


def record_to_item(record: Record) -> Item:
    """Return a record as item, keys included. Raises RecordTooLarge."""
    content = record.to_json()
    size = len(json.dumps(content).encode())
    if size > MAX_ITEM:
        raise RecordTooLarge(f"{record.key.pk}/{record.key.sk} has {size} bytes")
    return {**record.key.to_json(), "kind": record.kind, **content}


def record_from_item(model: type[RecordT], item: Mapping[str, Any]) -> RecordT:
    """Read a record from an item."""
    return model.model_validate({name: value for name, value in item.items() if name not in {"pk", "sk", "kind"}})


class Registry:
    """Gateway to the registry table. Reads are consistent: decisions are made on them."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None, retrier: Retrier | None = None) -> None:
        self._table = table
        self._client = client or clients.dynamodb()
        self._retrier = retrier or Retrier()

    def domain(self, name: str) -> DomainRecord | None:
        """Return a domain."""
        return self._record(DomainRecord, domain_key(name))

    def product(self, domain: str, name: str) -> ProductRecord | None:
        """Return a product."""
        return self._record(ProductRecord, product_key(domain, name))

    def products(self, domain: str) -> list[ProductRecord]:
        """Return all products of a domain, by name."""
        return [record_from_item(ProductRecord, item) for item in self._query(f"DOMAIN#{domain}", "PRODUCT#")]

    def request(self, request_id: uuid.UUID) -> RequestRecord | None:
        """Return a request."""
        return self._record(RequestRecord, request_key(request_id))

    def tables(self, domain: str, product: str) -> list[TableRecord]:
        """Return all tables of a product, by name."""
        return [record_from_item(TableRecord, item) for item in self._query(product_pk(domain, product), "TABLE#")]

    def grants(self, domain: str, product: str) -> list[GrantRecord]:
        """Return all grants of a product."""
        return [record_from_item(GrantRecord, item) for item in self._query(product_pk(domain, product), "GRANT#")]

    def tag_grants(self) -> list[TagGrantRecord]:
        """Return all grants by LF-tag of the mesh."""
        return [record_from_item(TagGrantRecord, item) for item in self._query(TAG_GRANTS, "GRANT#")]

    def tag_work(self) -> TagWork | None:
        """Return who changes LF-tags or grants by them."""
        return self._record(TagWork, TAG_WORK)

    def added_tags(self) -> AddedTags | None:
        """Return the LF-tag values that the mesh has added."""
        return self._record(AddedTags, ADDED_TAGS)

    def tag_changes(self, domain: str, product: str, stamp: Stamp) -> list[TagChangeRecord]:
        """Return what an event changed for the consumers of a product, by table."""
        start = tag_change_key(domain, product, stamp, "")
        return [record_from_item(TagChangeRecord, item) for item in self._query(start.pk, start.sk)]

    def owner(self, claim: Claim) -> str | None:
        """Return who has the name that `claim` speaks of; None when it is free."""
        item = self._get(claim.key)
        return cast("str", item["owner"]) if item else None

    def owners(self, claims: Sequence[Claim]) -> dict[Key, str]:
        """Return the owners of those names that are taken.

        Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
        """
        found: dict[Key, str] = {}
        for start in range(0, len(claims), MAX_BATCH_GET):
            pending: list[Any] = [_serialize(claim.key.to_json()) for claim in claims[start : start + MAX_BATCH_GET]]
            attempt, waited = 0, 0.0
            while pending:
                request = {self._table: {"Keys": pending, "ConsistentRead": True}}
                answer = self._retrier.run(
                    partial(self._client.batch_get_item, RequestItems=cast("Any", request)), rules=_RULES
                )
                for item in map(_deserialize, answer["Responses"].get(self._table, [])):
                    found[Key(pk=item["pk"], sk=item["sk"])] = item["owner"]
                left = answer.get("UnprocessedKeys", {})
                pending = list(left[self._table]["Keys"]) if self._table in left else []
                if pending:
                    waited += self._retrier.pause(_BUSY, attempt, waited, "UnprocessedKeys")
                    attempt += 1
        return found

    def write(self, changes: Sequence[Change]) -> None:
        """Make all changes, or none.

        Raises WriteConflict when a condition does not hold, RecordTooLarge, AwsTemporarilyUnavailable.
        Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        actions = [self._action(change) for change in changes]
        request = partial(self._client.transact_write_items, TransactItems=cast("Any", actions))
        attempt, waited = 0, 0.0
        while actions:
            try:
                self._retrier.run(request, rules=_RULES)
            except ClientError as error:
                if error_of(error)[0] != "TransactionCanceledException":
                    raise
                reasons = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
                if "ConditionalCheckFailed" in reasons or not _only_busy(reasons):
                    raise WriteConflict(error_of(error)[1]) from error
                # Another transaction touches the same items at this moment.
                waited += self._retrier.pause(_BUSY, attempt, waited, error_of(error)[1])
                attempt += 1
            else:
                return

    def write_all(self, changes: Sequence[Change], guard: Record) -> None:
        """Make any number of changes, in as many transactions as needed, each only while `guard` stands unchanged.

        Every change must be harmless when it is made again: a crash in between is healed by making all once more.
        Raises WriteConflict, RecordTooLarge, AwsTemporarilyUnavailable.
        """
        for chunk in _chunks(changes):
            self.write([Check(guard), *chunk])

    def _record(self, model: type[RecordT], key: Key) -> RecordT | None:
        item = self._get(key)
        return record_from_item(model, item) if item else None

    def _get(self, key: Key) -> Item | None:
        answer = self._retrier.run(
            lambda: self._client.get_item(
                TableName=self._table, Key=cast("Any", _serialize(key.to_json())), ConsistentRead=True
            ),
            rules=_RULES,
        )
        return _deserialize(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str, sk_prefix: str) -> Iterator[Item]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :pk AND begins_with(sk, :sk)",
            "ExpressionAttributeValues": _serialize({":pk": pk, ":sk": sk_prefix}),
            "ConsistentRead": True,
        }
        while True:
            page = self._retrier.run(partial(self._client.query, **request), rules=_RULES)
            yield from map(_deserialize, page["Items"])
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _action(self, change: Change) -> Item:
        match change:
            case Save(record):
                put = {"TableName": self._table, "Item": _serialize(record_to_item(record))}
                return {"Put": put | _version_is(record.version - 1)}
            case Drop(record):
                return {"Delete": self._at(record.key) | _version_is(record.version)}
            case Check(record):
                return {"ConditionCheck": self._at(record.key) | _version_is(record.version)}
            case Take(claim):
                item = {**claim.key.to_json(), "kind": "claim", "owner": claim.owner}
                return {"Put": {"TableName": self._table, "Item": _serialize(item)} | _free_or_owned(claim)}
            case GiveBack(claim):
                return {"Delete": self._at(claim.key) | _free_or_owned(claim)}

    def _at(self, key: Key) -> Item:
        return {"TableName": self._table, "Key": _serialize(key.to_json())}


def _serialize(item: Mapping[str, Any]) -> Item:
    return {name: _SERIALIZER.serialize(value) for name, value in item.items()}


def _deserialize(item: Mapping[str, Any]) -> Item:
    return {name: _DESERIALIZER.deserialize(value) for name, value in item.items()}


def _version_is(version: int) -> Item:
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": _serialize({":version": version}),
    }


def _free_or_owned(claim: Claim) -> Item:
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR #owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": _serialize({":owner": claim.owner}),
    }


def _only_busy(reasons: Iterable[str]) -> bool:
    busy = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
    return all(reason == "None" or reason in busy for reason in reasons)


def _chunks(changes: Sequence[Change]) -> Iterator[list[Change]]:
    chunk: list[Change] = []
    size = 0
    for change in changes:
        weight = len(json.dumps(change.record.to_json())) if isinstance(change, Save) else 1_000
        # One action of each transaction is the guard's.
        if chunk and (len(chunk) == MAX_ACTIONS - 1 or size + weight > MAX_TRANSACTION):
            yield chunk
            chunk, size = [], 0
        chunk.append(change)
        size += weight
    if chunk:
        yield chunk
