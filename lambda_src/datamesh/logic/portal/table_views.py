"""Tables of a product, as people see them: what was declared together with what crawlers found."""

from collections.abc import Collection, Iterator
from itertools import accumulate, takewhile
from typing import NamedTuple

from datamesh.logic.portal.samples import sample_rows
from datamesh.models.api.products import ColumnView, TableView
from datamesh.models.commands import Column, DeclaredColumn, PartitionKey
from datamesh.models.registry import IndexedColumn, TableRecord

NOT_INDEXED = "it has not been indexed yet"


class Sight(NamedTuple):
    """What somebody sees of a table besides what all do. `samples` are columns, None stands for all of them.

    Columns with their examples take `max_bytes`; the others are left out.
    """

    location: bool = False
    errors: bool = False
    samples: bool = False
    sample_columns: Collection[str] | None = None
    max_bytes: int = 1_000_000


def table_view(record: TableRecord, sight: Sight) -> TableView:
    """Return a table as somebody sees it."""
    spec, index, crawl = record.spec, record.index, record.crawl
    columns = columns_of(record)
    listed = _fitting(record, columns, sight.max_bytes)
    rows = sample_rows(spec, sight.sample_columns, {column.name for column in listed}) if sight.samples else None
    return TableView(
        name=record.name,
        description=spec.description,
        format=spec.format,
        location=spec.location if sight.location else None,
        columns=listed,
        column_count=index.column_count if index is not None else sum("." not in column.name for column in columns),
        truncated=len(listed) < len(columns) or (index is not None and index.truncated),
        tags=index.tags if index is not None else dict(spec.tags),
        sensitive=index.sensitive if index is not None else True,
        reasons=index.reasons if index is not None else (f"table {record.name}: {NOT_INDEXED}",),
        crawl_status=crawl.status if crawl is not None else None,
        crawl_error=crawl.error if crawl is not None and sight.errors else None,
        crawled_at=crawl.stamp.occurred_at if crawl is not None else None,
        linked=record.linked is not None,
        samples=rows,
    )


def _fitting(record: TableRecord, columns: tuple[ColumnView, ...], max_bytes: int) -> tuple[ColumnView, ...]:
    """Return the first columns, as many as fit with their examples."""
    examples = {column.name: sum(map(len, column.examples)) for column in record.spec.columns}
    sizes = accumulate(len(column.model_dump_json()) + 2 * examples.get(column.name, 0) for column in columns)
    return columns[: sum(1 for _ in takewhile(lambda size: size <= max_bytes, sizes))]


def columns_of(record: TableRecord) -> tuple[ColumnView, ...]:
    """Return the columns of a table: in the catalog's order, each with the fields inside it that were declared, and at
    the end what was declared and is not in the catalog yet.
    """
    return tuple(_merged(record))


def _merged(record: TableRecord) -> Iterator[ColumnView]:
    said: tuple[Column | PartitionKey, ...] = (*record.spec.columns, *record.spec.partition_keys)
    declared = {column.name: column for column in said}
    for found in record.index.columns if record.index is not None else ():
        yield _found(found, declared.pop(found.name, None))
        for name in [name for name in declared if name.startswith(f"{found.name}.")]:
            yield _declared(declared.pop(name))
    yield from map(_declared, declared.values())


def _found(found: IndexedColumn, said: Column | PartitionKey | None) -> ColumnView:
    comment = said.comment if isinstance(said, Column) else None
    return ColumnView(
        name=found.name,
        type=found.type,
        comment=comment if comment is not None else found.comment,
        pii=_pii(found, said),
        partition_key=found.partition_key,
        tags=found.tags,
    )


def _pii(found: IndexedColumn, said: DeclaredColumn | None) -> bool | None:
    """Whoever says that it is personal data is believed; that the catalog has no flag says nothing."""
    if found.pii:
        return True
    return said.pii if said is not None else None


def _declared(column: Column | PartitionKey) -> ColumnView:
    return ColumnView(
        name=column.name,
        type=column.type,
        comment=column.comment if isinstance(column, Column) else None,
        pii=column.pii,
        partition_key=isinstance(column, PartitionKey),
        tags=column.tags,
    )
