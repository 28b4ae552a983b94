"""What happens in the mesh, as tests say it: commands, queries, and looks at what is left in each account."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

import boto3

from datamesh.aws.ledger import Ledger
from datamesh.aws.registry import Registry
from datamesh.models.ledger import LedgerEntry
from datamesh.models.registry import RequestRecord
from sandbox.client import Sandbox
from sandbox.mesh import data, people
from sandbox.mesh.bring_up import Mesh
from sandbox.mesh.commands import put_command
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, REGION, SALES, Account
from sandbox.mesh.listener import Listener, SeenEvent
from sandbox.mesh.query import Result, query

DATABASE = "datamesh_sales"
COUNT = f"SELECT count(*) AS n FROM {DATABASE}.airports"
SECONDS = 120

# All state machines that events start.
FLOWS: dict[Account, tuple[str, ...]] = {
    CENTRAL: (
        "register_data_domain",
        "deregister_data_domain",
        "register_data_product",
        "deregister_data_product",
        "share_data_product",
        "revoke_access",
        "reconcile_access",
        "index_data_product",
    ),
    SALES: ("link_data_product", "unlink_data_product", "crawl_data_product"),
    MARKETING: ("link_data_product", "unlink_data_product", "crawl_data_product"),
    FINANCE: ("link_data_product", "unlink_data_product", "crawl_data_product"),
}

T = TypeVar("T")


class Story:
    """Commands and queries in one applied mesh."""

    def __init__(
        self, sandbox: Sandbox, mesh: Mesh, heard: Iterable[Account] = (CENTRAL, SALES, MARKETING, FINANCE)
    ) -> None:
        """Listen on the buses of the accounts ``heard``. A bus that is listened on has a rule and cannot be deleted."""
        self.sandbox = sandbox
        self.mesh = mesh
        self.listener = Listener(heard, sandbox.url)

    def client(self, service: str, account: Account) -> Any:
        """A boto3 client of the account's root user; of its Lake Formation administrator where root sees nothing."""
        session: Any = people.root_session(account)
        if service in {"glue", "lakeformation"}:
            session = self.sandbox.session(role_arn=account.role_arn(people.ADMINISTRATOR))
        return session.client(service, endpoint_url=self.sandbox.url)

    def put(self, account: Account, command: str, payload: dict[str, Any]) -> str:
        """Put a command on the account's own bus; returns the correlation id."""
        return put_command(people.root_session(account), self.sandbox.url, account, command, payload)

    def manifest(self, tables: tuple[str, ...] = data.TABLES) -> dict[str, Any]:
        """The demo's product, reduced to ``tables``."""
        product = data.product(self.mesh.location(SALES))
        product["tables"] = [table for table in product["tables"] if table["name"] in tables]
        return product

    def tagged(self, **changes: Any) -> dict[str, Any]:
        """The demo's product that is shared by LF-tag."""
        return data.tagged_product(self.mesh.location(SALES), **changes)

    def register_product(self, product: dict[str, Any] | None = None, *, wait_for_crawl: bool = True) -> SeenEvent:
        """Register a product of sales and wait for its schema (or only for central's answer)."""
        command = {"domain": SALES.domain, "product": product or self.manifest()}
        correlation_id = self.put(SALES, "RegisterDataProduct", command)
        registered = self.listener.wait("DataProductRegistered", correlation_id, receiver=SALES.name)
        if wait_for_crawl:
            self.listener.wait("DataProductSchemaUpdated", correlation_id, receiver=CENTRAL.name, seconds=SECONDS)
        return registered

    def access_request(self, **changes: Any) -> dict[str, Any]:
        """A request of marketing for the flights and the airports, in the name of its analyst.

        A change to None leaves the field out.
        """
        request = {
            "request_id": str(uuid.uuid4()),
            "domain": MARKETING.domain,
            "product": {"domain": SALES.domain, "name": data.PRODUCT},
            "tables": ["flights", "airports"],
            "principals": [MARKETING.role_arn(people.ANALYST)],
            "justification": "a test",
        } | changes
        return {name: value for name, value in request.items() if value is not None}

    def request_access(self, **changes: Any) -> SeenEvent:
        """Request access and wait until the consumer is provisioned."""
        correlation_id = self.put(MARKETING, "RequestDataProductAccess", self.access_request(**changes))
        return self.listener.wait(
            "DataProductAccessProvisioned", correlation_id, receiver=CENTRAL.name, seconds=SECONDS
        )

    def query(self, sql: str = COUNT, *, role: str = people.ANALYST, account: Account = MARKETING) -> Result:
        """Query with Athena as ``role`` in ``account``."""
        session = people.role_session(account, role, self.sandbox.url)
        results = f"s3://{people.results_bucket(account)}/"
        return query(session, self.sandbox.url, sql, database=DATABASE, results=results)

    def permissions(self, account: Account) -> set[tuple[str, str, str, str]]:
        """All Lake Formation permissions of an account: principal, resource, permissions, grantable permissions."""
        found = set()
        lake_formation = self.client("lakeformation", account)
        token: dict[str, str] = {}
        while True:
            page = lake_formation.list_permissions(**token)
            for entry in page["PrincipalResourcePermissions"]:
                found.add(
                    (
                        entry["Principal"]["DataLakePrincipalIdentifier"],
                        json.dumps(entry["Resource"], sort_keys=True),
                        ",".join(sorted(entry["Permissions"])),
                        ",".join(sorted(entry["PermissionsWithGrantOption"])),
                    )
                )
            # A page may be empty and still have a next one.
            if "NextToken" not in page:
                return found
            token = {"NextToken": page["NextToken"]}

    def executions(self, account: Account, flow: str, status: str | None = None) -> list[dict[str, Any]]:
        """The executions of a flow's state machine, newest first."""
        side = "domain" if account.domain else "central"
        arn = f"arn:aws:states:{REGION}:{account.id}:stateMachine:datamesh-{side}-{flow.replace('_', '-')}"
        found = self.client("stepfunctions", account).list_executions(stateMachineArn=arn)["executions"]
        return [execution for execution in found if status in (None, execution["status"])]

    def settle(self) -> None:
        """Wait until no state machine of any account runs, but those that wait for people to decide."""

        def still() -> bool:
            running = (
                execution["executionArn"]
                for account, names in FLOWS.items()
                for flow in names
                for execution in self.executions(account, flow, "RUNNING")
            )
            busy = set(running)
            return not busy or busy <= self.waiting_for_people()

        def still_after_a_while() -> bool:
            # Twice in a row: between an event and the execution it starts, nothing runs either.
            if not still():
                return False
            time.sleep(0.5)
            return still()

        until(still_after_a_while, "all workflows to end")

    def waiting_for_people(self) -> set[str]:
        """The executions whose request has an open stage of which all are told: only people bring them forward."""
        registry = self.registry
        return {
            record.execution_id
            for record in registry.all_requests()
            if record.status == "PENDING"
            and any(
                stage.number == (record.stage or 0)
                and stage.digest == record.exposure
                and stage.status == "OPEN"
                and stage.told
                for stage in registry.approvals(record.request_id)
            )
        }

    @cached_property
    def registry(self) -> Registry:
        """Central's registry with its ledger, read (and in attacks written) as central's administrator."""
        return Registry("datamesh-registry", self.client("dynamodb", CENTRAL), ledger_table="datamesh-ledger")

    def request_record(self, request_id: str) -> RequestRecord:
        """A request as the registry has it."""
        record = self.registry.request(uuid.UUID(request_id))
        assert record is not None, f"there is no request {request_id}"
        return record

    def ledger(self, request_id: str | None = None, kind: str | None = None) -> list[LedgerEntry]:
        """The entries of the mesh's ledger, of a request or of a kind where one is given."""
        return [
            entry
            for entry in Ledger("datamesh-ledger", self.client("dynamodb", CENTRAL)).entries()
            if request_id in (None, str(entry.request_id)) and kind in (None, entry.kind)
        ]

    def dead_letters(self, account: Account, queue: str) -> list[dict[str, Any]]:
        """Take the messages of a dead-letter queue, with their attributes."""
        sqs = self.client("sqs", account)
        url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages


def until(look: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Return the first true answer of ``look``. Raises AssertionError when it does not come."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def iam_policy(iam: Any, role: str) -> tuple[str, dict[str, Any]]:
    """The one inline policy of a role: its name and document."""
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return name, iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]


def without_action(policy: dict[str, Any], action: str) -> dict[str, Any]:
    """The policy without ``action``, which it must have had: else the test would prove nothing."""
    statements = []
    found = False
    for statement in policy["Statement"]:
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        found = found or action in actions
        left = [name for name in actions if name != action]
        if left:
            statements.append(statement | {"Action": left})
    assert found, f"{action} is allowed nowhere in {json.dumps(policy)}"
    return policy | {"Statement": statements}


def take_away(iam: Any, role: str, action: str) -> None:
    """Remove one action from a role's inline policy."""
    name, policy = iam_policy(iam, role)
    rest = without_action(policy, action)
    if rest["Statement"]:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(rest))
    else:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


def session_of(story: Story, account: Account, role: str) -> boto3.Session:
    """A session of a role."""
    return people.role_session(account, role, story.sandbox.url)
