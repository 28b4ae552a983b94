"""The API, as commands use it: routes out of the one table, answers as their models, problems as errors that say why.

What changes something carries an idempotency key, so it may be sent again when the answer was lost.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar
from urllib.parse import quote, urlencode

import urllib3
from pydantic import BaseModel, ValidationError

from datamesh.models.api.base import Accepted, Page, Problem
from datamesh.models.api.operations import Operation
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.errors import DatameshError

ModelT = TypeVar("ModelT", bound=BaseModel)
T = TypeVar("T")
PageT = TypeVar("PageT", bound=Page)
Query = Mapping[str, str | int | list[str] | None]
ATTEMPTS = 4
# Asked again: the API is busy, or something on the way is. What it answers else is its answer.
PASSING = frozenset({429, 502, 503, 504})
MAX_PAUSE = 20.0
TIMEOUT = urllib3.Timeout(connect=5, read=40)


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport(Protocol):
    """Somebody who carries requests."""

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """Send one request. Raises ApiUnreachable."""


class ApiUnreachable(DatameshError):  # noqa: N818 - named like the other errors
    """There is no answer."""


class ApiRefused(DatameshError):  # noqa: N818
    """The API said no, and why."""

    def __init__(self, problem: Problem) -> None:
        place = f" [{problem.field}]" if problem.field else ""
        super().__init__(f"{problem.detail}{place}")
        self.problem = problem

    @property
    def code(self) -> str:
        """The API's own name of the reason."""
        return self.problem.code


class OperationFailed(DatameshError):  # noqa: N818
    """A command was taken, and came to nothing."""

    def __init__(self, operation: Operation) -> None:
        place = f" [{operation.field}]" if operation.field else ""
        super().__init__(f"{operation.message or operation.status.lower()}{place}")
        self.operation = operation

    @property
    def code(self) -> str:
        """Why: the code of the rejection, or the error of the workflow."""
        return self.operation.error or self.operation.status


class StillPending(DatameshError):  # noqa: N818
    """Nothing is known of the outcome yet."""


class ApiClient:
    """The API of a mesh, asked as one person."""

    def __init__(
        self,
        url: str,
        token: Callable[[], str],
        transport: Transport | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._transport = transport or pooled()
        self._pause = pause
        self._clock = clock

    def ask(
        self,
        operation: str,
        answer: type[ModelT],
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        **path: str,
    ) -> ModelT:
        """Ask something; nothing is changed. Raises ApiRefused, ApiUnreachable, SignInFailed."""
        return self._call(operation, answer, path, query=query, body=body)

    def pages(
        self, operation: str, answer: type[PageT], *, most: int | None = None, query: Query | None = None, **path: str
    ) -> Iterator[Any]:
        """Yield the items of all pages of a list, at most so many. Raises as `ask`."""
        cursor: str | None = None
        given = 0
        while True:
            page = self._call(operation, answer, path, query={**(query or {}), "cursor": cursor})
            for item in getattr(page, "items"):  # noqa: B009 - every page has them, each of its own type
                if most is not None and given >= most:
                    return
                given += 1
                yield item
            cursor = page.next_cursor
            if cursor is None or (most is not None and given >= most):
                return

    def change(self, operation: str, body: BaseModel | None = None, *, key: str | None = None, **path: str) -> Accepted:
        """Ask to change something. Sent again with the same key nothing happens twice. Raises as `ask`."""
        return self.settle(operation, Accepted, body, key=key, **path)

    def settle(
        self,
        operation: str,
        answer: type[ModelT],
        body: BaseModel | None = None,
        *,
        key: str | None = None,
        **path: str,
    ) -> ModelT:
        """Change something that is done with the answer, which is sent again as `change` is. Raises as `ask`."""
        return self._call(operation, answer, path, body=body, key=key or uuid.uuid4().hex)

    def outcome(self, accepted: Accepted, *, seconds: float) -> Operation:
        """Wait for what becomes of a change. Raises OperationFailed, StillPending, and as `ask`."""

        def look() -> Operation | None:
            found = self.ask("get_operation", Operation, correlation_id=str(accepted.correlation_id))
            return None if found.status == "PENDING" else found

        found = self.until(look, seconds=seconds)
        if found is None:
            raise StillPending(
                f"{accepted.command} is not done after {seconds:.0f} s; its operation is {accepted.correlation_id}"
            )
        if found.status != "SUCCEEDED":
            raise OperationFailed(found)
        return found

    def until(self, look: Callable[[], T | None], *, seconds: float) -> T | None:
        """Look again and again until there is something; None when there is nothing in time. Raises as `look`."""
        deadline, pause = self._clock() + seconds, 0.5
        while True:
            if (found := look()) is not None:
                return found
            left = deadline - self._clock()
            if left <= 0:
                return None
            self._pause(min(pause, left))
            pause = min(pause * 1.5, 5.0)

    def _call(
        self,
        operation: str,
        answer: type[ModelT],
        path: Mapping[str, str],
        *,
        query: Query | None = None,
        body: BaseModel | None = None,
        key: str | None = None,
    ) -> ModelT:
        route = BY_OPERATION[operation]
        url = self._url + route.path.format(**{name: quote(value, safe="") for name, value in path.items()})
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        if asked:
            url += f"?{urlencode(asked, doseq=True)}"
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json, application/problem+json"}
        content = None
        if body is not None:
            content = body.model_dump_json(by_alias=True, exclude_none=True).encode()
            headers["Content-Type"] = "application/json"
        if key is not None:
            headers["Idempotency-Key"] = key
        response = self._sent(route.method, url, headers, content)
        if response.status >= 400:
            raise ApiRefused(_problem(response))
        try:
            return answer.model_validate_json(response.body)
        except ValidationError as error:
            where = f"{route.method} {url.partition('?')[0]}"
            raise ApiUnreachable(
                f"{where} answered something that is no {answer.__name__}: is that the API?"
            ) from error

    def _sent(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._transport(method, url, headers, body)
            except ApiUnreachable:
                if attempt == ATTEMPTS:
                    raise
                self._pause(2.0**attempt / 4)
                continue
            if response.status not in PASSING or attempt == ATTEMPTS:
                return response
            self._pause(_retry_after(response) or 2.0**attempt / 4)
        raise AssertionError("unreachable")


def pooled() -> Transport:
    """Return what carries requests over HTTP, TLS checked."""
    # What comes from another place than it was asked of is no answer of the API: redirects are not followed.
    pool = urllib3.PoolManager(timeout=TIMEOUT, retries=False)

    def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        try:
            found = pool.request(method, url, headers=dict(headers), body=body, redirect=False)
        except urllib3.exceptions.HTTPError as error:
            raise ApiUnreachable(f"{url.partition('?')[0]} does not answer: {error}") from error
        return Response(found.status, dict(found.headers.items()), found.data)

    return send


def _problem(response: Response) -> Problem:
    """Return the problem that an answer has, or what API Gateway says itself where no function was asked."""
    try:
        return Problem.model_validate_json(response.body)
    except ValidationError:
        pass
    codes = {401: "NotSignedIn", 403: "NotAllowed", 404: "NotFound", 429: "TooManyRequests"}
    code = codes.get(response.status, "Unavailable" if response.status >= 500 else "InvalidRequest")
    try:
        said = json.loads(response.body)
        message = str(said.get("message", "")) if isinstance(said, dict) else ""
    except ValueError:
        message = ""
    hint = ": sign in again with `datamesh login`" if response.status == 401 else ""
    detail = f"{message or f'HTTP status {response.status}'}{hint}"
    return Problem(type=f"urn:datamesh:{code}", title=code, status=response.status, detail=detail, code=code)


def _retry_after(response: Response) -> float | None:
    given = next((value for name, value in response.headers.items() if name.lower() == "retry-after"), "")
    return min(float(given), MAX_PAUSE) if given.isdecimal() else None
