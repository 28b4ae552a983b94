"""What fits into a table's record: its declaration, and as much of its index and its LF-tags as there is room for.

An item of DynamoDB has 400 KB, a declaration up to 2,000 columns.
"""

import json
from collections.abc import Iterable, Iterator

from datamesh.models.registry import TableIndex, TableRecord
from datamesh.models.tags import TableTags

# What remains of the record is for reasons, stamps and the tags of the table as a whole.
RECORD_BYTES = 350_000
MAX_COLUMNS_BYTES = 100_000
MAX_TAGGED_BYTES = 80_000


def fitting(table: TableRecord) -> TableRecord:
    """Return a table's record so that it fits into the registry: of a very wide table not all columns are kept."""
    half = max(0, RECORD_BYTES - len(json.dumps(table.spec.to_json()))) // 2
    index = _index(table.index, min(half, MAX_COLUMNS_BYTES)) if table.index is not None else None
    tagged = _tagged(table.tagged, min(half, MAX_TAGGED_BYTES)) if table.tagged is not None else None
    return table.model_copy(update={"index": index, "tagged": tagged})


def _index(index: TableIndex, room: int) -> TableIndex:
    sizes = (len(json.dumps(column.to_json())) + 2 for column in index.columns)
    kept = index.columns[: _count(sizes, room)]
    return index.model_copy(update={"columns": kept, "truncated": len(kept) < index.column_count})


def _tagged(tags: TableTags, room: int) -> TableTags:
    sizes = (_size(name, tags) for name in tags.column_names)
    names = tags.column_names[: _count(sizes, room)]
    columns = {name: tags.columns[name] for name in names if name in tags.columns}
    return tags.model_copy(update={"column_names": names, "columns": columns})


def _size(name: str, tags: TableTags) -> int:
    own = tags.columns.get(name)
    return len(json.dumps(name)) + 2 + (len(json.dumps({name: own})) if own else 0)


def _count(sizes: Iterable[int], room: int) -> int:
    """Return how many of the first ones fit."""
    return sum(1 for total in _totals(sizes) if total <= room)


def _totals(sizes: Iterable[int]) -> Iterator[int]:
    total = 0
    for size in sizes:
        total += size
        yield total
