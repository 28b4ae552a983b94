"""Keeps the search index true to the registry: whatever an event says, what counts is what the registry says now.

So events may come twice, in any order, and late: each only names what has to be looked at.
"""

from collections.abc import Iterable
from typing import Final, Protocol, get_args

from datamesh.logic.search.documents import document_of, state_of
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import Envelope
from datamesh.models.facts import (
    DataDomainDeregistered,
    DataDomainRegistered,
    DataProductDeregistered,
    DataProductIndexed,
    DataProductRegistered,
    DataProductTagsChanged,
)
from datamesh.models.registry import DomainRecord, ProductRecord, TableRecord
from datamesh.models.search import SearchChange, SearchDocument, SearchIndex
from datamesh.models.steps import Json

ProductFact = DataProductRegistered | DataProductIndexed | DataProductTagsChanged | DataProductDeregistered
DomainFact = DataDomainRegistered | DataDomainDeregistered
OF_PRODUCTS: Final[dict[str, type[ProductFact]]] = {fact.detail_type(): fact for fact in get_args(ProductFact)}
OF_DOMAINS: Final[dict[str, type[DomainFact]]] = {fact.detail_type(): fact for fact in get_args(DomainFact)}


class Registry(Protocol):
    """What indexing reads of the registry."""

    def domain(self, name: str) -> DomainRecord | None:
        """Return a domain."""

    def domains(self) -> list[DomainRecord]:
        """Return all domains."""

    def product(self, domain: str, name: str) -> ProductRecord | None:
        """Return a product."""

    def products(self, domain: str) -> list[ProductRecord]:
        """Return all products of a domain."""

    def tables(self, domain: str, product: str) -> list[TableRecord]:
        """Return all tables of a product."""


class SearchIndexing:
    """The work of index_search."""

    def __init__(self, registry: Registry, index: SearchIndex) -> None:
        self._registry = registry
        self._index = index

    def take(self, events: Iterable[Envelope]) -> Json:
        """Bring what events speak of up to date, all of it by one change of the index.

        Raises InvalidEvent, SearchUnavailable.
        """
        products: dict[tuple[str, str], None] = {}
        for event in events:
            products |= dict.fromkeys(self._named(event))
        changes = [self._state(domain, product) for domain, product in products]
        self._index.apply(changes)
        shown = sum(isinstance(change, SearchDocument) for change in changes)
        return {"outcome": "indexed", "shown": shown, "hidden": len(changes) - shown}

    def rebuild(self) -> Json:
        """Make the index anew of the whole registry. Raises SearchUnavailable."""
        documents: list[SearchDocument] = []
        for domain in self._registry.domains():
            if domain.config is None:
                continue
            for product in self._registry.products(domain.domain):
                document = document_of(product, self._registry.tables(product.domain, product.name), domain)
                if document is not None:
                    documents.append(document)
        self._index.replace_all(documents)
        return {"outcome": "rebuilt", "shown": len(documents)}

    def _named(self, event: Envelope) -> list[tuple[str, str]]:
        """Return the products that an event speaks of: those of a domain are shown with its owners, and while it is."""
        if (of_product := OF_PRODUCTS.get(event.detail_type)) is not None:
            fact = event.data(of_product)
            return [(fact.domain, fact.product)]
        if (of_domain := OF_DOMAINS.get(event.detail_type)) is not None:
            domain = event.data(of_domain).domain
            return [(domain, product.name) for product in self._registry.products(domain)]
        raise InvalidEvent(f"{event.detail_type} says nothing for the search index")

    def _state(self, domain: str, product: str) -> SearchChange:
        # In this order: what is read later is as new as what was read before, or newer. A change in between is told by
        # an event of its own, which finds versions that are higher.
        owner = self._registry.domain(domain)
        record = self._registry.product(domain, product)
        tables = self._registry.tables(domain, product) if record is not None else []
        return state_of(owner, record, tables, named=(domain, product))
