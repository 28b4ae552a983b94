"""reconcile_access walked offline with canned results: what is repeated until all is looked at, and what is said."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support import asl
from tests.support.asl_walk import TaskCall, TaskError, walk

DEFINITION = asl.render(asl.REPOSITORY / "modules" / "central-governance" / "reconcile_access.asl.json")
ENVELOPE = {"detail-type": "ReconcileAccess", "detail": {"data": {}}}
ENTRY = {"Source": "datamesh.central", "DetailType": "Said", "Detail": {"metadata": {}, "data": {"null": None}}}
PROGRESS = {"counts": {}, "healed": 0, "skipped": 0}


def saying(entries: int, after: str) -> dict[str, Any]:
    return {"outcome": "say", "entries": [ENTRY] * entries, "after": after}


SETTLED = {"outcome": "settled", "at": {}}
SOUND = {"outcome": "sound", **PROGRESS}
DRIFT = {"outcome": "drift", "entries": [ENTRY], "counts": {"missing": 2}, "healed": 2, "skipped": 1}


def more(product: str) -> dict[str, Any]:
    return {"outcome": "more", "at": {"domains": ["sales"], "product": product}, **PROGRESS}


def answering(*results: Any) -> tuple[Callable[[TaskCall], Any], list[dict[str, Any]]]:
    """Answer the steps with these results in turn; return what the steps were given as well."""
    left, given = list(results), []

    def answer(call: TaskCall) -> Any:
        if call.step is None:
            return {"FailedEntryCount": 0}
        given.append({name: call.arguments["Payload"].get(name) for name in ("step", "after", "at")})
        return left.pop(0)

    return answer, given


def test_a_sound_mesh_publishes_nothing() -> None:
    answer, given = answering(SETTLED, SOUND)
    done = walk(DEFINITION, ENVELOPE, answer)
    assert (done.status, done.path[-1], done.published) == ("SUCCEEDED", "Reconciled", [])
    assert given == [{"step": "settle", "after": "", "at": None}, {"step": "compare", "after": None, "at": {}}]


@pytest.mark.parametrize("entries", [1, 10])
def test_requests_are_looked_at_until_nothing_is_to_be_said(entries: int) -> None:
    answer, given = answering(saying(entries, "a"), saying(1, "b"), SETTLED, SOUND)
    done = walk(DEFINITION, ENVELOPE, answer)
    assert done.status == "SUCCEEDED"
    assert len(done.published) == entries + 1
    assert [each["after"] for each in given if each["step"] == "settle"] == ["", "a", "b"]


def test_products_are_compared_until_all_are() -> None:
    answer, given = answering(SETTLED, more("a"), more("b"), DRIFT)
    done = walk(DEFINITION, ENVELOPE, answer)
    assert done.status == "SUCCEEDED"
    assert [each["at"] for each in given if each["step"] == "compare"] == [{}, more("a")["at"], more("b")["at"]]
    assert [entry["DetailType"] for entry in done.published] == ["Said"]
    assert done.output == {"outcome": "drift", "counts": {"missing": 2}, "healed": 2, "skipped": 1}


def test_who_was_granted_again_is_told_in_between() -> None:
    again = more("a") | {"outcome": "again", "entries": [ENTRY, ENTRY]}
    answer, given = answering(SETTLED, again, SOUND)
    done = walk(DEFINITION, ENVELOPE, answer)
    assert done.status == "SUCCEEDED"
    assert len(done.published) == 2
    assert [each["at"] for each in given if each["step"] == "compare"] == [{}, again["at"]]


@pytest.mark.parametrize("step", ["settle", "compare"])
def test_a_step_that_fails_for_good_says_why(step: str) -> None:
    def answer(call: TaskCall) -> Any:
        if call.step == step:
            raise TaskError("CatalogInconsistent", "gone")
        return SETTLED

    done = walk(DEFINITION, ENVELOPE, answer)
    assert (done.status, done.error) == ("FAILED", "CatalogInconsistent")
