"""What an event of central asks the domain's account to take back: grants that were passed on, and links."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from datamesh.logic.link_grants import grants_of
from datamesh.logic.link_plans import (
    LinkConfig,
    LinkPlan,
    SharedDatabase,
    check_catalog,
    check_principals,
    check_sender,
    local_database,
)
from datamesh.models.commands import ProductRef
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import Envelope
from datamesh.models.facts import (
    READ_PERMISSIONS,
    DataProductAccessEnding,
    DataProductDeregistered,
)
from datamesh.models.permissions import (
    DatabaseResource,
    FilterResource,
    Grant,
    LocationResource,
    Resource,
    TableResource,
    TagPolicyResource,
)
from datamesh.models.tags import TagExpression, conditions


@dataclass(frozen=True)
class UnlinkPlan:
    """What one event asks to be taken back.

    `links` are links in the database `local` to tables of central's `databases`; `database_links` lead to whole ones.
    """

    role: Literal["producer", "consumer"]
    domain: str
    grants: tuple[Grant, ...]
    link_grants: tuple[Grant, ...] = ()
    tables: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    local: str | None = None
    remove_local: bool = False
    database_links: tuple[str, ...] = ()
    product: ProductRef | None = None
    expression: TagExpression | None = None
    request_id: UUID | None = None

    def sparing(self, visible: frozenset[str], *, late: bool) -> "UnlinkPlan":
        """Return the plan without what concerns tables that this account can see.

        They have been registered, or granted by another request, since. When it is `late`, what others need is not
        known any more: a link that leads nowhere is removed, and of grants only those on the request's own filters.
        """
        kept = [] if late else list(self.link_grants)
        grants = [
            grant
            for grant in self.grants
            if isinstance(grant.resource, FilterResource)
            or (not late and isinstance(grant.resource, TableResource) and grant.resource.name not in visible)
        ]
        return replace(
            self,
            grants=tuple(grants),
            link_grants=tuple(kept),
            links=tuple(name for name in self.links if name not in visible),
            database_links=() if late else self.database_links,
        )


def read_unlink_plan(envelope: Envelope, config: LinkConfig) -> UnlinkPlan:
    """Return what the event asks for.

    Raises UntrustedShare when it does not come from central, and InvalidEvent when it speaks to another account, of
    another catalog, or names principals that are not this account's.
    """
    check_sender(envelope, config)
    if envelope.detail_type == DataProductAccessEnding.detail_type():
        return _consumer_plan(envelope.data(DataProductAccessEnding), config)
    return _producer_plan(envelope.data(DataProductDeregistered), config)


def _consumer_plan(ending: DataProductAccessEnding, config: LinkConfig) -> UnlinkPlan:
    check_catalog(ending.catalog_account, config)
    check_principals(ending.principals, config)
    if (ending.product is None) == (ending.expression is None):
        raise InvalidEvent("Access ends to a product, or to a tag expression")
    by_name = ending.product is not None
    local = local_database(config, ending.product.domain) if ending.product is not None else None
    return UnlinkPlan(
        role="consumer",
        domain=ending.domain,
        grants=tuple(_target_grants(ending, config)),
        link_grants=tuple(_link_grants(ending, config, local)),
        tables=tuple(table.name for table in ending.tables),
        links=tuple(table.name for table in ending.tables if not table.keep_link),
        databases=(ending.database,) if ending.database is not None else (),
        local=local,
        remove_local=by_name and not any(database.keep_link for database in ending.databases),
        # Central's database itself is in this catalog where both are one account: there are no links to it.
        database_links=()
        if by_name or config.beside_central
        else tuple(database.name for database in ending.databases if not database.keep_link),
        product=ending.product,
        expression=ending.expression,
        request_id=ending.request_id,
    )


def _target_grants(ending: DataProductAccessEnding, config: LinkConfig) -> Iterator[Grant]:
    """Yield what link_data_product passed on for the request, except what the account's other requests need."""
    if ending.grant_to == "principals":
        # Central has granted to them itself, and revokes itself.
        return
    catalog = config.central_account_id
    for table in ending.tables if ending.database is not None else ():
        resource = FilterResource(
            catalog_id=catalog, database=ending.database or "", table=table.name, name=table.filter
        )
        yield from _grants(ending.principals, resource, ("SELECT",))
    if ending.expression is not None:
        wanted = conditions(ending.expression)
        principals = _without(ending.principals, ending.keep_expression_for)
        of_databases = TagPolicyResource(catalog_id=catalog, resource_type="DATABASE", expression=wanted)
        of_tables = TagPolicyResource(catalog_id=catalog, resource_type="TABLE", expression=wanted)
        yield from _grants(principals, of_tables, READ_PERMISSIONS)
        yield from _grants(principals, of_databases, ("DESCRIBE",))


def _link_grants(ending: DataProductAccessEnding, config: LinkConfig, local: str | None) -> Iterator[Grant]:
    """Yield what link_data_product granted on the links, except to whom the account's other requests name, too."""
    own = config.account_id
    for table in ending.tables if local is not None else ():
        link = TableResource(catalog_id=own, database=local or "", name=table.name)
        yield from _grants(_without(ending.principals, table.keep_principals), link, ("DESCRIBE",))
    if local is None and config.beside_central:
        return
    for database in ending.databases:
        place = DatabaseResource(catalog_id=own, name=local or database.name)
        yield from _grants(_without(ending.principals, database.keep_principals), place, ("DESCRIBE",))


def _producer_plan(gone: DataProductDeregistered, config: LinkConfig) -> UnlinkPlan:
    """Return what remains of a product of one's own. The local database stays, for others and for what comes again."""
    check_catalog(gone.catalog_account, config)
    local = local_database(config, gone.domain)
    plans = [
        LinkPlan(
            role="producer",
            domain=gone.domain,
            product=ProductRef(domain=gone.domain, name=gone.product),
            mode="nrac",
            databases=(SharedDatabase(database, local, gone.tables),),
            shares=(),
        )
        for database in gone.databases
    ]
    # What was granted on databases holds for all products of the domain.
    grants = [
        grant
        for plan in plans
        for grant in grants_of(plan, config)
        if isinstance(grant.resource, TableResource | LocationResource)
    ]
    return UnlinkPlan(
        role="producer",
        domain=gone.domain,
        grants=tuple(dict.fromkeys(grants)),
        tables=gone.tables,
        links=gone.tables,
        databases=gone.databases,
        local=local,
        product=ProductRef(domain=gone.domain, name=gone.product),
    )


def _grants(principals: tuple[str, ...], resource: Resource, permissions: tuple[str, ...]) -> Iterator[Grant]:
    for principal in principals:
        yield Grant(principal=principal, resource=resource, permissions=permissions)


def _without(principals: tuple[str, ...], kept: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(principal for principal in principals if principal not in kept)
