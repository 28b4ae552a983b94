"""Unlinking takes back what linking gave, leaves what others need, and can always be repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from datamesh.models.catalog import CatalogDatabase, CatalogTable, DatabaseTarget, LinkTarget
from datamesh.models.errors import GrantFailed, InvalidEvent, UntrustedShare
from datamesh.models.events import Envelope
from datamesh.models.permissions import DatabaseResource, FilterResource, Grant, TableResource, TagPolicyResource
from tests.support.domain_fakes import (
    CENTRAL,
    DATABASE,
    FILTER,
    LOCAL,
    MARKETING,
    SALES,
    TAG_DATABASE,
    deregistered,
    ending,
    ending_by_tag,
    granted,
    granted_by_tag,
    registered,
    table_names,
)
from tests.support.linking import ANALYST, NOW, Domain

OTHER = f"arn:aws:iam::{MARKETING}:role/reporting"
LINK = f"arn:aws:iam::{MARKETING}:role/link"
LATE = NOW + timedelta(seconds=121)


def marketing(*tables: str, principals: tuple[str, ...] = (ANALYST,)) -> Domain:
    """Return marketing's account, where access to tables was made usable by their filters."""
    domain = Domain(MARKETING)
    domain.catalog.share(tables)
    domain.run(granted(tables, principals=principals))
    for principal in principals:
        for table in tables:
            pass_on(domain, principal, table)
    return domain


def pass_on(domain: Domain, principal: str, table: str, name: str = FILTER) -> None:
    resource = FilterResource(catalog_id=CENTRAL, database=DATABASE, table=table, name=name)
    domain.permissions.grant([Grant(principal=principal, resource=resource, permissions=("SELECT",))])


def on_links(domain: Domain, principal: str) -> set[str]:
    """Return the links and local databases that a principal sees."""
    return {
        resource.name
        for (who, resource), held in domain.permissions.held.items()
        if who == principal
        and isinstance(resource, TableResource | DatabaseResource)
        and resource.catalog_id == domain.account
        and held
    }


def on_filters(domain: Domain, principal: str) -> set[tuple[str, str]]:
    return {
        (resource.table, resource.name)
        for (who, resource), _ in domain.permissions.held.items()
        if who == principal and isinstance(resource, FilterResource)
    }


def said(result: dict[str, Any]) -> dict[str, Any]:
    (entry,) = result["entries"]
    assert (entry["DetailType"], entry["Source"]) == ("DataProductUnlinked", "datamesh.domain")
    return entry["Detail"]["data"]  # type: ignore[no-any-return]


def test_grants_links_and_the_local_database_are_gone() -> None:
    domain = marketing("flights", "airlines")
    result = domain.unlink(ending(("flights", "airlines")))
    assert (on_links(domain, ANALYST), on_filters(domain, ANALYST)) == (set(), set())
    assert (domain.catalog.tables, domain.catalog.databases) == ({}, {})
    assert (sorted(result["links"]), result["databases"]) == (["airlines", "flights"], [LOCAL])
    fact = said(result)
    assert (fact["role"], fact["domain"], fact["tables"]) == ("consumer", "marketing", ["airlines", "flights"][::-1])
    assert fact["request_id"] == "16fd2706-8baf-433b-82eb-8c7fada847da"


def test_every_step_may_be_repeated_and_nothing_need_be_there() -> None:
    domain = marketing("flights")
    first = domain.unlink(ending())
    after = repr(domain.state)
    second = domain.unlink(ending())
    assert repr(domain.state) == after
    assert first["entries"] == second["entries"]
    untouched = Domain(MARKETING)
    assert said(untouched.unlink(ending()))["role"] == "consumer"
    assert untouched.permissions.held == {}


@pytest.mark.parametrize("step", ["revoke", "remove_links"])
def test_a_crash_in_the_middle_is_healed_by_the_next_attempt(step: str) -> None:
    domain = marketing("flights", "airlines")
    domain.permissions.refuse = GrantFailed("ConcurrentModificationException")
    event = Envelope.read(ending(("flights", "airlines")))
    steps: dict[str, Callable[[], object]] = {
        "revoke": lambda: domain.unlinking.revoke(event, 0, NOW),
        "remove_links": lambda: domain.unlinking.remove_links(event, NOW),
    }
    with pytest.raises(GrantFailed):
        steps[step]()
    domain.permissions.refuse = None
    domain.unlink(ending(("flights", "airlines")))
    assert (domain.catalog.tables, domain.catalog.databases, on_filters(domain, ANALYST)) == ({}, {}, set())


def test_it_may_drop_what_the_linking_function_made() -> None:
    domain = marketing("flights")
    domain.unlinking.remove_links(Envelope.read(ending()), NOW)
    drops = {resource for (who, resource), held in domain.permissions.held.items() if who == LINK and "DROP" in held}
    assert drops == {
        TableResource(catalog_id=MARKETING, database=LOCAL, name="flights"),
        DatabaseResource(catalog_id=MARKETING, name=LOCAL),
    }


def test_what_other_requests_need_stays() -> None:
    domain = marketing("flights", "airlines", principals=(ANALYST, OTHER))
    pass_on(domain, OTHER, "flights", "datamesh_of_another_request")
    event = ending(
        ("flights", "airlines"), principals=(ANALYST, OTHER), keep={"flights": [OTHER]}, keep_database=[OTHER]
    )
    domain.unlink(event)
    assert [name for _, name in domain.catalog.tables] == ["flights"]
    assert list(domain.catalog.databases) == [LOCAL]
    assert (on_links(domain, ANALYST), on_links(domain, OTHER)) == (set(), {"flights", LOCAL})
    assert on_filters(domain, OTHER) == {("flights", "datamesh_of_another_request")}


def test_what_is_not_the_meshs_stays() -> None:
    domain = marketing("flights")
    other = LinkTarget(catalog_id="999999999999", database=DATABASE, name="flights")
    domain.catalog.tables[LOCAL, "flights"] = CatalogTable(name="flights", target=other)
    result = domain.unlink(ending())
    assert (LOCAL, "flights") in domain.catalog.tables
    assert LOCAL in domain.catalog.databases
    assert (result["links"], result["databases"]) == ([], [])
    domain.catalog.tables.clear()
    domain.catalog.databases[LOCAL] = CatalogDatabase(name=LOCAL, parameters={"managed_by": "somebody"})
    assert domain.unlink(ending())["databases"] == []


def test_a_late_event_spares_what_has_been_granted_anew() -> None:
    domain = marketing("flights", "airlines")
    pass_on(domain, ANALYST, "flights", "datamesh_of_a_newer_request")
    # Another request shows flights; airlines is shown by none any more.
    domain.catalog.shared[CENTRAL, DATABASE].pop("airlines")
    domain.unlink(ending(("flights", "airlines")), LATE)
    assert [name for _, name in domain.catalog.tables] == ["flights"]
    assert on_links(domain, ANALYST) >= {"flights", LOCAL}
    assert on_filters(domain, ANALYST) == {("flights", "datamesh_of_a_newer_request")}


def by_tag() -> Domain:
    domain = Domain(MARKETING)
    domain.catalog.share(["flights"], database=TAG_DATABASE)
    domain.run(granted_by_tag())
    return domain


def test_the_expression_and_the_links_to_databases_are_gone() -> None:
    domain = by_tag()
    result = domain.unlink(ending_by_tag({TAG_DATABASE: None, "datamesh_finance_tbac": None}))
    assert domain.permissions.of(ANALYST) == {}
    assert (domain.catalog.databases, result["databases"]) == ({}, [TAG_DATABASE])
    assert said(result)["expression"] == {"channel": ["web"]}


def test_an_expression_and_a_link_that_others_need_stay() -> None:
    domain = by_tag()
    before = domain.permissions.of(ANALYST)
    domain.unlink(ending_by_tag({TAG_DATABASE: [ANALYST]}, keep_expression_for=[ANALYST]))
    assert domain.permissions.of(ANALYST) == before
    domain.unlink(ending_by_tag({TAG_DATABASE: []}))
    assert domain.permissions.of(ANALYST) == {}
    assert list(domain.catalog.databases) == [TAG_DATABASE]


def test_a_late_event_leaves_an_expression_to_central() -> None:
    domain = by_tag()
    before = domain.permissions.of(ANALYST)
    domain.unlink(ending_by_tag(), LATE)
    assert (domain.permissions.of(ANALYST), list(domain.catalog.databases)) == (before, [TAG_DATABASE])


def test_a_database_of_the_same_name_that_is_no_link_to_central_stays() -> None:
    domain = by_tag()
    elsewhere = DatabaseTarget(catalog_id="999999999999", name=TAG_DATABASE)
    domain.catalog.databases[TAG_DATABASE] = CatalogDatabase(name=TAG_DATABASE, target=elsewhere)
    domain.unlink(ending_by_tag())
    assert domain.catalog.databases[TAG_DATABASE].target == elsewhere


def test_beside_central_its_own_databases_are_no_links() -> None:
    domain = Domain(MARKETING, central=MARKETING)
    domain.catalog.databases[TAG_DATABASE] = CatalogDatabase(name=TAG_DATABASE)
    event = ending_by_tag(account=MARKETING)
    event["detail"]["data"]["catalog_account"] = MARKETING
    policy = TagPolicyResource(catalog_id=MARKETING, resource_type="TABLE", expression=(("channel", ("web",)),))
    domain.permissions.grant([Grant(principal=ANALYST, resource=policy, permissions=("SELECT", "DESCRIBE"))])
    domain.unlink(event)
    assert list(domain.catalog.databases) == [TAG_DATABASE]
    assert domain.permissions.of(ANALYST) == {}


def sales(*tables: str) -> Domain:
    domain = Domain(SALES)
    domain.catalog.share(tables)
    domain.run(registered(tables))
    return domain


def test_a_product_that_left_leaves_no_links_and_no_grants_on_its_tables() -> None:
    domain = sales("flights", "airlines")
    domain.catalog.shared[CENTRAL, DATABASE].pop("flights")
    result = domain.unlink(deregistered())
    assert [name for _, name in domain.catalog.tables] == ["airlines"]
    assert list(domain.catalog.databases) == [LOCAL]
    engineer = domain.permissions.of(domain.role("engineer"))
    assert "flights@central" not in engineer
    assert "airlines@central" in engineer
    assert (said(result)["role"], said(result)["request_id"]) == ("producer", None)


def test_a_product_that_was_registered_again_keeps_its_links() -> None:
    domain = sales("flights")
    before = repr(domain.state)
    domain.unlink(deregistered(), LATE)
    assert repr(domain.state) == before


def test_the_widest_grants_take_several_rounds() -> None:
    principals = tuple(f"arn:aws:iam::{MARKETING}:role/analyst-{number}" for number in range(50))
    domain = marketing(*table_names(60), principals=principals)
    domain.permissions.sizes.clear()
    domain.unlink(ending(table_names(60), principals=principals))
    assert domain.permissions.sizes[:4] == [2000, 2000, 2000, 50]
    assert not any(on_links(domain, principal) for principal in principals)


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (ending(account=MARKETING), UntrustedShare),
        (ending(account=SALES), UntrustedShare),
        (ending(target=SALES), InvalidEvent),
        (ending(target=None), InvalidEvent),
        (ending(source="datamesh.domain"), InvalidEvent),
        (ending(principals=(f"arn:aws:iam::{SALES}:role/engineer",)), InvalidEvent),
        (deregistered(account=SALES), UntrustedShare),
    ],
)
def test_forged_events_take_nothing_back(event: dict[str, Any], error: type[Exception]) -> None:
    domain = marketing("flights")
    before = repr(domain.state)
    with pytest.raises(error):
        domain.unlink(event)
    assert repr(domain.state) == before


def test_another_catalog_is_not_centrals() -> None:
    event = ending()
    event["detail"]["data"]["catalog_account"] = SALES
    with pytest.raises(InvalidEvent, match="not central's"):
        marketing("flights").unlink(event)
