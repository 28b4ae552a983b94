"""Operations and events: what became of a command, told from central's own word, and who sees what of a flow."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic import revoke_access
from datamesh.logic.portal.authorization import caller_of
from datamesh.logic.portal.commands import is_owned, owned
from datamesh.logic.portal.operations import DONE, QUIET
from datamesh.logic.portal.paging import Paging
from datamesh.models.commands import COMMANDS
from datamesh.models.errors import InvalidPolicy
from datamesh.models.facts import EVENTS_BY_DETAIL_TYPE
from datamesh.models.timeline import TimelineEvent
from tests.support.central_commands import (
    ACCOUNTS,
    CENTRAL,
    NOW,
    product_spec,
    secret_arn,
    table_spec,
)
from tests.support.portal_mesh import (
    ADMIN,
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
    STRANGER,
    PortalMesh,
    Who,
    access_request,
    portal_mesh,
    who,
)
from tests.support.timeline import FLOW, ended, event, execution

CUSTOMERS: dict[str, Any] = {"tables": ["customers"]}
REASON = {"reason": "The project is over"}
COMMAND = event("RegisterDataProduct", "sales", person=SALES_OWNER.email, domain="sales")
CAUSED = {"causation_id": COMMAND.event_id}
RUN = execution(event_id=COMMAND.event_id)


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    return portal_mesh(monkeypatch)


def operation(mesh: PortalMesh, person: Who, correlation_id: object = FLOW) -> dict[str, Any]:
    found = mesh.get(person, "get_operation", correlation_id=correlation_id)
    assert isinstance(found, dict)
    return found


def put(mesh: PortalMesh, *things: Any) -> None:
    for thing in things:
        if hasattr(thing, "detail_type"):
            mesh.timeline.put_event(thing)
        else:
            mesh.timeline.put_execution(thing)


def answer(detail_type: str, *, number: int, after: float = 5, **data: Any) -> Any:
    """Return what central says about the command, which came by the API: rejections go to central's own account."""
    if detail_type == "WorkflowFailed":
        failed = event(detail_type, number=number, after=after, execution_arn=RUN.execution_arn, **data)
        return failed.model_copy(update=CAUSED)
    target = CENTRAL if detail_type == "CommandRejected" else ACCOUNTS["sales"]
    said = event(detail_type, "sales", number=number, after=after, **data)
    return said.model_copy(update={**CAUSED, "target_account": target})


REGISTERED = answer("DataProductRegistered", number=2, domain="sales", product="air_travel")
REJECTED = answer("CommandRejected", number=3, code="LocationOverlap", message="They overlap", field="product.tables")
FAILED = answer("WorkflowFailed", number=4, error="Boom", cause="It broke")


# --- What became of a command ---


@pytest.mark.parametrize(
    ("heard", "status"),
    [
        ([], "PENDING"),
        ([RUN], "PENDING"),
        ([REGISTERED], "SUCCEEDED"),
        ([REJECTED], "REJECTED"),
        ([RUN, FAILED], "FAILED"),
        ([ended(RUN, "FAILED", error="Boom", cause="It broke")], "FAILED"),
        ([ended(RUN, "TIMED_OUT")], "FAILED"),
        ([ended(RUN, "ABORTED")], "FAILED"),
        # What was admitted is rejected later on; what failed was started again.
        ([REGISTERED, REJECTED.model_copy(update={"occurred_at": NOW + timedelta(seconds=9)})], "REJECTED"),
        ([RUN, FAILED, REGISTERED.model_copy(update={"occurred_at": NOW + timedelta(seconds=9)})], "SUCCEEDED"),
        ([RUN, FAILED, execution(name="two", after=8, event_id=COMMAND.event_id)], "PENDING"),
        ([RUN, FAILED, execution(name="two", after=1, event_id=COMMAND.event_id)], "FAILED"),
        # A workflow that ended well without a word had nothing to do, when that stays so.
        ([ended(RUN, "SUCCEEDED", -QUIET.total_seconds())], "SUCCEEDED"),
        ([ended(RUN, "SUCCEEDED", 1 - QUIET.total_seconds())], "PENDING"),
    ],
    ids=range(14),
)
def test_what_central_says_last_decides(mesh: PortalMesh, heard: list[Any], status: str) -> None:
    put(mesh, COMMAND, *heard)
    assert operation(mesh, SALES_OWNER)["status"] == status


def test_a_rejection_says_why(mesh: PortalMesh) -> None:
    put(mesh, COMMAND, REJECTED)
    found = operation(mesh, SALES_OWNER)
    assert (found["error"], found["message"], found["field"]) == ("LocationOverlap", "They overlap", "product.tables")


def test_a_failure_says_why_without_any_token(mesh: PortalMesh) -> None:
    token = "AQC" + "x" * 300
    put(mesh, COMMAND, RUN, answer("WorkflowFailed", number=4, error="Boom", cause=f"Task {token} broke"))
    found = operation(mesh, SALES_OWNER)
    assert (found["error"], found["message"]) == ("Boom", "Task (left out) broke")


@pytest.mark.parametrize(
    "forged",
    [
        # A domain sends what it likes under any correlation id.
        event("DataProductRegistered", "sales", number=2, said_by="marketing").model_copy(update=CAUSED),
        event("WorkflowFailed", "sales", number=2, said_by="sales", error="Boom").model_copy(update=CAUSED),
        event("CommandRejected", "sales", number=2).model_copy(
            update={**CAUSED, "source": "datamesh.central", "account": ACCOUNTS["marketing"]}
        ),
        # What another command led to.
        REJECTED.model_copy(update={"causation_id": uuid.UUID(int=77)}),
        # Nothing of the command's end.
        answer("DataProductTagsChanged", number=2, domain="sales"),
        ended(execution(event_id=uuid.UUID(int=77)), "FAILED"),
    ],
    ids=range(6),
)
def test_what_is_not_central_s_word_on_the_command_does_not_count(mesh: PortalMesh, forged: Any) -> None:
    put(mesh, COMMAND, forged)
    assert operation(mesh, SALES_OWNER)["status"] == "PENDING"


def test_another_s_command_in_the_flow_is_not_taken_for_the_person_s(mesh: PortalMesh) -> None:
    for domains in (("marketing",), ("sales", "marketing")):
        mesh.timeline.items.clear()
        other = event("RegisterDataProduct", *domains, number=50, after=-60, said_by="marketing", domain=domains[0])
        said = {"causation_id": other.event_id, "target_account": ACCOUNTS["marketing"], "domains": domains}
        rejection = REJECTED.model_copy(update=said)
        put(mesh, other, rejection, COMMAND, REGISTERED)
        assert operation(mesh, SALES_OWNER)["status"] == "SUCCEEDED"
        assert operation(mesh, who("marketing.owner"))["status"] in {"REJECTED", "SUCCEEDED"}


# Marketing's own event with the id of sales' command, in the same flow.
BORROWED = event("RegisterDataProduct", "marketing", after=-1, said_by="marketing", domain="marketing")
THEIR_RUN = execution(
    "register_data_product", "marketing", name="theirs", source=BORROWED.source, account=BORROWED.account
)


@pytest.mark.parametrize(
    "command",
    [COMMAND, event("RegisterDataProduct", "sales", said_by="sales", domain="sales")],
    ids=["by the API", "by the domain"],
)
def test_who_takes_another_s_event_id_sees_nothing_of_it(mesh: PortalMesh, command: TimelineEvent) -> None:
    rejected = REJECTED.model_copy(update={"target_account": command.account})
    put(mesh, BORROWED, command, RUN.model_copy(update={"source": command.source, "account": command.account}))
    put(mesh, rejected, FAILED)
    found = operation(mesh, MARKETING_OWNER)
    assert [(each["event_id"], each["account"]) for each in found["events"]] == [
        (str(BORROWED.event_id), ACCOUNTS["marketing"])
    ]
    shown = [each["account"] for each in operation(mesh, SALES_OWNER)["events"]]
    assert shown == [command.account, CENTRAL, CENTRAL]
    both = [each["account"] for each in operation(mesh, ADMIN)["events"]]
    assert both == [ACCOUNTS["marketing"], command.account, CENTRAL, CENTRAL]


@pytest.mark.parametrize(
    "theirs",
    [
        [REJECTED.model_copy(update={"target_account": ACCOUNTS["marketing"], "domains": ("marketing",)})],
        [ended(THEIR_RUN, "FAILED", error="Boom")],
        [ended(THEIR_RUN, "SUCCEEDED", -QUIET.total_seconds())],
        [THEIR_RUN, FAILED.model_copy(update={"data": {"execution_arn": THEIR_RUN.execution_arn, "error": "Boom"}})],
        # Nothing is known of who started what failed.
        [FAILED.model_copy(update={"data": {"error": "Boom"}})],
    ],
    ids=["rejected", "failed", "quiet", "said to have failed", "of no execution"],
)
def test_what_comes_of_a_borrowed_event_id_is_not_the_command_s(mesh: PortalMesh, theirs: list[Any]) -> None:
    put(mesh, BORROWED, COMMAND, *theirs)
    assert operation(mesh, SALES_OWNER)["status"] == "PENDING"


def test_who_speaks_for_another_domain_is_told_that_it_was_refused(mesh: PortalMesh) -> None:
    spoof = event("RegisterDataProduct", "sales", "marketing", said_by="marketing", domain="sales")
    said = {"target_account": ACCOUNTS["marketing"], "domains": ("sales", "marketing")}
    put(mesh, spoof, REJECTED.model_copy(update=CAUSED | said))
    assert operation(mesh, MARKETING_OWNER)["status"] == "REJECTED"


def test_events_are_listed_once_and_in_their_order(mesh: PortalMesh) -> None:
    again = REGISTERED.model_copy(update={"occurred_at": NOW + timedelta(minutes=1)})
    put(mesh, again, REGISTERED, COMMAND, RUN)
    found = operation(mesh, SALES_OWNER)
    assert [each["detail_type"] for each in found["events"]] == ["RegisterDataProduct", "DataProductRegistered"]
    assert [each["execution_id"] for each in found["executions"]] == ["register_data_product:one"]


def test_every_command_that_people_send_has_its_facts() -> None:
    sent = {command.detail_type() for command in COMMANDS}
    assert set(DONE) == sent - {"WidenDataProductAccess", "ExpireDataProductAccess", "ReconcileAccess"}
    for facts in DONE.values():
        for fact in facts:
            assert EVENTS_BY_DETAIL_TYPE[fact].sources == ("datamesh.central",)


# --- Asked at once ---


def test_a_command_that_nobody_has_heard_of_yet_is_pending_for_who_sent_it(mesh: PortalMesh) -> None:
    accepted = mesh.ask(ANALYST_PERSON, "request_access", body=access_request()).json
    found = operation(mesh, ANALYST_PERSON, accepted["correlation_id"])
    assert (found["status"], found["events"], found["executions"]) == ("PENDING", [], [])
    for person in (COLLEAGUE, MARKETING_OWNER, ADMIN, STRANGER):
        asked = mesh.ask(person, "get_operation", correlation_id=accepted["correlation_id"])
        assert (asked.status, asked.code) == (404, "NotFound")


def test_with_an_idempotency_key_as_well(mesh: PortalMesh, answers: Any) -> None:
    accepted = mesh.ask(ANALYST_PERSON, "request_access", body=access_request(), key="some-key").json
    assert operation(mesh, ANALYST_PERSON, accepted["correlation_id"])["status"] == "PENDING"


def test_an_id_tells_whose_it_is() -> None:
    ann, ben = (caller_of(email, None, ()) for email in ("ann@sales.example", "ben@sales.example"))
    for _ in range(50):
        seed = uuid.uuid4()
        identity = owned(seed, ann)
        assert (is_owned(identity, ann), is_owned(identity, ben), is_owned(seed, ann)) == (True, False, False)
        assert owned(identity, ann) == identity
        assert (identity.variant, identity.version) == (uuid.RFC_4122, 4)


# --- With central behind it: the table agrees with what central says ---


def sent(mesh: PortalMesh, person: Who, operation_name: str, **more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let a person send a command and central carry it out; return what was accepted, and the operation."""
    accepted = mesh.ask(person, operation_name, **more)
    assert accepted.status == 202, accepted.body
    mesh.settle()
    return accepted.json, operation(mesh, person, accepted.json["correlation_id"])


def test_a_product_is_registered_and_leaves(mesh: PortalMesh) -> None:
    spec = product_spec(table_spec("routes", columns=[OPEN_COLUMN]), name="routes")
    _, found = sent(mesh, SALES_OWNER, "register_product", domain="sales", body={"product": spec})
    assert (found["status"], found["events"][-1]["detail_type"]) == ("SUCCEEDED", "DataProductRegistered")
    _, found = sent(mesh, SALES_OWNER, "deregister_product", domain="sales", product="routes")
    assert (found["status"], found["executions"][0]["subject"]) == ("SUCCEEDED", "sales.routes")


def test_what_is_rejected_says_why(mesh: PortalMesh) -> None:
    _, found = sent(mesh, SALES_OWNER, "leave_domain", domain="sales")
    assert (found["status"], found["error"]) == ("REJECTED", "DomainInUse")
    assert "CommandRejected" in {each["detail_type"] for each in found["events"]}


def test_a_domain_is_registered_and_leaves(mesh: PortalMesh) -> None:
    body = {"domain": "finance", "config_secret_arn": secret_arn(ACCOUNTS["finance"])}
    _, found = sent(mesh, STRANGER, "register_domain", body=body)
    assert found["status"] == "SUCCEEDED"
    _, found = sent(mesh, STRANGER, "leave_domain", domain="finance")
    assert found["status"] == "SUCCEEDED", found


def test_a_request_is_taken_whether_people_decide_or_not(mesh: PortalMesh) -> None:
    for tables in ("flights", "customers"):
        _, found = sent(mesh, ANALYST_PERSON, "request_access", body=access_request(tables=[tables]))
        assert found["status"] == "SUCCEEDED", found
        assert "DataProductAccessRequested" in {each["detail_type"] for each in found["events"]}


def test_a_request_that_is_rejected_says_why(mesh: PortalMesh) -> None:
    _, found = sent(mesh, ANALYST_PERSON, "request_access", body=access_request(tables=["nothing"]))
    assert (found["status"], found["error"]) == ("REJECTED", "TableNotFound")


def test_access_is_extended_and_ended(mesh: PortalMesh, monkeypatch: pytest.MonkeyPatch) -> None:
    request_id = mesh.request(duration_days=5)
    body = {"duration_days": 30, "justification": "It goes on"}
    _, found = sent(mesh, ANALYST_PERSON, "extend_access", request_id=request_id, body=body)
    assert found["status"] == "SUCCEEDED"
    # Nobody in the consumer's account takes anything back here.
    monkeypatch.setattr(revoke_access, "PATIENCE", timedelta(0))
    _, found = sent(mesh, MARKETING_OWNER, "revoke_access", request_id=request_id, body=REASON)
    assert found["status"] == "SUCCEEDED"
    assert mesh.get(ANALYST_PERSON, "get_request", request_id=request_id)["status"] == "REVOKED"
    # Once more there is nothing to end, and the API says so before anything is sent.
    assert mesh.ask(MARKETING_OWNER, "revoke_access", request_id=request_id, body=REASON).status == 409


def test_a_workflow_that_fails_is_told_of(mesh: PortalMesh) -> None:
    mesh.central.fail_once("grant", InvalidPolicy("It cannot be read"))
    _, found = sent(mesh, ANALYST_PERSON, "request_access", body=access_request())
    assert (found["status"], found["error"]) == ("FAILED", "InvalidPolicy")
    assert (found["executions"][0]["status"], found["executions"][0]["workflow"]) == ("FAILED", "share_data_product")


def test_a_request_is_taken_back_and_that_is_heard_at_once(mesh: PortalMesh) -> None:
    request_id = mesh.request(**CUSTOMERS)
    accepted = mesh.ask(ANALYST_PERSON, "cancel_request", request_id=request_id, body=REASON).json
    mesh.settle()
    mesh.central.go_on()
    mesh.record_published()
    found = operation(mesh, ANALYST_PERSON, accepted["correlation_id"])
    assert (found["status"], found["executions"][0]["workflow"]) == ("SUCCEEDED", "revoke_access")


# --- Who sees what ---

TOLD_SALES = event("DataProductTagsChanged", "sales", number=11, after=1, to="sales", domain="sales", changes=["all"])
TOLD_MARKETING = event(
    "DataProductTagsChanged", "sales", "marketing", number=12, after=2, to="marketing", domain="sales", changes=["own"]
)
TOLD_FINANCE = event(
    "DataProductTagsChanged", "sales", "finance", number=13, after=3, to="finance", domain="sales", changes=["own"]
)
TO_NOBODY = event("GrantDriftFound", number=14, after=4)


@pytest.mark.parametrize(
    ("person", "numbers"),
    [
        (SALES_OWNER, [1, 4, 11, 12, 13]),
        (SALES_MEMBER, [1, 4, 11, 12, 13]),
        (MARKETING_OWNER, [12]),
        (STRANGER, [13]),
        (ADMIN, [1, 4, 11, 12, 13, 14]),
        (AUDITOR, [1, 4, 11, 12, 13, 14]),
        (OPERATOR, [1, 4, 11, 12, 13, 14]),
        (NOBODY, None),
        (who("sales.owners", email="x@x.example"), None),
        # Who sent it and has no role any more sees the command, and what central answered.
        (who(email=SALES_OWNER.email), [1, 4]),
    ],
    ids=str,
)
def test_of_a_flow_each_sees_what_concerns_its_domains(
    mesh: PortalMesh, person: Who, numbers: list[int] | None
) -> None:
    put(mesh, COMMAND, FAILED, TOLD_SALES, TOLD_MARKETING, TOLD_FINANCE, TO_NOBODY, RUN)
    asked = mesh.ask(person, "get_operation", correlation_id=FLOW)
    if numbers is None:
        assert (asked.status, asked.code) == (404, "NotFound")
        return
    found = asked.json
    assert sorted(uuid.UUID(each["event_id"]).int for each in found["events"]) == numbers
    sees_run = bool({"sales"} & {group.partition(".")[0] for group in person.groups}) or "mesh" in str(person.groups)
    assert len(found["executions"]) == sees_run


def test_an_unknown_operation_is_not_there(mesh: PortalMesh) -> None:
    missing = mesh.ask(ADMIN, "get_operation", correlation_id=uuid.UUID(int=5))
    put(mesh, COMMAND)
    hidden = mesh.ask(STRANGER, "get_operation", correlation_id=FLOW)
    assert missing.status == hidden.status == 404
    assert missing.json["detail"].replace(str(uuid.UUID(int=5)), "") == hidden.json["detail"].replace(str(FLOW), "")


# --- Events ---


def test_events_of_a_domain_are_its_own(mesh: PortalMesh) -> None:
    put(mesh, COMMAND, TOLD_SALES, TOLD_MARKETING, TOLD_FINANCE, TO_NOBODY)
    pages = mesh.pages(SALES_MEMBER, "list_events", domain="sales")
    assert [[uuid.UUID(each["event_id"]).int for each in page] for page in pages] == [[13, 12], [11, 1]]
    (only,) = mesh.get(MARKETING_OWNER, "list_events", domain="marketing")["items"]
    assert only["data"]["changes"] == ["own"]
    assert mesh.ask(MARKETING_OWNER, "list_events", domain="sales").status == 403


def test_all_events_are_for_who_oversees(mesh: PortalMesh) -> None:
    old = event("RegisterDataProduct", "sales", number=30, after=-89 * 24 * 3600, domain="sales")
    older = event("RegisterDataProduct", "sales", number=31, after=-150 * 24 * 3600, domain="sales")
    put(mesh, COMMAND, TO_NOBODY, old, older)
    pages = mesh.pages(OPERATOR, "list_all_events")
    assert [uuid.UUID(each["event_id"]).int for page in pages for each in page] == [14, 1, 30]
    assert mesh.ask(SALES_OWNER, "list_all_events").status == 403


@pytest.mark.parametrize("position", ["", "zzzz", "2026-13-01", "2026", "2026-1x-"])
@pytest.mark.parametrize("operation_name", ["list_all_events", "list_all_executions"])
def test_a_made_up_cursor_is_refused(mesh: PortalMesh, operation_name: str, position: str) -> None:
    query = ("list_all_events",) if operation_name == "list_all_events" else ("list_all_executions", "")
    cursor = Paging(query).cursor_at(position)
    asked = mesh.ask(OPERATOR, operation_name, query={"cursor": cursor})
    assert (asked.status, asked.code) == (400, "InvalidRequest")


def test_examples_in_a_command_are_shown_to_nobody(mesh: PortalMesh) -> None:
    spec = product_spec(table_spec("people", columns=[OPEN_COLUMN, PERSONAL]), name="people")
    accepted, _ = sent(mesh, SALES_OWNER, "register_product", domain="sales", body={"product": spec})
    found = operation(mesh, SALES_OWNER, accepted["correlation_id"])
    (command,) = [each for each in found["events"] if each["detail_type"] == "RegisterDataProduct"]
    assert (command["account"], command["data"]["product"]["tables"][0]["name"]) == (CENTRAL, "people")
    assert "zoe@example.com" not in str(found)
