"""Whether the ledger is what was entered into it: the walk along its chain, to the first entry that is not as it was.

Every entry has a number, the digest of the entry before and its own; the registry knows number and digest of the last
one, which changes in the transaction that enters it. So whoever changes, removes, inserts or moves an entry leaves a
place that does not fit, and so does who cuts entries off the end.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from datamesh.models.ledger import FIRST, Stored
from datamesh.models.registry import LedgerHead

Tampering = Literal["altered", "missing", "inserted", "reordered", "cut off"]


@dataclass(frozen=True)
class Break:
    """The first place where the ledger is not what was entered."""

    sequence: int
    tampering: Tampering
    problem: str


@dataclass(frozen=True)
class Verdict:
    """How many entries from the first one on are sound, the digest of the last of them, and what breaks after it."""

    entries: int
    digest: str
    broken: Break | None = None


@dataclass(frozen=True)
class Known:
    """What is known of the ledger besides its entries.

    `before` is the head in the registry before the entries are read, `after` reads it when they have been: meanwhile
    others may append. Without `after` the entries are a copy, and only what was noted bounds them. `noted` are digests
    by number that somebody wrote down elsewhere; only they find a ledger that was replaced together with its head.
    """

    before: LedgerHead | None = None
    after: Callable[[], LedgerHead | None] | None = None
    noted: Mapping[int, str] = field(default_factory=dict)

    @property
    def digests(self) -> dict[int, str]:
        """Return the digests that entries must have, by number."""
        head = {self.before.sequence: self.before.digest} if self.before is not None else {}
        return head | dict(self.noted)

    @property
    def least(self) -> int:
        """How many entries there must be."""
        return max(self.digests, default=0)


def verify(ledger: Iterable[Stored], known: Known) -> Verdict:
    """Walk along the ledger in the order of its keys, and tell where it breaks first."""
    walked, digest = 0, FIRST
    digests = known.digests
    for stored in ledger:
        broken = _breaks(stored, walked, digest)
        if broken is not None:
            return Verdict(walked, digest, broken)
        assert stored.entry is not None  # noqa: S101 - for mypy: _breaks has seen to it
        if digests.get(walked + 1, stored.entry.digest) != stored.entry.digest:
            problem = "it is not the entry whose digest was noted: it was replaced, or one before it"
            return Verdict(walked, digest, Break(walked + 1, "altered", problem))
        walked, digest = walked + 1, stored.entry.digest
    return Verdict(walked, digest, _end(walked, digest, known))


def _breaks(stored: Stored, walked: int, digest: str) -> Break | None:
    """Return what is wrong with the entry that comes after so many others, the last of which has this digest."""
    place, entry = walked + 1, stored.entry
    if stored.number is not None and stored.number > place:
        return Break(place, "missing", f"between {walked} and {stored.number} nothing is there")
    if stored.number != place:
        return Break(place, "inserted", "it stands where no entry has its place")
    if entry is None:
        return Break(place, "altered", f"it cannot be read: {stored.problem}")
    if entry.sequence != place:
        if entry.digest == entry.computed_digest():
            return Break(place, "reordered", f"the entry with number {entry.sequence} stands here")
        return Break(place, "altered", f"its number is {entry.sequence}")
    if entry.digest != entry.computed_digest():
        return Break(place, "altered", "its digest is not that of its content")
    if entry.previous != digest:
        return Break(place, "altered", f"it does not follow what entry {walked} is now: one of the two was replaced")
    return None


def _end(walked: int, digest: str, known: Known) -> Break | None:
    if walked < known.least:
        return Break(walked + 1, "cut off", f"there were {known.least} entries")
    if known.after is None:
        return None
    head = known.after()
    last = head.sequence if head is not None else 0
    if walked > last:
        return Break(last + 1, "inserted", f"{last} is the last entry that was entered")
    if head is not None and walked == last and digest != head.digest:
        return Break(last, "altered", "it is not the last entry that was entered")
    return None
