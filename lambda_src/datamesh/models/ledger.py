"""The ledger: what was asked, voted, granted and taken back, each entry chained to the one before by its hash."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from datamesh.models.base import Model, UtcTime

FIRST = "0" * 64

LedgerKind = Literal[
    "PolicyInForce",
    "AccessRequested",
    "StageOpened",
    "StageEscalated",
    "StageExpired",
    "VoteCast",
    "VoteRefused",
    "AccessApproved",
    "AccessDenied",
    "AccessExpired",
    "AccessCancelled",
    "AccessGranted",
    "AccessProvisioned",
    "AccessExtended",
    "AccessNarrowed",
    "AccessWidened",
    "AccessEnding",
    "AccessRevoked",
    "AccessFailed",
    "CommandRefused",
    "SensitivityChanged",
    "DriftFound",
    "DriftHealed",
]


class LedgerEvent(Model):
    """What is to be entered."""

    kind: LedgerKind
    at: UtcTime
    actor: str = Field(description="Who: `account:<id>`, `person:<address>`, `policy:<rule>` or `datamesh:<flow>`.")
    request_id: uuid.UUID | None = None
    domain: str | None = Field(None, description="The domain that it is about.")
    details: dict[str, Any] = Field(default_factory=dict, description="Plain JSON; no secret, no token, no data.")


class LedgerEntry(LedgerEvent):
    """An entry. `digest` is the SHA-256 of all else in canonical JSON, `previous` that of the entry before."""

    sequence: int = Field(ge=1)
    previous: str
    digest: str

    @classmethod
    def following(cls, event: LedgerEvent, *, sequence: int = 0, previous: str = FIRST) -> "LedgerEntry":
        """Return the entry that comes after the one with this number and digest; without them the first one."""
        unsigned = cls(**event.model_dump(), sequence=sequence + 1, previous=previous, digest="")
        return unsigned.model_copy(update={"digest": unsigned.computed_digest()})

    def computed_digest(self) -> str:
        """Return the digest that the entry should have."""
        content = {name: value for name, value in self.to_json().items() if name != "digest"}
        return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True)
class Stored:
    """An entry as it lies in the table: under which number, and what can be read of it, or why it cannot."""

    number: int | None
    entry: LedgerEntry | None
    problem: str | None = None
