"""Operations: what became of a command. Events: what was said in the mesh."""

import uuid
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from datamesh.handlers._runtime import utc_now
from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import DomainInPath, Limit, NextPage, Routes, SignedIn
from datamesh.logic.portal.operations import Known, operation
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.timeline_views import kept_since, mesh_event, position_of
from datamesh.models.api.base import DEFAULT_LIMIT
from datamesh.models.api.operations import EventPage, Operation
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.timeline import TimelineEvent
from datamesh.settings import AnswerQuerySettings, load

route = Routes("Operations")
Correlation = Annotated[uuid.UUID, Path(description="`correlation_id` of a command that was accepted, or of any flow.")]


@route(BY_OPERATION["get_operation"])
def get_operation(caller: SignedIn, correlation_id: Correlation) -> Operation:
    """What became of a command: `PENDING`, `SUCCEEDED`, `REJECTED` with the reason, or `FAILED`.

    May be asked at once: whoever sent the command is told that it is pending, without events, until it is heard of a
    moment later. A command succeeds with these facts of central, and what central says last decides:

    | command | succeeds with |
    | --- | --- |
    | `RegisterDataDomain` | `DataDomainRegistered` |
    | `DeregisterDataDomain` | `DataDomainDeregistered` |
    | `RegisterDataProduct` | `DataProductRegistered` |
    | `DeregisterDataProduct` | `DataProductDeregistered` |
    | `RequestDataProductAccess` | `DataProductAccessRequested`: the request is taken, and tells the rest itself |
    | `ExtendDataProductAccess` | `DataProductAccessRequested` or `DataProductAccessExtended` |
    | `RevokeDataProductAccess` | `DataProductAccessRevoked`; of a request that waited, as soon as it is cancelled |

    A command that came twice, or asks for what is so already, succeeds half a minute after its workflow has ended
    without a word. Of a flow each person sees the events that concern its domains.
    """
    registry, flow = _gateways.registry(), _gateways.timeline().flow(correlation_id)
    known = Known(flow.events, flow.executions, registry.request)
    return operation(
        correlation_id, known, caller, central=load(AnswerQuerySettings).datamesh_account_id, now=utc_now()
    )


@route(BY_OPERATION["list_events"])
def list_events(domain: DomainInPath, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> EventPage:
    """Events that concern a domain, the newest first: what it said, what it was told, and what names it."""
    paging = Paging(("list_events", domain), limit, cursor)
    return _page(paging, _gateways.timeline().events_of(domain, limit=limit, after=position_of(paging)))


@route(BY_OPERATION["list_all_events"])
def list_all_events(limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> EventPage:
    """All events of the mesh, the newest first."""
    paging, now = Paging(("list_all_events",), limit, cursor), utc_now()
    since = kept_since(now, load(AnswerQuerySettings).timeline_days)
    found = _gateways.timeline().events(limit=limit, since=since, until=now, after=position_of(paging))
    return _page(paging, found)


def _page(paging: Paging, found: tuple[list[TimelineEvent], str | None]) -> EventPage:
    events, after = found
    following = None if after is None else paging.cursor_at(after)
    return EventPage(items=tuple(map(mesh_event, events)), next_cursor=following)
