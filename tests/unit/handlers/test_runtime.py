"""What all handlers share: steps are dispatched, errors keep their names, lines carry the correlation id."""

import io
import json
from collections.abc import Callable
from datetime import UTC
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from datamesh.handlers._runtime import StepRequest, bound, observed, read_request, step_handler, utc_now
from datamesh.models.errors import InvalidEvent, RecordBusy, UnknownStep
from datamesh.observability import correlation_id_of, logger
from tests.support.events import load_event

CONTEXT = cast(
    "LambdaContext",
    SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:111111111111:function:f",
        aws_request_id="r",
    ),
)
Written = Callable[[], list[dict[str, Any]]]
EVENT = load_event("RegisterDataDomain")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Written:
    """Return what returns the lines that were logged, and the metrics, which are printed."""
    stream = io.StringIO()
    # The logger has the stream that was there when the package was imported.
    monkeypatch.setattr(logger.registered_handler, "stream", stream)
    return lambda: lines(stream.getvalue() + capsys.readouterr().out)


def payload(step: str = "one", **more: Any) -> dict[str, Any]:
    execution = {"id": "arn", "name": "name", "started_at": "2026-03-02T12:00:00.000Z"}
    return {"step": step, "event": EVENT, "execution": execution} | more


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def handler(step: Callable[[StepRequest], dict[str, Any]]) -> Any:
    return step_handler(lambda: {"one": step})


def test_a_step_gets_its_request_and_its_result_is_returned(written: Written) -> None:
    def step(request: StepRequest) -> dict[str, Any]:
        assert request.envelope.detail_type == "RegisterDataDomain"
        assert request.execution.id == "arn"
        return {"outcome": "rejected", "code": "SenderNotOwner", "given": request.payload["tables"]}

    assert handler(step)(payload(tables=[1]), CONTEXT)["given"] == [1]
    logged = written()
    [done] = [line for line in logged if line.get("message") == "Step done"]
    assert done["correlation_id"] == EVENT["detail"]["metadata"]["correlation_id"]
    assert (done["step"], done["execution"]) == ("one", "name")
    assert any("RejectedSenderNotOwner" in line for line in logged), "rejections are counted by their reason"


def test_nothing_of_one_invocation_stays_for_the_next(written: Written) -> None:
    run = handler(lambda _request: {})
    run(payload(), CONTEXT)
    run(payload(event={}), CONTEXT)
    first, second = [line for line in written() if line.get("message") == "Step done"]
    assert first["correlation_id"]
    assert second.get("correlation_id") is None


@pytest.mark.parametrize(
    ("error", "message", "metric"),
    [
        (RecordBusy("busy"), "Step must be tried again", "StepRetried"),
        (ValueError("broken"), "Step failed", "StepFailed"),
    ],
)
def test_an_error_keeps_its_class_and_is_counted(error: Exception, message: str, metric: str, written: Written) -> None:
    def step(_request: StepRequest) -> dict[str, Any]:
        raise error

    with pytest.raises(type(error)):
        handler(step)(payload(), CONTEXT)
    logged = written()
    assert any(line.get("message") == message for line in logged)
    assert any(metric in line for line in logged)


def test_an_unknown_step_is_named_with_those_that_are_known() -> None:
    with pytest.raises(UnknownStep, match="No step 'two', only one"):
        handler(lambda _request: {})(payload("two"), CONTEXT)


@pytest.mark.parametrize("broken", [{}, {"step": "one"}, payload("")])
def test_what_is_no_request_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(InvalidEvent):
        handler(lambda _request: {})(broken, CONTEXT)


def test_a_request_without_an_envelope_is_refused_when_it_is_needed() -> None:
    with pytest.raises(InvalidEvent):
        _ = read_request(payload(event={})).envelope


def test_steps_of_a_flow_are_bound_to_it_and_to_the_time() -> None:
    class Flow:
        def one(self, request: StepRequest, now: Any) -> dict[str, Any]:
            return {"flow": self, "step": request.step, "zone": now.tzinfo}

    flow = Flow()
    result = bound(flow, {"one": Flow.one})["one"](read_request(payload()))
    assert result == {"flow": flow, "step": "one", "zone": UTC}
    assert utc_now().tzinfo is UTC


@pytest.mark.parametrize(
    "event",
    [{}, {"detail": None}, {"detail": {"metadata": []}}, {"detail": {"metadata": {"correlation_id": 1}}}],
)
def test_an_event_may_have_no_correlation_id(event: dict[str, Any]) -> None:
    assert correlation_id_of(event) is None


def test_a_function_started_by_eventbridge_itself_is_observed_too() -> None:
    @observed
    def direct(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
        return {"seen": event["detail-type"]}

    assert direct(EVENT, CONTEXT) == {"seen": "RegisterDataDomain"}
