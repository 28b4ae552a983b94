"""In-memory stand-ins for what the flows of a domain's account need of AWS, and the events that start these flows."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from datamesh.models.catalog import CatalogColumn, CatalogDatabase, CatalogTable, DatabaseTarget, LinkTarget
from datamesh.models.crawls import CrawlerState, CrawlPlan, CrawlRun
from datamesh.models.errors import ConflictError
from datamesh.models.events import Entry
from datamesh.models.executions import Execution
from datamesh.models.permissions import Grant, GrantedPermission, Resource, TagPolicyResource

CENTRAL = "111111111111"
SALES = "222222222222"
MARKETING = "333333333333"
SHARE = f"arn:aws:ram:eu-west-1:{CENTRAL}:resource-share/7ab63972-b505-7e2a-420d-6f5d3EXAMPLE"
DATABASE = "datamesh_sales_nrac"
LOCAL = "datamesh_sales"
TAG_DATABASE = "datamesh_sales_tbac"
FILTER = "datamesh_16fd27068baf433b82eb8c7fada847da"
OF_SALES = {"lob": ["sales"]}
TIME = "2026-01-02T03:04:05.000000Z"


def envelope(
    detail_type: str,
    data: Mapping[str, Any],
    *,
    account: str = CENTRAL,
    target: str | None = SALES,
    source: str = "datamesh.central",
    event_id: str = "0f8fad5b-d9cb-469f-a165-70867728950e",
) -> dict[str, Any]:
    """Return a mesh event as EventBridge delivers it."""
    metadata = {
        "schema_version": "1.0",
        "event_id": event_id,
        "correlation_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
        "causation_id": None,
        "occurred_at": TIME,
    } | ({"target_account": target} if target else {})
    return aws_event(detail_type, {"metadata": metadata, "data": dict(data)}, account=account, source=source)


def aws_event(detail_type: str, detail: Mapping[str, Any], *, account: str = SALES, source: str) -> dict[str, Any]:
    """Return an event with EventBridge's envelope."""
    return {
        "version": "0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([detail_type, detail], default=str))),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": "2026-01-02T03:04:06Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": dict(detail),
    }


def table_names(count: int) -> list[str]:
    """Return that many table names."""
    return [f"table_{number:03}" for number in range(count)]


def registered(tables: Sequence[str] = ("flights",), *, outcome: str = "registered", **event: Any) -> dict[str, Any]:
    """Return DataProductRegistered as central addresses it to sales."""
    data = {
        "domain": "sales",
        "product": "air_travel",
        "catalog_account": CENTRAL,
        "database": DATABASE,
        "tables": [
            {
                "name": name,
                "location": f"s3://datamesh-domain-raw-{SALES}-eu-west-1/products/air_travel/{name}/",
                "outcome": "created" if outcome == "registered" else "unchanged",
            }
            for name in tables
        ],
        "resource_shares": [SHARE],
        "outcome": outcome,
    }
    return envelope("DataProductRegistered", data, **event)


def granted(
    tables: Sequence[str] = ("flights",),
    *,
    principals: Sequence[str] = (f"arn:aws:iam::{MARKETING}:role/analyst",),
    grant_to: str = "account",
) -> dict[str, Any]:
    """Return DataProductAccessGranted as central addresses it to marketing."""
    data = {
        "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "domain": "marketing",
        "product": {"domain": "sales", "name": "air_travel"},
        "catalog_account": CENTRAL,
        "database": DATABASE,
        "tables": list(tables),
        "filters": [{"table": name, "filter": FILTER} for name in tables],
        "principals": list(principals),
        "grant_to": grant_to,
        "permissions": ["SELECT"],
        "resource_shares": [SHARE],
    }
    return envelope("DataProductAccessGranted", data, target=MARKETING)


def ending(
    tables: Sequence[str] = ("flights",),
    *,
    principals: Sequence[str] = (f"arn:aws:iam::{MARKETING}:role/analyst",),
    keep: Mapping[str, Sequence[str]] = MappingProxyType({}),
    keep_database: Sequence[str] | None = None,
    **event: Any,
) -> dict[str, Any]:
    """Return DataProductAccessEnding of what `granted` was about; `keep` says who needs links otherwise."""
    data = {
        "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "domain": "marketing",
        "product": {"domain": "sales", "name": "air_travel"},
        "catalog_account": CENTRAL,
        "database": DATABASE,
        "tables": [
            {"name": name, "filter": FILTER, "keep_link": name in keep, "keep_principals": list(keep.get(name, ()))}
            for name in tables
        ],
        "databases": [
            {
                "name": DATABASE,
                "keep_link": keep_database is not None,
                "keep_principals": list(keep_database or ()),
            }
        ],
        "principals": list(principals),
        "reason": "The project is over",
    }
    return envelope("DataProductAccessEnding", data, **{"target": MARKETING, **event})


def ending_by_tag(
    databases: Mapping[str, Sequence[str] | None] = MappingProxyType({TAG_DATABASE: None}),
    *,
    keep_expression_for: Sequence[str] = (),
    **event: Any,
) -> dict[str, Any]:
    """Return DataProductAccessEnding of what `granted_by_tag` was about; of databases, who needs the link otherwise."""
    data = {
        "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "domain": "marketing",
        "expression": {"channel": ["web"]},
        "catalog_account": CENTRAL,
        "databases": [
            {"name": name, "keep_link": kept is not None, "keep_principals": list(kept or ())}
            for name, kept in databases.items()
        ],
        "keep_expression_for": list(keep_expression_for),
        "principals": [f"arn:aws:iam::{MARKETING}:role/analyst"],
        "reason": "The project is over",
    }
    return envelope("DataProductAccessEnding", data, **{"target": MARKETING, **event})


def deregistered(tables: Sequence[str] = ("flights",), **event: Any) -> dict[str, Any]:
    """Return DataProductDeregistered as central addresses it to sales."""
    data = {
        "domain": "sales",
        "product": "air_travel",
        "catalog_account": CENTRAL,
        "databases": [DATABASE],
        "tables": list(tables),
        "access_modes": ["nrac"],
    }
    return envelope("DataProductDeregistered", data, **event)


def registered_by_tag(tables: Sequence[str] = ("flights",), **event: Any) -> dict[str, Any]:
    """Return DataProductRegistered of a product shared by LF-tag, as central addresses it to sales."""
    said = registered(tables, event_id="8a6e0804-2bd0-4672-b79d-d97027f9071a", **event)
    said["detail"]["data"] |= {"access_mode": "tbac", "database": TAG_DATABASE, "expression": OF_SALES}
    return said


def granted_by_tag(
    matches: Mapping[str, Sequence[str]] = MappingProxyType({TAG_DATABASE: ("flights",)}),
    *,
    expression: Mapping[str, Sequence[str]] = MappingProxyType({"channel": ("web",)}),
    principals: Sequence[str] = (f"arn:aws:iam::{MARKETING}:role/analyst",),
    grant_to: str = "account",
) -> dict[str, Any]:
    """Return DataProductAccessGranted of a tag expression, as central addresses it to marketing."""
    data = {
        "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "domain": "marketing",
        "expression": {key: list(values) for key, values in expression.items()},
        "catalog_account": CENTRAL,
        "principals": list(principals),
        "grant_to": grant_to,
        "matches": [
            {"domain": database.split("_")[1], "database": database, "tables": list(tables)}
            for database, tables in matches.items()
        ],
        "permissions": ["SELECT", "DESCRIBE"],
        "resource_shares": [SHARE],
    }
    return envelope("DataProductAccessGranted", data, target=MARKETING)


def tags_changed(
    effects: Mapping[str, str] = MappingProxyType({"flights": "gained"}),
    *,
    principals: Sequence[str] = (f"arn:aws:iam::{MARKETING}:role/analyst",),
    standing: bool = True,
    **event: Any,
) -> dict[str, Any]:
    """Return DataProductTagsChanged as central addresses it to marketing, whose access to sales' tables changed."""
    grant = {
        "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "expression": {"channel": ["web"]},
        "principals": list(principals),
        "resource_shares": [SHARE],
    }
    data = {
        "domain": "sales",
        "product": "air_travel",
        "catalog_account": CENTRAL,
        "database": TAG_DATABASE,
        "tables": [{"name": name, "tags": {"channel": "web", "lob": "sales"}} for name in effects],
        "changes": [
            {"consumer": "marketing", "principals": list(principals), "table": name, "effect": effect}
            for name, effect in effects.items()
        ],
        "grants": [grant] if standing else [],
    }
    return envelope("DataProductTagsChanged", data, **{"target": MARKETING, **event})


def execution_ended(
    output: Mapping[str, Any] | None,
    *,
    status: str = "SUCCEEDED",
    execution_input: Mapping[str, Any] | None = None,
    machine: str = "datamesh-domain-link-data-product",
    account: str = SALES,
    **detail: Any,
) -> dict[str, Any]:
    """Return the status-change event of an execution."""
    arn = f"arn:aws:states:eu-west-1:{account}:execution:{machine}:f3a1"
    shape = {
        "executionArn": arn,
        "stateMachineArn": f"arn:aws:states:eu-west-1:{account}:stateMachine:{machine}",
        "name": "f3a1",
        "status": status,
        "startDate": 1_767_322_000_000,
        "stopDate": 1_767_322_009_000,
        "input": None if execution_input is None else json.dumps(execution_input),
        "output": None if output is None else json.dumps(output),
        **detail,
    }
    return aws_event("Step Functions Execution Status Change", shape, account=account, source="aws.states")


def crawler_ended(name: str, state: str = "Succeeded", *, account: str = SALES) -> dict[str, Any]:
    """Return "Glue Crawler State Change" as Glue publishes it."""
    detail = {"accountId": account, "crawlerName": name, "state": state, "severity": "INFO", "message": "…"}
    return aws_event("Glue Crawler State Change", detail, account=account, source="aws.glue")


@dataclass
class FakeShares:
    """Resource shares by their state; an error is raised."""

    states: dict[str, Literal["accepted", "visible", "awaited"] | Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def accept(self, share: str) -> Literal["accepted", "visible", "awaited"]:
        self.asked.append(share)
        state = self.states.get(share, "visible")
        if isinstance(state, Exception):
            raise state
        return state


@dataclass
class FakeCatalog:
    """The own catalog, and central's as far as it is visible; GlueCatalog's and SharedCatalog's behaviour."""

    databases: dict[str, CatalogDatabase] = field(default_factory=dict)
    tables: dict[tuple[str, str], CatalogTable] = field(default_factory=dict)
    shared: dict[tuple[str, str], dict[str, CatalogTable]] = field(default_factory=dict)
    writes: int = 0

    def share(self, names: Iterable[str], account: str = CENTRAL, database: str = DATABASE) -> None:
        """Make tables visible in another account's catalog."""
        place = self.shared.setdefault((account, database), {})
        place.update({name: CatalogTable(name=name) for name in names})

    def describe(self, name: str, *columns: str, account: str = CENTRAL, database: str = DATABASE) -> None:
        """Give a shared table columns of type string."""
        shape = CatalogTable(name=name, columns=tuple(CatalogColumn(name=column) for column in columns))
        self.shared[account, database][name] = shape

    def visible(self, catalog_id: str, database: str) -> frozenset[str]:
        return frozenset(self.shared.get((catalog_id, database), {}))

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        return self.databases.get(name)

    def ensure_database_link(self, name: str, target: DatabaseTarget) -> Literal["created", "unchanged"]:
        found = self.databases.get(name)
        if found is None:
            self.databases[name] = CatalogDatabase(name=name, target=target)
            self.writes += 1
            return "created"
        if found.target != target:
            raise ConflictError(f"Database {name} exists and points elsewhere")
        return "unchanged"

    def ensure_database(self, wanted: CatalogDatabase) -> Literal["created", "unchanged"]:
        found = self.databases.get(wanted.name)
        if found is None:
            self.databases[wanted.name] = wanted
            self.writes += 1
            return "created"
        if found.parameters != wanted.parameters or found.target is not None:
            raise ConflictError(f"Database {wanted.name} exists with other parameters")
        return "unchanged"

    def list_tables(self, database: str, catalog_id: str | None = None) -> list[CatalogTable]:
        if catalog_id is not None:
            return list(self.shared.get((catalog_id, database), {}).values())
        return [table for (place, _), table in self.tables.items() if place == database]

    def ensure_link(self, database: str, name: str, target: LinkTarget) -> Literal["created", "unchanged"]:
        found = self.tables.get((database, name))
        if found is None:
            self.tables[database, name] = CatalogTable(name=name, target=target)
            self.writes += 1
            return "created"
        if found.target != target:
            raise ConflictError(f"{database}.{name} exists and points elsewhere")
        return "unchanged"

    def delete_table(self, database: str, name: str) -> bool:
        return self.tables.pop((database, name), None) is not None

    def delete_database(self, name: str) -> None:
        assert not self.list_tables(name), "there is something in it"
        self.databases.pop(name, None)


@dataclass
class FakePermissions:
    """Lake Formation's permissions; granting twice is granting once."""

    held: dict[tuple[str, Resource], set[str]] = field(default_factory=dict)
    refuse: Exception | None = None
    sizes: list[int] = field(default_factory=list)

    def grant(self, grants: Iterable[Grant]) -> None:
        if self.refuse is not None:
            raise self.refuse
        wanted = list(grants)
        self.sizes.append(len(wanted))
        for grant in wanted:
            self.held.setdefault((grant.principal, grant.resource), set()).update(grant.permissions)

    def revoke(self, grants: Iterable[Grant]) -> None:
        if self.refuse is not None:
            raise self.refuse
        gone = list(grants)
        self.sizes.append(len(gone))
        for grant in gone:
            left = self.held.get((grant.principal, grant.resource), set()) - set(grant.permissions)
            self.held[grant.principal, grant.resource] = left
            if not left:
                del self.held[grant.principal, grant.resource]

    def list_permissions(
        self, *, principal: str | None = None, resource: Resource | None = None, resource_type: str | None = None
    ) -> list[GrantedPermission]:
        return [
            GrantedPermission(principal=who, resource=what, permissions=tuple(permissions))
            for (who, what), permissions in self.held.items()
            if isinstance(what, TagPolicyResource) and resource_type == f"LF_TAG_POLICY_{what.resource_type}"
        ]

    def of(self, principal: str) -> dict[str, set[str]]:
        """Return what a principal holds, by the name of the table, `db:`database, location or `TABLE:`tag expression
        (`@central` if there).
        """
        found = {}
        for (who, resource), permissions in self.held.items():
            if who == principal:
                where = "@central" if resource.catalog_id == CENTRAL else ""
                match resource.kind:
                    case "table":
                        found[resource.name + where] = permissions
                    case "database":
                        found[f"db:{resource.name}{where}"] = permissions
                    case "location":
                        found[resource.arn + where] = permissions
                    case "filter":
                        found[f"{resource.table}:{resource.name}{where}"] = permissions
                    case "tag_policy":
                        found[f"{resource.resource_type}:{shown(resource)}{where}"] = permissions
        return found


def shown(policy: TagPolicyResource) -> str:
    """Return a tag expression as tests write it: `lob=sales`, several values with `|`, several keys with `&`."""
    return "&".join(f"{key}={'|'.join(values)}" for key, values in policy.expression)


@dataclass
class FakeCrawlers:
    """Glue's crawlers. `room` bounds how many run at once; `stubborn` ones need that many deletions to stop."""

    states: dict[str, CrawlerState] = field(default_factory=dict)
    room: int = 1000
    no_room_to_create: bool = False
    stubborn: dict[str, int] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    refuse: Exception | None = None
    targets: dict[str, tuple[str, str, str, str | None]] = field(default_factory=dict)

    def create(self, *, name: str, role_arn: str, database: str, link: str, location_account: str | None) -> bool:
        if self.refuse is not None:
            raise self.refuse
        if self.no_room_to_create:
            return False
        if name not in self.states:
            self.states[name] = CrawlerState()
            self.created.append(name)
            self.targets[name] = (role_arn, database, link, location_account)
        return True

    def start(self, name: str) -> bool:
        if self.states[name].activity == "RUNNING":
            return True
        if sum(state.activity == "RUNNING" for state in self.states.values()) >= self.room:
            return False
        self.states[name] = CrawlerState(activity="RUNNING")
        self.started.append(name)
        return True

    def state(self, name: str) -> CrawlerState | None:
        return self.states.get(name)

    def delete(self, name: str) -> bool:
        if self.states.get(name, CrawlerState()).activity != "READY":
            left = self.stubborn.get(name, 0)
            self.stubborn[name] = left - 1
            self.states[name] = CrawlerState(activity="STOPPING")
            if left <= 0:
                self.states[name] = CrawlerState(last_status="CANCELLED")
            return False
        if self.states.pop(name, None) is not None:
            self.deleted.append(name)
        return True

    def end(self, name: str, status: str = "SUCCEEDED", error: str | None = None) -> None:
        """Let a crawl end."""
        self.states[name] = CrawlerState(last_status=status, error=error)


@dataclass
class FakeRuns:
    """The table of crawl runs, with its conditions."""

    runs: dict[str, CrawlRun] = field(default_factory=dict)

    def begin(
        self, plan: CrawlPlan, *, execution_arn: str, expires_at: datetime, instead_of: str | None = None
    ) -> CrawlRun | None:
        found = self.runs.get(plan.run_id)
        owners = {execution_arn, instead_of}
        if found and found.status != "FAILED" and not (found.status == "RUNNING" and found.execution_arn in owners):
            return found
        self.runs[plan.run_id] = CrawlRun(
            run_id=plan.run_id,
            execution_arn=execution_arn,
            event_id=str(plan.event_id),
            status="RUNNING",
            crawlers={target.table: target.crawler for target in plan.targets},
        )
        return None

    def get(self, run_id: str) -> CrawlRun | None:
        return self.runs.get(run_id)

    def await_callback(self, run_id: str, *, execution_arn: str, task_token: str) -> CrawlRun | None:
        found = self.runs.get(run_id)
        if found is None or found.execution_arn != execution_arn:
            return None
        return self._put(found, task_token=task_token, status="RUNNING")

    def crawl_ended(self, run_id: str, table: str) -> CrawlRun | None:
        found = self.runs.get(run_id)
        if found is None or found.status != "RUNNING" or table not in found.crawlers:
            return None
        return self._put(found, ended=found.ended | {table}, waiting=found.waiting - {table})

    def set_waiting(self, run_id: str, tables: Iterable[str]) -> CrawlRun | None:
        found = self.runs.get(run_id)
        if found is None or found.status != "RUNNING":
            return None
        return self._put(found, waiting=frozenset(tables))

    def close(self, run_id: str, *, execution_arn: str, failed: bool) -> None:
        found = self.runs.get(run_id)
        if found is not None and found.execution_arn == execution_arn:
            self._put(found, status="FAILED" if failed else "DONE", task_token=None)

    def _put(self, run: CrawlRun, **changes: Any) -> CrawlRun:
        self.runs[run.run_id] = run.model_copy(update=changes)
        return self.runs[run.run_id]


@dataclass
class FakeExecutions:
    """Executions by ARN, and the task tokens that something waits with."""

    known: dict[str, Execution] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)
    woken: list[str] = field(default_factory=list)

    def succeed(self, token: str, output: Mapping[str, Any]) -> bool:
        json.dumps(output)
        if token not in self.tokens:
            return False
        self.tokens.discard(token)
        self.woken.append(token)
        return True

    def execution(self, arn: str) -> Execution | None:
        return self.known.get(arn)


@dataclass
class FakeBus:
    """An event bus that keeps what is put on it."""

    entries: list[Entry] = field(default_factory=list)

    def publish(self, entries: Sequence[Entry]) -> None:
        self.entries.extend(entries)
