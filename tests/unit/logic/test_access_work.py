"""One execution at a time changes what a consumer is granted."""

from datetime import timedelta

import pytest

from datamesh.logic import access_work
from datamesh.logic.admission import LEASE
from datamesh.models.errors import RecordBusy
from tests.support.central_commands import NOW
from tests.support.central_fakes import FakeRegistry


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_one_execution_has_it_and_keeps_it(registry: FakeRegistry) -> None:
    access_work.take(registry, "marketing", "one", NOW)
    later = NOW + timedelta(minutes=5)
    access_work.take(registry, "marketing", "one", later)
    work = registry.access_work("marketing")
    assert work is not None
    assert (work.holder, work.lease_expires_at) == ("one", later + LEASE)


def test_another_one_waits_and_another_consumer_does_not(registry: FakeRegistry) -> None:
    access_work.take(registry, "marketing", "one", NOW)
    with pytest.raises(RecordBusy, match="by one"):
        access_work.take(registry, "marketing", "two", NOW)
    access_work.take(registry, "finance", "two", NOW)


def test_after_the_lease_another_one_takes_over_and_the_late_one_leaves_it_alone(registry: FakeRegistry) -> None:
    access_work.take(registry, "marketing", "one", NOW)
    access_work.take(registry, "marketing", "two", NOW + LEASE)
    access_work.release(registry, "marketing", "one")
    work = registry.access_work("marketing")
    assert work is not None
    assert work.holder == "two"


def test_released_it_is_free_and_releasing_again_does_nothing(registry: FakeRegistry) -> None:
    access_work.take(registry, "marketing", "one", NOW)
    access_work.release(registry, "marketing", "one")
    access_work.release(registry, "marketing", "one")
    access_work.take(registry, "marketing", "two", NOW)


def test_of_two_that_start_at_once_one_waits(registry: FakeRegistry) -> None:
    def faster(_changes: object) -> None:
        registry.before_write = None
        access_work.take(registry, "marketing", "two", NOW)

    registry.before_write = faster
    with pytest.raises(RecordBusy):
        access_work.take(registry, "marketing", "one", NOW)
