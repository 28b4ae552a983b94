"""What is asked of an OpenSearch server, as it arrives at one that only listens.

Whether a real one finds by that what it should is what tests/search_contract tries, where OPENSEARCH_URL names one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from pytest_socket import enable_socket

from datamesh.aws.search_server import MAPPINGS, SearchServer, action, connect, search_body
from datamesh.logic.discovery import may_discover
from datamesh.models.errors import SearchUnavailable
from datamesh.models.policy import DiscoveryConditions, DiscoveryRule
from datamesh.models.search import FACETS, MAX_PER_PAGE, MAX_RESULTS, RemovedProduct, SearchDocument, SearchQuery
from tests.support.search_objects import product
from tests.support.search_strategies import DISCOVERY, SOME_DOMAINS, documents

NAME = "datamesh-products"


@dataclass
class Listener:
    """What arrived, and what is answered: by method and path, else `{}`."""

    url: str = ""
    asked: list[tuple[str, str, Any, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def seen(self) -> list[str]:
        return [f"{method} {path}" for method, path, _, _ in self.asked]


@pytest.fixture
def listener(_no_network: None) -> Iterator[Listener]:
    enable_socket()
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            lines = [json.loads(line) for line in body.splitlines()]
            path = self.path.partition("?")[0]
            listener.asked.append((self.command, path, lines, dict(self.headers)))
            status, answer = listener.answers.get(f"{self.command} {path}", (200, {}))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            content = json.dumps(answer).encode()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._answer
            raise AttributeError(name)

        def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield listener
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def index(listener: Listener) -> SearchServer:
    return SearchServer(connect(listener.url), name=NAME)


def taken(*statuses: int) -> tuple[int, Any]:
    """Return the answer to a bulk request."""
    items = [
        {"index": {"status": status, **({"error": {"type": "t"}} if status >= 300 else {})}} for status in statuses
    ]
    return 200, {"errors": any(status >= 300 for status in statuses), "items": items}


# --- Changes ---


def test_changes_are_sent_with_their_sequence_as_external_version(listener: Listener, index: SearchServer) -> None:
    listener.answers["POST /_bulk"] = taken(201, 201)
    index.apply([product("orders", sequence=7), RemovedProduct(domain="sales", name="refunds", sequence=9)])
    assert listener.seen() == [f"HEAD /_alias/{NAME}", "POST /_bulk"]
    first, document, second, marker = listener.asked[-1][2]
    versions = {"version_type": "external", "_index": NAME}
    assert first == {"index": {"_id": "sales.orders", "version": 7, **versions}}
    assert second == {"index": {"_id": "sales.refunds", "version": 9, **versions}}
    assert document["removed"] is False
    assert marker == {"removed": True}, "deleted, its version would be forgotten"


def test_every_field_that_is_sent_is_mapped() -> None:
    sent = action(NAME, product("orders", columns=("lines.id",)))["_source"]
    assert sent.keys() == MAPPINGS["properties"].keys()
    assert MAPPINGS["dynamic"] == "strict"


def test_the_index_is_made_with_its_alias_when_there_is_none(listener: Listener, index: SearchServer) -> None:
    listener.answers[f"HEAD /_alias/{NAME}"] = (404, {})
    listener.answers["POST /_bulk"] = taken(201)
    index.apply([product("orders")])
    method, path, [body], _ = listener.asked[1]
    assert (method, path.startswith(f"/{NAME}-")) == ("PUT", True)
    assert body["aliases"] == {NAME: {"is_write_index": True}}
    assert body["mappings"] == MAPPINGS
    assert body["settings"]["index"]["max_result_window"] == MAX_RESULTS + MAX_PER_PAGE, (
        "the last page that may be asked"
    )


def test_what_is_older_is_refused_by_the_server_and_that_is_well(listener: Listener, index: SearchServer) -> None:
    listener.answers["POST /_bulk"] = taken(409, 201)
    index.apply([product("orders"), product("refunds")])


def test_what_is_refused_otherwise_has_failed(listener: Listener, index: SearchServer) -> None:
    listener.answers["POST /_bulk"] = taken(201, 400)
    with pytest.raises(SearchUnavailable, match="OpenSearch did not take 1 products: status 400"):
        index.apply([product("orders"), product("refunds")])


def test_no_changes_ask_nothing(listener: Listener, index: SearchServer) -> None:
    index.apply([])
    assert listener.asked == []


def test_a_rebuild_fills_another_index_before_it_moves_the_alias(listener: Listener, index: SearchServer) -> None:
    old, stray, others = f"{NAME}-{'0' * 32}", f"{NAME}-{'1' * 32}", f"{NAME}-products-{'2' * 32}"
    listener.answers["POST /_bulk"] = taken(201)
    listener.answers[f"GET /_alias/{NAME}"] = (200, {old: {"aliases": {NAME: {}}}})
    listener.answers[f"GET /{NAME}-*"] = (200, {old: {}, stray: {}, others: {}})
    index.replace_all([product("orders")])
    seen = listener.seen()
    following = seen[0].removeprefix("PUT /")
    assert seen == [
        f"PUT /{following}",
        "POST /_bulk",
        f"POST /{following}/_refresh",
        f"GET /_alias/{NAME}",
        "POST /_aliases",
        f"GET /{NAME}-*",
        f"DELETE /{old},{stray}",
    ], "and leaves alone what is not its own"
    assert listener.asked[1][2][0]["index"]["_index"] == following
    assert listener.asked[4][2] == [
        {
            "actions": [
                {"remove": {"index": old, "alias": NAME}},
                {"add": {"index": following, "alias": NAME, "is_write_index": True}},
            ]
        }
    ]


def test_a_rebuild_that_failed_moves_nothing(listener: Listener, index: SearchServer) -> None:
    listener.answers["POST /_bulk"] = taken(400)
    with pytest.raises(SearchUnavailable):
        index.replace_all([product("orders")])
    assert "POST /_aliases" not in listener.seen()


# --- Questions ---


def answer(total: int = 0, **buckets: list[dict[str, Any]]) -> Any:
    document = action(NAME, product("orders", columns=("lines.customer_id", "lines.day")))["_source"]
    hit = {"_score": 3.5, "_source": {"hit": document["hit"], "column_names": document["column_names"]}}
    return {
        "hits": {"total": {"value": total}, "hits": [hit] if total else []},
        "aggregations": {name: {"values": {"buckets": buckets.get(name, [])}} for name in FACETS},
    }


def test_an_answer_is_read(listener: Listener, index: SearchServer) -> None:
    listener.answers[f"POST /{NAME}/_search"] = (200, answer(30, domain=[{"key": "sales", "doc_count": 30}]))
    result = index.search(SearchQuery(text="customer", sees_all=True))
    assert result.total == 30
    [hit] = result.hits
    assert (hit.name, hit.score, hit.matched_columns) == ("orders", 3.5, ("lines.customer_id",))
    assert [(value.value, value.count) for value in result.facets[0].values] == [("sales", 30)]
    assert result.next_cursor is not None


def test_before_anything_was_taken_in_nothing_is_found(listener: Listener, index: SearchServer) -> None:
    listener.answers[f"POST /{NAME}/_search"] = (404, {"error": {"type": "index_not_found_exception"}, "status": 404})
    assert index.search(SearchQuery()).total == 0


@pytest.mark.parametrize("status", [400, 403, 500])
def test_a_server_that_refuses_is_unavailable(listener: Listener, index: SearchServer, status: int) -> None:
    listener.answers[f"POST /{NAME}/_search"] = (status, {"error": {"type": "e"}, "status": status})
    with pytest.raises(SearchUnavailable, match=f"OpenSearch answers {status}"):
        index.search(SearchQuery())


def test_a_server_that_is_not_there_is_unavailable(listener: Listener) -> None:
    with pytest.raises(SearchUnavailable, match="OpenSearch"):
        SearchServer(connect("http://127.0.0.1:1"), name=NAME).search(SearchQuery())


def test_a_server_over_http_is_asked_plainly(listener: Listener, index: SearchServer) -> None:
    listener.answers[f"POST /{NAME}/_search"] = (200, answer())
    index.search(SearchQuery())
    assert "Authorization" not in listener.asked[0][3]


def test_amazons_is_asked_with_a_signature_of_the_function() -> None:
    client = connect("https://search.eu-west-1.es.amazonaws.com")
    connection = client.transport.get_connection()
    signed = connection.http_auth("POST", "https://search.eu-west-1.es.amazonaws.com/x/_search", b"{}", {})
    assert "AWS4-HMAC-SHA256 Credential=testing/" in signed["Authorization"]
    assert "/eu-west-1/es/aws4_request" in signed["Authorization"]
    assert connection.host == "https://search.eu-west-1.es.amazonaws.com:443"


# --- Bodies ---


def filters(query: SearchQuery) -> list[Any]:
    """Return what a query is narrowed by before anything is counted."""
    return list(search_body(query)["query"]["bool"]["filter"])


def test_words_are_looked_up_one_by_one_and_the_last_one_by_its_beginning() -> None:
    first, last = search_body(SearchQuery(text='Customer "OR" *'))["query"]["bool"]["must"]
    assert first["multi_match"]["query"] == "customer"
    whole, *beginnings = last["dis_max"]["queries"]
    assert whole["multi_match"]["query"] == "or", "a word like any other"
    assert beginnings[0] == {"prefix": {"name": {"value": "or", "boost": 10}}}


def test_a_facet_is_counted_without_its_own_filter() -> None:
    body = search_body(SearchQuery(domain=("sales",), tag=("layer=gold",)))
    domain, tag = {"terms": {"domain": ["sales"]}}, {"terms": {"tag": ["layer=gold"]}}
    assert body["post_filter"] == {"bool": {"filter": [domain, tag]}}
    assert body["aggs"]["domain"]["filter"] == {"bool": {"filter": [tag]}}
    assert body["aggs"]["tag"]["filter"] == {"bool": {"filter": [domain]}}
    assert body["aggs"]["owner"]["filter"] == {"bool": {"filter": [domain, tag]}}


def test_what_was_removed_is_never_found() -> None:
    assert filters(SearchQuery(sees_all=True)) == [{"term": {"removed": False}}]


def test_rules_that_hide_nothing_ask_nothing() -> None:
    rule = DiscoveryRule(name="open", visible_to="everyone")
    assert filters(SearchQuery(discovery=(rule,))) == [{"term": {"removed": False}}]


def test_what_is_hidden_is_left_out_unless_it_is_ones_own_or_a_rule_before_shows_it() -> None:
    partners = DiscoveryRule(
        name="partners", when=DiscoveryConditions(tags={"layer": ("gold", "silver")}), visible_to=("hr",)
    )
    hidden = DiscoveryRule(name="hidden", when=DiscoveryConditions(sensitive=True), visible_to="nobody")
    late = DiscoveryRule(name="late", when=DiscoveryConditions(producers=("ops",)), visible_to="everyone")
    gold = {"bool": {"filter": [{"match_all": {}}, {"terms": {"tag": ["layer=gold", "layer=silver"]}}]}}
    sensitive = {"bool": {"filter": [{"match_all": {}}, {"term": {"sensitive": True}}]}}
    of_ops = {"bool": {"filter": [{"match_all": {}}, {"terms": {"domain": ["ops"]}}]}}

    # The partners' rule hides from others what it shows to hr.
    [_, others] = filters(SearchQuery(domains=("sales",), discovery=(partners, hidden, late)))
    assert others["bool"]["should"] == [
        {"terms": {"domain": ["sales"]}},
        {"bool": {"filter": [of_ops], "must_not": [gold, sensitive]}},
        {"bool": {"must_not": [gold, sensitive]}},
    ]
    [_, hr] = filters(SearchQuery(domains=("hr",), discovery=(partners, hidden, late)))
    assert hr["bool"]["should"] == [
        {"terms": {"domain": ["hr"]}},
        {"bool": {"filter": [gold], "must_not": []}},
        {"bool": {"filter": [of_ops], "must_not": [sensitive]}},
        {"bool": {"must_not": [sensitive]}},
    ]


@given(documents(), SOME_DOMAINS, DISCOVERY)
def test_the_filter_lets_through_what_the_policy_lets_be_found(
    document: SearchDocument, domains: tuple[str, ...], rules: tuple[DiscoveryRule, ...]
) -> None:
    sent = action(NAME, document)["_source"]
    let_through = all(_holds(each, sent) for each in filters(SearchQuery(domains=domains, discovery=rules)))
    assert let_through == may_discover(document, rules, domains)


def _holds(query: dict[str, Any], sent: dict[str, Any]) -> bool:
    """Tell whether a filter lets a document through, as OpenSearch documents these few kinds of query."""
    ((kind, body),) = query.items()
    if kind == "match_all":
        return True
    if kind == "term":
        ((name, value),) = body.items()
        return bool(sent[name] == value)
    if kind == "terms":
        ((name, values),) = body.items()
        return not set(sent[name]).isdisjoint(values)
    assert kind == "bool"
    assert body.keys() <= {"filter", "must_not", "should", "minimum_should_match"}
    return (
        all(_holds(each, sent) for each in body.get("filter", []))
        and not any(_holds(each, sent) for each in body.get("must_not", []))
        and sum(_holds(each, sent) for each in body.get("should", [])) >= body.get("minimum_should_match", 0)
    )
