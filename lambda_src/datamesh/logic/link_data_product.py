"""Makes what central shared with a domain's account usable there.

The local database and its resource links, and the grants of the domain's principals on links and targets. Everything
can be repeated: what is there already is compared and left alone, what is something else is never overwritten.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from datamesh.logic.domain_ports import LinkCatalog, LinkPermissions, SharedTables, Shares
from datamesh.models.arns import parse_arn, s3_arn
from datamesh.models.catalog import DATA_OWNER_NAME, CatalogDatabase, LinkTarget
from datamesh.models.commands import ProductRef
from datamesh.models.crawls import LinkResult
from datamesh.models.errors import ConflictError, InvalidEvent, ShareNotYetVisible, UntrustedShare
from datamesh.models.events import Envelope, Metadata, make_entry
from datamesh.models.facts import (
    DataProductAccessGranted,
    DataProductAccessProvisioned,
    DataProductLinked,
    DataProductRegistered,
    LinkedTable,
)
from datamesh.models.permissions import DatabaseResource, Grant, LocationResource, Resource, TableResource

MANAGED_BY = "managed_by"
READ = ("SELECT", "DESCRIBE")
MAX_NAMED = 5
# 100 batches: a step ends well before its function is ended, even where Lake Formation takes seconds for each.
GRANTS_PER_STEP = 2000


@dataclass(frozen=True)
class LinkConfig:
    """What the domain's account gives the flow."""

    account_id: str
    central_account_id: str
    prefix: str
    own_role_arn: str
    data_principals: tuple[str, ...]
    crawler_role_arn: str
    schema_reader_role_arn: str

    @property
    def manager(self) -> str:
        """The mark on local databases of this mesh."""
        return f"{self.prefix}-domain"


@dataclass(frozen=True)
class LinkPlan:
    """What one event asks to be linked."""

    role: Literal["producer", "consumer"]
    domain: str
    product: ProductRef
    database: str
    local_database: str
    tables: tuple[str, ...]
    shares: tuple[str, ...]
    locations: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    request_id: UUID | None = None


def read_plan(envelope: Envelope, config: LinkConfig) -> LinkPlan | None:
    """Return what the event asks for; None when it asks for nothing.

    Raises UntrustedShare when it does not come from central, and InvalidEvent when it speaks to another account, of
    another catalog, or names principals that are not this account's.
    """
    if envelope.account != config.central_account_id:
        raise UntrustedShare(f"{envelope.detail_type} comes from {envelope.account}, which is not central")
    if envelope.metadata().target_account != config.account_id:
        raise InvalidEvent(f"{envelope.detail_type} is addressed to another account")
    if envelope.detail_type == DataProductAccessGranted.detail_type():
        return _consumer_plan(envelope.data(DataProductAccessGranted), config)
    registered = envelope.data(DataProductRegistered)
    _check_catalog(registered.catalog_account, config)
    if registered.outcome == "unchanged":
        return None
    return LinkPlan(
        role="producer",
        domain=registered.domain,
        product=ProductRef(domain=registered.domain, name=registered.product),
        database=registered.database,
        local_database=_local_database(config, registered.domain),
        tables=tuple(table.name for table in registered.tables),
        shares=registered.resource_shares,
        locations=tuple(table.location for table in registered.tables),
    )


def _consumer_plan(granted: DataProductAccessGranted, config: LinkConfig) -> LinkPlan:
    _check_catalog(granted.catalog_account, config)
    foreign = [arn for arn in granted.principals if parse_arn(arn).account != config.account_id]
    if foreign:
        raise InvalidEvent(f"Not principals of account {config.account_id}: {', '.join(foreign)}")
    return LinkPlan(
        role="consumer",
        domain=granted.domain,
        product=granted.product,
        database=granted.database,
        local_database=_local_database(config, granted.product.domain),
        tables=granted.tables,
        shares=granted.resource_shares,
        principals=granted.principals,
        request_id=granted.request_id,
    )


def _check_catalog(catalog_account: str, config: LinkConfig) -> None:
    if catalog_account != config.central_account_id:
        raise InvalidEvent(f"The catalog of account {catalog_account} is not central's")


def _local_database(config: LinkConfig, domain: str) -> str:
    return f"{config.prefix.replace('-', '_')}_{domain}"


class LinkDataProduct:
    """The steps of the flow."""

    def __init__(
        self,
        config: LinkConfig,
        *,
        shares: Shares,
        shared: SharedTables,
        catalog: LinkCatalog,
        permissions: LinkPermissions,
    ) -> None:
        self._config = config
        self._shares = shares
        self._shared = shared
        self._catalog = catalog
        self._permissions = permissions

    def accept_share(self, envelope: Envelope) -> dict[str, Any]:
        """Accept the shares that the event names, as far as they have arrived.

        Raises InvitationExpired or UntrustedShare. A share that has not arrived is left to `await_visibility`, which
        looks for it again.
        """
        plan = read_plan(envelope, self._config)
        if plan is None:
            return {"outcome": "nothing_to_link"}
        return {"outcome": "link", "shares": self._accept(plan)}

    def await_visibility(self, envelope: Envelope) -> dict[str, Any]:
        """Return when every table of the event can be seen in central's catalog.

        Raises ShareNotYetVisible otherwise. An invitation that arrived late is accepted on the way: outside of an
        organization it may come after the event.
        """
        plan = self._plan(envelope)
        hidden = sorted(set(plan.tables) - self._shared.visible(self._config.central_account_id, plan.database))
        if not hidden:
            return {"outcome": "visible", "tables": len(plan.tables)}
        states = self._accept(plan)
        named = ", ".join(hidden[:MAX_NAMED])
        raise ShareNotYetVisible(
            f"{len(hidden)} of {len(plan.tables)} tables of {plan.database} cannot be seen yet ({named}); "
            f"resource shares: {states or 'none named'}"
        )

    def create_links(self, envelope: Envelope) -> dict[str, Any]:
        """Create the local database and one resource link per table.

        Raises ConflictError naming everything that is in the way, before anything is created beside it.
        """
        plan = self._plan(envelope)
        wanted = CatalogDatabase(
            name=plan.local_database,
            description=f"Links to the data products of the domain {plan.product.domain}.",
            parameters={DATA_OWNER_NAME: plan.product.domain, MANAGED_BY: self._config.manager},
        )
        self._catalog.ensure_database(wanted)
        # Whoever made the database may do this already; but that may have been an earlier role of the same name.
        self._permissions.grant([self._may_create_links(plan)])
        present = {table.name: table.target for table in self._catalog.list_tables(plan.local_database)}
        targets = {name: self._target(plan, name) for name in plan.tables}
        in_the_way = sorted(name for name, target in targets.items() if name in present and present[name] != target)
        if in_the_way:
            raise ConflictError(
                f"{plan.local_database} has something else by the name of {', '.join(in_the_way)}, "
                "which is not a link to central's table"
            )
        outcomes = {
            name: "unchanged" if name in present else self._catalog.ensure_link(plan.local_database, name, target)
            for name, target in targets.items()
        }
        return {
            "database": plan.local_database,
            "tables": [{"name": name, "outcome": outcome} for name, outcome in outcomes.items()],
        }

    def grant_principals(self, envelope: Envelope, links: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Grant the domain's principals what they need on links and targets, and say what was linked.

        Returns `granting` and how far it came when there are more grants than one step makes; it is then asked again.
        Raises GrantFailed naming every entry that Lake Formation refused.
        """
        plan = self._plan(envelope)
        grants = grants_of(plan, self._config)
        done = int(links.get("granted", 0))
        self._permissions.grant(grants[done : done + GRANTS_PER_STEP])
        if done + GRANTS_PER_STEP < len(grants):
            return {**links, "outcome": "granting", "granted": done + GRANTS_PER_STEP}
        cause = envelope.metadata()
        linked = DataProductLinked(
            domain=plan.domain,
            product=plan.product,
            role=plan.role,
            database=plan.local_database,
            tables=tuple(LinkedTable.model_validate(table) for table in links["tables"]),
            request_id=plan.request_id,
        )
        entries = [make_entry(linked, cause=cause, now=now)]
        if plan.role == "consumer" and plan.request_id is not None:
            provisioned = DataProductAccessProvisioned(
                request_id=plan.request_id,
                domain=plan.domain,
                product=plan.product,
                database=plan.local_database,
                tables=plan.tables,
                principals=plan.principals,
            )
            entries.append(make_entry(provisioned, cause=cause, now=now))
        said = Metadata.model_validate(entries[0].detail["metadata"])
        result = LinkResult(
            role=plan.role,
            domain=plan.domain,
            product=plan.product,
            catalog_account=self._config.central_account_id,
            catalog_database=plan.database,
            database=plan.local_database,
            tables=plan.tables,
            correlation_id=said.correlation_id,
            event_id=said.event_id,
        )
        return {
            "outcome": "linked",
            "entries": [entry.to_json() for entry in entries],
            "result": result.to_json(),
        }

    def _plan(self, envelope: Envelope) -> LinkPlan:
        plan = read_plan(envelope, self._config)
        if plan is None:
            raise InvalidEvent(f"{envelope.detail_type} asks for nothing")
        return plan

    def _accept(self, plan: LinkPlan) -> dict[str, str]:
        # Between a domain and a central in one account there is nothing to share.
        if self._config.account_id == self._config.central_account_id:
            return {}
        return {share: self._shares.accept(share) for share in plan.shares}

    def _may_create_links(self, plan: LinkPlan) -> Grant:
        return Grant(
            principal=self._config.own_role_arn,
            resource=DatabaseResource(catalog_id=self._config.account_id, name=plan.local_database),
            permissions=("CREATE_TABLE", "DESCRIBE"),
        )

    def _target(self, plan: LinkPlan, table: str) -> LinkTarget:
        return LinkTarget(catalog_id=self._config.central_account_id, database=plan.database, name=table)


def grants_of(plan: LinkPlan, config: LinkConfig) -> list[Grant]:
    """Return all grants that make the links usable, each once, the databases' first.

    A link needs two grants: DESCRIBE on the link itself, and the permission proper on its target in central's catalog.
    Source: https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-about.html
    """
    local = DatabaseResource(catalog_id=config.account_id, name=plan.local_database)
    links = [
        TableResource(catalog_id=config.account_id, database=plan.local_database, name=name) for name in plan.tables
    ]
    targets = [
        TableResource(catalog_id=config.central_account_id, database=plan.database, name=name) for name in plan.tables
    ]
    grants: list[Grant] = []

    def give(principals: Iterable[str], resources: Iterable[Resource], permissions: tuple[str, ...]) -> None:
        owned = list(resources)
        grants.extend(
            Grant(principal=principal, resource=resource, permissions=permissions)
            for principal in principals
            for resource in owned
        )

    if plan.role == "consumer":
        give(plan.principals, [local, *links], ("DESCRIBE",))
        give(plan.principals, targets, READ)
        return grants
    crawler = (config.crawler_role_arn,)
    readers = tuple(arn for arn in dict.fromkeys(config.data_principals) if arn not in crawler)
    give((*readers, *crawler), [local, *links], ("DESCRIBE",))
    give(readers, targets, READ)
    # The crawler reads the data and writes the schema; the one that started it only compares schemas.
    give(crawler, targets, (*READ, "ALTER"))
    give(crawler, _locations(plan, config), ("DATA_LOCATION_ACCESS",))
    if config.schema_reader_role_arn not in readers:
        give((config.schema_reader_role_arn,), targets, ("DESCRIBE",))
    return grants


def _locations(plan: LinkPlan, config: LinkConfig) -> Iterator[LocationResource]:
    """Yield the tables' locations, registered in central: to alter a table one must have access to where it points."""
    partition = parse_arn(config.crawler_role_arn).partition
    for location in dict.fromkeys(plan.locations):
        bucket, _, path = location.removeprefix("s3://").partition("/")
        yield LocationResource(catalog_id=config.central_account_id, arn=s3_arn(partition, bucket, path))
