"""Approvals: what waits for the person who is signed in, what it would show, and the decision."""

import uuid
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query

from datamesh.handlers._runtime import utc_now
from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import Asked, Limit, NextPage, Routes, SignedIn
from datamesh.logic.approval_links import MAX_SIGNATURE
from datamesh.logic.portal.approvals import approval_detail, ballot_of, link_of, look, waiting
from datamesh.logic.portal.paging import Paging
from datamesh.models.api.base import DEFAULT_LIMIT
from datamesh.models.api.requests import (
    ApprovalDetail,
    ApprovalLink,
    ApprovalPage,
    DecisionGiven,
    DecisionTaken,
)
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.errors import VoteNotTaken
from datamesh.observability import count

route = Routes("Approvals")
RequestInPath = Annotated[uuid.UUID, Path(description="Id of a request for access.")]
StageInPath = Annotated[int, Path(ge=0, le=99, description="Number of a stage of its approval.")]
LinkInPath = Annotated[str, Path(max_length=128, description="Id of a link, as the mail has it.")]
# It is in the link, so it may come; the person is known already, so it proves nothing more.
Signature = Annotated[str | None, Query(max_length=MAX_SIGNATURE, description="Signature of the link; not looked at.")]


@route(BY_OPERATION["list_approvals"])
def list_approvals(caller: SignedIn, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> ApprovalPage:
    """Stages that wait for the decision of the person who is signed in, those of the nearest deadline first."""
    paging = Paging(("list_approvals", caller.email), limit, cursor)
    items, following = waiting(_gateways.registry(), caller, paging, utc_now())
    return ApprovalPage(items=items, next_cursor=following)


@route(BY_OPERATION["get_approval"])
def get_approval(caller: SignedIn, request_id: RequestInPath, number: StageInPath) -> ApprovalDetail:
    """A stage of an approval: what would be shown, what stays hidden, and what can be read already."""
    registry = _gateways.registry()
    return approval_detail(registry, look(registry, request_id, number, caller), caller, utc_now())


@route(BY_OPERATION["find_approval_link"], problems=(HTTPStatus.FORBIDDEN, HTTPStatus.GONE))
def find_approval_link(caller: SignedIn, link_id: LinkInPath, signature: Signature = None) -> ApprovalLink:  # noqa: ARG001 - see Signature
    """Where an approval link of a mail leads. Only the person whom it was sent to is told."""
    return link_of(_gateways.registry(), link_id, caller, utc_now())


@route(BY_OPERATION["decide"], problems=(HTTPStatus.GONE,))
def decide(
    origin: Asked, request_id: RequestInPath, number: StageInPath, body: Annotated[DecisionGiven, Body()]
) -> DecisionTaken:
    """Approve or deny. The same decision again is answered alike; another one is refused (`AlreadyVoted`)."""
    ballot = ballot_of(body, origin.caller)
    try:
        approval = _gateways.deciding().vote(request_id, number, ballot, origin.now)
    except VoteNotTaken:
        count("VoteRefused")
        raise
    count("VoteTaken")
    return DecisionTaken(request_id=approval.request_id, number=approval.number, status=approval.status)
