"""Cuts a DataProductTagsChanged into as many events as it needs: an event has 256 KiB, a product a hundred tables."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from datamesh.models.base import Model
from datamesh.models.events import Entry, Metadata, make_entry
from datamesh.models.facts import AccessChange, DataProductTagsChanged, StandingTagGrant, TaggedTable
from datamesh.models.steps import Json

# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevent-size.html; the rest is for the envelope.
MAX_BYTES = 200_000
# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_ENTRIES = 10

Part = TaggedTable | AccessChange | StandingTagGrant


def pack(fact: DataProductTagsChanged, *, cause: Metadata, now: datetime, account: str) -> list[Entry]:
    """Return the events that say a fact to an account: one, or as many as it needs, each complete in itself."""
    entries: list[Entry] = []
    for number, parts in enumerate(_batches(fact)):
        piece = fact.model_copy(
            update={
                "tables": tuple(part for part in parts if isinstance(part, TaggedTable)),
                "changes": tuple(part for part in parts if isinstance(part, AccessChange)),
                "grants": tuple(part for part in parts if isinstance(part, StandingTagGrant)),
            }
        )
        # One event may change several products: the tags of a domain's database are inherited by all in it.
        discriminator = f"{fact.product}/{account}" if number == 0 else f"{fact.product}/{account}/{number}"
        entries.append(make_entry(piece, cause=cause, now=now, target_account=account, discriminator=discriminator))
    return entries


def first_batch(entries: Sequence[Entry]) -> list[Entry]:
    """Return as many of the entries as one call and the output of a state take, at least one if there is any."""
    batch, size = list[Entry](), 0
    for entry in entries[:MAX_ENTRIES]:
        length = _length(entry)
        if batch and size + length > MAX_BYTES:
            break
        batch.append(entry)
        size += length
    return batch


def telling(entries: Sequence[Entry], told: object) -> Json:
    """Return the outcome of a step that tells all entries, a few at a time; `told` is how many of them are out."""
    out = told if isinstance(told, int) else 0
    batch = first_batch(entries[out:])
    return {
        "outcome": "more" if batch else "told",
        "told": out + len(batch),
        "entries": [entry.to_json() for entry in batch],
    }


def _batches(fact: DataProductTagsChanged) -> Iterator[list[Part]]:
    batch, size = list[Part](), 0
    parts: list[Part] = [*(_fitting(table) for table in fact.tables), *fact.changes, *fact.grants]
    for part in parts:
        length = _length(part)
        if batch and size + length > MAX_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(part)
        size += length
    yield batch


def _fitting(table: TaggedTable) -> TaggedTable:
    """Return a table that fits into an event: of a very wide one only what it says as a whole."""
    return table if _length(table) <= MAX_BYTES else table.model_copy(update={"columns": {}})


def _length(part: Model) -> int:
    return len(part.model_dump_json().encode())
