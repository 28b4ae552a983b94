"""link_data_product for what is shared by LF-tag: links to databases, and the same tag expression passed on."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.models.catalog import CatalogDatabase, DatabaseTarget
from datamesh.models.errors import (
    ConflictError,
    InvalidEvent,
    InvitationExpired,
    ShareNotYetVisible,
    TooManyTagPolicies,
    UntrustedShare,
)
from datamesh.models.events import Envelope
from datamesh.models.permissions import TagPolicyResource
from tests.support.domain_fakes import (
    CENTRAL,
    LOCAL,
    MARKETING,
    SALES,
    SHARE,
    TAG_DATABASE,
    granted,
    granted_by_tag,
    registered,
    registered_by_tag,
    tags_changed,
)
from tests.support.linking import ANALYST, Domain

OF_FINANCE = "datamesh_finance_tbac"
TARGET = DatabaseTarget(catalog_id=CENTRAL, name=TAG_DATABASE)
NOTHING = {"outcome": "nothing_to_link"}


@pytest.fixture
def sales() -> Domain:
    domain = Domain()
    domain.catalog.share(["flights", "airlines"], database=TAG_DATABASE)
    return domain


@pytest.fixture
def marketing() -> Domain:
    domain = Domain(account=MARKETING)
    domain.catalog.share(["flights"], database=TAG_DATABASE)
    return domain


def said(result: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what was said, by detail-type."""
    return {entry["DetailType"]: entry["Detail"]["data"] for entry in result["entries"]}


def policy(number: int, kind: Any = "TABLE", catalog: str = MARKETING) -> TagPolicyResource:
    return TagPolicyResource(catalog_id=catalog, resource_type=kind, expression=(("channel", (f"v{number}",)),))


# --- the producer ---------------------------------------------------------------------------------------------------


def test_a_producer_gets_one_link_to_its_database(sales: Domain) -> None:
    sales.run(registered_by_tag(["flights", "airlines"]))
    assert sales.catalog.databases == {TAG_DATABASE: CatalogDatabase(name=TAG_DATABASE, target=TARGET)}
    assert sales.catalog.tables == {}


def test_a_producer_s_roles_are_granted_by_the_account_s_own_expression(sales: Domain) -> None:
    sales.run(registered_by_tag())
    location = f"arn:aws:s3:::datamesh-domain-raw-{SALES}-eu-west-1/products/air_travel/flights@central"
    database = {f"db:{TAG_DATABASE}": {"DESCRIBE"}, "DATABASE:lob=sales@central": {"DESCRIBE"}}
    assert sales.permissions.of(sales.role("engineer")) == {
        **database,
        "TABLE:lob=sales@central": {"SELECT", "DESCRIBE"},
    }
    assert sales.permissions.of(sales.role("datamesh-domain-crawler")) == {
        **database,
        "TABLE:lob=sales@central": {"SELECT", "DESCRIBE", "ALTER"},
        location: {"DATA_LOCATION_ACCESS"},
    }
    assert sales.permissions.of(sales.role("crawl")) == {"TABLE:lob=sales@central": {"DESCRIBE"}}


def test_a_new_table_needs_no_new_grant_but_for_its_location(sales: Domain) -> None:
    sales.run(registered_by_tag(["flights"]))
    before = {key: set(value) for key, value in sales.permissions.held.items()}
    writes = sales.catalog.writes
    sales.run(registered_by_tag(["flights", "airlines"], outcome="updated"))
    new = [resource for _, resource in sales.permissions.held.keys() - before.keys()]
    assert {resource.kind for resource in new} == {"location"}
    assert sales.catalog.writes == writes


def test_what_a_producer_says_names_the_mode_and_the_database(sales: Domain) -> None:
    result = sales.run(registered_by_tag(["flights", "airlines"]))
    linked = said(result)["DataProductLinked"]
    assert (linked["role"], linked["access_mode"], linked["database"]) == ("producer", "tbac", TAG_DATABASE)
    assert linked["tables"] == [
        {"name": "flights", "outcome": "created"},
        {"name": "airlines", "outcome": "created"},
    ]
    output = result["result"]
    assert (output["access_mode"], output["database"], output["catalog_database"]) == (
        "tbac",
        TAG_DATABASE,
        TAG_DATABASE,
    )
    assert output["tables"] == ["flights", "airlines"]


def test_a_product_of_both_modes_is_linked_both_ways(sales: Domain) -> None:
    sales.catalog.share(["flights"])
    by_name, by_tag = (sales.run(event) for event in (registered(), registered_by_tag()))
    assert set(sales.catalog.databases) == {LOCAL, TAG_DATABASE}
    assert set(sales.catalog.tables) == {(LOCAL, "flights")}
    ids = {result["entries"][0]["Detail"]["metadata"]["event_id"] for result in (by_name, by_tag)}
    assert len(ids) == 2


def test_the_same_registration_by_tag_twice_changes_nothing_and_says_so(sales: Domain) -> None:
    first = sales.run(registered_by_tag())
    before, writes = repr(sales.state), sales.catalog.writes
    second = sales.run(registered_by_tag())
    assert (repr(sales.state), sales.catalog.writes) == (before, writes)
    assert {table["outcome"] for table in said(second)["DataProductLinked"]["tables"]} == {"unchanged"}
    assert first["result"] == second["result"]


def test_tables_by_tag_are_waited_for_in_their_own_database(sales: Domain) -> None:
    sales.catalog.share(["planes"])  # by name, which is another database
    with pytest.raises(ShareNotYetVisible, match=rf"1 of 2 .*{TAG_DATABASE}\.planes"):
        sales.flow.await_visibility(Envelope.read(registered_by_tag(["flights", "planes"])))


@pytest.mark.parametrize("change", [{"access_mode": "nrac"}, {"expression": None}])
def test_an_expression_and_the_mode_go_together(sales: Domain, change: dict[str, Any]) -> None:
    event = registered_by_tag()
    event["detail"]["data"] |= change
    with pytest.raises(InvalidEvent, match="only then"):
        sales.run(event)


# --- the consumer ---------------------------------------------------------------------------------------------------


def test_a_consumer_gets_a_link_to_every_database_that_is_matched(marketing: Domain) -> None:
    marketing.catalog.share(["budgets"], database=OF_FINANCE)
    marketing.run(granted_by_tag({TAG_DATABASE: ["flights"], OF_FINANCE: ["budgets"]}))
    assert {name: database.target for name, database in marketing.catalog.databases.items()} == {
        name: DatabaseTarget(catalog_id=CENTRAL, name=name) for name in (TAG_DATABASE, OF_FINANCE)
    }


def test_a_consumer_s_principals_are_granted_the_same_expression_and_nobody_else(marketing: Domain) -> None:
    marketing.run(granted_by_tag(expression={"lob": ["sales"], "channel": ["web", "shop"]}))
    expression = "channel=shop|web&lob=sales@central"
    assert marketing.permissions.of(ANALYST) == {
        f"db:{TAG_DATABASE}": {"DESCRIBE"},
        f"DATABASE:{expression}": {"DESCRIBE"},
        f"TABLE:{expression}": {"SELECT", "DESCRIBE"},
    }
    assert {principal for principal, _ in marketing.permissions.held} == {ANALYST}


def test_a_consumer_by_tag_says_where_it_can_be_queried(marketing: Domain) -> None:
    result = marketing.run(granted_by_tag())
    assert said(result) == {
        "DataProductAccessProvisioned": {
            "request_id": "16fd2706-8baf-433b-82eb-8c7fada847da",
            "domain": "marketing",
            "product": None,
            "expression": {"channel": ["web"]},
            "database": None,
            "tables": [],
            "principals": [ANALYST],
            "databases": [TAG_DATABASE],
        }
    }
    assert result["result"] == {"databases": [TAG_DATABASE]}


def test_the_same_grant_by_tag_twice_changes_nothing(marketing: Domain) -> None:
    first = marketing.run(granted_by_tag())
    before, writes = repr(marketing.state), marketing.catalog.writes
    assert marketing.run(granted_by_tag()) == first
    assert (repr(marketing.state), marketing.catalog.writes) == (before, writes)


def test_every_matched_database_is_waited_for(marketing: Domain) -> None:
    event = Envelope.read(granted_by_tag({TAG_DATABASE: ["flights"], OF_FINANCE: ["budgets"]}))
    with pytest.raises(ShareNotYetVisible, match=rf"1 of 2 .*{OF_FINANCE}\.budgets"):
        marketing.flow.await_visibility(event)
    assert marketing.shares.asked == [SHARE]
    marketing.catalog.share(["budgets"], database=OF_FINANCE)
    assert marketing.flow.await_visibility(event) == {"outcome": "visible", "tables": 2}


@pytest.mark.parametrize(
    "taken",
    [
        CatalogDatabase(name=OF_FINANCE, parameters={"owner": "finance"}),
        CatalogDatabase(name=OF_FINANCE, target=DatabaseTarget(catalog_id=SALES, name=OF_FINANCE)),
        CatalogDatabase(name=OF_FINANCE, target=DatabaseTarget(catalog_id=CENTRAL, name=TAG_DATABASE)),
    ],
    ids=["database", "link to another account", "link to another database"],
)
def test_something_else_by_the_name_of_a_database_link_is_a_conflict_before_anything_is_linked(
    marketing: Domain, taken: CatalogDatabase
) -> None:
    marketing.catalog.share(["budgets"], database=OF_FINANCE)
    marketing.catalog.databases[OF_FINANCE] = taken
    with pytest.raises(ConflictError, match=OF_FINANCE):
        marketing.run(granted_by_tag({TAG_DATABASE: ["flights"], OF_FINANCE: ["budgets"]}))
    assert marketing.catalog.databases == {OF_FINANCE: taken}
    assert marketing.permissions.held == {}


def test_a_link_by_the_name_of_the_database_of_links_is_a_conflict(marketing: Domain) -> None:
    marketing.catalog.share(["flights"])
    marketing.catalog.databases[LOCAL] = CatalogDatabase(name=LOCAL, target=TARGET)
    with pytest.raises(ConflictError):
        marketing.run(granted())


def test_principals_of_another_account_are_never_granted_by_tag(marketing: Domain) -> None:
    with pytest.raises(InvalidEvent, match="Not principals"):
        marketing.run(granted_by_tag(principals=[ANALYST, f"arn:aws:iam::{SALES}:role/spy"]))
    assert marketing.permissions.held == {}


@pytest.mark.parametrize(
    "change",
    [{"product": {"domain": "sales", "name": "air_travel"}}, {"expression": None}],
    ids=["both", "neither"],
)
def test_a_grant_is_of_a_product_or_of_an_expression(marketing: Domain, change: dict[str, Any]) -> None:
    event = granted_by_tag()
    event["detail"]["data"] |= change
    with pytest.raises(InvalidEvent, match="or to a tag expression"):
        marketing.run(event)


# --- 50 tag policies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["DATABASE", "TABLE"])
def test_more_policies_than_lake_formation_takes_are_refused_before_anything_is_granted(
    marketing: Domain, kind: Any
) -> None:
    for number in range(50):
        marketing.permissions.held[ANALYST, policy(number, kind)] = {"DESCRIBE"}
    before = dict(marketing.permissions.held)
    with pytest.raises(TooManyTagPolicies, match=f"{ANALYST} has 50 tag policies on each {kind.lower()}"):
        marketing.run(granted_by_tag())
    assert marketing.permissions.held == before


def test_an_expression_that_is_held_already_needs_no_room(marketing: Domain) -> None:
    marketing.run(granted_by_tag())
    for number in range(49):
        marketing.permissions.held[ANALYST, policy(number)] = {"SELECT"}
    assert marketing.run(granted_by_tag())["outcome"] == "linked"
    with pytest.raises(TooManyTagPolicies):
        marketing.run(granted_by_tag(expression={"lob": ["finance"]}))


def test_policies_of_others_do_not_count(marketing: Domain) -> None:
    for number in range(50):
        marketing.permissions.held[marketing.role("intern"), policy(number)] = {"SELECT"}
    assert marketing.run(granted_by_tag())["outcome"] == "linked"


# --- when tags change -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("effect", ["gained", "widened", "changed", "narrowed"])
def test_what_became_visible_by_a_standing_grant_is_linked_and_nothing_else_is_granted(
    marketing: Domain, effect: str
) -> None:
    result = marketing.run(tags_changed({"flights": effect}))
    assert marketing.catalog.databases[TAG_DATABASE].target == TARGET
    assert marketing.permissions.of(ANALYST) == {f"db:{TAG_DATABASE}": {"DESCRIBE"}}
    assert said(result) == {
        "DataProductLinked": {
            "domain": "marketing",
            "product": {"domain": "sales", "name": "air_travel"},
            "role": "consumer",
            "access_mode": "tbac",
            "database": TAG_DATABASE,
            "tables": [{"name": "flights", "outcome": "created"}],
            "request_id": None,
        }
    }


def test_only_tables_that_can_be_seen_are_said_to_be_linked(marketing: Domain) -> None:
    result = marketing.run(tags_changed({"airlines": "lost", "flights": "gained"}))
    assert [table["name"] for table in said(result)["DataProductLinked"]["tables"]] == ["flights"]


@pytest.mark.parametrize(
    "event",
    [
        tags_changed({"flights": "lost"}),
        tags_changed({}),
        tags_changed(principals=[f"arn:aws:iam::{SALES}:role/analyst"]),
    ],
    ids=["lost", "nobody's access", "another account's access"],
)
def test_where_nothing_became_visible_nothing_is_done(marketing: Domain, event: dict[str, Any]) -> None:
    assert marketing.run(event) == NOTHING
    assert (marketing.shares.asked, marketing.state) == ([], ({}, {}, {}))


def test_a_producer_has_nothing_to_do_when_others_gain_access(sales: Domain) -> None:
    assert sales.run(tags_changed(standing=False, target=SALES)) == NOTHING
    assert sales.state == ({}, {}, {})


def test_a_producer_s_own_principals_with_a_tag_grant_get_the_link_and_others_nothing(sales: Domain) -> None:
    own = sales.role("analyst")
    event = tags_changed(principals=[own, ANALYST], standing=False, target=SALES)
    assert sales.run(event)["outcome"] == "linked"
    assert {principal for principal, _ in sales.permissions.held} == {own}


def test_principals_of_a_grant_that_shows_something_get_the_link_with_the_others(marketing: Domain) -> None:
    event = tags_changed()
    intern = marketing.role("intern")
    event["detail"]["data"]["grants"][0]["principals"] = [intern]
    marketing.run(event)
    assert {principal for principal, _ in marketing.permissions.held} == {ANALYST, intern}


def test_a_change_that_was_cut_into_several_events_is_linked_by_the_one_that_has_it(marketing: Domain) -> None:
    """The grants may be in another part."""
    assert marketing.run(tags_changed(standing=False))["outcome"] == "linked"
    assert marketing.permissions.of(ANALYST) == {f"db:{TAG_DATABASE}": {"DESCRIBE"}}


def test_tags_that_have_changed_again_since_are_not_waited_for() -> None:
    domain = Domain(account=MARKETING)
    assert domain.run(tags_changed())["outcome"] == "linked"


def test_the_same_change_twice_changes_nothing(marketing: Domain) -> None:
    marketing.run(tags_changed())
    before, writes = repr(marketing.state), marketing.catalog.writes
    again = marketing.run(tags_changed())
    assert (repr(marketing.state), marketing.catalog.writes) == (before, writes)
    assert said(again)["DataProductLinked"]["tables"] == [{"name": "flights", "outcome": "unchanged"}]


def test_a_change_of_tags_overwrites_nothing(marketing: Domain) -> None:
    marketing.catalog.databases[TAG_DATABASE] = CatalogDatabase(name=TAG_DATABASE)
    with pytest.raises(ConflictError, match=TAG_DATABASE):
        marketing.run(tags_changed())
    assert marketing.permissions.held == {}


def test_an_invitation_of_a_standing_grant_that_lapsed_is_told(marketing: Domain) -> None:
    marketing.shares.states[SHARE] = InvitationExpired("gone")
    with pytest.raises(InvitationExpired):
        marketing.run(tags_changed())


@pytest.mark.parametrize("change", [{"account": SALES}, {"target": SALES}, {"source": "datamesh.domain"}])
def test_a_change_of_tags_is_believed_of_central_alone(marketing: Domain, change: dict[str, Any]) -> None:
    with pytest.raises((UntrustedShare, InvalidEvent)):
        marketing.run(tags_changed(**change))


def test_a_change_in_a_catalog_that_is_not_central_s_is_refused(marketing: Domain) -> None:
    event = tags_changed()
    event["detail"]["data"]["catalog_account"] = SALES
    with pytest.raises(InvalidEvent, match="not central's"):
        marketing.run(event)


# --- one account, any order -----------------------------------------------------------------------------------------


def test_beside_central_the_database_itself_is_there_and_is_not_linked() -> None:
    domain = Domain(account=CENTRAL)
    domain.catalog.share(["flights"], database=TAG_DATABASE)
    domain.catalog.databases[TAG_DATABASE] = CatalogDatabase(name=TAG_DATABASE)
    result = domain.run(registered_by_tag(target=CENTRAL))
    assert (result["outcome"], domain.shares.asked, domain.catalog.writes) == ("linked", [], 0)
    assert domain.permissions.of(domain.role("engineer")) == {
        "DATABASE:lob=sales@central": {"DESCRIBE"},
        "TABLE:lob=sales@central": {"SELECT", "DESCRIBE"},
    }


def test_an_expression_that_the_principals_hold_already_is_not_passed_on() -> None:
    marketing = Domain(account=MARKETING)
    marketing.run(granted_by_tag(grant_to="principals"))
    assert marketing.permissions.of(ANALYST) == {f"db:{TAG_DATABASE}": {"DESCRIBE"}}


@given(st.data())
def test_any_history_of_events_by_name_and_by_tag_ends_the_same(data: st.DataObject) -> None:
    """Links and permissions depend on which events came, not on how often or in which order."""
    events = [
        granted(),
        granted_by_tag(),
        granted_by_tag({TAG_DATABASE: ["flights"], OF_FINANCE: ["budgets"]}, expression={"lob": ["finance", "sales"]}),
        tags_changed(),
        tags_changed({"flights": "lost"}, standing=False),
    ]
    history = data.draw(st.permutations(events + data.draw(st.lists(st.sampled_from(events), max_size=4))))
    straight, shuffled = Domain(account=MARKETING), Domain(account=MARKETING)
    for domain, sequence in ((straight, events), (shuffled, history)):
        domain.catalog.share(["flights"])
        domain.catalog.share(["flights"], database=TAG_DATABASE)
        domain.catalog.share(["budgets"], database=OF_FINANCE)
        for event in sequence:
            domain.run(event)
    assert straight.state == shuffled.state
