"""The event contract: samples, envelopes, metadata, and how an event is made."""

import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.models.base import iso
from datamesh.models.commands import RegisterDataDomain, RegisterDataProduct
from datamesh.models.errors import InvalidCommand, InvalidEvent
from datamesh.models.events import Command, Envelope, EventData, Metadata, derived_id, make_entry
from datamesh.models.facts import (
    EVENTS,
    EVENTS_BY_DETAIL_TYPE,
    DataDomainRegistered,
    DataProductIndexed,
    GrantDriftFound,
    WorkflowFailed,
)
from tests.support.events import EVENTS as SAMPLES
from tests.support.events import load_event, sample_name

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
CAUSE = Metadata(event_id=uuid.UUID(int=1), correlation_id=uuid.UUID(int=2), occurred_at=NOW)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type())
def test_every_event_has_a_sample_that_follows_its_model(event: type[EventData]) -> None:
    sample = load_event(event.detail_type())
    envelope = Envelope.read(sample)
    data = envelope.data(event)
    assert data.to_json() == sample["detail"]["data"]
    metadata = envelope.metadata()
    assert metadata.to_json() == {"target_account": None, "person": None, **sample["detail"]["metadata"]}
    # What central says to itself, and what fails or drifts, is for whoever looks after the mesh.
    own = issubclass(event, Command) or event in {WorkflowFailed, GrantDriftFound, DataProductIndexed}
    addressed = envelope.source == "datamesh.central" and not own
    assert (metadata.target_account is not None) == addressed


@pytest.mark.parametrize("name", sorted(path.stem for path in (SAMPLES / "by_tag").glob("*.json")))
def test_every_sample_of_what_is_shared_by_tag_follows_its_model(name: str) -> None:
    sample = json.loads((SAMPLES / "by_tag" / f"{name}.json").read_text(encoding="utf-8"))
    envelope = Envelope.read(sample)
    assert sample_name(envelope.detail_type) == name
    envelope.metadata()
    assert envelope.data(EVENTS_BY_DETAIL_TYPE[envelope.detail_type]).to_json() == sample["detail"]["data"]


def test_no_sample_is_left_over() -> None:
    assert {path.stem for path in SAMPLES.glob("*.json")} == {sample_name(name) for name in EVENTS_BY_DETAIL_TYPE}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.detail_type())
def test_what_is_said_can_be_read(event: type[EventData]) -> None:
    sample = load_event(event.detail_type())
    data = Envelope.read(sample).data(event)
    entry = make_entry(data, cause=CAUSE, now=NOW, target_account="222222222222")
    heard = Envelope.read({**sample, "source": entry.source, "detail": json.loads(json.dumps(entry.detail))})
    assert heard.data(event) == data
    assert heard.metadata().correlation_id == CAUSE.correlation_id
    assert heard.metadata().causation_id == CAUSE.event_id


def test_facts_may_grow_and_commands_may_not() -> None:
    fact = load_event("DataDomainRegistered")
    fact["detail"]["data"]["colour"] = "blue"
    fact["detail"]["metadata"]["colour"] = "blue"
    Envelope.read(fact).data(DataDomainRegistered)
    command = load_event("RegisterDataDomain")
    command["detail"]["data"]["colour"] = "blue"
    with pytest.raises(InvalidCommand) as problem:
        Envelope.read(command).command(RegisterDataDomain)
    assert problem.value.field == "colour"


def test_a_field_deep_inside_is_named_and_its_value_is_not_repeated() -> None:
    command = load_event("RegisterDataProduct")
    command["detail"]["data"]["product"]["tables"][1]["format"] = "secret-value"
    with pytest.raises(InvalidCommand) as problem:
        Envelope.read(command).command(RegisterDataProduct)
    assert problem.value.field == "product.tables.1.format"
    assert "secret-value" not in problem.value.message


def test_several_problems_are_counted() -> None:
    command = load_event("RegisterDataDomain")
    command["detail"]["data"] = {}
    with pytest.raises(InvalidCommand, match="and 1 more"):
        Envelope.read(command).command(RegisterDataDomain)


@pytest.mark.parametrize("change", [{"detail-type": "SomethingElse"}, {"source": "datamesh.somebody"}])
def test_another_type_or_source_is_another_event(change: dict[str, str]) -> None:
    envelope = Envelope.read({**load_event("RegisterDataDomain"), **change})
    with pytest.raises(InvalidEvent):
        envelope.command(RegisterDataDomain)
    with pytest.raises(InvalidEvent):
        envelope.data(RegisterDataDomain)


def test_what_is_no_envelope_is_refused() -> None:
    with pytest.raises(InvalidEvent):
        Envelope.read({"detail": {}})


def test_broken_metadata_is_substituted_the_same_way_every_time() -> None:
    broken = {**load_event("RegisterDataDomain"), "detail": {"metadata": {"event_id": "x"}}}
    envelope = Envelope.read(broken)
    with pytest.raises(InvalidEvent):
        envelope.metadata()
    assert envelope.metadata_or_substitute() == envelope.metadata_or_substitute()
    whole = Envelope.read(load_event("RegisterDataDomain"))
    assert whole.metadata_or_substitute() == whole.metadata()


@pytest.mark.parametrize("value", ["2026-03-02T12:00:00", "yesterday", 7.5])
def test_a_time_without_zone_is_no_time(value: object) -> None:
    command = load_event("RegisterDataDomain")
    command["detail"]["metadata"]["occurred_at"] = value
    if isinstance(value, float):
        command["detail"]["metadata"]["occurred_at"] = [value]
    with pytest.raises(InvalidCommand) as problem:
        Envelope.read(command).command(RegisterDataDomain)
    assert problem.value.field == "metadata.occurred_at"


MOMENTS = st.integers(min_value=-(10**15), max_value=10**15).map(lambda number: NOW + timedelta(microseconds=number))


@given(first=MOMENTS, second=MOMENTS)
def test_the_order_of_written_times_is_the_order_of_times(first: datetime, second: datetime) -> None:
    assert (iso(first) < iso(second)) == (first < second)


def test_times_are_written_in_utc() -> None:
    assert iso(datetime(2026, 3, 2, 13, tzinfo=timezone(timedelta(hours=1)))) == "2026-03-02T12:00:00.000000Z"


def test_an_event_said_again_is_the_same_event() -> None:
    fact = Envelope.read(load_event("DataDomainRegistered")).data(DataDomainRegistered)
    once = make_entry(fact, cause=CAUSE, now=NOW)
    again = make_entry(fact, cause=CAUSE, now=NOW + timedelta(hours=1))
    assert once.detail["metadata"]["event_id"] == again.detail["metadata"]["event_id"]
    other = make_entry(fact, cause=CAUSE, now=NOW, discriminator="second")
    assert once.detail["metadata"]["event_id"] != other.detail["metadata"]["event_id"]
    assert "target_account" not in once.detail["metadata"]
    assert derived_id(CAUSE.event_id, "a") != derived_id(CAUSE.event_id, "b")


def test_a_workflow_of_either_side_can_fail() -> None:
    failed = Envelope.read(load_event("WorkflowFailed")).data(WorkflowFailed)
    assert make_entry(failed, cause=CAUSE, now=NOW, source="datamesh.domain").source == "datamesh.domain"
