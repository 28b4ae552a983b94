"""Search over all products that the policy lets a person discover."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import Field

from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import NextPage, Routes, SignedIn
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.search import search
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.errors import InvalidRequest
from datamesh.models.search import MAX_PER_PAGE, MAX_QUERY, MAX_RESULTS, SearchQuery, SearchResult

MAX_VALUES = 50
MAX_VALUE = 256

Values = list[Annotated[str, Field(min_length=1, max_length=MAX_VALUE)]]
Domains = Annotated[Values, Query(max_length=MAX_VALUES, description="Of any of these domains.")]
Classifications = Annotated[
    Values, Query(max_length=MAX_VALUES, description="With any of these classifications; `unclassified` is one.")
]
Tags = Annotated[Values, Query(max_length=MAX_VALUES, description="With any of these LF-tags, as `key=value`.")]
Formats = Annotated[Values, Query(max_length=MAX_VALUES, description="With a table in any of these formats.")]
Owners = Annotated[Values, Query(max_length=MAX_VALUES, description="With any of these product owners, by address.")]

route = Routes("Products")


@route(BY_OPERATION["search_products"])
def search_products(
    *,
    caller: SignedIn,
    q: Annotated[str, Query(max_length=MAX_QUERY, description="Words of names, descriptions, tables, columns.")] = "",
    domain: Domains = [],  # noqa: B006 - nobody changes it
    classification: Classifications = [],  # noqa: B006
    tag: Tags = [],  # noqa: B006
    format: Formats = [],  # noqa: A002, B006 - the name of the parameter
    owner: Owners = [],  # noqa: B006
    limit: Annotated[int, Query(ge=1, le=MAX_PER_PAGE, description="How many at most; 20 unless said.")] = 20,
    cursor: NextPage = None,
) -> SearchResult:
    """Products by full text and facets, the best first.

    Found is only what the policy lets the person discover, and what belongs to the person's own domains.
    """
    filters = {"domain": domain, "classification": classification, "tag": tag, "format": format, "owner": owner}
    asked = (f"{name}={value}" for name, values in filters.items() for value in sorted(set(values)))
    paging = Paging(("search_products", q, str(limit), *asked), limit, cursor)
    query = SearchQuery(
        text=q, offset=_offset(paging), limit=limit, **{name: tuple(values) for name, values in filters.items()}
    )
    result = search(_gateways.search_index(), query, caller, _gateways.registry().policy().discovery)
    following = query.offset + limit
    more = following < result.total and following <= MAX_RESULTS
    return result.model_copy(update={"next_cursor": paging.cursor_at(str(following)) if more else None})


def _offset(paging: Paging) -> int:
    """Return at which hit the page begins. Raises InvalidRequest."""
    position = paging.position or "0"
    if not (position.isascii() and position.isdigit() and int(position) <= MAX_RESULTS):
        raise InvalidRequest("The cursor is none that this API gave", "cursor")
    return int(position)
