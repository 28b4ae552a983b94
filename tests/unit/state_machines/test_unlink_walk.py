"""unlink_data_product walked offline with its real logic: what it asks for, and what it says."""

from __future__ import annotations

from typing import Any

import pytest

from datamesh.handlers import unlink_data_product
from datamesh.logic.unlink_data_product import IN_TIME
from tests.support import asl
from tests.support.asl_walk import TaskCall, TaskError, Walk, walk
from tests.support.domain_account import MODULE, ask
from tests.support.domain_fakes import MARKETING, deregistered, ending, ending_by_tag, table_names
from tests.support.linking import Domain

MACHINE = asl.render(MODULE / "unlink_data_product.asl.json")
HAPPY = ["Revoke Principals", "All Revoked?", "Remove Links", "Publish Unlinked", "Unlinked"]


@pytest.fixture(autouse=True)
def _in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # The walk runs on the real clock, the events are of another year.
    monkeypatch.setattr("datamesh.logic.unlink_data_product.IN_TIME", IN_TIME * 1_000_000)


def unlink(domain: Domain, event: dict[str, Any], failing: str | None = None) -> Walk:
    def answer(call: TaskCall) -> Any:
        if (call.step or "publish") == failing:
            raise TaskError("ConflictError", "injected")
        return ask(domain.unlinking, unlink_data_product.STEPS, call)

    return walk(MACHINE, event, answer)


@pytest.mark.parametrize("event", [ending(), ending_by_tag(), deregistered()], ids=["name", "tag", "product"])
def test_it_always_answers_once(event: dict[str, Any]) -> None:
    account = event["detail"]["metadata"]["target_account"]
    done = unlink(Domain(account), event)
    assert (done.status, done.path) == ("SUCCEEDED", HAPPY)
    (entry,) = done.published
    assert entry["DetailType"] == "DataProductUnlinked"
    assert entry["Detail"]["metadata"]["causation_id"] == event["detail"]["metadata"]["event_id"]


def test_transitions_do_not_grow_with_tables() -> None:
    counts = {unlink(Domain(MARKETING), ending(table_names(number))).transitions for number in (1, 25, 100)}
    assert counts == {len(HAPPY)}


def test_only_the_widest_grants_take_another_round() -> None:
    principals = [f"arn:aws:iam::{MARKETING}:role/analyst-{number}" for number in range(50)]
    done = unlink(Domain(MARKETING), ending(table_names(60), principals=principals))
    assert (done.status, done.path.count("Revoke Principals")) == ("SUCCEEDED", 4)


@pytest.mark.parametrize("step", ["revoke", "remove_links", "publish"])
def test_what_fails_for_good_fails_the_execution(step: str) -> None:
    done = unlink(Domain(MARKETING), ending(), failing=step)
    assert (done.status, done.error) == ("FAILED", "ConflictError")
