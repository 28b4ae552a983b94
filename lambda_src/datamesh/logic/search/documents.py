"""What the search index holds of a product: made of the registry's records alone, as they are right now."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from datamesh.logic.sensitivity import assess
from datamesh.logic.tags import effective
from datamesh.models.catalog import CatalogDatabase
from datamesh.models.registry import DomainRecord, ProductContent, ProductRecord, TableRecord
from datamesh.models.search import RemovedProduct, SearchChange, SearchColumn, SearchDocument, tag_text

UNCLASSIFIED: Final = "unclassified"
# Of a product with more columns the first ones are searched.
MAX_COLUMNS: Final = 5_000
# Milliseconds since then, and below them versions: together a whole number of 63 bits until the year 2089.
_BEGINNING: Final = datetime(2020, 1, 1, tzinfo=UTC)
_VERSION_BITS: Final = 22
_LEAVING: Final = frozenset({"DEREGISTERING", "DEREGISTERED"})


def state_of(
    domain: DomainRecord | None, product: ProductRecord | None, tables: Sequence[TableRecord], *, named: tuple[str, str]
) -> SearchChange:
    """Return what the index shall hold of a product that is named so, or that it shall forget it."""
    if domain is not None and domain.config is not None and product is not None:
        document = document_of(product, tables, domain)
        if document is not None:
            return document
    return RemovedProduct(domain=named[0], name=named[1], sequence=sequence_of(domain, product, tables))


def document_of(
    product: ProductRecord, tables: Sequence[TableRecord], domain: DomainRecord | None = None
) -> SearchDocument | None:
    """Return what is found of a product; None while it has never been in force, or leaves, or has left."""
    content = product.content
    if content is None or product.status in _LEAVING:
        return None
    owners = domain.config.product_owners if domain is not None and domain.config is not None else ()
    return SearchDocument(
        domain=product.domain,
        name=product.name,
        description=content.description,
        classification=content.classification or UNCLASSIFIED,
        pii=content.pii,
        sensitive=_is_sensitive(product, content, tables),
        access_mode=product.access_mode,
        tags=_distinct(tag_text(key, value) for table in tables for key, value in _tags(table, content, domain)),
        formats=_distinct(table.spec.format for table in tables),
        owners=_distinct(person.email for person in owners),
        tables=tuple(table.name for table in tables),
        table_descriptions=tuple(table.spec.description for table in tables if table.spec.description),
        columns=tuple(column for table in tables for column in _columns(table))[:MAX_COLUMNS],
        registered_at=product.registered_at,
        sequence=sequence_of(domain, product, tables),
    )


def sequence_of(domain: DomainRecord | None, product: ProductRecord | None, tables: Sequence[TableRecord]) -> int:
    """Return a number that grows with every change of the records that a document is made of.

    Every change makes the version of a record grow, so their sum does. But records are dropped: a product's tables when
    it is deregistered, its own with its domain; and what is registered again begins with version 1. So first of all
    counts when the product or the domain was changed last. That time never goes back for a record, and between two
    lives of one lies a workflow. Of what changes without it (a crawler's find is saved with a table alone) the sum
    tells; no table is dropped without a change of its product.
    """
    moments = [record.updated_at for record in (domain, product) if record is not None]
    if not moments:
        return 0
    passed = max(0, (max(moments) - _BEGINNING) // timedelta(milliseconds=1))
    versions = sum(record.version for record in (domain, product, *tables) if record is not None)
    return passed << _VERSION_BITS | min(versions, (1 << _VERSION_BITS) - 1)


def _is_sensitive(product: ProductRecord, content: ProductContent, tables: Sequence[TableRecord]) -> bool:
    """Tell whether anything of it is sensitive by what was said and found; what was not looked at yet may be."""
    contents = [each for each in (content, product.pending) if each is not None]
    said = assess(CatalogDatabase(name=product.database), (), contents=contents, specs={})
    return said.sensitive or any(
        table.index is None
        or table.index.sensitive
        or any(column.pii for column in (*table.spec.columns, *table.spec.partition_keys))
        for table in tables
    )


def _tags(table: TableRecord, content: ProductContent, domain: DomainRecord | None) -> Iterator[tuple[str, str]]:
    """Yield what a table and its columns carry: as the mesh knows it to be, else as the catalog had it, else as it is
    declared.
    """
    declared = (*table.spec.columns, *table.spec.partition_keys)
    if table.tagged is not None:
        yield from effective(table.tagged).items()
        for of_column in table.tagged.columns.values():
            yield from of_column.items()
    elif table.index is not None:
        yield from table.index.tags.items()
        for indexed in table.index.columns:
            yield from indexed.tags.items()
        if table.index.truncated:
            for column in declared:
                yield from column.tags.items()
    else:
        inherited = domain.tags if domain is not None else {}
        yield from {**inherited, **content.tags, **table.spec.tags}.items()
        for column in declared:
            yield from column.tags.items()


def _columns(table: TableRecord) -> Iterator[SearchColumn]:
    """Yield a table's columns as the catalog has them, then those that are declared besides."""
    comments = {column.name: column.comment for column in table.spec.columns}
    indexed = table.index.columns if table.index is not None else ()
    for found in indexed:
        comment = found.comment or comments.get(found.name)
        yield SearchColumn(table=table.name, name=found.name, comment=comment)
    known = {column.name for column in indexed}
    for declared in (*table.spec.columns, *table.spec.partition_keys):
        if declared.name not in known:
            yield SearchColumn(table=table.name, name=declared.name, comment=comments.get(declared.name))


def _distinct(values: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))
