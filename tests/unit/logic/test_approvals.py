"""Stages: opened once, told once, escalated or expired at their deadline, cancelled, and never lost in a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.approvals import MAX_NAMES_BYTES, shown_tables
from datamesh.logic.deciding import GIVE_UP_AFTER
from datamesh.logic.exposed import ExposedTable, Exposure
from datamesh.logic.votes import Ballot
from datamesh.models.errors import AwsTemporarilyUnavailable, CatalogInconsistent, StageClosed
from datamesh.models.registry import Save
from tests.support.approvals import ANN, BEN, CYD, DAN, GOVERNANCE, OWNERS, REQUEST, WaitingRequest, stage

YES = Ballot(approver=ANN, decision="APPROVE", comment="", via="portal")


def test_everybody_who_may_decide_is_told_once() -> None:
    waiting = WaitingRequest(OWNERS, GOVERNANCE)
    told = [(one.channel, one.to, one.domain) for one in waiting.outbox.queued]
    assert told == [
        ("mail", ANN, "sales"),
        ("mail", BEN, "sales"),
        ("mail", CYD, "sales"),
        ("mail", DAN, None),
        ("slack", None, None),
        ("webhook", None, None),
    ]
    assert {one.kind for one in waiting.outbox.queued} == {"approval_needed"}
    assert waiting.entered("StageOpened")[0]["digest"] == waiting.request.exposure
    assert [one.number for one in waiting.registry.open_approvals()] == [0]


def test_opened_again_a_stage_takes_the_newer_token_and_tells_nobody() -> None:
    waiting = WaitingRequest()
    before = len(waiting.outbox.queued)
    waiting.later(hours=1)
    again = waiting.open("token-2")
    assert (again.task_token, again.deadline, len(waiting.outbox.queued)) == (
        "token-2",
        again.opened_at + timedelta(hours=72),
        before,
    )
    waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    assert [token for token, _ in waiting.callbacks.answered] == ["token-2"]


def test_who_was_not_told_because_of_a_crash_is_told_the_next_time() -> None:
    waiting = WaitingRequest()
    waiting.change(exposure="another")
    waiting.outbox.queued.clear()
    waiting.outbox.faults.append(AwsTemporarilyUnavailable("SQS"))
    with pytest.raises(AwsTemporarilyUnavailable):
        waiting.open("token-2")
    assert not waiting.stage().told
    assert waiting.open("token-3").told
    assert {one.digest for one in waiting.outbox.queued} == {"another"}


def test_a_changed_request_starts_its_stage_anew() -> None:
    waiting = WaitingRequest(OWNERS.model_copy(update={"quorum": 2}))
    waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    waiting.change(exposure="another")
    waiting.open("token-2")
    assert (waiting.stage().votes, waiting.stage().digest, waiting.stage().status) == ((), "another", "OPEN")


def test_a_request_that_nobody_has_ruled_on_is_not_asked_about() -> None:
    waiting = WaitingRequest()
    waiting.request = waiting.request.model_copy(update={"exposure": None})
    with pytest.raises(CatalogInconsistent):
        waiting.open()


def test_a_decision_is_written_first_and_answered_second() -> None:
    waiting = WaitingRequest()
    approval = waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    assert approval.status == "APPROVED"
    assert waiting.callbacks.answered == [
        ("token-1", {"request_id": str(REQUEST), "number": 0, "status": "APPROVED"}),
    ]
    assert (waiting.stage().answered, waiting.stage().task_token) == (True, None)
    assert waiting.registry.open_approvals() == []


@pytest.mark.parametrize("healing", ["the same vote", "resend", "open"])
def test_a_crash_between_the_decision_and_the_answer_heals(healing: str) -> None:
    waiting = WaitingRequest()
    waiting.callbacks.faults.append(RuntimeError("the function was ended here"))
    with pytest.raises(RuntimeError):
        waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    assert (waiting.stage().status, waiting.stage().answered) == ("APPROVED", False)
    match healing:
        case "the same vote":
            waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
        case "resend":
            assert waiting.approvals.resend(waiting.now) == 1
        case _:
            waiting.open("token-2")
    assert len(waiting.callbacks.answered) == 1
    assert waiting.stage().answered
    assert len(waiting.stage().votes) == 1
    assert waiting.registry.open_approvals() == []
    assert waiting.approvals.resend(waiting.now) == 0


def test_step_functions_that_is_busy_loses_no_vote() -> None:
    waiting = WaitingRequest()
    waiting.callbacks.faults.append(AwsTemporarilyUnavailable("Step Functions"))
    assert waiting.approvals.vote(REQUEST, 0, YES, waiting.now).status == "APPROVED"
    assert waiting.approvals.resend(waiting.now) == 1


def test_a_token_that_was_replaced_meanwhile_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = WaitingRequest()
    waiting.callbacks.waiting.clear()
    answer = waiting.callbacks.answer

    def replaced(token: str, output: dict[str, Any]) -> None:
        if token == "token-1":
            approval = waiting.stage()
            waiting.callbacks.waiting.add("token-2")
            waiting.registry.write(
                [Save(approval.model_copy(update={"task_token": "token-2", "version": approval.version + 1}))]
            )
        answer(token, output)

    monkeypatch.setattr(waiting.callbacks, "answer", replaced)
    waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    assert [token for token, _ in waiting.callbacks.answered] == ["token-2"]


def test_an_approval_that_nobody_waits_for_expires_when_that_stays_so() -> None:
    waiting = WaitingRequest()
    waiting.callbacks.waiting.clear()
    waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    assert waiting.stage().status == "APPROVED", "the task may be asked again by its own retry"
    waiting.later(seconds=GIVE_UP_AFTER.total_seconds())
    assert waiting.approvals.resend(waiting.now) == 0
    assert waiting.stage().status == "EXPIRED"
    assert "nothing waits" in (waiting.stage().reason or "")
    assert waiting.entered("StageExpired")
    assert waiting.registry.open_approvals() == []


def test_a_denial_that_nobody_waits_for_stays_one() -> None:
    waiting = WaitingRequest()
    waiting.callbacks.waiting.clear()
    waiting.approvals.vote(REQUEST, 0, YES._replace(decision="DENY", comment="No"), waiting.now)
    waiting.later(seconds=GIVE_UP_AFTER.total_seconds())
    waiting.approvals.resend(waiting.now)
    assert (waiting.stage().status, waiting.stage().answered) == ("DENIED", True)


def test_a_stage_that_nobody_decides_on_expires() -> None:
    waiting = WaitingRequest()
    waiting.later(hours=72)
    assert waiting.approvals.overdue(REQUEST, 0, waiting.now, ()) == "expired"
    assert waiting.approvals.overdue(REQUEST, 0, waiting.now, ()) == "expired"
    assert waiting.stage().status == "EXPIRED"
    assert len(waiting.entered("StageExpired")) == 1
    assert waiting.registry.open_approvals() == []
    assert waiting.approvals.overdue(REQUEST, 1, waiting.now, ()) == "expired"


def test_an_expired_stage_that_is_asked_again_starts_anew() -> None:
    waiting = WaitingRequest()
    waiting.later(hours=72)
    waiting.approvals.overdue(REQUEST, 0, waiting.now, ())
    assert waiting.open("token-2").status == "OPEN"
    assert waiting.stage().deadline == waiting.now + timedelta(hours=72)


def test_after_the_deadline_others_may_decide_as_well_once() -> None:
    waiting = WaitingRequest()
    waiting.outbox.queued.clear()
    waiting.later(hours=72)
    for _ in range(2):
        assert waiting.approvals.overdue(REQUEST, 0, waiting.now, (GOVERNANCE,)) == "escalated"
    assert {one.kind for one in waiting.outbox.queued} == {"approval_escalated"}
    assert [one.to for one in waiting.outbox.queued if one.to] == [ANN, BEN, CYD, DAN]
    assert len(waiting.entered("StageEscalated")) == 1
    assert waiting.open("token-2").deadline == waiting.now + timedelta(hours=72)
    assert waiting.approvals.vote(REQUEST, 0, YES._replace(approver=DAN), waiting.now).status == "APPROVED"
    waiting.later(hours=72)
    assert waiting.approvals.overdue(REQUEST, 0, waiting.now, (GOVERNANCE,)) == "decided"


def test_an_escalation_has_an_end_too() -> None:
    waiting = WaitingRequest()
    waiting.later(hours=72)
    waiting.approvals.overdue(REQUEST, 0, waiting.now, (GOVERNANCE,))
    waiting.later(hours=72, seconds=-5)
    assert waiting.approvals.overdue(REQUEST, 0, waiting.now, (GOVERNANCE,)) == "expired"


def test_a_vote_between_the_escalation_and_the_new_task_is_answered_by_the_new_task() -> None:
    waiting = WaitingRequest()
    waiting.later(hours=72)
    waiting.approvals.overdue(REQUEST, 0, waiting.now, (GOVERNANCE,))
    assert waiting.approvals.vote(REQUEST, 0, YES, waiting.now).status == "APPROVED"
    assert waiting.callbacks.answered == []
    assert waiting.open("token-2").answered
    assert [token for token, _ in waiting.callbacks.answered] == ["token-2"]


def test_who_comes_in_by_escalation_helps_to_fill_only_the_seats_of_its_own_producer() -> None:
    finance = OWNERS.model_copy(
        update={"producer": "finance", "approvers": tuple(GOVERNANCE.approvers[:1]), "quorum": 1}
    )
    waiting = WaitingRequest(OWNERS, finance)
    waiting.later(hours=72)
    stewards = OWNERS.model_copy(update={"groups": ("data_stewards",), "approvers": OWNERS.approvers[2:]})
    waiting.approvals.overdue(REQUEST, 0, waiting.now, (stewards, finance))
    waiting.open("token-2")
    assert waiting.approvals.vote(REQUEST, 0, YES._replace(approver=CYD), waiting.now).status == "OPEN"
    assert waiting.approvals.vote(REQUEST, 0, YES._replace(approver=DAN), waiting.now).status == "APPROVED"


def test_cancelling_wakes_the_execution_and_ends_the_stage() -> None:
    waiting = WaitingRequest()
    assert waiting.approvals.cancel(REQUEST, by="account:333333333333", reason="not needed", now=waiting.now)
    assert waiting.callbacks.answered[0][1]["status"] == "CANCELLED"
    assert waiting.stage().reason == "account:333333333333: not needed"
    assert not waiting.approvals.cancel(REQUEST, by="account:333333333333", reason="not needed", now=waiting.now)
    with pytest.raises(StageClosed):
        waiting.approvals.vote(REQUEST, 0, YES, waiting.now)
    assert waiting.entered("VoteRefused")[0]["error"] == "StageClosed"


def test_cancelling_that_crashes_heals() -> None:
    waiting = WaitingRequest()
    waiting.callbacks.faults.append(RuntimeError("ended"))
    with pytest.raises(RuntimeError):
        waiting.approvals.cancel(REQUEST, by="datamesh:governance", reason="not needed", now=waiting.now)
    assert waiting.approvals.cancel(REQUEST, by="datamesh:governance", reason="not needed", now=waiting.now)
    assert len(waiting.callbacks.answered) == 1


def test_a_request_that_was_cancelled_before_its_stage_opened_is_not_asked_about() -> None:
    waiting = WaitingRequest(stages=(stage(), stage("governance")))
    waiting.outbox.queued.clear()
    waiting.change(status="CANCELLED", reason="not needed")
    approval = waiting.open("token-2", number=1)
    assert (approval.status, approval.answered, waiting.outbox.queued) == ("CANCELLED", True, [])
    assert waiting.callbacks.answered[-1][0] == "token-2"


def test_closing_leaves_an_open_stage_alone() -> None:
    waiting = WaitingRequest()
    waiting.approvals.close(waiting.stage())
    assert (waiting.stage().status, waiting.stage().task_token) == ("OPEN", "token-1")


def test_of_a_great_many_columns_people_are_told_the_first() -> None:
    names = tuple(f"column_{number:04}" for number in range(2_000))
    tables = tuple(ExposedTable(name=f"t{number}", columns=names, sensitive=names) for number in range(100))
    shown = shown_tables(Exposure(tables=tables))
    assert sum(len(name) + 4 for table in shown for name in table.columns) <= MAX_NAMES_BYTES
    assert {table.column_count for table in shown} == {2_000}
    assert shown[0].columns[0] == "column_0000"
