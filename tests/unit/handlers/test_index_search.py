"""The handler of index_search: what it takes for events, and what it makes of a rebuild."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from datamesh.aws import clients
from datamesh.aws.search_file import SearchFile
from datamesh.aws.search_server import SearchServer
from datamesh.handlers import _search, index_search
from datamesh.handlers._search import search_index
from datamesh.logic.index_search import SearchIndexing
from datamesh.models.errors import InvalidEvent, SearchUnavailable
from datamesh.models.search import SearchQuery
from datamesh.settings import IndexSearchSettings, load
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import product_spec, table_spec
from tests.support.events import load_event
from tests.support.search_objects import FakeIndex, FakeObjects

CONTEXT: Any = SimpleNamespace(
    function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="r"
)
ENVIRONMENT = {
    "POWERTOOLS_SERVICE_NAME": "index_search",
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_LOG_LEVEL": "INFO",
    "DATAMESH_PREFIX": "datamesh",
    "DATAMESH_ACCOUNT_ID": "111111111111",
    "REGISTRY_TABLE": "datamesh-registry",
    "SEARCH_BUCKET": "datamesh-search-111111111111",
    "SEARCH_KEY": "search/index.sqlite.gz",
    "SEARCH_ENDPOINT": "",
}


@pytest.fixture
def central() -> FakeCentral:
    return central_with("sales", product=product_spec(table_spec("flights")))


@pytest.fixture
def index(central: FakeCentral, monkeypatch: pytest.MonkeyPatch) -> FakeIndex:
    index = FakeIndex()
    monkeypatch.setattr(index_search, "_flow", lambda: SearchIndexing(central.registry, index))
    return index


def test_an_event_alone(index: FakeIndex) -> None:
    answer = index_search.handler(load_event("DataProductRegistered"), CONTEXT)
    assert answer == {"outcome": "indexed", "shown": 1, "hidden": 0}
    assert list(index.shown) == ["sales.air_travel"]


def test_events_of_a_queue_are_one_change(index: FakeIndex) -> None:
    events = [load_event(name) for name in ("DataProductRegistered", "DataProductDeregistered", "DataDomainRegistered")]
    answer = index_search.handler({"Records": [{"body": json.dumps(each)} for each in events]}, CONTEXT)
    assert answer["outcome"] == "indexed"
    assert len(index.batches) == 1


def test_a_rebuild(index: FakeIndex) -> None:
    assert index_search.handler({"rebuild": True}, CONTEXT) == {"outcome": "rebuilt", "shown": 1}
    assert list(index.shown) == ["sales.air_travel"]


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "Not an EventBridge event"),
        ({"rebuild": False}, "Not an EventBridge event"),
        ({"rebuild": "true"}, "Not an EventBridge event"),
        ({"Records": "x"}, "Records: expected a list"),
        ({"Records": [{}]}, "Records: a message that holds no event"),
        ({"Records": [{"body": "{"}]}, "Records: a message that holds no event"),
        ({"Records": [{"body": "[]"}]}, "Records: a message that holds no event"),
        ({"Records": ["x"]}, "Records: a message that holds no event"),
    ],
)
def test_what_is_no_event_is_refused(index: FakeIndex, payload: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidEvent, match=message):
        index_search.handler(payload, CONTEXT)
    assert index.batches == []


@pytest.mark.parametrize("payload", [{"rebuild": True}, load_event("DataProductRegistered")])
def test_an_index_that_does_not_answer_is_tried_again(index: FakeIndex, payload: dict[str, Any]) -> None:
    index.failing = SearchUnavailable("no answer")
    with pytest.raises(SearchUnavailable):
        index_search.handler(payload, CONTEXT)


# --- From the environment ---


@pytest.fixture
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    load.cache_clear()
    _search._index.cache_clear()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


class EmptyTable:
    """DynamoDB without any item."""

    def query(self, **_request: Any) -> dict[str, Any]:
        return {"Items": []}


@pytest.mark.usefixtures("_environment")
def test_it_is_built_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = FakeObjects()
    monkeypatch.setattr(clients, "s3", lambda: objects)
    monkeypatch.setattr(clients, "dynamodb", EmptyTable)
    assert index_search.handler({"rebuild": True}, CONTEXT) == {"outcome": "rebuilt", "shown": 0}
    assert objects.writes == 1
    index = search_index(load(IndexSearchSettings), patience=1, name="datamesh")
    assert index.search(SearchQuery()).total == 0


@pytest.mark.usefixtures("_environment")
def test_a_container_has_one_index(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "s3", FakeObjects)
    settings = load(IndexSearchSettings)
    index = search_index(settings, patience=1, name="datamesh")
    assert isinstance(index, SearchFile)
    assert search_index(settings, patience=1, name="datamesh") is index


@pytest.mark.usefixtures("_environment")
def test_where_there_is_an_endpoint_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_ENDPOINT", "https://search.eu-west-1.es.amazonaws.com")
    assert isinstance(search_index(load(IndexSearchSettings), patience=1, name="datamesh"), SearchServer)
