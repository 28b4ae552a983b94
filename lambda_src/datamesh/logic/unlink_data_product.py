"""Takes back in a domain's account what was made usable there: grants that were passed on, and links that nobody needs.

Everything may be repeated, and whatever is gone already counts as taken back. What is not this mesh's is left alone.
"""

from datetime import datetime, timedelta
from typing import Any

from datamesh.logic.domain_ports import SharedTables, UnlinkCatalog, UnlinkPermissions
from datamesh.logic.link_data_product import MANAGED_BY
from datamesh.logic.link_plans import LinkConfig
from datamesh.logic.unlink_plans import UnlinkPlan, read_unlink_plan
from datamesh.models.catalog import DatabaseTarget
from datamesh.models.events import Envelope, make_entry
from datamesh.models.facts import DataProductUnlinked
from datamesh.models.permissions import DatabaseResource, Grant, TableResource

# 100 batches: a step ends well before its function is ended, even where Lake Formation takes seconds for each.
GRANTS_PER_STEP = 2_000
# Central waits so long (logic/revoke_access.py). Afterwards other requests may have been granted that need the links.
IN_TIME = timedelta(seconds=120)


class UnlinkDataProduct:
    """The steps of the flow."""

    def __init__(
        self, config: LinkConfig, *, shared: SharedTables, catalog: UnlinkCatalog, permissions: UnlinkPermissions
    ) -> None:
        self._config = config
        self._shared = shared
        self._catalog = catalog
        self._permissions = permissions

    def revoke(self, envelope: Envelope, done: int, now: datetime) -> dict[str, Any]:
        """Revoke what the account's principals were granted, on the targets first.

        Returns `revoking` and how far it came when there is more than one step revokes; it is then asked again.
        """
        plan = self._plan(envelope, now)
        grants = [*plan.grants, *plan.link_grants]
        self._permissions.revoke(grants[done : done + GRANTS_PER_STEP])
        if done + GRANTS_PER_STEP < len(grants):
            return {"outcome": "revoking", "revoked": done + GRANTS_PER_STEP}
        return {"outcome": "revoked"}

    def remove_links(self, envelope: Envelope, now: datetime) -> dict[str, Any]:
        """Remove the links that nobody needs, and the local database with the last of them; say what is unlinked."""
        plan = self._plan(envelope, now)
        tables = self._remove_table_links(plan)
        databases = [name for name in plan.database_links if self._remove_database_link(name)]
        if plan.remove_local and plan.local is not None and self._remove_local(plan.local):
            databases.append(plan.local)
        fact = DataProductUnlinked(
            domain=plan.domain,
            product=plan.product,
            expression=plan.expression,
            role=plan.role,
            request_id=plan.request_id,
            tables=plan.tables,
        )
        entry = make_entry(fact, cause=envelope.metadata(), now=now)
        return {"outcome": "unlinked", "links": tables, "databases": databases, "entries": [entry.to_json()]}

    def _plan(self, envelope: Envelope, now: datetime) -> UnlinkPlan:
        plan = read_unlink_plan(envelope, self._config)
        late = now > envelope.metadata().occurred_at + IN_TIME
        if plan.role == "consumer" and not late:
            return plan
        central = self._config.central_account_id
        seen = [self._shared.visible(central, database) for database in plan.databases]
        return plan.sparing(frozenset().union(*seen), late=late and plan.role == "consumer")

    def _remove_table_links(self, plan: UnlinkPlan) -> list[str]:
        if plan.local is None or not plan.links:
            return []
        wanted = set(plan.links)
        found = [
            table.name
            for table in self._catalog.list_tables(plan.local)
            if table.name in wanted
            and table.target is not None
            and table.target.catalog_id == self._config.central_account_id
            and table.target.database in plan.databases
            and table.target.name == table.name
        ]
        # An administrator may not drop what others made without this; it goes with the link. Source:
        # https://docs.aws.amazon.com/lake-formation/latest/dg/resource-links-about.html
        self._permissions.grant(
            Grant(
                principal=self._config.own_role_arn,
                resource=TableResource(catalog_id=self._config.account_id, database=plan.local, name=name),
                permissions=("DROP",),
            )
            for name in found
        )
        for name in found:
            self._catalog.delete_table(plan.local, name)
        return found

    def _remove_database_link(self, name: str) -> bool:
        found = self._catalog.get_database(name)
        if found is None or found.target != DatabaseTarget(catalog_id=self._config.central_account_id, name=name):
            return False
        self._delete_database(name)
        return True

    def _remove_local(self, name: str) -> bool:
        found = self._catalog.get_database(name)
        ours = found is not None and found.target is None and found.parameters.get(MANAGED_BY) == self._config.manager
        if not ours or self._catalog.list_tables(name):
            return False
        self._delete_database(name)
        return True

    def _delete_database(self, name: str) -> None:
        resource = DatabaseResource(catalog_id=self._config.account_id, name=name)
        self._permissions.grant([Grant(principal=self._config.own_role_arn, resource=resource, permissions=("DROP",))])
        self._catalog.delete_database(name)
