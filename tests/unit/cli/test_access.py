"""`access` over the API: what is asked for, how long it is waited, and how it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from datamesh.cli import access as commands
from datamesh.cli.app import app
from datamesh.cli.client import ApiRefused
from tests.support.cli import ACCEPTED, ANALYST, DETAIL, ID, REQUEST, SUMMARY, FakeApi, problem, run, speaks

ASK = ("access", "request", "sales.fleet", "--principal", ANALYST, "--justification", "to see")
WHERE = f"/v1/access-requests/{REQUEST}"
REASON = ("--reason", "no need")


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    api = speaks(monkeypatch, [commands])
    api.says("POST", "/v1/access-requests", ACCEPTED, status=202)
    for word in ("cancel", "extend", "revoke"):
        api.says("POST", f"{WHERE}/{word}", ACCEPTED, status=202)
    api.says("GET", WHERE, DETAIL)
    return api


def test_a_product_is_asked_for_in_the_name_of_ones_only_domain(api: FakeApi) -> None:
    code, out, err = run(*ASK)
    assert (code, str(REQUEST) in err) == (0, True)
    assert api.sent("POST", "/v1/access-requests") == [
        {
            "domain": "marketing",
            "product": {"domain": "sales", "name": "fleet"},
            "columns": {},
            "rows": {},
            "later_tables": "excluded",
            "principals": [ANALYST],
            "justification": "to see",
        }
    ]
    for word in ("PENDING", "sales.fleet", "owner@sales.example"):
        assert word in out


def test_tables_columns_and_rows_are_asked_for(api: FakeApi) -> None:
    code, _, _ = run(
        *ASK,
        *("--table", "flights", "--table", "planes", "--columns", "flights=carrier, dest"),
        *("--rows", "flights=origin = 'JFK' AND a=b", "--purpose", "analytics", "--days", "30", "--domain", "finance"),
    )
    (sent,) = api.sent("POST", "/v1/access-requests")
    assert code == 0
    assert sent["tables"] == ["flights", "planes"]
    assert sent["columns"] == {"flights": ["carrier", "dest"]}
    assert sent["rows"] == {"flights": "origin = 'JFK' AND a=b"}
    assert (sent["purpose"], sent["duration_days"], sent["domain"]) == ("analytics", 30, "finance")
    # The domain was named: nobody was asked who one is.
    assert api.sent("GET", "/v1/me") == []


def test_what_carries_tags_is_asked_for(api: FakeApi) -> None:
    ask = ("access", "request", "--principal", ANALYST, "--justification", "to see")
    assert run(*ask, "--tag", "lob=sales,finance", "--tag", "zone=eu")[0] == 0
    assert api.sent("POST", "/v1/access-requests")[0]["expression"] == {"lob": ["finance", "sales"], "zone": ["eu"]}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--tag", "lob=sales"), "give either DOMAIN.PRODUCT or --tag"),
        (("--columns", "flights"), "flights is not TABLE=A,B"),
        (("--rows", "flights="), "flights= is not TABLE=SQL"),
        (("--columns", "flights=Carrier"), "--columns:"),
        (("--principal", "arn:aws:iam::333333333333:root"), "--principal:"),
        (("--purpose", "Ä"), "--purpose:"),
        (("--domain", "Marketing"), "--domain:"),
    ],
)
def test_what_cannot_be_asked_is_not_sent(api: FakeApi, more: tuple[str, ...], said: str) -> None:
    code, out, err = run(*ASK, *more)
    assert (code, out, said in err) == (2, "", True)
    assert api.sent("POST", "/v1/access-requests") == []


def test_who_is_in_several_domains_says_in_whose_name(api: FakeApi) -> None:
    roles = [{"domain": name, "roles": ["member"]} for name in ("finance", "marketing")]
    api.says("GET", "/v1/me", {"email": "a@b.example", "domains": roles})
    code, _, err = run(*ASK)
    assert (code, "give --domain: you belong to finance, marketing" in err) == (2, True)


def test_the_profile_may_name_the_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    api = speaks(monkeypatch, [commands], domain="finance")
    api.says("GET", "/v1/domains/finance/access-requests", {"items": []})
    assert "There is no request" in run("access", "list")[1]


@pytest.mark.parametrize(
    ("statuses", "ends"),
    [
        (["PENDING", "APPROVED", "GRANTED", "PROVISIONED"], 0),
        (["PENDING", "DENIED"], 1),
        (["PENDING", "EXPIRED"], 1),
        (["PENDING", "CANCELLED"], 1),
        (["APPROVED", "FAILED"], 1),
        (["GRANTED", "REVOKED"], 1),
        (["PENDING"], 2),
        (["GRANTED"], 2),
    ],
)
@pytest.mark.parametrize("words", [(*ASK, "--wait"), ("access", "wait", str(REQUEST))])
def test_it_is_waited_until_it_is_ready_or_refused(
    api: FakeApi, statuses: list[str], ends: int, words: tuple[str, ...]
) -> None:
    api.says("GET", WHERE, *({**DETAIL, "status": status} for status in statuses))
    code, out, err = run(*words, "--timeout", "60", "--output", "json")
    assert code == ends
    if ends == 2:
        assert (out, "is not decided and ready after 60 s" in err) == ("", True)
    else:
        assert json.loads(out)["status"] == statuses[-1]


def test_without_waiting_it_is_only_sent(api: FakeApi) -> None:
    code, out, _ = run(*ASK, "--no-wait", "--output", "json")
    assert (code, json.loads(out)["request_id"], json.loads(out)["status"]) == (0, str(REQUEST), "PENDING")
    assert api.sent("GET", f"/v1/operations/{ID}") == []


def test_what_is_refused_at_once_ends_with_one(api: FakeApi) -> None:
    said = {"status": "REJECTED", "error": "PrincipalNotInDomain", "message": "not yours", "field": "principals.0"}
    api.says("GET", f"/v1/operations/{ID}", {"correlation_id": str(ID), "events": [], **said})
    code, out, _ = run(*ASK, "--wait")
    assert (code, "REJECTED: PrincipalNotInDomain: not yours [principals.0]" in out) == (1, True)
    api.says("GET", f"/v1/operations/{ID}", {"correlation_id": str(ID), "status": "PENDING", "events": []})
    assert run(*ASK)[0] == 2


def test_a_request_may_be_sent_again_with_its_key(api: FakeApi) -> None:
    run(*ASK, "--idempotency-key", "my-own-key")
    assert api.keys[api.asked.index(next(each for each in api.asked if each[0] == "POST"))] == "my-own-key"


@pytest.mark.parametrize(("outcome", "ends"), [("GRANTED_AT_ONCE", 0), ("NEEDS_APPROVAL", 0), ("REJECTED", 1)])
def test_a_preview_says_who_would_decide(api: FakeApi, outcome: str, ends: int) -> None:
    preview: dict[str, Any] = {
        "outcome": outcome,
        "rule": "personal",
        "reasons": ["tailnum is personal data"],
        "stages": [{"name": "owner", "approvers": ["owner@sales.example"], "quorum": 1, "deadline_hours": 72}],
        "duration_days": 30,
        "shown": [{"name": "planes", "columns": ["tailnum"], "column_count": 3, "sensitive": ["tailnum"]}],
    }
    if outcome == "REJECTED":
        preview |= {"code": "PurposeNotAllowed", "message": "not for that", "field": "purpose"}
    api.says("POST", "/v1/access-previews", preview)
    code, out, _ = run("access", "preview", "sales.fleet", "--principal", ANALYST)
    assert code == ends
    for word in ("by rule personal", "tailnum is personal data", "tailnum and 2 more", "owner@sales.example", "72 h"):
        assert word in out
    assert ("PurposeNotAllowed: not for that [purpose]" in out) == (outcome == "REJECTED")
    assert ("for 30 days" in out) == (outcome != "REJECTED")
    assert json.loads(run("access", "preview", "sales.fleet", "--principal", ANALYST, "-o", "json")[1])["rule"]


def test_requests_are_listed(api: FakeApi) -> None:
    granted = {**SUMMARY, "status": "PROVISIONED", "waiting_for": None}
    api.says("GET", "/v1/domains/marketing/access-requests", {"items": [SUMMARY, granted]})
    code, out, _ = run("access", "list")
    assert (code, "PENDING (owner)" in out, "PROVISIONED" in out) == (0, True, True)
    _, out, _ = run("access", "list", "--status", "pending", "--output", "json")
    assert [each["status"] for each in json.loads(out)] == ["PENDING"]
    code, _, err = run("access", "list", "--status", "open")
    assert (code, "OPEN is none of PENDING" in err) == (2, True)


def test_a_request_is_shown_with_what_was_said(api: FakeApi) -> None:
    vote = {
        "approver": "owner@sales.example",
        "decision": "DENY",
        "comment": "[b]no[/b]",
        "at": SUMMARY["requested_at"],
    }
    stage = {**DETAIL["stages"][0], "status": "DENIED", "votes": [{**vote, "via": "portal"}]}  # type: ignore[index]
    step = {"status": "DENIED", "at": SUMMARY["requested_at"], "by": "person:owner@sales.example", "why": "no"}
    shown = {**DETAIL, "status": "DENIED", "reason": "no", "stages": [stage], "history": [step], "may_extend": True}
    api.says("GET", WHERE, {**shown, "columns": {"planes": ["model"]}, "rows": {"planes": "seats > 2"}})
    code, out, _ = run("access", "show", str(REQUEST))
    assert code == 0
    # What people wrote is shown as they wrote it.
    for word in (
        "DENIED: no",
        "DENY by owner@sales.example (portal): [b]no[/b]",
        "planes: seats > 2",
        "You may extend",
    ):
        assert word in out


@pytest.mark.parametrize("word", ["cancel", "revoke"])
def test_a_request_is_ended_with_a_reason(api: FakeApi, word: str) -> None:
    yes = ("--yes",) if word == "revoke" else ()
    code, out, _ = run("access", word, str(REQUEST), *REASON, *yes)
    assert (code, "SUCCEEDED" in out) == (0, True)
    assert api.sent("POST", f"{WHERE}/{word}") == [{"reason": "no need"}]
    assert run("access", word, str(REQUEST), *yes)[0] == 2


def test_access_is_not_revoked_by_mistake(api: FakeApi) -> None:
    assert run("access", "revoke", str(REQUEST), *REASON, given="n\n")[0] == 1
    assert api.sent("POST", f"{WHERE}/revoke") == []


def test_access_is_extended_by_a_request_of_its_own(api: FakeApi) -> None:
    words = ("access", "extend", str(REQUEST), "--days", "60", "--justification", "more")
    # There is nothing to provision: it is ready when it is granted.
    longer = {**DETAIL, "sort": "extension", "of": str(ID), "status": "GRANTED"}
    api.says("GET", WHERE, {**longer, "status": "PENDING"}, longer)
    code, out, _ = run(*words, "--wait")
    assert (code, f"{ID}" in out) == (0, True)
    assert api.sent("POST", f"{WHERE}/extend") == [{"duration_days": 60, "justification": "more"}]


def test_what_one_may_not_see_is_told_by_main(api: FakeApi) -> None:
    api.says("GET", WHERE, problem(404, "NotFound"))
    with pytest.raises(ApiRefused, match="no"):
        run("access", "show", str(REQUEST))
    code, _, err = run("access", "show", "7")
    assert (code, "REQUEST_ID" in err) == (2, True)


def test_what_is_typed_again_stands_in_one_piece_on_a_narrow_terminal(
    api: FakeApi,
) -> None:
    api.says("GET", "/v1/domains/marketing/access-requests", {"items": [SUMMARY]})
    done = CliRunner().invoke(app, ["access", "list"], env={"COLUMNS": "80"})
    assert str(REQUEST) in done.stdout
    assert "…" not in done.stdout


def test_into_a_pipe_each_row_goes_on_one_line(api: FakeApi) -> None:
    api.says("GET", "/v1/domains/marketing/access-requests", {"items": [SUMMARY]})
    done = CliRunner().invoke(app, ["access", "list"], env={"COLUMNS": "40"})
    (row,) = (line for line in done.stdout.splitlines() if str(REQUEST) in line)
    assert str(SUMMARY["status"]).lower() in row.lower()
