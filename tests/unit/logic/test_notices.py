"""Who is told of a decision: everybody who was asked, also when the step that reads it is repeated."""

from typing import Any

import pytest

from datamesh.logic.request_approvals import RequestApprovals
from datamesh.logic.share_world import World
from datamesh.logic.votes import Ballot
from datamesh.models.approvals import Decision
from datamesh.models.events import Metadata
from tests.support.approvals import ANN, BEN, REQUEST, WaitingRequest

NOBODY: Any = None


def resumed(waiting: WaitingRequest) -> dict[str, Any]:
    """Let the execution that waits read what was decided."""
    world = World(waiting.registry, NOBODY, NOBODY, NOBODY, NOBODY, NOBODY, waiting.outbox, waiting.callbacks)
    request = waiting.registry.request(REQUEST)
    assert request is not None
    cause = Metadata(event_id=REQUEST, correlation_id=REQUEST, occurred_at=waiting.now)
    return RequestApprovals(world, NOBODY).resume(request, cause, waiting.now)


@pytest.mark.parametrize(("decision", "outcome"), [("APPROVE", "approved"), ("DENY", "denied")])
def test_a_repeated_step_tells_the_same_again(decision: Decision, outcome: str) -> None:
    waiting = WaitingRequest()
    ballot = Ballot(approver=ANN, decision=decision, comment="Why", via="portal", link=None)
    waiting.approvals.vote(REQUEST, 0, ballot, waiting.now)
    waiting.outbox.queued.clear()

    assert resumed(waiting)["outcome"] == outcome
    first = [message.id for message in waiting.outbox.queued]
    # The step's answer was lost.
    assert resumed(waiting)["outcome"] == outcome

    assert [message.id for message in waiting.outbox.queued] == first * 2
    assert {message.to for message in waiting.outbox.queued if message.channel == "mail"} == {
        ANN,
        BEN,
        "cyd@sales.example",
    }
    assert all(message.kind == "decided" for message in waiting.outbox.queued)


def test_a_crash_before_the_outbox_is_healed_by_the_repetition() -> None:
    waiting = WaitingRequest()
    ballot = Ballot(approver=ANN, decision="DENY", comment="Why", via="portal", link=None)
    waiting.approvals.vote(REQUEST, 0, ballot, waiting.now)
    waiting.outbox.queued.clear()
    waiting.outbox.faults = [RuntimeError("the function was ended")]
    with pytest.raises(RuntimeError):
        resumed(waiting)
    resumed(waiting)
    assert waiting.outbox.queued
