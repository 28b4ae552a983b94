"""Keys and stamps of the registry."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.models.registry import Record, Stamp, account_claim, bucket_claim, table_claim

NOW = datetime(2026, 3, 2, tzinfo=UTC)
STAMPS = st.builds(
    Stamp,
    occurred_at=st.sampled_from([NOW, NOW + timedelta(seconds=1)]),
    event_id=st.sampled_from([uuid.UUID(int=1), uuid.UUID(int=2)]),
)


@given(first=STAMPS, second=STAMPS)
def test_of_two_stamps_exactly_one_is_newer_unless_they_are_equal(first: Stamp, second: Stamp) -> None:
    assert (first.newer_than(second) + second.newer_than(first)) == (first != second)


@given(first=STAMPS, second=STAMPS, third=STAMPS)
def test_newer_is_an_order(first: Stamp, second: Stamp, third: Stamp) -> None:
    if first.newer_than(second) and second.newer_than(third):
        assert first.newer_than(third)


def test_everything_is_newer_than_nothing() -> None:
    assert Stamp(occurred_at=NOW, event_id=uuid.UUID(int=0)).newer_than(None)


def test_claims_on_different_things_never_meet() -> None:
    keys = [
        account_claim("222222222222", "sales").key,
        bucket_claim("222222222222", "sales").key,
        table_claim("sales", "t", "p").key,
    ]
    assert len(set(keys)) == 3


def test_a_record_without_key_is_none() -> None:
    with pytest.raises(NotImplementedError):
        _ = Record().key
