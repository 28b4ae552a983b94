"""The search index is what the registry says, whatever becomes of the events on their way."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datamesh.logic.index_search import OF_DOMAINS, OF_PRODUCTS, SearchIndexing
from datamesh.logic.search.documents import state_of
from datamesh.models.catalog import CatalogColumn
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import Envelope
from datamesh.models.registry import Change
from datamesh.models.search import SearchChange, SearchDocument
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import (
    CENTRAL,
    SALES,
    event,
    product_spec,
    register_domain,
    register_product,
    secret_arn,
    table_spec,
)
from tests.support.central_fakes import FakeRegistry
from tests.support.search_objects import FakeIndex

HEARD = OF_PRODUCTS.keys() | OF_DOMAINS.keys()
PRODUCT = ("sales", "air_travel")
FEW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def copied(registry: FakeRegistry) -> FakeRegistry:
    """Return the registry as it is right now: records never change, they are replaced."""
    twin = FakeRegistry()
    twin.items = dict(registry.items)
    return twin


@dataclass
class History:
    """A mesh with a past: the registry after each write, and each event with the number of writes before it."""

    central: FakeCentral
    states: list[FakeRegistry] = field(default_factory=list)
    events: list[tuple[int, Envelope]] = field(default_factory=list)
    _said: int = 0
    _minute: int = 1

    def __post_init__(self) -> None:
        registry = self.central.registry
        write = registry.write

        def remembering(changes: Sequence[Change]) -> None:
            self._hear()
            write(changes)
            self.states.append(copied(registry))

        registry.write = remembering  # type: ignore[method-assign]
        self.states.append(copied(registry))

    def _hear(self) -> None:
        new = self.central.published[self._said :]
        self._said = len(self.central.published)
        for entry in new:
            if entry["DetailType"] in HEARD:
                self.events.append((len(self.states) - 1, heard(entry)))

    def live(self, deed: str) -> None:
        """Let something happen, a while after what was before."""
        self._minute += 1
        self.central.now += timedelta(milliseconds=1)
        command = self._command(deed)
        if command is not None:
            self.central.deliver(command)
        self._hear()

    def _command(self, deed: str) -> dict[str, Any] | None:
        said: dict[str, Any] = {"minute": self._minute, "event_id": uuid.UUID(int=self._minute)}
        match deed:
            case "register":
                return register_product(product_spec(table_spec("flights")), **said)
            case "add":
                tables = (table_spec("flights", description="again"), table_spec("airports", format="csv"))
                return register_product(product_spec(*tables, classification="public", description="More"), **said)
            case "tag":
                tags = {"access_mode": "both", "tags": {"layer": "gold"}}
                return register_product(product_spec(table_spec("planes"), **tags), **said)
            case "break":
                self.central.fail_once("record", RuntimeError("broken"))
                return register_product(product_spec(table_spec("flights"), pii=True), **said)
            case "crawl":
                self._find_a_column()
                crawled = [{"name": "flights", "columns": 1, "digest": "d", "changed": True}]
                data = {"domain": "sales", "product": "air_travel", "tables": crawled}
                return event("DataProductSchemaUpdated", data, **said)
            case "leave":
                return event("DeregisterDataProduct", {"domain": "sales", "name": "air_travel"}, **said)
            case "owners":
                secrets = self.central.domains.secrets
                config = secrets[secret_arn(SALES)]
                email = f"owner{self._minute}@sales.example"
                owner = config.product_owners[0].model_copy(update={"email": email})
                secrets[secret_arn(SALES)] = config.model_copy(update={"product_owners": (owner,)})
                return register_domain("sales", **said)
            case "domain leaves":
                return event("DeregisterDataDomain", {"domain": "sales"}, **said)
        raise AssertionError(deed)

    def _find_a_column(self) -> None:
        key = ("datamesh_sales_nrac", "flights")
        if (table := self.central.catalog.tables.get(key)) is not None:
            found = CatalogColumn(name=f"column_{self._minute}")
            self.central.catalog.tables[key] = table.model_copy(update={"columns": (*table.columns, found)})

    def at(self, place: int) -> SearchChange:
        """Return what the index should hold after so many writes."""
        state = self.states[place]
        return state_of(state.domain("sales"), state.product(*PRODUCT), state.tables(*PRODUCT), named=PRODUCT)


def heard(entry: dict[str, Any]) -> Envelope:
    """Return an event as EventBridge delivers it to central's own listeners."""
    envelope = event(entry["DetailType"], entry["Detail"]["data"], account=CENTRAL, source=entry["Source"])
    return Envelope.read(envelope | {"detail": entry["Detail"]})


@cache
def _mesh() -> FakeCentral:
    return central_with("sales")


def lived(deeds: Sequence[str]) -> History:
    """Return what becomes of a mesh in which this happens."""
    central = copy.deepcopy(_mesh())
    central.lf_tags.known["layer"] = {"gold", "silver"}
    history = History(central)
    for deed in deeds:
        history.live(deed)
    return history


def rebuilt(registry: FakeRegistry) -> dict[str, SearchDocument]:
    """Return what an index made anew shows."""
    index = FakeIndex()
    SearchIndexing(registry, index).rebuild()
    return index.shown


DEEDS = st.lists(
    st.sampled_from(["register", "add", "tag", "break", "crawl", "leave", "owners", "domain leaves"]),
    min_size=1,
    max_size=9,
)
# Registered, gone with its domain, and back: what most easily brings back what was.
FULL_CIRCLE = ["register", "crawl", "add", "leave", "domain leaves", "owners", "register", "crawl"]


def test_the_history_is_one() -> None:
    history = lived([*FULL_CIRCLE, "tag", "break", "leave"])
    said = [envelope.detail_type for _, envelope in history.events]
    assert set(said) == HEARD, "every event that the index hears is among them"
    kinds = [isinstance(history.at(place), SearchDocument) for place in range(len(history.states))]
    changes = sum(before != after for before, after in pairwise(kinds))
    assert changes == 4, "shown, gone, shown again, gone again"


@given(DEEDS)
@FEW
def test_the_sequence_grows_with_every_change(deeds: list[str]) -> None:
    history = lived(deeds)
    changes = [history.at(place) for place in range(len(history.states))]
    for earlier, later in combinations(changes, 2):
        assert earlier.sequence < later.sequence or _means(earlier) == _means(later)


def _means(change: SearchChange) -> SearchChange:
    return change.model_copy(update={"sequence": 0})


def test_the_sequence_grows_from_life_to_life() -> None:
    history = lived(FULL_CIRCLE)
    changes = [history.at(place) for place in range(len(history.states))]
    shown = [place for place, change in enumerate(changes) if isinstance(change, SearchDocument)]
    again = next(place for place, after in pairwise(shown) if after > place + 1)
    lives = [change.sequence for change in changes[: again + 1]], [change.sequence for change in changes[again + 1 :]]
    assert max(lives[0]) < min(lives[1])
    domain, product = history.states[-1].domain("sales"), history.states[-1].product(*PRODUCT)
    assert domain is not None
    assert product is not None
    assert product.version < 10, "counted from the start again"


@given(DEEDS, st.data())
@FEW
def test_in_whatever_order_events_come_the_index_ends_as_the_registry_is(deeds: list[str], data: st.DataObject) -> None:
    history = lived(deeds)
    # Each event is handled once or more, whenever, but never before it was said; the registry goes on meanwhile.
    last = len(history.states) - 1
    handled = [
        (data.draw(st.integers(said, last)), data.draw(st.integers(0, 9)), number, envelope)
        for number, (said, envelope) in enumerate(history.events)
        for _ in range(data.draw(st.integers(1, 2)))
    ]
    index = FakeIndex()
    for when, _, _, envelope in sorted(handled, key=lambda each: each[:3]):
        SearchIndexing(history.states[when], index).take([envelope])
    assert index.shown == rebuilt(history.states[-1])


@given(DEEDS, st.data())
@FEW
def test_a_late_writer_brings_nothing_back(deeds: list[str], data: st.DataObject) -> None:
    # Read then, written whenever: what two writers at once, or one that was paused, could do.
    history = lived(deeds)
    changes = [history.at(place) for place in range(len(history.states))]
    index = FakeIndex()
    for change in data.draw(st.permutations(changes)):
        index.apply([change])
    expected = _means(changes[-1])
    assert index.shown == ({expected.id: expected} if isinstance(expected, SearchDocument) else {})


# --- One event ---


@pytest.fixture
def history() -> History:
    return lived(["register", "crawl"])


def about(history: History, detail_type: str, **data: Any) -> Envelope:
    """Return the last event of a type, something of it changed."""
    found = [envelope for _, envelope in history.events if envelope.detail_type == detail_type][-1]
    detail = {**found.detail, "data": {**found.detail["data"], **data}}
    return found.model_copy(update={"detail": detail})


def test_an_event_of_a_product_brings_it_in(history: History) -> None:
    index = FakeIndex()
    result = SearchIndexing(history.central.registry, index).take([about(history, "DataProductRegistered")])
    assert result == {"outcome": "indexed", "shown": 1, "hidden": 0}
    assert [column.name for column in index.shown["sales.air_travel"].columns] == ["column_3"]


def test_an_event_of_a_product_that_is_not_there_removes_it(history: History) -> None:
    index = FakeIndex()
    registry = history.central.registry
    result = SearchIndexing(registry, index).take([about(history, "DataProductRegistered", product="nothing")])
    assert result == {"outcome": "indexed", "shown": 0, "hidden": 1}
    assert list(index.known) == ["sales.nothing"]


def test_a_batch_looks_at_each_product_once_and_changes_the_index_once(history: History) -> None:
    index = FakeIndex()
    one = about(history, "DataProductRegistered")
    SearchIndexing(history.central.registry, index).take([one, about(history, "DataProductIndexed"), one])
    assert index.batches == [1]


def test_an_event_of_a_domain_brings_all_its_products() -> None:
    history = lived(["register", "owners"])
    index = FakeIndex()
    SearchIndexing(history.central.registry, index).take([about(history, "DataDomainRegistered")])
    assert index.shown["sales.air_travel"].owners == ("owner3@sales.example",)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"detail_type": "DataProductLinked"}, "says nothing for the search index"),
        ({"source": "datamesh.domain"}, "does not come from datamesh.domain"),
        ({"detail": {"data": {"domain": "sales"}}}, "Invalid DataProductIndexed: product"),
    ],
)
def test_what_is_no_event_for_it_is_refused(history: History, changed: dict[str, Any], message: str) -> None:
    index = FakeIndex()
    envelope = about(history, "DataProductIndexed").model_copy(update=changed)
    with pytest.raises(InvalidEvent, match=message):
        SearchIndexing(history.central.registry, index).take([envelope])
    assert index.batches == []


def test_a_rebuild_takes_the_whole_registry(history: History) -> None:
    central = history.central
    central.deliver(register_domain("marketing"))
    index = FakeIndex()
    index.known["hr.old"] = SearchDocument.model_validate(
        {**dict(next(iter(rebuilt(central.registry).values()))), "domain": "hr", "name": "old"}
    )
    assert SearchIndexing(central.registry, index).rebuild() == {"outcome": "rebuilt", "shown": 1}
    assert list(index.shown) == ["sales.air_travel"]
