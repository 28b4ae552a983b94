"""Grants: what a domain may read."""

from datamesh.handlers._runtime import utc_now
from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import DomainInPath, Limit, NextPage, Routes
from datamesh.logic.portal.own_grants import grant_key, grants_of_domain
from datamesh.logic.portal.paging import Paging
from datamesh.models.api.base import DEFAULT_LIMIT
from datamesh.models.api.products import GrantPage
from datamesh.models.api.routes import BY_OPERATION

route = Routes("Grants")


@route(BY_OPERATION["list_grants"])
def list_grants(domain: DomainInPath, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> GrantPage:
    """What a domain may read, by name and by LF-tag, and in which databases of its own catalog that appears.

    A grant by LF-tag is listed once for each product that it matches now.
    """
    grants = grants_of_domain(
        _gateways.registry(), _gateways.lf_tags(), domain, prefix=_gateways.prefix(), now=utc_now()
    )
    page, following = Paging(("list_grants", domain), limit, cursor).page_of(grants, key=grant_key)
    return GrantPage(items=page, next_cursor=following)
