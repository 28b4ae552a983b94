"""The shares, associations and invitations of all accounts, and nothing but their state."""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

ASSOCIATED = "ASSOCIATED"
ASSOCIATING = "ASSOCIATING"
DISASSOCIATED = "DISASSOCIATED"
FAILED = "FAILED"
PENDING = "PENDING"
ACCEPTED = "ACCEPTED"
REJECTED = "REJECTED"
EXPIRED = "EXPIRED"
ACTIVE = "ACTIVE"
DELETED = "DELETED"

lock = threading.RLock()
"""Held by whoever reads several parts of the state or changes it."""


@dataclass
class Association:
    """A resource or a principal in a share."""

    entity: str
    status: str
    created: datetime
    updated: datetime
    external: bool = False
    message: str | None = None
    ready_at: datetime | None = None
    """When an ASSOCIATED entity takes effect."""


@dataclass
class Share:
    """A resource share of one owner."""

    arn: str
    name: str
    owner: str
    allow_external: bool
    created: datetime
    updated: datetime
    status: str = ACTIVE
    origin: str | None = None
    """What Lake Formation made the share for; None for a share made by hand."""
    tags: list[dict[str, str]] = field(default_factory=list)
    permissions: list[str] = field(default_factory=list)
    resources: dict[str, Association] = field(default_factory=dict)
    principals: dict[str, Association] = field(default_factory=dict)


@dataclass
class Invitation:
    """What an account outside the owner's organization must accept before anything is visible."""

    arn: str
    share_arn: str
    share_name: str
    principal: str
    sender: str
    receiver: str
    created: datetime
    arrives: datetime
    """From when on the receiver sees it."""
    expires: datetime
    answer: str = PENDING

    def status(self, now: datetime) -> str:
        """PENDING, ACCEPTED, REJECTED or EXPIRED at this time."""
        return EXPIRED if self.answer == PENDING and now >= self.expires else self.answer


class Store:
    """All shares and invitations, by ARN."""

    def __init__(self) -> None:
        self.shares: dict[str, Share] = {}
        self.invitations: dict[str, Invitation] = {}

    def reset(self) -> None:
        """Forget everything."""
        with lock:
            self.shares.clear()
            self.invitations.clear()

    def get_state(self) -> dict[str, Any]:
        """The whole state as JSON-compatible data."""
        with lock:
            return {
                "shares": [_plain(asdict(share)) for share in self.shares.values()],
                "invitations": [_plain(asdict(invitation)) for invitation in self.invitations.values()],
            }

    def set_state(self, state: dict[str, Any]) -> None:
        """Become what `get_state` once returned."""
        with lock:
            self.shares = {item["arn"]: _share(item) for item in state["shares"]}
            self.invitations = {item["arn"]: Invitation(**_dates(item)) for item in state["invitations"]}


store = Store()

_DATES = {"created", "updated", "ready_at", "arrives", "expires"}


def _plain(value: Any) -> Any:  # noqa: ANN401  JSON is anything
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value


def _dates(item: dict[str, Any]) -> dict[str, Any]:
    return {key: datetime.fromisoformat(value) if key in _DATES and value else value for key, value in item.items()}


def _share(item: dict[str, Any]) -> Share:
    fields = _dates(item)
    for name in ("resources", "principals"):
        fields[name] = {entity: Association(**_dates(value)) for entity, value in item[name].items()}
    return Share(**fields)
