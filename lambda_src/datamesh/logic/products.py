"""What a product is to look like after a command: of every part the newest word wins, in whatever order they came."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from datamesh.logic.locations import check_overlaps
from datamesh.models.commands import MAX_TABLES, ProductSpec, TableSpec
from datamesh.models.errors import LocationChanged, TooManyTables
from datamesh.models.registry import ProductContent, ProductRecord, Stamp, TableRecord


@dataclass(frozen=True)
class DesiredTable:
    """A table as it is to be, and what the registry has of it."""

    spec: TableSpec
    stamp: Stamp
    record: TableRecord | None

    @property
    def declared_anew(self) -> bool:
        """Whether the declaration differs from the one in the registry."""
        return self.record is None or self.record.spec != self.spec


@dataclass(frozen=True)
class DesiredProduct:
    """A product as it is to be."""

    content: ProductContent
    tables: tuple[DesiredTable, ...]
    content_changed: bool

    @property
    def new_names(self) -> tuple[str, ...]:
        """Names of the tables that the registry does not have."""
        return tuple(table.spec.name for table in self.tables if table.record is None)


def merge(
    record: ProductRecord | None, tables: Sequence[TableRecord], spec: ProductSpec, stamp: Stamp
) -> DesiredProduct:
    """Merge a command into what is registered.

    Per part (the product's own description; each table) the newer word wins, and tables that the command does not name
    stay. Raises LocationChanged when a newer word moves a table, LocationOverlap, TooManyTables.
    """
    known = {table.name: table for table in tables}
    desired = {table.name: DesiredTable(spec=table.spec, stamp=table.stamp, record=table) for table in known.values()}
    for number, wanted in enumerate(spec.tables):
        recorded = known.get(wanted.name)
        if not stamp.newer_than(recorded.stamp if recorded else None):
            continue
        if recorded is not None and recorded.spec.location != wanted.location:
            raise LocationChanged(
                f"{wanted.name} is registered at {recorded.spec.location} and cannot move to {wanted.location}",
                f"product.tables.{number}.location",
            )
        desired[wanted.name] = DesiredTable(spec=wanted, stamp=stamp, record=recorded)
    if len(desired) > MAX_TABLES:
        raise TooManyTables(f"{spec.name} would have {len(desired)} tables, more than {MAX_TABLES}")
    check_overlaps(table.spec for table in desired.values())
    before = record.content if record else None
    content = (
        ProductContent(description=spec.description, classification=spec.classification, pii=spec.pii, stamp=stamp)
        if before is None or stamp.newer_than(before.stamp)
        else before
    )
    return DesiredProduct(
        content=content,
        tables=tuple(sorted(desired.values(), key=lambda table: table.spec.name)),
        content_changed=before is None or _said(before) != _said(content),
    )


def is_superseded(record: ProductRecord | None, tables: Sequence[TableRecord], spec: ProductSpec, stamp: Stamp) -> bool:
    """Tell whether all that a command says is recorded, or newer words are: it is repeated, or came too late."""
    if record is None or record.content is None or stamp.newer_than(record.content.stamp):
        return False
    known: Mapping[str, TableRecord] = {table.name: table for table in tables}
    return all(table.name in known and not stamp.newer_than(known[table.name].stamp) for table in spec.tables)


def _said(content: ProductContent) -> tuple[str, str | None, bool | None]:
    return content.description, content.classification, content.pii
