"""`approval`: what waits, what it would expose, and a decision on exactly that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datamesh.cli import approval as commands
from datamesh.cli.client import ApiRefused
from tests.support.cli import ANALYST, AT, DETAIL, REQUEST, STAGE, FakeApi, problem, run, speaks

WAITING: dict[str, Any] = {
    "request_id": str(REQUEST),
    "number": 1,
    "name": "owner",
    "domain": "marketing",
    "product": {"domain": "sales", "name": "fleet"},
    "requested_by": "analyst@marketing.example",
    "justification": "to [red]see[/red]",
    "opened_at": AT,
    "deadline": AT,
    "sensitive": True,
}
TABLE = {
    "name": "planes",
    "columns": ["model", "tailnum"],
    "column_count": 2,
    "sensitive": ["tailnum"],
    "hidden": ["seats"],
    "already": ["model"],
    "rows": "year > 2000",
}
OPEN: dict[str, Any] = {
    **WAITING,
    "status": "OPEN",
    "digest": "d1",
    "principals": [ANALYST],
    "reasons": ["tailnum is personal data"],
    "exposed": [TABLE],
    "stages": [STAGE],
    "may_decide": True,
}
WHERE = f"/v1/approvals/{REQUEST}/1"
TAKEN = {"request_id": str(REQUEST), "number": 1, "status": "APPROVED"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    api = speaks(monkeypatch, [commands])
    api.says("GET", "/v1/approvals", {"items": [WAITING]})
    api.says("GET", WHERE, OPEN)
    api.says("POST", f"{WHERE}/decision", TAKEN)
    return api


def test_what_waits_is_listed(api: FakeApi) -> None:
    code, out, _ = run("approval", "list")
    assert code == 0
    for word in ("sales.fleet", "marketing (analyst@marketing.example)", "to [red]see[/red]", "yes"):
        assert word in out
    api.says("GET", "/v1/approvals", {"items": []})
    assert "Nothing waits for you." in run("approval", "list")[1]


def test_it_is_shown_what_is_new_and_what_is_known_already(api: FakeApi) -> None:
    code, out, _ = run("approval", "show", str(REQUEST))
    assert code == 0
    for word in ("= model", "+ tailnum", "seats", "year > 2000", ANALYST, "tailnum is personal data", "You may decide"):
        assert word in out


def test_what_others_wrote_does_not_move_the_cursor(api: FakeApi) -> None:
    api.says("GET", WHERE, {**OPEN, "justification": "a\x1b[2Jb\x9b2Jc", "exposed": [{**TABLE, "rows": "x\x1b[1Ay"}]})
    code, _, err = run("approval", "approve", str(REQUEST), given="n\n")
    assert (code, "a\ufffd[2Jb\ufffd2Jc" in err, "x\ufffd[1Ay" in err) == (1, True, True)
    out = run("approval", "show", str(REQUEST))[1]
    assert not {"\x1b", "\x9b"} & set(err + out)


def test_a_decision_is_on_what_was_shown(api: FakeApi) -> None:
    code, out, err = run("approval", "approve", str(REQUEST), "--comment", "It is needed.", given="y\n")
    assert (code, "+ tailnum" in err, "APPROVED" in out) == (0, True, True)
    assert api.sent("POST", f"{WHERE}/decision") == [
        {"decision": "APPROVE", "comment": "It is needed.", "digest": "d1"}
    ]
    # Sent again when the answer is lost, nobody votes twice.
    assert api.keys[-1] is not None


def test_nothing_is_decided_without_a_yes(api: FakeApi) -> None:
    assert run("approval", "approve", str(REQUEST), given="n\n")[0] == 1
    assert api.sent("POST", f"{WHERE}/decision") == []
    code, out, _ = run("approval", "deny", str(REQUEST), "--yes", "--digest", "d0", "--output", "json")
    assert (code, json.loads(out)) == (0, TAKEN)
    assert api.sent("POST", f"{WHERE}/decision") == [{"decision": "DENY", "comment": "", "digest": "d0"}]


def test_who_may_not_decide_is_told_why(api: FakeApi) -> None:
    api.says("GET", WHERE, {**OPEN, "may_decide": False, "why_not": "You asked for it"})
    code, _, err = run("approval", "approve", str(REQUEST), "--yes")
    assert (code, "You asked for it" in err) == (1, True)
    assert api.sent("POST", f"{WHERE}/decision") == []


def test_a_vote_that_is_not_taken_is_told_by_main(api: FakeApi) -> None:
    api.says("POST", f"{WHERE}/decision", problem(409, "StageChanged", "the request has changed"))
    with pytest.raises(ApiRefused, match="has changed"):
        run("approval", "approve", str(REQUEST), "--yes")


def test_a_stage_that_waits_for_nobody_is_shown_all_the_same(api: FakeApi) -> None:
    api.says("GET", "/v1/approvals", {"items": []})
    stages = [{**STAGE, "number": 0}, {**STAGE, "number": 1}]
    api.says("GET", f"/v1/access-requests/{REQUEST}", {**DETAIL, "stages": stages})
    assert run("approval", "show", str(REQUEST))[0] == 0
    api.says("GET", f"/v1/access-requests/{REQUEST}", {**DETAIL, "stages": []})
    code, _, err = run("approval", "show", str(REQUEST))
    assert (code, "nobody was asked to decide" in err) == (2, True)


@pytest.mark.parametrize("path", ["/approval-links/abc-1_", "/stage/approvals/abc-1_"])
def test_a_mailed_link_is_looked_up_and_not_called(api: FakeApi, path: str) -> None:
    api.says("GET", "/v1/approval-links/abc-1_", {"request_id": str(REQUEST), "number": 1})
    code, out, err = run("approval", "open", f"https://portal.example.com{path}?signature=secret")
    assert (code, "+ tailnum" in out, f"approve|deny {REQUEST} --stage 1" in err) == (0, True, True)
    assert "secret" not in str(api.asked)
    api.says("GET", "/v1/approval-links/abc-1_", problem(403, "NotEligible", "sent to somebody else"))
    with pytest.raises(ApiRefused, match="somebody else"):
        run("approval", "open", f"https://portal.example.com{path}?signature=secret")


def test_what_is_no_link_is_not_asked_for(api: FakeApi) -> None:
    code, _, err = run("approval", "open", "https://portal.example.com/products/sales/fleet")
    assert (code, "no link of an approval" in err, api.asked) == (2, True, [])
