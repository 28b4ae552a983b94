"""The search index in OpenSearch, for meshes that outgrow a file.

One alias over one index: a rebuild fills another index and then moves the alias. Products keep the `sequence` of their
state as external version, so that the server itself refuses what is older; a product that is gone stays as a marker,
because OpenSearch forgets the versions of what is deleted after a minute.
Sources: https://docs.opensearch.org/latest/api-reference/document-apis/index-document/ (version_type),
https://docs.opensearch.org/latest/api-reference/alias/aliases-api/
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from opensearchpy import OpenSearch, OpenSearchException, Urllib3AWSV4SignerAuth, Urllib3HttpConnection, helpers
from opensearchpy.exceptions import NotFoundError, TransportError

from datamesh.aws import clients
from datamesh.models.errors import SearchUnavailable
from datamesh.models.policy import DiscoveryConditions
from datamesh.models.search import (
    FACETS,
    MAX_FACET_VALUES,
    MAX_PER_PAGE,
    MAX_RESULTS,
    Facet,
    FacetValue,
    SearchChange,
    SearchDocument,
    SearchHit,
    SearchQuery,
    SearchResult,
    tag_text,
)
from datamesh.models.search_words import matched_columns, words
from datamesh.observability import logger

Body = dict[str, Any]

# OpenSearch's own name of Amazon OpenSearch Service in signatures.
SERVICE: Final = "es"
TIMEOUT: Final = 10
# Small data nodes take requests of 10 MiB:
# https://docs.aws.amazon.com/opensearch-service/latest/developerguide/limits.html#network-limits
MAX_REQUEST: Final = 8 * 1024 * 1024
# How much a word is worth by where it stands.
BOOSTS: Final = {
    "name": 10,
    "tables": 5,
    "columns": 4,
    "domain_words": 3,
    "tag_words": 2,
    "description": 1.5,
    "details": 1,
}
NAMESAKE: Final = 1_000
CONFLICT: Final = 409
_FIELDS: Final = [f"{field}^{boost}" for field, boost in BOOSTS.items()]
_VISIBLE: Final[Body] = {"term": {"removed": False}}
_OF_HIT: Final = frozenset(SearchHit.model_fields)
_WORDS: Final[Body] = {"type": "text", "analyzer": "whitespace", "index_options": "freqs"}
MAPPINGS: Final[Body] = {
    "dynamic": "strict",
    "properties": {
        **dict.fromkeys(BOOSTS, _WORDS),
        **{field: {"type": "keyword"} for field in (*FACETS, "called", "place")},
        "sensitive": {"type": "boolean"},
        "removed": {"type": "boolean"},
        "hit": {"type": "object", "enabled": False},
        "column_names": {"type": "object", "enabled": False},
    },
}
# One shard: counts of facets are exact, and scores comparable. What a mesh has of products fits into one many times.
SETTINGS: Final[Body] = {"index": {"number_of_shards": 1, "max_result_window": MAX_RESULTS + MAX_PER_PAGE}}


def connect(endpoint: str) -> OpenSearch:
    """Return a client: signed as the function's role over HTTPS, plain to a server on HTTP, which is one for tests."""
    parts = urlsplit(endpoint)
    secure = parts.scheme == "https"
    signed = Urllib3AWSV4SignerAuth(boto3.Session().get_credentials(), clients.region(), SERVICE) if secure else None
    return OpenSearch(
        hosts=[{"host": parts.hostname, "port": parts.port or (443 if secure else 80), "url_prefix": parts.path}],
        http_auth=signed,
        use_ssl=secure,
        verify_certs=secure,
        connection_class=Urllib3HttpConnection,
        timeout=TIMEOUT,
        max_retries=3,
        retry_on_status=(429, 502, 503, 504),
        retry_on_timeout=True,
    )


class SearchServer:
    """Gateway to an index in OpenSearch; `name` is its alias."""

    def __init__(self, client: OpenSearch, *, name: str) -> None:
        self._client = client
        self._name = name

    def apply(self, changes: Sequence[SearchChange]) -> None:
        """Take products in and forget others; the server refuses what is older. Raises SearchUnavailable."""
        if not changes:
            return
        with _unavailable():
            if not self._client.indices.exists_alias(name=self._name):
                self._create(alias=True)
            # Never an index that the server makes by itself, with a mapping of its own guess.
            self._send(self._name, changes, refresh="wait_for", require_alias=True)

    def replace_all(self, documents: Sequence[SearchDocument]) -> None:
        """Fill another index, and move the alias to it at once. Raises SearchUnavailable."""
        with _unavailable():
            following = self._create(alias=False)
            self._send(following, documents, refresh=False)
            self._client.indices.refresh(index=following)
            before = self._behind_alias()
            actions: list[Body] = [{"remove": {"index": index, "alias": self._name}} for index in before]
            actions.append({"add": {"index": following, "alias": self._name, "is_write_index": True}})
            self._client.indices.update_aliases(body={"actions": actions})
            # Also what rebuilds left behind that died half-way.
            own = re.compile(re.escape(self._name) + "-[0-9a-f]{32}")
            there = self._client.indices.get(index=f"{self._name}-*")
            old = [index for index in there if own.fullmatch(index) and index != following]
            if old:
                self._client.indices.delete(index=",".join(sorted(old)))

    def search(self, query: SearchQuery) -> SearchResult:
        """Answer a query. Raises SearchUnavailable."""
        asked = words(query.text)
        with _unavailable():
            try:
                answer = self._client.search(index=self._name, body=search_body(query))
            except NotFoundError:
                # Nothing was ever taken in.
                return SearchResult(total=0, hits=(), facets=tuple(Facet(name=name, values=()) for name in FACETS))
        total = int(answer["hits"]["total"]["value"])
        return SearchResult(
            total=total,
            hits=tuple(_hit(each, asked) for each in answer["hits"]["hits"]),
            facets=tuple(
                Facet(name=name, values=_values(answer["aggregations"][name]["values"]["buckets"])) for name in FACETS
            ),
            next_cursor=query.cursor_after(total),
        )

    def _create(self, *, alias: bool) -> str:
        index = f"{self._name}-{uuid.uuid4().hex}"
        body: Body = {"settings": SETTINGS, "mappings": MAPPINGS}
        if alias:
            body["aliases"] = {self._name: {"is_write_index": True}}
        self._client.indices.create(index=index, body=body)
        return index

    def _behind_alias(self) -> list[str]:
        try:
            return sorted(self._client.indices.get_alias(name=self._name))
        except NotFoundError:
            return []

    def _send(self, index: str, changes: Iterable[SearchChange], **options: Any) -> None:  # noqa: ANN401 - the client's
        sent = helpers.streaming_bulk(
            self._client,
            (action(index, change) for change in changes),
            max_chunk_bytes=MAX_REQUEST,
            raise_on_error=False,
            **options,
        )
        failed = [answer["index"] for done, answer in sent if not done and answer["index"].get("status") != CONFLICT]
        if failed:
            logger.error("OpenSearch did not take products", count=len(failed), first=failed[0].get("error"))
            raise SearchUnavailable(f"OpenSearch did not take {len(failed)} products: status {failed[0].get('status')}")


# --- What is kept ---


def action(index: str, change: SearchChange) -> Body:
    """Return a change as action of a bulk request."""
    return {
        "_op_type": "index",
        "_index": index,
        "_id": change.id,
        "version": change.sequence,
        "version_type": "external",
        "_source": _source(change) if isinstance(change, SearchDocument) else {"removed": True},
    }


def _source(document: SearchDocument) -> Body:
    return {
        "removed": False,
        "name": _text(document.name),
        "tables": _text(*document.tables),
        "columns": _text(*(column.name for column in document.columns)),
        "domain_words": _text(document.domain),
        "tag_words": _text(*document.tags),
        "description": _text(document.description),
        "details": _text(*document.table_descriptions, *(column.comment for column in document.columns)),
        **{name: list(values) for name, values in document.facets.items()},
        "called": document.name,
        # A blank sorts before every letter that a name may have.
        "place": f"{document.name} {document.domain}",
        "sensitive": document.sensitive,
        "hit": {name: value for name, value in document.to_json().items() if name in _OF_HIT},
        "column_names": {"all": [[column.table, column.name] for column in document.columns]},
    }


def _text(*texts: str | None) -> str:
    return " ".join(words(*texts))


# --- What is asked ---


def search_body(query: SearchQuery) -> Body:
    """Return a query as body of a search request.

    Filters come after the facets are counted (`post_filter`), and each facet is counted with the filters of the others.
    """
    asked = words(query.text)
    filters = {name: {"terms": {name: list(values)}} for name, values in query.filters.items()}
    return {
        "query": {
            "bool": {
                "must": [_word(word, last=number == len(asked)) for number, word in enumerate(asked, 1)],
                "should": [{"constant_score": {"filter": {"term": {"called": "_".join(asked)}}, "boost": NAMESAKE}}]
                if asked
                else [],
                "filter": [_VISIBLE, *_discoverable(query)],
                "minimum_should_match": 0,
            }
        },
        "post_filter": {"bool": {"filter": list(filters.values())}},
        "aggs": {
            facet: {
                "filter": {"bool": {"filter": [each for name, each in filters.items() if name != facet]}},
                "aggs": {
                    "values": {
                        "terms": {
                            "field": facet,
                            "size": MAX_FACET_VALUES,
                            "order": [{"_count": "desc"}, {"_key": "asc"}],
                        }
                    }
                },
            }
            for facet in FACETS
        },
        "sort": [{"_score": "desc"}, {"place": "asc"}],
        "track_total_hits": True,
        "track_scores": True,
        "_source": ["hit", "column_names"],
        "from": query.offset,
        "size": query.limit,
    }


def _word(word: str, *, last: bool) -> Body:
    whole: Body = {"multi_match": {"query": word, "fields": _FIELDS, "type": "best_fields", "analyzer": "whitespace"}}
    if not last:
        return whole
    beginning = [{"prefix": {field: {"value": word, "boost": boost}}} for field, boost in BOOSTS.items()]
    return {"dis_max": {"queries": [whole, *beginning], "tie_breaker": 0.1}}


def _discoverable(query: SearchQuery) -> list[Body]:
    """Return what who asks may find as filters: of the rules that speak of a product the first one decides.

    So a product is found if it is of one's own, if a rule that shows it speaks of it and none before that hides it, or
    if none hides it at all. The same as datamesh.logic.discovery.may_discover.
    """
    if query.sees_all:
        return []
    hiding: list[Body] = []
    shown: list[Body] = [{"terms": {"domain": list(query.domains)}}]
    for rule in query.discovery:
        speaks = {"bool": {"filter": [{"match_all": {}}, *_conditions(rule.when)]}}
        if not rule.shows_to(query.domains):
            hiding = [*hiding, speaks]
        else:
            shown.append({"bool": {"filter": [speaks], "must_not": hiding}})
    if not hiding:
        return []
    shown.append({"bool": {"must_not": hiding}})
    return [{"bool": {"should": shown, "minimum_should_match": 1}}]


def _conditions(when: DiscoveryConditions) -> Iterator[Body]:
    if when.sensitive is not None:
        yield {"term": {"sensitive": when.sensitive}}
    if when.classifications is not None:
        yield {"terms": {"classification": list(when.classifications)}}
    if when.producers is not None:
        yield {"terms": {"domain": list(when.producers)}}
    for key, values in (when.tags or {}).items():
        yield {"terms": {"tag": [tag_text(key, value) for value in values]}}


# --- What is answered ---


def _hit(found: Mapping[str, Any], asked: Sequence[str]) -> SearchHit:
    source = found["_source"]
    columns = ((table, name) for table, name in source["column_names"]["all"])
    return SearchHit.model_validate(
        {
            **source["hit"],
            "score": found["_score"] or 0.0,
            "matched_columns": matched_columns(columns, asked),
        }
    )


def _values(buckets: Iterable[Mapping[str, Any]]) -> tuple[FacetValue, ...]:
    return tuple(FacetValue(value=str(bucket["key"]), count=int(bucket["doc_count"])) for bucket in buckets)


@contextmanager
def _unavailable() -> Iterator[None]:
    """Say that OpenSearch did not answer, or not as it should, as SearchUnavailable."""
    try:
        yield
    except TransportError as error:
        logger.warning("OpenSearch refused", status=error.status_code, error=error.error)
        raise SearchUnavailable(f"OpenSearch answers {error.status_code} {error.error}") from error
    except OpenSearchException as error:
        raise SearchUnavailable(f"OpenSearch: {type(error).__name__}") from error
