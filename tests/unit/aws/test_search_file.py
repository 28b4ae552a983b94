"""The index as an object in S3: when it is fetched and written, who wins, what any text and any rules find."""

from __future__ import annotations

import gzip
import string
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.aws import search_database
from datamesh.aws.retry import Retrier
from datamesh.aws.search_database import SearchDatabase, create, match_expression, texts_of
from datamesh.aws.search_file import SearchFile
from datamesh.logic.discovery import may_discover
from datamesh.models.errors import InvalidRequest, SearchUnavailable
from datamesh.models.search import (
    FACETS,
    MAX_QUERY,
    MAX_RESULTS,
    RemovedProduct,
    SearchDocument,
    SearchQuery,
    offset_of,
)
from datamesh.models.search_words import words
from tests.support.search_objects import FakeObjects, product, refusal
from tests.support.search_strategies import CLASSIFICATIONS, DISCOVERY, SOME_DOMAINS, documents


def unhurried() -> Retrier:
    return Retrier(sleep=lambda _seconds: None)


def index_of(objects: FakeObjects) -> SearchFile:
    """Return the index of another container."""
    return SearchFile("bucket", "search/index.sqlite.gz", objects, retrier=unhurried)  # type: ignore[arg-type]


def found(index: SearchFile, text: str = "") -> list[str]:
    return [hit.name for hit in index.search(SearchQuery(text=text, sees_all=True)).hits]


@pytest.fixture
def objects() -> FakeObjects:
    return FakeObjects()


# --- The object ---


def test_the_index_is_one_packed_object(objects: FakeObjects) -> None:
    index_of(objects).apply([product("orders")])
    assert objects.body is not None
    assert gzip.decompress(objects.body).startswith(b"SQLite format 3\x00")


def test_a_batch_is_one_write(objects: FakeObjects) -> None:
    index_of(objects).apply([product(f"p{number}") for number in range(20)])
    assert objects.writes == 1


def test_what_is_known_is_not_written_again(objects: FakeObjects) -> None:
    index = index_of(objects)
    removed = RemovedProduct(domain="sales", name="gone", sequence=4)
    for _ in range(2):
        index.apply([product("orders", sequence=3), removed])
    index.apply([product("orders", sequence=2), removed])
    assert objects.writes == 1


def test_it_is_fetched_only_when_it_has_changed(objects: FakeObjects) -> None:
    writer, reader = index_of(objects), index_of(objects)
    writer.apply([product("orders")])
    assert [found(reader) for _ in range(3)] == [["orders"]] * 3
    assert objects.reads == 1
    writer.apply([product("refunds")])
    assert found(reader) == ["orders", "refunds"]
    assert objects.reads == 2, "the writer knows what it has written"


def test_who_was_overtaken_begins_anew(objects: FakeObjects) -> None:
    one, other = index_of(objects), index_of(objects)
    one.apply([product("first")])
    objects.before_put = lambda: other.apply([product("second")])
    one.apply([product("third")])
    assert found(index_of(objects)) == ["first", "second", "third"]


def test_of_two_who_make_the_index_none_overwrites_the_other(objects: FakeObjects) -> None:
    objects.before_put = lambda: index_of(objects).apply([product("second")])
    index_of(objects).apply([product("first")])
    assert found(index_of(objects)) == ["first", "second"]


def test_an_index_that_was_deleted_is_made_anew(objects: FakeObjects) -> None:
    index = index_of(objects)
    index.apply([product("first")])

    def delete() -> None:
        objects.body = None

    objects.before_put = delete
    index.apply([product("second")])
    assert found(index) == ["second"]
    objects.body = None
    assert found(index) == []


def test_who_is_overtaken_for_ever_gives_up(objects: FakeObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(**_request: Any) -> None:
        raise refusal("PutObject", "ConditionalRequestConflict", 409)

    monkeypatch.setattr(objects, "put_object", overtaken)
    with pytest.raises(SearchUnavailable, match="ConditionalRequestConflict"):
        index_of(objects).apply([product("orders")])


@pytest.mark.parametrize(
    "error",
    [
        refusal("GetObject", "AccessDenied", 403),
        refusal("GetObject", "SlowDown", 503),
        EndpointConnectionError(endpoint_url="https://s3"),
    ],
)
def test_an_index_that_cannot_be_reached_is_unavailable(objects: FakeObjects, error: Any) -> None:
    objects.failing = error
    for act in (found, lambda index: index.apply([product("orders")]), lambda index: index.replace_all([])):
        with pytest.raises(SearchUnavailable, match="cannot be reached"):
            act(index_of(objects))


@pytest.mark.parametrize("body", [b"no archive", gzip.compress(b"no database" * 500), gzip.compress(b"")[:-4], b""])
def test_what_is_no_index_is_refused_until_it_is_rebuilt(objects: FakeObjects, body: bytes) -> None:
    objects.body = body
    index = index_of(objects)
    with pytest.raises(SearchUnavailable, match="has to be rebuilt"):
        found(index)
    with pytest.raises(SearchUnavailable, match="has to be rebuilt"):
        index.apply([product("orders")])
    assert objects.body == body
    index.replace_all([product("orders")])
    assert found(index) == ["orders"]


def test_an_index_of_another_version_is_refused(objects: FakeObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    index = index_of(objects)
    index.apply([product("orders")])
    monkeypatch.setattr(search_database, "VERSION", 2)
    with pytest.raises(SearchUnavailable, match="has version 1, not 2: it has to be rebuilt"):
        found(index_of(objects))
    with pytest.raises(SearchUnavailable, match="has version 1, not 2"):
        index.apply([product("refunds")])


# --- Any text ---


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> SearchDatabase:
    path = tmp_path_factory.mktemp("index") / "index.sqlite"
    texts = ("Every order", "Müller & Söhne", "顧客データ", "", "a b c 1 2 3")
    create(path, [product(f"p{number}", description=text) for number, text in enumerate(texts)])
    return SearchDatabase(path)


@given(st.text(max_size=MAX_QUERY))
def test_any_text_is_an_answerable_question(database: SearchDatabase, text: str) -> None:
    result = database.search(SearchQuery(text=text, sees_all=True))
    assert result.total == len(result.hits)
    if not words(text):
        assert result.total == 5


@given(st.text(alphabet=string.punctuation + "aZ0 \x00", max_size=40))
def test_no_punctuation_is_syntax(database: SearchDatabase, text: str) -> None:
    database.search(SearchQuery(text=text, sees_all=True))


@given(st.text(min_size=1, max_size=60))
def test_every_text_finds_itself(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("self") / "index.sqlite"
    create(path, [product("other", description="something else"), product("itself", description=text)])
    database = SearchDatabase(path)
    assert "itself" in [hit.name for hit in database.search(SearchQuery(text=text, sees_all=True)).hits]
    for word in words(text):
        beginning = SearchQuery(text=word[: max(1, len(word) // 2)], sees_all=True)
        assert "itself" in [hit.name for hit in database.search(beginning).hits]


@given(st.text())
def test_words_are_letters_and_digits_and_stay_as_they_are(text: str) -> None:
    once = words(text)
    assert words(" ".join(once)) == once
    assert all(word.isalnum() for word in once)
    assert '"' not in match_expression(once).replace('"', "", 2 * len(once))


def test_the_words_of_a_product_are_all_that_is_searched() -> None:
    document = product(
        "air_travel",
        description="Flights",
        tables=("carriers",),
        table_descriptions=("Airlines",),
        columns=("carriers.iata_code",),
        tags=("layer=gold",),
        owners=("ann@sales.example",),
        formats=("parquet",),
    )
    assert texts_of(document) == {
        "name": ["air", "travel"],
        "tables": ["carriers"],
        "columns": ["iata", "code"],
        "domain": ["sales"],
        "tags": ["layer", "gold"],
        "description": ["flights"],
        "details": ["airlines"],
    }


# --- Any rules ---

QUERIES = st.builds(
    SearchQuery,
    text=st.sampled_from(["", "order", "ref", "order refund", "nothing"]),
    domain=SOME_DOMAINS,
    classification=st.lists(st.sampled_from(CLASSIFICATIONS), max_size=2).map(tuple),
    tag=st.lists(st.sampled_from(["layer=gold", "region=eu"]), max_size=2).map(tuple),
    format=st.lists(st.sampled_from(["csv", "json"]), max_size=1).map(tuple),
    limit=st.just(100),
    domains=SOME_DOMAINS,
    sees_all=st.booleans(),
    discovery=DISCOVERY,
)


@given(st.lists(documents(), unique_by=lambda each: each.id, max_size=40), QUERIES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_hits_total_and_facets_are_what_looking_at_each_product_finds(
    tmp_path_factory: pytest.TempPathFactory, mesh: list[SearchDocument], query: SearchQuery
) -> None:
    path = tmp_path_factory.mktemp("rules") / "index.sqlite"
    create(path, mesh)
    result = SearchDatabase(path).search(query)

    visible = [
        each
        for each in mesh
        if may_discover(each, query.discovery, query.domains, sees_all=query.sees_all) and _matches(each, query.text)
    ]
    hits = [each for each in visible if _passes(each, query)]
    assert {f"{hit.domain}.{hit.name}" for hit in result.hits} == {each.id for each in hits}
    assert result.total == len(hits)
    for facet in result.facets:
        among = [each for each in visible if _passes(each, query, without=facet.name)]
        counts: dict[str, int] = {}
        for each in among:
            for value in each.facets[facet.name]:
                counts[value] = counts.get(value, 0) + 1
        expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        assert [(value.value, value.count) for value in facet.values] == expected


def _matches(document: SearchDocument, text: str) -> bool:
    return all(any(have.startswith(word) for have in words(document.description)) for word in words(text))


def _passes(document: SearchDocument, query: SearchQuery, without: str = "") -> bool:
    return all(
        name == without or not set(document.facets[name]).isdisjoint(query.filters[name])
        for name in FACETS
        if name in query.filters
    )


# --- Cursors ---


def test_a_cursor_says_where_the_next_page_begins() -> None:
    query = SearchQuery(offset=40, limit=20)
    cursor = query.cursor_after(61)
    assert cursor is not None
    assert cursor.isascii()
    assert offset_of(cursor) == 60
    assert query.cursor_after(60) is None
    assert SearchQuery(offset=MAX_RESULTS - 10, limit=20).cursor_after(50_000) is None


@pytest.mark.parametrize(
    "cursor", ["", "x", "b2Zmc2V0OjEwMDAx", "b2Zmc2V0Oi0x", "b2Zmc2V0OjEK", "é", "b2Zmc2V0OuKEoQ=="]
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidRequest, match="Not a cursor of this search") as refused:
        offset_of(cursor)
    assert refused.value.field == "cursor"


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    with suppress(InvalidRequest):
        assert 0 <= offset_of(text) <= MAX_RESULTS


def test_nothing_is_left_on_the_disk_but_the_copy(objects: FakeObjects) -> None:
    index = index_of(objects)
    index.apply([product("orders")])
    index.apply([product("refunds")])
    found(index)
    assert [path.name for path in Path(index._directory.name).iterdir()] == ["index.sqlite"]
