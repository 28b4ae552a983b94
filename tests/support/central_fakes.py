"""What central's flows need of AWS, in memory.

The fakes obey the conditions that AWS obeys (conditional writes, equal-or-conflict, grants that are listed as granted),
so that tests assert on the state that remains and not on calls.
"""

from __future__ import annotations

import copy
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from datamesh.aws.ledger import follow
from datamesh.logic.tags import is_exposed
from datamesh.models.approvals import ApprovalRecord, LinkRecord, OpenApproval, approval_key, link_key
from datamesh.models.catalog import CatalogDatabase, CatalogTable
from datamesh.models.config import DomainConfig
from datamesh.models.errors import ConflictError, InvalidConfigSecret, TaggingFailed, TagInUse, WriteConflict
from datamesh.models.ledger import LedgerEntry
from datamesh.models.notifications import NotificationRecord, notification_key
from datamesh.models.permissions import (
    IAM_ALLOWED_PRINCIPALS,
    ColumnsResource,
    DatabaseResource,
    FilterResource,
    Grant,
    GrantedPermission,
    LocationResource,
    Resource,
    TableResource,
    TagPolicyResource,
    TagResource,
)
from datamesh.models.policy import ApprovalPolicy, read_policy
from datamesh.models.registry import (
    ADDED_TAGS,
    DOMAINS,
    LEDGER_HEAD,
    POLICY,
    POLICY_SEEN,
    TAG_WORK,
    AccessWork,
    AddedTags,
    Append,
    Change,
    Check,
    Claim,
    DomainRecord,
    Drop,
    GiveBack,
    GrantRecord,
    Key,
    LedgerHead,
    PolicyRecord,
    PolicySeen,
    ProductRecord,
    Record,
    RequestRecord,
    Save,
    Stamp,
    TableRecord,
    TagChangeRecord,
    TagGrantRecord,
    TagWork,
    Take,
    access_work_key,
    domain_key,
    grants_listing,
    product_key,
    product_pk,
    request_key,
    requests_listing,
    tag_change_key,
)
from datamesh.models.tags import FoundTable, TableTags
from tests.support.central_commands import CENTRAL, REGION

RecordT = TypeVar("RecordT", bound=Record)


class FakeRegistry:
    """The registry: a dictionary that takes a transaction only when all its conditions hold, and the ledger.

    `policy_document` is the approval policy in force, unless a PolicyRecord was written.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Record | str] = {}
        self.ledger: list[LedgerEntry] = []
        self.policy_document: str | None = None
        self.before_write: Callable[[Sequence[Change]], None] | None = None
        self._writing = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> FakeRegistry:
        twin = FakeRegistry()
        for name, value in vars(self).items():
            # A lock is nobody's state.
            if name != "_writing":
                setattr(twin, name, copy.deepcopy(value, memo))
        return twin

    def domain(self, name: str) -> DomainRecord | None:
        return self._get(DomainRecord, domain_key(name))

    def product(self, domain: str, name: str) -> ProductRecord | None:
        return self._get(ProductRecord, product_key(domain, name))

    def products(self, domain: str) -> list[ProductRecord]:
        return [item for item in self.items.values() if isinstance(item, ProductRecord) and item.domain == domain]

    def request(self, request_id: uuid.UUID) -> RequestRecord | None:
        return self._get(RequestRecord, request_key(request_id))

    def tables(self, domain: str, product: str) -> list[TableRecord]:
        found = [item for key, item in self._of(domain, product) if isinstance(item, TableRecord)]
        return sorted(found, key=lambda table: table.name)

    def grants(self, domain: str, product: str) -> list[GrantRecord]:
        return [item for key, item in self._of(domain, product) if isinstance(item, GrantRecord)]

    def tag_grants(self) -> list[TagGrantRecord]:
        found = [item for item in self.items.values() if isinstance(item, TagGrantRecord)]
        return sorted(found, key=lambda grant: grant.key.sk)

    def tag_work(self) -> TagWork | None:
        return self._get(TagWork, TAG_WORK)

    def added_tags(self) -> AddedTags | None:
        return self._get(AddedTags, ADDED_TAGS)

    def tag_changes(self, domain: str, product: str, stamp: Stamp) -> list[TagChangeRecord]:
        start = tag_change_key(domain, product, stamp, "").sk
        found = [item for key, item in self._of(domain, product) if key.sk.startswith(start)]
        return sorted((item for item in found if isinstance(item, TagChangeRecord)), key=lambda change: change.table)

    def policy(self) -> ApprovalPolicy:
        record = self._get(PolicyRecord, POLICY)
        return read_policy(record.document if record is not None else self.policy_document)

    def policy_seen(self) -> PolicySeen | None:
        return self._get(PolicySeen, POLICY_SEEN)

    def approval(self, request_id: uuid.UUID, number: int) -> ApprovalRecord | None:
        return self._get(ApprovalRecord, approval_key(request_id, number))

    def approvals(self, request_id: uuid.UUID) -> list[ApprovalRecord]:
        found = [item for item in self._all(ApprovalRecord) if item.request_id == request_id]
        return sorted(found, key=lambda approval: approval.number)

    def link(self, link_id: str) -> LinkRecord | None:
        return self._get(LinkRecord, link_key(link_id))

    def notification(self, request_id: uuid.UUID, notification_id: str) -> NotificationRecord | None:
        return self._get(NotificationRecord, notification_key(request_id, notification_id))

    def open_approvals(self) -> list[OpenApproval]:
        return sorted(self._all(OpenApproval), key=lambda stage: stage.key.sk)

    def access_work(self, consumer: str) -> AccessWork | None:
        return self._get(AccessWork, access_work_key(consumer))

    def ledger_head(self) -> LedgerHead | None:
        return self._get(LedgerHead, LEDGER_HEAD)

    def domains(self) -> list[DomainRecord]:
        return self._listed(DomainRecord, DOMAINS)

    def requests_of(
        self, consumer: str, *, limit: int, after: str | None = None
    ) -> tuple[list[RequestRecord], str | None]:
        found = self._listed(RequestRecord, requests_listing(consumer))[::-1]
        found = [item for item in found if after is None or (item.listing is not None and item.listing.sk < after)]
        last = found[limit - 1].listing if len(found) > limit else None
        return found[:limit], last.sk if last is not None else None

    def grants_of(self, consumer: str) -> list[GrantRecord]:
        return self._listed(GrantRecord, grants_listing(consumer))

    def all_domains(self) -> list[DomainRecord]:
        return sorted(self._all(DomainRecord), key=lambda domain: domain.domain)

    def all_grants(self) -> list[GrantRecord]:
        return sorted(self._all(GrantRecord), key=lambda grant: (grant.key.pk, grant.key.sk))

    def all_requests(self) -> list[RequestRecord]:
        return sorted(self._all(RequestRecord), key=lambda request: request.key.pk)

    def owner(self, claim: Claim) -> str | None:
        owner = self.items.get(claim.key)
        return owner if isinstance(owner, str) else None

    def owners(self, claims: Sequence[Claim]) -> dict[Key, str]:
        found = {claim.key: self.owner(claim) for claim in claims}
        return {key: owner for key, owner in found.items() if owner is not None}

    def write(self, changes: Sequence[Change]) -> None:
        if self.before_write is not None:
            self.before_write(changes)
        with self._writing:
            self._write(changes)

    def write_all(self, changes: Sequence[Change], guard: Record) -> None:
        events = [change for change in changes if isinstance(change, Append)]
        ordered = [*(change for change in changes if not isinstance(change, Append)), *events]
        for start in range(0, len(ordered), 98):
            self.write([Check(guard), *ordered[start : start + 98]])

    def _write(self, changes: Sequence[Change]) -> None:
        events = [change.event for change in changes if isinstance(change, Append)]
        others = [change for change in changes if not isinstance(change, Append)]
        assert len(changes) + bool(events) <= 100
        keys = [change.claim.key if isinstance(change, Take | GiveBack) else change.record.key for change in others]
        assert len(set(keys)) == len(keys), "DynamoDB takes one action per item in a transaction"
        if not all(self._holds(change) for change in others):
            raise WriteConflict("The conditional request failed")
        for change in others:
            match change:
                case Save(record):
                    # Through JSON, as DynamoDB would have it.
                    self.items[record.key] = type(record).model_validate(record.to_json())
                case Drop(record):
                    del self.items[record.key]
                case Take(claim):
                    self.items[claim.key] = claim.owner
                case GiveBack(claim):
                    self.items.pop(claim.key, None)
                case Check():
                    pass
        if events:
            entries, head = follow(self.ledger_head(), events)
            self.ledger += [LedgerEntry.model_validate(entry.to_json()) for entry in entries]
            self.items[LEDGER_HEAD] = head

    def _holds(self, change: Save | Drop | Check | Take | GiveBack) -> bool:
        match change:
            case Save(record):
                return self._version(record.key) == record.version - 1
            case Drop(record) | Check(record):
                return self._version(record.key) == record.version
            case Take(claim) | GiveBack(claim):
                return self.items.get(claim.key, claim.owner) == claim.owner

    def _version(self, key: Key) -> int:
        item = self.items.get(key)
        return item.version if isinstance(item, Record) else 0

    def _get(self, model: type[RecordT], key: Key) -> RecordT | None:
        item = self.items.get(key)
        assert item is None or isinstance(item, model)
        return item

    def _all(self, model: type[RecordT]) -> list[RecordT]:
        return [item for item in list(self.items.values()) if isinstance(item, model)]

    def _listed(self, model: type[RecordT], pk: str) -> list[RecordT]:
        found = [(item.listing.sk, item) for item in self._all(model) if item.listing and item.listing.pk == pk]
        return [item for _, item in sorted(found, key=lambda each: each[0])]

    def _of(self, domain: str, product: str) -> list[tuple[Key, Record | str]]:
        return [(key, item) for key, item in self.items.items() if key.pk == product_pk(domain, product)]


class FakeCatalog:
    """The Data Catalog; new tables get what the default permissions of the account say."""

    def __init__(self, lake_formation: FakeLakeFormation) -> None:
        self.databases: dict[str, CatalogDatabase] = {}
        self.tables: dict[tuple[str, str], CatalogTable] = {}
        self.writes: list[tuple[str, str]] = []
        self.default_permissions = False
        self._lake_formation = lake_formation

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        return self.databases.get(name)

    def ensure_database(self, wanted: CatalogDatabase) -> Literal["created", "unchanged"]:
        found = self.databases.get(wanted.name)
        if found is None:
            self.databases[wanted.name] = wanted
            self._add_defaults(DatabaseResource(catalog_id=CENTRAL, name=wanted.name))
            return "created"
        if found.location != wanted.location or not wanted.parameters.items() <= found.parameters.items():
            raise ConflictError(f"Database {wanted.name} is different")
        return "unchanged"

    def get_table(self, database: str, name: str, catalog_id: str | None = None) -> CatalogTable | None:
        return self.tables.get((database, name))

    def create_table(self, database: str, table: CatalogTable) -> bool:
        if (database, table.name) in self.tables:
            return False
        self.tables[database, table.name] = table
        self.writes.append(("create", table.name))
        self._add_defaults(TableResource(catalog_id=CENTRAL, database=database, name=table.name))
        return True

    def update_table(self, database: str, table: CatalogTable) -> None:
        assert (database, table.name) in self.tables
        self.tables[database, table.name] = table
        self.writes.append(("update", table.name))

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        return [table for (place, _), table in sorted(self.tables.items()) if place == database]

    def delete_table(self, database: str, name: str) -> bool:
        resource = TableResource(catalog_id=CENTRAL, database=database, name=name)
        if (database, name) not in self.tables:
            return False
        assert self._lake_formation.may_drop(resource), "Insufficient Lake Formation permission(s): Required Drop"
        del self.tables[database, name]
        self._lake_formation.forget(resource)
        return True

    def delete_database(self, name: str) -> None:
        resource = DatabaseResource(catalog_id=CENTRAL, name=name)
        if name in self.databases:
            assert self._lake_formation.may_drop(resource), "Insufficient Lake Formation permission(s): Required Drop"
            del self.databases[name]
            self._lake_formation.forget(resource)

    def _add_defaults(self, resource: Resource) -> None:
        if self.default_permissions:
            self._lake_formation.grant(
                [Grant(principal=IAM_ALLOWED_PRINCIPALS, resource=resource, permissions=("ALL",))]
            )


class FakeLakeFormation:
    """Lake Formation: what is granted is a set, and a grant to an account makes a share."""

    def __init__(self) -> None:
        self.granted: dict[tuple[str, Resource], tuple[frozenset[str], frozenset[str]]] = {}
        self.locations: dict[str, str] = {}
        self.calls = 0
        self.listing_lags = 0

    def grant(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            assert grant.principal != CENTRAL, "an account cannot be granted something of its own"
            if grant.principal.isdigit():
                blocked = (IAM_ALLOWED_PRINCIPALS, grant.resource) in self.granted
                assert not blocked, "Illegal combination: IAM_ALLOWED_PRINCIPALS stands"
            self.calls += 1
            permissions, grantable = self.granted.get((grant.principal, grant.resource), (frozenset(), frozenset()))
            self.granted[grant.principal, grant.resource] = (
                permissions | set(grant.permissions),
                grantable | set(grant.grantable),
            )

    def revoke(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            self.calls += 1
            self.granted.pop((grant.principal, grant.resource), None)

    def list_permissions(
        self,
        *,
        principal: str | None = None,
        resource: Resource | None = None,
        resource_type: str | None = None,
        related: bool = False,
    ) -> list[GrantedPermission]:
        if self.listing_lags:
            self.listing_lags -= 1
            return []
        kinds = {
            "TABLE": TableResource,
            "DATABASE": DatabaseResource,
            "LF_TAG": TagResource,
            "LF_TAG_POLICY": TagPolicyResource,
            "LF_TAG_POLICY_DATABASE": TagPolicyResource,
            "LF_TAG_POLICY_TABLE": TagPolicyResource,
            None: object,
        }

        def is_asked_for(what: Resource) -> bool:
            if isinstance(resource, TableResource) and isinstance(what, ColumnsResource):
                return (what.database, what.table) == (resource.database, resource.name)
            if related and isinstance(resource, TableResource) and isinstance(what, FilterResource):
                return (what.database, what.table) == (resource.database, resource.name)
            return resource in {None, what}

        def is_wanted(what: Resource) -> bool:
            if isinstance(what, TagPolicyResource) and resource_type not in {None, "LF_TAG_POLICY"}:
                return resource_type == f"LF_TAG_POLICY_{what.resource_type}"
            return isinstance(what, kinds[resource_type])

        return [
            GrantedPermission(
                principal=who,
                resource=what,
                permissions=tuple(permissions),
                grantable=tuple(grantable),
                shares=(share_of(who),) if who.isdigit() else (),
            )
            for (who, what), (permissions, grantable) in self.granted.items()
            if principal in {None, who} and is_asked_for(what) and is_wanted(what)
        ]

    def remove_iam_allowed_principals(self, resource: DatabaseResource | TableResource) -> bool:
        return self.granted.pop((IAM_ALLOWED_PRINCIPALS, resource), None) is not None

    def register_location(self, arn: str, role_arn: str) -> None:
        if self.locations.setdefault(arn, role_arn) != role_arn:
            raise ConflictError(f"{arn} is registered with another role")

    def deregister_location(self, arn: str) -> None:
        self.locations.pop(arn, None)

    def location_role(self, arn: str) -> str | None:
        return self.locations.get(arn)

    def may_drop(self, resource: Resource) -> bool:
        """Tell whether anybody was granted to drop it."""
        return any(what == resource and "DROP" in held for (_, what), (held, _) in self.granted.items())

    def forget(self, resource: Resource) -> None:
        """Forget what was granted on something that is gone."""
        for key in [key for key in self.granted if key[1] == resource]:
            del self.granted[key]

    def on_table(self, principal: str, table: str, database: str = "datamesh_sales_nrac") -> frozenset[str]:
        """Return what a principal may do with a table."""
        resource = TableResource(catalog_id=CENTRAL, database=database, name=table)
        return self.granted.get((principal, resource), (frozenset(), frozenset()))[0]

    def on_location(self, principal: str, arn: str) -> frozenset[str]:
        """Return what a principal may do with a location."""
        resource = LocationResource(catalog_id=CENTRAL, arn=arn)
        return self.granted.get((principal, resource), (frozenset(), frozenset()))[0]


class FakeLfTags:
    """The LF-tags of central: keys with values, and what is assigned, to what is in the catalog only.

    `writes` has every assignment that changed something; `known` is the ontology, values by key.
    """

    def __init__(self, catalog: FakeCatalog) -> None:
        self.known: dict[str, set[str]] = {
            "classification": {"public", "internal", "confidential", "restricted"},
            "confidentiality": {"non-sensitive", "sensitive"},
        }
        self.on_databases: dict[str, dict[str, str]] = {}
        self.on_tables: dict[tuple[str, str], dict[str, str]] = {}
        self.on_columns: dict[tuple[str, str, str], dict[str, str]] = {}
        self.writes: list[tuple[str, ...]] = []
        self._catalog = catalog

    def values(self, key: str) -> frozenset[str] | None:
        return frozenset(self.known[key]) if key in self.known else None

    def all_values(self) -> dict[str, tuple[str, ...]]:
        return {key: tuple(sorted(values)) for key, values in sorted(self.known.items())}

    def ensure_value(self, key: str, value: str) -> None:
        self.ensure_values(key, (value,))

    def ensure_values(self, key: str, values: Iterable[str]) -> None:
        self.known.setdefault(key, set()).update(values)

    def remove_values(self, key: str, values: Iterable[str]) -> None:
        gone = self.known.get(key, set()) & set(values)
        if gone != self.known.get(key, set()):
            # Lake Formation looks only while the key stays.
            for value in gone:
                if self.carriers(key, value):
                    raise TagInUse(f"{key}={value}: Update not allowed")
        self.known[key] = self.known.get(key, set()) - gone
        if not self.known[key]:
            del self.known[key]

    def carriers(self, key: str, value: str) -> list[str]:
        databases = [name for name, tags in self.on_databases.items() if tags.get(key) == value]
        tables = [f"{found.database}.{found.name}" for found in self.search_tables({key: (value,)})]
        return [*sorted(databases), *sorted(tables)]

    def database_tags(self, database: str) -> dict[str, str]:
        return dict(self.on_databases.get(database, {}))

    def table_tags(self, database: str, table: str) -> TableTags:
        assert (database, table) in self._catalog.tables, "EntityNotFoundException"
        return TableTags(
            database=self.database_tags(database),
            table=dict(self.on_tables.get((database, table), {})),
            columns={
                name: dict(self.on_columns[database, table, name])
                for name in self._columns(database, table)
                if self.on_columns.get((database, table, name))
            },
        )

    def set_database_tags(self, database: str, wanted: Mapping[str, str]) -> None:
        self._must_exist(database in self._catalog.databases, database)
        self._set(self.on_databases, database, wanted, (database,))

    def set_table_tags(self, database: str, table: str, wanted: Mapping[str, str]) -> None:
        self._must_exist((database, table) in self._catalog.tables, f"{database}.{table}")
        self._set(self.on_tables, (database, table), wanted, (database, table))

    def set_column_tags(self, database: str, table: str, wanted: Mapping[str, Mapping[str, str]]) -> None:
        columns = self._columns(database, table)
        for name, tags in wanted.items():
            self._must_exist(name in columns or not tags, f"{database}.{table}.{name}")
        for name in columns:
            self._set(self.on_columns, (database, table, name), wanted.get(name, {}), (database, table, name))

    def matched_databases(self, expression: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        return frozenset(found.database for found in self.search_tables(expression))

    def search_tables(self, expression: Mapping[str, tuple[str, ...]]) -> list[FoundTable]:
        found = []
        for database, name in sorted(self._catalog.tables):
            tags = self.table_tags(database, name)
            with_columns = tags.model_copy(update={"column_names": self._columns(database, name)})
            if is_exposed(expression, with_columns):
                found.append(FoundTable(database, name, tags))
        return found

    def _set(
        self, kept: dict[Any, dict[str, str]], what: Any, wanted: Mapping[str, str], name: tuple[str, ...]
    ) -> None:
        for key, value in wanted.items():
            if value not in self.known.get(key, set()):
                raise TaggingFailed(f"{key}={value} on {'.'.join(name)}: EntityNotFoundException: Tag or value unknown")
        if kept.get(what, {}) != dict(wanted):
            self.writes.append(name)
            kept[what] = dict(wanted)

    def _columns(self, database: str, table: str) -> tuple[str, ...]:
        found = self._catalog.tables.get((database, table))
        return tuple(column.name for column in (*found.columns, *found.partition_keys)) if found is not None else ()

    @staticmethod
    def _must_exist(exists: bool, what: str) -> None:
        if not exists:
            raise TaggingFailed(f"{what}: EntityNotFoundException: not found")


@dataclass
class FakeDomains:
    """The domains' accounts: their config secrets and their buckets."""

    secrets: dict[str, DomainConfig] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=dict)

    def read(self, secret_arn: str) -> DomainConfig:
        if secret_arn not in self.secrets:
            raise InvalidConfigSecret("The config secret cannot be read")
        return self.secrets[secret_arn]

    def is_owned_by(self, bucket: str, account_id: str) -> bool:
        return self.buckets.get(bucket) == account_id


class FakeRouter:
    """Central's bus: its routing rules."""

    def __init__(self) -> None:
        self.routes: dict[str, dict[str, Any]] = {}

    def ensure_route(
        self,
        *,
        rule: str,
        description: str,
        pattern: Mapping[str, Any],
        target_id: str,
        target_arn: str,
        role_arn: str,
        dead_letter_arn: str,
    ) -> None:
        self.routes[rule] = {
            "pattern": dict(pattern),
            "target": (target_id, target_arn, role_arn, dead_letter_arn),
        }

    def remove_route(self, rule: str, target_id: str) -> None:
        if rule in self.routes:
            assert self.routes[rule]["target"][0] == target_id, "Rule can't be deleted since it has targets"
            del self.routes[rule]


def share_of(account_id: str) -> str:
    """Return the share that carries grants to an account."""
    return f"arn:aws:ram:{REGION}:{CENTRAL}:resource-share/{account_id}"
