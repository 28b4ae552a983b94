"""What a product is to look like after a command: of every part the newest word wins, in whatever order they came."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from datamesh.logic.locations import check_overlaps
from datamesh.models.commands import MAX_TABLES, AccessMode, DeclaredColumn, ProductSpec, TableSpec
from datamesh.models.errors import AccessModeNarrowed, InvalidCommand, LocationChanged, TooManyTables
from datamesh.models.registry import ProductContent, ProductRecord, Stamp, TableRecord
from datamesh.models.tags import MAX_TAGS

KeyT = TypeVar("KeyT", bound=DeclaredColumn)


@dataclass(frozen=True)
class DesiredTable:
    """A table as it is to be, and what the registry has of it."""

    spec: TableSpec
    stamp: Stamp
    record: TableRecord | None

    @property
    def declared_anew(self) -> bool:
        """Whether a newer declaration differs from the one in the registry; what a late word adds does not count."""
        return self.record is None or (self.record.spec != self.spec and self.record.stamp != self.stamp)


@dataclass(frozen=True)
class DesiredProduct:
    """A product as it is to be."""

    content: ProductContent
    access_mode: AccessMode
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
    stay. Only that something is personal data is taken from a late word too, where the newer one does not say. A newer
    description counts even if its registration failed. Raises LocationChanged when a newer word moves a table,
    LocationOverlap, TooManyTables, AccessModeNarrowed, and InvalidCommand when a table would carry too many LF-tags.
    """
    known = {table.name: table for table in tables}
    desired = {table.name: DesiredTable(spec=table.spec, stamp=table.stamp, record=table) for table in known.values()}
    for number, wanted in enumerate(spec.tables):
        recorded = known.get(wanted.name)
        if recorded is not None and not stamp.newer_than(recorded.stamp):
            spec_kept = _with_flags_of(recorded.spec, wanted)
            desired[wanted.name] = DesiredTable(spec=spec_kept, stamp=recorded.stamp, record=recorded)
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
    before, newest = (record.content, _newest(record)) if record else (None, None)
    content = (
        ProductContent(
            description=spec.description,
            classification=spec.classification,
            pii=spec.pii,
            tags=spec.tags,
            stamp=stamp,
        )
        if newest is None or stamp.newer_than(newest.stamp)
        else _with_flag_of(newest, spec)
    )
    _check_tag_count(content, [table.spec for table in desired.values()])
    return DesiredProduct(
        content=content,
        access_mode=_access_mode(record, spec, newest_word=content.stamp == stamp),
        tables=tuple(sorted(desired.values(), key=lambda table: table.spec.name)),
        content_changed=before is None or _said(before) != _said(content),
    )


def flag_changes(record: ProductRecord, desired: DesiredProduct) -> dict[str, tuple[object, object]]:
    """Return what is said otherwise of how sensitive a product in force is: before and after, by what it is said of."""
    if record.content is None:
        return {}
    before: dict[str, object] = {"classification": record.content.classification, "pii": record.content.pii}
    after: dict[str, object] = {"classification": desired.content.classification, "pii": desired.content.pii}
    for table in desired.tables:
        if table.record is not None:
            before |= _column_flags(table.record.spec)
            after |= _column_flags(table.spec)
    names = sorted({*before, *after})
    return {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}


def _column_flags(spec: TableSpec) -> dict[str, object]:
    return {f"{spec.name}.{column.name}": column.pii for column in (*spec.columns, *spec.partition_keys)}


def is_superseded(record: ProductRecord | None, tables: Sequence[TableRecord], spec: ProductSpec, stamp: Stamp) -> bool:
    """Tell whether all that a command says is recorded, or newer words are: it is repeated, or came too late."""
    newest = _newest(record) if record else None
    if record is None or newest is None or stamp.newer_than(newest.stamp) or _with_flag_of(newest, spec) != newest:
        return False
    if newest.stamp == stamp and newest != record.content:
        # The command itself is pending: it has failed, and is not done.
        return False
    known: Mapping[str, TableRecord] = {table.name: table for table in tables}
    return all(
        table.name in known
        and not stamp.newer_than(known[table.name].stamp)
        and _with_flags_of(known[table.name].spec, table) == known[table.name].spec
        for table in spec.tables
    )


def _access_mode(record: ProductRecord | None, spec: ProductSpec, *, newest_word: bool) -> AccessMode:
    """Return how the product is to be shared: as the newest word says, but never in fewer ways than it is already."""
    if record is None:
        return spec.access_mode
    placed = record.pending_mode or record.access_mode
    if not newest_word:
        return placed
    if record.content is None and record.pending_mode is None:
        # Nothing of it has been made yet.
        return spec.access_mode
    if spec.access_mode not in {placed, "both"}:
        raise AccessModeNarrowed(
            f"{spec.name} is shared as {placed}, and cannot become {spec.access_mode}: who uses it would lose it"
        )
    return spec.access_mode


def _check_tag_count(content: ProductContent, tables: Iterable[TableSpec]) -> None:
    """Check that no table carries more LF-tags than a resource takes: its own, and those of its product."""
    for table in tables:
        count = len({**content.tags, **table.tags})
        if count > MAX_TAGS:
            message = f"{table.name} would carry {count} LF-tags, its product's included, more than {MAX_TAGS}"
            raise InvalidCommand(message, "product.tags")


def _newest(record: ProductRecord) -> ProductContent | None:
    """Return the newest description, be it in force or pending."""
    content, pending = record.content, record.pending
    if content is None or pending is None:
        return content or pending
    return content if content.stamp.newer_than(pending.stamp) else pending


def _with_flag_of(newer: ProductContent, older: ProductSpec) -> ProductContent:
    """Return a description, flagged as personal data if it says nothing of that and a late word says so."""
    return newer.model_copy(update={"pii": True}) if newer.pii is None and older.pii else newer


def _with_flags_of(newer: TableSpec, older: TableSpec) -> TableSpec:
    """Return a declaration with the flags of a late one on those columns of which it does not say anything."""
    flagged = {column.name for column in (*older.columns, *older.partition_keys) if column.pii}

    def carried(column: KeyT) -> KeyT:
        return column.model_copy(update={"pii": True}) if column.pii is None and column.name in flagged else column

    return newer.model_copy(
        update={
            "columns": tuple(carried(column) for column in newer.columns),
            "partition_keys": tuple(carried(key) for key in newer.partition_keys),
        }
    )


def _said(content: ProductContent) -> tuple[str, str | None, bool | None, dict[str, str]]:
    return content.description, content.classification, content.pii, content.tags
