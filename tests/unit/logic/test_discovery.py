"""Who may find a product."""

import pytest

from datamesh.logic.discovery import may_discover
from datamesh.logic.policy_remarks import remarks
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy, DiscoveryConditions, DiscoveryRule
from datamesh.models.search import SearchDocument

PRODUCT = SearchDocument(
    domain="sales",
    name="orders",
    description="Orders",
    classification="confidential",
    pii=True,
    sensitive=True,
    access_mode="tbac",
    tags=("layer=gold", "region=eu", "region=us"),
    sequence=1,
)


def hide(**when: object) -> DiscoveryRule:
    """Return a rule that hides what is so."""
    return DiscoveryRule(name="hide", when=DiscoveryConditions.model_validate(when), visible_to="nobody")


def test_everybody_finds_what_no_rule_speaks_of() -> None:
    assert may_discover(PRODUCT, (), ())
    assert may_discover(PRODUCT, (hide(producers=["marketing"]),), ())


@pytest.mark.parametrize(
    "when",
    [
        {},
        {"sensitive": True},
        {"classifications": ["restricted", "confidential"]},
        {"producers": ["marketing", "sales"]},
        {"tags": {"region": ["us"]}},
        {"tags": {"region": ["apac", "eu"], "layer": ["gold"]}},
        {"sensitive": True, "producers": ["sales"], "tags": {"layer": ["gold"]}},
    ],
)
def test_a_rule_whose_conditions_all_hold_decides(when: dict[str, object]) -> None:
    assert not may_discover(PRODUCT, (hide(**when),), ("marketing",))


@pytest.mark.parametrize(
    "when",
    [
        {"sensitive": False},
        {"classifications": ["restricted"]},
        {"classifications": []},
        {"producers": ["marketing"]},
        {"tags": {"region": ["apac"]}},
        {"tags": {"layer": ["gold"], "team": ["gold"]}},
        {"sensitive": True, "producers": ["marketing"]},
    ],
)
def test_a_rule_with_a_condition_that_does_not_hold_says_nothing(when: dict[str, object]) -> None:
    assert may_discover(PRODUCT, (hide(**when),), ("marketing",))


def test_the_first_rule_that_speaks_of_it_decides() -> None:
    everyone = DiscoveryRule(name="all", visible_to="everyone")
    assert may_discover(PRODUCT, (everyone, hide()), ())
    assert not may_discover(PRODUCT, (hide(), everyone), ())
    assert may_discover(PRODUCT, (hide(sensitive=False), everyone, hide()), ())


def test_domains_that_a_rule_names_find_it_and_no_others() -> None:
    rule = DiscoveryRule(name="partners", visible_to=("marketing", "finance"))
    assert may_discover(PRODUCT, (rule,), ("finance",))
    assert may_discover(PRODUCT, (rule,), ("hr", "marketing"))
    assert not may_discover(PRODUCT, (rule,), ("hr",))
    assert not may_discover(PRODUCT, (rule,), ())


def test_the_owner_and_who_governs_find_it_always() -> None:
    assert may_discover(PRODUCT, (hide(),), ("sales",))
    assert may_discover(PRODUCT, (hide(),), (), sees_all=True)


def test_a_discovery_rule_behind_one_for_everything_is_remarked() -> None:
    late = DiscoveryRule(name="late", when=DiscoveryConditions(sensitive=True), visible_to="nobody")
    first = DiscoveryRule(name="first", visible_to="everyone")
    reached = ApprovalPolicy(rules=DEFAULT_POLICY.rules, discovery=(late, first))
    unreached = ApprovalPolicy(rules=DEFAULT_POLICY.rules, discovery=(first, late))
    assert [each for each in remarks(reached) if "discovery" in each] == []
    assert [each for each in remarks(unreached) if "discovery" in each] == [
        "discovery rule late is never reached: first, before it, speaks of every product"
    ]
