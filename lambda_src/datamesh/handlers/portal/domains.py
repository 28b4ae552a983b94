"""Domains: who is in the mesh, how well each is reached, and how one comes and leaves."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body

from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import Asked, DomainInPath, Limit, NextPage, Routes, SignedIn
from datamesh.logic.portal.domains import domain_detail, domain_summary, may_see
from datamesh.logic.portal.link_health import link_of
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.search import product_counts
from datamesh.models.api.base import DEFAULT_LIMIT, Accepted
from datamesh.models.api.domains import DomainDetail, DomainPage, DomainRegistration
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.commands import DeregisterDataDomain, RegisterDataDomain
from datamesh.models.errors import NotFound

route = Routes("Domains")


@route(BY_OPERATION["list_domains"])
def list_domains(caller: SignedIn, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> DomainPage:
    """All domains by name.

    Those that have left, or have never been registered completely, only who belongs to them or oversees the mesh sees.
    """
    registry = _gateways.registry()
    paging = Paging(("list_domains",), limit, cursor)
    records = [record for record in registry.domains() if may_see(record, caller)]
    page, following = paging.page_of(records, key=lambda record: record.domain)
    names = [record.domain for record in page]
    counts = product_counts(_gateways.search_index(), names, caller, registry.policy().discovery)
    items = tuple(domain_summary(record, counts[record.domain]) for record in page)
    return DomainPage(items=items, next_cursor=following)


@route(BY_OPERATION["get_domain"])
def get_domain(caller: SignedIn, domain: DomainInPath) -> DomainDetail:
    """A domain, and how well central and its account reach each other."""
    registry = _gateways.registry()
    record = registry.domain(domain)
    if record is None or not may_see(record, caller):
        raise NotFound(f"The domain {domain} is not registered")
    counts = product_counts(_gateways.search_index(), [domain], caller, registry.policy().discovery)
    link = link_of(_gateways.timeline().link(domain))
    return domain_detail(record, caller, product_count=counts[domain], link=link)


@route(BY_OPERATION["register_domain"])
def register_domain(origin: Asked, body: Annotated[DomainRegistration, Body()]) -> Accepted:
    """Register a domain, or tell that its configuration changed.

    The account in which the config secret lies is the domain's, or becomes it.
    """
    origin.caller.check(BY_OPERATION["register_domain"], body.domain)
    command = RegisterDataDomain(domain=body.domain, config_secret_arn=body.config_secret_arn, tags=body.tags)
    return _gateways.send(command, origin)


@route(BY_OPERATION["leave_domain"])
def leave_domain(origin: Asked, domain: DomainInPath) -> Accepted:
    """Let a domain leave the mesh, of which nothing is in use any more. Its data stays where it is."""
    record = _gateways.registry().domain(domain)
    if record is None or record.status == "DEREGISTERED":
        raise NotFound(f"The domain {domain} is not registered")
    return _gateways.send(DeregisterDataDomain(domain=domain), origin)
