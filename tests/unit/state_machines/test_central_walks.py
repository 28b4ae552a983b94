"""Central's state machines walked offline with canned results: what leads where, and at what price in transitions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import asl
from tests.support.asl_walk import TaskCall, TaskError, Walk, walk
from tests.support.domain_fakes import table_names

# Nobody sends a command for which reconcile_access would have to answer: it is walked in test_reconcile_walk.py.
CENTRAL = {
    asl.flow_of(path): path
    for path in asl.definition_paths()
    if path.parent.name == "central-governance" and asl.flow_of(path) != "reconcile_access"
}
EVERY_FLOW = pytest.mark.parametrize("path", CENTRAL.values(), ids=CENTRAL)
PUBLISHING = {flow: path for flow, path in CENTRAL.items() if flow != "index_data_product"}
EVERY_PUBLISHING_FLOW = pytest.mark.parametrize("path", PUBLISHING.values(), ids=PUBLISHING)
# How each step of the happy path ends; a step that is not here has no say in where the execution goes.
HAPPY = {"admit": "admitted", "verify": "verified", "prepare": "prepared", "tables": "created", "release": "released"}
# An ending access is announced first, and its end told afterwards.
PUBLICATIONS = {"revoke_access": 2}
# States that lie on another way than the happy path, and the outcomes that lead there.
ASIDE = {
    "Publish Tags Changed": {"tell": "more"},
    "Publish Questions": {"review": "ask"},
    "Publish Warning": {"admit": "warned"},
    "End Access": {"end": "ending"},
    "Await End": {"end": "ending"},
    "Publish Request": {"admit": "pending"},
    "Ask for Approval": {"admit": "pending"},
    "Read Decision": {"admit": "pending"},
    "Publish Denial": {"admit": "pending", "resume": "denied"},
}
# Steps that only such states ask for.
STEPS_ASIDE = {"deregister_data_product": {"wait"}, "share_data_product": {"open_stage", "deadline", "resume"}}
ENTRIES = [
    {"Source": "datamesh.central", "DetailType": name, "Detail": {"metadata": {}, "data": {"null": None}}}
    for name in ("First", "Second", "Third")
]


def canned(outcomes: dict[str, str], tables: int = 1) -> Callable[[TaskCall], Any]:
    """Answer every step with its outcome and whatever any next step may take from it."""

    def answer(call: TaskCall) -> Any:
        if call.step is None:
            return {"FailedEntryCount": 0}
        return {
            "outcome": outcomes.get(call.step, "done"),
            "entries": ENTRIES,
            "code": "SomeReason",
            "reason": "because",
            "product_changed": True,
            "tags_changed": True,
            "schema": True,
            "asked": "",
            "tables": [{"name": name, "outcome": "created"} for name in table_names(tables)],
            "resource_shares": [],
            "matches": [],
            "told": len(ENTRIES),
            "requests": [],
            "seconds": 3_600,
            "batches": [{"entries": ENTRIES}, {"entries": ENTRIES[:1]}],
        }

    return answer


def outcomes_of(path: Path) -> dict[str, str]:
    """Return how the steps end on the happy path. `grant` has a say in share_data_product only."""
    return {**HAPPY, "grant": "granted" if asl.flow_of(path) == "share_data_product" else "done"}


def happy(path: Path, tables: int = 1) -> Walk:
    """Walk the happy path."""
    return walk(asl.render(path), {"detail": {}}, canned(outcomes_of(path), tables))


@EVERY_FLOW
def test_the_happy_path_succeeds(path: Path) -> None:
    done = happy(path)
    assert done.status == "SUCCEEDED"
    assert all(entry["EventBusName"] == asl.TEMPLATE_INPUTS["event_bus_arn"] for entry in done.published)
    assert "Record Failure" not in done.path


@EVERY_PUBLISHING_FLOW
def test_the_happy_path_asks_for_every_step_but_the_one_that_records_a_failure(path: Path) -> None:
    done = happy(path)
    aside = STEPS_ASIDE.get(asl.flow_of(path), set()) | {"fail"}
    assert {call.step for call in done.calls if call.step} == asl.step_names(asl.render(path)) - aside
    assert [call.step for call in done.calls].count(None) == PUBLICATIONS.get(asl.flow_of(path), 1)


@EVERY_FLOW
def test_transitions_do_not_grow_with_tables(path: Path) -> None:
    assert len({happy(path, tables).transitions for tables in (1, 2, 100)}) == 1


@EVERY_PUBLISHING_FLOW
def test_a_rejection_is_an_outcome_that_is_published(path: Path) -> None:
    done = walk(asl.render(path), {}, canned({"admit": "rejected"}))
    assert (done.status, done.path[-2:]) == ("SUCCEEDED", ["Publish Rejection", "Command Rejected"])
    assert done.published
    assert [call.step for call in done.calls] == ["admit", None]


@EVERY_PUBLISHING_FLOW
def test_a_duplicate_ends_without_a_side_effect(path: Path) -> None:
    done = walk(asl.render(path), {}, canned({"admit": "duplicate"}))
    assert (done.status, done.path[-1]) == ("SUCCEEDED", "Already Done")
    assert [call.step for call in done.calls] == ["admit"]


def _steps() -> list[Any]:
    return [
        pytest.param(path, name, id=f"{flow}-{name}")
        for flow, path in CENTRAL.items()
        for name in asl.tasks(asl.render(path))
        if name not in {"Record Failure", "Publish Rejection", "Check Deadline"}
    ]


@pytest.mark.parametrize(("path", "state"), _steps())
@pytest.mark.parametrize("error", ["ConflictError", "Lambda.ServiceException", "States.Timeout", "States.Permissions"])
def test_a_step_that_fails_for_good_is_recorded_and_fails_the_execution(path: Path, state: str, error: str) -> None:
    definition = asl.render(path)
    good = canned(outcomes_of(path) | ASIDE.get(state, {}))

    def answer(call: TaskCall) -> Any:
        if call.state == state:
            raise TaskError(error, "injected")
        return good(call)

    if (state, error) == ("Ask for Approval", "States.Timeout"):
        return  # That is no failure: their time is over.
    done = walk(definition, {}, answer)
    assert (done.status, done.error) == ("FAILED", error)
    assert "injected" in (done.cause or "")
    if "Record Failure" in definition["States"]:
        assert done.path[-2] == "Record Failure"


@EVERY_PUBLISHING_FLOW
def test_when_recording_the_failure_fails_too_the_first_failure_is_told(path: Path) -> None:
    definition = asl.render(path)
    second = list(asl.tasks(definition))[1]

    def answer(call: TaskCall) -> Any:
        if call.state == second:
            raise TaskError("ConflictError", "first")
        if call.state == "Record Failure":
            raise TaskError("Lambda.Unknown", "second")
        return canned(HAPPY | ASIDE.get(second, {}))(call)

    done = walk(definition, {}, answer)
    assert (done.status, done.error) == ("FAILED", "ConflictError")


@EVERY_FLOW
def test_what_passes_by_itself_is_retried(path: Path) -> None:
    left = [2]
    good = canned(outcomes_of(path))

    def answer(call: TaskCall) -> Any:
        if left[0] and call.step is not None:
            left[0] -= 1
            raise TaskError("Lambda.TooManyRequestsException")
        return good(call)

    done = walk(asl.render(path), {}, answer)
    assert done.status == "SUCCEEDED"
    assert done.transitions == happy(path).transitions + 2


SHARE = asl.REPOSITORY / "modules" / "central-governance" / "share_data_product.asl.json"


def asked(outcomes: dict[str, str], *, in_time: bool = True) -> Walk:
    """Walk a request that people have to decide on, who do so in time or not."""
    good = canned({"admit": "pending", "grant": "granted"} | outcomes)

    def answer(call: TaskCall) -> Any:
        if call.resource.endswith(".waitForTaskToken"):
            assert call.arguments["Payload"]["task_token"]
            if not in_time:
                raise TaskError("States.Timeout")
        return good(call)

    return walk(asl.render(SHARE), {"detail": {}}, answer)


def test_what_people_approve_is_granted() -> None:
    done = asked({"resume": "approved"})
    assert (done.status, done.path[-1]) == ("SUCCEEDED", "Access Granted")
    assert [len(call.arguments["Entries"]) for call in done.calls if call.state == "Publish Request"] == [3, 1]


def test_a_denial_ends_well_and_is_told_to_all() -> None:
    done = asked({"resume": "denied"})
    assert (done.status, done.path[-1]) == ("SUCCEEDED", "Access Denied")
    assert [len(call.arguments["Entries"]) for call in done.calls if call.state == "Publish Denial"] == [3, 1]


def test_a_deadline_is_looked_at_before_the_decision_is_read() -> None:
    done = asked({"deadline": "decided", "resume": "denied"}, in_time=False)
    place = done.path.index("Check Deadline")
    assert done.path[place : place + 3] == ["Check Deadline", "More Time?", "Read Decision"]
    assert done.path[-1] == "Access Denied"


def test_a_deadline_that_cannot_be_looked_at_is_recorded() -> None:
    def answer(call: TaskCall) -> Any:
        if call.resource.endswith(".waitForTaskToken"):
            raise TaskError("States.Timeout")
        if call.step == "deadline":
            raise TaskError("ConflictError", "injected")
        return canned({"admit": "pending"})(call)

    done = walk(asl.render(SHARE), {"detail": {}}, answer)
    assert (done.status, done.error, done.path[-2]) == ("FAILED", "ConflictError", "Record Failure")
