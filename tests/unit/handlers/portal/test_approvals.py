"""Approvals: what waits for whom, what is shown, and the decision, which is the person's alone and once."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from datamesh.handlers.portal import approvals
from datamesh.logic.approval_links import make_link
from datamesh.models.errors import AwsTemporarilyUnavailable
from datamesh.models.policy import ApprovalPolicy, Rule, Stage
from datamesh.models.registry import IndexedColumn, Save, Stamp, TableIndex
from tests.support.approvals import FakeSignatures
from tests.support.central_commands import NOW, product_spec, register_product, table_spec
from tests.support.portal_mesh import (
    ADMIN,
    ANALYST,
    ANALYST_PERSON,
    AUDITOR,
    COLLEAGUE,
    MARKETING_OWNER,
    NOBODY,
    OPEN_COLUMN,
    OPERATOR,
    PERSONAL,
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
OTHER = "arn:aws:iam::333333333333:role/other"
# Whom the policy names decides, whatever groups there are.
APPROVER = who(email="owner@sales.example")
TWO_STAGES = ApprovalPolicy(
    rules=(
        Rule(
            name="twice",
            stages=(
                Stage(name="owners", approvers=("product_owners",)),
                Stage(name="stewards", approvers=("data_stewards",), deadline_hours=1),
            ),
        ),
    )
)


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    return portal_mesh(monkeypatch)


@pytest.fixture
def waiting(mesh: PortalMesh) -> uuid.UUID:
    """Return a request that waits for owner@sales.example."""
    return mesh.request(**CUSTOMERS)


def digest_of(mesh: PortalMesh, request_id: uuid.UUID, number: int = 0) -> str:
    approval = mesh.registry.approval(request_id, number)
    assert approval is not None
    return approval.digest


def decide(mesh: PortalMesh, person: Who, request_id: uuid.UUID, decision: str = "APPROVE", **more: Any) -> Any:
    body = {"decision": decision, "comment": "I have looked", "digest": digest_of(mesh, request_id)}
    number = more.pop("number", 0)
    key = more.pop("key", None)
    return mesh.ask(person, "decide", request_id=request_id, number=number, body=body | more, key=key)


def votes(mesh: PortalMesh, request_id: uuid.UUID) -> list[tuple[str, str, str]]:
    approval = mesh.registry.approval(request_id, 0)
    assert approval is not None
    return [(vote.approver, vote.decision, vote.via) for vote in approval.votes]


def index(mesh: PortalMesh, table: str, *columns: str) -> None:
    """Let the registry know which columns a table has."""
    record = next(each for each in mesh.registry.tables("sales", "air_travel") if each.name == table)
    stamp = Stamp(occurred_at=NOW, event_id=uuid.UUID(int=2))
    found = TableIndex(
        stamp=stamp,
        columns=tuple(IndexedColumn(name=name, type="string") for name in columns),
        column_count=len(columns),
        digest="0" * 64,
        data_classification="internal",
        sensitive=True,
    )
    mesh.registry.write([Save(record.model_copy(update={"index": found, "version": record.version + 1}))])


# --- What waits for whom ---


def test_what_waits_is_listed_for_whom_it_waits(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    (found,) = mesh.get(APPROVER, "list_approvals")["items"]
    assert (found["request_id"], found["number"], found["name"]) == (str(waiting), 0, "owners")
    assert (found["domain"], found["requested_by"], found["sensitive"]) == ("marketing", ANALYST_PERSON.email, True)
    for person in (SALES_STEWARD, ANALYST_PERSON, MARKETING_OWNER, ADMIN, AUDITOR, NOBODY):
        assert mesh.get(person, "list_approvals")["items"] == []


def test_of_what_waits_for_others_nothing_more_is_read(
    mesh: PortalMesh, waiting: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def spied(name: str, plain: Any) -> Any:
        def called(key: Any) -> Any:
            read.append(name)
            return plain(key)

        return called

    for name in ("request", "domain"):
        monkeypatch.setattr(mesh.registry, name, spied(name, getattr(mesh.registry, name)))
    assert mesh.get(SALES_STEWARD, "list_approvals")["items"] == []
    assert read == []
    assert len(mesh.get(APPROVER, "list_approvals")["items"]) == 1
    assert read == ["request", "domain"]


def test_what_is_decided_on_waits_no_more(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    assert decide(mesh, APPROVER, waiting).status == 200
    assert mesh.get(APPROVER, "list_approvals")["items"] == []


def test_what_is_overdue_waits_no_more(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    mesh.later(hours=73)
    assert mesh.get(APPROVER, "list_approvals")["items"] == []
    found = mesh.get(APPROVER, "get_approval", request_id=waiting, number=0)
    assert (found["may_decide"], found["why_not"]) == (False, "The time to decide is over")
    answer = decide(mesh, APPROVER, waiting)
    assert (answer.status, answer.code) == (410, "StageOverdue")


def test_what_was_taken_back_waits_no_more(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    mesh.ask(ANALYST_PERSON, "cancel_request", request_id=waiting, body={"reason": "A mistake"})
    mesh.settle()
    mesh.central.go_on()
    assert mesh.get(APPROVER, "list_approvals")["items"] == []
    answer = decide(mesh, APPROVER, waiting)
    assert (answer.status, answer.code) == (409, "StageClosed")


def test_what_waits_is_listed_by_its_deadline(mesh: PortalMesh) -> None:
    asked = [str(mesh.request(**CUSTOMERS, principals=[f"{ANALYST}{number}"])) for number in range(3)]
    mesh.later(hours=1)
    asked.append(str(mesh.request(**CUSTOMERS)))
    pages = mesh.pages(APPROVER, "list_approvals", limit=3)
    found = [each["request_id"] for page in pages for each in page]
    assert sorted(found[:3]) == sorted(asked[:3])
    assert ([len(page) for page in pages], found[3]) == ([3, 1], asked[3])


# --- What is shown ---

SEES = {
    APPROVER: True,
    SALES_OWNER: True,  # by the address, not by the group
    who("sales.owner", email="another.owner@sales.example"): False,
    SALES_STEWARD: False,
    SALES_MEMBER: False,
    ANALYST_PERSON: False,
    MARKETING_OWNER: False,
    ADMIN: True,
    AUDITOR: True,
    OPERATOR: True,
    STRANGER: False,
    NOBODY: False,
}


@pytest.mark.parametrize(("person", "expected"), SEES.items(), ids=str)
def test_who_may_look_at_an_approval(mesh: PortalMesh, waiting: uuid.UUID, person: Who, expected: bool) -> None:
    answer = mesh.ask(person, "get_approval", request_id=waiting, number=0)
    assert answer.status == (200 if expected else 404)
    assert mesh.ask(person, "get_approval", request_id=waiting, number=1).status == 404
    if expected:
        decides = person.email == APPROVER.email
        assert (answer.json["may_decide"], answer.json["why_not"] is None) == (decides, decides)


def test_an_approval_shows_what_will_be_exposed_and_what_not(mesh: PortalMesh) -> None:
    index(mesh, "customers", "month", "email", "phone")
    request_id = mesh.request(tables=["customers"], columns={"customers": ["email"]}, rows={"customers": "month = '1'"})
    found = mesh.get(APPROVER, "get_approval", request_id=request_id, number=0)
    assert found["exposed"] == [
        {
            "name": "customers",
            "columns": ["email"],
            "column_count": 1,
            "sensitive": ["email"],
            "hidden": ["month", "phone"],
            "already": [],
            "rows": "month = '1'",
        }
    ]
    assert (found["digest"], found["principals"]) == (digest_of(mesh, request_id), [ANALYST])
    assert any("email" in reason for reason in found["reasons"])


def already(mesh: PortalMesh, request_id: uuid.UUID) -> list[str]:
    (table,) = mesh.get(APPROVER, "get_approval", request_id=request_id, number=0)["exposed"]
    return list(table["already"])


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ({}, ["month"]),
        ({"principals": [ANALYST, OTHER]}, ["month"]),
        ({"principals": [OTHER]}, []),
        # Who reads some rows only does not read the column yet.
        ({"rows": {"customers": "month = '1'"}}, []),
    ],
    ids=["the same", "more principals", "another principal", "some rows"],
)
def test_what_the_same_principals_read_already_is_said(
    mesh: PortalMesh, standing: dict[str, Any], expected: list[str]
) -> None:
    granted = mesh.request(**{"tables": ["customers"], "columns": {"customers": ["month"]}, **standing})
    assert mesh.get(ADMIN, "get_request", request_id=granted)["status"] == "GRANTED"
    assert already(mesh, mesh.request(**CUSTOMERS)) == expected


def test_what_only_some_of_the_principals_read_is_not_read_already(mesh: PortalMesh) -> None:
    mesh.request(tables=["customers"], columns={"customers": ["month"]})
    assert already(mesh, mesh.request(**CUSTOMERS, principals=[ANALYST, OTHER])) == []


def test_what_another_consumer_reads_is_not_read_already(mesh: PortalMesh) -> None:
    asked = access_request(
        domain="finance",
        tables=["customers"],
        columns={"customers": ["month"]},
        principals=["arn:aws:iam::444444444444:role/analyst"],
    )
    assert mesh.ask(STRANGER, "request_access", body=asked).status == 202
    mesh.settle()
    assert already(mesh, mesh.request(**CUSTOMERS)) == []


def test_in_the_same_rows_it_is_read_already(mesh: PortalMesh) -> None:
    rows = {"customers": "month = '1'"}
    mesh.request(tables=["customers"], columns={"customers": ["month"]}, rows=rows)
    assert already(mesh, mesh.request(**CUSTOMERS, rows=rows)) == ["month"]


def test_what_is_read_by_tag_is_read_already(mesh: PortalMesh) -> None:
    tables = (table_spec("routes", columns=[OPEN_COLUMN, {**PERSONAL, "tags": {"confidentiality": "sensitive"}}]),)
    mesh.central.lf_tags.known |= {"confidentiality": {"sensitive", "public"}}
    spec = product_spec(*tables, name="routes", access_mode="both", tags={"confidentiality": "public"})
    walk = mesh.central.deliver(register_product(spec))
    assert walk.status == "SUCCEEDED", walk
    expression = {"confidentiality": ["public"], "lob": ["sales"]}
    by_tag = mesh.request(product=None, tables=None, expression=expression)
    assert mesh.get(ADMIN, "get_request", request_id=by_tag)["status"] == "GRANTED"
    by_name: dict[str, Any] = {"product": {"domain": "sales", "name": "routes"}, "tables": ["routes"]}
    assert already(mesh, mesh.request(**by_name)) == ["month"]


def test_an_expression_that_waits_is_shown_by_table(mesh: PortalMesh) -> None:
    spec = product_spec(table_spec("routes", columns=[OPEN_COLUMN, PERSONAL]), name="routes", access_mode="tbac")
    assert mesh.central.deliver(register_product(spec)).status == "SUCCEEDED"
    request_id = mesh.request(product=None, tables=None, expression={"lob": ["sales"]})
    found = mesh.get(APPROVER, "get_approval", request_id=request_id, number=0)
    (table,) = found["exposed"]
    assert (table["name"], table["columns"], table["already"]) == ("datamesh_sales_tbac.routes", ["month", "email"], [])
    assert found["expression"] == {"lob": ["sales"]}


# --- Deciding ---


def test_a_decision_is_the_person_s_own_and_wakes_the_workflow(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    answer = decide(mesh, APPROVER, waiting)
    assert (answer.status, answer.json) == (200, {"request_id": str(waiting), "number": 0, "status": "APPROVED"})
    assert votes(mesh, waiting) == [("owner@sales.example", "APPROVE", "portal")]
    mesh.central.go_on()
    assert mesh.get(ANALYST_PERSON, "get_request", request_id=waiting)["status"] == "GRANTED"


def test_the_same_decision_again_is_answered_alike(mesh: PortalMesh, waiting: uuid.UUID, answers: Any) -> None:
    first = decide(mesh, APPROVER, waiting, key="my-decision")
    for again in (decide(mesh, APPROVER, waiting, key="my-decision"), decide(mesh, APPROVER, waiting)):
        assert (again.status, again.json) == (200, first.json)
    mesh.central.go_on()
    assert decide(mesh, APPROVER, waiting).json == first.json
    assert len(votes(mesh, waiting)) == 1
    other = decide(mesh, APPROVER, waiting, "DENY")
    assert (other.status, other.code) == (409, "AlreadyVoted")


def test_a_denial_says_why(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    answer = decide(mesh, APPROVER, waiting, "DENY", comment="  ")
    assert (answer.status, answer.code) == (400, "BallotIncomplete")
    assert decide(mesh, APPROVER, waiting, "DENY", comment="Not for this").json["status"] == "DENIED"
    mesh.central.go_on()
    found = mesh.get(ANALYST_PERSON, "get_request", request_id=waiting)
    assert (found["status"], found["stages"][0]["votes"][0]["comment"]) == ("DENIED", "Not for this")


def test_a_decision_on_something_else_than_was_shown_does_not_count(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    answer = decide(mesh, APPROVER, waiting, digest="f" * 64)
    assert (answer.status, answer.code) == (409, "RequestChanged")
    assert votes(mesh, waiting) == []


DECIDES = {
    APPROVER: (200, None),
    SALES_OWNER: (200, None),
    who("sales.owner", email="another.owner@sales.example"): (403, "NotEligible"),
    SALES_STEWARD: (403, "NotEligible"),
    ANALYST_PERSON: (403, "NotEligible"),
    MARKETING_OWNER: (403, "NotEligible"),
    COLLEAGUE: (403, "NotEligible"),
    ADMIN: (403, "NotEligible"),
    AUDITOR: (403, "NotEligible"),
    OPERATOR: (403, "NotEligible"),
    STRANGER: (403, "NotEligible"),
    NOBODY: (403, "NotEligible"),
}


@pytest.mark.parametrize(("person", "expected"), DECIDES.items(), ids=str)
def test_who_may_decide(mesh: PortalMesh, waiting: uuid.UUID, person: Who, expected: tuple[int, str | None]) -> None:
    answer = decide(mesh, person, waiting)
    assert (answer.status, answer.code if answer.status != 200 else None) == expected
    assert len(votes(mesh, waiting)) == (expected[0] == 200)
    refused = [entry.details["approver"] for entry in mesh.registry.ledger if entry.kind == "VoteRefused"]
    assert refused == ([person.email] if expected[0] == 403 else [])


def test_who_is_in_a_group_of_the_domain_that_asks_does_not_decide(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    both = who("sales.owner", "marketing.member", email=APPROVER.email)
    found = mesh.get(both, "get_approval", request_id=waiting, number=0)
    reason = "You belong to marketing, which asks for this access: somebody else has to decide"
    assert (found["may_decide"], found["why_not"]) == (False, reason)
    assert mesh.get(both, "list_approvals")["items"] == []
    for decision in ("APPROVE", "DENY"):
        answer = decide(mesh, both, waiting, decision)
        assert (answer.status, answer.code, answer.json["detail"]) == (403, "NotEligible", reason)
    assert votes(mesh, waiting) == []
    refused = [entry.details for entry in mesh.registry.ledger if entry.kind == "VoteRefused"]
    assert [(each["approver"], each["error"], each["via"]) for each in refused] == [
        (APPROVER.email, "NotEligible", "portal")
    ] * 2
    assert decide(mesh, who("sales.owner", "finance.member", email=APPROVER.email), waiting).status == 200


def test_votes_are_counted_and_those_that_do_not_count_too(
    mesh: PortalMesh, waiting: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    monkeypatch.setattr(approvals, "count", counted.append)
    decide(mesh, STRANGER, waiting)
    decide(mesh, APPROVER, waiting)
    assert counted == ["VoteRefused", "VoteTaken"]


def test_nobody_decides_in_another_s_name(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    answer = decide(mesh, STRANGER, waiting, approver="owner@sales.example")
    assert (answer.status, answer.code) == (422, "InvalidRequest")
    assert votes(mesh, waiting) == []


def test_who_decided_on_one_stage_does_not_on_the_next(mesh: PortalMesh) -> None:
    mesh.registry.policy_document = TWO_STAGES.model_dump_json()
    request_id = mesh.request(**CUSTOMERS)
    assert decide(mesh, APPROVER, request_id).status == 200
    mesh.central.go_on()
    (second,) = mesh.get(SALES_STEWARD, "list_approvals")["items"]
    assert (second["number"], second["name"]) == (1, "stewards")
    assert mesh.get(ANALYST_PERSON, "get_request", request_id=request_id)["waiting_for"] == "stewards"
    assert decide(mesh, SALES_STEWARD, request_id, number=1).json["status"] == "APPROVED"


@pytest.mark.parametrize(("request_id", "number"), [(uuid.UUID(int=1), 0), (None, 3)], ids=["request", "stage"])
def test_what_nobody_was_asked_about_is_not_there(
    mesh: PortalMesh, waiting: uuid.UUID, request_id: uuid.UUID | None, number: int
) -> None:
    body = {"decision": "APPROVE", "comment": "", "digest": "f" * 64}
    answer = mesh.ask(APPROVER, "decide", request_id=request_id or waiting, number=number, body=body)
    assert (answer.status, answer.code) == (404, "StageNotFound")


def test_a_busy_registry_is_asked_again_later(
    mesh: PortalMesh, waiting: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(_changes: object) -> None:
        raise AwsTemporarilyUnavailable("throttled")

    mesh.registry.before_write = busy
    answer = decide(mesh, APPROVER, waiting)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


# --- Links of mails ---


def link(mesh: PortalMesh, request_id: uuid.UUID) -> tuple[str, str]:
    approval = mesh.registry.approval(request_id, 0)
    assert approval is not None
    url = make_link(
        mesh.registry,
        FakeSignatures(),
        approval,
        APPROVER.email,
        base_url="https://portal.example/approval-links",
        now=mesh.central.now,
    )
    parts = urlsplit(url)
    return parts.path.rpartition("/")[2], parse_qs(parts.query)["signature"][0]


def test_a_link_leads_whom_it_was_sent_to(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    link_id, signature = link(mesh, waiting)
    for query in ({"signature": signature}, {}):
        found = mesh.get(APPROVER, "find_approval_link", link_id=link_id, query=query)
        assert found == {"request_id": str(waiting), "number": 0}


def test_a_link_leads_nobody_else(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    link_id, signature = link(mesh, waiting)
    for person in (SALES_STEWARD, ANALYST_PERSON, ADMIN, NOBODY):
        answer = mesh.ask(person, "find_approval_link", link_id=link_id, query={"signature": signature})
        assert (answer.status, answer.code) == (403, "NotEligible")
        assert (str(waiting) in answer.body, APPROVER.email in answer.body) == (False, False)


@pytest.mark.parametrize("link_id", ["x" * 43, "short", "%2E%2E%2Fetc"])
def test_a_link_that_nobody_was_sent_is_not_there(mesh: PortalMesh, waiting: uuid.UUID, link_id: str) -> None:
    answer = mesh.ask(APPROVER, "find_approval_link", link_id=link_id)
    assert (answer.status, answer.code) == (404, "LinkUnknown")


def test_a_link_ends_with_the_deadline_but_for_who_has_decided(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    link_id, _ = link(mesh, waiting)
    mesh.later(hours=73)
    answer = mesh.ask(APPROVER, "find_approval_link", link_id=link_id)
    assert (answer.status, answer.code) == (410, "LinkExpired")


def test_a_link_of_what_was_decided_still_shows_how(mesh: PortalMesh, waiting: uuid.UUID) -> None:
    link_id, _ = link(mesh, waiting)
    decide(mesh, APPROVER, waiting)
    mesh.later(hours=73)
    assert mesh.get(APPROVER, "find_approval_link", link_id=link_id)["request_id"] == str(waiting)
    found = mesh.get(APPROVER, "get_approval", request_id=waiting, number=0)
    assert (found["status"], found["why_not"]) == ("APPROVED", "You have decided already: you approved it")
