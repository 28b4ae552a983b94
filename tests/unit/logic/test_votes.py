"""Voting: who may, how often, on what, and what is refused stands in the ledger."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datamesh.logic.approval_links import check_signature, known_link, make_link
from datamesh.logic.votes import Ballot
from datamesh.models.approvals import Decision
from datamesh.models.errors import (
    AlreadyVoted,
    BallotIncomplete,
    LinkForged,
    LinkUnknown,
    NotEligible,
    RequestChanged,
    StageClosed,
    StageNotFound,
    StageOverdue,
    VoteNotTaken,
)
from datamesh.models.people import Person
from datamesh.models.registry import Change, Save
from tests.support.approvals import (
    ANN,
    BASE_URL,
    BEN,
    CYD,
    DAN,
    GOVERNANCE,
    MAX,
    MIA,
    OWNERS,
    REQUEST,
    WaitingRequest,
    domain_record,
    stage,
)

TWO_OF_THREE = OWNERS.model_copy(update={"quorum": 2})


def ballot(approver: str = ANN, decision: Decision = "APPROVE", comment: str = "because") -> Ballot:
    return Ballot(approver=approver, decision=decision, comment=comment, via="portal")


def vote(waiting: WaitingRequest, approver: str, decision: Decision = "APPROVE", number: int = 0) -> str:
    return waiting.approvals.vote(REQUEST, number, ballot(approver, decision), waiting.now).status


def refused(waiting: WaitingRequest, error: type[VoteNotTaken], approver: str, number: int = 0) -> str:
    """A vote is refused: the ledger says so, all else stays as it was."""
    before, entries = waiting.state()
    with pytest.raises(error) as refusal:
        vote(waiting, approver, number=number)
    after, now_entries = waiting.state()
    assert {key for key in after if after[key] != before.get(key)} <= {"LEDGER/HEAD"}
    assert now_entries == entries + 1
    said = waiting.entered("VoteRefused")[-1]
    assert (said["error"], said["approver"], said["stage"]) == (error.__name__, approver.lower(), number)
    return refusal.value.message


@pytest.mark.parametrize("order", list(permutations([ANN, BEN, CYD])))
def test_two_of_three_are_enough_whoever_comes_first(order: Sequence[str]) -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    assert [vote(waiting, approver) for approver in order[:2]] == ["OPEN", "APPROVED"]
    refused(waiting, StageClosed, order[2])


def test_one_denial_is_enough_and_says_why() -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    vote(waiting, ANN)
    with pytest.raises(BallotIncomplete):
        waiting.approvals.vote(REQUEST, 0, ballot(BEN, "DENY", "  "), waiting.now)
    assert vote(waiting, BEN, "DENY") == "DENIED"
    assert waiting.stage().reason == "because"
    assert [said["decision"] for said in waiting.entered("VoteCast")] == ["APPROVE", "DENY"]


def test_all_seats_have_to_be_filled() -> None:
    waiting = WaitingRequest(OWNERS, GOVERNANCE)
    assert vote(waiting, BEN) == "OPEN"
    assert vote(waiting, DAN) == "APPROVED"


def test_the_same_vote_again_answers_the_same_and_another_is_refused() -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    assert vote(waiting, ANN) == "OPEN"
    before = waiting.state()
    assert vote(waiting, ANN.upper()) == "OPEN"
    assert waiting.state() == before
    with pytest.raises(AlreadyVoted):
        vote(waiting, ANN, "DENY")
    assert waiting.entered("VoteRefused")[-1]["error"] == "AlreadyVoted"
    assert len(waiting.stage().votes) == 1


def test_one_person_with_two_addresses_of_one_mailbox_votes_once() -> None:
    also = OWNERS.model_copy(
        update={"quorum": 2, "approvers": (*OWNERS.approvers, Person(email="ann+two@sales.example"))}
    )
    waiting = WaitingRequest(also)
    vote(waiting, ANN)
    assert vote(waiting, "ann+two@sales.example") == "OPEN"
    assert len(waiting.stage().votes) == 1


def test_an_approver_of_another_domain_is_refused() -> None:
    waiting = WaitingRequest(OWNERS)
    refused(waiting, NotEligible, "fay@finance.example")
    refused(waiting, NotEligible, DAN)
    refused(waiting, NotEligible, "ann@sales.example.evil")


def test_the_requester_is_refused_even_when_a_seat_names_him() -> None:
    seat = OWNERS.model_copy(update={"approvers": (*OWNERS.approvers, Person(email=MIA))})
    waiting = WaitingRequest(seat)
    assert "yourself" in refused(waiting, NotEligible, MIA.upper())


@pytest.mark.parametrize(
    "identity",
    [
        Person(email="mia.privat@mail.example", domain="marketing"),  # the policy says whose it is
        Person(email=MAX),  # the domain's config says so
        Person(email="mia+governance@marketing.example"),  # the same mailbox
    ],
)
def test_a_requester_with_a_second_identity_of_his_domain_is_refused(identity: Person) -> None:
    seat = GOVERNANCE.model_copy(update={"approvers": (*GOVERNANCE.approvers, identity)})
    refused(WaitingRequest(seat), NotEligible, identity.email)


def test_who_joined_the_consumer_since_he_was_asked_is_refused() -> None:
    waiting = WaitingRequest()
    joined = domain_record("marketing", data_stewards=(Person(email=ANN),)).model_copy(update={"version": 2})
    waiting.registry.write([Save(joined)])
    assert "marketing" in refused(waiting, NotEligible, ANN)
    assert vote(waiting, BEN) == "APPROVED"


def test_nobody_decides_on_two_stages_of_a_request() -> None:
    waiting = WaitingRequest(stages=(stage(), stage("governance")))
    vote(waiting, ANN)
    waiting.open("token-2", number=1, seats=(GOVERNANCE,))
    assert "owners" in refused(waiting, NotEligible, ANN, number=1)
    assert vote(waiting, DAN, number=1) == "APPROVED"


def test_after_the_deadline_nothing_is_decided() -> None:
    waiting = WaitingRequest()
    waiting.later(hours=72)
    refused(waiting, StageOverdue, ANN)


@pytest.mark.parametrize("status", ["CANCELLED", "FAILED", "APPROVED"])
def test_a_request_that_does_not_wait_is_not_decided_on(status: str) -> None:
    waiting = WaitingRequest()
    waiting.change(status=status)
    refused(waiting, StageClosed, ANN)


def test_a_request_that_shows_something_else_is_not_decided_on() -> None:
    waiting = WaitingRequest()
    waiting.change(exposure="another")
    refused(waiting, RequestChanged, ANN)


def test_nothing_is_entered_about_what_the_mesh_does_not_know() -> None:
    waiting = WaitingRequest()
    before = waiting.state()
    with pytest.raises(StageNotFound):
        vote(waiting, ANN, number=3)
    assert waiting.state() == before


def at_the_same_moment(waiting: WaitingRequest, *ballots: Ballot) -> list[str]:
    """Let votes read the same state before any of them writes."""
    everybody = threading.Barrier(len(ballots))
    first = threading.local()

    def meet(changes: Sequence[Change]) -> None:
        if not getattr(first, "met", False) and any(isinstance(change, Save) for change in changes):
            first.met = True
            everybody.wait(timeout=10)

    outcomes = [""] * len(ballots)

    def cast(place: int) -> None:
        try:
            outcomes[place] = waiting.approvals.vote(REQUEST, 0, ballots[place], waiting.now).status
        except VoteNotTaken as refusal:
            outcomes[place] = refusal.code

    waiting.registry.before_write = meet
    threads = [threading.Thread(target=cast, args=(place,)) for place in range(len(ballots))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    waiting.registry.before_write = None
    return outcomes


def test_two_votes_at_the_same_moment_both_count_and_answer_once() -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    assert sorted(at_the_same_moment(waiting, ballot(ANN), ballot(BEN))) == ["APPROVED", "OPEN"]
    assert {one.approver for one in waiting.stage().votes} == {ANN, BEN}
    assert len(waiting.callbacks.answered) == 1


def test_of_approval_and_denial_at_the_same_moment_one_decides() -> None:
    waiting = WaitingRequest()
    outcomes = at_the_same_moment(waiting, ballot(ANN), ballot(BEN, "DENY"))
    assert "StageClosed" in outcomes
    assert set(outcomes) - {"StageClosed"} == {waiting.stage().status}
    assert len(waiting.stage().votes) == 1
    assert len(waiting.callbacks.answered) == 1
    assert len(waiting.entered("VoteRefused")) == 1


def test_one_person_who_says_two_things_at_the_same_moment_says_one() -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    outcomes = at_the_same_moment(waiting, ballot(ANN), ballot(ANN, "DENY"))
    assert "AlreadyVoted" in outcomes
    assert len(waiting.stage().votes) == 1


@given(
    votes=st.lists(
        st.tuples(
            st.sampled_from([ANN, BEN, CYD, DAN, MIA, MAX, "fay@finance.example"]),
            st.sampled_from(["APPROVE", "DENY"]),
        ),
        max_size=8,
    )
)
def test_whatever_is_said_only_the_quorum_of_those_who_may_approves(votes: list[tuple[str, Decision]]) -> None:
    waiting = WaitingRequest(TWO_OF_THREE)
    said: dict[str, Decision] = {}
    refusals = []
    for approver, decision in votes:
        decided = "DENY" in said.values() or len(said) == 2
        if not decided and approver in {ANN, BEN, CYD}:
            said.setdefault(approver, decision)
        try:
            vote(waiting, approver, decision)
        except VoteNotTaken as refusal:
            refusals.append(refusal.code)
    assert [entry["error"] for entry in waiting.entered("VoteRefused")] == refusals
    expected = "DENIED" if "DENY" in said.values() else "APPROVED" if len(said) == 2 else "OPEN"
    assert waiting.stage().status == expected
    assert {one.approver: one.decision for one in waiting.stage().votes} == said
    assert len(waiting.callbacks.answered) == (expected != "OPEN")


# --- Links ---


def test_a_link_is_random_signed_and_lasts_as_long_as_the_stage() -> None:
    waiting = WaitingRequest()
    (one, signature), (two, _) = waiting.link(), waiting.link()
    assert one != two
    assert len(one) == 43
    link = known_link(waiting.registry, one)
    assert (link.approver, link.expires_at, link.digest) == (ANN, waiting.stage().deadline, waiting.request.exposure)
    check_signature(waiting.signatures, link, signature)
    assert signature not in link.model_dump_json()


@pytest.mark.parametrize("nonsense", [None, "", "x" * 600, "AAAA"])
def test_a_link_without_its_signature_is_refused(nonsense: str | None) -> None:
    waiting = WaitingRequest()
    link = known_link(waiting.registry, waiting.link()[0])
    with pytest.raises(LinkForged):
        check_signature(waiting.signatures, link, nonsense)


@pytest.mark.parametrize(
    "change", [{"approver": BEN}, {"number": 1}, {"digest": "another"}, {"link_id": "b" * 43}, {"request_id": None}]
)
def test_the_signature_holds_for_everything_that_the_link_says(change: dict[str, object]) -> None:
    waiting = WaitingRequest()
    link_id, signature = waiting.link()
    altered = known_link(waiting.registry, link_id).model_copy(update=change)
    with pytest.raises(LinkForged):
        check_signature(waiting.signatures, altered, signature)


@pytest.mark.parametrize("link_id", ["", "webhook", "x" * 43, "../../etc", "a" * 44, "ä" * 43])
def test_an_unknown_link_is_not_looked_for(link_id: str) -> None:
    with pytest.raises(LinkUnknown):
        known_link(WaitingRequest().registry, link_id)


def test_only_who_may_decide_gets_a_link_and_only_while_it_waits() -> None:
    waiting = WaitingRequest()
    made = (waiting.registry, waiting.signatures, waiting.stage())
    with pytest.raises(NotEligible):
        make_link(*made, DAN, base_url=BASE_URL, now=waiting.now)
    with pytest.raises(StageClosed):
        make_link(*made, ANN, base_url=BASE_URL, now=waiting.later(hours=72))
