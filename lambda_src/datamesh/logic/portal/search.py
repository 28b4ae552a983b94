"""Search as a person may: the caller's domains and the policy's rules of discovery go with every query."""

from collections.abc import Sequence

from datamesh.logic.portal.authorization import Caller
from datamesh.models.policy import DiscoveryRule
from datamesh.models.search import SearchIndex, SearchQuery, SearchResult


def search(index: SearchIndex, query: SearchQuery, caller: Caller, discovery: Sequence[DiscoveryRule]) -> SearchResult:
    """Return what a person finds, scored by place: other scores tell of what is hidden. Raises SearchUnavailable."""
    found = index.search(_asked_by(query, caller, discovery))
    best = found.total - query.offset
    hits = (hit.model_copy(update={"score": float(best - place)}) for place, hit in enumerate(found.hits))
    return found.model_copy(update={"hits": tuple(hits)})


def product_counts(
    index: SearchIndex, domains: Sequence[str], caller: Caller, discovery: Sequence[DiscoveryRule]
) -> dict[str, int]:
    """Return how many products of each domain a person may find. Raises SearchUnavailable.

    One query tells it of the domains with the most; a facet has no more, so that the others are asked one by one.
    """
    if not domains:
        return {}
    found = index.search(_asked_by(SearchQuery(limit=1), caller, discovery))
    facet = next(facet for facet in found.facets if facet.name == "domain")
    counts = {value.value: value.count for value in facet.values}
    complete = sum(counts.values()) == found.total

    def count(domain: str) -> int:
        if domain in counts or complete:
            return counts.get(domain, 0)
        return index.search(_asked_by(SearchQuery(domain=(domain,), limit=1), caller, discovery)).total

    return {domain: count(domain) for domain in domains}


def _asked_by(query: SearchQuery, caller: Caller, discovery: Sequence[DiscoveryRule]) -> SearchQuery:
    return query.model_copy(
        update={"domains": caller.member_of, "sees_all": bool(caller.mesh), "discovery": tuple(discovery)}
    )
