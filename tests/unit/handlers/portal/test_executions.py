"""Executions: who sees which, their steps without what was passed on, and starting a failed one again, once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest

from datamesh.logic.portal.executions import MAX_STEPS, steps_of
from datamesh.logic.record_event import LEFT_OUT, MAX_CAUSE
from datamesh.models.executions import Execution, HistoryEvent
from tests.support.central_commands import NOW, product_spec, register_product, table_spec
from tests.support.portal_mesh import (
    ADMIN,
    AUDITOR,
    MARKETING_OWNER,
    NOBODY,
    OPERATOR,
    SALES_MEMBER,
    SALES_OWNER,
    STRANGER,
    PortalMesh,
    Who,
    portal_mesh,
    who,
)
from tests.support.timeline import ended, event, execution

RUN = execution()
FAILED = ended(RUN, "FAILED", error="Boom", cause="It broke")
MACHINE = "datamesh-central-register-data-product"
COMMAND = register_product(product_spec(table_spec("flights")))
TOKEN = "AQC" + "x8Fv" * 90


@pytest.fixture
def mesh(monkeypatch: pytest.MonkeyPatch) -> PortalMesh:
    return portal_mesh(monkeypatch)


def happened(*events: tuple[str, int, str | None] | tuple[str, int, str | None, str]) -> list[HistoryEvent]:
    """Return a history: types, the events before them, the states or errors."""
    found = []
    for number, (kind, previous, name, *cause) in enumerate(events, start=1):
        named = kind.endswith(("Entered", "Exited"))
        found.append(
            HistoryEvent(
                id=number,
                previous=previous,
                type=kind,
                at=NOW + timedelta(seconds=number),
                state=name if named else None,
                error=None if named else name,
                cause=cause[0] if cause else None,
            )
        )
    return found


def told(history: list[HistoryEvent]) -> list[tuple[str, str, str, str | None]]:
    return [(step.name, step.type, step.status, step.error) for step in steps_of(history)]


# --- Steps ---

START = ("ExecutionStarted", 0, None)


def test_states_are_told_in_their_order() -> None:
    history = happened(
        START,
        ("TaskStateEntered", 1, "Admit"),
        ("TaskScheduled", 2, None),
        ("TaskSucceeded", 3, None),
        ("TaskStateExited", 4, "Admit"),
        ("ChoiceStateEntered", 5, "Admitted?"),
        ("ChoiceStateExited", 6, "Admitted?"),
        ("TaskStateEntered", 7, "Grant"),
        ("TaskScheduled", 8, None),
    )
    assert told(history) == [
        ("Admit", "Task", "SUCCEEDED", None),
        ("Admitted?", "Choice", "SUCCEEDED", None),
        ("Grant", "Task", "RUNNING", None),
    ]
    first, *_, last = steps_of(history)
    assert (first.entered_at, first.exited_at) == (NOW + timedelta(seconds=2), NOW + timedelta(seconds=5))
    assert last.exited_at is None


def test_what_was_tried_again_is_no_trouble_and_what_was_caught_is() -> None:
    history = happened(
        START,
        ("TaskStateEntered", 1, "Admit"),
        ("TaskScheduled", 2, None),
        ("TaskFailed", 3, "RecordBusy", "busy"),
        ("TaskScheduled", 4, None),
        ("TaskSucceeded", 5, None),
        ("TaskStateExited", 6, "Admit"),
        ("TaskStateEntered", 7, "Grant"),
        ("TaskScheduled", 8, None),
        ("TaskFailed", 9, "GrantFailed", "refused"),
        ("TaskStateExited", 10, "Grant"),
        ("FailStateEntered", 11, "Failed"),
        ("ExecutionFailed", 12, "GrantFailed", "refused"),
    )
    assert told(history) == [
        ("Admit", "Task", "SUCCEEDED", None),
        ("Grant", "Task", "CAUGHT", "GrantFailed"),
        ("Failed", "Fail", "FAILED", "GrantFailed"),
    ]


@pytest.mark.parametrize("end", ["ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"])
def test_where_an_execution_ends_there_it_failed(end: str) -> None:
    history = happened(START, ("TaskStateEntered", 1, "Await"), ("TaskScheduled", 2, None), (end, 3, "States.Timeout"))
    assert told(history) == [("Await", "Task", "FAILED", "States.Timeout")]


def test_states_inside_others_are_told_apart() -> None:
    history = happened(
        START,
        ("MapStateEntered", 1, "Each"),
        ("MapStateStarted", 2, None),
        ("MapIterationStarted", 3, None),
        ("MapIterationStarted", 3, None),
        ("TaskStateEntered", 4, "One"),
        ("TaskStateEntered", 5, "One"),
        ("TaskFailed", 6, "Boom"),
        ("TaskSucceeded", 7, None),
        ("TaskStateExited", 9, "One"),
        ("TaskStateExited", 8, "One"),
        ("MapStateSucceeded", 10, None),
        ("MapStateExited", 12, "Each"),
    )
    assert told(history) == [
        ("Each", "Map", "SUCCEEDED", None),
        ("One", "Task", "CAUGHT", "Boom"),
        ("One", "Task", "SUCCEEDED", None),
    ]


def test_causes_are_cut_and_no_token_is_left() -> None:
    history = happened(
        START,
        ("TaskStateEntered", 1, "Ask"),
        ("TaskFailed", 2, "Boom", f'{{"task_token": "{TOKEN}"}} https://x/?signature=abc-DEF {"and so on " * 400}'),
        ("ExecutionFailed", 3, "Boom"),
    )
    (step,) = steps_of(history)
    assert step.cause is not None
    assert len(step.cause) == MAX_CAUSE
    assert step.cause.startswith(f'{{"task_token": "{LEFT_OUT}"}} https://x/?signature={LEFT_OUT} and')


def test_of_very_many_states_the_first_are_told() -> None:
    entered = [("PassStateEntered", 1, f"State {number}") for number in range(MAX_STEPS + 5)]
    assert len(steps_of(happened(START, *entered))) == MAX_STEPS


# --- Looking ---

SEES = {
    SALES_OWNER: 200,
    SALES_MEMBER: 200,
    ADMIN: 200,
    OPERATOR: 200,
    AUDITOR: 200,
    MARKETING_OWNER: 404,
    STRANGER: 404,
    NOBODY: 404,
    who("sales.members", email="x@x.example"): 404,
}


@pytest.mark.parametrize(("person", "status"), SEES.items(), ids=str)
def test_who_may_look_at_an_execution(mesh: PortalMesh, person: Who, status: int) -> None:
    mesh.timeline.put_execution(FAILED)
    answer = mesh.ask(person, "get_execution", execution_id=FAILED.execution_id)
    assert answer.status == status
    if status == 200:
        assert answer.json["may_retry"] == (person in {ADMIN, OPERATOR})


def test_an_execution_is_shown_with_its_steps_and_its_flow(mesh: PortalMesh) -> None:
    command = event("RegisterDataProduct", "sales", domain="sales")
    others = event("DataProductTagsChanged", "marketing", number=7, to="marketing")
    mesh.timeline.put_event(command)
    mesh.timeline.put_event(others)
    mesh.timeline.put_execution(FAILED)
    mesh.executions.histories[FAILED.execution_arn] = happened(
        START, ("TaskStateEntered", 1, "Admit"), ("TaskFailed", 2, "Boom", TOKEN), ("ExecutionFailed", 3, "Boom")
    )
    found = mesh.get(SALES_MEMBER, "get_execution", execution_id=FAILED.execution_id)
    assert (found["workflow"], found["status"], found["domain"]) == ("register_data_product", "FAILED", "sales")
    assert (found["subject"], found["error"], found["cause"]) == ("sales.air_travel", "Boom", "It broke")
    assert found["started_by"]["detail_type"] == "RegisterDataProduct"
    assert [step["name"] for step in found["steps"]] == ["Admit"]
    assert [each["detail_type"] for each in found["events"]] == ["RegisterDataProduct"]
    assert TOKEN not in json.dumps(found)
    everything = mesh.get(AUDITOR, "get_execution", execution_id=FAILED.execution_id)
    assert len(everything["events"]) == 2


def test_what_step_functions_has_forgotten_is_shown_without_steps(mesh: PortalMesh) -> None:
    mesh.timeline.put_execution(execution(correlation_id=None, event_id=None))
    found = mesh.get(SALES_MEMBER, "get_execution", execution_id=FAILED.execution_id)
    assert (found["steps"], found["events"], found["started_by"]) == ([], [], None)


@pytest.mark.parametrize("name", ["register_data_product:two", "nonsense", "a:b:c", "register_data_product:%2E%2E%2Fx"])
def test_an_unknown_execution_is_not_there(mesh: PortalMesh, name: str) -> None:
    mesh.timeline.put_execution(FAILED)
    for operation, person in (("get_execution", ADMIN), ("retry_execution", OPERATOR)):
        answer = mesh.ask(person, operation, execution_id=name)
        assert (answer.status, answer.code) == (404, "NotFound"), operation


def test_executions_are_listed_by_domain_and_by_how_they_stand(mesh: PortalMesh) -> None:
    runs = [execution(name=f"n{number}", after=number) for number in range(4)]
    for number, run in enumerate(runs):
        mesh.timeline.put_execution(ended(run, "FAILED") if number % 2 else run)
    mesh.timeline.put_execution(execution("share_data_product", "marketing", name="theirs", after=9))
    pages = mesh.pages(SALES_MEMBER, "list_executions", domain="sales")
    assert [[each["execution_id"][-2:] for each in page] for page in pages] == [["n3", "n2"], ["n1", "n0"]]
    failed = mesh.get(SALES_MEMBER, "list_executions", domain="sales", query={"status": "FAILED"})["items"]
    assert [each["execution_id"][-2:] for each in failed] == ["n3", "n1"]
    everything = mesh.get(OPERATOR, "list_all_executions")["items"]
    assert (len(everything), everything[0]["domain"]) == (5, "marketing")
    assert len(mesh.get(OPERATOR, "list_all_executions", query={"status": "FAILED"})["items"]) == 2
    assert mesh.ask(SALES_MEMBER, "list_executions", domain="marketing").status == 403
    assert mesh.ask(SALES_MEMBER, "list_executions", domain="sales", query={"status": "GONE"}).status == 400


# --- Starting again ---


def retry(mesh: PortalMesh, person: Who = OPERATOR, name: str = "one", key: str | None = None) -> Any:
    return mesh.ask(person, "retry_execution", execution_id=f"register_data_product:{name}", key=key)


def fail(mesh: PortalMesh, status: str = "FAILED", name: str = "one", given: str | None = None) -> None:
    text = json.dumps(COMMAND) if given is None else given
    mesh.executions.known[MACHINE, name] = Execution(status=status, input=text)


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
def test_what_has_failed_is_started_again_with_the_same_input(mesh: PortalMesh, status: str) -> None:
    fail(mesh, status)
    answer = retry(mesh)
    assert answer.status == 202, answer.body
    ((machine, name, given),) = mesh.executions.started
    assert (machine, json.loads(given)) == (MACHINE, COMMAND)
    assert re.fullmatch(r"one-retry-[0-9a-f]{16}", name)
    assert answer.json == {
        "correlation_id": COMMAND["detail"]["metadata"]["correlation_id"],
        "command": "RegisterDataProduct",
        "request_id": None,
        "execution_id": f"register_data_product:{name}",
    }


def test_a_repeated_request_starts_once(mesh: PortalMesh, answers: Any) -> None:
    fail(mesh)
    first = retry(mesh, key="retry-it-once")
    assert retry(mesh, key="retry-it-once").json == first.json
    assert len(mesh.executions.started) == 1
    # Even when the first answer was lost: the name is the same.
    for item in answers.scan(TableName="datamesh-idempotency")["Items"]:
        answers.delete_item(TableName="datamesh-idempotency", Key={"id": item["id"]})
    assert retry(mesh, key="retry-it-once").json == first.json
    assert len(mesh.executions.started) == 1
    assert retry(mesh, key="retry-it-again").json != first.json
    assert retry(mesh, ADMIN, key="retry-it-once").json != first.json
    assert len(mesh.executions.started) == 3


def test_a_retry_that_failed_may_be_retried_and_its_name_does_not_grow(mesh: PortalMesh) -> None:
    name = "x" * 80
    fail(mesh, name=name)
    for _ in range(3):
        assert retry(mesh, name=name).status == 202
        _, name, _ = mesh.executions.started[-1]
        assert len(name) <= 80
        fail(mesh, name=name)
    assert len({name for _, name, _ in mesh.executions.started}) == 3


@pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
def test_what_has_not_failed_is_let_be(mesh: PortalMesh, status: str) -> None:
    fail(mesh, status)
    answer = retry(mesh)
    assert (answer.status, answer.code) == (409, "StateConflict")
    assert mesh.executions.started == []


@pytest.mark.parametrize("person", [SALES_OWNER, AUDITOR, STRANGER, NOBODY], ids=str)
def test_operators_alone_start_again(mesh: PortalMesh, person: Who) -> None:
    fail(mesh)
    answer = retry(mesh, person)
    assert (answer.status, answer.code) == (403, "NotAllowed")
    assert mesh.executions.started == []


def test_an_execution_that_no_event_started_can_be_started_again(mesh: PortalMesh) -> None:
    fail(mesh, given="{}")
    answer = retry(mesh)
    assert (answer.status, answer.json["command"]) == (202, "unknown")
