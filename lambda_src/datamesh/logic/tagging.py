"""LF-tags of the mesh's own tables: checked, set without showing anything on the way, recorded and announced.

Used by all workflows that change tags or columns; all of them hold `tag_work` while they check and set.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.exposure import NOTHING, Gain, access_changes, gains, unapproved
from datamesh.logic.ports import Catalog, LfTags, Registry
from datamesh.logic.sensitivity import assess
from datamesh.logic.table_records import fitting
from datamesh.logic.tag_events import pack
from datamesh.logic.tags import Matched, effective, is_exposed, matched, no_such_value
from datamesh.models.base import AccountId, Model
from datamesh.models.catalog import CatalogDatabase, CatalogTable
from datamesh.models.commands import MAX_COLUMNS, RevokeDataProductAccess, TableSpec, WidenDataProductAccess
from datamesh.models.errors import CatalogInconsistent, ExposesSensitive, ReservedTagKey, UnknownTag
from datamesh.models.events import Entry, Metadata, derived_id
from datamesh.models.facts import DataProductTagsChanged, StandingTagGrant, TaggedTable
from datamesh.models.registry import (
    Change,
    Check,
    ProductContent,
    ProductRecord,
    Record,
    Save,
    Stamp,
    TableRecord,
    TagChangeRecord,
    TagGrantRecord,
)
from datamesh.models.tags import SensitiveTags, TableTags, TagKey

MAX_REASONS = 50
SHOWN_REASONS = 5
MAX_REASON = 2_048
# PutEvents takes ten entries, one of which is the refusal itself.
MAX_FOLLOW_UPS = 9


class TagRules(Model):
    """What the mesh's LF-tags mean: the key whose values are the domains, and what makes sensitive."""

    domain_tag_key: TagKey
    sensitive_tags: SensitiveTags


class World(NamedTuple):
    """What is touched."""

    registry: Registry
    catalog: Catalog
    lf_tags: LfTags


class Plan(NamedTuple):
    """Tables of a product in its tag-based database, as they are and as they are to be, by name."""

    product: ProductRecord
    contents: tuple[ProductContent, ...]
    specs: Mapping[str, TableSpec]
    recorded_specs: Mapping[str, TableSpec]
    tables: Mapping[str, CatalogTable]
    before: Mapping[str, TableTags]
    after: Mapping[str, TableTags]


def declared_tags(
    database_tags: Mapping[str, str], content: ProductContent, spec: TableSpec, columns: Iterable[str]
) -> TableTags:
    """Return the tags that a table with these columns has by its declaration: the table's win over the product's."""
    names = tuple(columns)
    return TableTags(
        database=dict(database_tags),
        table={**content.tags, **spec.tags},
        columns={
            column.name: dict(column.tags)
            for column in (*spec.columns, *spec.partition_keys)
            if column.tags and column.name in names
        },
        column_names=names,
    )


def column_names(table: CatalogTable) -> tuple[str, ...]:
    """Return the columns of a table, partition keys included, in the catalog's order."""
    return tuple(column.name for column in (*table.columns, *table.partition_keys))


class Tagging:
    """What the workflows have in common about LF-tags."""

    def __init__(self, world: World, rules: TagRules, *, account_id: AccountId) -> None:
        self._world = world
        self._rules = rules
        self._account_id = account_id
        self._databases: dict[str, CatalogDatabase] = {}

    # --- check ---

    def check_known(self, tags: Iterable[tuple[str, Mapping[str, str]]]) -> None:
        """Check that tags, each with the path of the field they stand in, are the mesh's and may be given.

        Raises UnknownTag, ReservedTagKey.
        """
        values: dict[str, frozenset[str] | None] = {}
        for path, named in tags:
            for key, value in named.items():
                if key == self._rules.domain_tag_key:
                    raise ReservedTagKey(f"{key} names the domain: central sets it, nobody else", f"{path}.{key}")
                if key not in values:
                    values[key] = self._world.lf_tags.values(key)
                known = values[key]
                if known is None:
                    raise UnknownTag(f"The mesh has no LF-tag {key}", f"{path}.{key}")
                if value not in known:
                    raise UnknownTag(no_such_value(key, [value], known), f"{path}.{key}")

    def look(self, database: str, name: str) -> tuple[CatalogTable, TableTags] | None:
        """Return a table with its LF-tags as they are now; None when it is not there."""
        found = self._world.catalog.get_table(database, name)
        if found is None:
            return None
        tags = self._world.lf_tags.table_tags(database, name)
        return found, tags.model_copy(update={"column_names": column_names(found)})

    def sensitive_gains(self, plan: Plan, grants: Sequence[TagGrantRecord]) -> list[tuple[Gain, tuple[str, ...]]]:
        """Return who would gain what of the plan's tables that is sensitive, and why it is.

        A column that is declared, but not in the catalog yet, is shown with its table: a crawler adds it before the
        mesh can tag it. One of which more is said than before counts anew: nobody has seen it.
        """
        before = {
            name: _foreseen(tags, plan.recorded_specs.get(name), plan.specs.get(name))
            for name, tags in plan.before.items()
        }
        after = {name: _foreseen(tags, plan.specs.get(name)) for name, tags in plan.after.items()}
        database = plan.product.tag_database or ""
        seen = [unapproved(gain, database, grants) for gain in gains(before, after, grants)]
        found = [(gain, self.reasons(plan, gain.table, gain.shown)) for gain in seen if gain.shown != NOTHING]
        return [(gain, reasons) for gain, reasons in found if reasons]

    def overexposed(self, plan: Plan, grants: Sequence[TagGrantRecord]) -> list[tuple[TagGrantRecord, tuple[str, ...]]]:
        """Return the standing tag grants that go on showing what a plan declares to be sensitive and nobody approved,
        and why it is.

        By LF-tag nothing can be held back of what is shown already: such a grant has to end, unless the tags change in
        the same command.
        """
        database, found = plan.product.tag_database or "", list[tuple[TagGrantRecord, tuple[str, ...]]]()
        for grant in grants:
            reasons: list[str] = []
            for name, tags in plan.after.items():
                if grant.consumer == plan.product.domain or name not in plan.before:
                    continue
                shown = matched([grant.expression], tags)
                before = matched([grant.expression], plan.before[name])
                kept = Matched(
                    table=shown.table and before.table,
                    columns=tuple(column for column in shown.columns if column in before.columns),
                )
                seen = unapproved(Gain(grant.consumer, grant.principals, name, kept), database, [grant])
                if seen.shown != NOTHING:
                    reasons += self.reasons(plan, name, seen.shown)
            if reasons:
                found.append((grant, tuple(dict.fromkeys(reasons))))
        return found

    def endings(self, plan: Plan, grants: Sequence[TagGrantRecord]) -> list[RevokeDataProductAccess]:
        """Return what ends the grants that `overexposed` finds."""
        return [_ended(grant, reasons) for grant, reasons in self.overexposed(plan, grants)]

    def widenings(self, plan: Plan, grants: Sequence[TagGrantRecord]) -> Iterator[WidenDataProductAccess]:
        """Yield what people have to be asked before a plan may be carried out: per standing tag grant and table.

        The same plan asks the same again, under the same id.
        """
        for grant in grants:
            for gain, reasons in self.sensitive_gains(plan, [grant]):
                if columns := gain.shown.columns[:MAX_COLUMNS]:
                    database = plan.product.tag_database or ""
                    yield WidenDataProductAccess(
                        request_id=derived_id(grant.request_id, "widen", database, gain.table, *sorted(columns)),
                        widens=grant.request_id,
                        columns={gain.table: columns},
                        producer=plan.product.domain,
                        database=database,
                        reasons=reasons[:MAX_REASONS],
                    )

    def reasons(self, plan: Plan, table: str, shown: Matched) -> tuple[str, ...]:
        """Return why what would be shown of one of the plan's tables is sensitive; nothing when it is not."""
        return assess(
            self._database(plan.product.tag_database or ""),
            [plan.tables[table]],
            contents=plan.contents,
            specs=plan.specs,
            tags=plan.after,
            sensitive_tags=self._rules.sensitive_tags,
            shown={table: shown},
        ).reasons

    def check(self, plan: Plan, field: str | None = None) -> None:
        """Check that a plan shows nothing sensitive to anybody who does not see it already, without an approval.

        Raises ExposesSensitive, with what is to be asked for.
        """
        grants = self._world.registry.tag_grants()
        if ending := self.overexposed(plan, grants):
            grant, reasons = ending[0]
            raise ExposesSensitive(
                f"{grant.consumer} reads this by a tag expression it was granted, without an approval: "
                f"{'; '.join(reasons[:SHOWN_REASONS])}. That access is being ended: send the command again when it is, "
                "or give what is sensitive other tags",
                field,
                follow_ups=tuple(self.endings(plan, grants))[:MAX_FOLLOW_UPS],
            )
        found = self.sensitive_gains(plan, grants)
        if not found:
            return
        (gain, reasons), more = found[0], len(found) - 1
        columns = f" ({', '.join(gain.shown.columns[:SHOWN_REASONS])})" if gain.shown.columns else ""
        raise ExposesSensitive(
            f"{gain.consumer} would see {gain.table}{columns} by a tag expression it was granted, which needs an "
            f"approval: {'; '.join(reasons[:SHOWN_REASONS])}"
            + (f" (and {more} more)" if more else "")
            + ". It has been asked for: send the command again when it is given",
            field,
            follow_ups=tuple(self.widenings(plan, grants))[:MAX_FOLLOW_UPS],
        )

    def _database(self, name: str) -> CatalogDatabase:
        if name not in self._databases:
            found = self._world.catalog.get_database(name)
            if found is None:
                raise CatalogInconsistent(f"The database {name} is gone")
            self._databases[name] = found
        return self._databases[name]

    # --- set ---

    def apply(self, database: str, table: str, now: TableTags, wanted: TableTags, *, unseen: bool = False) -> bool:
        """Bring the tags of a table and its columns from `now` to `wanted`; tell whether anything had to be done.

        On the way no column ever carries a mixture that shows it to somebody who sees it neither before nor after:
        a column only loses tags, or gets all its new ones in one call. Unless the table is `unseen` by anybody.
        """
        lf_tags, other_columns = self._world.lf_tags, now.columns != wanted.columns
        if now.table == wanted.table:
            if other_columns:
                lf_tags.set_column_tags(database, table, wanted.columns)
            return other_columns
        if other_columns and not unseen:
            fewer = {key: value for key, value in now.table.items() if key in wanted.table or key in now.database}
            lf_tags.set_table_tags(database, table, fewer)
            inherited = {**now.database, **fewer}
            lf_tags.set_column_tags(
                database, table, {name: _pinned(wanted, name, inherited) for name in now.column_names}
            )
        lf_tags.set_table_tags(database, table, wanted.table)
        if other_columns:
            lf_tags.set_column_tags(database, table, wanted.columns)
        return True

    # --- record and announce ---

    def record(
        self,
        product: ProductRecord,
        stamp: Stamp,
        now: datetime,
        *,
        names: Iterable[str] | None = None,
        guard: Record | None = None,
    ) -> list[str]:
        """Record what changed in a product's tag-based database since consumers were last told, table by table, with
        who gains or loses what by it; return the tables that changed. May be repeated.

        `stamp` names the event that is the reason; `guard` must stand while it is recorded. Raises WriteConflict.
        """
        database, registry = product.placed.get("tbac"), self._world.registry
        if database is None:
            return []
        wanted, done, grants = None if names is None else set(names), list[str](), registry.tag_grants()
        for table in registry.tables(product.domain, product.name):
            found = self.look(database, table.name) if wanted is None or table.name in wanted else None
            if found is None:
                continue
            tagged = fitting(table.model_copy(update={"tagged": found[1], "version": table.version + 1}))
            after = tagged.tagged or found[1]
            if _same(table.tagged, after):
                continue
            before = {table.name: table.tagged} if table.tagged is not None else {}
            plan = Plan(
                product=product,
                contents=tuple(content for content in (product.content, product.pending) if content is not None),
                specs={table.name: table.spec},
                # What a crawler has found since is news, foreseen or not.
                recorded_specs={},
                tables={table.name: found[0]},
                before=before,
                after={table.name: after},
            )
            changes: list[Change] = [Save(tagged), Save(self._change(table, plan, grants, stamp, now))]
            registry.write([*changes, Check(guard)] if guard is not None else changes)
            done.append(table.name)
        return done

    def _change(
        self, table: TableRecord, plan: Plan, grants: Sequence[TagGrantRecord], stamp: Stamp, now: datetime
    ) -> TagChangeRecord:
        reasons = [f"{gain.consumer}: {reason}" for gain, why in self.sensitive_gains(plan, grants) for reason in why]
        said = self._world.registry.tag_changes(table.domain, table.product, stamp)
        earlier = next((change for change in said if change.table == table.name), None)
        return TagChangeRecord(
            domain=table.domain,
            product=table.product,
            stamp=stamp,
            recorded_at=now,
            table=table.name,
            # A repeated step may find more than its first attempt did.
            changes=(*(earlier.changes if earlier else ()), *access_changes(plan.before, plan.after, grants)),
            reasons=tuple(dict.fromkeys((*(earlier.reasons if earlier else ()), *reasons)))[:MAX_REASONS],
            version=earlier.version + 1 if earlier else 1,
        )

    def has_changed(self, product: ProductRecord, stamp: Stamp) -> bool:
        """Tell whether an event changed anything in a product's tag-based database."""
        recorded = "tbac" in product.placed and self._world.registry.tag_changes(product.domain, product.name, stamp)
        return bool(recorded)

    def announcements(self, product: ProductRecord, cause: Metadata, now: datetime) -> list[Entry]:
        """Return the events that tell what `cause` changed, from what was recorded: the producer all, each consumer
        what it gains or loses. None when nothing changed.
        """
        database, registry = product.placed.get("tbac"), self._world.registry
        stamp = Stamp(occurred_at=cause.occurred_at, event_id=cause.event_id)
        recorded = registry.tag_changes(product.domain, product.name, stamp)
        if database is None or not recorded:
            return []
        tagged = {
            table.name: table.tagged
            for table in registry.tables(product.domain, product.name)
            if table.tagged is not None
        }
        grants = registry.tag_grants()
        all_changes = [change for record in recorded for change in record.changes]
        consumers = sorted({change.consumer for change in all_changes} - {product.domain})
        entries: list[Entry] = []
        for consumer in (None, *consumers):
            own = [change for change in all_changes if consumer in {None, change.consumer}]
            names = {record.table for record in recorded} if consumer is None else {change.table for change in own}
            domain = registry.domain(consumer) if consumer is not None else None
            if consumer is not None and domain is None:
                continue
            fact = DataProductTagsChanged(
                domain=product.domain,
                product=product.name,
                catalog_account=self._account_id,
                database=database,
                tables=tuple(_shown(name, tagged[name]) for name in sorted(names & tagged.keys())),
                changes=tuple(own),
                grants=tuple(
                    StandingTagGrant(
                        request_id=grant.request_id,
                        expression=grant.expression,
                        principals=grant.principals,
                        resource_shares=grant.resource_shares,
                    )
                    for grant in grants
                    if grant.consumer == consumer
                    and any(is_exposed(grant.expression, tags) for tags in tagged.values())
                ),
            )
            entries += pack(fact, cause=cause, now=now, account=domain.account_id if domain else product.account_id)
        return entries


def _ended(grant: TagGrantRecord, reasons: Sequence[str]) -> RevokeDataProductAccess:
    shown = "; ".join(reasons[:SHOWN_REASONS])
    return RevokeDataProductAccess(
        request_id=grant.request_id,
        reason=f"It would go on showing what is sensitive now, without an approval: {shown}",
    )


def _foreseen(tags: TableTags, spec: TableSpec | None, newer: TableSpec | None = None) -> TableTags:
    """Return a table with those declared columns, too, that are not in the catalog yet.

    Left out are those to which, or to a field inside which, a `newer` declaration gives flags or other LF-tags.
    """
    if spec is None:
        return tags
    said = {column.name: (column.pii or None, column.tags) for column in spec.columns}
    known = set(tags.column_names) | {
        column.name.partition(".")[0]
        for column in (newer.columns if newer is not None else ())
        if said.get(column.name, (None, {})) != (column.pii or None, column.tags)
    }
    missing = [column.name for column in spec.columns if "." not in column.name and column.name not in known]
    return tags.model_copy(update={"column_names": (*tags.column_names, *missing)})


def _pinned(wanted: TableTags, column: str, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of its own with which a column carries what is wanted, whatever it inherits."""
    final = effective(wanted, column)
    return {
        key: value
        for key, value in final.items()
        if inherited.get(key) != value or key in wanted.columns.get(column, {})
    }


def _same(before: TableTags | None, after: TableTags) -> bool:
    """Tell whether nobody can see a difference: the order of columns is none."""
    return before is not None and (
        effective(before),
        before.columns,
        set(before.column_names),
    ) == (effective(after), after.columns, set(after.column_names))


def _shown(name: str, tags: TableTags) -> TaggedTable:
    return TaggedTable(name=name, tags=effective(tags), columns=tags.columns)
