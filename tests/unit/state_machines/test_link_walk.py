"""link_data_product walked offline, with the real logic behind a fake AWS."""

from collections.abc import Callable
from typing import Any

import pytest

from datamesh.models.catalog import CatalogDatabase
from tests.support import asl
from tests.support.asl_walk import TaskCall
from tests.support.domain_account import HAPPY_LINK, Account, failing
from tests.support.domain_fakes import (
    LOCAL,
    MARKETING,
    TAG_DATABASE,
    granted,
    granted_by_tag,
    registered,
    registered_by_tag,
    table_names,
    tags_changed,
)


@pytest.fixture
def sales() -> Account:
    account = Account()
    account.catalog.share(["flights"])
    account.crawl = account.all_succeed
    return account


def test_linking_goes_straight_through_and_publishes(sales: Account) -> None:
    done = sales.link(registered())
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    (entry,) = done.published
    assert entry["EventBusName"] == asl.TEMPLATE_INPUTS["event_bus_arn"]
    assert (entry["Source"], entry["DetailType"]) == ("datamesh.domain", "DataProductLinked")
    assert entry["Detail"]["data"]["request_id"] is None
    assert (done.output["role"], done.output["tables"]) == ("producer", ["flights"])


def test_a_consumer_s_link_publishes_two_events() -> None:
    marketing = Account(id=MARKETING)
    marketing.catalog.share(["flights"])
    done = marketing.link(granted())
    assert [entry["DetailType"] for entry in done.published] == ["DataProductLinked", "DataProductAccessProvisioned"]
    assert done.path == HAPPY_LINK


def test_what_is_shared_by_tag_is_linked_and_crawled(sales: Account) -> None:
    sales.catalog.share(["flights"], database=TAG_DATABASE)
    done = sales.link(registered_by_tag())
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    crawled = sales.crawl_after(done.output)
    assert crawled.status == "SUCCEEDED"
    assert [(each["DetailType"], each["Detail"]["data"]["access_mode"]) for each in crawled.published] == [
        ("DataProductSchemaUpdated", "tbac")
    ]


def test_a_request_by_tag_publishes_where_to_query_and_nothing_is_crawled() -> None:
    marketing = Account(id=MARKETING)
    marketing.catalog.share(["flights"], database=TAG_DATABASE)
    done = marketing.link(granted_by_tag())
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    (entry,) = done.published
    assert (entry["DetailType"], entry["Detail"]["data"]["databases"]) == (
        "DataProductAccessProvisioned",
        [TAG_DATABASE],
    )
    assert marketing.crawl_after(done.output).path[-1] == "Nothing To Crawl"


def test_changed_tags_link_what_became_visible_and_else_end_without_a_side_effect() -> None:
    marketing = Account(id=MARKETING)
    done = marketing.link(tags_changed())
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    assert [entry["DetailType"] for entry in done.published] == ["DataProductLinked"]
    assert marketing.crawl_after(done.output).path[-1] == "Nothing To Crawl"
    writes = marketing.catalog.writes
    lost = marketing.link(tags_changed({"flights": "lost"}))
    assert (lost.status, lost.path[-1], lost.published) == ("SUCCEEDED", "Nothing To Link", [])
    assert marketing.catalog.writes == writes


def test_transitions_of_linking_by_tag_do_not_grow_with_tables() -> None:
    counts = set()
    for number in (1, 25, 100):
        tables = table_names(number)
        account = Account()
        account.catalog.share(tables, database=TAG_DATABASE)
        counts.add(account.link(registered_by_tag(tables)).transitions)
    assert counts == {len(HAPPY_LINK)}


@pytest.mark.parametrize("make", [registered, granted])
def test_transitions_of_linking_do_not_grow_with_tables(make: Callable[..., dict[str, Any]]) -> None:
    counts = set()
    for number in (1, 2, 25, 100):
        tables = table_names(number)
        event = make(tables)
        account = Account(id=event["detail"]["metadata"]["target_account"])
        account.catalog.share(tables)
        counts.add(account.link(event).transitions)
    assert counts == {len(HAPPY_LINK)}


def test_only_the_widest_grants_take_another_round() -> None:
    tables = table_names(100)
    marketing = Account(id=MARKETING)
    marketing.catalog.share(tables)
    principals = [f"arn:aws:iam::{MARKETING}:role/analyst-{number}" for number in range(50)]
    done = marketing.link(granted(tables, principals=principals))
    assert (done.status, done.path.count("Grant Principals")) == ("SUCCEEDED", 6)


def test_an_unchanged_registration_ends_without_a_side_effect(sales: Account) -> None:
    done = sales.link(registered(outcome="unchanged"))
    assert (done.status, done.path[-1], done.published) == ("SUCCEEDED", "Nothing To Link", [])
    assert sales.catalog.writes == 0


def test_visibility_is_awaited_by_retries(sales: Account) -> None:
    late = registered(["flights", "airlines"])
    waits = iter(range(3))

    def before(call: TaskCall) -> None:
        if call.step == "await_visibility" and next(waits, None) is None:
            sales.catalog.share(["airlines"])

    sales.before = before
    done = sales.link(late)
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY_LINK)
    assert done.transitions == len(HAPPY_LINK) + 3


def test_the_wait_for_visibility_is_bounded() -> None:
    done = Account().link(registered())
    assert (done.status, done.error) == ("FAILED", "ShareNotYetVisible")
    assert done.path[-4:] == ["Await Visibility", "Say Why", "Central to Know?", "Link Failed"]
    assert done.published == []
    assert done.cause is not None
    assert done.cause.startswith("Await Visibility: 1 of 1 tables")
    assert done.transitions < 40


def test_central_is_told_when_what_a_request_was_granted_cannot_be_linked() -> None:
    account = Account(id=MARKETING)
    account.catalog.share(["flights"])
    account.catalog.databases[LOCAL] = CatalogDatabase(name=LOCAL)
    done = account.link(granted())
    assert (done.status, done.error, done.path[-2:]) == (
        "FAILED",
        "ConflictError",
        ["Publish Link Failed", "Link Failed"],
    )
    (entry,) = done.published
    assert (entry["Source"], entry["DetailType"]) == ("datamesh.domain", "DataProductLinkFailed")
    assert entry["Detail"]["data"]["request_id"] == granted()["detail"]["data"]["request_id"]
    assert entry["Detail"]["data"]["error"] == "ConflictError"


def test_a_conflict_fails_with_its_name_and_its_place(sales: Account) -> None:
    sales.catalog.databases[LOCAL] = CatalogDatabase(name=LOCAL)
    done = sales.link(registered())
    assert (done.status, done.error, done.published) == ("FAILED", "ConflictError", [])
    assert done.cause is not None
    assert done.cause.startswith("Create Links: ")


@pytest.mark.parametrize("step", ["accept_share", "await_visibility", "create_links", "grant_principals", "publish"])
@pytest.mark.parametrize(
    "error", ["Lambda.ServiceException", "EventBridge.FailedEntry", "GrantFailed", "States.Timeout"]
)
def test_every_step_of_linking_may_fail_for_good(sales: Account, step: str, error: str) -> None:
    sales.before = failing(step, error)
    done = sales.link(registered())
    assert (done.status, done.error, done.path[-1]) == ("FAILED", error, "Link Failed")


@pytest.mark.parametrize(
    ("step", "error"),
    [
        ("accept_share", "Lambda.TooManyRequestsException"),
        ("create_links", "AwsTemporarilyUnavailable"),
        ("grant_principals", "Lambda.SdkClientException"),
        ("publish", "EventBridge.FailedEntry"),
    ],
)
def test_what_passes_by_itself_is_retried(sales: Account, step: str, error: str) -> None:
    sales.before = failing(step, error, times=3)
    done = sales.link(registered())
    assert (done.status, done.transitions) == ("SUCCEEDED", len(HAPPY_LINK) + 3)


def test_the_same_event_twice_leaves_the_same_account(sales: Account) -> None:
    first = sales.link(registered())
    before = (repr(sales.catalog.tables), repr(sales.permissions.held))
    second = sales.link(registered())
    assert (repr(sales.catalog.tables), repr(sales.permissions.held)) == before
    assert first.output == second.output
