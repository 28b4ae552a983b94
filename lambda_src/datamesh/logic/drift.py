"""What Lake Formation grants, against what the registry says should be granted: every difference, and nothing else.

What is being granted or taken back right now, or was left half-way, is no difference: its own workflow finishes it.
Differences are values; who mends them looks once more under the consumer's lock (logic/reconcile_access.py).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from datamesh.logic.access import expression_grants, filter_grants, grantees
from datamesh.logic.access_ports import DataFilters
from datamesh.logic.ports import Catalog, Permissions, Registry
from datamesh.models.facts import Drift, DriftKind
from datamesh.models.permissions import (
    ColumnsResource,
    DatabaseResource,
    DataFilter,
    FilterResource,
    Grant,
    GrantedPermission,
    Resource,
    TableResource,
    TagPolicyResource,
)
from datamesh.models.registry import STANDING, DomainRecord, GrantRecord, ProductRecord

ALL_TABLES = "*"
_READS = frozenset({"SELECT", "ALL", "SUPER"})
_TAG_POLICIES = ("LF_TAG_POLICY_TABLE", "LF_TAG_POLICY_DATABASE")


class Finding(NamedTuple):
    """A difference.

    `grant` is what should be granted, or of an excess what is, and `instead` what should be in its place; `filter` is
    the filter as it should be, or a dangling one as it is.
    """

    kind: DriftKind
    resource: str
    consumer: str | None = None
    request_id: UUID | None = None
    grant: Grant | None = None
    filter: DataFilter | None = None
    instead: Grant | None = None


class DriftWorld(NamedTuple):
    """What is looked at."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    filters: DataFilters


class Mesh(NamedTuple):
    """Who is who: what the mesh's own roles and the producers hold is nobody's access."""

    account_id: str
    prefix: str
    domain_tag_key: str
    domains: Mapping[str, DomainRecord]

    @property
    def database_prefix(self) -> str:
        """The prefix in the alphabet of catalog names."""
        return self.prefix.replace("-", "_")

    def is_own(self, principal: str) -> bool:
        """Tell whether a principal is a role of the mesh in central's account."""
        return f":iam::{self.account_id}:role/{self.prefix}-" in principal

    def consumer_of(self, principal: str) -> str | None:
        """Return the domain whose account, or somebody in it, a principal is."""
        for name, domain in sorted(self.domains.items()):
            if _is_in(principal, domain.account_id):
                return name
        return None


class Comparison:
    """Compares one product, one database or all tag expressions at a time. Reads only."""

    def __init__(self, world: DriftWorld, mesh: Mesh) -> None:
        self.mesh = mesh
        self._world = world
        self._own_filter = re.compile(rf"{re.escape(mesh.database_prefix)}_([0-9a-f]{{32}})")

    def everything(self, now: datetime) -> Iterator[Finding]:
        """Yield what is different in the whole mesh, as one who takes no locks sees it.

        What is granted to a consumer or taken from it right now is left out.
        """
        for finding in self._everything():
            work = self._world.registry.access_work(finding.consumer) if finding.consumer is not None else None
            if work is None or work.lease_expires_at <= now:
                yield finding

    def product(self, product: ProductRecord) -> list[Finding]:
        """Compare the grants of a product's tables."""
        registry = self._world.registry
        grants = registry.grants(product.domain, product.name)
        settled = {grant.request_id for grant in grants if self._is_settled(grant.request_id)}
        tables = {table.name for table in registry.tables(product.domain, product.name)}
        found: list[Finding] = []
        for database in product.placed.values():
            here = [grant for grant in grants if grant.database == database]
            for table in sorted(tables | {name for grant in here for name in grant.shown}):
                found += self._table(product.account_id, database, table, here, settled)
        return found

    def database(self, domain: DomainRecord) -> list[Finding]:
        """Find who may read all tables of a domain's databases, those to come included: nobody is granted that."""
        found: list[Finding] = []
        for name in (domain.databases.nrac, domain.databases.tbac) if domain.databases is not None else ():
            resource = TableResource(catalog_id=self.mesh.account_id, database=name, name=ALL_TABLES)
            rows = self._world.permissions.list_permissions(resource=resource)
            found += [self._excess(row) for row in rows if self._is_excess(row, domain.account_id, None)]
        return found

    def expressions(self) -> list[Finding]:
        """Compare what is granted by tag expression."""
        registry, permissions = self._world.registry, self._world.permissions
        records = registry.tag_grants()
        settled = [record for record in records if self._is_settled(record.request_id)]
        unsettled = [record for record in records if record not in settled]
        wanted: dict[tuple[str, Resource], tuple[Grant, str, UUID]] = {}
        left_alone: set[tuple[str, Resource]] = set()
        for record in records:
            who = grantees(record.account_id, record.principals, record.grant_to, catalog_id=self.mesh.account_id)
            for grant in expression_grants(who, catalog_id=self.mesh.account_id, expression=record.expression):
                if record in unsettled:
                    left_alone.add((grant.principal, grant.resource))
                else:
                    wanted[grant.principal, grant.resource] = (grant, record.consumer, record.request_id)
        rows = {
            (row.principal, row.resource): row
            for kind in _TAG_POLICIES
            for row in permissions.list_permissions(resource_type=kind)
        }
        found = [
            Finding("missing", in_words(grant.resource), consumer, request_id, grant)
            for key, (grant, consumer, request_id) in wanted.items()
            if key not in left_alone and (key not in rows or not rows[key].covers(grant))
        ]
        for key, row in rows.items():
            expected = wanted[key][0] if key in wanted else None
            producer = self._producer_of(row)
            if key not in left_alone and self._is_excess(row, producer, expected):
                found.append(self._excess(row, expected))
        return found

    # --- parts ---

    def _everything(self) -> Iterator[Finding]:
        for name, domain in sorted(self.mesh.domains.items()):
            yield from self.database(domain)
            for product in self._world.registry.products(name):
                yield from self.product(product)
        yield from self.expressions()

    def _table(
        self, producer: str, database: str, table: str, grants: Sequence[GrantRecord], settled: set[UUID]
    ) -> Iterator[Finding]:
        if self._world.catalog.get_table(database, table) is None:
            # Nothing can be granted on what is not there.
            return
        filters = {each.name: each for each in self._world.filters.list(database, table)}
        resource = TableResource(catalog_id=self.mesh.account_id, database=database, name=table)
        listed = self._world.permissions.list_permissions(resource=resource, related=True)
        rows: dict[tuple[str, Resource], GrantedPermission] = {
            (row.principal, row.resource): row
            for row in listed
            if row.resource == resource or isinstance(row.resource, FilterResource | ColumnsResource)
        }
        expected: dict[tuple[str, Resource], Grant] = {}
        left_alone: set[str] = set()
        known: set[str] = set()
        for grant in grants:
            shown = grant.shown.get(table)
            if shown is None:
                continue
            known.add(shown.filter)
            if grant.request_id not in settled:
                left_alone.add(shown.filter)
                continue
            if not shown.columns:
                # Nothing of it is shown: whoever is granted its filter has too much.
                continue
            wanted = DataFilter(
                database=database, table=table, name=shown.filter, columns=shown.columns, rows=shown.rows
            )
            yield from self._filter(grant, wanted, filters.get(shown.filter))
            for each in self._grants(grant, database, table, shown.filter):
                expected[each.principal, each.resource] = each
                row = rows.get((each.principal, each.resource))
                if row is None or not row.covers(each):
                    words = in_words(each.resource)
                    yield Finding("missing", words, grant.consumer, grant.request_id, each, wanted)
        for name, found in sorted(filters.items()):
            request_id = self._request_of(name)
            if name not in known and request_id is not None and self._is_over(request_id):
                request = self._world.registry.request(request_id)
                consumer = request.domain if request is not None else None
                yield Finding(
                    "dangling_filter", f"filter {name} on {database}.{table}", consumer, request_id, filter=found
                )
        for key, row in rows.items():
            on_filter = row.resource.name if isinstance(row.resource, FilterResource) else None
            if on_filter in left_alone or (on_filter is not None and self._is_worked_on(on_filter, known)):
                continue
            if self._is_excess(row, producer, expected.get(key)):
                yield self._excess(row, expected.get(key))

    def _filter(self, grant: GrantRecord, wanted: DataFilter, found: DataFilter | None) -> Iterator[Finding]:
        words = f"filter {wanted.name} on {wanted.database}.{wanted.table}"
        if found is None:
            yield Finding("missing", words, grant.consumer, grant.request_id, filter=wanted)
        elif _meaning(found) != _meaning(wanted):
            yield Finding("wrong_filter", words, grant.consumer, grant.request_id, filter=wanted)

    def _grants(self, grant: GrantRecord, database: str, table: str, name: str) -> list[Grant]:
        who = grantees(grant.account_id, grant.principals, grant.grant_to, catalog_id=self.mesh.account_id)
        return filter_grants(who, catalog_id=self.mesh.account_id, database=database, filters={table: name})

    def _is_settled(self, request_id: UUID) -> bool:
        """Tell whether a grant is neither being made nor being taken back."""
        request = self._world.registry.request(request_id)
        return request is not None and request.status in STANDING

    def _is_over(self, request_id: UUID) -> bool:
        """Tell whether nothing of a request is granted, or being granted or taken back, any more."""
        request = self._world.registry.request(request_id)
        return request is None or not (request.in_progress or request.status in {*STANDING, "PENDING"})

    def _is_worked_on(self, name: str, known: set[str]) -> bool:
        """Tell whether a filter that no record names is one of a request that is being worked on."""
        request_id = self._request_of(name)
        return name not in known and request_id is not None and not self._is_over(request_id)

    def _request_of(self, name: str) -> UUID | None:
        own = self._own_filter.fullmatch(name)
        return UUID(hex=own.group(1)) if own is not None else None

    def _is_excess(self, row: GrantedPermission, producer: str | None, expected: Grant | None) -> bool:
        """Tell whether somebody may read, or pass on, what nobody granted in the mesh."""
        if self.mesh.is_own(row.principal) or (producer is not None and _is_in(row.principal, producer)):
            return False
        if expected is None:
            return bool(_READS & set(row.permissions))
        more = set(row.permissions) - set(expected.permissions) - {"DESCRIBE"}
        return bool(more or (set(row.grantable) - set(expected.grantable)) & _READS)

    def _excess(self, row: GrantedPermission, instead: Grant | None = None) -> Finding:
        grant = Grant(
            principal=row.principal, resource=row.resource, permissions=row.permissions, grantable=row.grantable
        )
        request_id = self._request_of(row.resource.name) if isinstance(row.resource, FilterResource) else None
        return Finding(
            "excess",
            in_words(row.resource),
            self.mesh.consumer_of(row.principal),
            request_id,
            grant,
            instead=instead,
        )

    def _producer_of(self, row: GrantedPermission) -> str | None:
        """Return the account that an expression leaves within its own tables."""
        if not isinstance(row.resource, TagPolicyResource):
            return None
        values = dict(row.resource.expression).get(self.mesh.domain_tag_key)
        domain = self.mesh.domains.get(values[0]) if values is not None and len(values) == 1 else None
        return domain.account_id if domain is not None else None


def told_of(finding: Finding, *, healed: bool = False) -> Drift:
    """Return a difference as facts, ledger and command line tell it."""
    return Drift(
        kind=finding.kind,
        resource=finding.resource[:512],
        principal=finding.grant.principal if finding.grant is not None else None,
        domain=finding.consumer,
        request_id=finding.request_id,
        healed=healed,
    )


def in_words(resource: Resource) -> str:
    """Return what a resource is, for people."""
    match resource:
        case FilterResource():
            return f"filter {resource.name} on {resource.database}.{resource.table}"
        case ColumnsResource(excluded=None):
            return f"columns {', '.join(resource.names)} of {resource.database}.{resource.table}"[:512]
        case ColumnsResource():
            return f"{resource.database}.{resource.table} but for some columns"
        case TableResource(name="*"):
            return f"all tables of {resource.database}"
        case TableResource():
            return f"{resource.database}.{resource.name}"
        case TagPolicyResource():
            expression = " and ".join(f"{key} in {', '.join(values)}" for key, values in resource.expression)
            return f"{resource.resource_type.lower()}s with {resource.saved_as or expression}"[:512]
        case DatabaseResource():
            return resource.name
        case _:
            return str(resource)[:512]


def _is_in(principal: str, account_id: str) -> bool:
    return principal == account_id or f":{account_id}:" in principal


def _meaning(each: DataFilter) -> tuple[frozenset[str], str | None]:
    return frozenset(column.lower() for column in each.columns), each.rows
