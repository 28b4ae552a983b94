"""The functions of the API in front of a registry in memory and a bus that keeps what it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import boto3
import pytest
from moto import mock_aws

from datamesh.aws import clients
from datamesh.handlers.portal import _gateways, _runtime
from datamesh.models.events import Entry
from datamesh.models.search import FACETS, Facet, SearchQuery, SearchResult
from datamesh.models.timeline import LinkSigns
from datamesh.settings import load
from tests.support.central_fakes import FakeRegistry
from tests.support.portal import ENVIRONMENT


class Bus:
    """An event bus."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.fault: Exception | None = None

    def publish(self, entries: Sequence[Entry]) -> None:
        if self.fault is not None:
            raise self.fault
        self.entries += entries


class Index:
    """A search index that answers what it was given, and keeps what it was asked."""

    def __init__(self) -> None:
        self.result = SearchResult(total=0, hits=(), facets=tuple(Facet(name=name, values=()) for name in FACETS))
        self.asked: list[SearchQuery] = []
        self.fault: Exception | None = None

    def search(self, query: SearchQuery) -> SearchResult:
        self.asked.append(query)
        if self.fault is not None:
            raise self.fault
        return self.result


class Signs:
    """A timeline, as far as it knows of links."""

    def __init__(self) -> None:
        self.signs = LinkSigns()

    def link(self, domain: str) -> LinkSigns:
        return self.signs


class Tags:
    """The LF-tags of central."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[str, ...]] = {"domain": ("marketing", "sales"), "sensitivity": ("high", "low")}

    def all_values(self) -> dict[str, tuple[str, ...]]:
        return self.values


class Mesh:
    """What the API stands in front of."""

    def __init__(self) -> None:
        self.registry = FakeRegistry()
        self.bus = Bus()
        self.index = Index()
        self.timeline = Signs()
        self.lf_tags = Tags()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    load.cache_clear()
    yield
    load.cache_clear()


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> Mesh:
    """Return what the API stands in front of."""
    made = Mesh()
    for name, fake in {"Registry": made.registry, "EventBus": made.bus, "LfTags": made.lf_tags}.items():
        monkeypatch.setattr(_gateways, name, lambda *_args, fake=fake, **_more: fake)
    monkeypatch.setattr(_gateways, "Timeline", lambda *_args, **_more: made.timeline)
    monkeypatch.setattr(_gateways, "search_index", lambda: made.index)
    return made


@pytest.fixture
def answers() -> Iterator[Any]:
    """Return the client of the table of answers, as Terraform makes it."""
    with mock_aws():
        clients.dynamodb.cache_clear()
        _runtime._idempotency.cache_clear()
        client = boto3.client("dynamodb", region_name="eu-west-1")
        client.create_table(
            TableName=ENVIRONMENT["IDEMPOTENCY_TABLE"],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield client
    clients.dynamodb.cache_clear()
    _runtime._idempotency.cache_clear()
