"""Grants, as people see them: who reads what of a product, and where it appears in the catalog of the one who reads."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from datamesh.logic.link_plans import links_database
from datamesh.logic.tags import is_exposed, matched_columns
from datamesh.models.api.products import GrantOfProduct
from datamesh.models.registry import GrantRecord, ProductRecord, TableRecord, TagGrantRecord


def grants_of_product(
    product: ProductRecord,
    tables: Sequence[TableRecord],
    grants: Iterable[GrantRecord],
    tag_grants: Iterable[TagGrantRecord],
    *,
    prefix: str,
    now: datetime,
) -> list[GrantOfProduct]:
    """Return who reads a product, by name and by LF-tag, by consumer; the product's own domain is no consumer."""
    found = [grant_by_name(grant, prefix=prefix) for grant in grants if stands(grant, now)]
    by_tag = (grant_by_tag(grant, product, tables) for grant in tag_grants if stands(grant, now))
    found += [grant for grant in by_tag if grant is not None]
    return sorted(found, key=lambda grant: (grant.consumer, str(grant.request_id)))


def stands(grant: GrantRecord | TagGrantRecord, now: datetime) -> bool:
    """Tell whether the time of a grant is not over. What is over is taken back a moment later."""
    return grant.expires_at is None or now < grant.expires_at


def grant_by_name(grant: GrantRecord, *, prefix: str) -> GrantOfProduct:
    """Return a grant by name."""
    shown = {table: grant.shown[table] for table in grant.tables if table in grant.shown}
    return GrantOfProduct(
        request_id=grant.request_id,
        product=grant.product,
        consumer=grant.consumer,
        account_id=grant.account_id,
        principals=grant.principals,
        tables=grant.tables,
        columns={table: what.columns for table, what in shown.items()},
        rows={table: what.rows for table, what in shown.items() if what.rows is not None},
        held_back={table: what.held_back for table, what in shown.items() if what.held_back},
        later_tables=grant.later_tables,
        granted_at=grant.granted_at,
        expires_at=grant.expires_at,
        databases=(links_database(prefix, grant.product.domain),),
    )


def grant_by_tag(grant: TagGrantRecord, product: ProductRecord, tables: Iterable[TableRecord]) -> GrantOfProduct | None:
    """Return what a grant by LF-tag shows of a product; None when that is nothing, or it is the product's own domain's.

    Told by the LF-tags that the registry knows of the tables. The database appears to the consumer by its own name.
    """
    database = product.placed.get("tbac")
    if database is None or grant.consumer == product.domain:
        return None
    shown = {
        table.name: matched_columns(grant.expression, table.tagged)
        for table in tables
        if table.tagged is not None and is_exposed(grant.expression, table.tagged)
    }
    if not shown:
        return None
    return GrantOfProduct(
        request_id=grant.request_id,
        expression=grant.expression,
        consumer=grant.consumer,
        account_id=grant.account_id,
        principals=grant.principals,
        tables=tuple(shown),
        columns=shown,
        later_tables="included",
        granted_at=grant.granted_at,
        expires_at=grant.expires_at,
        databases=(database,),
    )
