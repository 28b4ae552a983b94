"""Bus mode: a command on the domain's own bus, and only central's own word about it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from datamesh.cli import domain as domain_commands
from datamesh.cli import product as product_commands
from datamesh.cli.app import app
from datamesh.cli.bus import heard
from datamesh.cli.config import Profile, config_path, write_profile
from datamesh.models.commands import DeregisterDataProduct
from datamesh.models.events import Command
from tests.support.contracts import EXAMPLES

COMMAND = DeregisterDataProduct(domain="sales", name="departures")


def event(name: str, source: str = "datamesh.central", **data: Any) -> dict[str, Any]:
    return {"detail-type": name, "source": source, "detail": {"data": data}}


class FakeBus:
    """A bus on which central answers with these events, one batch at a time."""

    def __init__(self, *batches: list[Mapping[str, Any]]) -> None:
        self.batches = list(batches)
        self.log: list[str] = []
        self.sent: list[tuple[Command, uuid.UUID]] = []

    def put(self, data: Command, correlation_id: uuid.UUID) -> None:
        self.log.append("put")
        self.sent.append((data, correlation_id))

    @contextmanager
    def listening(self, correlation_id: uuid.UUID, *, everything: bool = False) -> Iterator[FakeBus]:
        self.log.append("listen to everything" if everything else "listen")
        yield self
        self.log.append("stop")

    def next(self) -> Iterable[Mapping[str, Any]]:
        return self.batches.pop(0) if self.batches else []


@pytest.mark.parametrize(
    ("events", "status", "error"),
    [
        ([event("DataProductDeregistered")], "SUCCEEDED", None),
        ([event("CommandRejected", code="NotFound", message="no such product", field="name")], "REJECTED", "NotFound"),
        ([event("WorkflowFailed", error="States.Timeout", cause="…")], "FAILED", "States.Timeout"),
        # Neither the command itself, nor what somebody else says of it, is an answer.
        (
            [
                event("DeregisterDataProduct", source="datamesh.domain"),
                event("DataProductDeregistered", source="datamesh.domain"),
                event("DataProductTagsChanged"),
                event("CommandRejected", code="RecordBusy", message="try again"),
            ],
            "REJECTED",
            "RecordBusy",
        ),
    ],
)
def test_central_has_the_word(events: list[Mapping[str, Any]], status: str, error: str | None) -> None:
    said = heard(FakeBus([], events), COMMAND, seconds=10)
    assert said is not None
    assert (said.status, said.error) == (status, error)


def test_nobody_waits_for_ever() -> None:
    times = iter(range(100))
    assert heard(FakeBus(), COMMAND, seconds=5, clock=lambda: float(next(times))) is None


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> FakeBus:
    write_profile(config_path(), "pipeline", Profile(mode="bus", domain="sales"))
    bus = FakeBus()
    for module in (product_commands, domain_commands):
        monkeypatch.setattr(module, "bus_of", lambda profile: bus)
    return bus


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [*arguments, "--profile", "pipeline"], env={"COLUMNS": "200"})
    return done.exit_code, done.stdout, done.stderr


def test_a_pipeline_registers_a_product_and_hears_of_it(bus: FakeBus) -> None:
    bus.batches.append([event("DataProductRegistered")])
    code, out, _ = run("product", "register", "-f", str(EXAMPLES / "flights.odcs.yaml"), "--output", "json")
    assert code == 0
    ((command, correlation_id),) = bus.sent
    assert command.to_json()["product"]["name"] == "departures"
    # Whoever listens only afterwards may have missed the answer.
    assert bus.log == ["listen", "put", "stop"]
    assert json.loads(out) == {
        "command": "RegisterDataProduct",
        "correlation_id": str(correlation_id),
        "status": "SUCCEEDED",
        "error": None,
        "message": None,
        "field": None,
        "events": ["DataProductRegistered"],
    }


def test_what_central_refuses_ends_with_one(bus: FakeBus) -> None:
    bus.batches.append([event("CommandRejected", code="SenderNotOwner", message="not yours", field="domain")])
    code, out, _ = run("product", "deregister", "sales.departures", "--yes")
    assert code == 1
    assert "DeregisterDataProduct: REJECTED: SenderNotOwner: not yours [domain]" in out


def test_without_waiting_nothing_is_listened_to(bus: FakeBus) -> None:
    code, out, _ = run("domain", "leave", "sales", "--yes", "--no-wait")
    assert (code, bus.log) == (0, ["put"])
    assert "PENDING" in out


def test_no_answer_ends_with_two(bus: FakeBus) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:222222222222:secret:config-abc"
    code, _, err = run("domain", "register", "sales", "--config-secret-arn", arn, "--tag", "zone=eu", "--timeout", "1")
    assert code == 2
    assert f"its correlation id is {bus.sent[0][1]}" in err
    assert bus.sent[0][0].to_json()["tags"] == {"zone": "eu"}
    assert bus.log[-1] == "stop"
