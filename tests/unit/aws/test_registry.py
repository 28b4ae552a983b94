"""The registry against DynamoDB (moto): records as they were, and conditions that hold."""

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from datamesh.aws import registry as gateway
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.models.commands import ProductRef, TableSpec
from datamesh.models.errors import AwsTemporarilyUnavailable, RecordTooLarge, WriteConflict
from datamesh.models.registry import (
    AddedTags,
    Check,
    Drop,
    GiveBack,
    Record,
    RequestRecord,
    Save,
    Stamp,
    TableRecord,
    TagChangeRecord,
    TagGrantRecord,
    TagWork,
    Take,
    account_claim,
    domain_key,
    table_claim,
)
from tests.support.central import FakeCentral, central_with
from tests.support.central_commands import MARKETING, NOW, SALES, product_spec, request_access, table_spec
from tests.support.central_fakes import FakeRegistry

TABLE = "datamesh-registry"
REQUEST = uuid.UUID(int=7)


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "list_pk", "AttributeType": "S"},
                {"AttributeName": "list_sk", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "listing",
                    "KeySchema": [
                        {"AttributeName": "list_pk", "KeyType": "HASH"},
                        {"AttributeName": "list_sk", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield dynamodb


@pytest.fixture
def registry(client: Any) -> Registry:
    return Registry(TABLE, client, Retrier(sleep=lambda _seconds: None))


@pytest.fixture
def central() -> FakeCentral:
    """Return a central with one record of every kind."""
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights"), table_spec("airports")))
    central.deliver(request_access(REQUEST))
    return central


def first(record: Any) -> Any:
    """Return a record as its first version."""
    return record.model_copy(update={"version": 1})


def table(name: str, **changes: Any) -> TableRecord:
    stamp = Stamp(occurred_at=NOW, event_id=REQUEST)
    spec = TableSpec.model_validate(table_spec(name) | changes)
    return TableRecord(domain="sales", product="air_travel", name=name, spec=spec, stamp=stamp)


def test_every_record_is_read_as_it_was_written(registry: Registry, central: FakeCentral) -> None:
    records = [item for item in central.registry.items.values() if isinstance(item, Record)]
    registry.write([Save(first(record)) for record in records])
    assert registry.domain("sales") == first(central.registry.domain("sales"))
    assert registry.product("sales", "air_travel") == first(central.registry.product("sales", "air_travel"))
    assert registry.products("sales") == [first(central.registry.product("sales", "air_travel"))]
    assert registry.products("marketing") == []
    assert registry.request(REQUEST) == first(central.registry.request(REQUEST))
    assert registry.tables("sales", "air_travel") == central.registry.tables("sales", "air_travel")
    assert registry.grants("sales", "air_travel") == central.registry.grants("sales", "air_travel")
    assert registry.domain("nobody") is None
    assert registry.product("sales", "nothing") is None
    assert registry.request(uuid.UUID(int=8)) is None
    assert registry.tables("sales", "nothing") == []


def test_the_tags_that_the_mesh_added_are_remembered(registry: Registry) -> None:
    assert registry.added_tags() is None
    added = AddedTags(tags={"channel": ("shop", "web")})
    registry.write([Save(added)])
    assert registry.added_tags() == added


def test_changes_of_tags_are_found_by_the_event_that_made_them(registry: Registry) -> None:
    stamps = [Stamp(occurred_at=NOW, event_id=uuid.UUID(int=number)) for number in (1, 2)]
    changes = [
        TagChangeRecord(
            domain="sales", product="air_travel", stamp=stamp, recorded_at=NOW, table=name, changes=(), reasons=("why",)
        )
        for stamp in stamps
        for name in ("airports", "flights")
    ]
    registry.write([Save(change) for change in changes])
    assert registry.tag_changes("sales", "air_travel", stamps[0]) == changes[:2]
    assert registry.tag_changes("sales", "air_travel", stamps[1]) == changes[2:]
    assert registry.tag_changes("sales", "air", stamps[0]) == []


def test_all_tag_grants_of_the_mesh_are_read_together(registry: Registry) -> None:
    grants = [
        TagGrantRecord(
            request_id=uuid.UUID(int=number),
            consumer=consumer,
            account_id="333333333333",
            expression={"lob": ("sales",)},
            principals=("arn:aws:iam::333333333333:role/analyst",),
            granted_at=NOW,
        )
        for number, consumer in enumerate(("finance", "marketing"))
    ]
    registry.write([Save(grant) for grant in grants])
    assert registry.tag_grants() == grants


def asked_at(minutes: int, consumer: str = "marketing", **changes: Any) -> RequestRecord:
    central = central_with("sales", "marketing", product=product_spec(table_spec("flights")))
    central.deliver(request_access(REQUEST))
    record = first(central.registry.request(REQUEST))
    when = {"requested_at": NOW + timedelta(minutes=minutes), "request_id": uuid.UUID(int=100 - minutes)}
    return cast("RequestRecord", record.model_copy(update={"domain": consumer} | when | changes))


def test_domains_are_listed_by_name(registry: Registry, central: FakeCentral) -> None:
    records = [first(item) for item in central.registry.items.values() if isinstance(item, Record)]
    registry.write([Save(record) for record in records])
    assert [domain.domain for domain in registry.domains()] == ["marketing", "sales"]
    assert registry.domains() == registry.all_domains()


def test_requests_of_a_domain_are_paged_the_newest_first(registry: Registry) -> None:
    # GIVEN five requests of a domain and one of another
    requests = [asked_at(number) for number in range(5)]
    registry.write([Save(record) for record in (*requests, asked_at(9, "finance"))])

    # WHEN they are read in pages of two
    pages, after = [], None
    while True:
        page, after = registry.requests_of("marketing", limit=2, after=after)
        pages.append(page)
        if after is None:
            break

    # THEN no page is empty, nothing comes twice, and nothing is the other's
    assert pages == [[requests[4], requests[3]], [requests[2], requests[1]], [requests[0]]]
    assert registry.requests_of("marketing", limit=5) == (requests[::-1], None)
    assert registry.requests_of("sales", limit=5) == ([], None)


def test_a_page_of_requests_does_not_end_where_a_page_of_dynamodb_does(client: Any, registry: Registry) -> None:
    requests = [asked_at(number, rows={"flights": "x" * 300_000}) for number in range(6)]
    for record in requests:
        registry.write([Save(record)])
    assert "LastEvaluatedKey" in client.scan(TableName=TABLE), "a page has 1 MB"
    assert registry.requests_of("marketing", limit=6) == (requests[::-1], None)


def test_a_request_is_listed_as_it_is_now_and_once(registry: Registry) -> None:
    request = asked_at(1)
    registry.write([Save(request)])
    denied = request.model_copy(update={"version": 2, "status": "DENIED"})
    registry.write([Save(denied)])
    assert registry.requests_of("marketing", limit=5) == ([denied], None)


def test_grants_of_a_domain_are_listed_by_product(registry: Registry, central: FakeCentral) -> None:
    grant = first(central.registry.grants("sales", "air_travel")[0])
    other = grant.model_copy(update={"product": ProductRef(domain="finance", name="ledgers")})
    registry.write([Save(grant), Save(other), Save(grant.model_copy(update={"consumer": "finance"}))])
    assert registry.grants_of("marketing") == [other, grant]
    registry.write([Drop(other)])
    assert registry.grants_of("marketing") == [grant]
    assert registry.grants_of("sales") == []


def test_the_fake_lists_as_the_registry_does(registry: Registry) -> None:
    requests = [asked_at(number) for number in (2, 0, 3, 1)]
    fake = FakeRegistry()
    for each in (registry, fake):
        each.write([Save(record) for record in requests])
    for limit in (1, 2, 4, 5):
        assert fake.requests_of("marketing", limit=limit) == registry.requests_of("marketing", limit=limit)
    _, after = registry.requests_of("marketing", limit=3)
    assert fake.requests_of("marketing", limit=3, after=after) == registry.requests_of(
        "marketing", limit=3, after=after
    )


def test_what_is_listed_is_not_part_of_the_record() -> None:
    item = gateway.record_to_item(asked_at(1))
    assert item["list_pk"] == "REQUESTS#marketing"
    assert item["list_sk"] == f"{item['requested_at']}#{item['request_id']}"
    assert not {"list_pk", "list_sk"} & RequestRecord.model_fields.keys()
    assert "list_pk" not in gateway.record_to_item(table("flights")), "an index has what is listed alone"


def test_one_works_on_tags_at_a_time(registry: Registry) -> None:
    assert registry.tag_work() is None
    work = TagWork(holder="one/tables", lease_expires_at=NOW)
    registry.write([Save(work)])
    assert registry.tag_work() == work
    with pytest.raises(WriteConflict):
        registry.write([Save(work.model_copy(update={"holder": "two/grant"}))])
    registry.write([Drop(work)])
    assert registry.tag_work() is None


def test_a_table_whose_name_begins_alike_is_another(registry: Registry, central: FakeCentral) -> None:
    product = central.registry.product("sales", "air_travel")
    assert product is not None
    registry.write([Save(table("flights"))])
    registry.write([Save(table("t").model_copy(update={"product": "air_travel_2"}))])
    assert [each.name for each in registry.tables("sales", "air_travel")] == ["flights"]


def test_a_record_is_created_once(registry: Registry) -> None:
    registry.write([Save(table("flights"))])
    with pytest.raises(WriteConflict):
        registry.write([Save(table("flights"))])


def test_a_record_is_written_only_as_it_was_read(registry: Registry) -> None:
    registry.write([Save(table("flights"))])
    second = table("flights").model_copy(update={"version": 2})
    registry.write([Save(second)])
    for stale in (second, second.model_copy(update={"version": 4})):
        with pytest.raises(WriteConflict):
            registry.write([Save(stale)])
    with pytest.raises(WriteConflict):
        registry.write([Drop(table("flights"))])
    registry.write([Drop(second)])
    assert registry.tables("sales", "air_travel") == []


def test_a_transaction_happens_whole_or_not_at_all(registry: Registry) -> None:
    registry.write([Save(table("flights"))])
    with pytest.raises(WriteConflict):
        registry.write([Save(table("airports")), Take(account_claim(SALES, "sales")), Save(table("flights"))])
    assert [each.name for each in registry.tables("sales", "air_travel")] == ["flights"]
    assert registry.owner(account_claim(SALES, "sales")) is None


def test_a_name_has_one_owner(registry: Registry) -> None:
    mine, theirs = account_claim(SALES, "sales"), account_claim(SALES, "trade")
    registry.write([Take(mine)])
    registry.write([Take(mine)])
    with pytest.raises(WriteConflict):
        registry.write([Take(theirs)])
    with pytest.raises(WriteConflict):
        registry.write([GiveBack(theirs)])
    assert registry.owner(theirs) == "sales"
    registry.write([GiveBack(mine)])
    registry.write([GiveBack(mine)])
    registry.write([Take(theirs)])
    assert registry.owners([mine, account_claim(MARKETING, "x")]) == {mine.key: "trade"}


def test_any_number_of_changes_goes_in_chunks_under_a_guard(registry: Registry) -> None:
    guard = table("guard")
    registry.write([Save(guard)])
    claims = [table_claim("sales", f"t{number}", "air_travel") for number in range(250)]
    registry.write_all([Take(claim) for claim in claims], guard)
    assert len(registry.owners(claims)) == 250
    registry.write_all([Take(claim) for claim in claims], guard)
    with pytest.raises(WriteConflict):
        registry.write_all([GiveBack(claims[0])], guard.model_copy(update={"version": 2}))
    registry.write_all([], guard)


class Counting:
    """DynamoDB that takes every transaction, and remembers how many actions and bytes each had."""

    def __init__(self) -> None:
        self.actions: list[int] = []
        self.bytes: list[int] = []

    def transact_write_items(self, **request: Any) -> None:
        self.actions.append(len(request["TransactItems"]))
        self.bytes.append(len(json.dumps(request["TransactItems"])))


def test_no_transaction_is_larger_than_dynamodb_takes() -> None:
    client = Counting()
    columns = [{"name": f"c{number}", "type": "x" * 2_000} for number in range(100)]
    changes = [Save(table(f"t{number}", columns=columns)) for number in range(30)]
    Registry(TABLE, client).write_all(changes, table("guard"))  # type: ignore[arg-type]
    assert sum(client.actions) == len(changes) + len(client.actions), "each has its guard"
    assert max(client.bytes) < 4_000_000 < sum(client.bytes)


def test_all_pages_of_a_product_are_read(client: Any, registry: Registry) -> None:
    columns = [{"name": f"c{number}", "type": "x" * 3_000} for number in range(100)]
    for number in range(5):
        registry.write([Save(table(f"t{number}", columns=columns))])
    assert "LastEvaluatedKey" in client.scan(TableName=TABLE), "a page has 1 MB"
    assert len(registry.tables("sales", "air_travel")) == 5


def test_a_record_that_no_item_can_hold_is_refused(registry: Registry) -> None:
    columns = [{"name": f"c{number}", "type": "x" * 300} for number in range(1500)]
    with pytest.raises(RecordTooLarge, match="TABLE#wide"):
        registry.write([Save(table("wide", columns=columns))])


def test_a_check_alone_is_a_condition(registry: Registry) -> None:
    registry.write([Save(table("flights"))])
    registry.write([Check(table("flights")), Take(account_claim(SALES, "sales"))])
    assert registry.owner(account_claim(SALES, "sales")) == "sales"


class Busy:
    """DynamoDB while others write: cancels transactions, leaves keys unprocessed."""

    def __init__(self, client: Any, *reasons: str) -> None:
        self._client = client
        self.reasons = list(reasons)
        self.unprocessed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def transact_write_items(self, **request: Any) -> Any:
        if self.reasons:
            reason: Any = {"Code": self.reasons.pop(0)}
            raise ClientError(
                {
                    "Error": {"Code": "TransactionCanceledException", "Message": f"cancelled [{reason['Code']}]"},
                    "CancellationReasons": [reason, {"Code": "None"}],
                },
                "TransactWriteItems",
            )
        return self._client.transact_write_items(**request)

    def batch_get_item(self, **request: Any) -> Any:
        if self.unprocessed:
            self.unprocessed -= 1
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
        return self._client.batch_get_item(**request)


def busy(client: Any, *reasons: str) -> Registry:
    return Registry(TABLE, Busy(client, *reasons), Retrier(sleep=lambda _s: None, uniform=lambda _low, high: high))  # type: ignore[arg-type]


def test_a_conflict_with_another_transaction_is_waited_out(client: Any) -> None:
    busy(client, "TransactionConflict", "ThrottlingError").write([Save(table("flights"))])


def test_a_conflict_that_stays_is_transient(client: Any) -> None:
    with pytest.raises(AwsTemporarilyUnavailable):
        busy(client, *["TransactionConflict"] * 100).write([Save(table("flights"))])


def test_a_transaction_cancelled_for_another_reason_is_a_conflict(client: Any) -> None:
    with pytest.raises(WriteConflict):
        busy(client, "ValidationError").write([Save(table("flights"))])


def test_unprocessed_keys_are_asked_for_again(client: Any) -> None:
    fake = Busy(client)
    fake.unprocessed = 2
    registry = Registry(TABLE, fake, Retrier(sleep=lambda _seconds: None))  # type: ignore[arg-type]
    claim = account_claim(SALES, "sales")
    registry.write([Take(claim)])
    assert registry.owners([claim]) == {claim.key: "sales"}


def test_another_error_is_not_swallowed() -> None:
    with mock_aws():
        missing = Registry("no-such-table", boto3.client("dynamodb", region_name="eu-west-1"))
        with pytest.raises(ClientError, match="ResourceNotFoundException"):
            missing.write([Save(table("flights"))])


def test_an_item_says_what_it_is() -> None:
    item = gateway.record_to_item(table("flights"))
    assert (item["pk"], item["sk"], item["kind"]) == ("PRODUCT#sales#air_travel", "TABLE#flights", "table")
    assert domain_key("sales").to_json() == {"pk": "DOMAIN#sales", "sk": "META"}
