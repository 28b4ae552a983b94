"""A whole mesh in this process: the product's logic, gateways and state machines on the sandbox's rooms.

Nothing is applied and nothing listens: Lake Formation, RAM and Glue are the sandbox's, the registry is MiniStack's
DynamoDB, and a boto3 client asks them directly. EventBridge is a queue, Step Functions is tests/support/asl_walk.py.
Config secrets, buckets and routes are fakes: nobody reads data by them.
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any, Literal

import boto3
from botocore.exceptions import ClientError

from datamesh.aws.data_filters import DataFilters
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.ram import ResourceShares
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.aws.shared_catalog import SharedCatalog
from datamesh.handlers import link_data_product
from datamesh.handlers._runtime import read_request
from datamesh.logic.index_data_product import ProductIndexing
from datamesh.logic.index_data_product import World as IndexingWorld
from datamesh.logic.link_data_product import LinkDataProduct
from datamesh.logic.link_plans import LinkConfig
from datamesh.logic.register_data_domain import DomainRegistration
from datamesh.logic.register_data_domain import World as DomainWorld
from datamesh.logic.register_data_product import ProductRegistration
from datamesh.logic.register_data_product import World as ProductWorld
from datamesh.models.base import iso
from datamesh.models.errors import DatameshError
from sandbox import adapter, frontdoor, glue, lakeformation, ram, settings, snapshots
from sandbox.api import AwsError, Call, Caller
from sandbox.lakeformation import windows
from tests.support import asl, asl_walk
from tests.support.central import LAKE_ROLE, OWN_ROLE, RULES, WRITER_ROLE, FakeCentral
from tests.support.central_commands import ACCOUNTS, CENTRAL, NOW, REGION

TABLE = "datamesh-central-registry"
LEDGER = "datamesh-ledger"
SHARER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-share-data-product-function"
INDEXER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-index-data-product-function"
CENTRAL_ROLES = (LAKE_ROLE, OWN_ROLE, WRITER_ROLE, SHARER_ROLE, INDEXER_ROLE)
ONTOLOGY = {
    "channel": ("shop", "web"),
    "classification": ("confidential", "internal", "public"),
    "confidentiality": ("non-sensitive", "sensitive"),
}
LINK = asl.render(asl.REPOSITORY / "modules" / "data-domain" / "link_data_product.asl.json")
LINKED = {"DataProductAccessGranted", "DataProductRegistered", "DataProductTagsChanged"}
INDEXED = {"DataProductAccessProvisioned", "DataProductLinked", "DataProductSchemaUpdated"}
# What decides on who reads what.
CHANGES = {"AddLFTagsToResource", "BatchGrantPermissions", "CreateTable", "RemoveLFTagsFromResource", "UpdateTable"}
Envelope = dict[str, Any]
Fate = Literal["again", "failed", "gone"]
"""What becomes of an invocation that dies: its step is tried again, its execution fails, or that is gone as well."""
ERRORS: Mapping[Fate, str] = {"again": "Lambda.AWSLambdaException", "failed": "Lambda.Unknown", "gone": "States.Gone"}


def role(account: str, name: str) -> str:
    """Return the ARN of a role."""
    return f"arn:aws:iam::{account}:role/{name}"


def caller(arn: str) -> Caller:
    """Return a role as it calls."""
    return Caller(arn, arn, arn.split(":")[4], is_root=False)


def raw(account: str, service: str, operation: str, **params: Any) -> dict[str, Any]:
    """Make a call that asks nobody."""
    with adapter.scope(account, REGION):
        return adapter.invoke_raw(service, operation, params, account=account, region=REGION)


class Calls:
    """All calls to AWS go through here. After `left` more calls the invocation that makes the next one dies.

    After `until_other` more calls something else happens first, once: `other`.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.fate: Fate = "again"
        self.after_change: Callable[[], None] | None = None
        self.changes = frozenset(CHANGES)
        self.until_other: int | None = None
        self.other: Callable[[], None] | None = None
        self.dead: Exception | None = None

    def client(self, service: str, arn: str) -> Any:
        """Return a boto3 client of a role, which asks the sandbox without a network."""
        client = _client(service, arn)
        client._make_api_call = lambda operation, params: self._call(client, service, operation, params, caller(arn))
        return client

    def reached(self) -> None:
        """See whether the invocation lives to make one more call, and let the other go first that is to come now."""
        if self.until_other == 0 and self.other is not None:
            other, self.other = self.other, None
            other()
        if self.until_other is not None:
            self.until_other -= 1
        if self.left == 0:
            self.left, self.dead = None, type(ERRORS[self.fate], (Exception,), {})("died")
        if self.dead is not None:
            # What has died does not clean up either.
            raise self.dead
        if self.left is not None:
            self.left -= 1

    def _call(self, client: Any, service: str, operation: str, params: dict[str, Any], who: Caller) -> dict[str, Any]:
        self.reached()
        try:
            with adapter.scope(who.account, REGION):
                if service in adapter.handlers or service in adapter.gates:
                    answered = frontdoor.handle(Call(service, operation, params, who, REGION))
                    if self.after_change is not None and operation in self.changes:
                        self.after_change()
                    return answered
                return adapter.invoke_raw(service, operation, params, account=who.account, region=REGION)
        except AwsError as error:
            answer: Any = {"Error": {"Code": error.code, "Message": error.message}}
            if error.code == "TransactionCanceledException":
                # What DynamoDB says of each action stands in the text only, when nothing comes over a network.
                reasons = error.message.partition("[")[2].partition("]")[0].split(",")
                answer["CancellationReasons"] = [{"Code": reason.strip()} for reason in reasons]
            kind: type[ClientError] = client.exceptions.from_code(error.code)
            raise kind(answer, operation) from error

    def new_invocation(self) -> None:
        """Live again, unless the whole execution is gone."""
        if self.fate != "gone":
            self.dead = None

    def new_execution(self) -> None:
        """Live again."""
        self.dead = None


@cache
def _client(service: str, arn: str) -> Any:
    client: Any = boto3.client  # its type stubs want the service's name as a literal
    return client(service, region_name=REGION, aws_access_key_id=arn, aws_secret_access_key="any")


def patient() -> Retrier:
    """Return a retrier that waits without waiting."""
    return Retrier(sleep=lambda _: None)


class SandboxCentral(FakeCentral):
    """Central's account and its workflows, on the sandbox."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.calls = calls
        # Domains whose columns were not tagged as declared, because that would have shown something sensitive.
        self.withheld = set[str]()

    def registry_of(self, arn: str) -> Registry:
        """Return the registry, asked by a role."""
        return Registry(TABLE, self.calls.client("dynamodb", arn), patient(), ledger_table=LEDGER)

    def filters_of(self, arn: str) -> DataFilters:
        """Return the data cells filters, asked by a role."""
        return DataFilters(CENTRAL, self.calls.client("lakeformation", arn), patient())

    def flow(self, name: str) -> Any:
        """Return a flow as its function builds it, with its own role."""
        calls = self.calls

        def gateways(arn: str) -> tuple[Any, ...]:
            return (
                self.registry_of(arn),
                GlueCatalog(calls.client("glue", arn), patient()),
                LakeFormation(CENTRAL, calls.client("lakeformation", arn), patient()),
                LfTags(CENTRAL, calls.client("lakeformation", arn), patient()),
            )

        match name:
            case "register_data_domain":
                registry, catalog, permissions, lf_tags = gateways(OWN_ROLE)
                world = DomainWorld(registry, catalog, permissions, self.domains, self.domains, lf_tags, self.router)
                return DomainRegistration(world, self.central())
            case "register_data_product":
                registry, catalog, permissions, lf_tags = gateways(WRITER_ROLE)
                products = ProductWorld(registry, catalog, permissions, lf_tags, self.filters_of(WRITER_ROLE))
                return ProductRegistration(products, RULES, account_id=CENTRAL, partition="aws")
            case _:
                registry, catalog, permissions, lf_tags = gateways(INDEXER_ROLE)
                facts = IndexingWorld(registry, catalog, lf_tags, permissions, self.filters_of(INDEXER_ROLE))
                return ProductIndexing(facts, RULES, account_id=CENTRAL)

    def step(self, flow: str, step: str, envelope: Envelope, execution: str = "one", **payload: Any) -> Any:
        """Run one step: a new invocation."""
        self.calls.new_invocation()
        result = super().step(flow, step, envelope, execution, **payload)
        if "withheld" in result:
            self.withheld.add(envelope["detail"]["data"]["domain"])
        return result


@dataclass
class SandboxDomain:
    """A domain's account and its workflow that links."""

    name: str
    calls: Calls

    @property
    def account(self) -> str:
        return ACCOUNTS[self.name]

    def link(self, envelope: Envelope, execution: str, now: Any) -> asl_walk.Walk:
        """Run link_data_product to its end."""
        own = role(self.account, "link")
        config = LinkConfig(
            account_id=self.account,
            central_account_id=CENTRAL,
            prefix="datamesh",
            own_role_arn=own,
            data_principals=(role(self.account, "engineer"),),
            crawler_role_arn=role(self.account, "crawler"),
            schema_reader_role_arn=role(self.account, "crawl"),
        )
        glue_client = self.calls.client("glue", own)
        flow = LinkDataProduct(
            config,
            shares=ResourceShares(CENTRAL, self.calls.client("ram", own), patient()),
            shared=SharedCatalog(glue_client, patient()),
            catalog=GlueCatalog(glue_client, patient()),
            permissions=LakeFormation(self.account, self.calls.client("lakeformation", own), patient()),
        )

        def answer(call: asl_walk.TaskCall) -> Any:
            if call.step is None:
                return {"FailedEntryCount": 0}
            self.calls.new_invocation()
            payload = call.arguments["Payload"] | {
                "execution": {"id": execution, "name": execution, "started_at": iso(now)}
            }
            try:
                return link_data_product.STEPS[call.step](flow, read_request(payload), now)
            except Exception as error:
                message = error.message if isinstance(error, DatameshError) else str(error)
                raise asl_walk.TaskError(type(error).__name__, message) from error

        return asl_walk.walk(LINK, envelope, answer)


@dataclass(frozen=True)
class Done:
    """How an execution ended, and for which event."""

    envelope: Envelope
    walk: asl_walk.Walk


@dataclass
class SandboxMesh:
    """Central and three domains. Every event is delivered at once unless it is `held`, and remembered.

    Sharing is in tests/support/access_mesh.py: people may be asked, and time passes.
    """

    calls: Calls = field(default_factory=Calls)
    held: list[tuple[str, Envelope]] = field(default_factory=list)
    seen: list[tuple[str, Envelope]] = field(default_factory=list)
    holding: bool = False

    def __post_init__(self) -> None:
        self.central = SandboxCentral(self.calls)
        self.domains = {name: SandboxDomain(name, self.calls) for name in ACCOUNTS}
        self.registry = self.central.registry_of(OWN_ROLE)
        self.permissions = LakeFormation(CENTRAL, self.calls.client("lakeformation", OWN_ROLE), patient())

    @property
    def minute(self) -> int:
        """Now, as tests/support/central_commands.py counts it."""
        return 60 + int((self.central.now - NOW).total_seconds() // 60)

    def pass_time(self, **time: float) -> None:
        """Let time go by."""
        self.central.now += timedelta(**time)

    def send(self, envelope: Envelope) -> list[Done]:
        """Deliver an event to central, and everything that follows from it to whom it is addressed."""
        return self._run(deque([(CENTRAL, envelope)]))

    def deliver(self, account: str, envelope: Envelope) -> list[Done]:
        """Deliver an event to an account, once more or late."""
        return self._run(deque([(account, envelope)]))

    def _run(self, queue: deque[tuple[str, Envelope]]) -> list[Done]:
        done: list[Done] = []
        while queue:
            account, envelope = queue.popleft()
            self.seen.append((account, envelope))
            self.calls.new_execution()
            if account == CENTRAL:
                known = len(self.central.published)
                walk = self.central.deliver(envelope)
                said = self.central.published[known:]
            else:
                self.central.executions += 1
                walk = self._domain(account).link(envelope, f"link-{self.central.executions}", self.central.now)
                said = [entry for entry in walk.published if walk.status == "SUCCEEDED"]
            self.calls.new_execution()
            done.append(Done(envelope, walk))
            for follower in self._followers(account, said):
                if self.holding:
                    self.held.append(follower)
                else:
                    queue.append(follower)
        return done

    def _domain(self, account: str) -> SandboxDomain:
        return next(domain for domain in self.domains.values() if domain.account == account)

    def _followers(self, sender: str, entries: list[dict[str, Any]]) -> Iterator[tuple[str, Envelope]]:
        """Yield who gets which of these entries: central's forwarding rules and the patterns of the workflows."""
        for entry in entries:
            kind, detail = entry["DetailType"], entry["Detail"]
            envelope = {
                "version": "0",
                "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{detail['metadata']['event_id']}")),
                "detail-type": kind,
                "source": entry["Source"],
                "account": sender,
                "time": iso(self.central.now),
                "region": REGION,
                "resources": [],
                "detail": detail,
            }
            target = detail["metadata"].get("target_account")
            if sender == CENTRAL and kind in LINKED:
                if kind != "DataProductRegistered" or detail["data"]["outcome"] != "unchanged":
                    yield target, envelope
            elif sender != CENTRAL and kind in INDEXED:
                yield CENTRAL, envelope


# --- the accounts -----------------------------------------------------------------------------------------------------

PEOPLE = ("analyst", "scientist")
ROLES = (*PEOPLE, "engineer", "crawler", "crawl", "link")


def install() -> None:
    """Fit the rooms into MiniStack, in this process."""
    adapter.install()
    for room in (ram, lakeformation, glue):
        room.install()


def make_accounts() -> None:
    """Empty all accounts; make the roles, Lake Formation's settings, the registry and the ontology."""
    snapshots.reset()
    settings.update(ram_visibility_delay=0.0)
    for arn in CENTRAL_ROLES:
        _make_role(arn)
    _administer(CENTRAL, *CENTRAL_ROLES)
    for account in ACCOUNTS.values():
        for name in ROLES:
            _make_role(role(account, name))
        _administer(account, role(account, "link"))
    keys = [("pk", "HASH"), ("sk", "RANGE")]
    for table in (TABLE, LEDGER):
        raw(
            CENTRAL,
            "dynamodb",
            "CreateTable",
            TableName=table,
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
    lf_tags = LfTags(CENTRAL, Calls().client("lakeformation", OWN_ROLE), patient())
    for key, values in ONTOLOGY.items():
        lf_tags.ensure_values(key, values)


def _make_role(arn: str) -> None:
    account, name = arn.split(":")[4], arn.rsplit("/", 1)[-1]
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    service = {"Effect": "Allow", "Principal": {"Service": "lakeformation.amazonaws.com"}, "Action": "sts:AssumeRole"}
    documents = [json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (service, everything)]
    raw(account, "iam", "CreateRole", RoleName=name, AssumeRolePolicyDocument=documents[0])
    raw(account, "iam", "PutRolePolicy", RoleName=name, PolicyName="all", PolicyDocument=documents[1])


def _administer(account: str, *roles: str) -> None:
    given = {
        "DataLakeAdmins": [{"DataLakePrincipalIdentifier": arn} for arn in roles],
        "Parameters": {"CROSS_ACCOUNT_VERSION": "4"},
        "CreateDatabaseDefaultPermissions": [],
        "CreateTableDefaultPermissions": [],
    }
    root = f"arn:aws:iam::{account}:root"
    with adapter.scope(account, REGION):
        who = Caller(root, root, account, is_root=True)
        frontdoor.handle(Call("lakeformation", "PutDataLakeSettings", {"DataLakeSettings": given}, who, REGION))


@contextmanager
def at_once() -> Iterator[None]:
    """Let shares be visible at once, and grants take no time."""
    held = windows.HOLD_SECONDS
    windows.HOLD_SECONDS = 0.0
    try:
        yield
    finally:
        windows.HOLD_SECONDS = held
        settings.reset()
