"""The ledger in DynamoDB: entries as items, and all of them in order. `aws/registry.py` appends, nobody changes."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from datamesh.aws import clients
from datamesh.aws.items import MAX_ITEM, Item, pages, serialize
from datamesh.aws.retry import Retrier
from datamesh.models.errors import LedgerBroken, RecordTooLarge
from datamesh.models.ledger import FIRST, LedgerEntry, LedgerEvent, Stored
from datamesh.models.registry import LedgerHead

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEDGER_PK = "LEDGER"
# As many digits as no mesh will need: the order of the keys is the order of the numbers.
_DIGITS = 12
# A function answers with 6 MB at most: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_LOOKED_AT = 2_000
MAX_PAGE_BYTES = 3_000_000


def entry_key(sequence: int) -> dict[str, str]:
    """Return the primary key of an entry."""
    return {"pk": LEDGER_PK, "sk": f"{sequence:0{_DIGITS}d}"}


def entry_to_item(entry: LedgerEntry) -> Item:
    """Return an entry as item. Raises RecordTooLarge.

    The details are one JSON text: DynamoDB's numbers would come back as others than those that were hashed.
    """
    content = entry.to_json()
    content["details"] = json.dumps(content["details"], sort_keys=True)
    size = len(json.dumps(content).encode())
    if size > MAX_ITEM:
        raise RecordTooLarge(f"Entry {entry.sequence} of the ledger has {size} bytes")
    return {**entry_key(entry.sequence), **content}


def entry_from_item(item: Mapping[str, Any]) -> LedgerEntry:
    """Read an entry from an item."""
    content = {name: value for name, value in item.items() if name not in {"pk", "sk"}}
    return LedgerEntry.model_validate(content | {"details": json.loads(content["details"])})


def follow(head: LedgerHead | None, events: Sequence[LedgerEvent]) -> tuple[list[LedgerEntry], LedgerHead]:
    """Chain events to the last entry, and return them as entries with the head that comes after them."""
    version, sequence, digest = (head.version + 1, head.sequence, head.digest) if head is not None else (1, 0, FIRST)
    entries: list[LedgerEntry] = []
    for event in events:
        entry = LedgerEntry.following(event, sequence=sequence, previous=digest)
        sequence, digest = entry.sequence, entry.digest
        entries.append(entry)
    return entries, LedgerHead(version=version, sequence=sequence, digest=digest)


class Ledger:
    """Reads the ledger table."""

    def __init__(self, table: str, client: "DynamoDBClient | None" = None, retrier: Retrier | None = None) -> None:
        self._table = table
        self._client = client or clients.dynamodb()
        self._retrier = retrier or Retrier()

    def items(self, after: int = 0) -> Iterator[Item]:
        """Yield all items in order of their keys, those up to number `after` left out. Reads are consistent."""
        condition, values = "pk = :pk", {":pk": LEDGER_PK}
        if after:
            condition, values = f"{condition} AND sk > :after", values | {":after": entry_key(after)["sk"]}
        request = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": serialize(values),
            "ConsistentRead": True,
        }
        return pages(self._client.query, request, self._retrier)

    def entries(self, after: int = 0) -> Iterator[LedgerEntry]:
        """Yield all entries in order, those up to number `after` left out. Raises LedgerBroken."""
        for stored in map(_stored, self.items(after)):
            if stored.entry is None:
                raise LedgerBroken(f"Entry {stored.number} cannot be read: {stored.problem}")
            yield stored.entry

    def newest(
        self,
        *,
        limit: int,
        before: int | None = None,
        accept: Callable[[LedgerEntry], bool] = lambda _entry: True,
    ) -> tuple[list[LedgerEntry], int | None]:
        """Return a page of the entries that are accepted, the newest first, and before which number the next begins.

        A page that hardly anything is accepted for ends after so many entries. Raises LedgerBroken.
        """
        condition, values = "pk = :pk", {":pk": LEDGER_PK}
        if before is not None:
            condition, values = f"{condition} AND sk < :before", values | {":before": entry_key(before)["sk"]}
        request = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": serialize(values),
            "ConsistentRead": True,
            "ScanIndexForward": False,
        }
        found: list[LedgerEntry] = []
        last: int | None = None
        size = 0
        for looked_at, item in enumerate(pages(self._client.query, request, self._retrier)):
            if len(found) == limit or looked_at == MAX_LOOKED_AT or size > MAX_PAGE_BYTES:
                return found, last
            stored = _stored(item)
            if stored.entry is None:
                raise LedgerBroken(f"Entry {stored.number} cannot be read: {stored.problem}")
            if accept(stored.entry):
                found.append(stored.entry)
                size += len(item["details"])
            last = stored.entry.sequence
        return found, None

    def stored(self) -> Iterator[Stored]:
        """Yield what lies in the table in the order of its keys, whether it can be read or not."""
        return map(_stored, self.items())


def _stored(item: Item) -> Stored:
    number = int(item["sk"]) if re.fullmatch(rf"[0-9]{{{_DIGITS}}}", item["sk"]) else None
    try:
        entry = entry_from_item(item)
    except (KeyError, TypeError, ValueError) as error:
        return Stored(number, None, type(error).__name__)
    # What means the same but is written in another way was not written by the mesh.
    if number == entry.sequence and entry_to_item(entry) != item:
        return Stored(number, None, "it is written in another way")
    return Stored(number, entry)
