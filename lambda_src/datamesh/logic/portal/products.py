"""Products, as people see them.

Who belongs to the owning domain or oversees the mesh sees all of its products; others those that the policy lets them
discover, and those that one of their domains reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from datamesh.logic.discovery import may_discover
from datamesh.logic.portal.authorization import Caller
from datamesh.logic.portal.domains import belongs_to
from datamesh.logic.portal.grants import grants_of_product
from datamesh.logic.portal.queries import query_hints
from datamesh.logic.portal.samples import readable_columns
from datamesh.logic.portal.table_views import Sight, table_view
from datamesh.logic.ports import Registry
from datamesh.logic.search.documents import document_of
from datamesh.models.api.products import GrantOfProduct, ProductDetail, ProductSummary
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.errors import NotFound
from datamesh.models.facts import CrawlStatus
from datamesh.models.registry import DomainRecord, ProductContent, ProductRecord, TableRecord
from datamesh.models.search import SearchDocument

# All tables together: a function answers with 6 MB at most.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_BYTES = 3_500_000
# From the worst on.
_CRAWLS: tuple[CrawlStatus, ...] = ("FAILED", "TIMED_OUT", "NOT_STARTED", "CANCELLED", "SUCCEEDED")


@dataclass(frozen=True)
class Seen:
    """A product with all that the registry has of it, and those of its readers to which somebody belongs."""

    product: ProductRecord
    tables: tuple[TableRecord, ...]
    owner: DomainRecord | None = None
    grants: tuple[GrantOfProduct, ...] = ()
    readers: tuple[str, ...] = ()

    @property
    def content(self) -> ProductContent | None:
        """What is said of the product: what is in force, and before that what is to be."""
        return self.product.content or self.product.pending

    @property
    def document(self) -> SearchDocument | None:
        """What search knows of it; None when it is not to be found."""
        return document_of(self.product, self.tables, self.owner)


def look(registry: Registry, domain: str, name: str, caller: Caller, *, prefix: str, now: datetime) -> Seen:
    """Return a product that a person may see. Raises NotFound, and never tells of one that may not be discovered."""
    missing = NotFound(f"There is no product {domain}.{name}, or none that you may see")
    product = registry.product(domain, name)
    if product is None or product.status == "DEREGISTERED":
        raise missing
    tables = registry.tables(domain, name)
    grants = grants_of_product(
        product, tables, registry.grants(domain, name), registry.tag_grants(), prefix=prefix, now=now
    )
    readers = tuple(sorted({grant.consumer for grant in grants} & set(caller.domains)))
    seen = Seen(product, tuple(tables), registry.domain(domain), tuple(grants), readers)
    if belongs_to(domain, caller) or readers:
        return seen
    if seen.document is None or not may_discover(seen.document, registry.policy().discovery, caller.member_of):
        raise missing
    return seen


def product_summary(seen: Seen, *, errors: bool) -> ProductSummary:
    """Return a product in a list."""
    product, content = seen.product, seen.content
    crawls = {table.crawl.status for table in seen.tables if table.crawl is not None}
    return ProductSummary(
        domain=product.domain,
        name=product.name,
        description=content.description if content is not None else "",
        status=product.status,
        classification=content.classification if content is not None else None,
        pii=content.pii if content is not None else None,
        access_mode=product.pending_mode or product.access_mode,
        table_count=len(seen.tables),
        registered_at=product.registered_at,
        crawl_status=next((status for status in _CRAWLS if status in crawls), None),
        error=product.error if errors else None,
    )


def product_detail(seen: Seen, caller: Caller) -> ProductDetail:
    """Return a product as a person may see it.

    Samples are for the members of the owning domain, and for those who read the columns. Where the data lies is for
    those who may change the product.
    """
    product, content = seen.product, seen.content
    may_edit = caller.may(BY_OPERATION["update_product"].access, product.domain)
    document, config = seen.document, seen.owner.config if seen.owner is not None else None
    inside, member = belongs_to(product.domain, caller), product.domain in caller.domains
    own = [grant for grant in seen.grants if grant.consumer in seen.readers]

    def sight(table: str) -> Sight:
        columns = None if member else readable_columns(table, own)
        samples = member or columns is not None
        share = MAX_BYTES // max(1, len(seen.tables))
        return Sight(location=may_edit, errors=inside, samples=samples, sample_columns=columns, max_bytes=share)

    return ProductDetail(
        **dict(product_summary(seen, errors=inside)),
        account_id=product.account_id,
        tags=content.tags if content is not None else {},
        owners=config.product_owners if config is not None else (),
        stewards=config.data_stewards if config is not None else (),
        tables=tuple(table_view(table, sight(table.name)) for table in seen.tables),
        sensitive=document is None or document.sensitive,
        may_edit=may_edit,
        readable_by=seen.readers,
        queries=query_hints(own),
    )


def listed(registry: Registry, products: Sequence[ProductRecord]) -> list[ProductSummary]:
    """Return products in a list for those who belong to their domain."""
    return [
        product_summary(Seen(product, tuple(registry.tables(product.domain, product.name))), errors=True)
        for product in products
    ]
