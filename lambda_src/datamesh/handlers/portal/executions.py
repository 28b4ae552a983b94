"""Executions of central's workflows: which ran, through which steps, and starting a failed one again."""

from collections.abc import Callable
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from datamesh.handlers._runtime import utc_now
from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import Asked, DomainInPath, Limit, NextPage, Routes, SignedIn
from datamesh.logic.portal.executions import check_visible, execution_detail, place_of, retry_of
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.timeline_views import execution_summary, kept_since, position_of
from datamesh.models.api.base import DEFAULT_LIMIT, Accepted
from datamesh.models.api.operations import ExecutionDetail, ExecutionPage, ExecutionStatus
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.timeline import TimelineExecution
from datamesh.settings import AnswerQuerySettings, KnowsStateMachines, load

route = Routes("Executions")
ExecutionInPath = Annotated[str, Path(max_length=150, description="`<workflow>:<name>` of an execution.")]
Status = Annotated[ExecutionStatus | None, Query(description="Only those that stand so.")]


@route(BY_OPERATION["list_executions"])
def list_executions(
    domain: DomainInPath, status: Status = None, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None
) -> ExecutionPage:
    """Executions of central's workflows that concern a domain, the newest first.

    A page may have fewer than `limit`, even none, and still be followed by others: `next_cursor` alone says so.
    """
    paging = Paging(("list_executions", domain, status or ""), limit, cursor)
    found = _gateways.timeline().executions_of(domain, limit=limit, after=position_of(paging), accept=_standing(status))
    return _page(paging, found)


@route(BY_OPERATION["list_all_executions"])
def list_all_executions(status: Status = None, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None) -> ExecutionPage:
    """All executions of central's workflows, the newest first. Pages are as those of a domain."""
    paging, now = Paging(("list_all_executions", status or ""), limit, cursor), utc_now()
    since = kept_since(now, load(AnswerQuerySettings).timeline_days)
    found = _gateways.timeline().executions(
        limit=limit, since=since, until=now, after=position_of(paging), accept=_standing(status)
    )
    return _page(paging, found)


@route(BY_OPERATION["get_execution"])
def get_execution(caller: SignedIn, execution_id: ExecutionInPath) -> ExecutionDetail:
    """An execution: the states that it went through, what started it, and the events of its flow.

    What was passed from state to state is not shown.
    """
    timeline = _gateways.timeline()
    place_of(execution_id)
    execution = check_visible(timeline.execution(execution_id), caller)
    history = _gateways.executions().history(execution.execution_arn)
    events, executions = ((), ()) if execution.correlation_id is None else timeline.flow(execution.correlation_id)
    return execution_detail(execution, history, events, executions, caller)


@route(BY_OPERATION["retry_execution"])
def retry_execution(origin: Asked, execution_id: ExecutionInPath) -> Accepted:
    """Start an execution again that has failed, timed out or was aborted, with the same input.

    `execution_id` of the answer is the new one's. The same request again (`Idempotency-Key`) starts it once.
    """
    place, executions = place_of(execution_id), _gateways.executions()
    prefix = load(KnowsStateMachines).state_machine_prefix
    retry = retry_of(place, executions.described(place.state_machine(prefix), place.name), origin.cause)
    executions.start(retry.place.state_machine(prefix), retry.place.name, retry.input)
    return retry.accepted


def _standing(status: ExecutionStatus | None) -> Callable[[TimelineExecution], bool]:
    return lambda execution: status in {None, execution.status}


def _page(paging: Paging, found: tuple[list[TimelineExecution], str | None]) -> ExecutionPage:
    executions, after = found
    following = None if after is None else paging.cursor_at(after)
    return ExecutionPage(items=tuple(map(execution_summary, executions)), next_cursor=following)
