"""Requests for access: asked before they are sent, sent, looked at, taken back, extended, ended."""

import uuid
from http import HTTPStatus
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body, Path

from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import Asked, DomainInPath, Limit, NextPage, Routes, SignedIn
from datamesh.logic.portal.commands import Origin
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.previews import asked_for, preview
from datamesh.logic.portal.requests import Seen, look, request_summary
from datamesh.models.api.base import DEFAULT_LIMIT, Accepted
from datamesh.models.api.requests import (
    AccessPreview,
    AccessRequest,
    EndingReason,
    Extension,
    RequestDetail,
    RequestPage,
)
from datamesh.models.api.routes import BY_OPERATION

route = Routes("Requests for access")
RequestInPath = Annotated[uuid.UUID, Path(description="Id of a request for access.")]
Request = Annotated[AccessRequest, Body()]
Reason = Annotated[EndingReason, Body()]


@route(BY_OPERATION["preview_access"], problems=[HTTPStatus.NOT_FOUND])
def preview_access(origin: Asked, body: Request) -> AccessPreview:
    """What would come of a request: what it would show, what of that is sensitive, and who would have to agree.

    The approval policy is asked as it is when the request is sent. Nothing is changed, and nobody is told.
    """
    registry = _gateways.registry()
    command = asked_for(body, origin, registry, "preview_access", prefix=_gateways.prefix())
    return preview(command, origin.caller, _gateways.world(registry), _gateways.share_config(), origin.now)


@route(BY_OPERATION["request_access"], problems=[HTTPStatus.NOT_FOUND])
def request_access(origin: Asked, body: Request) -> Accepted:
    """Ask for access to a product, to tables, columns or rows of it, or to whatever carries certain LF-tags.

    The operation has succeeded when the request is taken; `request_id` says where its life is told from then on. Who
    asks is the person who is signed in, and never decides on it.
    """
    command = asked_for(body, origin, _gateways.registry(), "request_access", prefix=_gateways.prefix())
    return _gateways.send(command, origin, request_id=command.request_id)


@route(BY_OPERATION["list_requests"])
def list_requests(domain: DomainInPath, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> RequestPage:
    """What a domain has asked for, the newest first."""
    paging = Paging(("list_requests", domain), limit, cursor)
    records, after = _gateways.registry().requests_of(domain, limit=limit, after=paging.position)
    following = None if after is None else paging.cursor_at(after)
    return RequestPage(items=tuple(map(request_summary, records)), next_cursor=following)


@route(BY_OPERATION["get_request"])
def get_request(caller: SignedIn, request_id: RequestInPath) -> RequestDetail:
    """A request: what was asked, how it was decided, by whom, and what has become of it."""
    return look(_gateways.registry(), request_id, caller).detail()


@route(BY_OPERATION["cancel_request"])
def cancel_request(origin: Asked, request_id: RequestInPath, body: Reason) -> Accepted:
    """Take a request back that waits for a decision. Who asked does it, or an owner of the domain that asks."""
    return _gateways.send(_seen(origin, request_id).cancellation(body.reason), origin, request_id=request_id)


@route(BY_OPERATION["extend_access"])
def extend_access(origin: Asked, request_id: RequestInPath, body: Annotated[Extension, Body()]) -> Accepted:
    """Ask to keep access. This is a request of its own, decided on like a new one; `request_id` is that one's."""
    command = _seen(origin, request_id).extension(body, origin.request_id)
    return _gateways.send(command, origin, request_id=command.request_id)


@route(BY_OPERATION["revoke_access"])
def revoke_access(origin: Asked, request_id: RequestInPath, body: Reason) -> Accepted:
    """End access that was granted: an owner of the consumer, an owner or steward of the producer, or governance."""
    return _gateways.send(_seen(origin, request_id).revocation(body.reason), origin, request_id=request_id)


def _seen(origin: Origin, request_id: uuid.UUID) -> Seen:
    return look(_gateways.registry(), request_id, origin.caller)
