"""Which rule speaks of a request, what it says, and who may decide."""

import random
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from datamesh.logic.policy import Subject, check_together, escalation_seats, mailbox, rule_on, seats_of, tags_of
from datamesh.models.approvals import Seat
from datamesh.models.errors import DurationTooLong, NoPolicyRule, PurposeNotAllowed, QuorumUnreachable
from datamesh.models.people import Person
from datamesh.models.policy import DEFAULT_POLICY, ApprovalPolicy, Conditions, Rule, Stage
from tests.support.people import config, person

OWNERS = Stage(name="owners", approvers=("product_owners",))
CENTRAL_TOPIC = "arn:aws:sns:eu-west-1:111111111111:governance"


def subject(**changes: Any) -> Subject:
    asked = Subject(
        consumer="marketing",
        requested_by="mia@example.com",
        access_mode="nrac",
        producers=("sales",),
        sensitive=True,
        reasons=("sales.email is flagged as personal data",),
        classifications=frozenset({"confidential"}),
        tags={"region": frozenset({"eu", "us"})},
        purpose="campaigns",
        duration_days=30,
    )
    return asked._replace(**changes)


def policy_of(*rules: Rule, **groups: tuple[Person, ...]) -> ApprovalPolicy:
    return ApprovalPolicy(groups=groups, rules=rules)


def seats(stage: Stage, asked: Subject | None = None, **changes: Any) -> tuple[Seat, ...]:
    world: dict[str, Any] = {
        "policy": policy_of(Rule(name="all", stages=(OWNERS,)), governance=(person("gina"), person("gus"))),
        "producers": {"sales": config("sales", ("sam", "sue"), ("stan",))},
        "consumer": config("marketing", ("max",), ("mona",)),
        "central_topic_arn": CENTRAL_TOPIC,
    }
    return seats_of(stage, subject=asked or subject(), **{**world, **changes})


def addresses(seat: Seat) -> list[str]:
    return [person.email.partition("@")[0] for person in seat.approvers]


# --- The default ---


def test_by_default_what_is_not_sensitive_is_granted_at_once_to_the_account() -> None:
    ruling = rule_on(DEFAULT_POLICY, subject(sensitive=False, reasons=(), duration_days=None))
    assert (ruling.rule, ruling.stages, ruling.grant_to, ruling.duration_days) == ("not-sensitive", (), "account", None)
    assert ruling.policy == DEFAULT_POLICY.digest


def test_by_default_the_owners_decide_on_what_is_sensitive_for_the_principals_alone() -> None:
    ruling = rule_on(DEFAULT_POLICY, subject())
    assert (ruling.rule, ruling.grant_to, ruling.duration_days) == ("sensitive", "principals", 30)
    assert [stage.approvers for stage in ruling.stages] == [("product_owners",)]
    assert ruling.reasons == ("sales.email is flagged as personal data",)


# --- Which rule speaks ---


def test_what_no_rule_speaks_of_is_refused() -> None:
    policy = policy_of(Rule(name="hr", when=Conditions(producers=("hr",)), stages=(OWNERS,)))
    with pytest.raises(NoPolicyRule, match="no rule"):
        rule_on(policy, subject())


@pytest.mark.parametrize(
    ("when", "speaks"),
    [
        ({}, True),
        ({"sensitive": True}, True),
        ({"sensitive": False}, False),
        ({"classifications": ("restricted", "confidential")}, True),
        ({"classifications": ("restricted",)}, False),
        ({"producers": ("hr", "sales")}, True),
        ({"producers": ("hr",)}, False),
        ({"consumers": ("marketing",)}, True),
        ({"consumers": ("finance",)}, False),
        ({"access_modes": ("nrac",)}, True),
        ({"access_modes": ("tbac",)}, False),
        ({"tags": {"region": ("us",)}}, True),
        ({"tags": {"region": ("apac",)}}, False),
        ({"tags": {"tier": ("gold",)}}, False),
        ({"tags": {"region": ("us",), "tier": ("gold",)}}, False),
        ({"producers": ("sales",), "consumers": ("finance",)}, False),
    ],
)
def test_all_conditions_of_a_rule_must_hold(when: dict[str, Any], speaks: bool) -> None:
    policy = policy_of(
        Rule(name="special", when=Conditions(**when), stages=(OWNERS,)), Rule(name="rest", stages=(OWNERS,))
    )
    assert rule_on(policy, subject()).rule == ("special" if speaks else "rest")


@pytest.mark.parametrize(
    ("when", "asked", "speaks"),
    [
        ({"classifications": ("public",)}, {"classifications": frozenset({"public", "internal"})}, False),
        ({"classifications": ("public", "internal")}, {"classifications": frozenset({"public", "internal"})}, True),
        ({"producers": ("sales",)}, {"producers": ("sales", "hr")}, False),
        ({"tags": {"region": ("eu",)}}, {}, False),
        ({"tags": {"region": ("eu", "us")}}, {}, True),
        ({"tags": {"region": ("eu",)}}, {"tags": {"region": frozenset({"eu", ""})}}, False),
        ({"classifications": ("public",)}, {"classifications": frozenset()}, False),
    ],
)
def test_a_rule_that_approves_by_itself_must_hold_for_all_that_is_asked_for(
    when: dict[str, Any], asked: dict[str, Any], speaks: bool
) -> None:
    policy = policy_of(Rule(name="automatic", when=Conditions(**when)), Rule(name="rest", stages=(OWNERS,)))
    assert rule_on(policy, subject(sensitive=False, **asked)).rule == ("automatic" if speaks else "rest")


def test_no_rule_alone_approves_what_is_sensitive() -> None:
    with pytest.raises(NoPolicyRule):
        rule_on(policy_of(Rule(name="everything")), subject())


def test_a_key_that_something_carries_no_value_of_counts_as_such() -> None:
    assert tags_of([{"region": "eu", "tier": "gold"}, {"region": "us"}]) == {
        "region": frozenset({"eu", "us"}),
        "tier": frozenset({"gold", ""}),
    }


# --- What it says ---


@pytest.mark.parametrize(("asked", "granted"), [(None, 90), (30, 30), (90, 90)])
def test_a_request_without_duration_gets_the_longest(asked: int | None, granted: int) -> None:
    policy = policy_of(Rule(name="r", stages=(OWNERS,), max_duration_days=90))
    assert rule_on(policy, subject(duration_days=asked)).duration_days == granted


def test_more_time_than_the_rule_allows_is_refused() -> None:
    policy = policy_of(Rule(name="r", stages=(OWNERS,), max_duration_days=90))
    with pytest.raises(DurationTooLong, match="at most 90 days, not 91"):
        rule_on(policy, subject(duration_days=91))


@pytest.mark.parametrize("purpose", [None, "curiosity"])
def test_a_purpose_that_the_rule_does_not_allow_is_refused(purpose: str | None) -> None:
    policy = policy_of(Rule(name="r", stages=(OWNERS,), purposes=("campaigns", "fraud")), Rule(name="rest"))
    with pytest.raises(PurposeNotAllowed, match="campaigns, fraud"):
        rule_on(policy, subject(purpose=purpose))


@pytest.mark.parametrize("grant_to", ["account", "principals"])
def test_the_rule_says_to_whom_it_is_granted(grant_to: Literal["account", "principals"]) -> None:
    policy = policy_of(Rule(name="r", stages=(OWNERS,), grant_to=grant_to))
    assert rule_on(policy, subject()).grant_to == grant_to


# --- Who sits ---


def test_every_producer_has_a_seat_with_its_own_people_and_topic() -> None:
    producers = {"sales": config("sales", ("sam",)), "hr": config("hr", ("hank", "hilda"), topic=False)}
    found = seats(OWNERS, subject(producers=("sales", "hr")), producers=producers)
    assert [(seat.producer, addresses(seat), seat.quorum) for seat in found] == [
        ("hr", ["hank", "hilda"], 1),
        ("sales", ["sam"], 1),
    ]
    assert [seat.topic_arn for seat in found] == [None, "arn:aws:sns:eu-west-1:222222222222:sales"]


def test_groups_of_one_kind_share_a_seat_and_count_together() -> None:
    stage = Stage(name="all", approvers=("governance", "data_stewards", "product_owners"), quorum=2)
    found = seats(stage)
    assert [(seat.producer, seat.groups, addresses(seat), seat.quorum, seat.topic_arn) for seat in found] == [
        ("sales", ("data_stewards", "product_owners"), ["sam", "stan", "sue"], 2, found[0].topic_arn),
        (None, ("governance",), ["gina", "gus"], 2, CENTRAL_TOPIC),
    ]


def test_who_asks_does_not_decide() -> None:
    assert addresses(seats(OWNERS, subject(requested_by="sam@example.com"))[0]) == ["sue"]
    assert addresses(seats(OWNERS, subject(requested_by="sam+data@example.com"))[0]) == ["sue"]


def test_whoever_is_of_the_consumer_by_one_entry_is_so_by_all() -> None:
    policy = policy_of(
        Rule(name="r", stages=(OWNERS,)),
        governance=(person("gina"), person("sue"), person("gus", "marketing")),
        privacy=(person("sam", "marketing"), person("max")),
    )
    stage = Stage(name="s", approvers=("governance", "privacy"), quorum=2)
    assert addresses(seats(stage, policy=policy)[0]) == ["gina", "sue"]
    assert addresses(seats(OWNERS, policy=policy)[0]) == ["sue"]


def test_one_person_has_one_place() -> None:
    policy = policy_of(
        Rule(name="r", stages=(OWNERS,)),
        governance=(person("gina"), person("gina+2"), Person(email="GINA@example.com", name="Gina")),
    )
    stage = Stage(name="s", approvers=("governance",))
    (seat,) = seats(stage, policy=policy)
    assert [(p.email, p.name) for p in seat.approvers] == [("gina@example.com", "Gina")]
    with pytest.raises(QuorumUnreachable):
        seats(stage.model_copy(update={"quorum": 2}), policy=policy)


def test_a_quorum_that_nobody_can_reach_is_refused_with_the_seat() -> None:
    stage = Stage(name="two-owners", approvers=("product_owners",), quorum=2)
    with pytest.raises(QuorumUnreachable, match="two-owners needs 2 of the product_owners of sales, and only 1 may"):
        seats(stage, subject(requested_by="sam@example.com"))


@pytest.mark.parametrize(
    ("approver", "changes"),
    [
        ("product_owners", {"producers": {}}),
        ("governance", {"policy": policy_of(Rule(name="r", stages=(OWNERS,)))}),
    ],
)
def test_a_group_that_is_gone_has_no_members(approver: str, changes: dict[str, Any]) -> None:
    with pytest.raises(QuorumUnreachable, match="only 0 may decide"):
        seats(Stage(name="s", approvers=(approver,)), **changes)


def test_a_stage_is_never_empty() -> None:
    with pytest.raises(QuorumUnreachable, match="no producer"):
        seats(OWNERS, subject(producers=()))


def test_nobody_sits_at_two_stages_so_there_must_be_enough_for_all() -> None:
    def stage(quorum: int, *names: str) -> list[Seat]:
        return [Seat(groups=("g",), approvers=tuple(person(name) for name in names), quorum=quorum)]

    check_together({"a": stage(1, "sam", "sue"), "b": stage(1, "sam", "sue")})
    check_together({"a": stage(1, "sam")})
    with pytest.raises(QuorumUnreachable, match="stages a and b need 2 different people together, and only 1 may"):
        check_together({"a": stage(1, "sam"), "b": stage(1, "sam")})
    with pytest.raises(QuorumUnreachable, match="stages a and b and c need 4"):
        check_together({"a": stage(1, "sam", "sue"), "b": stage(2, "sam", "sue", "stan"), "c": stage(1, "stan", "sue")})


def test_after_the_deadline_those_decide_as_well_to_whom_it_escalates() -> None:
    world: dict[str, Any] = {
        "policy": policy_of(Rule(name="all", stages=(OWNERS,)), governance=(person("gina"), person("max"))),
        "producers": {"sales": config("sales", ("sam",))},
        "consumer": config("marketing", ("max",)),
        "subject": subject(),
        "central_topic_arn": CENTRAL_TOPIC,
    }
    stage = Stage(name="s", approvers=("product_owners",), on_deadline="escalate", escalate_to=("governance",))
    (seat,) = escalation_seats(stage, **world)
    assert (seat.groups, addresses(seat), seat.topic_arn) == (("governance",), ["gina"], CENTRAL_TOPIC)
    assert escalation_seats(OWNERS, **world) == ()
    with pytest.raises(QuorumUnreachable):
        escalation_seats(stage.model_copy(update={"quorum": 2}), **world)


# --- Properties ---

NAMES = st.sampled_from("abcdefgh")
DOMAINS = st.sampled_from(["sales", "hr", "marketing"])
PEOPLE = st.lists(st.builds(person, NAMES, st.none() | DOMAINS), max_size=5).map(tuple)
GROUPS = st.dictionaries(st.sampled_from(["governance", "privacy", "security"]), PEOPLE)
APPROVERS = st.lists(
    st.sampled_from(["product_owners", "data_stewards", "governance", "privacy", "security"]),
    min_size=1,
    max_size=5,
    unique=True,
)
LISTS = st.lists(NAMES, max_size=4, unique=True).map(tuple)


@given(groups=GROUPS, approvers=APPROVERS, owners=LISTS, stewards=LISTS, ours=LISTS, asks=NAMES, data=st.data())
def test_nobody_of_the_consumer_and_not_who_asks_ever_sits(  # noqa: PLR0917 - what is drawn
    groups: dict[str, tuple[Person, ...]],
    approvers: list[str],
    owners: tuple[str, ...],
    stewards: tuple[str, ...],
    ours: tuple[str, ...],
    asks: str,
    data: st.DataObject,
) -> None:
    policy = ApprovalPolicy(groups=groups, rules=(Rule(name="r", stages=(OWNERS,)),))
    world: dict[str, Any] = {
        "policy": policy,
        "producers": {"sales": config("sales", owners, stewards), "hr": config("hr", stewards, owners)},
        "consumer": config("marketing", ours),
    }
    asked = subject(requested_by=f"{asks}@example.com", producers=("sales", "hr"))
    stage = Stage(name="s", approvers=tuple(approvers))
    barred = {f"{name}@example.com" for name in (*ours, asks)}
    barred |= {p.email for group in groups.values() for p in group if p.domain == "marketing"}
    try:
        found = seats(stage, asked, **world)
    except QuorumUnreachable:
        return
    for seat in found:
        assert barred.isdisjoint(p.email for p in seat.approvers)
        assert len({mailbox(p.email) for p in seat.approvers}) == len(seat.approvers) >= seat.quorum
    shuffled = data.draw(st.permutations(approvers))
    turned = {name: tuple(reversed(group)) for name, group in reversed(groups.items())}
    world["policy"] = ApprovalPolicy(groups=turned, rules=policy.rules)
    assert seats(Stage(name="s", approvers=tuple(shuffled)), asked, **world) == found


CONDITIONS = st.builds(
    Conditions,
    sensitive=st.sampled_from([None, True, False]),
    classifications=st.none() | st.just(("confidential",)) | st.just(("public", "internal")),
    producers=st.none() | st.just(("sales",)) | st.just(("hr",)),
    consumers=st.none() | st.just(("marketing",)),
    access_modes=st.none() | st.just(("nrac",)) | st.just(("tbac",)),
)


@given(
    whens=st.lists(CONDITIONS, min_size=1, max_size=6),
    sensitive=st.booleans(),
    classification=st.sampled_from(["public", "confidential", "unclassified"]),
    seed=st.integers(0, 99),
)
def test_the_first_rule_decides_and_those_after_it_change_nothing(
    whens: list[Conditions], sensitive: bool, classification: str, seed: int
) -> None:
    rules = tuple(Rule(name=f"r{number}", when=when, stages=(OWNERS,)) for number, when in enumerate(whens))
    asked = subject(sensitive=sensitive, classifications=frozenset({classification}))
    try:
        chosen = rule_on(policy_of(*rules), asked).rule
    except NoPolicyRule:
        for rule in rules:
            with pytest.raises(NoPolicyRule):
                rule_on(policy_of(rule), asked)
        return
    place = int(chosen[1:])
    for rule in rules[:place]:
        with pytest.raises(NoPolicyRule):
            rule_on(policy_of(rule), asked)
    later = list(rules[place + 1 :])
    random.Random(seed).shuffle(later)  # noqa: S311 - any order will do
    assert rule_on(policy_of(*rules[: place + 1], *later), asked).rule == chosen


@given(whens=st.lists(CONDITIONS, min_size=1, max_size=6), people=st.data())
def test_no_policy_approves_what_is_sensitive_without_people(whens: list[Conditions], people: st.DataObject) -> None:
    rules = []
    for number, when in enumerate(whens):
        stages = (OWNERS,) if when.sensitive or people.draw(st.booleans()) else ()
        rules.append(Rule(name=f"r{number}", when=when, stages=stages))
    try:
        ruling = rule_on(policy_of(*rules), subject())
    except NoPolicyRule:
        return
    assert ruling.stages


def test_a_rule_about_what_is_sensitive_must_have_people() -> None:
    with pytest.raises(ValidationError, match="needs a stage"):
        Rule(name="r", when=Conditions(sensitive=True))
