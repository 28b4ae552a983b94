"""What is entered into the ledger against DynamoDB (moto): in the same transaction or not at all, and in one chain."""

import threading
import uuid
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from datamesh.aws import ledger as ledger_gateway
from datamesh.aws.ledger import Ledger, entry_from_item, entry_to_item
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.models.approvals import ApprovalRecord, LinkRecord, OpenApproval, Seat
from datamesh.models.errors import InvalidPolicy, InvalidSettings, LedgerBroken, RecordTooLarge, WriteConflict
from datamesh.models.ledger import FIRST, LedgerEntry, LedgerEvent
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy
from datamesh.models.registry import (
    AccessWork,
    Append,
    Change,
    LedgerHead,
    PolicyRecord,
    PolicySeen,
    Record,
    Save,
    TagWork,
)
from tests.support.central import central_with
from tests.support.central_commands import NOW, product_spec, request_access, table_spec
from tests.support.central_fakes import FakeRegistry

TABLE, LEDGER = "datamesh-registry", "datamesh-ledger"
REQUEST = uuid.UUID(int=7)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        for table in (TABLE, LEDGER):
            dynamodb.create_table(
                TableName=table,
                AttributeDefinitions=[
                    {"AttributeName": "pk", "AttributeType": "S"},
                    {"AttributeName": "sk", "AttributeType": "S"},
                ],
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield dynamodb


def gateway(client: Any) -> Registry:
    return Registry(TABLE, client, Retrier(sleep=lambda _seconds: None), ledger_table=LEDGER)


@pytest.fixture
def registry(client: Any) -> Registry:
    return gateway(client)


@pytest.fixture
def ledger(client: Any) -> Ledger:
    return Ledger(LEDGER, client, Retrier(sleep=lambda _seconds: None))


def event(number: int = 0, **details: Any) -> LedgerEvent:
    return LedgerEvent(
        kind="AccessRequested", at=NOW + timedelta(seconds=number), actor="account:333333333333", details=details
    )


def work(consumer: str, version: int = 1) -> AccessWork:
    return AccessWork(consumer=consumer, holder="one", lease_expires_at=NOW, version=version)


def chained(entries: Sequence[LedgerEntry]) -> bool:
    before = FIRST
    for number, entry in enumerate(entries, start=1):
        if (entry.sequence, entry.previous, entry.digest) != (number, before, entry.computed_digest()):
            return False
        before = entry.digest
    return True


def test_entries_are_chained_in_the_order_of_the_changes(registry: Registry, ledger: Ledger) -> None:
    # GIVEN an empty ledger
    assert registry.ledger_head() is None

    # WHEN two events are entered with a record, and one alone
    registry.write([Append(event(1)), Save(work("sales")), Append(event(2))])
    registry.write([Append(event(3))])

    # THEN they are one chain, and the head speaks of the last
    entries = list(ledger.entries())
    assert [entry.at for entry in entries] == [event(number).at for number in (1, 2, 3)]
    assert chained(entries)
    assert registry.ledger_head() == LedgerHead(version=2, sequence=3, digest=entries[-1].digest)
    assert registry.access_work("sales") == work("sales")
    assert list(ledger.entries(after=2)) == entries[2:]


def test_nothing_is_entered_when_the_change_itself_does_not_hold(registry: Registry, ledger: Ledger) -> None:
    registry.write([Save(work("sales"))])
    with pytest.raises(WriteConflict):
        registry.write([Save(work("sales")), Append(event())])
    assert list(ledger.entries()) == []
    assert registry.ledger_head() is None


class Overtaken:
    """DynamoDB, where others append to the ledger between the reading of its head and the writing."""

    def __init__(self, client: Any, others: int) -> None:
        self._client = client
        self.others = others

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        if self.others:
            self.others -= 1
            gateway(self._client).write([Append(event(0, by="another"))])
        return self._client.transact_write_items(**request)


def test_an_entry_that_was_overtaken_follows_the_other(client: Any, ledger: Ledger) -> None:
    gateway(Overtaken(client, 3)).write([Save(work("sales")), Append(event(0, by="me"))])
    entries = list(ledger.entries())
    assert [entry.details["by"] for entry in entries] == ["another"] * 3 + ["me"]
    assert chained(entries)


def test_a_ledger_that_never_rests_is_a_conflict(client: Any, ledger: Ledger) -> None:
    with pytest.raises(WriteConflict, match="appending"):
        gateway(Overtaken(client, 10_000)).write([Save(work("sales")), Append(event(0, by="me"))])
    assert gateway(client).access_work("sales") is None
    assert {entry.details["by"] for entry in ledger.entries()} == {"another"}


class Unsure:
    """DynamoDB, whose answer to the first transaction is lost."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.tokens: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self.tokens.append(request["ClientRequestToken"])
        if self.tokens.count(self.tokens[-1]) == 1:
            self._client.transact_write_items(**request)
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "?"}}, "TransactWriteItems")
        # The same token: DynamoDB answers for what was done, and does nothing.
        return {}


def test_a_transaction_whose_answer_was_lost_is_entered_once(client: Any, ledger: Ledger) -> None:
    unsure = Unsure(client)
    gateway(unsure).write([Append(event())])
    assert len(list(ledger.entries())) == 1
    assert len(set(unsure.tokens)) == 1


class Atomic:
    """DynamoDB, whose transactions are atomic between threads, too: moto's are not."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            with self._lock:
                return getattr(self._client, name)(**request)

        return call


def test_those_who_append_at_the_same_time_make_one_chain(client: Any, ledger: Ledger) -> None:
    atomic = Atomic(client)

    def append(number: int) -> None:
        gateway(atomic).write([Save(work(f"d{number}")), Append(event(number))])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(append, range(24)))
    entries = list(ledger.entries())
    assert chained(entries)
    assert {entry.at for entry in entries} == {event(number).at for number in range(24)}


def test_the_fake_takes_votes_at_the_same_time_too() -> None:
    fake = FakeRegistry()
    changes: list[list[Change]] = [[Append(event(number)), Append(event(number))] for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fake.write, changes))
    assert len(fake.ledger) == 100
    assert chained(fake.ledger)
    head = fake.ledger_head()
    assert head is not None
    assert (head.sequence, head.digest) == (100, fake.ledger[-1].digest)


class Counting:
    """DynamoDB that counts what a transaction holds."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.actions: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        self.actions.append(len(request["TransactItems"]))
        return self._client.transact_write_items(**request)


def test_many_changes_are_entered_with_the_last_of_them(client: Any, ledger: Ledger) -> None:
    counting = Counting(client)
    guard = TagWork(holder="one", lease_expires_at=NOW)
    changes: list[Change] = [Append(event(1)), *(Save(work(f"d{number}")) for number in range(97)), Append(event(2))]
    gateway(client).write([Save(guard)])
    gateway(counting).write_all(changes, guard)
    # The guard and the head come on top of 98 changes.
    assert counting.actions == [100, 3]
    assert chained(list(ledger.entries()))


def test_no_function_without_a_ledger_enters_anything(client: Any) -> None:
    with pytest.raises(InvalidSettings, match="LEDGER_TABLE"):
        Registry(TABLE, client).write([Append(event())])


def test_an_entry_is_read_as_it_was_hashed(registry: Registry, ledger: Ledger) -> None:
    details = {"n": 3, "half": 0.5, "big": 10**20, "none": None, "list": (1, "ü"), "id": REQUEST, "at": NOW, "": ""}
    registry.write([Append(event(0, **details))])
    (entry,) = ledger.entries()
    assert entry.digest == entry.computed_digest()
    assert entry.details["half"] == 0.5
    assert entry.details["id"] == str(REQUEST)
    assert not any(isinstance(value, Decimal) for value in entry.details.values())
    assert entry_from_item(entry_to_item(entry)) == entry


def test_an_entry_that_no_item_can_hold_is_refused(registry: Registry, ledger: Ledger) -> None:
    with pytest.raises(RecordTooLarge, match="Entry 1"):
        registry.write([Append(event(0, text="x" * 400_000))])
    assert list(ledger.entries()) == []


def test_all_pages_of_the_ledger_are_read(client: Any, registry: Registry, ledger: Ledger) -> None:
    for number in range(5):
        registry.write([Append(event(number, text="x" * 300_000))])
    assert "LastEvaluatedKey" in client.scan(TableName=LEDGER), "a page has 1 MB"
    assert [entry.sequence for entry in ledger.entries()] == [1, 2, 3, 4, 5]


# --- the new records


def test_approvals_and_links_are_read_as_they_were_written(registry: Registry) -> None:
    seat = Seat(groups=("product_owners",), producer="sales", approvers=(), quorum=1)
    stages = [
        ApprovalRecord(
            request_id=REQUEST, number=number, name="owners", digest="d", seats=(seat,), opened_at=NOW, deadline=NOW
        )
        for number in range(2)
    ]
    link = LinkRecord(
        link_id="abc", request_id=REQUEST, number=0, digest="d", approver="owner@example.com", expires_at=NOW
    )
    waiting = [OpenApproval(request_id=REQUEST, number=number, deadline=NOW) for number in range(2)]
    registry.write([Save(record) for record in (*stages, link, *waiting)])
    assert registry.approvals(REQUEST) == stages
    assert registry.approval(REQUEST, 1) == stages[1]
    assert registry.approval(REQUEST, 2) is None
    assert registry.approvals(uuid.UUID(int=8)) == []
    assert registry.link("abc") == link
    assert registry.link("abd") is None
    assert registry.open_approvals() == waiting
    assert registry.access_work("marketing") is None


def test_without_a_policy_the_default_one_is_in_force(registry: Registry) -> None:
    assert registry.policy() == DEFAULT_POLICY
    assert registry.policy_seen() is None
    registry.write([Save(PolicySeen(digest=DEFAULT_POLICY.digest))])
    assert registry.policy_seen() == PolicySeen(digest=DEFAULT_POLICY.digest)


def test_the_policy_is_read_as_terraform_wrote_it(registry: Registry) -> None:
    strict = ApprovalPolicy(rules=DEFAULT_POLICY.rules[1:])
    registry.write([Save(PolicyRecord(document=strict.model_dump_json()))])
    assert registry.policy() == strict


@pytest.mark.parametrize("document", ["", "nonsense", '{"rules": []}', '{"rules": [{"name": "x", "wehn": {}}]}'])
def test_by_a_policy_that_cannot_be_read_nothing_is_approved(registry: Registry, document: str) -> None:
    registry.write([Save(PolicyRecord(document=document))])
    with pytest.raises(InvalidPolicy):
        registry.policy()


def test_the_whole_mesh_is_read_by_what_a_record_is(registry: Registry) -> None:
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights")))
    for number in range(1, 4):
        central.deliver(request_access(uuid.UUID(int=number)))
    records = [
        item.model_copy(update={"version": 1}) for item in central.registry.items.values() if isinstance(item, Record)
    ]
    registry.write([Save(record) for record in records])
    assert [domain.domain for domain in registry.all_domains()] == ["marketing", "sales"]
    assert [request.request_id.int for request in registry.all_requests()] == [1, 2, 3]
    assert {grant.key.sk for grant in registry.all_grants()} == {
        grant.key.sk for grant in central.registry.all_grants()
    }


def test_all_pages_of_the_mesh_are_read(client: Any, registry: Registry) -> None:
    for number in range(5):
        registry.write([Save(PolicyRecord(document="x" * 300_000, version=number + 1))])
    central = central_with("sales")
    domain = central.registry.domain("sales")
    assert domain is not None
    for number in range(5):
        filler = domain.model_copy(update={"domain": f"d{number}", "version": 1, "error": "x" * 300_000})
        registry.write([Save(filler)])
    assert "LastEvaluatedKey" in client.scan(TableName=TABLE), "a page has 1 MB"
    assert len(registry.all_domains()) == 5


# --- Read from its end ---


def test_the_newest_entries_come_first_by_pages(registry: Registry, ledger: Ledger) -> None:
    registry.write([Append(event(number, place=number)) for number in range(5)])
    first, before = ledger.newest(limit=2)
    second, then = ledger.newest(limit=2, before=before)
    third, end = ledger.newest(limit=2, before=then)
    assert [[entry.sequence for entry in page] for page in (first, second, third)] == [[5, 4], [3, 2], [1]]
    assert end is None
    assert ledger.newest(limit=5)[1] is None
    assert ledger.newest(limit=2, before=1) == ([], None)


def test_only_what_is_accepted_is_returned(registry: Registry, ledger: Ledger) -> None:
    registry.write([Append(event(number, place=number)) for number in range(6)])
    found, before = ledger.newest(limit=2, accept=lambda entry: entry.details["place"] % 2 == 0)
    assert ([entry.sequence for entry in found], before) == ([5, 3], 3)
    rest, end = ledger.newest(limit=2, before=before, accept=lambda entry: entry.details["place"] % 2 == 0)
    assert ([entry.sequence for entry in rest], end) == ([1], None)


def test_a_page_that_nothing_is_accepted_for_ends_somewhere(
    registry: Registry, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_gateway, "MAX_LOOKED_AT", 3)
    registry.write([Append(event(number)) for number in range(5)])
    assert ledger.newest(limit=2, accept=lambda _entry: False) == ([], 3)
    assert ledger.newest(limit=2, before=3, accept=lambda _entry: False) == ([], None)


def test_an_entry_that_cannot_be_read_is_not_passed_over(client: Any, registry: Registry, ledger: Ledger) -> None:
    registry.write([Append(event(number)) for number in range(2)])
    item = client.get_item(TableName=LEDGER, Key={"pk": {"S": "LEDGER"}, "sk": {"S": "000000000002"}})["Item"]
    client.put_item(TableName=LEDGER, Item={**item, "kind": {"S": "Nonsense"}})
    with pytest.raises(LedgerBroken, match="Entry 2"):
        ledger.newest(limit=5)
