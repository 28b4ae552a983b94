"""What an event of central asks the domain's account to link."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from datamesh.models.arns import parse_arn
from datamesh.models.commands import ProductRef
from datamesh.models.errors import InvalidEvent, UntrustedShare
from datamesh.models.events import Envelope
from datamesh.models.facts import (
    DataProductAccessGranted,
    DataProductRegistered,
    DataProductTagsChanged,
    GrantedFilter,
    SharingMode,
)
from datamesh.models.tags import TagExpression


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

    @property
    def beside_central(self) -> bool:
        """Whether domain and central are one account: then nothing is shared, and central's catalog is the own one."""
        return self.account_id == self.central_account_id


@dataclass(frozen=True)
class SharedDatabase:
    """A database of central, by which name it appears here, and the tables of it that are waited for."""

    name: str
    local: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class LinkPlan:
    """What one event asks to be linked.

    `nrac` has one database and links its tables; `tbac` links databases as a whole. A consumer's account passes on the
    very `filters` that it was granted, by table, or the very `expression`. Both are empty where central has granted to
    the principals itself (`direct`), and the expression where it is granted here already: then only links are made.
    """

    role: Literal["producer", "consumer"]
    domain: str
    product: ProductRef | None
    mode: SharingMode
    databases: tuple[SharedDatabase, ...]
    shares: tuple[str, ...]
    linked_tables: tuple[str, ...] = ()
    filters: tuple[GrantedFilter, ...] = ()
    expression: TagExpression | None = None
    direct: bool = False
    locations: tuple[str, ...] = ()
    principals: tuple[str, ...] = ()
    request_id: UUID | None = None


def read_plan(envelope: Envelope, config: LinkConfig) -> LinkPlan | None:
    """Return what the event asks for; None when it asks for nothing.

    Raises UntrustedShare when it does not come from central, and InvalidEvent when it speaks to another account, of
    another catalog, or names principals that are not this account's.
    """
    check_sender(envelope, config)
    if envelope.detail_type == DataProductAccessGranted.detail_type():
        return _consumer_plan(envelope.data(DataProductAccessGranted), config)
    if envelope.detail_type == DataProductTagsChanged.detail_type():
        return _changed_plan(envelope.data(DataProductTagsChanged), config)
    return _producer_plan(envelope.data(DataProductRegistered), config)


def check_sender(envelope: Envelope, config: LinkConfig) -> None:
    """Raise UntrustedShare unless central says it, and InvalidEvent when central speaks to another account."""
    if envelope.account != config.central_account_id:
        raise UntrustedShare(f"{envelope.detail_type} comes from {envelope.account}, which is not central")
    if envelope.metadata().target_account != config.account_id:
        raise InvalidEvent(f"{envelope.detail_type} is addressed to another account")


def _producer_plan(registered: DataProductRegistered, config: LinkConfig) -> LinkPlan | None:
    check_catalog(registered.catalog_account, config)
    if registered.outcome == "unchanged":
        return None
    by_tag = registered.access_mode == "tbac"
    if by_tag != (registered.expression is not None):
        raise InvalidEvent("A product needs a tag expression when it is shared by LF-tag, and only then")
    tables = tuple(table.name for table in registered.tables)
    local = registered.database if by_tag else local_database(config, registered.domain)
    return LinkPlan(
        role="producer",
        domain=registered.domain,
        product=ProductRef(domain=registered.domain, name=registered.product),
        mode=registered.access_mode,
        databases=(SharedDatabase(registered.database, local, tables),),
        shares=registered.resource_shares,
        linked_tables=tables,
        expression=registered.expression,
        locations=tuple(table.location for table in registered.tables),
    )


def _consumer_plan(granted: DataProductAccessGranted, config: LinkConfig) -> LinkPlan:
    check_catalog(granted.catalog_account, config)
    check_principals(granted.principals, config)
    if granted.expression is not None and granted.product is None:
        databases = tuple(SharedDatabase(match.database, match.database, match.tables) for match in granted.matches)
    elif granted.expression is None and granted.product is not None and granted.database is not None:
        local = local_database(config, granted.product.domain)
        databases = (SharedDatabase(granted.database, local, granted.tables),)
        if {each.table for each in granted.filters} != set(granted.tables):
            raise InvalidEvent("Every table that is granted by name has its filter")
    else:
        raise InvalidEvent("Access is granted to a product with its database, or to a tag expression")
    direct = granted.grant_to == "principals"
    return LinkPlan(
        role="consumer",
        domain=granted.domain,
        product=granted.product,
        mode="nrac" if granted.expression is None else "tbac",
        databases=databases,
        shares=granted.resource_shares,
        linked_tables=granted.tables,
        filters=() if direct else granted.filters,
        expression=None if direct else granted.expression,
        direct=direct,
        principals=granted.principals,
        request_id=granted.request_id,
    )


def _changed_plan(changed: DataProductTagsChanged, config: LinkConfig) -> LinkPlan | None:
    """Return what became visible to this account's principals by a tag grant that stands.

    The grant holds by itself: only the link may be missing. Nothing is waited for, because tags may have changed again
    since; a link that shows nothing does no harm. What was lost needs nothing here either. A producer hears of
    everybody's changes: those count that are its own principals'.
    """
    check_catalog(changed.catalog_account, config)
    shown = [change for change in changed.changes if change.effect != "lost" and _own(change.principals, config)]
    if not shown:
        return None
    named = [each.principals for each in shown] + [each.principals for each in changed.grants]
    told = [arn for principals in named for arn in _own(principals, config)]
    return LinkPlan(
        role="consumer",
        domain=shown[0].consumer,
        product=ProductRef(domain=changed.domain, name=changed.product),
        mode="tbac",
        databases=(SharedDatabase(changed.database, changed.database, ()),),
        shares=tuple(dict.fromkeys(share for grant in changed.grants for share in grant.resource_shares)),
        linked_tables=tuple(dict.fromkeys(change.table for change in shown)),
        principals=tuple(dict.fromkeys(told)),
    )


def _own(principals: Iterable[str], config: LinkConfig) -> tuple[str, ...]:
    return tuple(arn for arn in principals if parse_arn(arn).account == config.account_id)


def check_catalog(catalog_account: str, config: LinkConfig) -> None:
    """Raise InvalidEvent unless it is central's catalog."""
    if catalog_account != config.central_account_id:
        raise InvalidEvent(f"The catalog of account {catalog_account} is not central's")


def check_principals(principals: tuple[str, ...], config: LinkConfig) -> None:
    """Raise InvalidEvent unless all are principals of this account."""
    own = _own(principals, config)
    foreign = [arn for arn in principals if arn not in own]
    if foreign:
        raise InvalidEvent(f"Not principals of account {config.account_id}: {', '.join(foreign)}")


def local_database(config: LinkConfig, domain: str) -> str:
    """Return the local database that has the links to the tables that a domain shares by name."""
    return links_database(config.prefix, domain)


def links_database(prefix: str, domain: str) -> str:
    """Return by which name the tables that a domain shares by name appear in the accounts of others."""
    return f"{prefix.replace('-', '_')}_{domain}"
