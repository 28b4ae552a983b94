"""What central's flows need of AWS, in memory.

The fakes obey the conditions that AWS obeys (conditional writes, equal-or-conflict, grants that are listed as granted),
so that tests assert on the state that remains and not on calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from datamesh.models.catalog import CatalogDatabase, CatalogTable
from datamesh.models.config import DomainConfig
from datamesh.models.errors import ConflictError, InvalidConfigSecret, WriteConflict
from datamesh.models.permissions import (
    IAM_ALLOWED_PRINCIPALS,
    DatabaseResource,
    Grant,
    GrantedPermission,
    LocationResource,
    Resource,
    TableResource,
)
from datamesh.models.registry import (
    Change,
    Check,
    Claim,
    DomainRecord,
    Drop,
    GiveBack,
    GrantRecord,
    Key,
    ProductRecord,
    Record,
    RequestRecord,
    Save,
    TableRecord,
    Take,
    domain_key,
    product_key,
    product_pk,
    request_key,
)
from tests.support.central_commands import CENTRAL, REGION

RecordT = TypeVar("RecordT", bound=Record)


class FakeRegistry:
    """The registry: a dictionary that takes a transaction only when all its conditions hold."""

    def __init__(self) -> None:
        self.items: dict[Key, Record | str] = {}
        self.before_write: Callable[[Sequence[Change]], None] | None = None

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

    def owner(self, claim: Claim) -> str | None:
        owner = self.items.get(claim.key)
        return owner if isinstance(owner, str) else None

    def owners(self, claims: Sequence[Claim]) -> dict[Key, str]:
        found = {claim.key: self.owner(claim) for claim in claims}
        return {key: owner for key, owner in found.items() if owner is not None}

    def write(self, changes: Sequence[Change]) -> None:
        if self.before_write is not None:
            self.before_write(changes)
        assert len(changes) <= 100
        keys = [change.claim.key if isinstance(change, Take | GiveBack) else change.record.key for change in changes]
        assert len(set(keys)) == len(keys), "DynamoDB takes one action per item in a transaction"
        if not all(self._holds(change) for change in changes):
            raise WriteConflict("The conditional request failed")
        for change in changes:
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

    def write_all(self, changes: Sequence[Change], guard: Record) -> None:
        for start in range(0, len(changes), 99):
            self.write([Check(guard), *changes[start : start + 99]])

    def _holds(self, change: Change) -> bool:
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
        self, *, principal: str | None = None, resource: Resource | None = None, resource_type: str | None = None
    ) -> list[GrantedPermission]:
        if self.listing_lags:
            self.listing_lags -= 1
            return []
        kinds = {"TABLE": TableResource, "DATABASE": DatabaseResource, None: object}
        return [
            GrantedPermission(
                principal=who,
                resource=what,
                permissions=tuple(permissions),
                grantable=tuple(grantable),
                shares=(share_of(who),) if who.isdigit() else (),
            )
            for (who, what), (permissions, grantable) in self.granted.items()
            if principal in {None, who} and resource in {None, what} and isinstance(what, kinds[resource_type])
        ]

    def remove_iam_allowed_principals(self, resource: DatabaseResource | TableResource) -> bool:
        return self.granted.pop((IAM_ALLOWED_PRINCIPALS, resource), None) is not None

    def register_location(self, arn: str, role_arn: str) -> None:
        if self.locations.setdefault(arn, role_arn) != role_arn:
            raise ConflictError(f"{arn} is registered with another role")

    def location_role(self, arn: str) -> str | None:
        return self.locations.get(arn)

    def on_table(self, principal: str, table: str, database: str = "datamesh_sales_nrac") -> frozenset[str]:
        """Return what a principal may do with a table."""
        resource = TableResource(catalog_id=CENTRAL, database=database, name=table)
        return self.granted.get((principal, resource), (frozenset(), frozenset()))[0]

    def on_location(self, principal: str, arn: str) -> frozenset[str]:
        """Return what a principal may do with a location."""
        resource = LocationResource(catalog_id=CENTRAL, arn=arn)
        return self.granted.get((principal, resource), (frozenset(), frozenset()))[0]


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


def share_of(account_id: str) -> str:
    """Return the share that carries grants to an account."""
    return f"arn:aws:ram:{REGION}:{CENTRAL}:resource-share/{account_id}"
