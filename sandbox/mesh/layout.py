"""Who and where everything is in the sandbox's mesh: what `make up` promises to other tools (design.md §8)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

PREFIX = "datamesh"
REGION = "eu-west-1"
PORT = 4566
ORGANIZATION = "o-datamesh01"


@dataclass(frozen=True)
class Account:
    """One AWS account of the sandbox. ``domain`` is empty for the central account."""

    name: str
    id: str
    domain: str = ""

    @property
    def bus(self) -> str:
        """The name of the account's mesh bus."""
        return f"{PREFIX}-domain" if self.domain else f"{PREFIX}-central"

    @property
    def bus_arn(self) -> str:
        """The ARN of the account's mesh bus."""
        return f"arn:aws:events:{REGION}:{self.id}:event-bus/{self.bus}"

    def role_arn(self, name: str) -> str:
        """The ARN of the IAM role ``name`` in this account."""
        return f"arn:aws:iam::{self.id}:role/{name}"


CENTRAL = Account("central", "111111111111")
SALES = Account("sales", "222222222222", domain="sales")
MARKETING = Account("marketing", "333333333333", domain="marketing")
FINANCE = Account("finance", "444444444444", domain="finance")

# What `make up` applies. Finance has its tfvars too: the tests add it as the third domain.
ACCOUNTS = (CENTRAL, SALES, MARKETING)
DOMAINS = (SALES, MARKETING)
