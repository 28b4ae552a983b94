"""A product's tables in its databases: what is there, what is to be, and how it gets there."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from datamesh.logic.exposure import gains
from datamesh.logic.ports import Catalog, LfTags, Permissions
from datamesh.logic.products import DesiredProduct, DesiredTable
from datamesh.logic.tables import OUTCOMES, Action, decide
from datamesh.logic.tagging import Plan, Tagging, column_names, declared_tags
from datamesh.models.catalog import CatalogTable
from datamesh.models.errors import CatalogInconsistent, RecordBusy
from datamesh.models.facts import TableOutcome
from datamesh.models.permissions import IAM_ALLOWED_PRINCIPALS, Grant, TableResource
from datamesh.models.registry import ProductContent, ProductRecord, TagGrantRecord
from datamesh.models.tags import TableTags


@dataclass(frozen=True)
class Placement:
    """A table in one database: what the catalog has of it, and what it is to be."""

    database: str
    table: DesiredTable
    found: CatalogTable | None
    action: Action
    wanted: CatalogTable

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.spec.name

    @property
    def is_finished(self) -> bool:
        """Whether the catalog has it with a location; without one it was left behind before it had its tags."""
        return self.found is not None and self.found.location is not None

    def outcome(self, desired: DesiredProduct, *, is_new: bool, is_retagged: bool) -> TableOutcome:
        """Return what was done; `is_new` tells that the product had no tables in this database."""
        if self.table.record is None or is_new:
            return "created"
        if self.action == "keep" and (self.table.declared_anew or desired.content_changed or is_retagged):
            # Only its tags changed, or an earlier attempt brought it into the catalog and died before it was recorded.
            return "updated"
        return OUTCOMES[self.action]


def place(
    catalog: Catalog, database: str, record: ProductRecord, content: ProductContent, table: DesiredTable
) -> Placement:
    """Decide what to do about a table in a database. Raises TableOwnedByAnother, LocationChanged."""
    found = catalog.get_table(database, table.spec.name)
    action, wanted = decide(found, record, content, table.spec, declared_anew=table.declared_anew)
    return Placement(database, table, found, action, wanted)


def put(catalog: Catalog, placement: Placement, record: ProductRecord, content: ProductContent) -> Placement:
    """Create a table or bring it up to date, and return what was done.

    Raises CatalogInconsistent, or RecordBusy when the step must look again before it goes on.
    """
    if placement.action == "create" and not catalog.create_table(placement.database, placement.wanted):
        # It was created since we looked: what it is decides.
        now = place(catalog, placement.database, record, content, placement.table)
        if now.action == "create":
            raise CatalogInconsistent(f"{placement.database}.{placement.name} exists, but is not visible")
        if placement.wanted.location is None:
            raise RecordBusy(f"{placement.database}.{placement.name} has just been created")
        placement = now
    if placement.action == "update":
        catalog.update_table(placement.database, placement.wanted)
    return placement


def clear_defaults(permissions: Permissions, database: str, names: Collection[str]) -> None:
    """Revoke IAM_ALLOWED_PRINCIPALS on tables: while it stands, nothing can be granted across accounts."""
    permissions.revoke(
        Grant(principal=row.principal, resource=row.resource, permissions=row.permissions, grantable=row.grantable)
        for row in permissions.list_permissions(principal=IAM_ALLOWED_PRINCIPALS, resource_type="TABLE")
        if isinstance(row.resource, TableResource) and row.resource.database == database and row.resource.name in names
    )


class TagPlacements:
    """The tables of a product in its tag-based database. Whoever uses it holds `tag_work`."""

    def __init__(
        self,
        catalog: Catalog,
        lf_tags: LfTags,
        tagging: Tagging,
        placements: Sequence[Placement],
        grants: Sequence[TagGrantRecord],
    ) -> None:
        self._catalog = catalog
        self._lf_tags = lf_tags
        self._tagging = tagging
        self._placements = placements
        self._grants = grants

    def plan(self, record: ProductRecord, content: ProductContent, database: str, own: dict[str, str]) -> Plan:
        """Return the tables as they are and as they are to be.

        Raises CatalogInconsistent when the database does not carry its domain's LF-tag, `own`.
        """
        tags = self._lf_tags.database_tags(database)
        if not own.items() <= tags.items():
            raise CatalogInconsistent(f"{database} does not carry the LF-tag of {record.domain}: register the domain")
        return Plan(
            product=record,
            contents=(content,),
            specs={placement.name: placement.table.spec for placement in self._placements},
            recorded_specs={
                placement.name: placement.table.record.spec
                for placement in self._placements
                if placement.table.record is not None
            },
            tables={placement.name: placement.wanted for placement in self._placements},
            before={
                placement.name: self._tags_now(placement, placement.found)
                for placement in self._placements
                if placement.is_finished
            },
            after={
                placement.name: declared_tags(tags, content, placement.table.spec, column_names(placement.wanted))
                for placement in self._placements
            },
        )

    def make(self, plan: Plan, permissions: Permissions, database: str) -> frozenset[str]:
        """Make the tables, and return those whose tags were not as they are now.

        A table that its tags do not protect yet has no location: nobody reads it by what it inherits alone.
        """
        hidden = {placement.name for placement in self._placements if self._must_hide(placement, plan)}
        for placement in self._placements:
            first = _without_location(placement) if placement.name in hidden else placement
            put(self._catalog, first, plan.product, plan.contents[0])
        clear_defaults(permissions, database, {placement.name for placement in self._placements})
        retagged = set[str]()
        for placement in self._placements:
            before, unseen = self._tags_now(placement, placement.wanted), placement.name in hidden
            if self._tagging.apply(database, placement.name, before, plan.after[placement.name], unseen=unseen):
                retagged.add(placement.name)
            if unseen:
                self._catalog.update_table(database, placement.wanted)
        return frozenset(retagged)

    def _must_hide(self, placement: Placement, plan: Plan) -> bool:
        """Tell whether a table would show more on the way than in the end, because it or columns are not tagged yet.

        Its readers find nothing in it for a moment; before, they would have found too much.
        """
        after = plan.after[placement.name]
        if not placement.is_finished:
            # One that was left behind may carry what an earlier command said.
            return placement.found is not None or bool(after.table or after.columns)
        before = plan.before[placement.name]
        new = set(after.column_names) - set(before.column_names)
        if not new:
            return False
        on_the_way = before.model_copy(update={"column_names": after.column_names})
        shown = gains({placement.name: after}, {placement.name: on_the_way}, self._grants)
        return any(new & set(gain.shown.columns) for gain in shown)

    def _tags_now(self, placement: Placement, table: CatalogTable | None) -> TableTags:
        tags = self._lf_tags.table_tags(placement.database, placement.name)
        return tags.model_copy(update={"column_names": column_names(table) if table is not None else ()})


def _without_location(placement: Placement) -> Placement:
    return replace(placement, wanted=placement.wanted.model_copy(update={"location": None}))
