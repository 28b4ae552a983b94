"""Central with accesses that stand, in memory, and revoke_access run in it as its state machine does."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from datamesh.handlers import index_data_product, revoke_access
from datamesh.handlers._runtime import read_request
from datamesh.logic.access import expression_grants, filter_grants, grantees
from datamesh.logic.approvals import Approvals
from datamesh.logic.index_data_product import ProductIndexing
from datamesh.logic.index_data_product import World as IndexingWorld
from datamesh.logic.revoke_access import AccessRevocation, World
from datamesh.logic.tagging import TagRules
from datamesh.models.base import iso
from datamesh.models.catalog import CatalogTable
from datamesh.models.commands import ProductRef, TableSpec
from datamesh.models.errors import DatameshError
from datamesh.models.facts import Databases
from datamesh.models.permissions import DataFilter, Resource
from datamesh.models.registry import (
    DomainRecord,
    GrantRecord,
    ProductRecord,
    Record,
    RequestRecord,
    RequestStatus,
    Save,
    ShownTable,
    Stamp,
    StateChange,
    TableRecord,
    TagGrantRecord,
)
from tests.support import asl
from tests.support.access_fakes import FakeCallbacks, FakeDataFilters, FakeOutbox, FakeSchedules
from tests.support.asl_walk import TaskCall, TaskError, Walk, walk
from tests.support.central_commands import (
    ACCOUNTS,
    CENTRAL,
    MARKETING,
    NOW,
    SALES,
    config_of,
    event,
    secret_arn,
    table_spec,
)
from tests.support.central_fakes import FakeCatalog, FakeLakeFormation, FakeLfTags, FakeRegistry

MACHINE = asl.render(asl.REPOSITORY / "modules" / "central-governance" / "revoke_access.asl.json")
ANALYST = f"arn:aws:iam::{MARKETING}:role/analyst"
REPORTING = f"arn:aws:iam::{MARKETING}:role/reporting"
RULES = TagRules(domain_tag_key="lob", sensitive_tags={})
ENDS = NOW + timedelta(days=30)
WEB = {"channel": ("web",)}
GrantTo = Literal["account", "principals"]


class EndingCentral:
    """Central with sales' product, whose tables marketing may read, and what ends that.

    `hears` answers DataProductAccessEnding as the consumer's account; `before` is called before every task and `after`
    after it: both may raise TaskError.
    """

    def __init__(self, *tables: str) -> None:
        self.registry = FakeRegistry()
        self.lake_formation = FakeLakeFormation()
        self.catalog = FakeCatalog(self.lake_formation)
        self.lf_tags = FakeLfTags(self.catalog)
        self.lf_tags.known |= {"channel": {"web", "shop"}}
        self.filters = FakeDataFilters()
        self.schedules = FakeSchedules()
        self.outbox = FakeOutbox()
        self.callbacks = FakeCallbacks()
        self.now = NOW
        self.published: list[dict[str, Any]] = []
        self.hears: Callable[[dict[str, Any]], None] = self.unlink
        self.before: Callable[[TaskCall], None] = lambda _: None
        self.after: Callable[[TaskCall], None] = lambda _: None
        self.executions = 0
        for domain in ACCOUNTS:
            self.save(domain_record(domain))
        self.add_product("air_travel", *(tables or ("flights",)))

    def save(self, *records: Record) -> None:
        """Put records into the registry."""
        self.registry.write([Save(record) for record in records])

    def add_product(self, name: str, *tables: str) -> None:
        """Register a product of sales."""
        self.save(product_record(name), *(table_record(name, table) for table in tables))

    def grant(
        self,
        *tables: str,
        principals: tuple[str, ...] = (ANALYST,),
        grant_to: GrantTo = "account",
        consumer: str = "marketing",
        status: RequestStatus = "PROVISIONED",
        product: str = "air_travel",
        **changes: Any,
    ) -> RequestRecord:
        """Let a domain have access by name."""
        tables = tables or ("flights",)
        reference = ProductRef(domain="sales", name=product)
        record = request_record(consumer, status, product=reference, tables=tables, principals=principals, **changes)
        name = f"datamesh_{record.request_id.hex}"
        own = GrantRecord(
            request_id=record.request_id,
            product=reference,
            consumer=consumer,
            account_id=record.account_id,
            database="datamesh_sales_nrac",
            tables=tables,
            shown={table: ShownTable(filter=name, columns=("year",)) for table in tables},
            grant_to=grant_to,
            principals=principals,
            permissions=("SELECT",),
            granted_at=NOW,
            expires_at=record.expires_at,
        )
        self.save(record, own)
        who = grantees(record.account_id, principals, grant_to, catalog_id=CENTRAL)
        for table in tables:
            self.filters.ensure(DataFilter(database=own.database, table=table, name=name, columns=("year",)))
        self.lake_formation.grant(
            filter_grants(who, catalog_id=CENTRAL, database=own.database, filters=dict.fromkeys(tables, name))
        )
        self.schedule(record)
        return record

    def grant_by_tag(
        self,
        expression: Mapping[str, tuple[str, ...]] = WEB,
        principals: tuple[str, ...] = (ANALYST,),
        grant_to: GrantTo = "account",
    ) -> RequestRecord:
        """Let marketing have access by tag expression."""
        record = request_record("marketing", "PROVISIONED", expression=dict(expression), principals=principals)
        own = TagGrantRecord(
            request_id=record.request_id,
            consumer="marketing",
            account_id=MARKETING,
            expression=dict(expression),
            principals=principals,
            grant_to=grant_to,
            granted_at=NOW,
        )
        self.save(record, own)
        who = grantees(MARKETING, principals, grant_to, catalog_id=CENTRAL)
        self.lake_formation.grant(expression_grants(who, catalog_id=CENTRAL, expression=expression))
        self.schedule(record)
        return record

    def tag(self, table: str, tags: Mapping[str, str], database: str = "datamesh_sales_tbac") -> None:
        """Make a tagged table."""
        self.catalog.create_table(database, CatalogTable(name=table))
        self.lf_tags.set_table_tags(database, table, tags)

    def schedule(self, record: RequestRecord) -> None:
        """Schedule the end of an access, as its grant does."""
        for what in ("expire", "warn"):
            self.schedules.set(f"datamesh-{what}-{record.request_id}", ENDS, "ExpireDataProductAccess", {})

    def flow(self) -> AccessRevocation:
        """Return the flow, built anew as for every invocation."""
        approvals = Approvals(self.registry, self.outbox, self.callbacks)
        world = World(
            self.registry,
            self.lake_formation,
            self.lf_tags,
            self.filters,
            self.schedules,
            self.outbox,
            approvals,
        )
        return AccessRevocation(
            world,
            account_id=CENTRAL,
            prefix="datamesh",
            own_role_arn=f"arn:aws:iam::{CENTRAL}:role/datamesh-central-revoke-access-function",
        )

    def step(self, step: str, envelope: dict[str, Any], execution: str = "one", **payload: Any) -> Any:
        """Run one step as its function does."""
        request = read_request(
            {
                **payload,
                "step": step,
                "event": envelope,
                "execution": {"id": execution, "name": execution, "started_at": iso(self.now)},
            }
        )
        return revoke_access.STEPS[step](self.flow(), request, self.now)

    def deliver(self, envelope: dict[str, Any]) -> Walk:
        """Run the state machine with an event. Every retry takes its time."""
        self.executions += 1
        execution = f"execution-{self.executions}"

        def answer(call: TaskCall) -> Any:
            try:
                self.before(call)
                if call.step is None:
                    self.publish(call.arguments["Entries"])
                    result: Any = {"FailedEntryCount": 0}
                else:
                    payload = call.arguments["Payload"]
                    more = {key: value for key, value in payload.items() if key not in {"step", "event", "execution"}}
                    result = self.step(call.step, payload["event"], execution, **more)
                self.after(call)
            except DatameshError as error:
                self.now += timedelta(seconds=10)
                raise TaskError(error.code, error.message) from error
            return result

        return walk(MACHINE, envelope, answer)

    def publish(self, entries: list[dict[str, Any]]) -> None:
        """Put entries on the bus; what is addressed to the consumer reaches it."""
        self.published += entries
        for entry in entries:
            if entry["DetailType"] == "DataProductAccessEnding":
                self.hears(entry["Detail"])

    def unlink(self, detail: dict[str, Any]) -> None:
        """Answer as the consumer's account does when it has taken back what it passed on."""
        data = detail["data"]
        self.now += timedelta(seconds=5)
        self.index(
            self.said_by(
                "DataProductUnlinked",
                {
                    "domain": data["domain"],
                    "product": data["product"],
                    "expression": data["expression"],
                    "role": "consumer",
                    "request_id": data["request_id"],
                },
                account=detail["metadata"]["target_account"],
            )
        )

    def index(self, envelope: dict[str, Any]) -> Any:
        """Let index_data_product take a fact."""
        indexing = ProductIndexing(
            IndexingWorld(self.registry, self.catalog, self.lf_tags, self.lake_formation, self.filters),
            RULES,
            account_id=CENTRAL,
        )
        request = read_request(
            {
                "step": "index",
                "event": envelope,
                "execution": {"id": "index", "name": "index", "started_at": iso(self.now)},
            }
        )
        return index_data_product.STEPS["index"](indexing, request, self.now)

    def said_by(self, detail_type: str, data: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Return an event that happens now."""
        said = event(detail_type, data, **more)
        said["time"] = said["detail"]["metadata"]["occurred_at"] = iso(self.now)
        return said

    def revoke(self, record: RequestRecord, domain: str | None = "marketing", **more: Any) -> dict[str, Any]:
        """Return RevokeDataProductAccess of a domain, or of governance."""
        sender = {"account": CENTRAL, "source": "datamesh.central"} if domain is None else {"account": ACCOUNTS[domain]}
        data = {"request_id": str(record.request_id), "domain": domain, "reason": "The project is over"}
        return self.said_by("RevokeDataProductAccess", data, **(sender | more))

    def expire(
        self, record: RequestRecord, at: datetime = ENDS, *, warning: bool = False, **more: Any
    ) -> dict[str, Any]:
        """Return what a schedule puts on the bus."""
        data = {"request_id": str(record.request_id), "expires_at": iso(at), "warning": warning}
        sender = {"account": CENTRAL, "source": "datamesh.central"}
        return self.said_by("ExpireDataProductAccess", data, **(sender | more))

    def link_failed(self, record: RequestRecord, account: str = MARKETING, domain: str = "marketing") -> dict[str, Any]:
        """Return what a consumer says that could not link."""
        data = {"request_id": str(record.request_id), "domain": domain, "error": "ConflictError", "cause": "In the way"}
        return self.said_by("DataProductLinkFailed", data, account=account)

    def request(self, record: RequestRecord) -> RequestRecord:
        """Return a request as it is now."""
        found = self.registry.request(record.request_id)
        assert found is not None
        return found

    def left(self, record: RequestRecord) -> dict[str, Any]:
        """Return all that is left of a request: grants in Lake Formation, filters, schedules, records."""
        name = f"datamesh_{record.request_id.hex}"
        return {
            # Who made a filter, or drops it, holds that right until it is gone.
            "granted": [
                key
                for key, (held, _) in self.lake_formation.granted.items()
                if _is_of(key[1], name) and held != {"DROP"}
            ],
            "filters": [key for key in self.filters.found if key[2] == name],
            "schedules": [key for key in self.schedules.set_for if key.endswith(str(record.request_id))],
            "records": [
                item
                for item in self.registry.items.values()
                if isinstance(item, GrantRecord | TagGrantRecord) and item.request_id == record.request_id
            ],
            "locks": [key for key in self.registry.items if key.pk.startswith(("ACCESSWORK#", "TAGWORK"))],
        }

    def told(self, detail_type: str) -> list[tuple[str, dict[str, Any]]]:
        """Return whom central told something, and what, each event once."""
        found = {
            entry["Detail"]["metadata"]["event_id"]: (
                entry["Detail"]["metadata"]["target_account"],
                entry["Detail"]["data"],
            )
            for entry in self.published
            if entry["DetailType"] == detail_type
        }
        return list(found.values())

    def entered(self) -> list[str]:
        """Return what was entered into the ledger, by kind."""
        return [entry.kind for entry in self.registry.ledger]


NOTHING: dict[str, list[Any]] = {"granted": [], "filters": [], "schedules": [], "records": [], "locks": []}


def _is_of(resource: Resource, name: str) -> bool:
    return getattr(resource, "name", None) == name


def _held(account: str) -> dict[str, Any]:
    return {
        "stamp": Stamp(occurred_at=NOW - timedelta(hours=2), event_id=uuid.uuid4()),
        "execution_id": "before",
        "lease_expires_at": NOW - timedelta(hours=1),
        "updated_at": NOW - timedelta(hours=1),
        "account_id": account,
    }


def domain_record(domain: str) -> DomainRecord:
    """Return a registered domain."""
    return DomainRecord(
        **_held(ACCOUNTS[domain]),
        status="REGISTERED",
        domain=domain,
        secret_arn=secret_arn(ACCOUNTS[domain]),
        config=config_of(domain),
        databases=Databases(nrac=f"datamesh_{domain}_nrac", tbac=f"datamesh_{domain}_tbac"),
    )


def product_record(name: str) -> ProductRecord:
    """Return a registered product of sales."""
    return ProductRecord(
        **_held(SALES), status="REGISTERED", domain="sales", name=name, database="datamesh_sales_nrac", table_count=1
    )


def table_record(product: str, name: str) -> TableRecord:
    """Return a table of sales."""
    return TableRecord(
        domain="sales",
        product=product,
        name=name,
        spec=TableSpec.model_validate(table_spec(name)),
        stamp=Stamp(occurred_at=NOW, event_id=uuid.uuid4()),
    )


def request_record(consumer: str, status: RequestStatus, **changes: Any) -> RequestRecord:
    """Return a request that was granted."""
    values: dict[str, Any] = {
        "request_id": uuid.uuid4(),
        "digest": "d",
        "domain": consumer,
        "justification": "Why not",
        "principals": (ANALYST,),
        "granted_at": NOW - timedelta(hours=1),
        "expires_at": ENDS,
        "history": (
            StateChange(status="GRANTED", at=NOW - timedelta(hours=1), by="datamesh:share_data_product", why="…"),
        ),
    }
    return RequestRecord(**_held(ACCOUNTS[consumer]) | values | changes, status=status)
