"""The timeline against DynamoDB (moto), and the fake of it against the table."""

import itertools
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from datamesh.aws import timeline as gateway
from datamesh.aws.retry import Retrier
from datamesh.aws.timeline import Timeline
from datamesh.models.errors import WriteConflict
from datamesh.models.timeline import LinkSign, TimelineExecution
from tests.support.central_commands import NOW
from tests.support.timeline import FLOW, FakeTimeline, ended, event, execution

TABLE = "datamesh-timeline"
EXPIRES = NOW + timedelta(days=90)
RUNNING = execution()
REDRIVEN = execution(redrive_count=1)
REPORTS = [RUNNING, ended(RUNNING, "FAILED", error="Boom"), REDRIVEN, ended(REDRIVEN, "SUCCEEDED", 20)]
# Of an input that is too large for the event nothing is known.
BLIND = {"correlation_id": None, "event_id": None, "domains": (), "subject": None}


@pytest.fixture
def client() -> Iterator[Any]:
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-west-1")
        dynamodb.create_table(
            TableName=TABLE,
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield dynamodb


@pytest.fixture(params=["table", "fake"])
def timeline(request: pytest.FixtureRequest, client: Any) -> Any:
    return FakeTimeline() if request.param == "fake" else Timeline(TABLE, client, Retrier(sleep=lambda _seconds: None))


def content(client: Any) -> list[Any]:
    """Return all items of the table, without how often one was written."""
    items = client.scan(TableName=TABLE)["Items"]
    return sorted(({**item, "revision": None} for item in items), key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def test_an_event_is_found_under_every_key(timeline: Any) -> None:
    said = event("DataProductRegistered", "sales", "marketing", data_of={"floats": [1.5, None, ""]}, to="sales")
    assert timeline.put_event(said, expires_at=EXPIRES)
    assert timeline.flow(FLOW).events == (said,)
    assert timeline.events_of("sales", limit=5) == ([said], None)
    assert timeline.events_of("marketing", limit=5) == ([said], None)
    assert timeline.events_of("finance", limit=5) == ([], None)
    assert timeline.events(limit=5, since=NOW, until=NOW) == ([said], None)
    assert timeline.flow(uuid.uuid4()) == ((), ())


def test_an_event_that_comes_again_changes_nothing(timeline: Any) -> None:
    said = event("DataProductRegistered", "sales", outcome="registered")
    assert timeline.put_event(said, expires_at=EXPIRES)
    assert not timeline.put_event(said, expires_at=EXPIRES)
    # Who knows the ids of another's event cannot replace it.
    forged = event("DataProductRegistered", "sales", said_by="marketing", outcome="forged")
    assert not timeline.put_event(forged, expires_at=EXPIRES)
    assert timeline.flow(FLOW).events == (said,)


def test_an_event_that_was_put_in_part_is_completed(timeline: Any) -> None:
    said = event("DataProductRegistered", "sales")
    timeline.put_event(said.model_copy(update={"domains": ()}), expires_at=EXPIRES)
    assert timeline.put_event(said, expires_at=EXPIRES)
    assert timeline.events_of("sales", limit=5) == ([said], None)


def test_items_expire(client: Any) -> None:
    timeline = Timeline(TABLE, client)
    timeline.put_event(event("DataProductRegistered", "sales"), expires_at=EXPIRES)
    timeline.put_execution(execution(), expires_at=EXPIRES)
    timeline.put_sign(LinkSign(domain="sales", sign="HEARD", at=NOW), expires_at=EXPIRES)
    assert {item["expires_at"]["N"] for item in content(client)} == {str(int(EXPIRES.timestamp()))}


def test_pages_are_walked_newest_first(timeline: Any) -> None:
    said = [event("DataProductLinked", "sales", number=number, after=number) for number in range(5)]
    for each in (said[3], said[0], said[4], said[1], said[2]):
        timeline.put_event(each, expires_at=EXPIRES)
    first, after = timeline.events_of("sales", limit=2)
    second, then = timeline.events_of("sales", limit=2, after=after)
    third, end = timeline.events_of("sales", limit=2, after=then)
    assert [first, second, third] == [[said[4], said[3]], [said[2], said[1]], [said[0]]]
    assert end is None
    # A full last page is known to be the last one.
    assert timeline.events_of("sales", limit=5) == (said[::-1], None)


def test_the_months_are_walked_back(timeline: Any) -> None:
    day = 24 * 3600
    said = [event("DataProductLinked", "sales", number=number, after=-number * 20 * day) for number in range(6)]
    for each in said:
        timeline.put_event(each, expires_at=EXPIRES)
    since = NOW - timedelta(days=100)
    found, after = [], None
    for _ in range(10):
        page, after = timeline.events(limit=2, since=since, until=NOW, after=after)
        found += page
        if after is None:
            break
    assert found == said
    assert timeline.events(limit=9, since=NOW, until=NOW)[0] == [each for each in said if each.occurred_at >= NOW]


def test_a_page_that_a_filter_thins_out_ends_somewhere(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MAX_LOOKED_AT", 3)
    timeline = Timeline(TABLE, client)
    runs = [execution(name=f"n{number}", after=number) for number in range(5)]
    for run in runs:
        timeline.put_execution(run, expires_at=EXPIRES)
    nothing, after = timeline.executions_of("sales", limit=2, accept=lambda run: run.name == "n0")
    assert nothing == []
    assert timeline.executions_of("sales", limit=2, after=after, accept=lambda run: run.name == "n0") == (
        [runs[0]],
        None,
    )


def test_a_page_of_large_events_ends_before_the_function_cannot_answer(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway, "MAX_PAGE_BYTES", 1_000)
    timeline = Timeline(TABLE, client)
    for number in range(4):
        large = event("DataProductLinked", "sales", number=number, after=number, text="x" * 600)
        timeline.put_event(large, expires_at=EXPIRES)
    page, after = timeline.events_of("sales", limit=4)
    assert len(page) == 2
    rest, end = timeline.events_of("sales", limit=4, after=after)
    assert (len(rest), end) == (2, None)


def test_an_execution_is_found_under_every_key(timeline: Any) -> None:
    timeline.put_execution(RUNNING, expires_at=EXPIRES)
    assert timeline.execution("register_data_product:one") == RUNNING
    assert timeline.flow(FLOW).executions == (RUNNING,)
    assert timeline.executions_of("sales", limit=5) == ([RUNNING], None)
    assert timeline.executions(limit=5, since=NOW, until=NOW) == ([RUNNING], None)
    assert timeline.execution("register_data_product:two") is None


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_the_newest_status_wins_in_any_order(order: tuple[int, ...]) -> None:
    timeline = FakeTimeline(*(REPORTS[number] for number in order))
    assert timeline.execution("register_data_product:one") == REPORTS[3]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=10))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
def test_duplicates_and_reordering_change_nothing(client: Any, deliveries: list[tuple[int, bool]]) -> None:
    # GIVEN reports of one execution, some of them without the input, in any order and repeated.
    client.delete_table(TableName=TABLE)
    client.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        BillingMode="PAY_PER_REQUEST",
    )
    timeline = Timeline(TABLE, client)
    reports = [REPORTS[number].model_copy(update=BLIND if blind else {}) for number, blind in deliveries]
    # WHEN all were put, and the same ones in the order of time.
    for report in reports:
        timeline.put_execution(report, expires_at=EXPIRES)
    known = timeline.execution("register_data_product:one")
    before = content(client)
    for report in sorted(reports, key=lambda each: each.rank):
        assert timeline.put_execution(report, expires_at=EXPIRES) == known
    # THEN nothing has changed, it is the newest, and what any report knew is known under every key.
    assert content(client) == before
    newest = max(reports, key=lambda report: report.rank)
    informed = any(report.event_id is not None for report in reports)
    assert known is not None
    assert (known.status, known.stopped_at, known.error) == (newest.status, newest.stopped_at, newest.error)
    assert (known.correlation_id is not None, known.domains == ("sales",)) == (informed, informed)
    assert timeline.flow(FLOW).executions == ((known,) if informed else ())
    assert timeline.executions(limit=2, since=NOW, until=NOW)[0] == [known]


def test_a_copy_that_was_not_written_is_written_by_the_same_report(client: Any) -> None:
    timeline = Timeline(TABLE, client)
    timeline.put_execution(REPORTS[1], expires_at=EXPIRES)
    place = {"pk": {"S": "DOMAIN#sales#EXECUTIONS"}}
    (item,) = [item for item in content(client) if item["pk"] == place["pk"]]
    client.delete_item(TableName=TABLE, Key=place | {"sk": item["sk"]})
    timeline.put_execution(REPORTS[1], expires_at=EXPIRES)
    assert timeline.executions_of("sales", limit=1) == ([REPORTS[1]], None)


def test_who_puts_at_the_same_moment_reads_and_merges_again(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline, other = Timeline(TABLE, client), Timeline(TABLE, client)
    read = timeline._get
    faster = [REPORTS[1], RUNNING]

    def read_and_be_overtaken(pk: str, sk: str) -> Any:
        item = read(pk, sk)
        if faster:
            other.put_execution(faster.pop(), expires_at=EXPIRES)
        return item

    monkeypatch.setattr(timeline, "_get", read_and_be_overtaken)
    assert timeline.put_execution(REPORTS[2], expires_at=EXPIRES) == REPORTS[2]
    assert other.execution("register_data_product:one") == REPORTS[2]


def test_who_is_overtaken_for_ever_gives_up(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline = Timeline(TABLE, client)
    monkeypatch.setattr(timeline, "_put", lambda *_args, **_more: False)
    with pytest.raises(WriteConflict, match="register_data_product:one"):
        timeline.put_execution(RUNNING, expires_at=EXPIRES)


def test_the_newest_sign_of_a_sort_wins(timeline: Any) -> None:
    early = LinkSign(domain="sales", sign="HEARD", at=NOW)
    late = LinkSign(domain="sales", sign="HEARD", at=NOW + timedelta(seconds=1))
    failed = LinkSign(domain="sales", sign="FAILED", at=NOW, text="link_data_product: Boom")
    for sign in (late, early, failed, late):
        timeline.put_sign(sign, expires_at=EXPIRES)
    found = timeline.link("sales")
    assert (found.sent, found.heard, found.failed) == (None, late, failed)
    assert timeline.link("marketing") == type(found)()


def test_who_started_an_execution_stays_known(timeline: Any) -> None:
    timeline.put_execution(RUNNING, expires_at=EXPIRES)
    too_large: dict[str, Any] = {"correlation_id": None, "event_id": None, "source": None, "account": None}
    timeline.put_execution(ended(RUNNING, "FAILED", **too_large), expires_at=EXPIRES)
    found = timeline.execution(RUNNING.execution_id)
    assert (found.status, found.event_id) == ("FAILED", RUNNING.event_id)
    assert (found.source, found.account) == (RUNNING.source, RUNNING.account)
    assert RUNNING.account is not None


def test_what_has_ended_ranks_after_what_runs() -> None:
    statuses = ["RUNNING", "FAILED", "PENDING_REDRIVE"]
    ranked = [execution(redrive_count=count, status=status) for count in (0, 1) for status in statuses]
    assert [each.rank for each in ranked] == sorted({each.rank for each in ranked})
    assert isinstance(ranked[0], TimelineExecution)
