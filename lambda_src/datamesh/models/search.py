"""Search: what the index holds of a product, what is asked, what is found.

An index answers whoever asks by what the policy lets that person discover: `SearchQuery.domains` is who asks, and
`SearchQuery.discovery` the policy's rules. A result, a count and a facet never tell of anything else.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

from pydantic import Field

from datamesh.models.base import DomainName, Model, ProductName, UtcTime
from datamesh.models.commands import AccessMode
from datamesh.models.errors import InvalidRequest
from datamesh.models.policy import DiscoveryRule, PolicyClassification

MAX_QUERY = 256
MAX_PER_PAGE = 100
MAX_RESULTS = 10_000
MAX_FACET_VALUES = 50
MAX_MATCHED_COLUMNS = 10
FacetName = Literal["domain", "classification", "tag", "format", "owner"]
FACETS: tuple[FacetName, ...] = get_args(FacetName)
_CURSOR = re.compile(r"offset:([0-9]{1,5})", re.ASCII)


def tag_text(key: str, value: str) -> str:
    """Return an LF-tag as documents hold it and queries ask for it."""
    return f"{key}={value}"


class SearchColumn(Model):
    """A column, as far as it is searched."""

    table: str
    name: str
    comment: str | None = None


class SearchDocument(Model):
    """What the index holds of a product. Made of the registry alone, so that it can be rebuilt at any time.

    `sequence` grows with every change of the product's records: an index never replaces a document by an older one.
    """

    domain: DomainName
    name: ProductName
    description: str
    classification: PolicyClassification
    pii: bool | None
    sensitive: bool
    access_mode: AccessMode
    tags: tuple[str, ...] = Field((), description="`key=value`, those of its tables and columns included.")
    formats: tuple[str, ...] = ()
    owners: tuple[str, ...] = Field((), description="Addresses of the product owners.")
    tables: tuple[str, ...] = ()
    table_descriptions: tuple[str, ...] = ()
    columns: tuple[SearchColumn, ...] = ()
    registered_at: UtcTime | None = None
    sequence: int = Field(ge=0)

    @property
    def id(self) -> str:
        """Identity: `<domain>.<name>`."""
        return f"{self.domain}.{self.name}"

    @property
    def facets(self) -> dict[FacetName, tuple[str, ...]]:
        """Its values, by what search is narrowed by."""
        return {
            "domain": (self.domain,),
            "classification": (self.classification,),
            "tag": self.tags,
            "format": self.formats,
            "owner": self.owners,
        }


class RemovedProduct(Model):
    """A product that is not to be found any more, since the state of its records that `sequence` stands for."""

    domain: DomainName
    name: ProductName
    sequence: int = Field(ge=0)

    @property
    def id(self) -> str:
        """Identity: `<domain>.<name>`."""
        return f"{self.domain}.{self.name}"


SearchChange = SearchDocument | RemovedProduct


class SearchQuery(Model):
    """What is asked. All filters must hold; of one filter any value will do. An empty text finds everything."""

    text: str = Field("", max_length=MAX_QUERY)
    domain: tuple[str, ...] = ()
    classification: tuple[str, ...] = ()
    tag: tuple[str, ...] = Field((), description="`key=value`.")
    format: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    offset: int = Field(0, ge=0, le=MAX_RESULTS)
    limit: int = Field(20, ge=1, le=MAX_PER_PAGE)
    domains: tuple[DomainName, ...] = Field((), description="Domains of the one who asks.")
    sees_all: bool = Field(False, description="Who governs the mesh sees everything.")
    discovery: tuple[DiscoveryRule, ...] = ()

    @property
    def filters(self) -> dict[FacetName, tuple[str, ...]]:
        """The values that are asked for, by facet; those that are not narrowed are left out."""
        asked: dict[FacetName, tuple[str, ...]] = {
            "domain": self.domain,
            "classification": self.classification,
            "tag": self.tag,
            "format": self.format,
            "owner": self.owner,
        }
        return {name: values for name, values in asked.items() if values}

    def cursor_after(self, total: int) -> str | None:
        """Return the cursor of the next page; None when this one is the last that there is, or that is shown."""
        following = self.offset + self.limit
        if following >= total or following > MAX_RESULTS:
            return None
        return base64.urlsafe_b64encode(f"offset:{following}".encode()).decode()


def offset_of(cursor: str) -> int:
    """Return at which hit the page begins that a cursor stands for. Raises InvalidRequest when it is none of ours."""
    try:
        found = _CURSOR.fullmatch(base64.b64decode(cursor, altchars=b"-_", validate=True).decode("ascii"))
    except (binascii.Error, ValueError):
        found = None
    if found is None or int(found[1]) > MAX_RESULTS:
        raise InvalidRequest("Not a cursor of this search: send back `next_cursor` as it came", "cursor")
    return int(found[1])


class SearchHit(Model):
    """A product that was found. `score` orders within one answer only; higher is better.

    An index scores by words of the whole mesh. The API counts down by place instead: the total is the first hit's.
    """

    domain: DomainName
    name: ProductName
    description: str
    classification: PolicyClassification
    pii: bool | None
    sensitive: bool
    access_mode: AccessMode
    tags: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    matched_columns: tuple[str, ...] = Field(
        (), description="`<table>.<column>` that the text matched, the first ones."
    )
    score: float


class FacetValue(Model):
    """How many of what is found have a value, other filters of the same facet left out."""

    value: str
    count: int


class Facet(Model):
    """A way to narrow what is found; values by count, then by name, the first fifty."""

    name: FacetName
    values: tuple[FacetValue, ...]


class SearchResult(Model):
    """What was found: one page of hits by score, then by name."""

    total: int
    hits: tuple[SearchHit, ...]
    facets: tuple[Facet, ...]
    next_cursor: str | None = Field(None, description="Opaque; send it back as `cursor` with the same query.")


class SearchIndex(Protocol):
    """A search index. Changes may come twice and in any order."""

    def apply(self, changes: Sequence[SearchChange]) -> None:
        """Take products in and forget others, each unless the index knows a newer state of it.

        Raises SearchUnavailable.
        """

    def replace_all(self, documents: Sequence[SearchDocument]) -> None:
        """Make the index hold just these, in one step for those who search. Raises SearchUnavailable."""

    def search(self, query: SearchQuery) -> SearchResult:
        """Answer a query; before the first change nothing is found. Raises SearchUnavailable."""
