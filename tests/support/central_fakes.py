"""Central's world in memory, and its state machines run in it: no network, no waiting.

The fakes obey the conditions that AWS obeys (conditional writes, equal-or-conflict, grants that are listed as granted),
so that tests assert on the state that remains and not on calls.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

from datamesh.handlers import (
    index_data_product,
    register_data_domain,
    register_data_product,
    share_data_product,
)
from datamesh.handlers._runtime import FlowStep, read_request
from datamesh.logic.index_data_product import ProductIndexing
from datamesh.logic.index_data_product import World as IndexingWorld
from datamesh.logic.register_data_domain import Central, DomainRegistration
from datamesh.logic.register_data_domain import World as DomainWorld
from datamesh.logic.register_data_product import ProductRegistration
from datamesh.logic.register_data_product import World as ProductWorld
from datamesh.logic.share_data_product import ProductSharing
from datamesh.logic.share_data_product import World as SharingWorld
from datamesh.models.base import iso
from datamesh.models.catalog import CatalogDatabase, CatalogTable
from datamesh.models.config import DomainConfig
from datamesh.models.errors import ConflictError, DatameshError, InvalidConfigSecret, WriteConflict
from datamesh.models.permissions import (
    IAM_ALLOWED_PRINCIPALS,
    DatabaseResource,
    Grant,
    GrantedPermission,
    LocationResource,
    Resource,
    TableResource,
)
from datamesh.models.registry import (
    Change,
    Check,
    Claim,
    DomainRecord,
    Drop,
    GiveBack,
    GrantRecord,
    Key,
    ProductRecord,
    Record,
    RequestRecord,
    Save,
    TableRecord,
    Take,
    domain_key,
    product_key,
    product_pk,
    request_key,
)
from tests.support import asl, asl_walk

CENTRAL, SALES, MARKETING, FINANCE = "111111111111", "222222222222", "333333333333", "444444444444"
ACCOUNTS = {"sales": SALES, "marketing": MARKETING, "finance": FINANCE}
REGION = "eu-west-1"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LAKE_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-lake-access"
OWN_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-register-data-domain-function"
WRITER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-register-data-product-function"
STEPS: dict[str, Mapping[str, FlowStep[Any]]] = {
    "register_data_domain": register_data_domain.STEPS,
    "register_data_product": register_data_product.STEPS,
    "share_data_product": share_data_product.STEPS,
    "index_data_product": index_data_product.STEPS,
}
FLOW_OF = {
    "RegisterDataDomain": "register_data_domain",
    "RegisterDataProduct": "register_data_product",
    "RequestDataProductAccess": "share_data_product",
}
RecordT = TypeVar("RecordT", bound=Record)


class FakeRegistry:
    """The registry: a dictionary that takes a transaction only when all its conditions hold."""

    def __init__(self) -> None:
        self.items: dict[Key, Record | str] = {}
        self.before_write: Callable[[Sequence[Change]], None] | None = None

    def domain(self, name: str) -> DomainRecord | None:
        return self._get(DomainRecord, domain_key(name))

    def product(self, domain: str, name: str) -> ProductRecord | None:
        return self._get(ProductRecord, product_key(domain, name))

    def request(self, request_id: uuid.UUID) -> RequestRecord | None:
        return self._get(RequestRecord, request_key(request_id))

    def tables(self, domain: str, product: str) -> list[TableRecord]:
        found = [item for key, item in self._of(domain, product) if isinstance(item, TableRecord)]
        return sorted(found, key=lambda table: table.name)

    def grants(self, domain: str, product: str) -> list[GrantRecord]:
        return [item for key, item in self._of(domain, product) if isinstance(item, GrantRecord)]

    def owner(self, claim: Claim) -> str | None:
        owner = self.items.get(claim.key)
        return owner if isinstance(owner, str) else None

    def owners(self, claims: Sequence[Claim]) -> dict[Key, str]:
        found = {claim.key: self.owner(claim) for claim in claims}
        return {key: owner for key, owner in found.items() if owner is not None}

    def write(self, changes: Sequence[Change]) -> None:
        if self.before_write is not None:
            self.before_write(changes)
        assert len(changes) <= 100
        keys = [change.claim.key if isinstance(change, Take | GiveBack) else change.record.key for change in changes]
        assert len(set(keys)) == len(keys), "DynamoDB takes one action per item in a transaction"
        if not all(self._holds(change) for change in changes):
            raise WriteConflict("The conditional request failed")
        for change in changes:
            match change:
                case Save(record):
                    # Through JSON, as DynamoDB would have it.
                    self.items[record.key] = type(record).model_validate(record.to_json())
                case Drop(record):
                    del self.items[record.key]
                case Take(claim):
                    self.items[claim.key] = claim.owner
                case GiveBack(claim):
                    self.items.pop(claim.key, None)
                case Check():
                    pass

    def write_all(self, changes: Sequence[Change], guard: Record) -> None:
        for start in range(0, len(changes), 99):
            self.write([Check(guard), *changes[start : start + 99]])

    def _holds(self, change: Change) -> bool:
        match change:
            case Save(record):
                return self._version(record.key) == record.version - 1
            case Drop(record) | Check(record):
                return self._version(record.key) == record.version
            case Take(claim) | GiveBack(claim):
                return self.items.get(claim.key, claim.owner) == claim.owner

    def _version(self, key: Key) -> int:
        item = self.items.get(key)
        return item.version if isinstance(item, Record) else 0

    def _get(self, model: type[RecordT], key: Key) -> RecordT | None:
        item = self.items.get(key)
        assert item is None or isinstance(item, model)
        return item

    def _of(self, domain: str, product: str) -> list[tuple[Key, Record | str]]:
        return [(key, item) for key, item in self.items.items() if key.pk == product_pk(domain, product)]


class FakeCatalog:
    """The Data Catalog; new tables get what the default permissions of the account say."""

    def __init__(self, lake_formation: FakeLakeFormation) -> None:
        self.databases: dict[str, CatalogDatabase] = {}
        self.tables: dict[tuple[str, str], CatalogTable] = {}
        self.writes: list[tuple[str, str]] = []
        self.default_permissions = False
        self._lake_formation = lake_formation

    def get_database(self, name: str, catalog_id: str | None = None) -> CatalogDatabase | None:
        return self.databases.get(name)

    def ensure_database(self, wanted: CatalogDatabase) -> Literal["created", "unchanged"]:
        found = self.databases.get(wanted.name)
        if found is None:
            self.databases[wanted.name] = wanted
            self._add_defaults(DatabaseResource(catalog_id=CENTRAL, name=wanted.name))
            return "created"
        if found.location != wanted.location or not wanted.parameters.items() <= found.parameters.items():
            raise ConflictError(f"Database {wanted.name} is different")
        return "unchanged"

    def get_table(self, database: str, name: str, catalog_id: str | None = None) -> CatalogTable | None:
        return self.tables.get((database, name))

    def create_table(self, database: str, table: CatalogTable) -> bool:
        if (database, table.name) in self.tables:
            return False
        self.tables[database, table.name] = table
        self.writes.append(("create", table.name))
        self._add_defaults(TableResource(catalog_id=CENTRAL, database=database, name=table.name))
        return True

    def update_table(self, database: str, table: CatalogTable) -> None:
        assert (database, table.name) in self.tables
        self.tables[database, table.name] = table
        self.writes.append(("update", table.name))

    def _add_defaults(self, resource: Resource) -> None:
        if self.default_permissions:
            self._lake_formation.grant(
                [Grant(principal=IAM_ALLOWED_PRINCIPALS, resource=resource, permissions=("ALL",))]
            )


class FakeLakeFormation:
    """Lake Formation: what is granted is a set, and a grant to an account makes a share."""

    def __init__(self) -> None:
        self.granted: dict[tuple[str, Resource], tuple[frozenset[str], frozenset[str]]] = {}
        self.locations: dict[str, str] = {}
        self.calls = 0
        self.listing_lags = 0

    def grant(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            assert grant.principal != CENTRAL, "an account cannot be granted something of its own"
            if grant.principal.isdigit():
                blocked = (IAM_ALLOWED_PRINCIPALS, grant.resource) in self.granted
                assert not blocked, "Illegal combination: IAM_ALLOWED_PRINCIPALS stands"
            self.calls += 1
            permissions, grantable = self.granted.get((grant.principal, grant.resource), (frozenset(), frozenset()))
            self.granted[grant.principal, grant.resource] = (
                permissions | set(grant.permissions),
                grantable | set(grant.grantable),
            )

    def revoke(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            self.calls += 1
            self.granted.pop((grant.principal, grant.resource), None)

    def list_permissions(
        self, *, principal: str | None = None, resource: Resource | None = None, resource_type: str | None = None
    ) -> list[GrantedPermission]:
        if self.listing_lags:
            self.listing_lags -= 1
            return []
        kinds = {"TABLE": TableResource, "DATABASE": DatabaseResource, None: object}
        return [
            GrantedPermission(
                principal=who,
                resource=what,
                permissions=tuple(permissions),
                grantable=tuple(grantable),
                shares=(share_of(who),) if who.isdigit() else (),
            )
            for (who, what), (permissions, grantable) in self.granted.items()
            if principal in {None, who} and resource in {None, what} and isinstance(what, kinds[resource_type])
        ]

    def remove_iam_allowed_principals(self, resource: DatabaseResource | TableResource) -> bool:
        return self.granted.pop((IAM_ALLOWED_PRINCIPALS, resource), None) is not None

    def register_location(self, arn: str, role_arn: str) -> None:
        if self.locations.setdefault(arn, role_arn) != role_arn:
            raise ConflictError(f"{arn} is registered with another role")

    def location_role(self, arn: str) -> str | None:
        return self.locations.get(arn)

    def on_table(self, principal: str, table: str, database: str = "datamesh_sales_nrac") -> frozenset[str]:
        """Return what a principal may do with a table."""
        resource = TableResource(catalog_id=CENTRAL, database=database, name=table)
        return self.granted.get((principal, resource), (frozenset(), frozenset()))[0]

    def on_location(self, principal: str, arn: str) -> frozenset[str]:
        """Return what a principal may do with a location."""
        resource = LocationResource(catalog_id=CENTRAL, arn=arn)
        return self.granted.get((principal, resource), (frozenset(), frozenset()))[0]


@dataclass
class FakeDomains:
    """The domains' accounts: their config secrets and their buckets."""

    secrets: dict[str, DomainConfig] = field(default_factory=dict)
    buckets: dict[str, str] = field(default_factory=dict)

    def read(self, secret_arn: str) -> DomainConfig:
        if secret_arn not in self.secrets:
            raise InvalidConfigSecret("The config secret cannot be read")
        return self.secrets[secret_arn]

    def is_owned_by(self, bucket: str, account_id: str) -> bool:
        return self.buckets.get(bucket) == account_id


class FakeRouter:
    """Central's bus: its routing rules."""

    def __init__(self) -> None:
        self.routes: dict[str, dict[str, Any]] = {}

    def ensure_route(
        self,
        *,
        rule: str,
        description: str,
        pattern: Mapping[str, Any],
        target_id: str,
        target_arn: str,
        role_arn: str,
        dead_letter_arn: str,
    ) -> None:
        self.routes[rule] = {
            "pattern": dict(pattern),
            "target": (target_id, target_arn, role_arn, dead_letter_arn),
        }


def share_of(account_id: str) -> str:
    """Return the share that carries grants to an account."""
    return f"arn:aws:ram:{REGION}:{CENTRAL}:resource-share/{account_id}"


def secret_arn(account_id: str) -> str:
    """Return the ARN of a domain's config secret."""
    return f"arn:aws:secretsmanager:{REGION}:{account_id}:secret:datamesh-domain-config-a1B2c3"


def bucket_of(account_id: str) -> str:
    """Return a domain's bucket."""
    return f"datamesh-domain-clean-{account_id}-{REGION}"


def config_of(domain: str, /, **changes: Any) -> DomainConfig:
    """Return a domain's configuration."""
    account = ACCOUNTS[domain]
    values = {
        "version": 1,
        "domain": domain,
        "account_id": account,
        "region": REGION,
        "bucket": bucket_of(account),
        "prefix": "products/",
        "kms_key_arn": f"arn:aws:kms:{REGION}:{account}:key/0a1b",
        "event_bus_arn": f"arn:aws:events:{REGION}:{account}:event-bus/datamesh-domain",
    }
    return DomainConfig.model_validate(values | changes)


def table_spec(name: str, account_id: str = SALES, **changes: Any) -> dict[str, Any]:
    """Return a table as a command declares it."""
    return {
        "name": name,
        "location": f"s3://{bucket_of(account_id)}/products/air_travel/{name}/",
        "format": "parquet",
        "columns": [],
        "partition_keys": [],
    } | changes


def product_spec(*tables: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a product as a command declares it: classified, and free of personal data."""
    return {
        "name": "air_travel",
        "description": "Flights",
        "classification": "internal",
        "pii": False,
        "tables": list(tables or (table_spec("flights"),)),
    } | changes


def event(
    detail_type: str,
    data: Mapping[str, Any],
    *,
    account: str = SALES,
    minute: int = 0,
    event_id: uuid.UUID | None = None,
    source: str = "datamesh.domain",
) -> dict[str, Any]:
    """Return an envelope as EventBridge delivers it; `minute` says when it happened."""
    identity = event_id or uuid.uuid4()
    moment = iso(NOW - timedelta(hours=1) + timedelta(minutes=minute))
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": moment,
        "region": REGION,
        "resources": [],
        "detail": {
            "metadata": {
                "schema_version": "1.0",
                "event_id": str(identity),
                "correlation_id": str(uuid.uuid5(identity, "flow")),
                "causation_id": None,
                "occurred_at": moment,
            },
            "data": dict(data),
        },
    }


def register_domain(domain: str = "sales", **more: Any) -> dict[str, Any]:
    """Return a RegisterDataDomain."""
    account = more.pop("account", ACCOUNTS[domain])
    return event(
        "RegisterDataDomain", {"domain": domain, "config_secret_arn": secret_arn(account)}, account=account, **more
    )


def register_product(product: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a RegisterDataProduct of sales."""
    return event("RegisterDataProduct", {"domain": "sales", "product": product or product_spec()}, **more)


def request_access(request_id: uuid.UUID | None = None, **more: Any) -> dict[str, Any]:
    """Return a RequestDataProductAccess of marketing."""
    meta = {key: more.pop(key) for key in ("minute", "event_id") if key in more}
    account = more.pop("account", MARKETING)
    data = {
        "request_id": str(request_id or uuid.uuid4()),
        "domain": "marketing",
        "product": {"domain": "sales", "name": "air_travel"},
        "tables": None,
        "principals": [f"arn:aws:iam::{MARKETING}:role/analyst"],
        "justification": "Which routes do our customers fly?",
    }
    return event("RequestDataProductAccess", data | more, account=account, **meta)


class FakeCentral:
    """Central's account: its world, and its workflows run in it."""

    def __init__(self, account_id: str = CENTRAL) -> None:
        self.account_id = account_id
        self.registry = FakeRegistry()
        self.lake_formation = FakeLakeFormation()
        self.catalog = FakeCatalog(self.lake_formation)
        self.domains = FakeDomains()
        self.router = FakeRouter()
        self.now = NOW
        self.published: list[dict[str, Any]] = []
        self.faults: dict[tuple[str, Literal["before", "after"]], list[Exception]] = {}
        self.executions = 0
        for domain, account in ACCOUNTS.items():
            self.domains.secrets[secret_arn(account)] = config_of(domain)
            self.domains.buckets[bucket_of(account)] = account

    def flow(self, name: str) -> Any:
        """Return a flow, built anew as for every invocation."""
        match name:
            case "register_data_domain":
                world = DomainWorld(
                    self.registry, self.catalog, self.lake_formation, self.domains, self.domains, self.router
                )
                return DomainRegistration(world, self.central())
            case "register_data_product":
                return ProductRegistration(
                    ProductWorld(self.registry, self.catalog, self.lake_formation),
                    account_id=self.account_id,
                    partition="aws",
                )
            case "share_data_product":
                return ProductSharing(
                    SharingWorld(self.registry, self.catalog, self.lake_formation), account_id=self.account_id
                )
            case _:
                return ProductIndexing(IndexingWorld(self.registry, self.catalog))

    def central(self) -> Central:
        """Return central as its workflows know it."""
        return Central(
            prefix="datamesh",
            account_id=self.account_id,
            region=REGION,
            partition="aws",
            own_role_arn=OWN_ROLE,
            catalog_writer_role_arn=WRITER_ROLE,
            lake_access_role_arn=LAKE_ROLE,
            routing_role_arn=f"arn:aws:iam::{CENTRAL}:role/datamesh-central-to-domains",
            routing_dlq_arn=f"arn:aws:sqs:{REGION}:{CENTRAL}:datamesh-central-to-domains-dlq",
        )

    def step(self, flow: str, step: str, envelope: dict[str, Any], execution: str = "one", **payload: Any) -> Any:
        """Run one step of a flow as its function does."""
        request = read_request(
            {
                **payload,
                "step": step,
                "event": envelope,
                "execution": {"id": execution, "name": execution, "started_at": iso(self.now)},
            }
        )
        return STEPS[flow][step](self.flow(flow), request, self.now)

    def fail_once(self, step: str, error: Exception, when: Literal["before", "after"] = "before") -> None:
        """Make a step fail the next time it runs: before it does anything, or after it has done all."""
        self.faults.setdefault((step, when), []).append(error)

    def deliver(self, envelope: dict[str, Any]) -> asl_walk.Walk:
        """Let EventBridge start the flow's state machine with an event, and run it to its end."""
        flow = FLOW_OF.get(envelope["detail-type"], "index_data_product")
        self.executions += 1
        execution = f"arn:aws:states:{REGION}:{CENTRAL}:execution:datamesh-central-{flow}:{self.executions}"

        def answer(call: asl_walk.TaskCall) -> Any:
            try:
                self._inject(call.step or "publish", "before")
                if call.step is None:
                    self.published += call.arguments["Entries"]
                    return {"FailedEntryCount": 0}
                payload = call.arguments["Payload"]
                given = {name: value for name, value in payload.items() if name not in {"step", "event", "execution"}}
                result = self.step(flow, call.step, payload["event"], execution, **given)
                self._inject(call.step, "after")
            except Exception as error:
                # Lambda reports the class of an exception as the name of the error.
                message = error.message if isinstance(error, DatameshError) else str(error)
                raise asl_walk.TaskError(type(error).__name__, message) from error
            return result

        definition = asl.render(asl.REPOSITORY / "modules" / "central-governance" / f"{flow}.asl.json")
        return asl_walk.walk(definition, envelope, answer)

    def said(self, detail_type: str) -> list[dict[str, Any]]:
        """Return the data of all events of a type that central has published."""
        return [entry["Detail"]["data"] for entry in self.published if entry["DetailType"] == detail_type]

    def state(self) -> dict[str, Any]:
        """Return all that remains of what was done, without the traces of who did it when."""
        bookkeeping = {"version", "execution_id", "lease_expires_at", "updated_at", "registered_at", "granted_at"}
        records = {
            f"{key.pk}/{key.sk}": item if isinstance(item, str) else item.model_dump(mode="json", exclude=bookkeeping)
            for key, item in self.registry.items.items()
        }
        return {
            "registry": records,
            "databases": dict(self.catalog.databases),
            "tables": dict(self.catalog.tables),
            "grants": dict(self.lake_formation.granted),
            "locations": dict(self.lake_formation.locations),
            "routes": dict(self.router.routes),
        }

    def _inject(self, step: str, when: Literal["before", "after"]) -> None:
        pending = self.faults.get((step, when))
        if pending:
            raise pending.pop(0)


def central_with(*domains: str, product: dict[str, Any] | None = None) -> FakeCentral:
    """Return central with domains registered and, if given, a product of sales."""
    central = FakeCentral()
    for domain in domains:
        assert central.deliver(register_domain(domain)).status == "SUCCEEDED"
    if product is not None:
        assert central.deliver(register_product(product)).status == "SUCCEEDED"
    return central
