"""Requests for access: asked, taken, looked at, taken back, extended, ended; by whom, and how often."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from datamesh.logic.portal.paging import Paging
from datamesh.models.policy import ApprovalPolicy, DiscoveryRule, Rule
from datamesh.models.registry import RequestRecord, Save
from tests.support.central_commands import product_spec, register_product, table_spec
from tests.support.portal_mesh import (
    ADMIN,
    ANALYST,
    ANALYST_PERSON,
    AUDITOR,
    COLLEAGUE,
    MARKETING_OWNER,
    MARKETING_STEWARD,
    NOBODY,
    OPERATOR,
    SALES_MEMBER,
    SALES_OWNER,
    SALES_STEWARD,
    STRANGER,
    PortalMesh,
    Who,
    access_request,
    portal_mesh,
    who,
)

CUSTOMERS: dict[str, Any] = {"tables": ["customers"]}
REASON = {"reason": "The project is over"}
EXTENSION = {"duration_days": 30, "justification": "It goes on"}
# Address of an approver of sales, who has no group at all.
APPROVER = who(email="owner@sales.example")


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    return portal_mesh(monkeypatch)


def hide(mesh: PortalMesh) -> None:
    """Let nobody find the products of sales."""
    hidden = DiscoveryRule.model_validate({"name": "hidden", "visible_to": "nobody"})
    policy = ApprovalPolicy(rules=(Rule(name="all"),), discovery=(hidden,))
    mesh.registry.policy_document = policy.model_dump_json()


def state_of(mesh: PortalMesh, request_id: uuid.UUID) -> str:
    record = mesh.registry.request(request_id)
    assert record is not None
    return record.status


# --- Previews ---


def test_a_preview_says_what_is_granted_at_once(mesh: PortalMesh) -> None:
    answer = mesh.ask(ANALYST_PERSON, "preview_access", body=access_request())
    assert answer.status == 200, answer.body
    found = answer.json
    assert (found["outcome"], found["rule"], found["sensitive"]) == ("GRANTED_AT_ONCE", "not-sensitive", False)
    assert found["shown"] == [{"name": "flights", "columns": ["month"], "column_count": 1, "sensitive": []}]
    assert found["stages"] == []


def test_a_preview_says_who_will_have_to_approve(mesh: PortalMesh) -> None:
    before = mesh.central.state()
    found = mesh.ask(ANALYST_PERSON, "preview_access", body=access_request(**CUSTOMERS)).json
    assert (found["outcome"], found["rule"], found["sensitive"]) == ("NEEDS_APPROVAL", "sensitive", True)
    assert found["stages"] == [
        {"name": "owners", "approvers": ["owner@sales.example"], "quorum": 1, "deadline_hours": 72}
    ]
    assert found["shown"][0]["sensitive"] == ["email"]
    assert any("customers.email" in reason for reason in found["reasons"])
    assert mesh.central.state() == before
    assert mesh.sent == []


def test_a_preview_says_why_it_would_be_rejected(mesh: PortalMesh) -> None:
    found = mesh.ask(ANALYST_PERSON, "preview_access", body=access_request(tables=["nothing"])).json
    assert (found["outcome"], found["code"], found["sensitive"]) == ("REJECTED", "TableNotFound", True)
    # Who would decide alone may not ask.
    asking = who("marketing.member", email="owner@sales.example")
    found = mesh.ask(asking, "preview_access", body=access_request(**CUSTOMERS)).json
    assert (found["outcome"], found["code"]) == ("REJECTED", "QuorumUnreachable")


def test_a_preview_of_an_expression_shows_what_may_be_discovered_only(mesh: PortalMesh) -> None:
    spec = product_spec(
        table_spec("routes", columns=[{"name": "month", "type": "string", "pii": False}]),
        name="routes",
        access_mode="tbac",
    )
    assert mesh.central.deliver(register_product(spec)).status == "SUCCEEDED"
    body = access_request(product=None, tables=None, expression={"lob": ["sales"]})
    found = mesh.ask(ANALYST_PERSON, "preview_access", body=body).json
    assert [table["name"] for table in found["shown"]] == ["datamesh_sales_tbac.routes"], found
    hide(mesh)
    found = mesh.ask(ANALYST_PERSON, "preview_access", body=body).json
    assert found["outcome"] == "GRANTED_AT_ONCE"
    assert (found["shown"], "routes" in str(found)) == ([], False)
    # Who oversees the mesh sees all.
    assert len(mesh.ask(ADMIN, "preview_access", body=body).json["shown"]) == 1


@pytest.mark.parametrize("operation", ["preview_access", "request_access"])
@pytest.mark.parametrize(
    ("person", "status"),
    [
        (ANALYST_PERSON, "asked"),
        (MARKETING_OWNER, "asked"),
        (MARKETING_STEWARD, "asked"),
        (ADMIN, "asked"),
        (SALES_OWNER, 403),
        (STRANGER, 403),
        (OPERATOR, 403),
        (AUDITOR, 403),
        (NOBODY, 403),
        (who("marketing.owners"), 403),
        (who("marketingx.owner"), 403),
    ],
    ids=str,
)
def test_members_of_the_consumer_ask(mesh: PortalMesh, operation: str, person: Who, status: str | int) -> None:
    answer = mesh.ask(person, operation, body=access_request())
    assert answer.status == ({"preview_access": 200, "request_access": 202}[operation] if status == "asked" else status)
    assert len(mesh.sent) == (operation == "request_access" and status == "asked")


@pytest.mark.parametrize("operation", ["preview_access", "request_access"])
def test_what_may_not_be_discovered_is_not_there(mesh: PortalMesh, operation: str) -> None:
    hide(mesh)
    missing = mesh.ask(ANALYST_PERSON, operation, body=access_request(product={"domain": "sales", "name": "nothing"}))
    hidden = mesh.ask(ANALYST_PERSON, operation, body=access_request())
    assert (hidden.status, hidden.code) == (missing.status, missing.code) == (404, "NotFound")
    assert hidden.json["detail"].replace("air_travel", "nothing") == missing.json["detail"]
    assert mesh.sent == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"expression": {"lob": ["sales"]}}, "body"),
        ({"product": None}, "body"),
        ({"principals": []}, "principals"),
        ({"principals": ["somebody"]}, "principals.0"),
        ({"columns": {"customers": ["month"]}}, None),
        ({"later_tables": "included"}, None),
        ({"product": None, "tables": ["flights"], "expression": {"lob": ["sales"]}}, None),
        ({"justification": ""}, "justification"),
        ({"surprise": 1}, "surprise"),
        ({"requested_by": "somebody@else.example"}, "requested_by"),
    ],
    ids=str,
)
def test_what_is_no_request_names_the_field(mesh: PortalMesh, changes: dict[str, Any], field: str | None) -> None:
    answer = mesh.ask(ANALYST_PERSON, "request_access", body=access_request(**changes))
    # What the parts of a request are like together is said by the command.
    assert (answer.status, answer.code) == (400 if field is None else 422, "InvalidRequest"), answer.body
    assert answer.json["field"] == field or field in {None, "body"}
    assert mesh.sent == []


# --- Asking ---


def test_a_request_is_the_person_s_own(mesh: PortalMesh) -> None:
    answer = mesh.ask(ANALYST_PERSON, "request_access", body=access_request())
    (entry,) = mesh.sent
    assert (entry.source, entry.detail_type) == ("datamesh.central", "RequestDataProductAccess")
    assert entry.detail["metadata"]["person"] == entry.detail["data"]["requested_by"] == ANALYST_PERSON.email
    assert entry.detail["data"]["request_id"] == answer.json["request_id"]
    mesh.settle()
    found = mesh.get(ANALYST_PERSON, "get_request", request_id=answer.json["request_id"])
    assert (found["status"], found["requested_by"], found["tables"]) == ("GRANTED", ANALYST_PERSON.email, ["flights"])
    assert found["may_extend"]
    assert not found["may_cancel"]


def test_a_request_that_is_sent_again_is_one_request(mesh: PortalMesh, answers: Any) -> None:
    first = mesh.ask(ANALYST_PERSON, "request_access", body=access_request(), key="one-request")
    again = mesh.ask(ANALYST_PERSON, "request_access", body=access_request(), key="one-request")
    assert (first.status, again.json) == (202, first.json)
    assert len(mesh.sent) == 1
    # Another person's key is another key, and without one each request is its own.
    other = mesh.ask(COLLEAGUE, "request_access", body=access_request(), key="one-request")
    assert other.json["request_id"] != first.json["request_id"]
    free = [mesh.ask(ANALYST_PERSON, "request_access", body=access_request()).json["request_id"] for _ in range(2)]
    assert len(set(free)) == 2


def test_a_request_that_waits_says_for_whom(mesh: PortalMesh) -> None:
    request_id = mesh.request(**CUSTOMERS)
    found = mesh.get(ANALYST_PERSON, "get_request", request_id=request_id)
    assert (found["status"], found["waiting_for"], found["rule"]) == ("PENDING", "owners", "sensitive")
    (stage,) = found["stages"]
    assert (stage["approvers"], stage["quorum"], stage["status"]) == (["owner@sales.example"], 1, "OPEN")
    assert (found["may_cancel"], found["may_extend"], found["may_revoke"]) == (True, False, False)


def test_requests_are_listed_newest_first(mesh: PortalMesh) -> None:
    asked = []
    for _ in range(3):
        asked.append(str(mesh.request()))
        mesh.later(minutes=1)
    pages = mesh.pages(ANALYST_PERSON, "list_requests", domain="marketing")
    assert [[each["request_id"] for each in page] for page in pages] == [asked[:0:-1], asked[:1]]
    assert mesh.get(SALES_OWNER, "list_requests", domain="sales") == {"items": [], "next_cursor": None}
    assert mesh.ask(SALES_OWNER, "list_requests", domain="marketing").status == 403


def test_a_broken_cursor_or_another_s_is_refused(mesh: PortalMesh) -> None:
    for _ in range(2):
        mesh.request()
        mesh.later(minutes=1)
    page = mesh.get(ADMIN, "list_requests", domain="marketing", query={"limit": "1"})
    made_up = Paging(("list_requests", "sales")).cursor_at("\ud800")
    for cursor in ("bm9uc2Vuc2U=", "%%%", made_up, page["next_cursor"]):
        answer = mesh.ask(ADMIN, "list_requests", domain="sales", query={"cursor": cursor})
        assert (answer.status, answer.code) == (400, "InvalidRequest")


# --- Who may look ---

SEES: dict[Who, bool] = {
    ANALYST_PERSON: True,
    COLLEAGUE: True,
    MARKETING_OWNER: True,
    MARKETING_STEWARD: True,
    SALES_OWNER: True,
    SALES_STEWARD: True,
    SALES_MEMBER: False,
    APPROVER: True,
    ADMIN: True,
    OPERATOR: True,
    AUDITOR: True,
    STRANGER: False,
    NOBODY: False,
    who("marketing.members", email="m@x.example"): False,
    who("sales.ownerx", email="n@x.example"): False,
}


def test_who_may_look_at_a_request(mesh: PortalMesh) -> None:
    request_id = mesh.request(**CUSTOMERS)
    missing = mesh.ask(STRANGER, "get_request", request_id=uuid.UUID(int=9))
    assert missing.status == 404
    for person, expected in SEES.items():
        answer = mesh.ask(person, "get_request", request_id=request_id)
        assert answer.status == (200 if expected else 404), person
        if not expected:
            assert answer.json["detail"] == missing.json["detail"].replace(str(uuid.UUID(int=9)), str(request_id))


def test_of_a_request_by_tags_the_producers_see_it_whose_data_it_shows(mesh: PortalMesh) -> None:
    request_id = mesh.request()
    record = mesh.registry.request(request_id)
    assert record is not None
    changes = {"product": None, "expression": {"lob": ("finance",)}, "producers": ("finance",)}
    mesh.registry.write([Save(record.model_copy(update={**changes, "version": record.version + 1}))])
    assert mesh.ask(STRANGER, "get_request", request_id=request_id).status == 200
    assert mesh.ask(SALES_OWNER, "get_request", request_id=request_id).status == 404
    # None of them can end another's sharing.
    answer = mesh.ask(STRANGER, "revoke_access", request_id=request_id, body=REASON)
    assert (answer.status, answer.code) == (403, "NotAllowed")


# --- Who may do what: 404 for what may not be seen, 403 for what is not one's own, 409 for what does not fit ---

CANCELS = {
    ANALYST_PERSON: 202,
    MARKETING_OWNER: 202,
    ADMIN: 202,
    COLLEAGUE: 403,
    MARKETING_STEWARD: 403,
    SALES_OWNER: 403,
    SALES_STEWARD: 403,
    SALES_MEMBER: 404,
    APPROVER: 403,
    OPERATOR: 403,
    AUDITOR: 403,
    STRANGER: 404,
    NOBODY: 404,
    # Who asked and has left the domain since.
    who("finance.member", email=ANALYST_PERSON.email): 404,
}
EXTENDS = {
    ANALYST_PERSON: 202,
    COLLEAGUE: 202,
    MARKETING_OWNER: 202,
    MARKETING_STEWARD: 202,
    ADMIN: 202,
    SALES_OWNER: 403,
    SALES_STEWARD: 403,
    SALES_MEMBER: 404,
    OPERATOR: 403,
    AUDITOR: 403,
    STRANGER: 404,
    NOBODY: 404,
}
# By whom, and in whose name.
REVOKES: dict[Who, int | tuple[int, str | None]] = {
    MARKETING_OWNER: (202, "marketing"),
    SALES_OWNER: (202, "sales"),
    SALES_STEWARD: (202, "sales"),
    ADMIN: (202, None),
    who("mesh.admin", "sales.steward"): (202, "sales"),
    ANALYST_PERSON: 403,
    COLLEAGUE: 403,
    MARKETING_STEWARD: 403,
    SALES_MEMBER: 404,
    OPERATOR: 403,
    AUDITOR: 403,
    STRANGER: 404,
    NOBODY: 404,
}


@pytest.mark.parametrize(("person", "status"), CANCELS.items(), ids=str)
def test_who_may_take_a_request_back(mesh: PortalMesh, person: Who, status: int) -> None:
    request_id = mesh.request(**CUSTOMERS)
    shown = mesh.ask(person, "get_request", request_id=request_id)
    answer = mesh.ask(person, "cancel_request", request_id=request_id, body=REASON)
    assert answer.status == status, answer.body
    assert len(mesh.sent) == (status == 202)
    assert shown.status == (404 if status == 404 else 200)
    if shown.status == 200:
        assert shown.json["may_cancel"] == (status == 202)


def test_a_request_that_is_taken_back_is_over(mesh: PortalMesh) -> None:
    request_id = mesh.request(**CUSTOMERS)
    answer = mesh.ask(ANALYST_PERSON, "cancel_request", request_id=request_id, body=REASON)
    assert answer.json["request_id"] == str(request_id)
    mesh.settle()
    mesh.central.go_on()
    found = mesh.get(ANALYST_PERSON, "get_request", request_id=request_id)
    assert (found["status"], found["waiting_for"]) == ("CANCELLED", None)
    assert found["reason"] == f"person:{ANALYST_PERSON.email}: {REASON['reason']}"
    again = mesh.ask(ANALYST_PERSON, "cancel_request", request_id=request_id, body=REASON)
    assert (again.status, again.code) == (409, "StateConflict")


@pytest.mark.parametrize(("person", "status"), EXTENDS.items(), ids=str)
def test_who_may_ask_to_keep_access(mesh: PortalMesh, person: Who, status: int) -> None:
    request_id = mesh.request(duration_days=5)
    shown = mesh.ask(person, "get_request", request_id=request_id)
    answer = mesh.ask(person, "extend_access", request_id=request_id, body=EXTENSION)
    assert answer.status == status, answer.body
    if shown.status == 200:
        assert shown.json["may_extend"] == (status == 202)
    if status == 202:
        (entry,) = mesh.sent
        data = entry.detail["data"]
        assert (data["domain"], data["extends"], data["requested_by"]) == (
            "marketing",
            str(request_id),
            person.email,
        )
        assert data["request_id"] == answer.json["request_id"] != str(request_id)


def test_an_extension_is_a_request_of_its_own(mesh: PortalMesh) -> None:
    request_id = mesh.request(duration_days=5)
    extension = mesh.ask(ANALYST_PERSON, "extend_access", request_id=request_id, body=EXTENSION).json["request_id"]
    mesh.settle()
    found = mesh.get(ANALYST_PERSON, "get_request", request_id=extension)
    assert (found["sort"], found["of"], found["status"]) == ("extension", str(request_id), "GRANTED")
    for operation, body in (("extend_access", EXTENSION), ("revoke_access", REASON)):
        answer = mesh.ask(MARKETING_OWNER, operation, request_id=extension, body=body)
        assert (answer.status, answer.code) == (409, "StateConflict")
        assert str(request_id) in answer.json["detail"]


@pytest.mark.parametrize(("person", "expected"), REVOKES.items(), ids=str)
def test_who_may_end_access(mesh: PortalMesh, person: Who, expected: int | tuple[int, str | None]) -> None:
    status, domain = expected if isinstance(expected, tuple) else (expected, None)
    request_id = mesh.request()
    shown = mesh.ask(person, "get_request", request_id=request_id)
    answer = mesh.ask(person, "revoke_access", request_id=request_id, body=REASON)
    assert answer.status == status, answer.body
    if shown.status == 200:
        assert shown.json["may_revoke"] == (status == 202)
    if status == 202:
        (entry,) = mesh.sent
        assert entry.detail["data"] == {"request_id": str(request_id), "domain": domain, **REASON}
        assert entry.detail["metadata"]["person"] == person.email


STATES = ["PENDING", "APPROVED", "GRANTED", "PROVISIONED", "DENIED", "EXPIRED", "CANCELLED", "REVOKING", "REVOKED"]
STATES += ["REJECTED", "FAILED"]


@pytest.mark.parametrize("status", STATES)
def test_what_may_be_done_follows_from_how_the_request_stands(mesh: PortalMesh, status: Any) -> None:
    request_id = mesh.request()
    record = mesh.registry.request(request_id)
    assert record is not None
    mesh.registry.write([Save(record.model_copy(update={"status": status, "version": record.version + 1}))])
    fits = {
        "cancel_request": status == "PENDING",
        "extend_access": status in {"GRANTED", "PROVISIONED"},
        "revoke_access": status in {"GRANTED", "PROVISIONED", "FAILED"},
    }
    found = mesh.get(ADMIN, "get_request", request_id=request_id)
    for (operation, fit), field in zip(fits.items(), ("may_cancel", "may_extend", "may_revoke"), strict=True):
        body = EXTENSION if operation == "extend_access" else REASON
        answer = mesh.ask(ADMIN, operation, request_id=request_id, body=body)
        assert (answer.status, found[field]) == ((202, True) if fit else (409, False)), operation


def test_access_that_ended_says_why(mesh: PortalMesh) -> None:
    request_id = mesh.request()
    record: RequestRecord | None = mesh.registry.request(request_id)
    assert record is not None
    token = "AQC" + "x" * 300
    step = record.history[-1].model_copy(update={"status": "FAILED", "why": f"Grant: Boom: token {token}"})
    failed = {"status": "FAILED", "history": (*record.history, step), "version": record.version + 1}
    mesh.registry.write([Save(record.model_copy(update=failed))])
    found = mesh.get(MARKETING_OWNER, "get_request", request_id=request_id)
    assert found["reason"] == "Grant: Boom: token (left out)"
    assert token not in str(found)


def test_principals_are_shown_as_they_were_asked_for(mesh: PortalMesh) -> None:
    found = mesh.get(SALES_STEWARD, "get_request", request_id=mesh.request())
    assert found["principals"] == [ANALYST]
