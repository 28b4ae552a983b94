"""decide_approval: the pages and the webhook by which people decide on requests for access.

`GET` and `HEAD` change nothing. Nothing of an address is logged: an id with its signature is the right to decide.
"""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from datamesh.aws.callbacks import Callbacks
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.aws.shared_secrets import SharedSecrets
from datamesh.aws.signatures import Signatures
from datamesh.handlers._runtime import Json, observed, utc_now
from datamesh.logic.approval_pages import HEADERS, message_page, request_page
from datamesh.logic.decide_approval import ApprovalDecisions, Form, WebhookVote
from datamesh.logic.deciding import Deciding
from datamesh.logic.webhook_signatures import check_webhook
from datamesh.models.approvals import ApprovalRecord
from datamesh.models.errors import (
    AlreadyVoted,
    BallotIncomplete,
    DatameshError,
    LinkExpired,
    LinkForged,
    LinkUnknown,
    LinkUsed,
    NotEligible,
    RequestChanged,
    StageClosed,
    StageNotFound,
    StageOverdue,
    Transient,
    VoteNotTaken,
    WebhookForged,
)
from datamesh.models.events import describe
from datamesh.observability import count, logger
from datamesh.settings import DecideApprovalSettings, load

STATUSES: Mapping[type[DatameshError], HTTPStatus] = {
    BallotIncomplete: HTTPStatus.BAD_REQUEST,
    LinkForged: HTTPStatus.FORBIDDEN,
    WebhookForged: HTTPStatus.FORBIDDEN,
    NotEligible: HTTPStatus.FORBIDDEN,
    LinkUnknown: HTTPStatus.NOT_FOUND,
    StageNotFound: HTTPStatus.NOT_FOUND,
    AlreadyVoted: HTTPStatus.CONFLICT,
    LinkUsed: HTTPStatus.CONFLICT,
    RequestChanged: HTTPStatus.CONFLICT,
    StageClosed: HTTPStatus.CONFLICT,
    LinkExpired: HTTPStatus.GONE,
    StageOverdue: HTTPStatus.GONE,
}
HTML, JSON, PROBLEM = "text/html; charset=utf-8", "application/json", "application/problem+json"
# The function is done, or gives up, long before API Gateway does (30 seconds).
WAITING = 12.0
MAX_FIELDS = 10

# The resolver would log the arguments of a route, a link's id, whoever turns debugging on.
logging.getLogger("aws_lambda_powertools.event_handler").setLevel(logging.INFO)
app = APIGatewayHttpResolver()


@app.get("/approvals/<link_id>")
def show(link_id: str) -> Response[str]:
    """Show the request of a link. Writes nothing."""
    signature = app.current_event.query_string_parameters.get("signature")
    try:
        sight = _decisions().show(link_id, signature, utc_now())
    except VoteNotTaken as refusal:
        return _refusal(refusal)
    except Transient as busy:
        return _later(busy)
    count("ApprovalShown")
    status = HTTPStatus.OK if sight.problem is None else STATUSES[type(sight.problem)]
    return _page(status, request_page(sight, signature or ""))


@app.head("/approvals/<link_id>")
def look(link_id: str) -> Response[str]:  # noqa: ARG001 - whoever only looks is told nothing
    """Answer who only asks whether there is a page."""
    count("ApprovalLookedAt")
    return _page(HTTPStatus.OK, "")


@app.post("/approvals/webhook")
def decide_by_webhook() -> Response[str]:
    """Take the decision that a ticketing system tells of."""
    secret_arn = load(DecideApprovalSettings).approval_webhook_secret_arn
    if secret_arn is None:
        return _problem(HTTPStatus.NOT_FOUND, "NotFound", "No ticketing system is known here")
    now = utc_now()
    headers = app.current_event.headers
    body = _body().encode()
    try:
        check_webhook(
            body,
            timestamp=headers.get("x-datamesh-timestamp"),
            signature=headers.get("x-datamesh-signature"),
            secret=lambda: SharedSecrets(retrier=Retrier(total=WAITING)).read(secret_arn),
            now=now,
        )
        vote = WebhookVote.model_validate_json(body)
        approval = _decisions().decide_by_webhook(vote, now)
    except ValidationError as error:
        return _problem(HTTPStatus.BAD_REQUEST, "InvalidVote", describe(error))
    except VoteNotTaken as refusal:
        return _refusal(refusal)
    except Transient as busy:
        return _later(busy)
    return _taken(approval)


@app.post("/approvals/<link_id>")
def decide(link_id: str) -> Response[str]:
    """Take the decision that a form posts."""
    form = _form()
    decisions = _decisions()
    try:
        sight = decisions.decide(link_id, form, utc_now())
    except BallotIncomplete as slip:
        if _wants_json():
            return _refusal(slip)
        sight = decisions.show(link_id, form.signature, utc_now())
        return _page(HTTPStatus.BAD_REQUEST, request_page(sight, form.signature or "", form=form, error=slip))
    except VoteNotTaken as refusal:
        return _refusal(refusal)
    except Transient as busy:
        return _later(busy)
    if _wants_json():
        return _taken(sight.approval)
    count("VoteTaken")
    return _page(HTTPStatus.OK, request_page(sight, form.signature or ""))


@app.not_found
def not_found(_error: Exception) -> Response[str]:
    """Answer whoever asks for anything else."""
    return _said(HTTPStatus.NOT_FOUND, "NotFound", "There is nothing here")


@observed
def handler(event: Json, context: LambdaContext) -> Json:
    """Answer a request of API Gateway."""
    return app.resolve(event, context)


def _decisions() -> ApprovalDecisions:
    settings = load(DecideApprovalSettings)
    retrier = Retrier(total=WAITING)
    registry = Registry(settings.registry_table, retrier=retrier, ledger_table=settings.ledger_table)
    return ApprovalDecisions(
        registry,
        Deciding(registry, Callbacks(retrier=retrier)),
        Signatures(settings.approval_key_id, retrier=retrier),
    )


def _form() -> Form:
    """Return the posted form. Of a field that stands there twice the first counts; what is no form has no fields."""
    try:
        fields = parse_qs(_body(), keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError:
        fields = {}
    first = {name: values[0] for name, values in fields.items()}
    return Form(first.get("signature"), first.get("decision"), first.get("comment", ""))


def _body() -> str:
    try:
        return app.current_event.decoded_body or ""
    except ValueError:
        return ""


def _wants_json() -> bool:
    accept = app.current_event.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def _taken(approval: ApprovalRecord) -> Response[str]:
    count("VoteTaken")
    said: dict[str, Any] = {
        "request_id": str(approval.request_id),
        "number": approval.number,
        "stage": approval.name,
        "status": approval.status,
    }
    return _json(HTTPStatus.OK, JSON, said)


def _refusal(refusal: VoteNotTaken) -> Response[str]:
    count("VoteRefused")
    logger.warning("Vote not taken", error=refusal.code)
    return _said(STATUSES[type(refusal)], refusal.code, refusal.message)


def _later(busy: Transient) -> Response[str]:
    logger.warning("The registry is busy", error=busy.code)
    said = _said(HTTPStatus.SERVICE_UNAVAILABLE, busy.code, "This did not work just now. Please send it again")
    said.headers["Retry-After"] = "5"
    return said


def _said(status: HTTPStatus, code: str, text: str) -> Response[str]:
    webhook = app.current_event.path.endswith("/webhook")
    if webhook or _wants_json():
        return _problem(status, code, text)
    return _page(status, message_page(_TITLES.get(status, status.phrase), f"{text}."))


def _problem(status: HTTPStatus, code: str, detail: str) -> Response[str]:
    """Return problem details: https://www.rfc-editor.org/rfc/rfc9457."""
    title = _TITLES.get(status, status.phrase)
    return _json(status, PROBLEM, {"type": f"urn:datamesh:{code}", "title": title, "status": status, "detail": detail})


def _json(status: HTTPStatus, kind: str, content: Mapping[str, Any]) -> Response[str]:
    return Response(status_code=status, content_type=kind, headers=dict(HEADERS), body=json.dumps(content))


def _page(status: HTTPStatus, page: str) -> Response[str]:
    return Response(status_code=status, content_type=HTML, headers=dict(HEADERS), body=page)


_TITLES: Mapping[HTTPStatus, str] = {
    HTTPStatus.BAD_REQUEST: "Something is missing",
    HTTPStatus.FORBIDDEN: "This is not yours to decide",
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.CONFLICT: "This cannot be decided any more",
    HTTPStatus.GONE: "Too late",
    HTTPStatus.SERVICE_UNAVAILABLE: "Please try again",
}
