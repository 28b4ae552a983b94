"""Central's account in memory, and its state machines run in it: no network, no waiting."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal

from datamesh.handlers import (
    deregister_data_domain,
    deregister_data_product,
    index_data_product,
    register_data_domain,
    register_data_product,
    revoke_access,
    share_data_product,
)
from datamesh.handlers._runtime import FlowStep, read_request
from datamesh.logic.approvals import Approvals
from datamesh.logic.deregister_data_domain import DomainDeregistration
from datamesh.logic.deregister_data_domain import World as LeavingWorld
from datamesh.logic.deregister_data_product import ProductDeregistration
from datamesh.logic.deregister_data_product import World as ProductLeavingWorld
from datamesh.logic.domains import Central
from datamesh.logic.index_data_product import ProductIndexing
from datamesh.logic.index_data_product import World as IndexingWorld
from datamesh.logic.register_data_domain import DomainRegistration
from datamesh.logic.register_data_domain import World as DomainWorld
from datamesh.logic.register_data_product import ProductRegistration
from datamesh.logic.register_data_product import World as ProductWorld
from datamesh.logic.revoke_access import AccessRevocation
from datamesh.logic.revoke_access import World as EndingWorld
from datamesh.logic.share_data_product import ProductSharing
from datamesh.logic.share_world import ShareConfig
from datamesh.logic.share_world import World as SharingWorld
from datamesh.logic.tagging import TagRules
from datamesh.logic.votes import Ballot
from datamesh.models.base import iso
from datamesh.models.errors import DatameshError
from datamesh.models.registry import LEDGER_HEAD, POLICY_SEEN
from tests.support import asl, asl_walk
from tests.support.access_fakes import FakeCallbacks, FakeDataFilters, FakeOutbox, FakeSchedules
from tests.support.central_commands import (
    ACCOUNTS,
    CENTRAL,
    NOW,
    REGION,
    bucket_of,
    config_of,
    register_domain,
    register_product,
    secret_arn,
)
from tests.support.central_fakes import (
    FakeCatalog,
    FakeDomains,
    FakeLakeFormation,
    FakeLfTags,
    FakeRegistry,
    FakeRouter,
)

DOMAIN_TAG_KEY = "lob"
SENSITIVE_TAGS = {"classification": ("confidential", "restricted"), "confidentiality": ("sensitive",)}
RULES = TagRules(domain_tag_key=DOMAIN_TAG_KEY, sensitive_tags=SENSITIVE_TAGS)
LAKE_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-lake-access"
OWN_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-register-data-domain-function"
REMOVER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-deregister-data-domain-function"
PRODUCT_REMOVER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-deregister-data-product-function"
REVOKER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-revoke-access-function"
WRITER_ROLE = f"arn:aws:iam::{CENTRAL}:role/datamesh-central-register-data-product-function"
STEPS: dict[str, Mapping[str, FlowStep[Any]]] = {
    "register_data_domain": register_data_domain.STEPS,
    "deregister_data_domain": deregister_data_domain.STEPS,
    "deregister_data_product": deregister_data_product.STEPS,
    "revoke_access": revoke_access.STEPS,
    "register_data_product": register_data_product.STEPS,
    "share_data_product": share_data_product.STEPS,
    "index_data_product": index_data_product.STEPS,
}
FLOW_OF = {
    "RegisterDataDomain": "register_data_domain",
    "DeregisterDataDomain": "deregister_data_domain",
    "RegisterDataProduct": "register_data_product",
    "RequestDataProductAccess": "share_data_product",
    "ExtendDataProductAccess": "share_data_product",
    "WidenDataProductAccess": "share_data_product",
    "DeregisterDataProduct": "deregister_data_product",
    "RevokeDataProductAccess": "revoke_access",
    "ExpireDataProductAccess": "revoke_access",
    "DataProductLinkFailed": "revoke_access",
}


class FakeCentral:
    """Central's account: its world, and its workflows run in it."""

    def __init__(self, account_id: str = CENTRAL) -> None:
        self.account_id = account_id
        self.registry = FakeRegistry()
        self.lake_formation = FakeLakeFormation()
        self.filters = FakeDataFilters()
        self.schedules = FakeSchedules()
        self.outbox = FakeOutbox()
        self.callbacks = FakeCallbacks()
        self.waiting: list[asl_walk.Execution] = []
        self.catalog = FakeCatalog(self.lake_formation)
        self.lf_tags = FakeLfTags(self.catalog)
        self.domains = FakeDomains()
        self.router = FakeRouter()
        self.now = NOW
        self.published: list[dict[str, Any]] = []
        self.faults: dict[tuple[str, Literal["before", "after"]], list[Exception]] = {}
        self.executions = 0
        for domain, account in ACCOUNTS.items():
            self.domains.secrets[secret_arn(account)] = config_of(domain, **people_of(domain))
            self.domains.buckets[bucket_of(account)] = account

    def flow(self, name: str) -> Any:
        """Return a flow, built anew as for every invocation."""
        match name:
            case "register_data_domain":
                world = DomainWorld(
                    self.registry,
                    self.catalog,
                    self.lake_formation,
                    self.domains,
                    self.domains,
                    self.lf_tags,
                    self.router,
                )
                return DomainRegistration(world, self.central())
            case "deregister_data_domain":
                leaving = LeavingWorld(self.registry, self.catalog, self.lake_formation, self.lf_tags, self.router)
                return DomainDeregistration(leaving, self.central(), own_role_arn=REMOVER_ROLE)
            case "deregister_data_product":
                gone = ProductLeavingWorld(self.registry, self.catalog, self.lake_formation, self.lf_tags)
                return ProductDeregistration(gone, account_id=self.account_id, own_role_arn=PRODUCT_REMOVER_ROLE)
            case "revoke_access":
                ending = EndingWorld(
                    self.registry,
                    self.lake_formation,
                    self.lf_tags,
                    self.filters,
                    self.schedules,
                    self.outbox,
                    Approvals(self.registry, self.outbox, self.callbacks),
                )
                return AccessRevocation(
                    ending, account_id=self.account_id, prefix="datamesh", own_role_arn=REVOKER_ROLE
                )
            case "register_data_product":
                return ProductRegistration(
                    ProductWorld(self.registry, self.catalog, self.lake_formation, self.lf_tags, self.filters),
                    RULES,
                    account_id=self.account_id,
                    partition="aws",
                )
            case "share_data_product":
                sharing = SharingWorld(
                    self.registry,
                    self.catalog,
                    self.lake_formation,
                    self.lf_tags,
                    self.filters,
                    self.schedules,
                    self.outbox,
                    self.callbacks,
                )
                return ProductSharing(sharing, ShareConfig(self.account_id, "datamesh", RULES))
            case _:
                world_of_facts = IndexingWorld(
                    self.registry, self.catalog, self.lf_tags, self.lake_formation, self.filters
                )
                return ProductIndexing(world_of_facts, RULES, account_id=self.account_id)

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
            domain_tag_key=DOMAIN_TAG_KEY,
            sensitive_tags=SENSITIVE_TAGS,
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
        """Let EventBridge start the flow's state machine with an event, and run it until it ends or waits for people.

        Of one that waits the walk has no end yet: `go_on` and `time_out` continue it.
        """
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
                if "task_token" in given:
                    self.callbacks.waiting[given["task_token"]] = None
                result = self.step(flow, call.step, payload["event"], execution, **given)
                self._inject(call.step, "after")
            except Exception as error:
                # Lambda reports the class of an exception as the name of the error.
                message = error.message if isinstance(error, DatameshError) else str(error)
                raise asl_walk.TaskError(type(error).__name__, message) from error
            return result

        definition = asl.render(asl.REPOSITORY / "modules" / "central-governance" / f"{flow}.asl.json")
        return self._run(asl_walk.Execution(definition, envelope, answer, execution))

    def vote(
        self,
        request_id: uuid.UUID,
        approver: str = "owner@sales.example",
        decision: Literal["APPROVE", "DENY"] = "APPROVE",
        number: int = 0,
    ) -> list[asl_walk.Walk]:
        """Let a person decide, and whatever is called back by that go on."""
        approvals = Approvals(self.registry, self.outbox, self.callbacks)
        approvals.vote(request_id, number, Ballot(approver, decision, "I have looked at it", "portal"), self.now)
        return self.go_on()

    def go_on(self) -> list[asl_walk.Walk]:
        """Let all executions go on that were called back."""
        waiting, self.waiting = self.waiting, []
        return [self._run(execution) for execution in waiting]

    def time_out(self) -> list[asl_walk.Walk]:
        """Let the deadline of all that waits pass."""
        waiting, self.waiting = self.waiting, []
        for execution in waiting:
            if execution.pause is not None and execution.pause.token is not None:
                del self.callbacks.waiting[execution.pause.token]
            execution.time_out()
        return [self._run(execution) for execution in waiting]

    def _run(self, execution: asl_walk.Execution) -> asl_walk.Walk:
        """Run an execution to its end, or to where it waits for people."""
        while execution.pause is not None:
            token = execution.pause.token
            answered = self.callbacks.waiting[token] if token is not None else None
            if token is not None and answered is None:
                self.waiting.append(execution)
                break
            execution.go_on(answered)
        return execution.walk

    def said(self, detail_type: str) -> list[dict[str, Any]]:
        """Return the data of all events of a type that central has published."""
        return [entry["Detail"]["data"] for entry in self.published if entry["DetailType"] == detail_type]

    def state(self) -> dict[str, Any]:
        """Return all that remains of what was done, without the traces of who did it when."""
        bookkeeping = {"version", "execution_id", "lease_expires_at", "updated_at", "registered_at", "granted_at"}
        records = {
            f"{key.pk}/{key.sk}": item if isinstance(item, str) else item.model_dump(mode="json", exclude=bookkeeping)
            for key, item in self.registry.items.items()
            if key not in {LEDGER_HEAD, POLICY_SEEN}
        }
        return {
            "registry": records,
            "databases": dict(self.catalog.databases),
            "tables": dict(self.catalog.tables),
            "grants": dict(self.lake_formation.granted),
            "filters": dict(self.filters.found),
            "lf_tags": {
                "known": {key: sorted(values) for key, values in self.lf_tags.known.items()},
                "databases": {name: tags for name, tags in self.lf_tags.on_databases.items() if tags},
                "tables": {name: tags for name, tags in self.lf_tags.on_tables.items() if tags},
                "columns": {name: tags for name, tags in self.lf_tags.on_columns.items() if tags},
            },
            "locations": dict(self.lake_formation.locations),
            "routes": dict(self.router.routes),
        }

    def _inject(self, step: str, when: Literal["before", "after"]) -> None:
        pending = self.faults.get((step, when))
        if pending:
            raise pending.pop(0)


def people_of(domain: str) -> dict[str, Any]:
    """Return who decides for a domain, as its config secret has them."""
    return {
        "product_owners": [{"email": f"owner@{domain}.example"}],
        "data_stewards": [{"email": f"steward@{domain}.example"}],
        "approval_topic_arn": f"arn:aws:sns:{REGION}:{ACCOUNTS[domain]}:datamesh-domain-approvals",
    }


def central_with(*domains: str, product: dict[str, Any] | None = None) -> FakeCentral:
    """Return central with domains registered and, if given, a product of sales."""
    central = FakeCentral()
    for domain in domains:
        assert central.deliver(register_domain(domain)).status == "SUCCEEDED"
    if product is not None:
        assert central.deliver(register_product(product)).status == "SUCCEEDED"
    return central
