"""The audit trail, and that no answer of the API holds a secret."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from datamesh.logic.portal.paging import Paging
from datamesh.models.executions import HistoryEvent
from tests.support.central_commands import NOW
from tests.support.portal_mesh import (
    ADMIN,
    ANALYST_PERSON,
    AUDITOR,
    MARKETING_OWNER,
    OPERATOR,
    SALES_OWNER,
    SALES_STEWARD,
    STRANGER,
    PortalMesh,
    access_request,
    portal_mesh,
)
from tests.unit.handlers.portal.test_approvals import APPROVER, decide, link

CUSTOMERS: dict[str, Any] = {"tables": ["customers"]}


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    return portal_mesh(monkeypatch)


def finance_asks(mesh: PortalMesh) -> None:
    asked = access_request(domain="finance", principals=["arn:aws:iam::444444444444:role/analyst"])
    assert mesh.ask(STRANGER, "request_access", body=asked).status == 202
    mesh.settle()


def test_the_ledger_is_shown_from_its_end(mesh: PortalMesh) -> None:
    mesh.request()
    pages = mesh.pages(AUDITOR, "list_audit")
    numbers = [entry["sequence"] for page in pages for entry in page]
    assert numbers == list(range(len(mesh.registry.ledger), 0, -1))
    assert all(len(page) == 2 for page in pages[:-1])
    assert pages[0][0]["digest"] == mesh.registry.ledger[-1].digest


def test_entries_are_found_by_kind_and_by_request(mesh: PortalMesh) -> None:
    first, second = mesh.request(), mesh.request()
    found = mesh.get(AUDITOR, "list_audit", query={"request_id": str(first)})["items"]
    assert {entry["request_id"] for entry in found} == {str(first)}
    found = mesh.get(AUDITOR, "list_audit", query={"kind": "AccessRequested"})["items"]
    assert [entry["request_id"] for entry in found] == [str(second), str(first)]
    assert mesh.get(AUDITOR, "list_audit", query={"request_id": str(uuid.UUID(int=1))})["items"] == []
    assert mesh.ask(AUDITOR, "list_audit", query={"kind": "Nonsense"}).status == 400
    assert mesh.ask(AUDITOR, "list_audit", query={"request_id": "Nonsense"}).status == 400


def test_of_a_domain_only_its_entries_are_shown(mesh: PortalMesh) -> None:
    mesh.request()
    finance_asks(mesh)
    for person, domain in ((MARKETING_OWNER, "marketing"), (STRANGER, "finance"), (AUDITOR, "marketing")):
        found = mesh.get(person, "list_domain_audit", domain=domain)["items"]
        assert found
        assert {entry["domain"] for entry in found} == {domain}
    assert mesh.ask(ANALYST_PERSON, "list_domain_audit", domain="marketing").status == 403
    assert mesh.ask(SALES_OWNER, "list_domain_audit", domain="marketing").status == 403
    assert mesh.ask(OPERATOR, "list_audit").status == 403


@pytest.mark.parametrize("position", ["", "x", "-1", "1e3", "²", "9" * 13])
def test_a_made_up_cursor_is_refused(mesh: PortalMesh, position: str) -> None:
    cursor = Paging(("list_audit", "", "None")).cursor_at(position)
    answer = mesh.ask(AUDITOR, "list_audit", query={"cursor": cursor})
    assert (answer.status, answer.code) == (400, "InvalidRequest")


# --- No secrets ---


def texts(value: object) -> Iterator[str]:
    """Yield every text in an answer, names included."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_no_answer_holds_a_token_a_signature_or_an_example(mesh: PortalMesh) -> None:
    # GIVEN requests that wait, were decided and were granted, links, and a history in which a token was let slip.
    waiting, decided, granted = mesh.request(**CUSTOMERS), mesh.request(**CUSTOMERS), mesh.request()
    link_id, signature = link(mesh, waiting)
    decide(mesh, APPROVER, decided)
    mesh.central.go_on()
    mesh.record_published()
    tokens = {
        approval.task_token
        for request_id in (waiting, decided)
        for approval in mesh.registry.approvals(request_id)
        if approval.task_token
    }
    assert tokens
    slipped = "AQC" + "y9Zz" * 90
    (execution, *_), _ = mesh.timeline.executions_of("marketing", limit=5)
    mesh.executions.histories[execution.execution_arn] = [
        HistoryEvent(1, 0, "TaskStateEntered", NOW, "Ask"),
        HistoryEvent(2, 1, "TaskFailed", NOW, None, "Boom", f"token {slipped} signature={signature}"),
    ]
    # WHEN everything is asked for that can be.
    answers = [mesh.ask(ADMIN, "get_request", request_id=request_id) for request_id in (waiting, decided, granted)]
    answers += [mesh.ask(APPROVER, "get_approval", request_id=each, number=0) for each in (waiting, decided)]
    answers += [mesh.ask(APPROVER, "list_approvals"), mesh.ask(APPROVER, "find_approval_link", link_id=link_id)]
    answers += [mesh.ask(SALES_STEWARD, "find_approval_link", link_id=link_id, query={"signature": signature})]
    answers += [mesh.ask(ADMIN, name) for name in ("list_audit", "list_all_events", "list_all_executions")]
    for domain in ("marketing", "sales"):
        names = ("list_requests", "list_grants", "list_events", "list_executions", "list_domain_audit")
        answers += [mesh.ask(ADMIN, name, domain=domain) for name in names]
    answers += [
        mesh.ask(ADMIN, "get_execution", execution_id=each["execution_id"])
        for each in mesh.get(ADMIN, "list_all_executions")["items"]
    ]
    answers += [
        mesh.ask(ADMIN, "get_operation", correlation_id=each["correlation_id"])
        for each in mesh.get(ADMIN, "list_all_executions")["items"]
    ]
    answers += [mesh.ask(ANALYST_PERSON, "preview_access", body=access_request(**CUSTOMERS))]
    # THEN nothing of it is in any answer, and no field is there for it.
    secrets = {*tokens, slipped, signature, "zoe@example.com"}
    assert [answer.status for answer in answers if answer.status >= 500] == []
    for answer in answers:
        for text in texts(json.loads(answer.body)):
            assert not any(secret in text for secret in secrets), text
            assert not re.search(r"task_?token|link_id", text, re.IGNORECASE), text


def test_a_person_s_token_is_in_no_answer(mesh: PortalMesh) -> None:
    answer: Any = mesh.ask(ANALYST_PERSON, "request_access", body=access_request())
    assert "secret-token" not in answer.body
