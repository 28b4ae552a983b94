"""Search over the API: what a person asks, in the person's own name."""

from __future__ import annotations

from typing import Any

from datamesh.handlers import answer_query
from datamesh.models.policy import DEFAULT_POLICY
from datamesh.models.search import FACETS, Facet, SearchHit, SearchResult
from tests.support.portal import Person


def ask(*groups: str, **query: str) -> Any:
    return Person(answer_query.handler, *groups).get("/v1/products", **query)


def found(total: int) -> SearchResult:
    return SearchResult(total=total, hits=(), facets=tuple(Facet(name=name, values=()) for name in FACETS))


def test_every_filter_reaches_the_index(mesh: Any) -> None:
    query = [
        ("q", "flights, and delays"),
        ("domain", "sales"),
        ("domain", "finance"),
        ("classification", "unclassified"),
        ("tag", "lob=sales"),
        ("format", "parquet"),
        ("owner", "owner@sales.example"),
        ("limit", "7"),
    ]
    answer = Person(answer_query.handler).ask("GET", "/v1/products", query=query)
    assert answer.status == 200
    (asked,) = mesh.index.asked
    assert asked.text == "flights, and delays"
    assert asked.filters == {
        "domain": ("sales", "finance"),
        "classification": ("unclassified",),
        "tag": ("lob=sales",),
        "format": ("parquet",),
        "owner": ("owner@sales.example",),
    }
    assert (asked.offset, asked.limit) == (0, 7)


def test_who_asks_is_told_by_the_token_and_what_may_be_found_by_the_policy(mesh: Any) -> None:
    rule = {"name": "hidden", "visible_to": "nobody", "when": {"producers": ["sales"]}}
    document = DEFAULT_POLICY.model_dump(mode="json") | {"discovery": [rule]}
    policy = type(DEFAULT_POLICY).model_validate(document)
    mesh.registry.policy_document = policy.model_dump_json()
    ask("sales.member", "marketing.owner", "finance.Owner", domains="finance", sees_all="true")
    ask("mesh.auditor")
    person, auditor = mesh.index.asked
    assert (person.domains, person.sees_all) == (("marketing", "sales"), False)
    assert (auditor.domains, auditor.sees_all) == ((), True)
    assert person.discovery == auditor.discovery == policy.discovery


def test_pages_follow_one_another_within_one_query(mesh: Any) -> None:
    mesh.index.result = found(45)
    first = ask(q="x", limit="20").json
    second = ask(q="x", limit="20", cursor=first["next_cursor"]).json
    third = ask(q="x", limit="20", cursor=second["next_cursor"]).json
    assert [query.offset for query in mesh.index.asked] == [0, 20, 40]
    assert third["next_cursor"] is None
    for other in ({"q": "y"}, {"q": "x", "domain": "sales"}, {"q": "x", "limit": "21"}):
        answer = ask(**{"limit": "20", "cursor": first["next_cursor"], **other})
        assert (answer.status, answer.json["field"]) == (400, "cursor")


def test_a_score_is_a_place_and_tells_nothing_of_what_is_hidden(mesh: Any) -> None:
    hit = {"domain": "sales", "description": "", "classification": "unclassified", "pii": False, "sensitive": False}
    hits = [
        SearchHit.model_validate({**hit, "name": name, "access_mode": "nrac", "score": score})
        for name, score in (("first", 4.271), ("second", 1.093))
    ]
    mesh.index.result = found(42).model_copy(update={"hits": tuple(hits)})
    first = ask(q="x", limit="20").json
    assert [(each["name"], each["score"]) for each in first["hits"]] == [("first", 42), ("second", 41)]
    second = ask(q="x", limit="20", cursor=first["next_cursor"]).json
    assert [each["score"] for each in second["hits"]] == [22, 21]


def test_beyond_what_an_index_shows_there_is_no_page(mesh: Any) -> None:
    mesh.index.result = found(1_000_000)
    cursor, pages = None, 0
    while True:
        answer = ask(limit="100", **({"cursor": cursor} if cursor else {}))
        assert answer.status == 200
        cursor, pages = answer.json["next_cursor"], pages + 1
        if cursor is None:
            break
    assert pages == 101


def test_what_cannot_be_asked_is_refused(mesh: Any) -> None:
    for query in ({"q": "x" * 257}, {"limit": "0"}, {"limit": "101"}, {"domain": ""}, {"tag": "x" * 257}):
        answer = ask(**query)
        assert (answer.status, answer.code) == (400, "InvalidRequest"), query
    many = [("tag", f"a={number}") for number in range(51)]
    assert Person(answer_query.handler).ask("GET", "/v1/products", query=many).status == 400
    assert mesh.index.asked == []
