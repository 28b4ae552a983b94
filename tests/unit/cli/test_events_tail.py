"""`events tail`: every event once, in its order, late ones too, and a clean end."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml

from datamesh.cli import events as commands
from datamesh.cli.client import ApiRefused
from datamesh.cli.config import Profile, config_path, write_profile
from tests.support.cli import ID, UNREACHABLE, FakeApi, problem, run, speaks
from tests.unit.cli.test_bus import FakeBus, event

OWN = "/v1/domains/marketing/events"
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)


def happened(number: int, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "event_id": str(uuid.UUID(int=number)),
        "detail_type": f"Event{number}",
        "source": "datamesh.central",
        "account": "1" * 12,
        "occurred_at": (NOW + timedelta(seconds=seconds)).isoformat(),
        "data": {"domain": "marketing"},
        **more,
    }


def page(*events: dict[str, Any]) -> dict[str, Any]:
    """A page as the API gives it, the newest first."""
    return {"items": sorted(events, key=lambda each: str(each["occurred_at"]), reverse=True)}


class Clock(datetime):
    """Noon."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOW


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    monkeypatch.setattr(commands, "datetime", Clock)
    return speaks(monkeypatch, [commands])


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Press Ctrl-C after so many looks."""

    def end_after(number: int) -> None:
        left = iter(range(number - 1))

        def pause(seconds: float) -> None:
            if next(left, None) is None:
                raise KeyboardInterrupt

        monkeypatch.setattr("datamesh.cli.events.time.sleep", pause)

    return end_after


def test_what_comes_is_printed_once_and_in_order(api: FakeApi, looks: Callable[[int], None]) -> None:
    before, first, second = happened(1, -5), happened(2, 1), happened(3, 9)
    late = happened(4, 4)
    api.says("GET", OWN, page(before), page(before, first), page(before, first, second), page(first, late, second))
    looks(5)
    code, out, _ = run("events", "tail", "--output", "json")
    assert code == 0
    assert [json.loads(line)["detail_type"] for line in out.splitlines()] == ["Event2", "Event3", "Event4"]


def test_an_event_is_a_line(api: FakeApi) -> None:
    told = {"domain": "marketing", "product": {"domain": "sales", "name": "fleet"}, "status": "x\x1b[31m\nred"}
    api.says("GET", OWN, page(happened(1, -5, target_account="3" * 12, data=told)))
    code, out, _ = run("events", "tail", "--since", "10m", "--no-follow")
    assert code == 0
    # What others wrote does not move the cursor, nor begin a line.
    told_of = "domain=marketing product=sales.fleet status=x?[31m?red"
    assert out.splitlines() == [f"2026-02-01 11:59:55  Event1  111111111111 → 333333333333  {told_of}"]
    out = run("events", "tail", "--since", "10m", "--no-follow", "--output", "yaml")[1]
    assert next(yaml.safe_load_all(out))["data"] == told


def test_no_event_moves_the_cursor_of_who_reads_it_as_json(api: FakeApi) -> None:
    told = {"status": "x\x1b[31m\x9b31m\x7fred ü"}
    api.says("GET", OWN, page(happened(1, -5, data=told)))
    out = run("events", "tail", "--since", "10m", "--no-follow", "--output", "json")[1]
    assert "x\\u001b[31m\\u009b31m\\u007fred ü" in out
    assert json.loads(out)["data"] == told


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        ("4s", ["Event2"]),
        ("1m", ["Event1", "Event2"]),
        ("2026-02-01T11:59:54", ["Event1", "Event2"]),
        ("2026-02-01T12:59:56+01:00", ["Event2"]),
    ],
)
def test_since_when(api: FakeApi, since: str, shown: list[str]) -> None:
    api.says("GET", OWN, page(happened(1, -5), happened(2, -3)))
    _, out, _ = run("events", "tail", "--since", since, "--no-follow", "-o", "json")
    assert [json.loads(line)["detail_type"] for line in out.splitlines()] == shown


def test_no_time_is_no_time(api: FakeApi) -> None:
    code, _, err = run("events", "tail", "--since", "yesterday")
    assert (code, "--since: yesterday is neither" in err, api.asked) == (2, True, [])


def test_who_oversees_the_mesh_follows_all_of_it(api: FakeApi) -> None:
    api.says("GET", "/v1/events", page(happened(1, -5)))
    assert "Event1" in run("events", "tail", "--all", "--since", "1m", "--no-follow")[1]
    api.says("GET", "/v1/me", {"email": "a@mesh.example", "mesh_roles": ["operator"]})
    assert "Event1" in run("events", "tail", "--since", "1m", "--no-follow")[1]


def test_a_flow_is_followed_from_before_it_is_known(api: FakeApi, looks: Callable[[int], None]) -> None:
    flow = {"correlation_id": str(ID), "status": "PENDING", "events": [happened(1, -500)]}
    api.says("GET", f"/v1/operations/{ID}", problem(404, "NotFound", "Nothing is known"), (200, flow))
    looks(3)
    code, out, err = run("events", "tail", "--correlation-id", str(ID))
    assert (code, out.count("Event1"), "Nothing is known" in err) == (0, 1, True)


def test_an_outage_is_lived_through(api: FakeApi, looks: Callable[[int], None]) -> None:
    down, busy = [UNREACHABLE] * 4, [problem(503, "Unavailable")] * 4
    api.says("GET", OWN, page(happened(1, 1)), *down, *busy, page(happened(2, 2)))
    looks(4)
    code, out, err = run("events", "tail")
    assert (code, "Event2" in out, err.count("trying again")) == (0, True, 1)


def test_a_refusal_ends_it(api: FakeApi) -> None:
    api.says("GET", OWN, problem(403, "NotAllowed"))
    with pytest.raises(ApiRefused):
        run("events", "tail")
    api.says("GET", OWN, page(happened(1, 1)), problem(401, "NotSignedIn"))
    with pytest.raises(ApiRefused):
        run("events", "tail", "--interval", "0.5")


class Tapped(FakeBus):
    """A bus at which somebody presses Ctrl-C when it is quiet."""

    def next(self) -> Any:
        if not self.batches:
            raise KeyboardInterrupt
        return self.batches.pop(0)


def test_the_own_bus_is_listened_to_and_left_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile(config_path(), "default", Profile(mode="bus", domain="sales"))
    metadata = {"event_id": str(ID), "occurred_at": "2026-02-01T12:00:00Z", "target_account": "2" * 12}
    told = event("DataProductRegistered", domain="sales", product="fleet")
    told["detail"]["metadata"] = metadata
    bus = Tapped([event("ListenerReady", "datamesh.domain")], [{**told, "account": "1" * 12}])
    # The rule and the queue are removed with Ctrl-C as well.
    monkeypatch.setattr(commands, "bus_of", lambda profile: bus)
    code, out, _ = run("events", "tail", "-o", "json")
    (line,) = out.splitlines()
    assert (code, json.loads(line)["data"]["product"]) == (0, "fleet")
    assert set(json.loads(line)) == {*happened(1, 0), "causation_id", "target_account"}
    code, _, err = run("events", "tail", "--since", "1h")
    assert (code, "need the API" in err) == (2, True)
