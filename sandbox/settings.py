"""What can be changed while the sandbox runs: the organization, how RAM shares, how slow AWS is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sandbox.api import Json


@dataclass(frozen=True)
class Organization:
    """An AWS organization: its id, its management account and all accounts in it (the management account too)."""

    id: str
    management_account: str
    accounts: tuple[str, ...]


DEFAULT_ORGANIZATION = Organization(
    id="o-datamesh01",
    management_account="111111111111",
    accounts=("111111111111", "222222222222", "333333333333", "444444444444"),
)


@dataclass(frozen=True)
class Settings:
    """All settings; replace one with `update`."""

    organization: Organization | None = DEFAULT_ORGANIZATION
    ram_sharing_with_organization: bool = True
    ram_visibility_delay: float = 0.3
    """Seconds until what was shared can be seen by the other account."""
    invitation_ttl: float = 12 * 3600.0
    """https://docs.aws.amazon.com/ram/latest/userguide/getting-started-shared.html: 12 hours."""
    sns_confirms_email: bool = True
    """Email subscriptions confirm themselves; else somebody follows the SubscribeURL of the mail."""
    api_throttling: bool = True
    """HTTP APIs throttle as their stages say; else they take whatever comes."""
    latency: dict[str, float] = field(default_factory=dict)
    """Seconds per call by `service` or `service:Operation`; `*` for all the rest."""


_current = Settings()


def get() -> Settings:
    """The settings now."""
    return _current


def update(**changes: Json) -> Settings:
    """Change some settings; raises `ValueError` for a name that is none."""
    global _current  # noqa: PLW0603  one process has one set of settings
    unknown = set(changes) - set(Settings.__dataclass_fields__)
    if unknown:
        raise ValueError(f"Unknown settings: {', '.join(sorted(unknown))}")
    organization = changes.get("organization")
    if isinstance(organization, dict):
        accounts = tuple(organization["accounts"])
        changes["organization"] = Organization(organization["id"], organization["management_account"], accounts)
    _current = replace(_current, **changes)
    return _current


def replace_all(settings: Settings) -> None:
    """Put remembered settings back."""
    global _current  # noqa: PLW0603
    _current = settings


def reset() -> None:
    """Back to the defaults."""
    global _current  # noqa: PLW0603
    _current = Settings()


def as_json() -> dict[str, Any]:
    """For the control endpoint."""
    return asdict(_current)


def organization_of(account: str | None) -> str | None:
    """The id of the organization this account belongs to."""
    organization = _current.organization
    return organization.id if organization and account in organization.accounts else None


def same_organization(one: str, other: str) -> bool:
    """Are both accounts in the organization?"""
    return organization_of(one) is not None and organization_of(one) == organization_of(other)
