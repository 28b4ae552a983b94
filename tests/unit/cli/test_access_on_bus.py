"""`access` as an account: commands on the own bus, and the word that ends the wait for each."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest

from datamesh.cli import access as commands
from datamesh.cli.bus import Awaited, heard
from datamesh.cli.config import Profile, config_path, write_profile
from datamesh.models.commands import RevokeDataProductAccess
from tests.support.cli import ANALYST, REQUEST, run
from tests.unit.cli.test_bus import FakeBus, event

ASK = ("access", "request", "sales.fleet", "--principal", ANALYST, "--justification", "to see")
DENIED = event("DataProductAccessDenied", status="DENIED", reason="not for that", request_id=str(REQUEST))


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> FakeBus:
    write_profile(config_path(), "default", Profile(mode="bus", domain="marketing"))
    bus = FakeBus()
    monkeypatch.setattr(commands, "bus_of", lambda profile: bus)
    return bus


def test_a_pipeline_asks_in_the_name_of_its_account(bus: FakeBus) -> None:
    bus.batches.append([event("DataProductAccessRequested", status="PENDING")])
    code, out, err = run(*ASK, "--table", "planes", "--output", "json")
    ((command, _),) = bus.sent
    sent = command.to_json()
    assert (code, json.loads(out)["status"]) == (0, "SUCCEEDED")
    assert (sent["domain"], sent["tables"], sent["requested_by"]) == ("marketing", ["planes"], None)
    assert sent["request_id"] in err


@pytest.mark.parametrize(
    ("batches", "ends", "said"),
    [
        # It is ready when the own account has linked it: central's word alone is not enough.
        ([[event("DataProductAccessGranted")], [event("DataProductAccessProvisioned", "datamesh.domain")]], 0, ""),
        ([[event("DataProductAccessRequested")], [DENIED]], 1, "DENIED: DataProductAccessDenied: not for that"),
        ([[event("CommandRejected", code="NotFound", message="no such product")]], 1, "REJECTED: NotFound"),
        ([[event("WorkflowFailed", error="Boom", cause="…")]], 1, "FAILED: Boom"),
        ([[event("DataProductAccessGranted")]], 2, ""),
        ([[event("DataProductAccessDenied", "datamesh.domain")]], 2, ""),
    ],
)
def test_with_wait_it_is_ready_or_refused(
    bus: FakeBus, batches: list[list[Mapping[str, Any]]], ends: int, said: str
) -> None:
    bus.batches = batches
    code, out, _ = run(*ASK, "--wait", "--timeout", "1")
    assert (code, said in out) == (ends, True)


def test_what_is_taken_back_is_answered_in_the_flow_of_its_request(bus: FakeBus) -> None:
    other = event("DataProductAccessDenied", request_id=str(uuid.UUID(int=8)))
    mine = event("DataProductAccessDenied", request_id=str(REQUEST), status="CANCELLED")
    bus.batches = [[other, event("CommandRejected", code="X", message="another's")], [mine]]
    code, out, _ = run("access", "cancel", str(REQUEST), "--reason", "no need", "-o", "json")
    assert (code, json.loads(out)["events"]) == (0, ["DataProductAccessDenied"])
    assert bus.log[0] == "listen to everything"
    assert bus.sent[0][0].to_json() == {"request_id": str(REQUEST), "domain": "marketing", "reason": "no need"}


def test_a_refusal_to_take_back_is_heard(bus: FakeBus) -> None:
    awaited = Awaited(frozenset({"DataProductAccessDenied"}), request_id=REQUEST)
    correlation_id = uuid.UUID(int=9)
    refused = event("CommandRejected", code="SenderNotOwner", message="not yours")
    refused["detail"]["metadata"] = {"correlation_id": str(correlation_id)}
    command = RevokeDataProductAccess(request_id=REQUEST, reason="no need")
    said = heard(FakeBus([refused]), command, seconds=1, correlation_id=correlation_id, awaited=awaited)
    assert said is not None
    assert (said.status, said.error) == ("REJECTED", "SenderNotOwner")


@pytest.mark.parametrize(
    ("words", "fact", "name"),
    [
        (("revoke", str(REQUEST), "--reason", "over", "--yes"), "DataProductAccessRevoked", "RevokeDataProductAccess"),
        (
            ("extend", str(REQUEST), "--days", "9", "--justification", "more", "--wait"),
            "DataProductAccessExtended",
            "ExtendDataProductAccess",
        ),
    ],
)
def test_access_ends_and_lasts(bus: FakeBus, words: tuple[str, ...], fact: str, name: str) -> None:
    bus.batches = [[event(fact)]]
    assert run("access", *words)[0] == 0
    assert bus.sent[0][0].detail_type() == name


@pytest.mark.parametrize(
    "words",
    [
        ("access", "list"),
        ("access", "show", str(REQUEST)),
        ("access", "wait", str(REQUEST)),
        ("access", "preview", "sales.fleet", "--principal", ANALYST),
        ("approval", "list"),
        ("grant", "list"),
        ("workflow", "list"),
        ("audit", "list"),
    ],
)
def test_what_needs_the_api_says_so(bus: FakeBus, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out, "only the API does this" in err) == (2, "", True)
    assert bus.sent == []
