"""Whose a table is that is named by its database, as requests by LF-tag name it."""

from datamesh.logic.ports import Registry
from datamesh.models.registry import ProductRecord, TableRecord, table_claim


class TablePlaces:
    """Finds tables, and reads nothing twice."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._domains: dict[str, str] | None = None
        self._owners: dict[tuple[str, str], str | None] = {}
        self._products: dict[tuple[str, str], tuple[ProductRecord | None, dict[str, TableRecord]]] = {}

    def product_of(self, name: str) -> tuple[str, str] | None:
        """Return domain and product of `<database>.<table>`; None when it is no product's."""
        database, _, table = name.partition(".")
        domain = self._databases().get(database)
        if domain is None:
            return None
        if (domain, table) not in self._owners:
            self._owners[domain, table] = self._registry.owner(table_claim(domain, table, ""))
        product = self._owners[domain, table]
        return None if product is None else (domain, product)

    def product(self, domain: str, name: str) -> tuple[ProductRecord | None, dict[str, TableRecord]]:
        """Return a product with its tables by name."""
        if (domain, name) not in self._products:
            tables = {table.name: table for table in self._registry.tables(domain, name)}
            self._products[domain, name] = (self._registry.product(domain, name), tables)
        return self._products[domain, name]

    def _databases(self) -> dict[str, str]:
        if self._domains is None:
            databases = [(domain.databases, domain.domain) for domain in self._registry.domains()]
            self._domains = {
                name: domain for found, domain in databases if found is not None for name in (found.nrac, found.tbac)
            }
        return self._domains
