"""One step at a time changes LF-tags or grants by them."""

from datetime import timedelta

import pytest

from datamesh.logic.tag_work import LEASE, tag_work
from datamesh.models.errors import RecordBusy
from datamesh.models.registry import Save, TagWork
from tests.support.central_commands import NOW
from tests.support.central_fakes import FakeRegistry


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_the_work_is_free_again_when_the_block_ends(registry: FakeRegistry) -> None:
    with tag_work(registry, "one/tables", NOW):
        work = registry.tag_work()
        assert work is not None
        assert (work.holder, work.lease_expires_at) == ("one/tables", NOW + LEASE)
    assert registry.tag_work() is None


def test_the_work_is_free_again_when_the_block_fails(registry: FakeRegistry) -> None:
    with pytest.raises(ValueError, match="broken"), tag_work(registry, "one/tables", NOW):
        raise ValueError("broken")
    assert registry.tag_work() is None


def test_somebody_else_waits(registry: FakeRegistry) -> None:
    with tag_work(registry, "one/tables", NOW):
        with pytest.raises(RecordBusy, match="one/tables"), tag_work(registry, "two/grant", NOW):
            pytest.fail("two work at once")
        work = registry.tag_work()
        assert work is not None
        assert work.holder == "one/tables"


def test_a_repeated_step_takes_over_from_its_own_earlier_attempt(registry: FakeRegistry) -> None:
    registry.write([Save(TagWork(holder="one/tables", lease_expires_at=NOW + LEASE))])
    with tag_work(registry, "one/tables", NOW):
        pass
    assert registry.tag_work() is None


def test_after_the_lease_anybody_takes_over_and_the_late_one_leaves_it_alone(registry: FakeRegistry) -> None:
    with tag_work(registry, "one/tables", NOW):
        later = tag_work(registry, "two/grant", NOW + LEASE + timedelta(seconds=1))
        later.__enter__()
    work = registry.tag_work()
    assert work is not None
    assert work.holder == "two/grant"
    later.__exit__(None, None, None)
    assert registry.tag_work() is None


def test_of_two_that_start_at_once_one_waits(registry: FakeRegistry) -> None:
    def faster(_changes: object) -> None:
        registry.before_write = None
        registry.write([Save(TagWork(holder="two/grant", lease_expires_at=NOW + LEASE))])

    registry.before_write = faster
    with pytest.raises(RecordBusy), tag_work(registry, "one/tables", NOW):
        pytest.fail("two work at once")
