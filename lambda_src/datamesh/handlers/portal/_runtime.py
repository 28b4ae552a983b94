"""What all functions of the API share: routes out of the table, who asks, idempotency, problems.

A request is admitted in this order: its sender is known, may use the route, has sent what the model says, and has not
sent it before. The order is that of `_middlewares`.
"""

import inspect
import json
import logging
import uuid
from collections.abc import Callable, Iterable
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, TypeVar
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.depends import Depends
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import (
    OpenAPIRequestValidationMiddleware,
    OpenAPIResponseValidationMiddleware,
)
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from aws_lambda_powertools.event_handler.request import Request
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter, ValidationError

from datamesh.aws.idempotency import Idempotency
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import Json, LambdaHandler, observed, utc_now
from datamesh.handlers.portal import _problems
from datamesh.logic.portal.authorization import Caller, signed_in
from datamesh.logic.portal.commands import Origin, cause_of, owned
from datamesh.models.api.base import DEFAULT_LIMIT, MAX_LIMIT, Cursor, IdempotencyKey, Problem
from datamesh.models.api.routes import FunctionName, Route
from datamesh.models.base import DomainName, ProductName
from datamesh.models.errors import DatameshError, InvalidRequest, NotFound
from datamesh.observability import count, logger
from datamesh.settings import UsesIdempotency, load

Answering = TypeVar("Answering", bound=Callable[..., Any])
Middleware = Callable[[APIGatewayHttpResolver, NextMiddleware], Response[Any]]

JSON = "application/json"
# What the HTTP API itself answers, before a function is asked or when none does: `{"message": "…"}`.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-jwt-authorizer.html
GATEWAYS = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
SECURITY = "signed_in"
# Each gateway's, of the few that a route asks: a function has answered, or gives up, before API Gateway does (30 s).
WAITING = 6.0
_KEY = TypeAdapter[str](IdempotencyKey)

# Powertools logs the arguments of routes and the keys of requests for whoever turns debugging on.
logging.getLogger("aws_lambda_powertools").setLevel(logging.INFO)

# Types of parameters that many routes have.
DomainInPath = Annotated[DomainName, Path(description="Name of a domain.")]
ProductInPath = Annotated[ProductName, Path(description="Name of a product of the domain.")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description=f"How many at most; {DEFAULT_LIMIT} unless said.")]
NextPage = Annotated[Cursor | None, Query(description="`next_cursor` of the page before.")]


def _caller(request: Request) -> Caller:
    return request.context["caller"]  # type: ignore[no-any-return]


def _origin(request: Request) -> Origin:
    return Origin(_caller(request), request.context["cause"], request.context["now"])


# What a route asks for that wants to know who asks, or makes something of it.
SignedIn = Annotated[Caller, Depends(_caller)]
Asked = Annotated[Origin, Depends(_origin)]


class Answer(NamedTuple):
    """A route with what answers it, and problems that it has beyond those that its shape tells."""

    route: Route
    function: Callable[..., Any]
    problems: frozenset[HTTPStatus]
    subject: str


class Routes:
    """The routes of a module: `@route(BY_OPERATION["get_me"])` before what answers it.

    Method, path, operation, status and roles come from the table of routes, what is asked and answered from the types,
    the description from the docstring. Where the roles are asked of a domain that stands in the path (or of the mesh)
    they are checked before; a route whose access is `later` does that itself with `caller.check`.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.answers: list[Answer] = []

    def __call__(self, route: Route, *, problems: Iterable[HTTPStatus] = ()) -> Callable[[Answering], Answering]:
        """Register what answers a route; `problems` are statuses besides those that its shape tells."""

        def registered(function: Answering) -> Answering:
            self.answers.append(Answer(route, function, frozenset(problems), self.subject))
            return function

        return registered


def make_app(modules: Iterable[Routes], function: FunctionName | None = None) -> APIGatewayHttpResolver:
    """Make the resolver of a function, with its routes and no others; without a function that of all."""
    app = APIGatewayHttpResolver(debug=False)
    for answer in (each for module in modules for each in module.answers):
        route = answer.route
        if function is not None and route.function != function:
            continue
        summary, description = _described(answer.function)
        app.route(
            rule=route.path.replace("{", "<").replace("}", ">"),
            method=route.method,
            summary=summary,
            description=description,
            responses=_responses(answer),
            tags=[answer.subject],
            operation_id=route.operation,
            security=[{SECURITY: []}],
            status_code=route.success,
            middlewares=_middlewares(route),
        )(answer.function)
    _handle_problems(app)
    return app


def make_handler(modules: Iterable[Routes], function: FunctionName) -> LambdaHandler:
    """Make the handler of a function of the API."""
    app = make_app(modules, function)

    def handler(event: Json, context: LambdaContext) -> Json:
        return app.resolve(event, context)

    return observed(handler)


def retrier() -> Retrier:
    """Return what waits out transient errors, as long as somebody waits for the answer."""
    return Retrier(total=WAITING)


def changes_something(route: Route) -> bool:
    """Tell whether a route changes something; the others may be asked as often as anybody likes."""
    return route.function != "answer_query"


def _middlewares(route: Route) -> list[Middleware]:
    middlewares: list[Middleware] = [
        _admission(route),
        _readable,
        OpenAPIRequestValidationMiddleware(),  # type: ignore[no-untyped-call]
    ]
    if changes_something(route):
        middlewares.append(_once)
    # What does not follow the model of the answer is the mesh's fault.
    middlewares.append(OpenAPIResponseValidationMiddleware(has_response_validation_error=True))
    return middlewares


def _admission(route: Route) -> Middleware:
    def admit(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
        logger.append_keys(operation=route.operation)
        _correlate(app, uuid.uuid4())
        caller = signed_in(_claims(app))
        _correlate(app, owned(uuid.uuid4(), caller))
        # HTTP APIs hand on paths as they came, and what is checked must be what is looked for.
        arguments = {name: unquote(value) for name, value in app.context["_route_args"].items()}
        app.context.update(_route_args=arguments, caller=caller, now=utc_now(), key=None)
        if not route.access.later:
            caller.check(route, arguments.get("domain"))
        if changes_something(route) and (key := _key(app)) is not None:
            _correlate(app, cause_of(caller, route.operation, key))
            app.context.update(key=(caller.email, route.operation, key))
        response = next_middleware(app)
        response.headers.update(_problems.HEADERS)
        count("ApiAnswered")
        logger.info("Answered", status=int(response.status_code))
        return response

    return admit


def _readable(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Let pass what has no body, or a JSON object. Raises InvalidRequest."""
    event = app.current_event
    try:
        text = event.decoded_body or ""
        body = json.loads(text) if text else {}
        text.encode()
        json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidRequest("body: This is no JSON in UTF-8", "body") from error
    if not isinstance(body, dict):
        raise InvalidRequest("body: This is no JSON object", "body")
    if text and not event.headers.get("content-type", JSON).strip().lower().startswith(JSON):
        raise InvalidRequest(f"body: This is said to be something else than {JSON}", "Content-Type")
    return next_middleware(app)


def _once(app: APIGatewayHttpResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """Answer a request that came before as it was answered then."""
    scope = app.context["key"]
    if scope is None:
        return next_middleware(app)
    event = app.current_event
    request = {"path": event.path, "query": event.raw_event.get("rawQueryString", ""), "body": event.json_body}

    def act() -> dict[str, Any]:
        response = next_middleware(app)
        return {"status": int(response.status_code), "body": response.body}

    answer = _idempotency(load(UsesIdempotency).idempotency_table).once(scope, request, app.lambda_context, act)
    return Response(status_code=int(answer["status"]), content_type=JSON, body=answer["body"])


@cache
def _idempotency(table: str) -> Idempotency:
    return Idempotency(table)


def _claims(app: APIGatewayHttpResolver) -> dict[str, Any]:
    """Return the claims of the token, which API Gateway has checked."""
    place: Any = app.current_event.raw_event
    for name in ("requestContext", "authorizer", "jwt", "claims"):
        place = place.get(name) if isinstance(place, dict) else None
    return place if isinstance(place, dict) else {}


def _key(app: APIGatewayHttpResolver) -> str | None:
    text = app.current_event.headers.get("idempotency-key")
    if text is None:
        return None
    try:
        return _KEY.validate_python(text)
    except ValidationError as error:
        raise InvalidRequest(
            "Idempotency-Key: 8 to 64 letters, digits, hyphens and underscores", "Idempotency-Key"
        ) from error


def _correlate(app: APIGatewayHttpResolver, cause: uuid.UUID) -> None:
    app.context.update(cause=cause)
    logger.set_correlation_id(str(cause))


def _handle_problems(app: APIGatewayHttpResolver) -> None:
    def refused(error: DatameshError) -> Response[str]:
        return _problems.refused(error, app.context.get("cause"))

    def invalid(error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
        return _problems.invalid(error, app.context.get("cause"))

    def nothing_there(_error: NotFoundError) -> Response[str]:
        return _problems.refused(NotFound("There is nothing here"), None)

    def failed(error: Exception) -> Response[str]:
        return _problems.failed(error, app.context.get("cause"))

    app.exception_handler(DatameshError)(refused)
    app.exception_handler([RequestValidationError, RequestUnsupportedContentType])(invalid)
    app.exception_handler(NotFoundError)(nothing_there)
    app.exception_handler(Exception)(failed)


def _described(function: Callable[..., Any]) -> tuple[str, str | None]:
    """Return the first sentence of a docstring, and all of it when there is more."""
    text = " ".join(line or "\n\n" for line in (inspect.getdoc(function) or "").splitlines())
    text = "\n\n".join(part.strip() for part in text.split("\n\n"))
    sentence, _, more = text.replace("\n\n", " ").partition(". ")
    return sentence.removesuffix("."), text if more else None


def _responses(answer: Answer) -> dict[int, Any]:
    """Return what OpenAPI says of the answers of a route."""
    documented: dict[int, Any] = {answer.route.success: {"description": HTTPStatus(answer.route.success).phrase}}
    for status in sorted(_statuses(answer)):
        content: dict[str, Any] = {_problems.PROBLEM_JSON: {"model": Problem}}
        if status in GATEWAYS:
            message = {"type": "object", "properties": {"message": {"type": ["string", "null"]}}}
            content[JSON] = {"schema": message}
        documented[status] = {"description": _problems.title_of(status), "content": content}
    return documented


def _statuses(answer: Answer) -> set[HTTPStatus]:
    """Return the problems that a route can have."""
    places = _places(answer)
    found = {*GATEWAYS, *answer.problems}
    if not answer.route.access.signed_in:
        found.add(HTTPStatus.FORBIDDEN)
    if places or changes_something(answer.route):
        found.add(HTTPStatus.BAD_REQUEST)
    if "path" in places:
        found.add(HTTPStatus.NOT_FOUND)
    if "body" in places or changes_something(answer.route):
        found.add(HTTPStatus.UNPROCESSABLE_ENTITY)
    if changes_something(answer.route):
        found.add(HTTPStatus.CONFLICT)
    return found


def _places(answer: Answer) -> set[str]:
    """Return where the arguments of a route come from: path, query, body."""
    places = set()
    for name, parameter in inspect.signature(answer.function, eval_str=True).parameters.items():
        metadata = getattr(parameter.annotation, "__metadata__", ())
        if any(isinstance(each, Depends) for each in metadata):
            continue
        if f"{{{name}}}" in answer.route.path:
            places.add("path")
        elif any(isinstance(each, Query) for each in metadata):
            places.add("query")
        else:
            places.add("body")
    return places
