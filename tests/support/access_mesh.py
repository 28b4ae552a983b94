"""The mesh of tests/support/sandbox_mesh.py with people in it: executions wait for them, and access ends again.

Executions pause where AWS would let time pass: for people, and for their next attempt. The clock moves when a test lets
time pass, and by itself while nothing but next attempts is left to wait for. Schedules, the outbox and callbacks are
fakes; what is asked of them counts as a call to AWS, so that invocations die there as well.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.ledger import Ledger
from datamesh.aws.lf_tags import LfTags, TagSearch
from datamesh.aws.ram import ResourceShares
from datamesh.aws.registry import Registry
from datamesh.aws.shared_catalog import SharedCatalog
from datamesh.handlers import (
    link_data_product,
    reconcile_access,
    revoke_access,
    share_data_product,
    unlink_data_product,
)
from datamesh.handlers._runtime import FlowStep, read_request
from datamesh.logic import ledger
from datamesh.logic.approval_links import make_link
from datamesh.logic.approvals import Approvals
from datamesh.logic.decide_approval import ApprovalDecisions, Form
from datamesh.logic.deciding import Deciding
from datamesh.logic.drift import DriftWorld
from datamesh.logic.link_data_product import LinkDataProduct
from datamesh.logic.link_plans import LinkConfig
from datamesh.logic.reconcile_access import AccessReconciliation, ReconcileConfig
from datamesh.logic.reconcile_access import World as ReconcilingWorld
from datamesh.logic.revoke_access import AccessRevocation
from datamesh.logic.revoke_access import World as EndingWorld
from datamesh.logic.share_data_product import ProductSharing
from datamesh.logic.share_world import ShareConfig
from datamesh.logic.share_world import World as SharingWorld
from datamesh.logic.unlink_data_product import UnlinkDataProduct
from datamesh.models.approvals import ApprovalRecord, Decision
from datamesh.models.base import iso
from datamesh.models.errors import CallbackRefused, DatameshError, NotEligible, StageClosed, VoteNotTaken
from datamesh.models.ledger import LedgerEntry
from datamesh.models.people import Person
from datamesh.models.policy import ApprovalPolicy
from tests.support import asl, asl_walk
from tests.support.access_fakes import FakeOutbox, FakeSchedules
from tests.support.approvals import BASE_URL, FakeSignatures
from tests.support.central import DOMAIN_TAG_KEY, FLOW_OF, OWN_ROLE, RULES
from tests.support.central import STEPS as CENTRAL_STEPS
from tests.support.central_commands import ACCOUNTS, CENTRAL, REGION, config_of, event, secret_arn
from tests.support.sandbox_mesh import (
    CHANGES,
    INDEXED,
    LEDGER,
    SHARER_ROLE,
    TABLE,
    Calls,
    Done,
    Envelope,
    SandboxCentral,
    SandboxMesh,
    patient,
    raw,
    role,
)

# Who stands in for the functions that decide and revoke: administrators, as they are.
ENDER_ROLE = OWN_ROLE
DECIDER_ROLE = OWN_ROLE
WATCHER = role(CENTRAL, "watcher")
CENTRAL_TOPIC = f"arn:aws:sns:{REGION}:{CENTRAL}:datamesh-central-approvals"
OWNERS = {domain: (f"ann@{domain}.example", f"bob@{domain}.example") for domain in ACCOUNTS}
GOVERNORS = ("gina@mesh.example", "gus@mesh.example", f"bob@{next(iter(ACCOUNTS))}.example")
WIDER_CHANGES = frozenset(
    {
        *CHANGES,
        "BatchRevokePermissions",
        "CreateDataCellsFilter",
        "DeleteDataCellsFilter",
        "UpdateDataCellsFilter",
    }
)
ENDING = {"DataProductLinkFailed", "ExpireDataProductAccess", "RevokeDataProductAccess"}
ASKING = {"ExtendDataProductAccess", "RequestDataProductAccess", "WidenDataProductAccess"}
FLOWS = (
    FLOW_OF
    | {"ReconcileAccess": "reconcile_access"}
    | dict.fromkeys(ENDING, "revoke_access")
    | dict.fromkeys(ASKING, "share_data_product")
)
OWN_COMMANDS = {"ExpireDataProductAccess", "RevokeDataProductAccess", "WidenDataProductAccess"}
UNLINKED = {"DataProductAccessEnding", "DataProductDeregistered"}
LINKED = {"DataProductAccessGranted", "DataProductRegistered", "DataProductTagsChanged"}
FROM_DOMAINS = INDEXED | {"DataProductUnlinked", "DataProductLinkFailed"}
STEPS: Mapping[str, Mapping[str, FlowStep[Any]]] = {
    **CENTRAL_STEPS,
    "share_data_product": share_data_product.STEPS,
    "revoke_access": revoke_access.STEPS,
    "reconcile_access": reconcile_access.STEPS,
}


class Counted:
    """Stands before a fake: what is asked of it counts as a call to AWS."""

    def __init__(self, calls: Calls, fake: Any) -> None:
        self._calls, self._fake = calls, fake

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            self._calls.reached()
            return getattr(self._fake, name)(*given, **named)

        return call


@dataclass
class Tokens:
    """The executions that wait to be called back, by their tokens, and what they were told meanwhile."""

    handed_out: set[str] = field(default_factory=set)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, task_token: str, output: dict[str, Any]) -> None:
        """Let an execution go on."""
        if task_token not in self.handed_out or task_token in self.told:
            raise CallbackRefused("Task Timed Out: 'Provided task does not exist anymore'")
        self.told[task_token] = output


@dataclass
class Run:
    """An execution that has not ended."""

    account: str
    envelope: Envelope
    execution: asl_walk.Execution
    wakes: datetime
    ends: datetime

    @property
    def token(self) -> str | None:
        """What it waits to be called back by."""
        return self.execution.pause.token if self.execution.pause is not None else None


@dataclass(frozen=True)
class Mailed:
    """A link as it was mailed to somebody."""

    link_id: str
    signature: str
    to: str
    request_id: uuid.UUID
    number: int
    digest: str


class AccessCentral(SandboxCentral):
    """Central's account with the flows that let people decide, and that end access."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.schedules, self.outbox, self.tokens = FakeSchedules(), FakeOutbox(), Tokens()
        self.signatures = FakeSignatures()
        for domain, account in ACCOUNTS.items():
            people = tuple(Person(email=email, domain=domain) for email in OWNERS[domain])
            topic = f"arn:aws:sns:{REGION}:{account}:datamesh-domain-approvals"
            self.domains.secrets[secret_arn(account)] = config_of(
                domain, product_owners=people, approval_topic_arn=topic
            )

    def flow(self, name: str) -> Any:
        """Return a flow as its function builds it, with its own role."""
        calls = self.calls
        schedules, outbox, callbacks = (Counted(calls, fake) for fake in (self.schedules, self.outbox, self.tokens))
        match name:
            case "share_data_product":
                client = calls.client("lakeformation", SHARER_ROLE)
                world = SharingWorld(
                    registry=self.registry_of(SHARER_ROLE),
                    catalog=GlueCatalog(calls.client("glue", SHARER_ROLE), patient()),
                    permissions=LakeFormation(CENTRAL, client, patient()),
                    lf_tags=LfTags(CENTRAL, client, patient()),
                    filters=self.filters_of(SHARER_ROLE),
                    schedules=schedules,
                    outbox=outbox,
                    callbacks=callbacks,
                )
                return ProductSharing(world, ShareConfig(CENTRAL, "datamesh", RULES, CENTRAL_TOPIC))
            case "revoke_access":
                client, registry = calls.client("lakeformation", ENDER_ROLE), self.registry_of(ENDER_ROLE)
                ending = EndingWorld(
                    registry=registry,
                    permissions=LakeFormation(CENTRAL, client, patient()),
                    tag_search=TagSearch(CENTRAL, client, patient()),
                    filters=self.filters_of(ENDER_ROLE),
                    schedules=schedules,
                    outbox=outbox,
                    approvals=Approvals(registry, outbox, callbacks),
                )
                return AccessRevocation(ending, account_id=CENTRAL, prefix="datamesh", own_role_arn=ENDER_ROLE)
            case "reconcile_access":
                client, registry = calls.client("lakeformation", ENDER_ROLE), self.registry_of(ENDER_ROLE)
                looked_at = DriftWorld(
                    registry=registry,
                    catalog=GlueCatalog(calls.client("glue", ENDER_ROLE), patient()),
                    permissions=LakeFormation(CENTRAL, client, patient()),
                    filters=self.filters_of(ENDER_ROLE),
                )
                return AccessReconciliation(
                    ReconcilingWorld(looked_at, Approvals(registry, outbox, callbacks), outbox),
                    ReconcileConfig(CENTRAL, "datamesh", DOMAIN_TAG_KEY, "all", ENDER_ROLE),
                )
            case _:
                return super().flow(name)

    def step(self, flow: str, step: str, envelope: Envelope, execution: str = "one", **payload: Any) -> Any:
        """Run one step: a new invocation."""
        self.calls.new_invocation()
        given = {
            **payload,
            "step": step,
            "event": envelope,
            "execution": {"id": execution, "name": execution, "started_at": iso(self.now)},
        }
        result = STEPS[flow][step](self.flow(flow), read_request(given), self.now)
        if "withheld" in result:
            self.withheld.add(envelope["detail"]["data"]["domain"])
        return result

    def deciding(self) -> Deciding:
        """Return what takes votes."""
        return Deciding(self.registry_of(DECIDER_ROLE), Counted(self.calls, self.tokens))

    def answer(self, flow: str, execution: str) -> asl_walk.Answer:
        """Return what answers the tasks of an execution."""

        def answered(call: asl_walk.TaskCall) -> Any:
            if call.step is None:
                self.published += call.arguments["Entries"]
                return {"FailedEntryCount": 0}
            given = {
                name: value
                for name, value in call.arguments["Payload"].items()
                if name not in {"step", "event", "execution"}
            }
            if "task_token" in given:
                self.tokens.handed_out.add(given["task_token"])
            with named_errors():
                return self.step(flow, call.step, call.arguments["Payload"]["event"], execution, **given)

        return answered


@dataclass
class AccessDomain:
    """A domain's account and its workflows that link and unlink."""

    name: str
    central: AccessCentral
    published: list[dict[str, Any]] = field(default_factory=list)

    @property
    def account(self) -> str:
        """Its number."""
        return ACCOUNTS[self.name]

    def answer(self, flow: str, execution: str) -> asl_walk.Answer:
        """Return what answers the tasks of an execution."""
        calls, own = self.central.calls, role(self.account, "link")
        config = LinkConfig(
            account_id=self.account,
            central_account_id=CENTRAL,
            prefix="datamesh",
            own_role_arn=own,
            data_principals=(role(self.account, "engineer"),),
            crawler_role_arn=role(self.account, "crawler"),
            schema_reader_role_arn=role(self.account, "crawl"),
        )
        glue_client = calls.client("glue", own)
        shared, catalog = SharedCatalog(glue_client, patient()), GlueCatalog(glue_client, patient())
        permissions = LakeFormation(self.account, calls.client("lakeformation", own), patient())
        link = LinkDataProduct(
            config,
            shares=ResourceShares(CENTRAL, calls.client("ram", own), patient()),
            shared=shared,
            catalog=catalog,
            permissions=permissions,
        )
        unlink = UnlinkDataProduct(config, shared=shared, catalog=catalog, permissions=permissions)

        def answered(call: asl_walk.TaskCall) -> Any:
            now = self.central.now
            if call.step is None:
                self.published += call.arguments["Entries"]
                return {"FailedEntryCount": 0}
            calls.new_invocation()
            about = {"id": execution, "name": execution, "started_at": iso(now)}
            request = read_request(call.arguments["Payload"] | {"execution": about})
            with named_errors():
                if flow == "link_data_product":
                    return link_data_product.STEPS[call.step](link, request, now)
                return unlink_data_product.STEPS[call.step](unlink, request, now)

        return answered


@contextmanager
def named_errors() -> Iterator[None]:
    """Let an exception be an error of a task, by the name that Lambda reports: its class."""
    try:
        yield
    except Exception as error:
        message = error.message if isinstance(error, DatameshError) else str(error)
        raise asl_walk.TaskError(type(error).__name__, message) from error


class AccessMesh(SandboxMesh):
    """Central and three domains, with people who are asked."""

    central: AccessCentral
    domains: dict[str, Any]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.central = AccessCentral(self.calls)
        self.domains = {name: AccessDomain(name, self.central) for name in ACCOUNTS}
        self.calls.changes = WIDER_CHANGES
        # Whoever watches dies with nobody.
        self._watching = Calls()
        self.registry = Registry(TABLE, self._watching.client("dynamodb", WATCHER), patient(), ledger_table=LEDGER)
        self.runs: list[Run] = []
        self.at_work: list[Envelope] = []
        self.mailed: list[Mailed] = []
        self._mails = 0
        self._told: dict[str, int] = {}
        # While something happens in the middle of something else nobody can wait for time to pass.
        self._within = 0

    # --- what happens -------------------------------------------------------------------------------------------------

    def let_pass(self, **time: float) -> list[Done]:
        """Let time go by: schedules fire, deadlines come."""
        until, done = self.central.now + timedelta(**time), []
        while (moment := self._next_timer()) is not None and moment <= until:
            self.central.now = max(self.central.now, moment)
            done += self._run(self._fired())
        self.central.now = max(self.central.now, until)
        return done

    def meanwhile(self, envelope: Envelope, after: int) -> None:
        """Let an event arrive, and its execution run as far as it comes, in the middle of the next invocation."""

        def other() -> None:
            left, self.calls.left = self.calls.left, None
            self._within += 1
            try:
                self._run(deque([(CENTRAL, envelope)]))
            finally:
                self._within -= 1
                self.calls.left = left

        self.calls.until_other, self.calls.other = after, other

    def vote(self, mail: Mailed, decision: Decision, *, comment: str = "Fine by me", signature: str = "") -> str:
        """Post a decision by a mailed link; return how the stage stands then, or why the vote does not count.

        Whoever waits for it goes on with `go_on`.
        """
        self.calls.new_execution()
        deciding = self.central.deciding()
        page = ApprovalDecisions(self.central.registry_of(DECIDER_ROLE), deciding, self.central.signatures)
        try:
            page.decide(mail.link_id, Form(signature or mail.signature, decision, comment), self.central.now)
        except VoteNotTaken as refusal:
            return type(refusal).__name__
        return self.stage(mail).status

    def reconcile(self) -> list[Done]:
        """Let central compare what it grants with what it should, mend that, and bring forward what was stranded."""
        command = event("ReconcileAccess", {}, account=CENTRAL, minute=self.minute, source="datamesh.central")
        return self.send(command)

    def go_on(self) -> list[Done]:
        """Let all go on that has something to do."""
        return self._run(deque())

    def stage(self, mail: Mailed) -> ApprovalRecord:
        """Return the stage that a link is about."""
        found = self.registry.approval(mail.request_id, mail.number)
        assert found is not None
        return found

    def set_policy(self, policy: ApprovalPolicy) -> None:
        """Put an approval policy in force, as Terraform does."""
        item = {"pk": "POLICY", "sk": "META", "kind": "policy", "document": policy.model_dump_json()}
        attributes: dict[str, Any] = {name: {"S": text} for name, text in item.items()}
        raw(CENTRAL, "dynamodb", "PutItem", TableName=TABLE, Item=attributes | {"version": {"N": "1"}})

    def verdict(self) -> ledger.Verdict:
        """Return what the ledger's verification says."""
        known = ledger.Known(before=self.registry.ledger_head(), after=self.registry.ledger_head)
        return ledger.verify(self._ledger().stored(), known)

    def entries(self) -> list[LedgerEntry]:
        """Return the ledger."""
        return list(self._ledger().entries())

    def _ledger(self) -> Ledger:
        return Ledger(LEDGER, self._watching.client("dynamodb", WATCHER), patient())

    # --- executions ---------------------------------------------------------------------------------------------------

    def _run(self, queue: deque[tuple[str, Envelope]]) -> list[Done]:
        """Deliver events and let executions go on, until all that is left waits for people, or is over."""
        done: list[Done] = []
        while True:
            run: Run | None
            if queue:
                run = self._started(*queue.popleft())
            elif (run := self._woken()) is None:
                run = None if self._within else self._retrying()
                if run is None:
                    return done
                timer = self._next_timer()
                if timer is not None and timer <= run.wakes:
                    self.central.now = max(self.central.now, timer)
                    queue.extend(self._fired())
                    continue
                self.central.now = max(self.central.now, run.wakes)
                self._go_on(run)
            queue.extend(self._after(run))
            if run.execution.pause is None:
                done.append(Done(run.envelope, run.execution.walk))

    def _started(self, account: str, envelope: Envelope) -> Run:
        self.seen.append((account, envelope))
        self.central.executions += 1
        kind, side = envelope["detail-type"], self._side(account)
        if account == CENTRAL:
            flow, module = FLOWS.get(kind, "index_data_product"), "central-governance"
        else:
            flow, module = "unlink_data_product" if kind in UNLINKED else "link_data_product", "data-domain"
        execution_id = f"arn:aws:states:{REGION}:{account}:execution:datamesh-{flow}:{self.central.executions}"
        definition = asl.render(asl.REPOSITORY / "modules" / module / f"{flow}.asl.json")
        now = self.central.now
        with self._working(envelope):
            execution = asl_walk.Execution(definition, envelope, side.answer(flow, execution_id), execution_id)
        return Run(account, envelope, execution, now, now + timedelta(seconds=definition["TimeoutSeconds"]))

    def _go_on(self, run: Run) -> None:
        """Let a run make its next attempt, or go on with what it was told; one that lasts too long is ended."""
        self.runs.remove(run)
        if self.central.now > run.ends:
            run.execution.abort("States.Timeout")
            return
        told = self.central.tokens.told.get(run.token or "")
        with self._working(run.envelope):
            if run.token is not None and told is None:
                run.execution.time_out()
            else:
                run.execution.go_on(told)

    def _after(self, run: Run) -> Iterator[tuple[str, Envelope]]:
        """Yield what follows from what was said by now, and keep what waits."""
        pause = run.execution.pause
        if pause is not None:
            run.wakes = self.central.now + timedelta(seconds=pause.seconds)
            self.runs.append(run)
        self._mail()
        for account in (CENTRAL, *ACCOUNTS.values()):
            side = self._side(account)
            known = self._told.get(account, 0)
            self._told[account] = len(side.published)
            for follower in self._followers(account, side.published[known:]):
                if self.holding:
                    self.held.append(follower)
                else:
                    yield follower

    def _woken(self) -> Run | None:
        """Let the first run go on that was called back, and return it."""
        for run in self.runs:
            if run.token in self.central.tokens.told:
                self._go_on(run)
                return run
        return None

    def _retrying(self) -> Run | None:
        """Return the run whose next attempt comes first."""
        return min((run for run in self.runs if run.token is None), key=lambda run: run.wakes, default=None)

    def _next_timer(self) -> datetime | None:
        deadlines = [run.wakes for run in self.runs if run.token is not None]
        return min([*deadlines, *(at for at, _, _ in self.central.schedules.set_for.values())], default=None)

    def _fired(self) -> deque[tuple[str, Envelope]]:
        """Let one deadline come, or one schedule fire; return what that puts on central's bus."""
        now = self.central.now
        for name, (at, kind, detail) in sorted(self.central.schedules.set_for.items()):
            if at <= now:
                self.central.schedules.remove(name)
                return deque([(CENTRAL, self._envelope(CENTRAL, kind, detail, "datamesh.central"))])
        run = min((run for run in self.runs if run.token is not None), key=lambda run: run.wakes)
        # Nothing answers it any more.
        self.central.tokens.handed_out.discard(run.token or "")
        self._go_on(run)
        return deque(self._after(run))

    @contextmanager
    def _working(self, envelope: Envelope) -> Iterator[None]:
        dead, self.calls.dead = self.calls.dead, None
        self.at_work.append(envelope)
        try:
            yield
        finally:
            self.at_work.pop()
            self.calls.dead = dead

    def _side(self, account: str) -> Any:
        return self.central if account == CENTRAL else self._domain(account)

    def _followers(self, sender: str, entries: list[dict[str, Any]]) -> Iterator[tuple[str, Envelope]]:
        """Yield who gets which of these entries: central's forwarding rules and the patterns of the workflows."""
        for entry in entries:
            kind, detail = entry["DetailType"], entry["Detail"]
            envelope = self._envelope(sender, kind, detail, entry["Source"])
            target = detail["metadata"].get("target_account")
            if sender == CENTRAL and kind in OWN_COMMANDS:
                yield CENTRAL, envelope
            elif sender == CENTRAL and kind in LINKED | UNLINKED:
                if kind != "DataProductRegistered" or detail["data"]["outcome"] != "unchanged":
                    yield target, envelope
            elif sender != CENTRAL and kind in FROM_DOMAINS:
                yield CENTRAL, envelope

    def _envelope(self, sender: str, kind: str, detail: dict[str, Any], source: str) -> Envelope:
        return {
            "version": "0",
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{detail['metadata']['event_id']}")),
            "detail-type": kind,
            "source": source,
            "account": sender,
            "time": iso(self.central.now),
            "region": REGION,
            "resources": [],
            "detail": detail,
        }

    def _mail(self) -> None:
        """Send the people their links, as far as their messages speak of what is still open."""
        queued = self.central.outbox.queued
        new, self._mails = queued[self._mails :], len(queued)
        for each in new:
            if each.kind not in {"approval_needed", "approval_escalated"} or each.to is None or each.number is None:
                continue
            approval = self.registry.approval(each.request_id, each.number)
            if approval is None or approval.digest != each.digest:
                continue
            self.mailed += self._link(approval, each.to)

    def _link(self, approval: ApprovalRecord, to: str) -> list[Mailed]:
        now = self.central.now
        try:
            link = make_link(self.registry, self.central.signatures, approval, to, base_url=BASE_URL, now=now)
        except (NotEligible, StageClosed):
            return []
        parts = urlsplit(link)
        signature = parse_qs(parts.query)["signature"][0]
        return [Mailed(parts.path[-43:], signature, to, approval.request_id, approval.number, approval.digest)]
