"""How the API says that something does not go: problem details (RFC 9457), with codes that stay.

What a person sent is never repeated, and of what is the mesh's own fault only that it happened is said.
"""

import json
import traceback
import uuid
from collections.abc import Mapping
from http import HTTPStatus

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from datamesh.aws.retry import ACCESS_DENIED
from datamesh.models.api.base import Problem
from datamesh.models.errors import (
    AlreadyVoted,
    BallotIncomplete,
    BreakingChange,
    CommandRejection,
    DatameshError,
    IdempotencyConflict,
    InvalidRequest,
    LinkExpired,
    LinkUnknown,
    LinkUsed,
    NotAllowed,
    NotFound,
    NotSignedIn,
    RequestChanged,
    StageClosed,
    StageNotFound,
    StageOverdue,
    StateConflict,
    Transient,
    VoteNotTaken,
)
from datamesh.observability import count, logger

PROBLEM_JSON = "application/problem+json"
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
RETRY_AFTER = "5"
INTERNAL = "InternalError"
# The nearest base class decides.
STATUSES: Mapping[type[DatameshError], HTTPStatus] = {
    InvalidRequest: HTTPStatus.BAD_REQUEST,
    BallotIncomplete: HTTPStatus.BAD_REQUEST,
    NotSignedIn: HTTPStatus.UNAUTHORIZED,
    NotAllowed: HTTPStatus.FORBIDDEN,
    VoteNotTaken: HTTPStatus.FORBIDDEN,
    NotFound: HTTPStatus.NOT_FOUND,
    LinkUnknown: HTTPStatus.NOT_FOUND,
    StageNotFound: HTTPStatus.NOT_FOUND,
    BreakingChange: HTTPStatus.CONFLICT,
    StateConflict: HTTPStatus.CONFLICT,
    AlreadyVoted: HTTPStatus.CONFLICT,
    LinkUsed: HTTPStatus.CONFLICT,
    RequestChanged: HTTPStatus.CONFLICT,
    StageClosed: HTTPStatus.CONFLICT,
    LinkExpired: HTTPStatus.GONE,
    StageOverdue: HTTPStatus.GONE,
    CommandRejection: HTTPStatus.UNPROCESSABLE_ENTITY,
    IdempotencyConflict: HTTPStatus.UNPROCESSABLE_ENTITY,
    Transient: HTTPStatus.SERVICE_UNAVAILABLE,
}
_TITLES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "The request cannot be read",
    HTTPStatus.UNAUTHORIZED: "Not signed in",
    HTTPStatus.FORBIDDEN: "Not allowed",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "This does not fit how things stand",
    HTTPStatus.GONE: "Too late",
    HTTPStatus.UNPROCESSABLE_ENTITY: "Something in the request is not right",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong",
    HTTPStatus.SERVICE_UNAVAILABLE: "Please try again",
}


def refused(error: DatameshError, correlation_id: uuid.UUID | None) -> Response[str]:
    """Return the problem that an error of the mesh is."""
    status = _status_of(error)
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return failed(error, correlation_id)
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        count("ApiBusy")
        logger.warning("Answered later", error=error.code, reason=error.message)
        detail = "This did not work just now. Please send it again"
        answer = problem(status, error.code, detail, correlation_id=correlation_id)
        answer.headers["Retry-After"] = RETRY_AFTER
        return answer
    count("ApiRefused")
    logger.info("Refused", error=error.code, status=status.value)
    field = getattr(error, "field", None)
    return problem(status, error.code, error.message, field=field, correlation_id=correlation_id)


def invalid(
    error: RequestValidationError | RequestUnsupportedContentType, correlation_id: uuid.UUID | None
) -> Response[str]:
    """Return the problem of a request that does not follow its model: the first field, without its value.

    422 for what stands in the body, 400 for path, query and headers.
    """
    count("ApiRefused")
    problems = error.errors()
    first = problems[0]
    field = _path(first["loc"])
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    message = str(first["msg"]).removeprefix("Value error, ")
    logger.info("Refused", error=InvalidRequest.__name__, reason=first["type"])
    return problem(
        HTTPStatus.UNPROCESSABLE_ENTITY if first["loc"][0] == "body" else HTTPStatus.BAD_REQUEST,
        InvalidRequest.__name__,
        f"{field}: {message}{more}",
        field=field,
        correlation_id=correlation_id,
    )


def failed(error: Exception, correlation_id: uuid.UUID | None) -> Response[str]:
    """Return the problem that is the mesh's own. Logged is where it happened; a message might hold what was sent."""
    count("ApiFailed")
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    logger.error("Failed", error=type(error).__name__, reason=_reason(error), frames=frames[-20:])
    detail = "This is not your fault. Whoever runs the mesh finds it in the logs by its correlation id"
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, INTERNAL, detail, correlation_id=correlation_id)


def problem(
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    field: str | None = None,
    correlation_id: uuid.UUID | None = None,
) -> Response[str]:
    """Return problem details: https://www.rfc-editor.org/rfc/rfc9457."""
    said = Problem(
        type=f"urn:datamesh:{code}",
        title=_TITLES[status],
        status=status,
        detail=detail,
        code=code,
        field=field,
        correlation_id=correlation_id,
    )
    return Response(
        status_code=status, content_type=PROBLEM_JSON, headers=dict(HEADERS), body=json.dumps(said.to_json())
    )


def title_of(status: HTTPStatus) -> str:
    """Return in words what a status means here."""
    return _TITLES[status]


def _status_of(error: DatameshError) -> HTTPStatus:
    found = (STATUSES[base] for base in type(error).__mro__ if base in STATUSES)
    return next(found, HTTPStatus.INTERNAL_SERVER_ERROR)


def _path(place: tuple[str | int, ...]) -> str:
    """Return the path inside the body, or the name of the parameter: where it lies the first part says."""
    inner = place[1:] if len(place) > 1 and place[0] in {"body", "query", "path", "header"} else place
    return ".".join(str(part) for part in inner)


def _reason(error: Exception) -> str | None:
    """Return what is known to hold nothing that was sent: the mesh's own words, or AWS's name of the error."""
    if isinstance(error, DatameshError):
        return error.message
    answer = getattr(error, "response", None)
    details = answer.get("Error", {}) if isinstance(answer, dict) else {}
    code = details.get("Code")
    return details.get("Message") if code in ACCESS_DENIED else code
