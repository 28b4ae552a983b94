"""link_data_product: who gets what, what is refused, and that repeating changes nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.link_grants import grants_of
from datamesh.logic.link_plans import LinkConfig, read_plan
from datamesh.models.catalog import CatalogDatabase, CatalogTable, LinkTarget
from datamesh.models.crawls import LinkResult
from datamesh.models.errors import (
    ConflictError,
    GrantFailed,
    InvalidEvent,
    InvitationExpired,
    ShareNotYetVisible,
    UntrustedShare,
)
from datamesh.models.events import Envelope
from tests.support.domain_fakes import (
    CENTRAL,
    DATABASE,
    FILTER,
    LOCAL,
    MARKETING,
    SALES,
    SHARE,
    envelope,
    granted,
    registered,
    table_names,
)
from tests.support.linking import ANALYST, NOW, Domain


@pytest.fixture
def sales() -> Domain:
    domain = Domain()
    domain.catalog.share(["flights", "airlines"])
    return domain


@pytest.fixture
def marketing() -> Domain:
    domain = Domain(account=MARKETING)
    domain.catalog.share(["flights"])
    return domain


def test_a_producer_gets_links_to_its_tables(sales: Domain) -> None:
    sales.run(registered(["flights", "airlines"]))
    assert sales.catalog.databases[LOCAL].parameters == {"data_owner_name": "sales", "managed_by": "datamesh-domain"}
    assert {name: table.target for (_, name), table in sales.catalog.tables.items()} == {
        name: LinkTarget(catalog_id=CENTRAL, database=DATABASE, name=name) for name in ("flights", "airlines")
    }


def test_a_producer_is_granted_what_each_of_its_roles_needs(sales: Domain) -> None:
    sales.run(registered())
    location = f"arn:aws:s3:::datamesh-domain-raw-{SALES}-eu-west-1/products/air_travel/flights@central"
    link = {"db:datamesh_sales": {"DESCRIBE"}, "flights": {"DESCRIBE"}}
    assert sales.permissions.of(sales.role("engineer")) == {**link, "flights@central": {"SELECT", "DESCRIBE"}}
    assert sales.permissions.of(sales.role("datamesh-domain-crawler")) == {
        **link,
        "flights@central": {"SELECT", "DESCRIBE", "ALTER"},
        location: {"DATA_LOCATION_ACCESS"},
    }
    assert sales.permissions.of(sales.role("crawl")) == {"flights@central": {"DESCRIBE"}}


def test_a_consumer_s_principals_are_granted_what_was_asked_and_nobody_else(marketing: Domain) -> None:
    marketing.run(granted())
    assert marketing.permissions.of(ANALYST) == {
        "db:datamesh_sales": {"DESCRIBE"},
        "flights": {"DESCRIBE"},
        f"flights:{FILTER}@central": {"SELECT"},
    }
    assert {principal for principal, _ in marketing.permissions.held} == {ANALYST, marketing.role("link")}


def test_what_central_granted_to_the_principals_is_linked_unseen_and_nothing_is_passed_on() -> None:
    marketing = Domain(account=MARKETING)
    result = marketing.run(granted(grant_to="principals"))
    assert result["outcome"] == "linked"
    assert marketing.permissions.of(ANALYST) == {"db:datamesh_sales": {"DESCRIBE"}, "flights": {"DESCRIBE"}}
    # An invitation may come late: it is looked for until the end.
    assert marketing.shares.asked == [SHARE] * 3


def test_a_table_without_its_filter_is_refused(marketing: Domain) -> None:
    event = granted(["flights", "airports"])
    del event["detail"]["data"]["filters"][0]
    with pytest.raises(InvalidEvent, match="filter"):
        marketing.run(event)


def test_central_hears_of_what_cannot_be_linked_and_of_nothing_else(marketing: Domain) -> None:
    error = {"Error": "ConflictError", "Cause": "There is something else", "State": "Create Links"}
    said = marketing.flow.fail(Envelope.read(granted()), error, NOW)
    again = marketing.flow.fail(Envelope.read(granted()), error, NOW)
    (entry,) = said["entries"]
    assert said == again
    assert (entry["DetailType"], entry["Detail"]["data"]["error"]) == ("DataProductLinkFailed", "ConflictError")
    forged = granted() | {"account": SALES}
    assert marketing.flow.fail(Envelope.read(forged), error, NOW)["entries"] == []
    assert Domain().flow.fail(Envelope.read(registered()), error, NOW)["entries"] == []


def test_a_principal_in_two_roles_of_the_producer_is_granted_each_thing_once(sales: Domain) -> None:
    plan = read_plan(Envelope.read(registered()), sales.config)
    assert plan is not None
    crawler, reader = sales.config.crawler_role_arn, sales.config.schema_reader_role_arn
    config = LinkConfig(**{**vars(sales.config), "data_principals": (crawler, reader, reader)})
    grants = grants_of(plan, config)
    assert len({(grant.principal, grant.resource) for grant in grants}) == len(grants)


def test_what_is_said_by_a_producer(sales: Domain) -> None:
    result = sales.run(registered(["flights", "airlines"]))
    (entry,) = result["entries"]
    assert (entry["Source"], entry["DetailType"]) == ("datamesh.domain", "DataProductLinked")
    assert entry["Detail"]["data"] == {
        "domain": "sales",
        "product": {"domain": "sales", "name": "air_travel"},
        "role": "producer",
        "access_mode": "nrac",
        "database": LOCAL,
        "tables": [{"name": "flights", "outcome": "created"}, {"name": "airlines", "outcome": "created"}],
        "request_id": None,
    }
    metadata = entry["Detail"]["metadata"]
    assert metadata["correlation_id"] == "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    assert metadata["causation_id"] == "0f8fad5b-d9cb-469f-a165-70867728950e"
    link = LinkResult.model_validate(result["result"])
    assert (str(link.event_id), link.role, link.tables) == (metadata["event_id"], "producer", ("flights", "airlines"))


def test_what_is_said_by_a_consumer(marketing: Domain) -> None:
    result = marketing.run(granted())
    linked, provisioned = result["entries"]
    assert linked["Detail"]["data"]["role"] == "consumer"
    assert linked["Detail"]["data"]["domain"] == "marketing"
    assert provisioned["DetailType"] == "DataProductAccessProvisioned"
    assert provisioned["Detail"]["data"] == {
        "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
        "domain": "marketing",
        "product": {"domain": "sales", "name": "air_travel"},
        "expression": None,
        "database": LOCAL,
        "tables": ["flights"],
        "principals": [ANALYST],
        "databases": [],
    }


def test_the_same_event_twice_changes_nothing_and_says_so(sales: Domain) -> None:
    first = sales.run(registered(["flights", "airlines"]))
    before, writes = repr(sales.state), sales.catalog.writes
    second = sales.run(registered(["flights", "airlines"]))
    assert repr(sales.state) == before
    assert sales.catalog.writes == writes
    assert {table["outcome"] for table in second["entries"][0]["Detail"]["data"]["tables"]} == {"unchanged"}
    ids = [result["entries"][0]["Detail"]["metadata"]["event_id"] for result in (first, second)]
    assert ids[0] == ids[1]


def test_in_a_database_that_another_role_made_it_first_allows_itself_to_create_links(sales: Domain) -> None:
    sales.catalog.databases[LOCAL] = CatalogDatabase(
        name=LOCAL, parameters={"data_owner_name": "sales", "managed_by": "datamesh-domain"}
    )
    sales.run(registered())
    assert sales.permissions.of(sales.role("link")) == {"db:datamesh_sales": {"CREATE_TABLE", "DESCRIBE"}}


def test_an_unchanged_registration_asks_for_nothing(sales: Domain) -> None:
    assert sales.run(registered(outcome="unchanged")) == {"outcome": "nothing_to_link"}
    assert (sales.shares.asked, sales.state) == ([], ({}, {}, {}))


def test_an_update_links_what_is_new(sales: Domain) -> None:
    sales.run(registered(["flights"]))
    result = sales.run(registered(["flights", "airlines"], outcome="updated"))
    assert [table["outcome"] for table in result["entries"][0]["Detail"]["data"]["tables"]] == ["unchanged", "created"]


def test_an_older_event_after_a_newer_one_undoes_nothing(sales: Domain) -> None:
    sales.run(registered(["flights", "airlines"]))
    before = set(sales.catalog.tables)
    sales.run(registered(["flights"]))
    assert set(sales.catalog.tables) == before
    assert "airlines" in sales.permissions.of(sales.role("engineer"))


@pytest.mark.parametrize("state", ["accepted", "visible", "awaited"])
def test_whatever_the_share_s_state_only_visibility_counts(sales: Domain, state: Any) -> None:
    sales.shares.states[SHARE] = state
    assert sales.run(registered())["outcome"] == "linked"


def test_it_accepts_exactly_the_shares_of_the_event(sales: Domain) -> None:
    sales.run(registered())
    assert sales.shares.asked == [SHARE]


def test_tables_that_cannot_be_seen_yet_are_waited_for_by_name(sales: Domain) -> None:
    event = Envelope.read(registered(["flights", "planes"]))
    with pytest.raises(ShareNotYetVisible, match=r"1 of 2 .*planes"):
        sales.flow.await_visibility(event)
    sales.catalog.share(["planes"])
    assert sales.flow.await_visibility(event) == {"outcome": "visible", "tables": 2}


def test_an_invitation_that_comes_after_the_event_is_accepted_while_waiting() -> None:
    domain = Domain()
    domain.shares.states[SHARE] = "awaited"
    event = Envelope.read(registered())
    domain.flow.accept_share(event)
    for _ in range(3):
        with pytest.raises(ShareNotYetVisible, match="awaited"):
            domain.flow.await_visibility(event)
    assert domain.shares.asked == [SHARE] * 4


def test_an_expired_invitation_ends_the_wait() -> None:
    domain = Domain()
    domain.shares.states[SHARE] = InvitationExpired("gone")
    with pytest.raises(InvitationExpired):
        domain.flow.await_visibility(Envelope.read(registered()))


def test_central_and_domain_in_one_account_share_nothing() -> None:
    domain = Domain(account=CENTRAL)
    domain.catalog.share(["flights"])
    result = domain.run(registered(target=CENTRAL))
    assert result["outcome"] == "linked"
    assert domain.shares.asked == []
    engineer = domain.permissions.of(domain.role("engineer"))
    assert set(engineer) == {"db:datamesh_sales@central", "flights@central"}


@pytest.mark.parametrize("outcome", ["registered", "updated"])
def test_a_database_of_somebody_else_is_a_conflict(sales: Domain, outcome: str) -> None:
    sales.catalog.databases[LOCAL] = CatalogDatabase(name=LOCAL, parameters={"owner": "finance"})
    before = repr(sales.state)
    with pytest.raises(ConflictError):
        sales.run(registered(outcome=outcome))
    assert repr(sales.state) == before


@pytest.mark.parametrize(
    "target", [None, LinkTarget(catalog_id=MARKETING, database=DATABASE, name="flights")], ids=["table", "other link"]
)
def test_something_else_by_the_name_of_a_link_is_a_conflict_before_anything_is_linked(
    sales: Domain, target: LinkTarget | None
) -> None:
    sales.catalog.tables[LOCAL, "flights"] = CatalogTable(name="flights", target=target)
    with pytest.raises(ConflictError, match="flights"):
        sales.run(registered(["airlines", "flights"]))
    assert sales.catalog.tables == {(LOCAL, "flights"): CatalogTable(name="flights", target=target)}


def test_a_refused_grant_fails_the_step(sales: Domain) -> None:
    sales.permissions.refuse = GrantFailed("no")
    with pytest.raises(GrantFailed):
        sales.run(registered())


def test_many_grants_are_made_in_several_steps_each_of_them_once() -> None:
    tables = table_names(100)
    principals = [f"arn:aws:iam::{MARKETING}:role/analyst-{number}" for number in range(50)]
    domain = Domain(account=MARKETING)
    domain.catalog.share(tables)
    result = domain.run(granted(tables, principals=principals))
    assert result["outcome"] == "linked"
    assert domain.permissions.sizes == [1, 2000, 2000, 2000, 2000, 2000, 50]
    assert all(len(domain.permissions.of(principal)) == 201 for principal in principals)


def test_an_event_of_another_account_is_refused(sales: Domain) -> None:
    with pytest.raises(UntrustedShare):
        sales.run(registered(account=MARKETING))


def test_an_event_for_another_account_is_refused(sales: Domain) -> None:
    with pytest.raises(InvalidEvent):
        sales.run(registered(target=MARKETING))


def test_an_event_from_a_domain_is_refused(sales: Domain) -> None:
    with pytest.raises(InvalidEvent):
        sales.run(registered(source="datamesh.domain"))


@pytest.mark.parametrize("make", [registered, granted])
def test_a_catalog_that_is_not_central_s_is_refused(make: Any) -> None:
    event = make()
    event["detail"]["data"]["catalog_account"] = SALES
    domain = Domain(account=event["detail"]["metadata"]["target_account"])
    with pytest.raises(InvalidEvent, match="not central's"):
        domain.run(event)


def test_principals_of_another_account_are_never_granted(marketing: Domain) -> None:
    with pytest.raises(InvalidEvent, match="Not principals"):
        marketing.run(granted(principals=[ANALYST, f"arn:aws:iam::{SALES}:role/spy"]))
    assert marketing.permissions.held == {}


@pytest.mark.parametrize("step", ["await_visibility", "create_links"])
def test_a_step_about_nothing_is_refused(sales: Domain, step: str) -> None:
    with pytest.raises(InvalidEvent):
        getattr(sales.flow, step)(Envelope.read(registered(outcome="unchanged")))


def test_an_unknown_event_is_refused(sales: Domain) -> None:
    with pytest.raises(InvalidEvent):
        sales.run(envelope("DataProductSold", {}))


@given(st.lists(st.sampled_from(table_names(6)), min_size=1, max_size=6, unique=True), st.data())
def test_any_history_of_repeated_and_reordered_events_ends_the_same(tables: list[str], data: st.DataObject) -> None:
    """Permissions and links depend on which events came, not on how often or in which order."""
    events = [registered(tables[:count], outcome="updated") for count in range(1, len(tables) + 1)]
    history = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4))))
    straight, shuffled = Domain(), Domain()
    for domain, sequence in ((straight, events), (shuffled, history)):
        domain.catalog.share(tables)
        for event in sequence:
            domain.run(event)
    assert straight.state == shuffled.state
