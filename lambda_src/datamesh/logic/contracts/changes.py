"""What a registration would make of a product that is registered, and whom that hits. Nothing is looked up here.

It says what `register_data_product` really does: tables that a registration leaves out stay, columns that it leaves out
stay in the catalog, what becomes sensitive is held back from standing grants by name and ends grants by LF-tag, a
table that would move and a narrower access mode are refused.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from datamesh.logic.contracts.glue_types import only_adds, same_type
from datamesh.logic.sensitivity import OPEN_CLASSIFICATIONS
from datamesh.logic.tags import matched_columns
from datamesh.models.api.products import AffectedConsumer, ManifestProblem, ProductPlan, SchemaChange
from datamesh.models.commands import AccessMode, Classification, Column, DeclaredColumn, PartitionKey, ProductSpec
from datamesh.models.commands import TableSpec as DeclaredTable
from datamesh.models.registry import GrantRecord, ProductRecord, TableRecord, TagGrantRecord
from datamesh.models.tags import SensitiveTags, TableTags

UNSAID = "not said"
KEPT = "left out"
LF_TAGS = "LF-tags"
# What takes something from those who read it without an approval; all other breaking changes hit every reader.
SENSITIVITY = frozenset({"classification", "pii"})


class Spot(NamedTuple):
    """Where in a product something changes."""

    table: str | None = None
    column: str | None = None


NOWHERE = Spot()


@dataclass(frozen=True)
class RegisteredColumn:
    """A column, partition key or field: as it was declared, and as a crawler found it."""

    name: str
    type: str | None
    pii: bool | None
    declared: bool
    partition_key: bool
    comment: str | None = None
    examples: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class RegisteredTable:
    """A table: its declaration, its columns by name, and the LF-tags that it carries where it is shared by them."""

    spec: DeclaredTable
    columns: Mapping[str, RegisteredColumn]
    tagged: TableTags | None = None


@dataclass(frozen=True)
class Registered:
    """A product as it is registered, with the grants that show something of it."""

    description: str
    classification: Classification | None
    pii: bool | None
    access_mode: AccessMode
    tags: Mapping[str, str]
    tables: Mapping[str, RegisteredTable]
    domain: str | None = None
    tag_database: str | None = None
    grants: tuple[GrantRecord, ...] = ()
    tag_grants: tuple[TagGrantRecord, ...] = ()
    sensitive_tags: SensitiveTags = field(default_factory=dict)

    @classmethod
    def from_records(
        cls,
        product: ProductRecord,
        tables: Iterable[TableRecord],
        *,
        grants: Iterable[GrantRecord] = (),
        tag_grants: Iterable[TagGrantRecord] = (),
        sensitive_tags: SensitiveTags | None = None,
    ) -> "Registered | None":
        """Return a product out of the registry; None when nothing is in force or in the making: it has left."""
        content = product.content or product.pending
        if content is None or product.status == "DEREGISTERED":
            return None
        return cls(
            description=content.description,
            classification=content.classification,
            pii=content.pii,
            access_mode=product.pending_mode or product.access_mode,
            tags=content.tags,
            tables={table.name: _registered_table(table) for table in tables},
            domain=product.domain,
            tag_database=product.tag_database,
            grants=tuple(grants),
            tag_grants=tuple(grant for grant in tag_grants if grant.consumer != product.domain),
            sensitive_tags=sensitive_tags or {},
        )

    @classmethod
    def from_spec(cls, spec: ProductSpec) -> "Registered":
        """Return a product as another document describes it."""
        return cls(
            description=spec.description,
            classification=spec.classification,
            pii=spec.pii,
            access_mode=spec.access_mode,
            tags=spec.tags,
            tables={table.name: RegisteredTable(table, _declared_columns(table)) for table in spec.tables},
        )

    @property
    def is_sensitive(self) -> bool:
        """Whether all of it is sensitive for what is said of the product as a whole."""
        return _is_sensitive(self.classification, self.pii)


def product_plan(
    wanted: ProductSpec, registered: Registered | None, *, problems: Sequence[ManifestProblem] = ()
) -> ProductPlan:
    """Return what a registration would do."""
    changes = changes_between(registered, wanted)
    return ProductPlan(
        product=wanted,
        exists=registered is not None,
        problems=tuple(problems),
        changes=changes,
        affected=affected_by(changes, registered, wanted) if registered is not None else (),
    )


def changes_between(registered: Registered | None, wanted: ProductSpec) -> tuple[SchemaChange, ...]:
    """Return how a product would differ from what is registered, the product itself first, then table by table.

    Of a product that is not registered all tables are new. `breaking` is what takes something from consumers or makes
    queries fail; with `refused` the registration would be refused as a whole.
    """
    if registered is None:
        return tuple(SchemaChange(kind="added", breaking=False, table=name, what="table") for name in _names(wanted))
    found = list(_of_product(registered, wanted))
    declared = {table.name: table for table in wanted.tables}
    for name in sorted({*registered.tables, *declared}):
        before, after = registered.tables.get(name), declared.get(name)
        if before is None:
            found.append(SchemaChange(kind="added", breaking=False, table=name, what="table"))
        elif after is None:
            found.append(
                SchemaChange(
                    kind="changed",
                    breaking=False,
                    table=name,
                    what=KEPT,
                    before="registered",
                    after="stays registered as it is: tables are never removed one by one",
                )
            )
        else:
            found += _of_table(registered, before, after, wanted)
    return tuple(found)


def affected_by(
    changes: Iterable[SchemaChange], registered: Registered, wanted: ProductSpec
) -> tuple[AffectedConsumer, ...]:
    """Return who is hit by the breaking changes: by grant, with the tables of which something is lost or breaks.

    Where one change is refused nobody is hit, because nothing of it happens.
    """
    told = list(changes)
    if any(change.refused for change in told):
        return ()
    hits = [change for change in told if change.breaking]
    found = [
        AffectedConsumer(
            consumer=grant.consumer, request_id=grant.request_id, tables=tables, principals=grant.principals
        )
        for grant in registered.grants
        if (tables := _hit_by_name(hits, registered, wanted, grant))
    ]
    found += [
        AffectedConsumer(
            consumer=grant.consumer, request_id=grant.request_id, tables=tables, principals=grant.principals
        )
        for grant in registered.tag_grants
        if (tables := _hit_by_tag(hits, registered, wanted, grant))
    ]
    return tuple(sorted(found, key=lambda each: (each.consumer, str(each.request_id))))


# --- what is registered ---


def _registered_table(record: TableRecord) -> RegisteredTable:
    columns = _declared_columns(record.spec)
    for found in record.index.columns if record.index is not None else ():
        said = columns.get(found.name)
        # A flag that stands in the catalog is never taken away by saying nothing.
        pii = said.pii if said is not None and said.pii is not None else (True if found.pii else None)
        columns[found.name] = RegisteredColumn(
            name=found.name,
            type=found.type,
            pii=pii,
            declared=said is not None,
            partition_key=found.partition_key,
            comment=said.comment if said is not None else found.comment,
            examples=said.examples if said is not None else (),
            tags=said.tags if said is not None else {},
        )
    return RegisteredTable(record.spec, columns, record.tagged)


def _declared_columns(spec: DeclaredTable) -> dict[str, RegisteredColumn]:
    columns: tuple[Column | PartitionKey, ...] = (*spec.columns, *spec.partition_keys)
    return {column.name: _declared(column) for column in columns}


def _declared(column: Column | PartitionKey) -> RegisteredColumn:
    return RegisteredColumn(
        name=column.name,
        type=column.type,
        pii=column.pii,
        declared=True,
        partition_key=isinstance(column, PartitionKey),
        comment=column.comment if isinstance(column, Column) else None,
        examples=column.examples if isinstance(column, Column) else (),
        tags=column.tags,
    )


# --- the product ---


def _of_product(registered: Registered, wanted: ProductSpec) -> Iterator[SchemaChange]:
    before, after = registered, wanted
    if before.description != after.description:
        yield _changed("description", before.description, after.description)
    newly = not registered.is_sensitive
    if before.classification != after.classification:
        closes = newly and _is_sensitive(after.classification, pii=False)
        yield _changed("classification", before.classification, after.classification, breaking=closes)
    if before.pii != after.pii:
        yield _changed("pii", before.pii, after.pii, breaking=newly and after.pii is not False)
    if before.access_mode != after.access_mode:
        refused = after.access_mode != "both"
        yield _changed("access mode", before.access_mode, after.access_mode, breaking=refused, refused=refused)
    if dict(before.tags) != dict(after.tags):
        breaking = any(
            _loses({**before.tags, **table.spec.tags}, {**after.tags, **table.spec.tags})
            or _gains_sensitive(before, {**before.tags, **table.spec.tags}, {**after.tags, **table.spec.tags})
            for table in before.tables.values()
        )
        yield _changed(LF_TAGS, before.tags, after.tags, breaking=breaking)


def _is_sensitive(classification: Classification | None, pii: bool | None) -> bool:
    return classification not in OPEN_CLASSIFICATIONS or pii is not False


# --- a table ---


def _of_table(
    registered: Registered, before: RegisteredTable, after: DeclaredTable, wanted: ProductSpec
) -> Iterator[SchemaChange]:
    name, spec, at = after.name, before.spec, Spot(after.name)
    if spec.location != after.location:
        yield _changed("location", spec.location, after.location, at=at, breaking=True, refused=True)
    if spec.format != after.format:
        yield _changed("format", spec.format, after.format, at=at, breaking=True)
    if spec.description != after.description:
        yield _changed("description", spec.description, after.description, at=at)
    if spec.tags != after.tags:
        old, new = {**registered.tags, **spec.tags}, {**wanted.tags, **after.tags}
        breaking = _loses(old, new) or _gains_sensitive(registered, old, new)
        yield _changed(LF_TAGS, spec.tags, after.tags, at=at, breaking=breaking)
    said = _declared_columns(after)
    for column in said.values():
        found = before.columns.get(column.name)
        if found is None:
            yield _added(name, column, before)
        else:
            yield from _of_column(registered, before, found, (wanted, after, column))
    if not after.columns and spec.columns:
        yield _changed("columns", "declared", "left to the crawler, which keeps those that there are", at=at)
        return
    for found in before.columns.values():
        if found.declared and found.name not in said:
            yield SchemaChange(
                kind="removed",
                breaking=True,
                table=name,
                column=found.name,
                what="partition key" if found.partition_key else "column",
                before=found.type or UNSAID,
                after="not promised any more: it stays in the catalog, and what reads it fails once the data lacks it",
            )


def _added(table: str, column: RegisteredColumn, before: RegisteredTable) -> SchemaChange:
    # What has partitions already is laid out by the keys of before.
    breaking = column.partition_key and bool(before.columns)
    what = "partition key" if column.partition_key else "column"
    return SchemaChange(
        kind="added", breaking=breaking, table=table, column=column.name, what=what, after=column.type or UNSAID
    )


def _of_column(
    registered: Registered,
    table: RegisteredTable,
    before: RegisteredColumn,
    now: tuple[ProductSpec, DeclaredTable, RegisteredColumn],
) -> Iterator[SchemaChange]:
    wanted, after_table, after = now
    at = Spot(after_table.name, after.name)
    if before.partition_key != after.partition_key:
        yield _changed("partition key", _yes(before.partition_key), _yes(after.partition_key), breaking=True, at=at)
    if before.type is not None and after.type is not None and not same_type(before.type, after.type):
        yield _changed("type", before.type, after.type, breaking=not only_adds(before.type, after.type), at=at)
    elif before.type is None and after.type is not None:
        yield _changed("type", None, after.type, at=at)
    pii = after.pii if after.pii is not None else before.pii
    if pii != before.pii:
        yield _changed("pii", before.pii, pii, breaking=pii is True and not registered.is_sensitive, at=at)
    old = {**registered.tags, **table.spec.tags, **before.tags}
    new = {**wanted.tags, **after_table.tags, **after.tags}
    if dict(before.tags) != dict(after.tags):
        breaking = _loses(old, new) or _gains_sensitive(registered, old, new)
        yield _changed(LF_TAGS, before.tags, after.tags, breaking=breaking, at=at)
    if before.declared and after.comment is not None and before.comment != after.comment:
        yield _changed("comment", before.comment, after.comment, at=at)
    if before.examples != after.examples:
        yield _changed("examples", ", ".join(before.examples), ", ".join(after.examples), at=at)


def _loses(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Tell whether an expression that matched may match no more: a tag is gone, or has another value."""
    return any(after.get(key) != value for key, value in before.items())


def _gains_sensitive(registered: Registered, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    return any(
        value in registered.sensitive_tags.get(key, ()) and before.get(key) != value for key, value in after.items()
    )


def _changed(
    what: str,
    before: object,
    after: object,
    *,
    breaking: bool = False,
    refused: bool = False,
    at: Spot = NOWHERE,
) -> SchemaChange:
    return SchemaChange(
        kind="changed",
        breaking=breaking,
        refused=refused,
        table=at.table,
        column=at.column,
        what=what,
        before=_words(before),
        after=_words(after),
    )


def _words(value: object) -> str:
    if value is None:
        return UNSAID
    if isinstance(value, bool):
        return _yes(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{key}={each}" for key, each in sorted(value.items())) or "none"
    return str(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _names(wanted: ProductSpec) -> list[str]:
    return sorted(table.name for table in wanted.tables)


# --- whom it hits ---


def _hit_by_name(
    hits: Sequence[SchemaChange], registered: Registered, wanted: ProductSpec, grant: GrantRecord
) -> tuple[str, ...]:
    return tuple(
        name
        for name in sorted(grant.tables)
        if name in registered.tables
        and any(_is_hit(change, registered, wanted, name, *_by_name(registered, grant, name)) for change in hits)
    )


def _by_name(registered: Registered, grant: GrantRecord, table: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the columns of a table that a grant shows, and those of them that people approved."""
    shown = grant.shown.get(table)
    if shown is None:
        return frozenset(_roots(registered.tables[table])), frozenset()
    return frozenset(shown.columns), frozenset(shown.approved)


def _hit_by_tag(
    hits: Sequence[SchemaChange], registered: Registered, wanted: ProductSpec, grant: TagGrantRecord
) -> tuple[str, ...]:
    found = []
    for name, table in sorted(registered.tables.items()):
        if table.tagged is None:
            continue
        shown = frozenset(matched_columns(grant.expression, table.tagged))
        prefix = f"{registered.tag_database}.{name}."
        approved = frozenset(each.removeprefix(prefix) for each in grant.approved if each.startswith(prefix))
        lost = shown - frozenset(matched_columns(grant.expression, _tags_after(table.tagged, wanted, name)))
        of_table = [change for change in hits if change.table in {None, name}]
        if (lost and any(change.what == LF_TAGS for change in of_table)) or any(
            _is_hit(change, registered, wanted, name, shown, approved) for change in of_table
        ):
            found.append(name)
    return tuple(found)


def _is_hit(  # noqa: PLR0917 - a change, and what a grant shows of one table
    change: SchemaChange,
    registered: Registered,
    wanted: ProductSpec,
    table: str,
    shown: frozenset[str],
    approved: frozenset[str],
) -> bool:
    """Tell whether a change of a product hits somebody who is shown these columns of a table."""
    if change.table not in {None, table} or not shown:
        return False
    unapproved = shown - approved
    if change.what == LF_TAGS:
        return bool(unapproved & _made_sensitive(registered, wanted, table))
    if change.column is None:
        return bool(unapproved if change.what in SENSITIVITY else shown)
    root = change.column.partition(".")[0]
    columns = registered.tables[table].columns
    if root in columns and columns[root].partition_key:
        # No filter leaves a partition key out: who may not see it sees nothing of the table.
        return change.what not in SENSITIVITY or root not in approved
    return root in (unapproved if change.what in SENSITIVITY else shown)


def _made_sensitive(registered: Registered, wanted: ProductSpec, name: str) -> frozenset[str]:
    """Return the columns of a table that LF-tags make sensitive which they do not carry yet."""
    table, after = registered.tables[name], next((each for each in wanted.tables if each.name == name), None)
    if after is None or not registered.sensitive_tags:
        return frozenset()
    said = {column.name: column.tags for column in (*after.columns, *after.partition_keys)}
    found = set[str]()
    for column in _roots(table):
        old = {**registered.tags, **table.spec.tags, **table.columns[column].tags}
        if _gains_sensitive(registered, old, {**wanted.tags, **after.tags, **said.get(column, {})}):
            found.add(column)
    return frozenset(found)


def _tags_after(tagged: TableTags, wanted: ProductSpec, name: str) -> TableTags:
    after = next((table for table in wanted.tables if table.name == name), None)
    if after is None:
        return tagged
    columns: Iterable[DeclaredColumn] = (*after.columns, *after.partition_keys)
    return tagged.model_copy(
        update={
            "table": {**wanted.tags, **after.tags},
            "columns": {column.name: dict(column.tags) for column in columns if column.tags},
        }
    )


def _roots(table: RegisteredTable) -> list[str]:
    return [name for name in table.columns if "." not in name]
