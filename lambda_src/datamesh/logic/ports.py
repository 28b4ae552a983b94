"""What the flows need of the world, as interfaces: `datamesh.aws` implements them, tests fake them."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol

from datamesh.models.approvals import ApprovalRecord, LinkRecord, OpenApproval
from datamesh.models.catalog import CatalogDatabase, CatalogTable
from datamesh.models.config import DomainConfig
from datamesh.models.notifications import NotificationRecord
from datamesh.models.permissions import DatabaseResource, Grant, GrantedPermission, Resource, TableResource
from datamesh.models.policy import ApprovalPolicy
from datamesh.models.registry import (
    AccessWork,
    AddedTags,
    Change,
    Claim,
    DomainRecord,
    GrantRecord,
    Key,
    LedgerHead,
    PolicySeen,
    ProductRecord,
    Record,
    RequestRecord,
    Stamp,
    TableRecord,
    TagChangeRecord,
    TagGrantRecord,
    TagWork,
)
from datamesh.models.tags import FoundTable, TableTags


class Registry(Protocol):
    """The registry; every write is conditional and raises WriteConflict when its condition does not hold."""

    def domain(self, name: str) -> DomainRecord | None:
        """Return a domain."""

    def product(self, domain: str, name: str) -> ProductRecord | None:
        """Return a product."""

    def products(self, domain: str) -> list[ProductRecord]:
        """Return all products of a domain."""

    def request(self, request_id: uuid.UUID) -> RequestRecord | None:
        """Return a request."""

    def tables(self, domain: str, product: str) -> list[TableRecord]:
        """Return all tables of a product."""

    def grants(self, domain: str, product: str) -> list[GrantRecord]:
        """Return all grants of a product."""

    def tag_grants(self) -> list[TagGrantRecord]:
        """Return all grants by LF-tag of the mesh."""

    def tag_work(self) -> TagWork | None:
        """Return who changes LF-tags or grants by them."""

    def added_tags(self) -> AddedTags | None:
        """Return the LF-tag values that the mesh has added."""

    def tag_changes(self, domain: str, product: str, stamp: Stamp) -> list[TagChangeRecord]:
        """Return what an event changed for the consumers of a product, by table."""

    def policy(self) -> ApprovalPolicy:
        """Return the approval policy in force, the default one when none was written. Raises InvalidPolicy."""

    def policy_seen(self) -> PolicySeen | None:
        """Return which policy the ledger knows to be in force."""

    def approval(self, request_id: uuid.UUID, number: int) -> ApprovalRecord | None:
        """Return a stage of a request's approval."""

    def approvals(self, request_id: uuid.UUID) -> list[ApprovalRecord]:
        """Return all stages of a request's approval that were opened, in order."""

    def link(self, link_id: str) -> LinkRecord | None:
        """Return an approval link."""

    def notification(self, request_id: uuid.UUID, notification_id: str) -> NotificationRecord | None:
        """Return that a message about a request was sent."""

    def open_approvals(self) -> list[OpenApproval]:
        """Return all stages of the mesh that wait, or whose answer was not taken."""

    def access_work(self, consumer: str) -> AccessWork | None:
        """Return who changes what a consumer is granted."""

    def ledger_head(self) -> LedgerHead | None:
        """Return the last entry of the ledger; None before the first one."""

    def domains(self) -> list[DomainRecord]:
        """Return all domains by name; possibly as they were a moment ago: for lists, not for decisions."""

    def requests_of(
        self, consumer: str, *, limit: int, after: str | None = None
    ) -> tuple[list[RequestRecord], str | None]:
        """Return a page of a domain's requests, the newest first, and after what the next begins: for lists only."""

    def grants_of(self, consumer: str) -> list[GrantRecord]:
        """Return what a domain is granted by name, by product: for lists only."""

    def all_domains(self) -> list[DomainRecord]:
        """Return all domains of the mesh: reads the whole registry, for what runs seldom."""

    def all_grants(self) -> list[GrantRecord]:
        """Return all grants by name of the mesh: reads the whole registry, for what runs seldom."""

    def all_requests(self) -> list[RequestRecord]:
        """Return all requests of the mesh: reads the whole registry, for what runs seldom."""

    def owner(self, claim: Claim) -> str | None:
        """Return who has a name."""

    def owners(self, claims: Sequence[Claim]) -> dict[Key, str]:
        """Return who has those of the names that are taken."""

    def write(self, changes: Sequence[Change]) -> None:
        """Make all changes or none."""

    def write_all(self, changes: Sequence[Change], guard: Record) -> None:
        """Make any number of changes while `guard` stands."""


class Catalog(Protocol):
    """Central's Data Catalog."""

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        """Return a database."""

    def ensure_database(self, wanted: CatalogDatabase) -> Literal["created", "unchanged"]:
        """Create a database or accept an equal one."""

    def get_table(self, database: str, name: str, catalog_id: str | None = None) -> CatalogTable | None:
        """Return a table."""

    def create_table(self, database: str, table: CatalogTable) -> bool:
        """Create a table; False when there is one."""

    def update_table(self, database: str, table: CatalogTable) -> None:
        """Replace a table's definition."""

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        """Return all tables of a database; none when it is not there."""

    def delete_database(self, name: str) -> None:
        """Delete a database; one that is gone counts as deleted."""


class Permissions(Protocol):
    """Lake Formation in central."""

    def grant(self, grants: Iterable[Grant]) -> None:
        """Grant all."""

    def revoke(self, grants: Iterable[Grant]) -> None:
        """Revoke all."""

    def list_permissions(
        self,
        *,
        principal: str | None = None,
        resource: Resource | None = None,
        resource_type: str | None = None,
        related: bool = False,
    ) -> list[GrantedPermission]:
        """List permissions; `related`: of a table also those on its data cells filters."""

    def remove_iam_allowed_principals(self, resource: DatabaseResource | TableResource) -> bool:
        """Revoke what IAM_ALLOWED_PRINCIPALS holds."""

    def register_location(self, arn: str, role_arn: str) -> None:
        """Register a location with a role."""

    def deregister_location(self, arn: str) -> None:
        """End the registration of a location; one that is not registered counts as ended."""

    def location_role(self, arn: str) -> str | None:
        """Return the role that a location is registered with."""


class LfTags(Protocol):
    """The LF-tags of central's Lake Formation. All changes may be repeated."""

    def values(self, key: str) -> frozenset[str] | None:
        """Return the values that a key may take; None when there is no such key."""

    def ensure_value(self, key: str, value: str) -> None:
        """Make a key with a value, or add the value to it."""

    def remove_values(self, key: str, values: Iterable[str]) -> None:
        """Remove those of the values that a key has, and the key with its last value. Raises TagInUse."""

    def database_tags(self, database: str) -> dict[str, str]:
        """Return what is assigned to a database."""

    def table_tags(self, database: str, table: str) -> TableTags:
        """Return what is assigned to a table, its database and its columns; `column_names` stays empty."""

    def set_database_tags(self, database: str, wanted: Mapping[str, str]) -> None:
        """Make exactly these the tags that are assigned to a database. Raises TaggingFailed."""

    def set_table_tags(self, database: str, table: str, wanted: Mapping[str, str]) -> None:
        """Make exactly these the tags that are assigned to a table itself. Raises TaggingFailed."""

    def set_column_tags(self, database: str, table: str, wanted: Mapping[str, Mapping[str, str]]) -> None:
        """Make exactly these the tags that are assigned to columns; others get none. Raises TaggingFailed."""

    def search_tables(self, expression: Mapping[str, tuple[str, ...]]) -> list[FoundTable]:
        """Return all tables of which the expression shows something, whoever made them; `column_names` stays empty."""


class TagOntology(Protocol):
    """Which LF-tags there are in central, and who carries them. All changes may be repeated."""

    def values(self, key: str) -> frozenset[str] | None:
        """Return the values that a key may take; None when there is no such key."""

    def ensure_values(self, key: str, values: Iterable[str]) -> None:
        """Make a key with these values, or add those that it misses."""

    def remove_values(self, key: str, values: Iterable[str]) -> None:
        """Remove those of the values that a key has, and the key with its last value. Raises TagInUse."""

    def carriers(self, key: str, value: str) -> list[str]:
        """Return databases, and as `<database>.<table>` tables, that carry a tag, or one of whose columns does."""


class DomainConfigs(Protocol):
    """The config secrets of the domains."""

    def read(self, secret_arn: str) -> DomainConfig:
        """Read a domain's configuration; raises InvalidConfigSecret."""


class Buckets(Protocol):
    """The buckets of the domains."""

    def is_owned_by(self, bucket: str, account_id: str) -> bool:
        """Tell whether a bucket belongs to an account."""


class Router(Protocol):
    """Central's event bus."""

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
        """Create or update a rule that forwards to another account's bus."""

    def remove_route(self, rule: str, target_id: str) -> None:
        """Remove a rule with its one target; one that is gone counts as removed."""
