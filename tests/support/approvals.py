"""Requests that wait for people, and what deciding on them needs, in memory."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from datamesh.logic.approval_links import make_link
from datamesh.logic.approvals import Approvals
from datamesh.logic.exposed import ExposedTable, Exposure
from datamesh.models.approvals import ApprovalRecord, Seat
from datamesh.models.commands import ProductRef, TableSpec
from datamesh.models.errors import CallbackRefused
from datamesh.models.notifications import Notification
from datamesh.models.people import Person
from datamesh.models.policy import Ruling, Stage
from datamesh.models.registry import (
    DomainRecord,
    IndexedColumn,
    RequestRecord,
    Save,
    Stamp,
    TableIndex,
    TableRecord,
)
from tests.support.central_commands import ACCOUNTS, MARKETING, NOW, config_of, secret_arn, table_spec
from tests.support.central_fakes import FakeRegistry

REQUEST = uuid.UUID("11111111-2222-4333-8444-555555555555")
BASE_URL = "https://approvals.example/approvals"
ANN, BEN, CYD, DAN = "ann@sales.example", "ben@sales.example", "cyd@sales.example", "dan@governance.example"
MIA, MAX = "mia@marketing.example", "max@marketing.example"
OWNERS = Seat(
    groups=("product_owners",),
    producer="sales",
    approvers=tuple(Person(email=email, domain="sales") for email in (ANN, BEN, CYD)),
    topic_arn="arn:aws:sns:eu-west-1:222222222222:datamesh-domain-approvals",
    quorum=1,
)
GOVERNANCE = Seat(
    groups=("governance",),
    approvers=(Person(email=DAN), Person(email=ANN)),
    topic_arn="arn:aws:sns:eu-west-1:111111111111:datamesh-central-approvals",
    quorum=1,
)
EXPOSURE = Exposure(
    tables=(
        ExposedTable(
            name="flights",
            columns=("carrier", "passenger"),
            rows="carrier = 'AA'",
            sensitive=("passenger",),
            reasons=("sales.flights.passenger is personal data",),
        ),
    )
)


class FakeOutbox:
    """The outbox: what was put into it."""

    def __init__(self) -> None:
        self.queued: list[Notification] = []
        self.faults: list[Exception] = []

    def put(self, notifications: Sequence[Notification]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.queued += notifications


class FakeCallbacks:
    """Step Functions: a token works once, while its task waits."""

    def __init__(self, *waiting: str) -> None:
        self.waiting = set(waiting)
        self.answered: list[tuple[str, dict[str, Any]]] = []
        self.faults: list[Exception] = []

    def answer(self, task_token: str, output: dict[str, Any]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        if task_token not in self.waiting:
            raise CallbackRefused("nothing waits")
        self.waiting.remove(task_token)
        self.answered.append((task_token, output))


class FakeSignatures:
    """KMS with a key of its own."""

    def __init__(self) -> None:
        self.verified = 0

    def sign(self, text: str) -> str:
        mac = hmac.new(b"a key that nobody has", text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")

    def verify(self, text: str, signature: str) -> bool:
        self.verified += 1
        return hmac.compare_digest(self.sign(text).encode(), signature.encode())


def stage(name: str = "owners", **changes: Any) -> Stage:
    """Return a stage of a policy."""
    return Stage.model_validate({"name": name, "approvers": ("product_owners",)} | changes)


def request_record(*stages: Stage, **changes: Any) -> RequestRecord:
    """Return marketing's request for a table of sales, which waits for people."""
    ruling = Ruling(
        policy="0" * 64,
        rule="sensitive",
        stages=stages or (stage(),),
        grant_to="principals",
        duration_days=30,
        sensitive=True,
        reasons=EXPOSURE.reasons,
    )
    record = RequestRecord(
        status="PENDING",
        stamp=Stamp(occurred_at=NOW, event_id=uuid.UUID(int=7)),
        execution_id="one",
        lease_expires_at=NOW,
        updated_at=NOW,
        request_id=REQUEST,
        digest="d" * 64,
        domain="marketing",
        account_id=MARKETING,
        product=ProductRef(domain="sales", name="air_travel"),
        tables=("flights",),
        rows={"flights": "carrier = 'AA'"},
        principals=(f"arn:aws:iam::{MARKETING}:role/analyst",),
        justification="Who flies <b>where</b>?",
        purpose="analytics",
        requested_by=MIA,
        ruling=ruling,
        exposure=EXPOSURE.digest,
    )
    return record.model_copy(update=changes)


class WaitingRequest:
    """Central's registry with a request that people are asked about."""

    def __init__(self, *seats: Seat, stages: tuple[Stage, ...] = (), **changes: Any) -> None:
        self.registry = FakeRegistry()
        self.outbox = FakeOutbox()
        self.callbacks = FakeCallbacks("token-1")
        self.signatures = FakeSignatures()
        self.approvals = Approvals(self.registry, self.outbox, self.callbacks)
        self.now = NOW
        self.seats = seats or (OWNERS,)
        self.request = request_record(*stages, **changes)
        for domain, members in {"sales": (ANN, BEN, CYD), "marketing": (MAX,)}.items():
            owners = tuple(Person(email=email, domain=domain) for email in members)
            self.registry.write([Save(domain_record(domain, product_owners=owners))])
        self.registry.write([Save(self.request)])
        self.open()

    def open(self, token: str = "token-1", number: int = 0, seats: tuple[Seat, ...] = ()) -> ApprovalRecord:  # noqa: S107
        """Open a stage."""
        self.callbacks.waiting.add(token)
        return self.approvals.open(
            self.request,
            number=number,
            seats=seats or self.seats,
            task_token=token,
            now=self.now,
            exposure=EXPOSURE,
        )

    def stage(self, number: int = 0) -> ApprovalRecord:
        """Return a stage."""
        approval = self.registry.approval(REQUEST, number)
        assert approval is not None
        return approval

    def link(self, approver: str = ANN, number: int = 0) -> tuple[str, str]:
        """Return id and signature of a new link."""
        link = make_link(self.registry, self.signatures, self.stage(number), approver, base_url=BASE_URL, now=self.now)
        parts = urlsplit(link)
        return parts.path.rsplit("/", 1)[1], parse_qs(parts.query)["signature"][0]

    def change(self, **changes: Any) -> None:
        """Save the request with changes, as its own flow does."""
        current = self.registry.request(REQUEST)
        assert current is not None
        self.request = current.model_copy(update={**changes, "version": current.version + 1})
        self.registry.write([Save(self.request)])

    def later(self, **duration: float) -> datetime:
        """Let time pass."""
        self.now += timedelta(**duration)
        return self.now

    def entered(self, kind: str) -> list[dict[str, Any]]:
        """Return the details of the ledger's entries of a kind."""
        return [entry.details for entry in self.registry.ledger if entry.kind == kind]

    def state(self) -> tuple[dict[str, Any], int]:
        """Return every byte of the registry and of the ledger."""
        items = {
            f"{key.pk}/{key.sk}": item if isinstance(item, str) else item.model_dump_json()
            for key, item in self.registry.items.items()
        }
        return items, len(self.registry.ledger)


def domain_record(domain: str, **config: Any) -> DomainRecord:
    """Return a registered domain."""
    return DomainRecord(
        status="REGISTERED",
        stamp=Stamp(occurred_at=NOW, event_id=uuid.UUID(int=1)),
        execution_id="one",
        lease_expires_at=NOW,
        updated_at=NOW,
        domain=domain,
        account_id=ACCOUNTS[domain],
        secret_arn=secret_arn(ACCOUNTS[domain]),
        config=config_of(domain, **config),
    )


def indexed_table(*columns: str) -> TableRecord:
    """Return the table that is asked for, with the columns that it has."""
    stamp = Stamp(occurred_at=NOW, event_id=uuid.UUID(int=2))
    return TableRecord(
        domain="sales",
        product="air_travel",
        name="flights",
        spec=TableSpec.model_validate(table_spec("flights")),
        stamp=stamp,
        index=TableIndex(
            stamp=stamp,
            columns=tuple(IndexedColumn(name=name, type="string") for name in columns),
            column_count=len(columns),
            digest="0" * 64,
            data_classification=None,
            sensitive=True,
        ),
    )
