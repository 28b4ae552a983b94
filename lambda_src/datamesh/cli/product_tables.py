"""Products as people read them in a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from datamesh.models.api.products import ProductDetail, TableView
from datamesh.models.search import SearchHit


def search_table(hits: Sequence[SearchHit], total: int) -> RenderableType:
    """Return what was found."""
    if not hits:
        return Text("Nothing was found.")
    table = Table("product", "classification", "shared", "tables", "description")
    for hit in hits:
        table.add_row(
            *(Text(text) for text in (f"{hit.domain}.{hit.name}", hit.classification, hit.access_mode)),
            Text(", ".join(hit.tables)),
            Text(hit.description.partition("\n")[0]),
        )
    table.caption = f"{len(hits)} of {total}" if total > len(hits) else None
    return table


def product_table(product: ProductDetail) -> RenderableType:
    """Return a product with its tables."""
    head = Table(show_header=False)
    rows = {
        "product": f"{product.domain}.{product.name}",
        "description": product.description,
        "status": f"{product.status}: {product.error}" if product.error else product.status,
        "classification": product.classification or "unclassified",
        "personal data": {True: "yes", False: "no", None: "nobody says"}[product.pii],
        "shared": product.access_mode,
        "LF-tags": ", ".join(f"{key}={value}" for key, value in product.tags.items()),
        "owners": ", ".join(person.email for person in product.owners),
        "you read it as": ", ".join(product.readable_by),
    }
    for name, value in rows.items():
        if value:
            head.add_row(name, Text(value))
    parts: list[RenderableType] = [head, *(_table(table) for table in product.tables)]
    if product.queries:
        parts.append(Text("\n".join(["How to query it:", *(hint.sql for hint in product.queries)])))
    return Group(*parts)


def _table(table: TableView) -> RenderableType:
    crawl = f", last crawl {table.crawl_status}" if table.crawl_status is not None else ""
    found = Table(
        "column", "type", "personal", "comment", title=f"{table.name} ({table.format}{crawl})", title_justify="left"
    )
    for column in table.columns:
        name = f"{column.name} (partition key)" if column.partition_key else column.name
        flag = {True: "yes", False: "", None: "nobody says"}[column.pii]
        found.add_row(*(Text(text) for text in (name, column.type or "?", flag, column.comment or "")))
    if table.truncated:
        found.caption = f"{len(table.columns)} of {table.column_count} columns"
    return found
