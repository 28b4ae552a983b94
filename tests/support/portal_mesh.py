"""The API in front of central's account in memory: what people send is carried out, and recorded in a timeline."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

import pytest

from datamesh.handlers import answer_query, cast_vote, retry_execution, send_command
from datamesh.handlers.portal import _gateways, _runtime, approvals, executions, grants, operations
from datamesh.logic.record_event import Recording
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.base import iso
from datamesh.models.events import Entry, Envelope
from datamesh.models.executions import STATUS_CHANGE, Execution, HistoryEvent
from datamesh.models.ledger import LedgerEntry
from datamesh.models.registry import account_claim
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import CENTRAL, NOW, REGION, product_spec, table_spec
from tests.support.portal import CONTEXT, Answer, claims_of, event_of
from tests.support.timeline import FakeTimeline

HANDLERS: Mapping[str, Callable[..., Any]] = {
    "answer_query": answer_query.handler,
    "send_command": send_command.handler,
    "cast_vote": cast_vote.handler,
    "retry_execution": retry_execution.handler,
}
OPEN_COLUMN = {"name": "month", "type": "string", "pii": False}
PERSONAL = {"name": "email", "type": "string", "pii": True, "examples": ["zoe@example.com"]}
ANALYST = "arn:aws:iam::333333333333:role/analyst"


class Who(NamedTuple):
    """Somebody who is signed in."""

    email: str
    groups: tuple[str, ...]


def who(*groups: str, email: str | None = None) -> Who:
    """Return a person; the address follows from the first group unless it is given."""
    domain, _, role = (groups[0] if groups else "nowhere.nobody").partition(".")
    return Who(email or f"{role}@{domain}.example", groups)


SALES_OWNER, SALES_STEWARD, SALES_MEMBER = who("sales.owner"), who("sales.steward"), who("sales.member")
MARKETING_OWNER, MARKETING_STEWARD = who("marketing.owner"), who("marketing.steward")
ANALYST_PERSON = who("marketing.member", email="analyst@marketing.example")
COLLEAGUE = who("marketing.member", email="colleague@marketing.example")
ADMIN, OPERATOR, AUDITOR = who("mesh.admin"), who("mesh.operator"), who("mesh.auditor")
STRANGER = who("finance.owner")
NOBODY = who()


class FakeLedger:
    """The ledger table, read from its end."""

    def __init__(self, entries: Sequence[LedgerEntry]) -> None:
        self._entries = entries

    def newest(
        self, *, limit: int, before: int | None = None, accept: Callable[[LedgerEntry], bool] = lambda _entry: True
    ) -> tuple[list[LedgerEntry], int | None]:
        found: list[LedgerEntry] = []
        last = None
        for entry in reversed(self._entries):
            if before is not None and entry.sequence >= before:
                continue
            if len(found) == limit:
                return found, last
            if accept(entry):
                found.append(entry)
            last = entry.sequence
        return found, None


class FakeExecutions:
    """Step Functions: executions by state machine and name, and what was started."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], Execution] = {}
        self.histories: dict[str, list[HistoryEvent]] = {}
        self.started: list[tuple[str, str, str]] = []

    def described(self, state_machine: str, name: str) -> Execution | None:
        return self.known.get((state_machine, name))

    def history(self, execution_arn: str) -> list[HistoryEvent]:
        return self.histories.get(execution_arn, [])

    def start(self, state_machine: str, name: str, execution_input: str) -> None:
        if all((machine, known) != (state_machine, name) for machine, known, _ in self.started):
            self.started.append((state_machine, name, execution_input))


class PortalMesh:
    """People, the API's functions, and central behind them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, central: FakeCentral) -> None:
        self.central = central
        self.registry = central.registry
        self.timeline = FakeTimeline()
        self.executions = FakeExecutions()
        self.sent: list[Entry] = []
        self.log: list[dict[str, Any]] = []
        central.published.clear()
        for name, fake in {
            "Registry": self.registry,
            "EventBus": self,
            "Timeline": self.timeline,
            "Executions": self.executions,
            "LfTags": central.lf_tags,
            "LakeFormation": central.lake_formation,
            "GlueCatalog": central.catalog,
            "Callbacks": central.callbacks,
        }.items():
            monkeypatch.setattr(_gateways, name, lambda *_args, fake=fake, **_more: fake)
        monkeypatch.setattr(_gateways, "Ledger", lambda *_args, **_more: FakeLedger(self.registry.ledger))
        for module in (_runtime, approvals, executions, grants, operations):
            monkeypatch.setattr(module, "utc_now", lambda: central.now)

    # --- People ---

    def ask(
        self,
        person: Who,
        operation: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        key: str | None = None,
        **path: object,
    ) -> Answer:
        """Let a person use a route."""
        route = BY_OPERATION[operation]
        place = route.path
        for name, value in path.items():
            place = place.replace(f"{{{name}}}", str(value))
        headers = {} if key is None else {"Idempotency-Key": key}
        claims = claims_of(person.groups, person.email)
        event = event_of(route.method, place, claims=claims, body=body, query=query or {}, headers=headers)
        return Answer(HANDLERS[route.function](event, CONTEXT))

    def get(self, person: Who, operation: str, *, query: Mapping[str, str] | None = None, **path: Any) -> Any:
        """Return what a person is answered. Fails when that is a problem."""
        answer = self.ask(person, operation, query=query, **path)
        assert answer.status == 200, answer.body
        return answer.json

    def pages(self, person: Who, operation: str, limit: int = 2, **path: Any) -> list[list[Any]]:
        """Return all pages of a list."""
        found: list[list[Any]] = []
        query = {"limit": str(limit)}
        while True:
            page = self.get(person, operation, query=query, **path)
            found.append(page["items"])
            if page["next_cursor"] is None:
                return found
            query["cursor"] = page["next_cursor"]

    def request(self, person: Who = ANALYST_PERSON, **changes: Any) -> uuid.UUID:
        """Let a person ask for access, and central take the request; return its id."""
        answer = self.ask(person, "request_access", body=access_request(**changes))
        assert answer.status == 202, answer.body
        self.settle()
        return uuid.UUID(answer.json["request_id"])

    # --- Central ---

    def publish(self, entries: Sequence[Entry]) -> None:
        """Take what the API puts on central's bus."""
        self.sent += entries

    def settle(self) -> None:
        """Let central carry out what was sent, and record all that was said and how it went."""
        sent, self.sent = self.sent, []
        for entry in sent:
            envelope = self._envelope(entry.to_json())
            self._record(envelope)
            workflow, name = _WORKFLOWS[entry.detail_type], f"run-{self.central.executions + 1}"
            self._execution(workflow, name, "RUNNING", envelope)
            self.later(seconds=1)
            walk = self.central.deliver(envelope)
            if not any(waiting.walk is walk for waiting in self.central.waiting):
                self._execution(workflow, name, walk.status, envelope, error=walk.error, cause=walk.cause)
            self.record_published()

    def record_published(self) -> None:
        """Record what central has said."""
        said, self.central.published = self.central.published, []
        for entry in said:
            self._record(self._envelope(entry))

    def record(self, envelope: dict[str, Any]) -> None:
        """Record an event."""
        self._record(envelope)

    def later(self, **duration: float) -> datetime:
        """Let time pass."""
        self.central.now += timedelta(**duration)
        return self.central.now

    def _envelope(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": entry["DetailType"],
            "source": entry["Source"],
            "account": CENTRAL,
            "time": iso(self.central.now),
            "region": REGION,
            "resources": [],
            "detail": entry["Detail"],
        }

    def _execution(self, workflow: str, name: str, status: str, envelope: dict[str, Any], **more: Any) -> None:
        machine = f"arn:aws:states:{REGION}:{CENTRAL}:stateMachine:datamesh-central-{workflow.replace('_', '-')}"
        moment = int(self.central.now.timestamp() * 1000)
        detail = {
            "executionArn": f"{machine.replace('stateMachine', 'execution')}:{name}",
            "stateMachineArn": machine,
            "status": status,
            "startDate": moment,
            "stopDate": None if status == "RUNNING" else moment,
            "input": json.dumps(envelope),
            **more,
        }
        change = self._envelope({"DetailType": STATUS_CHANGE, "Source": "aws.states", "Detail": detail})
        found = self._recording().execution(Envelope.read(change))
        assert found is not None
        self.timeline.put_execution(found)
        state_machine = f"datamesh-central-{workflow.replace('_', '-')}"
        self.executions.known[state_machine, name] = Execution(status=status, input=json.dumps(envelope))

    def _record(self, envelope: dict[str, Any]) -> None:
        self.timeline.put_event(self._recording().event(Envelope.read(envelope)).event)

    def _recording(self) -> Recording:
        return Recording(
            lambda account: self.registry.owner(account_claim(account, "")),
            account_id=CENTRAL,
            state_machine_prefix="datamesh-central-",
        )


_WORKFLOWS: Mapping[str, str] = {
    "RegisterDataDomain": "register_data_domain",
    "DeregisterDataDomain": "deregister_data_domain",
    "RegisterDataProduct": "register_data_product",
    "DeregisterDataProduct": "deregister_data_product",
    "RequestDataProductAccess": "share_data_product",
    "ExtendDataProductAccess": "share_data_product",
    "RevokeDataProductAccess": "revoke_access",
}


def portal_mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    """Return the API before a mesh of three domains, and a product of sales: of flights everybody may read, of
    customers the addresses are personal.
    """
    return PortalMesh(monkeypatch, copy.deepcopy(_central()))


@cache
def _central() -> FakeCentral:
    tables = (
        table_spec("flights", columns=[OPEN_COLUMN]),
        table_spec("customers", columns=[OPEN_COLUMN, PERSONAL]),
    )
    central = central_with("sales", "marketing", "finance", product=product_spec(*tables))
    central.now = NOW
    return central


def access_request(**changes: Any) -> dict[str, Any]:
    """Return the body of marketing's request for flights."""
    asked = {
        "domain": "marketing",
        "product": {"domain": "sales", "name": "air_travel"},
        "tables": ["flights"],
        "principals": [ANALYST],
        "justification": "Which routes do our customers fly?",
    }
    return {name: value for name, value in (asked | changes).items() if value is not None}
