"""Makes what central shared with a domain's account usable there.

What was shared by name appears as resource links to tables in a local database, what was shared by LF-tag as links to
central's databases. The domain's principals are granted the links and their targets. Everything can be repeated: what
is there already is compared and left alone, what is something else is never overwritten.
"""

from datetime import datetime
from typing import Any

from datamesh.logic.domain_ports import LinkCatalog, LinkPermissions, SharedTables, Shares
from datamesh.logic.link_grants import check_tag_policies, grants_of
from datamesh.logic.link_plans import LinkConfig, LinkPlan, SharedDatabase, read_plan
from datamesh.models.catalog import DATA_OWNER_NAME, CatalogDatabase, DatabaseTarget, LinkTarget
from datamesh.models.crawls import LinkResult
from datamesh.models.errors import ConflictError, InvalidEvent, ShareNotYetVisible, UntrustedShare
from datamesh.models.events import DomainFact, Envelope, Metadata, make_entry
from datamesh.models.facts import (
    MAX_CAUSE,
    DataProductAccessProvisioned,
    DataProductLinked,
    DataProductLinkFailed,
    LinkedTable,
)
from datamesh.models.permissions import DatabaseResource, Grant

MANAGED_BY = "managed_by"
MAX_NAMED = 5
MAX_ERROR = 256
# 100 batches: a step ends well before its function is ended, even where Lake Formation takes seconds for each.
GRANTS_PER_STEP = 2000


class LinkDataProduct:
    """The steps of the flow."""

    def __init__(
        self,
        config: LinkConfig,
        *,
        shares: Shares,
        shared: SharedTables,
        catalog: LinkCatalog,
        permissions: LinkPermissions,
    ) -> None:
        self._config = config
        self._shares = shares
        self._shared = shared
        self._catalog = catalog
        self._permissions = permissions

    def accept_share(self, envelope: Envelope) -> dict[str, Any]:
        """Accept the shares that the event names, as far as they have arrived.

        Raises InvitationExpired or UntrustedShare. A share that has not arrived is left to `await_visibility`, which
        looks for it again.
        """
        plan = read_plan(envelope, self._config)
        if plan is None:
            return {"outcome": "nothing_to_link"}
        return {"outcome": "link", "shares": self._accept(plan)}

    def await_visibility(self, envelope: Envelope) -> dict[str, Any]:
        """Return when every table of the event can be seen in central's catalog.

        Raises ShareNotYetVisible otherwise. An invitation that arrived late is accepted on the way: outside of an
        organization it may come after the event. What central granted to the principals alone nobody else sees: that is
        not waited for.
        """
        plan = self._plan(envelope)
        if plan.direct:
            self._accept(plan)
            return {"outcome": "visible", "tables": len(plan.linked_tables)}
        hidden = [f"{database.name}.{name}" for database in plan.databases for name in self._hidden(database)]
        total = sum(len(database.tables) for database in plan.databases)
        if not hidden:
            return {"outcome": "visible", "tables": total}
        states = self._accept(plan)
        named = ", ".join(hidden[:MAX_NAMED])
        raise ShareNotYetVisible(
            f"{len(hidden)} of {total} tables cannot be seen yet ({named}); resource shares: {states or 'none named'}"
        )

    def create_links(self, envelope: Envelope) -> dict[str, Any]:
        """Create the local database with one resource link per table, or with `tbac` one link per database.

        Raises ConflictError naming everything that is in the way, before anything is created beside it.
        """
        plan = self._plan(envelope)
        if plan.mode == "tbac":
            return self._link_databases(plan)
        (database,) = plan.databases
        return self._link_tables(plan, database)

    def grant_principals(self, envelope: Envelope, links: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Grant the domain's principals what they need on links and targets, and say what was linked.

        Returns `granting` and how far it came when there are more grants than one step makes; it is then asked again.
        Raises GrantFailed naming every entry that Lake Formation refused, and TooManyTagPolicies before anything is
        granted.
        """
        plan = self._plan(envelope)
        grants = grants_of(plan, self._config)
        done = int(links.get("granted", 0))
        if not done:
            check_tag_policies(grants, self._permissions)
            if plan.direct:
                # The last look for an invitation that came late.
                self._accept(plan)
        self._permissions.grant(grants[done : done + GRANTS_PER_STEP])
        if done + GRANTS_PER_STEP < len(grants):
            return {**links, "outcome": "granting", "granted": done + GRANTS_PER_STEP}
        cause = envelope.metadata()
        entries = [make_entry(fact, cause=cause, now=now) for fact in _facts(plan, links)]
        said = Metadata.model_validate(entries[0].detail["metadata"])
        return {
            "outcome": "linked",
            "entries": [entry.to_json() for entry in entries],
            "result": self._result(plan, said),
        }

    def fail(self, envelope: Envelope, error: dict[str, Any], now: datetime) -> dict[str, Any]:
        """Say that what a request was granted cannot be made usable here, so that central takes the grant back.

        Of anything else there is nothing to say, and of an event that is not believed least of all.
        """
        try:
            plan = read_plan(envelope, self._config)
        except (InvalidEvent, UntrustedShare):
            plan = None
        if plan is None or plan.request_id is None:
            return {"outcome": "failed", "entries": []}
        fact = DataProductLinkFailed(
            domain=plan.domain,
            request_id=plan.request_id,
            error=str(error.get("Error", "Unknown"))[:MAX_ERROR],
            cause=str(error.get("Cause", ""))[:MAX_CAUSE],
        )
        entry = make_entry(fact, cause=envelope.metadata(), now=now)
        return {"outcome": "failed", "entries": [entry.to_json()]}

    # --- parts ------------------------------------------------------------------------------------------------------

    def _plan(self, envelope: Envelope) -> LinkPlan:
        plan = read_plan(envelope, self._config)
        if plan is None:
            raise InvalidEvent(f"{envelope.detail_type} asks for nothing")
        return plan

    def _accept(self, plan: LinkPlan) -> dict[str, str]:
        if self._config.beside_central:
            return {}
        return {share: self._shares.accept(share) for share in plan.shares}

    def _hidden(self, database: SharedDatabase) -> list[str]:
        if not database.tables:
            return []
        return sorted(set(database.tables) - self._shared.visible(self._config.central_account_id, database.name))

    def _link_databases(self, plan: LinkPlan) -> dict[str, Any]:
        # Central's database itself is in this catalog already where both are one account.
        targets = {
            database.local: DatabaseTarget(catalog_id=self._config.central_account_id, name=database.name)
            for database in plan.databases
            if not self._config.beside_central
        }
        found = {name: self._catalog.get_database(name) for name in targets}
        in_the_way = sorted(
            name for name, database in found.items() if database is not None and database.target != targets[name]
        )
        if in_the_way:
            raise ConflictError(
                f"There is something else by the name of {', '.join(in_the_way)}, which is not a link to central's "
                "database"
            )
        outcomes = {
            name: "unchanged" if found[name] is not None else self._catalog.ensure_database_link(name, target)
            for name, target in targets.items()
        }
        outcome = "created" if "created" in outcomes.values() else "unchanged"
        return {"tables": [{"name": name, "outcome": outcome} for name in plan.linked_tables]}

    def _link_tables(self, plan: LinkPlan, database: SharedDatabase) -> dict[str, Any]:
        owner = plan.product.domain if plan.product is not None else plan.domain
        wanted = CatalogDatabase(
            name=database.local,
            description=f"Links to the data products of the domain {owner}.",
            parameters={DATA_OWNER_NAME: owner, MANAGED_BY: self._config.manager},
        )
        self._catalog.ensure_database(wanted)
        # Whoever made the database may do this already; but that may have been an earlier role of the same name.
        self._permissions.grant([self._may_create_links(database)])
        present = {table.name: table.target for table in self._catalog.list_tables(database.local)}
        targets = {
            name: LinkTarget(catalog_id=self._config.central_account_id, database=database.name, name=name)
            for name in database.tables
        }
        in_the_way = sorted(name for name, target in targets.items() if name in present and present[name] != target)
        if in_the_way:
            raise ConflictError(
                f"{database.local} has something else by the name of {', '.join(in_the_way)}, "
                "which is not a link to central's table"
            )
        outcomes = {
            name: "unchanged" if name in present else self._catalog.ensure_link(database.local, name, target)
            for name, target in targets.items()
        }
        return {"tables": [{"name": name, "outcome": outcome} for name, outcome in outcomes.items()]}

    def _may_create_links(self, database: SharedDatabase) -> Grant:
        return Grant(
            principal=self._config.own_role_arn,
            resource=DatabaseResource(catalog_id=self._config.account_id, name=database.local),
            permissions=("CREATE_TABLE", "DESCRIBE"),
        )

    def _result(self, plan: LinkPlan, said: Metadata) -> dict[str, Any]:
        """Return the execution's output: what there is to crawl, or for what was linked by LF-tag here, its places."""
        if plan.product is None:
            return {"databases": [database.local for database in plan.databases]}
        (database,) = plan.databases
        return LinkResult(
            role=plan.role,
            domain=plan.domain,
            product=plan.product,
            access_mode=plan.mode,
            catalog_account=self._config.central_account_id,
            catalog_database=database.name,
            database=database.local,
            tables=plan.linked_tables,
            correlation_id=said.correlation_id,
            event_id=said.event_id,
        ).to_json()


def _facts(plan: LinkPlan, links: dict[str, Any]) -> list[DomainFact]:
    """Return what is said: of a product, that it is linked; of a request, that its principals can query."""
    facts: list[DomainFact] = []
    if plan.product is not None:
        (database,) = plan.databases
        linked = DataProductLinked(
            domain=plan.domain,
            product=plan.product,
            role=plan.role,
            access_mode=plan.mode,
            database=database.local,
            tables=tuple(LinkedTable.model_validate(table) for table in links["tables"]),
            request_id=plan.request_id,
        )
        facts.append(linked)
    if plan.request_id is not None:
        by_name = plan.mode == "nrac"
        provisioned = DataProductAccessProvisioned(
            request_id=plan.request_id,
            domain=plan.domain,
            product=plan.product,
            expression=plan.expression,
            database=plan.databases[0].local if by_name else None,
            tables=plan.linked_tables,
            principals=plan.principals,
            databases=() if by_name else tuple(database.local for database in plan.databases),
        )
        facts.append(provisioned)
    return facts
