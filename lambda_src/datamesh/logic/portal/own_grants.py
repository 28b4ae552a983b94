"""What a domain may read: what it was granted by name and by LF-tag, and where it appears in its own catalog."""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from datamesh.logic.portal.grants import grant_by_name, grant_by_tag, stands
from datamesh.logic.portal.table_places import TablePlaces
from datamesh.logic.ports import Registry
from datamesh.models.api.products import GrantOfProduct
from datamesh.models.commands import ProductRef
from datamesh.models.registry import TagGrantRecord
from datamesh.models.tags import FoundTable, TagExpression


class TagSearch(Protocol):
    """What carries LF-tags in central."""

    def search_tables(self, expression: TagExpression) -> list[FoundTable]:
        """Return all tables of which the expression shows something."""


def grants_of_domain(
    registry: Registry, tag_search: TagSearch, domain: str, *, prefix: str, now: datetime
) -> list[GrantOfProduct]:
    """Return what a domain is granted, by product; of an expression one entry for each product that it matches.

    An expression that matches nothing now is listed as well: it may tomorrow.
    """
    found = [grant_by_name(grant, prefix=prefix) for grant in registry.grants_of(domain) if stands(grant, now)]
    places = TablePlaces(registry)
    for grant in registry.tag_grants():
        if grant.consumer == domain and stands(grant, now):
            found += _by_tag(grant, tag_search, places)
    return sorted(found, key=grant_key)


def grant_key(grant: GrantOfProduct) -> str:
    """Return the place of a grant in the list."""
    product = "" if grant.product is None else f"{grant.product.domain}.{grant.product.name}"
    return f"{product}#{grant.request_id}"


def _by_tag(grant: TagGrantRecord, tag_search: TagSearch, places: TablePlaces) -> Iterator[GrantOfProduct]:
    matched = {
        places.product_of(f"{table.database}.{table.name}") for table in tag_search.search_tables(grant.expression)
    }
    shown = False
    for place in sorted(place for place in matched if place is not None):
        product, tables = places.product(*place)
        entry = None if product is None else grant_by_tag(grant, product, tables.values())
        if entry is not None:
            shown = True
            yield entry.model_copy(update={"product": ProductRef(domain=place[0], name=place[1])})
    if not shown:
        yield GrantOfProduct(
            request_id=grant.request_id,
            expression=grant.expression,
            consumer=grant.consumer,
            account_id=grant.account_id,
            principals=grant.principals,
            tables=(),
            later_tables="included",
            granted_at=grant.granted_at,
            expires_at=grant.expires_at,
        )
