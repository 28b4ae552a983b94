"""The timeline in DynamoDB: what happened, kept for people under every key by which they ask for it.

Everything may be put twice and in any order. An event stands as it came first; of an execution the newest status wins.
"""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from datamesh.aws import clients
from datamesh.aws.items import DYNAMODB_RULES, Item, deserialize, pages, serialize
from datamesh.aws.retry import Retrier
from datamesh.models.base import Model, iso
from datamesh.models.errors import WriteConflict
from datamesh.models.timeline import LinkSign, LinkSigns, TimelineEvent, TimelineExecution

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ModelT = TypeVar("ModelT", bound=Model)
ShownT = TypeVar("ShownT", TimelineEvent, TimelineExecution)
# A page that a filter thins out ends after so many items, and one of large events after so many bytes: a function
# answers with 6 MB at most. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_LOOKED_AT = 1_000
MAX_PAGE_BYTES = 3_000_000
# What a flow may have of each.
MAX_OF_FLOW = 500
# Two functions that put one execution at the same moment: the loser reads and merges again.
ATTEMPTS = 8
_KEYS = frozenset({"pk", "sk", "kind", "expires_at", "revision"})


class Flow(NamedTuple):
    """All that is known of a correlation id, the oldest first."""

    events: tuple[TimelineEvent, ...]
    executions: tuple[TimelineExecution, ...]


class Timeline:
    """Gateway to the timeline table."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None, retrier: Retrier | None = None) -> None:
        self._table = table
        self._client = client or clients.dynamodb()
        self._retrier = retrier or Retrier()

    # --- Writing ---

    def put_event(self, event: TimelineEvent, *, expires_at: datetime) -> bool:
        """Put an event under all its keys; False when it was there already under every one.

        Who knows the ids of another's event cannot replace it: the first one stays.
        """
        content = {"kind": event.kind, **_event_content(event), "expires_at": _seconds(expires_at)}
        place = f"{iso(event.occurred_at)}#{event.event_id}"
        keys = [(f"CORRELATION#{event.correlation_id}", place), (f"EVENTS#{place[:7]}", place)]
        keys += [(f"DOMAIN#{domain}#EVENTS", place) for domain in event.domains]
        put = [self._put({"pk": pk, "sk": sk, **content}, "attribute_not_exists(pk)") for pk, sk in keys]
        return any(put)

    def put_execution(self, execution: TimelineExecution, *, expires_at: datetime) -> TimelineExecution:
        """Put what is reported of an execution, and return what is known of it now.

        The item that alone finds it has a revision that grows; the copies in the lists follow it, never backwards.
        Raises WriteConflict when others kept putting the same execution.
        """
        known, revision = self._known(execution, expires_at)
        content = _execution_content(known) | {"expires_at": _seconds(expires_at), "revision": revision}
        place = f"{iso(known.started_at)}#{known.execution_id}"
        keys = [f"EXECUTIONS#{place[:7]}", *(f"DOMAIN#{domain}#EXECUTIONS" for domain in known.domains)]
        if known.correlation_id is not None:
            keys.append(f"CORRELATION#{known.correlation_id}")
        for pk in keys:
            self._put(
                {"pk": pk, "sk": place, **content},
                "attribute_not_exists(pk) OR revision < :revision",
                revision=revision,
            )
        return known

    def put_sign(self, sign: LinkSign, *, expires_at: datetime) -> None:
        """Put a sign of a domain's link, unless a newer one is known."""
        item = {"pk": f"DOMAIN#{sign.domain}#LINK", "sk": sign.sign, "kind": sign.kind, **sign.to_json()}
        self._put(
            item | {"expires_at": _seconds(expires_at)},
            "attribute_not_exists(pk) OR #at < :at",
            names={"#at": "at"},
            at=iso(sign.at),
        )

    # --- Reading ---

    def flow(self, correlation_id: uuid.UUID) -> Flow:
        """Return all events and executions of a flow."""
        items = list(islice(self._query(f"CORRELATION#{correlation_id}", forward=True), 2 * MAX_OF_FLOW))
        events = [_event(item) for item in items if item["kind"] == TimelineEvent.kind]
        executions = [_execution(item) for item in items if item["kind"] == TimelineExecution.kind]
        return Flow(tuple(events), tuple(executions))

    def execution(self, execution_id: str) -> TimelineExecution | None:
        """Return an execution by its identity."""
        item = self._get(f"EXECUTION#{execution_id}", "META")
        return None if item is None else _execution(item)

    def link(self, domain: str) -> LinkSigns:
        """Return when something last passed between central and a domain."""
        found = {item["sk"]: _read(LinkSign, item) for item in self._query(f"DOMAIN#{domain}#LINK", forward=True)}
        return LinkSigns(sent=found.get("SENT"), heard=found.get("HEARD"), failed=found.get("FAILED"))

    def events_of(self, domain: str, *, limit: int, after: str | None = None) -> tuple[list[TimelineEvent], str | None]:
        """Return a page of a domain's events, the newest first, and after what the next page begins."""
        return _page(self._query(f"DOMAIN#{domain}#EVENTS", after=after), _event, limit)

    def executions_of(
        self,
        domain: str,
        *,
        limit: int,
        after: str | None = None,
        accept: Callable[[TimelineExecution], bool] = lambda _execution: True,
    ) -> tuple[list[TimelineExecution], str | None]:
        """Return a page of the executions that concern a domain, the newest first, and after what the next begins."""
        return _page(self._query(f"DOMAIN#{domain}#EXECUTIONS", after=after), _execution, limit, accept)

    def events(
        self, *, limit: int, since: datetime, until: datetime, after: str | None = None
    ) -> tuple[list[TimelineEvent], str | None]:
        """Return a page of all events of the mesh: the months are walked back from `until` to `since`."""
        return _page(self._months("EVENTS", since, until, after), _event, limit)

    def executions(
        self,
        *,
        limit: int,
        since: datetime,
        until: datetime,
        after: str | None = None,
        accept: Callable[[TimelineExecution], bool] = lambda _execution: True,
    ) -> tuple[list[TimelineExecution], str | None]:
        """Return a page of all executions of the mesh: the months are walked back from `until` to `since`."""
        return _page(self._months("EXECUTIONS", since, until, after), _execution, limit, accept)

    # --- Parts ---

    def _known(self, execution: TimelineExecution, expires_at: datetime) -> tuple[TimelineExecution, int]:
        key = (f"EXECUTION#{execution.execution_id}", "META")
        for _ in range(ATTEMPTS):
            item = self._get(*key)
            before, revision = (None, 0) if item is None else (_execution(item), int(item["revision"]))
            known = execution if before is None else before.merged(execution)
            if known == before:
                return known, revision
            wanted = {"pk": key[0], "sk": key[1], **_execution_content(known), "revision": revision + 1}
            condition = "attribute_not_exists(pk) OR revision = :before" if revision else "attribute_not_exists(pk)"
            values: dict[str, Any] = {"before": revision} if revision else {}
            if self._put(wanted | {"expires_at": _seconds(expires_at)}, condition, **values):
                return known, revision + 1
        raise WriteConflict(f"Others kept putting the execution {execution.execution_id}")

    def _put(self, item: Item, condition: str, *, names: Mapping[str, str] | None = None, **values: object) -> bool:
        """Put an item if a condition holds; False when it does not.

        Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
        """
        request: dict[str, Any] = {
            "TableName": self._table,
            "Item": serialize({name: value for name, value in item.items() if value is not None}),
            "ConditionExpression": condition,
        }
        if names:
            request["ExpressionAttributeNames"] = dict(names)
        if values:
            request["ExpressionAttributeValues"] = serialize({f":{name}": value for name, value in values.items()})
        try:
            self._retrier.run(lambda: self._client.put_item(**request), rules=DYNAMODB_RULES)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def _get(self, pk: str, sk: str) -> Item | None:
        answer = self._retrier.run(
            lambda: self._client.get_item(
                TableName=self._table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True
            ),
            rules=DYNAMODB_RULES,
        )
        return deserialize(answer["Item"]) if "Item" in answer else None

    def _query(self, pk: str, *, forward: bool = False, after: str | None = None) -> Iterator[Item]:
        condition = "pk = :pk" if after is None else "pk = :pk AND sk < :after"
        request = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": serialize({":pk": pk} | ({} if after is None else {":after": after})),
            "ScanIndexForward": forward,
            "ConsistentRead": True,
        }
        return pages(self._client.query, request, self._retrier)

    def _months(self, what: str, since: datetime, until: datetime, after: str | None) -> Iterator[Item]:
        first, month = iso(since)[:7], iso(until)[:7]
        if after is not None:
            month = min(month, after[:7])
        while month >= first:
            yield from self._query(f"{what}#{month}", after=after)
            month = _month_before(month)


def _page(
    items: Iterator[Item],
    read: Callable[[Item], ShownT],
    limit: int,
    accept: Callable[[ShownT], bool] = lambda _shown: True,
) -> tuple[list[ShownT], str | None]:
    """Return what is accepted, up to the limit, and the key of the last item looked at if there are more."""
    found: list[ShownT] = []
    size, last = 0, None
    for number, item in enumerate(items):
        if len(found) == limit or number == MAX_LOOKED_AT or size > MAX_PAGE_BYTES:
            return found, last
        shown = read(item)
        if accept(shown):
            found.append(shown)
            size += len(item.get("data", ""))
        last = item["sk"]
    return found, None


def _month_before(month: str) -> str:
    first = datetime.fromisoformat(f"{month}-01")
    return (first - timedelta(days=1)).strftime("%Y-%m")


def _seconds(moment: datetime) -> int:
    """Return a time as DynamoDB's time to live has it."""
    return int(moment.timestamp())


def _event_content(event: TimelineEvent) -> Item:
    # One JSON text: DynamoDB has no floats, and its numbers come back as others than those that were sent.
    return event.to_json() | {"data": json.dumps(event.data, separators=(",", ":"))}


def _execution_content(execution: TimelineExecution) -> Item:
    return {"kind": execution.kind, **execution.to_json()}


def _event(item: Item) -> TimelineEvent:
    return _read(TimelineEvent, item | {"data": json.loads(item["data"])})


def _execution(item: Item) -> TimelineExecution:
    return _read(TimelineExecution, item)


def _read(model: type[ModelT], item: Item) -> ModelT:
    return model.model_validate({name: value for name, value in item.items() if name not in _KEYS})
