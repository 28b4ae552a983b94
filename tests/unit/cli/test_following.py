"""`grant list`, `workflow`, `audit list`: what stands, what runs, what was."""

from __future__ import annotations

import json
from typing import Any

import pytest

from datamesh.cli import audit as audit_commands
from datamesh.cli import grant as grant_commands
from datamesh.cli import workflow as workflow_commands
from datamesh.cli.workflow import timeline
from datamesh.models.api.operations import ExecutionDetail
from tests.support.cli import ANALYST, AT, ID, REQUEST, FakeApi, problem, run, speaks

GRANT: dict[str, Any] = {
    "request_id": str(REQUEST),
    "product": {"domain": "sales", "name": "fleet"},
    "consumer": "marketing",
    "account_id": "3" * 12,
    "principals": [ANALYST],
    "tables": ["planes"],
    "columns": {"planes": ["model", "seats"]},
    "rows": {"planes": "seats > 2"},
    "granted_at": AT,
    "databases": ["datamesh_sales"],
}
EXECUTION: dict[str, Any] = {
    "execution_id": "share_data_product:abc",
    "workflow": "share_data_product",
    "status": "FAILED",
    "domain": "marketing",
    "subject": "sales.fleet",
    "correlation_id": str(ID),
    "started_at": "2026-02-01T12:00:00Z",
    "stopped_at": "2026-02-01T12:00:04.500Z",
    "error": "Boom",
    "cause": "[x] broke",
}
OVERSEER = {"email": "auditor@mesh.example", "mesh_roles": ["auditor"]}
ENTRY = {
    "kind": "VoteCast",
    "at": AT,
    "actor": "person:owner@sales.example",
    "request_id": str(REQUEST),
    "domain": "sales",
    "details": {"comment": "[i]fine[/i]"},
    "previous": "0" * 64,
    "digest": "1" * 64,
}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    return speaks(monkeypatch, [grant_commands, workflow_commands, audit_commands])


def test_what_we_may_read_is_listed(api: FakeApi) -> None:
    api.says("GET", "/v1/domains/marketing/grants", {"items": [GRANT]})
    code, out, _ = run("grant", "list")
    assert code == 0
    for word in ("sales.fleet", "planes: model, seats where seats > 2", "datamesh_sales", "no end", ANALYST):
        assert word in out


def test_who_reads_a_product_is_listed(api: FakeApi) -> None:
    by_tag = {**GRANT, "product": None, "expression": {"lob": ["sales"]}, "tables": []}
    api.says("GET", "/v1/domains/sales/products/fleet/grants", {"items": [GRANT, by_tag]})
    code, out, _ = run("grant", "list", "--product", "sales.fleet")
    assert (code, "lob=sales" in out, "nothing now" in out) == (0, True, True)
    assert len(json.loads(run("grant", "list", "--product", "sales.fleet", "-o", "json")[1])) == 2
    code, _, err = run("grant", "list", "--product", "sales.fleet", "--domain", "sales")
    assert (code, "either --product or --domain" in err) == (2, True)


@pytest.mark.parametrize(
    ("me", "words", "path"),
    [
        (None, ("list",), "/v1/domains/marketing/executions"),
        (None, ("list", "--domain", "sales"), "/v1/domains/sales/executions"),
        (None, ("list", "--all"), "/v1/executions"),
        # Who oversees the mesh and belongs to no domain means all of it.
        (OVERSEER, ("list",), "/v1/executions"),
    ],
)
def test_executions_are_listed(api: FakeApi, me: Any, words: tuple[str, ...], path: str) -> None:
    if me is not None:
        api.says("GET", "/v1/me", me)
    api.says("GET", path, {"items": [EXECUTION]})
    code, out, _ = run("workflow", *words, "--status", "failed")
    assert (code, "share_data_product:abc" in out, "4.5 s" in out) == (0, True, True)
    assert api.sent("GET", path) == ["status=FAILED&limit=20"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("workflow", "list", "--all", "--domain", "sales"), "either --domain or --all"),
        (("workflow", "list", "--status", "broken"), "broken is none of RUNNING"),
        (("audit", "list", "--kind", "Voted"), "Voted is none of PolicyInForce"),
    ],
)
def test_what_cannot_be_is_not_asked(api: FakeApi, words: tuple[str, ...], said: str) -> None:
    code, _, err = run(*words)
    assert (code, said in err, api.asked) == (2, True, [])


def detail(**changes: Any) -> dict[str, Any]:
    step = {"name": "Grant", "type": "Task", "status": "FAILED", "entered_at": "2026-02-01T12:00:02Z", "error": "Boom"}
    event: dict[str, Any] = {
        "event_id": str(ID),
        "detail_type": "RequestDataProductAccess",
        "source": "datamesh.domain",
    }
    event |= {"account": "3" * 12, "data": {}}
    events = [
        {**event, "occurred_at": "2026-02-01T11:59:59Z"},
        {**event, "detail_type": "WorkflowFailed", "occurred_at": "2026-02-01T12:00:04Z", "target_account": "3" * 12},
    ]
    return {**EXECUTION, "steps": [step], "events": events, "started_by": events[0], "may_retry": True, **changes}


def test_an_execution_is_a_timeline(api: FakeApi) -> None:
    found = ExecutionDetail.model_validate(detail())
    assert [each.what for each in timeline(found)] == ["» RequestDataProductAccess", "Grant", "» WorkflowFailed"]
    api.says("GET", "/v1/executions/share_data_product%3Aabc", detail())
    code, out, _ = run("workflow", "show", "share_data_product:abc")
    assert code == 0
    for word in ("[x] broke", "RequestDataProductAccess", "12:00:02.000", "datamesh workflow retry"):
        assert word in out


@pytest.mark.parametrize(("status", "ends"), [("SUCCEEDED", 0), ("FAILED", 1), ("TIMED_OUT", 1), ("RUNNING", 2)])
def test_a_failed_execution_is_started_again_and_waited_for(api: FakeApi, status: str, ends: int) -> None:
    again = {"correlation_id": str(ID), "command": "RequestDataProductAccess", "execution_id": "share_data_product:def"}
    api.says("POST", "/v1/executions/share_data_product%3Aabc/retry", again, status=202)
    # The timeline has it a moment later than Step Functions.
    running = detail(execution_id="share_data_product:def", status="RUNNING")
    ended = detail(execution_id="share_data_product:def", status=status)
    api.says("GET", "/v1/executions/share_data_product%3Adef", problem(404, "NotFound"), running, ended)
    code, out, _ = run("workflow", "retry", "share_data_product:abc", "-o", "json")
    assert code == ends
    if ends < 2:
        assert json.loads(out)["status"] == status
    assert run("workflow", "retry", "share_data_product:abc", "--no-wait")[0] == 0


@pytest.mark.parametrize(
    ("me", "words", "path"),
    [
        (OVERSEER, (), "/v1/audit"),
        (None, (), "/v1/domains/marketing/audit"),
        (None, ("--domain", "sales"), "/v1/domains/sales/audit"),
    ],
)
def test_the_ledger_is_read_the_last_entry_last(api: FakeApi, me: Any, words: tuple[str, ...], path: str) -> None:
    if me is not None:
        api.says("GET", "/v1/me", me)
    api.says("GET", path, {"items": [{**ENTRY, "sequence": 2}, {**ENTRY, "sequence": 1}]})
    code, out, _ = run("audit", "list", *words, "--kind", "VoteCast", "--request", str(REQUEST))
    assert (code, "comment: [i]fine[/i]" in out) == (0, True)
    assert api.sent("GET", path) == [f"kind=VoteCast&request_id={REQUEST}&limit=50"]
    shown = json.loads(run("audit", "list", *words, "-o", "json")[1])
    assert [each["sequence"] for each in shown] == [1, 2]
