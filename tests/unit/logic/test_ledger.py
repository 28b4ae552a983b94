"""Whatever is done to the ledger is found: the walk along its chain against every single change, and several."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datamesh.aws.ledger import follow
from datamesh.logic.ledger import Break, Known, Verdict, verify
from datamesh.models.ledger import FIRST, LedgerEntry, LedgerEvent, Stored
from datamesh.models.registry import LedgerHead

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def ledger_of(count: int) -> tuple[list[LedgerEntry], LedgerHead | None]:
    events = [
        LedgerEvent(
            kind="AccessGranted",
            at=NOW + timedelta(seconds=number),
            actor="datamesh:share_data_product",
            request_id=UUID(int=number),
            domain="sales",
            details={"tables": [f"t{number}"], "days": number},
        )
        for number in range(count)
    ]
    return follow(None, events) if events else ([], None)


def stored(entries: list[LedgerEntry]) -> list[Stored]:
    """Return entries as they lie in the table, under the numbers that they have."""
    return sorted((Stored(entry.sequence, entry) for entry in entries), key=lambda each: each.number or 0)


def at_places(entries: list[LedgerEntry]) -> list[Stored]:
    """Return entries as they lie in the table, one after the other whatever their numbers are."""
    return [Stored(number, entry) for number, entry in enumerate(entries, start=1)]


def check(ledger: list[Stored], head: LedgerHead | None) -> Verdict:
    return verify(ledger, Known(head, lambda: head))


@pytest.mark.parametrize("count", [0, 1, 2, 50])
def test_what_was_entered_is_sound(count: int) -> None:
    entries, head = ledger_of(count)
    assert check(stored(entries), head) == Verdict(count, head.digest if head is not None else FIRST)


def resealed(entry: LedgerEntry) -> LedgerEntry:
    return entry.model_copy(update={"digest": entry.computed_digest()})


OTHER: dict[str, Any] = {
    "kind": "AccessDenied",
    "at": NOW - timedelta(days=1),
    "actor": "person:somebody@example.com",
    "request_id": UUID(int=999),
    "domain": None,
    "details": {"tables": ["t"], "days": 400},
    "sequence": 999,
    "previous": "f" * 64,
    "digest": "f" * 64,
}


@pytest.mark.parametrize("field", OTHER)
@pytest.mark.parametrize("sealed_anew", [False, True])
@pytest.mark.parametrize("place", [0, 2, 4])
def test_a_field_that_was_changed_is_found(field: str, sealed_anew: bool, place: int) -> None:
    # GIVEN a ledger one entry of which says something else now, perhaps with a digest that fits it
    entries, head = ledger_of(5)
    changed = entries[place].model_copy(update={field: OTHER[field]})
    entries[place] = resealed(changed) if sealed_anew and field != "digest" else changed

    # WHEN it is verified
    verdict = check(at_places(entries), head)

    # THEN the first entry that does not fit is the one, or the next when its digest was made to fit
    assert verdict.broken is not None
    assert verdict.broken.sequence in {place + 1, place + 2}
    assert verdict.broken.tampering in {"altered", "reordered"}
    assert verdict.entries == verdict.broken.sequence - 1 or verdict.broken.sequence == 5


def test_an_entry_that_was_removed_is_missing() -> None:
    entries, head = ledger_of(5)
    del entries[2]
    assert check(stored(entries), head).broken == Break(3, "missing", "between 2 and 4 nothing is there")


def test_entries_that_changed_places_are_found() -> None:
    entries, head = ledger_of(5)
    entries[1], entries[3] = entries[3], entries[1]
    assert check(at_places(entries), head).broken == Break(2, "reordered", "the entry with number 4 stands here")


def test_an_entry_between_others_is_found() -> None:
    entries, head = ledger_of(5)
    forged = LedgerEntry.following(LedgerEvent(kind="AccessGranted", at=NOW, actor="x"), sequence=2, previous="a" * 64)
    broken = check(at_places([*entries[:2], forged, *entries[2:]]), head).broken
    assert broken is not None
    assert (broken.sequence, broken.tampering) == (3, "altered")
    strange = [*stored(entries)[:2], Stored(None, forged), *stored(entries)[2:]]
    assert check(strange, head).broken == Break(3, "inserted", "it stands where no entry has its place")


def test_an_entry_after_the_last_one_is_found() -> None:
    entries, head = ledger_of(5)
    event = LedgerEvent(kind="AccessGranted", at=NOW, actor="x")
    forged = LedgerEntry.following(event, sequence=5, previous=entries[-1].digest)
    assert check(stored([*entries, forged]), head).broken == Break(
        6, "inserted", "5 is the last entry that was entered"
    )


@pytest.mark.parametrize("left", [0, 1, 4])
def test_a_ledger_that_was_cut_off_is_found(left: int) -> None:
    entries, head = ledger_of(5)
    assert check(stored(entries[:left]), head).broken == Break(left + 1, "cut off", "there were 5 entries")


def test_an_entry_that_cannot_be_read_is_found() -> None:
    entries, head = ledger_of(3)
    unreadable = [stored(entries)[0], Stored(2, None, "ValidationError"), stored(entries)[2]]
    assert check(unreadable, head).broken == Break(2, "altered", "it cannot be read: ValidationError")


def test_what_is_appended_meanwhile_is_no_change() -> None:
    entries, after = ledger_of(5)
    _, before = ledger_of(3)
    assert verify(stored(entries), Known(before, lambda: after)).broken is None
    assert verify(stored(entries[:4]), Known(before, lambda: after)).broken is None
    assert verify(stored(entries[:2]), Known(before, lambda: after)).broken is not None
    assert verify([], Known(None, lambda: after)).broken is None


def test_a_ledger_that_was_replaced_with_its_head_is_found_by_what_was_noted() -> None:
    # GIVEN a digest that an auditor wrote down
    entries, _ = ledger_of(5)
    noted = {3: entries[2].digest}

    # WHEN the whole ledger is replaced by another one, head included
    others, head = follow(None, [LedgerEvent(kind="AccessDenied", at=NOW, actor="x") for _ in range(5)])
    assert check(stored(others), head).broken is None

    # THEN only the note shows it
    broken = verify(stored(others), Known(head, lambda: head, noted)).broken
    assert broken is not None
    assert (broken.sequence, broken.tampering) == (3, "altered")
    assert verify(stored(others[:2]), Known(noted=noted)).broken == Break(3, "cut off", "there were 3 entries")
    assert verify(stored(entries), Known(noted=noted)).broken is None


ENTRIES, HEAD = ledger_of(8)
PLACES = st.integers(0, len(ENTRIES) - 1)


@st.composite
def tampered(draw: st.DrawFn) -> list[Stored]:
    """Draw the ledger with a change, or several."""
    entries = list(ENTRIES)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(PLACES) % max(len(entries), 1)
        match draw(st.sampled_from(["edit", "drop", "swap", "insert", "cut", "again", "detail"])):
            case "edit" if entries:
                field = draw(st.sampled_from(sorted(OTHER)))
                edited = entries[place].model_copy(update={field: OTHER[field]})
                entries[place] = resealed(edited) if draw(st.booleans()) else edited
            case "detail" if entries:
                text = json.dumps(entries[place].details)
                at = draw(st.integers(0, len(text) - 1))
                details = {"text": text[:at] + draw(st.characters(codec="utf-8")) + text[at + 1 :]}
                entries[place] = entries[place].model_copy(update={"details": details})
            case "drop" if entries:
                del entries[place]
            case "swap" if entries:
                other = draw(PLACES) % len(entries)
                entries[place], entries[other] = entries[other], entries[place]
            case "insert":
                before = entries[place - 1].digest if place and entries else FIRST
                event = LedgerEvent(kind="AccessGranted", at=NOW, actor="person:somebody@example.com")
                entries.insert(place, LedgerEntry.following(event, sequence=place, previous=before))
            case "cut":
                entries = entries[:place]
            case _ if entries:
                entries.append(entries[place])
    return draw(st.sampled_from([stored, at_places]))(entries)


@settings(max_examples=500, deadline=None)
@given(tampered())
def test_no_change_goes_unnoticed(ledger: list[Stored]) -> None:
    untouched = [each.entry for each in ledger] == ENTRIES and [each.number for each in ledger] == list(range(1, 9))
    assert (check(ledger, HEAD).broken is None) is untouched
