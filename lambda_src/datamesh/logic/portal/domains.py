"""Domains, as people see them: everybody those that are in force, their members and who oversees the mesh all."""

from datamesh.logic.portal.authorization import Caller
from datamesh.models.api.domains import DomainDetail, DomainLink, DomainSummary
from datamesh.models.registry import DomainRecord


def may_see(record: DomainRecord, caller: Caller) -> bool:
    """Tell whether a person may see that there is a domain."""
    in_force = record.config is not None and record.status != "DEREGISTERED"
    return in_force or belongs_to(record.domain, caller)


def belongs_to(domain: str, caller: Caller) -> bool:
    """Tell whether a person has a role in a domain, or oversees the mesh."""
    return domain in caller.domains or bool(caller.mesh)


def domain_summary(record: DomainRecord, product_count: int) -> DomainSummary:
    """Return a domain in a list."""
    return DomainSummary(
        domain=record.domain,
        account_id=record.account_id,
        status=record.status,
        product_count=product_count,
        registered_at=record.registered_at,
    )


def domain_detail(record: DomainRecord, caller: Caller, *, product_count: int, link: DomainLink) -> DomainDetail:
    """Return a domain as a person may see it: where its data and its bus are is for those who belong to it."""
    config, inside = record.config, belongs_to(record.domain, caller)
    return DomainDetail(
        **dict(domain_summary(record, product_count)),
        databases=record.databases,
        region=config.region if config is not None else None,
        location=config.location if config is not None and inside else None,
        bus_arn=config.event_bus_arn if config is not None and inside else None,
        config_secret_arn=record.secret_arn if inside else None,
        owners=config.product_owners if config is not None else (),
        stewards=config.data_stewards if config is not None else (),
        tags=record.tags,
        error=record.error if inside else None,
        link=link if inside else link.model_copy(update={"last_failure": None}),
    )
