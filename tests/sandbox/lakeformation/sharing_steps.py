"""What the tests across accounts do again and again: central's table orders, marketing's analyst."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.api import AwsError, Caller
from sandbox.lakeformation import engine
from tests.sandbox.lakeformation.fake_world import CENTRAL, MARKETING, Lake, role, table

ORDERS = engine.TableRef(CENTRAL, "shop", "orders")
COLUMNS = ("id", "name", "secret", "day")
ANALYST = role(MARKETING, "analyst")
ANALYST_ARN = ANALYST.principal_arn
READ = ("SELECT", "DESCRIBE")


def refused(code: str, words: str) -> Any:
    """`pytest.raises` of an AWS error."""
    return pytest.raises(AwsError, match=f"^{code}: .*{words}")


def share(lake: Lake, admin: Caller, *permissions: str, options: tuple[str, ...] | None = None) -> None:
    """Central shares orders with marketing."""
    lake.grant(admin, MARKETING, table(), *permissions, options=permissions if options is None else options)


def shares(lake: Lake, owner: Caller) -> list[dict[str, Any]]:
    """The owner's active shares."""
    found = lake.ram(owner, "GetResourceShares", resourceOwner="SELF")["resourceShares"]
    return [item for item in found if item["status"] == "ACTIVE"]


def entities(lake: Lake, owner: Caller, kind: str = "RESOURCE") -> list[tuple[str, str]]:
    """What is in the owner's shares, with its status."""
    found = lake.ram(owner, "GetResourceShareAssociations", associationType=kind)["resourceShareAssociations"]
    return [(item["associatedEntity"].split(":", 5)[-1], item["status"]) for item in found]


def reads(caller: Caller) -> list[str]:
    """The columns of orders that the caller reads."""
    return engine.readable_columns(caller, ORDERS, COLUMNS)
