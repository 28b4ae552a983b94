"""What all handlers share: the decorators, the step request, the dispatch of steps."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TypeVar

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from datamesh.models.errors import InvalidEvent, Transient, UnknownStep
from datamesh.models.events import describe
from datamesh.models.steps import Execution, Json, StepRequest
from datamesh.observability import correlation_id_of, count, logger, metrics, tracer

__all__ = [
    "Execution",
    "FlowStep",
    "Json",
    "LambdaHandler",
    "Step",
    "StepRequest",
    "bound",
    "observed",
    "read_request",
    "step_handler",
    "utc_now",
]


Step = Callable[[StepRequest], Json]
FlowT = TypeVar("FlowT")
FlowStep = Callable[[FlowT, StepRequest, datetime], Json]
LambdaHandler = Callable[[Json, LambdaContext], Json]


def utc_now() -> datetime:
    """Return the time; the only clock that logic is given."""
    return datetime.now(UTC)


def bound(flow: FlowT, steps: Mapping[str, FlowStep[FlowT]]) -> dict[str, Step]:
    """Give the steps of a flow, which are methods of its class, the flow and the time at which they run."""

    def bind(step: FlowStep[FlowT]) -> Step:
        return lambda request: step(flow, request, utc_now())

    return {name: bind(step) for name, step in steps.items()}


def read_request(payload: Mapping[str, object]) -> StepRequest:
    """Read the payload of a state machine. Raises InvalidEvent when it is not one."""
    try:
        return StepRequest.model_validate({**payload, "payload": dict(payload)})
    except ValidationError as error:
        raise InvalidEvent(f"Not a step request: {describe(error)}") from error


def observed(handler: Callable[[Json, LambdaContext], Json]) -> LambdaHandler:
    """Wrap a handler with logger, metrics and tracer; the flow's correlation id is on every log line."""

    def with_correlation(payload: Json, context: LambdaContext) -> Json:
        event = payload.get("event")
        correlation_id = correlation_id_of(event if isinstance(event, Mapping) else payload)
        if correlation_id:
            logger.set_correlation_id(correlation_id)
        return handler(payload, context)

    traced = tracer.capture_lambda_handler(with_correlation, capture_response=False)
    measured = metrics.log_metrics(traced)
    # Whatever the environment says: events hold what people sent, and the API's the tokens by which they did.
    return logger.inject_lambda_context(measured, clear_state=True, log_event=False)


def step_handler(steps: Callable[[], Mapping[str, Step]]) -> LambdaHandler:
    """Make the handler of a flow's one function.

    `steps` builds the flow from the environment and is called per invocation, so that importing a handler needs
    nothing. Rejections are counted by their code; errors keep their class, which is the name that the
    state machine matches.
    """

    def handle(payload: Json, _context: LambdaContext) -> Json:
        request = read_request(payload)
        logger.append_keys(step=request.step, execution=request.execution.name)
        table = steps()
        if request.step not in table:
            raise UnknownStep(f"No step {request.step!r}, only {', '.join(sorted(table))}")
        try:
            result = table[request.step](request)
        except Transient as error:
            logger.warning("Step must be tried again", error=error.code, reason=error.message)
            count("StepRetried")
            raise
        except Exception as error:
            logger.exception("Step failed", error=type(error).__name__)
            count("StepFailed")
            raise
        outcome = result.get("outcome")
        count("StepDone")
        if outcome == "rejected":
            count(f"Rejected{result.get('code', '')}")
        logger.info("Step done", outcome=outcome)
        return result

    return observed(handle)
