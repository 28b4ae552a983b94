"""What the flows of a domain's account need of the world: `datamesh.aws` implements it, tests fake it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from datamesh.models.catalog import CatalogDatabase, CatalogTable, DatabaseTarget, LinkTarget
from datamesh.models.crawls import CrawlerState, CrawlPlan, CrawlRun
from datamesh.models.events import Entry
from datamesh.models.executions import Execution
from datamesh.models.permissions import Grant, GrantedPermission, Resource


class Shares(Protocol):
    """The resource shares that central offers."""

    def accept(self, share: str) -> Literal["accepted", "visible", "awaited"]:
        """Accept a share. Raises InvitationExpired, UntrustedShare."""


class SharedTables(Protocol):
    """What Lake Formation shows of another account's catalog."""

    def visible(self, catalog_id: str, database: str) -> frozenset[str]:
        """Return the names of the tables that can be seen now."""


class LinkCatalog(Protocol):
    """The own account's catalog."""

    def ensure_database(self, wanted: CatalogDatabase) -> Literal["created", "unchanged"]:
        """Create a database or accept an equal one. Raises ConflictError."""

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        """Return a database or link; None when there is none."""

    def ensure_database_link(self, name: str, target: DatabaseTarget) -> Literal["created", "unchanged"]:
        """Create a link to a database or accept an equal one. Raises ConflictError."""

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        """Return all tables and links of a database."""

    def ensure_link(self, database: str, name: str, target: LinkTarget) -> Literal["created", "unchanged"]:
        """Create a link or accept an equal one. Raises ConflictError."""


class LinkPermissions(Protocol):
    """Lake Formation's permissions in the own account."""

    def grant(self, grants: Iterable[Grant]) -> None:
        """Grant all. Raises GrantFailed."""

    def list_permissions(
        self, *, principal: str | None = None, resource: Resource | None = None, resource_type: str | None = None
    ) -> list[GrantedPermission]:
        """Return all permissions that match."""


class UnlinkCatalog(Protocol):
    """The own account's catalog, from which links go."""

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        """Return a database or link; None when there is none."""

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        """Return all tables and links of a database; none when it is not there."""

    def delete_table(self, database: str, name: str) -> bool:
        """Delete a table or link; False when it was gone."""

    def delete_database(self, name: str) -> None:
        """Delete a database or link; one that is gone counts as deleted."""


class UnlinkPermissions(Protocol):
    """Lake Formation's permissions in the own account, from which some go."""

    def grant(self, grants: Iterable[Grant]) -> None:
        """Grant all. Raises GrantFailed."""

    def revoke(self, grants: Iterable[Grant]) -> None:
        """Revoke all; what is not granted (any more) counts as revoked. Raises GrantFailed."""


class TableReader(Protocol):
    """A catalog that is read."""

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        """Return all tables of a database that can be seen."""


class Crawlers(Protocol):
    """The crawlers of the own account."""

    def create(self, *, name: str, role_arn: str, database: str, link: str, location_account: str | None) -> bool:
        """Create a crawler for one link; False when there is no room now."""

    def start(self, name: str) -> bool:
        """Start a crawler; False when it cannot be started now."""

    def state(self, name: str) -> CrawlerState | None:
        """Return what a crawler does; None when it does not exist."""

    def delete(self, name: str) -> bool:
        """Delete a crawler, stopping it first; True when it is gone."""


class CrawlRuns(Protocol):
    """What is remembered of crawl runs."""

    def begin(
        self, plan: CrawlPlan, *, execution_arn: str, expires_at: datetime, instead_of: str | None = None
    ) -> CrawlRun | None:
        """Record a run and return None, or return the one in the way."""

    def get(self, run_id: str) -> CrawlRun | None:
        """Return a run."""

    def await_callback(self, run_id: str, *, execution_arn: str, task_token: str) -> CrawlRun | None:
        """Store a token; None when the run is another's."""

    def crawl_ended(self, run_id: str, table: str) -> CrawlRun | None:
        """Record the end of a crawl and return the run after it; None when there is no such crawl."""

    def set_waiting(self, run_id: str, tables: Iterable[str]) -> CrawlRun | None:
        """Remember whose crawlers are still to be started."""

    def close(self, run_id: str, *, execution_arn: str, failed: bool) -> None:
        """End a run."""


class Executions(Protocol):
    """The executions of the own account's state machines."""

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        """End a waiting task; False when nothing waits with this token."""

    def execution(self, arn: str) -> Execution | None:
        """Return an execution."""


class Publisher(Protocol):
    """The mesh's event bus in the own account."""

    def publish(self, entries: Sequence[Entry]) -> None:
        """Publish all. Raises PublishFailed."""


class SettingsStore(Protocol):
    """Lake Formation's settings, read and written as a whole."""

    def get(self) -> dict[str, Any]:
        """Return all settings."""

    def put(self, settings: dict[str, Any]) -> None:
        """Replace all settings."""
