"""A domain's account in which link_data_product runs on fakes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from datamesh.logic.link_data_product import LinkDataProduct
from datamesh.logic.link_plans import LinkConfig
from datamesh.logic.unlink_data_product import UnlinkDataProduct
from datamesh.models.events import Envelope
from tests.support.domain_fakes import CENTRAL, MARKETING, SALES, FakeCatalog, FakePermissions, FakeShares

NOW = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"


@dataclass
class Domain:
    """A domain's account."""

    account: str = SALES
    central: str = CENTRAL
    shares: FakeShares = field(default_factory=FakeShares)
    catalog: FakeCatalog = field(default_factory=FakeCatalog)
    permissions: FakePermissions = field(default_factory=FakePermissions)

    @property
    def config(self) -> LinkConfig:
        return LinkConfig(
            account_id=self.account,
            central_account_id=self.central,
            prefix="datamesh",
            own_role_arn=self.role("link"),
            data_principals=(self.role("engineer"),),
            crawler_role_arn=self.role("datamesh-domain-crawler"),
            schema_reader_role_arn=self.role("crawl"),
        )

    def role(self, name: str) -> str:
        return f"arn:aws:iam::{self.account}:role/{name}"

    @property
    def flow(self) -> LinkDataProduct:
        return LinkDataProduct(
            self.config,
            shares=self.shares,
            shared=self.catalog,
            catalog=self.catalog,
            permissions=self.permissions,
        )

    @property
    def unlinking(self) -> UnlinkDataProduct:
        return UnlinkDataProduct(self.config, shared=self.catalog, catalog=self.catalog, permissions=self.permissions)

    def unlink(self, event: dict[str, Any], now: datetime = NOW) -> dict[str, Any]:
        """Take an event through all steps of unlinking."""
        read = Envelope.read(event)
        revoked = self.unlinking.revoke(read, 0, now)
        while revoked["outcome"] == "revoking":
            revoked = self.unlinking.revoke(read, revoked["revoked"], now)
        return self.unlinking.remove_links(read, now)

    def run(self, event: dict[str, Any]) -> dict[str, Any]:
        """Take an event through all steps."""
        read = Envelope.read(event)
        accepted = self.flow.accept_share(read)
        if accepted["outcome"] != "link":
            return accepted
        self.flow.await_visibility(read)
        result = self.flow.create_links(read)
        while result.get("outcome") != "linked":
            result = self.flow.grant_principals(read, result, NOW)
        return result

    @property
    def state(self) -> Any:
        return (self.catalog.databases, self.catalog.tables, self.permissions.held)
