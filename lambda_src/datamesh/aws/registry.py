"""The registry in DynamoDB: typed records, conditional changes."""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar, cast

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.items import (
    BUSY,
    DYNAMODB_RULES,
    MAX_ACTIONS,
    MAX_ITEM,
    MAX_TRANSACTION,
    Item,
    deserialize,
    pages,
    serialize,
)
from datamesh.aws.ledger import entry_to_item, follow
from datamesh.aws.retry import Handling, Retrier, Rule, error_of
from datamesh.models.approvals import OPEN_APPROVALS, ApprovalRecord, LinkRecord, OpenApproval, approval_key, link_key
from datamesh.models.errors import AwsTemporarilyUnavailable, InvalidSettings, RecordTooLarge, WriteConflict
from datamesh.models.ledger import LedgerEvent
from datamesh.models.notifications import NotificationRecord, notification_key
from datamesh.models.policy import ApprovalPolicy, read_policy
from datamesh.models.registry import (
    ADDED_TAGS,
    DOMAINS,
    LEDGER_HEAD,
    POLICY,
    POLICY_SEEN,
    TAG_GRANTS,
    TAG_WORK,
    AccessWork,
    AddedTags,
    Append,
    Change,
    Check,
    Claim,
    DomainRecord,
    Drop,
    GiveBack,
    GrantRecord,
    Key,
    LedgerHead,
    PolicyRecord,
    PolicySeen,
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
    access_work_key,
    domain_key,
    grants_listing,
    product_key,
    product_pk,
    request_key,
    request_pk,
    requests_listing,
    tag_change_key,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RecordT = TypeVar("RecordT", bound=Record)
MAX_BATCH_GET = 100
# The index by which people are shown lists (modules/central-governance/registry.tf).
LISTING = "listing"
_NO_FIELDS = frozenset({"pk", "sk", "kind", "list_pk", "list_sk"})
# Somebody else has appended to the ledger: the entry is made anew and follows his.
_LEDGER_MOVED = Rule(Handling.RETRY, budget=30, cap=1)


def record_to_item(record: Record) -> Item:
    """Return a record as item, keys included. Raises RecordTooLarge."""
    content = record.to_json()
    size = len(json.dumps(content).encode())
    if size > MAX_ITEM:
        raise RecordTooLarge(f"{record.key.pk}/{record.key.sk} has {size} bytes")
    listed = {} if record.listing is None else {"list_pk": record.listing.pk, "list_sk": record.listing.sk}
    return {**record.key.to_json(), **listed, "kind": record.kind, **content}


def record_from_item(model: type[RecordT], item: Mapping[str, Any]) -> RecordT:
    """Read a record from an item."""
    return model.model_validate({name: value for name, value in item.items() if name not in _NO_FIELDS})


class Registry:
    """Gateway to the registry table, and to the ledger's for those who append to it.

    Reads are consistent: decisions are made on them. Those of `domains`, `requests_of` and `grants_of` are not: they
    read an index that follows the table, mostly within a second, and are for lists that people look at.
    """

    def __init__(
        self,
        table: str,
        client: "DynamoDBClient | None" = None,
        retrier: Retrier | None = None,
        *,
        ledger_table: str | None = None,
    ) -> None:
        self._table = table
        self._ledger_table = ledger_table
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

    def policy(self) -> ApprovalPolicy:
        """Return the approval policy in force, the default one when none was written. Raises InvalidPolicy."""
        record = self._record(PolicyRecord, POLICY)
        return read_policy(record.document if record is not None else None)

    def policy_seen(self) -> PolicySeen | None:
        """Return which policy the ledger knows to be in force."""
        return self._record(PolicySeen, POLICY_SEEN)

    def approval(self, request_id: uuid.UUID, number: int) -> ApprovalRecord | None:
        """Return a stage of a request's approval."""
        return self._record(ApprovalRecord, approval_key(request_id, number))

    def approvals(self, request_id: uuid.UUID) -> list[ApprovalRecord]:
        """Return all stages of a request's approval that were opened, in order."""
        return [record_from_item(ApprovalRecord, item) for item in self._query(request_pk(request_id), "STAGE#")]

    def link(self, link_id: str) -> LinkRecord | None:
        """Return an approval link."""
        return self._record(LinkRecord, link_key(link_id))

    def notification(self, request_id: uuid.UUID, notification_id: str) -> NotificationRecord | None:
        """Return that a message about a request was sent, or is being sent."""
        return self._record(NotificationRecord, notification_key(request_id, notification_id))

    def open_approvals(self) -> list[OpenApproval]:
        """Return all stages of the mesh that wait, or whose answer was not taken."""
        return [record_from_item(OpenApproval, item) for item in self._query(OPEN_APPROVALS, "")]

    def access_work(self, consumer: str) -> AccessWork | None:
        """Return who changes what a consumer is granted."""
        return self._record(AccessWork, access_work_key(consumer))

    def ledger_head(self) -> LedgerHead | None:
        """Return the last entry of the ledger; None before the first one."""
        return self._record(LedgerHead, LEDGER_HEAD)

    def domains(self) -> list[DomainRecord]:
        """Return all domains of the mesh by name, those that have left included; possibly as they were a moment ago."""
        return [record_from_item(DomainRecord, item) for item in self._listed(DOMAINS)]

    def requests_of(
        self, consumer: str, *, limit: int, after: str | None = None
    ) -> tuple[list[RequestRecord], str | None]:
        """Return a page of a domain's requests, the newest first, and after what the next page begins.

        None instead of that says that this was the last page. What is shown may be as it was a moment ago.
        Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.KeyConditionExpressions.html
        """
        found = self._listed(requests_listing(consumer), newest_first=True, after=after, limit=limit + 1)
        items = list(islice(found, limit + 1))
        more = items[limit - 1]["list_sk"] if len(items) > limit else None
        return [record_from_item(RequestRecord, item) for item in items[:limit]], more

    def grants_of(self, consumer: str) -> list[GrantRecord]:
        """Return what a domain is granted by name, by product; possibly as it was a moment ago."""
        return [record_from_item(GrantRecord, item) for item in self._listed(grants_listing(consumer))]

    def all_domains(self) -> list[DomainRecord]:
        """Return all domains of the mesh, by name: reads the whole registry, for what runs seldom."""
        return sorted(self._scan(DomainRecord), key=lambda domain: domain.domain)

    def all_grants(self) -> list[GrantRecord]:
        """Return all grants by name of the mesh: reads the whole registry, for what runs seldom."""
        return sorted(self._scan(GrantRecord), key=lambda grant: (grant.key.pk, grant.key.sk))

    def all_requests(self) -> list[RequestRecord]:
        """Return all requests of the mesh: reads the whole registry, for what runs seldom."""
        return sorted(self._scan(RequestRecord), key=lambda request: request.key.pk)

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
            pending: list[Any] = [serialize(claim.key.to_json()) for claim in claims[start : start + MAX_BATCH_GET]]
            attempt, waited = 0, 0.0
            while pending:
                request = {self._table: {"Keys": pending, "ConsistentRead": True}}
                answer = self._retrier.run(
                    partial(self._client.batch_get_item, RequestItems=cast("Any", request)), rules=DYNAMODB_RULES
                )
                for item in map(deserialize, answer["Responses"].get(self._table, [])):
                    found[Key(pk=item["pk"], sk=item["sk"])] = item["owner"]
                left = answer.get("UnprocessedKeys", {})
                pending = list(left[self._table]["Keys"]) if self._table in left else []
                if pending:
                    waited += self._retrier.pause(BUSY, attempt, waited, "UnprocessedKeys")
                    attempt += 1
        return found

    def write(self, changes: Sequence[Change]) -> None:
        """Make all changes, or none; what is appended to the ledger is chained in the order in which it stands.

        Raises WriteConflict when a condition does not hold (or the ledger kept moving on), RecordTooLarge,
        AwsTemporarilyUnavailable.
        Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
        """
        own = [self._action(change) for change in changes if not isinstance(change, Append)]
        events = [change.event for change in changes if isinstance(change, Append)]
        attempt, waited, moved, moved_waited = 0, 0.0, 0, 0.0
        while own or events:
            try:
                self._transact([*own, *self._entered(events)])
            except ClientError as error:
                if error_of(error)[0] != "TransactionCanceledException":
                    raise
                reasons = [reason.get("Code", "None") for reason in error.response.get("CancellationReasons", [])]
                of_ledger = [reason for reason in reasons[len(own) :] if reason != "ConditionalCheckFailed"]
                if not _only_busy([*reasons[: len(own)], *of_ledger]):
                    raise WriteConflict(error_of(error)[1]) from error
                if "ConditionalCheckFailed" in reasons:
                    moved_waited += self._wait_for_ledger(moved, moved_waited, error)
                    moved += 1
                else:
                    # Another transaction touches the same items at this moment.
                    waited += self._retrier.pause(BUSY, attempt, waited, error_of(error)[1])
                    attempt += 1
            else:
                return

    def write_all(self, changes: Sequence[Change], guard: Record) -> None:
        """Make any number of changes, in as many transactions as needed, each only while `guard` stands unchanged.

        Every change must be harmless when it is made again: a crash in between is healed by making all once more.
        The ledger is appended to in the last transaction, when all else has happened.
        Raises WriteConflict, RecordTooLarge, AwsTemporarilyUnavailable.
        """
        events = [change for change in changes if isinstance(change, Append)]
        for chunk in _chunks([*(change for change in changes if not isinstance(change, Append)), *events]):
            self.write([Check(guard), *chunk])

    def _transact(self, actions: Sequence[Item]) -> None:
        # With one token for all its repetitions, a transaction whose answer was lost does not happen twice.
        token = str(uuid.uuid4())
        self._retrier.run(
            lambda: self._client.transact_write_items(
                TransactItems=cast("Any", list(actions)), ClientRequestToken=token
            ),
            rules=DYNAMODB_RULES,
        )

    def _entered(self, events: Sequence[LedgerEvent]) -> list[Item]:
        """Return what enters events after the ledger's last entry, as long as that is the last one."""
        if not events:
            return []
        if self._ledger_table is None:
            raise InvalidSettings("LEDGER_TABLE: nothing can be entered into the ledger without it")
        entries, head = follow(self.ledger_head(), events)
        puts = [{"TableName": self._ledger_table, "Item": serialize(entry_to_item(entry))} for entry in entries]
        return [*({"Put": put | _version_is(0)} for put in puts), self._action(Save(head))]

    def _wait_for_ledger(self, attempt: int, waited: float, error: ClientError) -> float:
        try:
            return self._retrier.pause(_LEDGER_MOVED, attempt, waited, error_of(error)[1])
        except AwsTemporarilyUnavailable:
            raise WriteConflict("Others kept appending to the ledger") from error

    def _record(self, model: type[RecordT], key: Key) -> RecordT | None:
        item = self._get(key)
        return record_from_item(model, item) if item else None

    def _get(self, key: Key) -> Item | None:
        answer = self._retrier.run(
            lambda: self._client.get_item(
                TableName=self._table, Key=cast("Any", serialize(key.to_json())), ConsistentRead=True
            ),
            rules=DYNAMODB_RULES,
        )
        return deserialize(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str, sk_prefix: str) -> Iterator[Item]:
        # An empty prefix is no value that DynamoDB compares a key with.
        condition = "pk = :pk AND begins_with(sk, :sk)" if sk_prefix else "pk = :pk"
        request = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": serialize({":pk": pk} | ({":sk": sk_prefix} if sk_prefix else {})),
            "ConsistentRead": True,
        }
        return pages(self._client.query, request, self._retrier)

    def _listed(
        self, pk: str, *, newest_first: bool = False, after: str | None = None, limit: int | None = None
    ) -> Iterator[Item]:
        # An index takes no consistent reads. `limit` is how many are read at once, not how many there are.
        condition = "list_pk = :pk" if after is None else "list_pk = :pk AND list_sk < :after"
        request = {
            "TableName": self._table,
            "IndexName": LISTING,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": serialize({":pk": pk} | ({} if after is None else {":after": after})),
            "ScanIndexForward": not newest_first,
        } | ({} if limit is None else {"Limit": limit})
        return pages(self._client.query, request, self._retrier)

    def _scan(self, model: type[RecordT]) -> Iterator[RecordT]:
        request = {
            "TableName": self._table,
            "FilterExpression": "#kind = :kind",
            "ExpressionAttributeNames": {"#kind": "kind"},
            "ExpressionAttributeValues": serialize({":kind": model.kind}),
            "ConsistentRead": True,
        }
        return (record_from_item(model, item) for item in pages(self._client.scan, request, self._retrier))

    def _action(self, change: Save | Drop | Check | Take | GiveBack) -> Item:
        match change:
            case Save(record):
                put = {"TableName": self._table, "Item": serialize(record_to_item(record))}
                return {"Put": put | _version_is(record.version - 1)}
            case Drop(record):
                return {"Delete": self._at(record.key) | _version_is(record.version)}
            case Check(record):
                return {"ConditionCheck": self._at(record.key) | _version_is(record.version)}
            case Take(claim):
                item = {**claim.key.to_json(), "kind": "claim", "owner": claim.owner}
                return {"Put": {"TableName": self._table, "Item": serialize(item)} | _free_or_owned(claim)}
            case GiveBack(claim):
                return {"Delete": self._at(claim.key) | _free_or_owned(claim)}

    def _at(self, key: Key) -> Item:
        return {"TableName": self._table, "Key": serialize(key.to_json())}


def _version_is(version: int) -> Item:
    if version == 0:
        return {"ConditionExpression": "attribute_not_exists(pk)"}
    return {
        "ConditionExpression": "#version = :version",
        "ExpressionAttributeNames": {"#version": "version"},
        "ExpressionAttributeValues": serialize({":version": version}),
    }


def _free_or_owned(claim: Claim) -> Item:
    return {
        "ConditionExpression": "attribute_not_exists(pk) OR #owner = :owner",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": serialize({":owner": claim.owner}),
    }


def _only_busy(reasons: Iterable[str]) -> bool:
    busy = {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
    return all(reason == "None" or reason in busy for reason in reasons)


def _chunks(changes: Sequence[Change]) -> Iterator[list[Change]]:
    chunk: list[Change] = []
    size = 0
    for change in changes:
        weight = _weight(change)
        # Two actions of each transaction are the guard's and that of the ledger's head.
        if chunk and (len(chunk) == MAX_ACTIONS - 2 or size + weight > MAX_TRANSACTION):
            yield chunk
            chunk, size = [], 0
        chunk.append(change)
        size += weight
    if chunk:
        yield chunk


def _weight(change: Change) -> int:
    if isinstance(change, Save):
        return len(json.dumps(change.record.to_json()))
    return len(json.dumps(change.event.to_json())) + 1_000 if isinstance(change, Append) else 1_000
