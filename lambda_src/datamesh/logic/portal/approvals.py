"""Approvals, as those see them who decide: what waits for them, what would be shown, and what is shown already.

Who may decide the policy says, by address. Nothing of a link is looked at here but whose it is: a person who is signed
in with the address that the link was sent to needs no signature to prove it, and a link gives no more right than that.
"""

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.approval_links import known_link
from datamesh.logic.portal.authorization import Caller
from datamesh.logic.portal.grants import stands
from datamesh.logic.portal.paging import Paging
from datamesh.logic.portal.requests import stage_view
from datamesh.logic.portal.table_places import TablePlaces
from datamesh.logic.ports import Registry
from datamesh.logic.tags import matched_columns
from datamesh.logic.votes import Ballot, check_eligible, check_open, vote_of
from datamesh.models.api.requests import (
    ApprovalDetail,
    ApprovalLink,
    ApprovalSummary,
    DecisionGiven,
    ExposedTable,
)
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.approvals import ApprovalRecord, AskedTable
from datamesh.models.base import iso
from datamesh.models.errors import LinkExpired, NotEligible, NotFound, VoteNotTaken
from datamesh.models.registry import GrantRecord, RequestRecord, TableRecord, TagGrantRecord

_SAID = {"APPROVE": "you approved it", "DENY": "you denied it"}


class Seen(NamedTuple):
    """A stage with its request, and all stages of that."""

    approval: ApprovalRecord
    request: RequestRecord
    stages: tuple[ApprovalRecord, ...]


def waiting(
    registry: Registry, caller: Caller, paging: Paging, now: datetime
) -> tuple[tuple[ApprovalSummary, ...], str | None]:
    """Return a page of the stages that wait for a person, those of the nearest deadline first."""
    found: list[tuple[str, ApprovalSummary]] = []
    for place, seen in _open(registry, caller, paging.position):
        if why_not(registry, seen, caller, now) is None:
            if len(found) == paging.limit:
                return tuple(summary for _, summary in found), paging.cursor_at(found[-1][0])
            found.append((place, approval_summary(seen)))
    return tuple(summary for _, summary in found), None


def look(registry: Registry, request_id: uuid.UUID, number: int, caller: Caller) -> Seen:
    """Return a stage that a person was asked to decide on, or that it oversees. Raises NotFound."""
    seen = _seen(registry, request_id, number)
    access = BY_OPERATION["get_approval"].access
    if seen is None or not (caller.email in seen.approval.approvers or caller.may(access)):
        raise NotFound(f"There is no stage {number} of a request {request_id}, or none that you may see")
    return seen


def why_not(registry: Registry, seen: Seen, caller: Caller, now: datetime) -> str | None:
    """Return why a person may not decide on a stage (any more); None when it may."""
    approval, request, stages = seen
    vote = vote_of(approval, caller.email)
    if vote is not None:
        return f"You have decided already: {_SAID[vote.decision]}"
    consumer = registry.domain(request.domain)
    config = None if consumer is None else consumer.config
    probe = ballot_of(DecisionGiven(decision="APPROVE", digest=approval.digest), caller)
    try:
        check_eligible(approval, request, stages, config, probe)
        check_open(approval, request, probe, now)
    except VoteNotTaken as refusal:
        return refusal.message
    return None


def approval_summary(seen: Seen) -> ApprovalSummary:
    """Return a stage in a list."""
    approval, request, _ = seen
    return ApprovalSummary(
        request_id=request.request_id,
        number=approval.number,
        name=approval.name,
        domain=request.domain,
        product=request.product,
        expression=request.expression,
        requested_by=request.requested_by,
        justification=request.justification,
        opened_at=approval.opened_at,
        deadline=approval.deadline,
        # Nothing was ever asked of people that the policy had not looked at; without its answer it counts as sensitive.
        sensitive=request.ruling is None or request.ruling.sensitive,
    )


def approval_detail(registry: Registry, seen: Seen, caller: Caller, now: datetime) -> ApprovalDetail:
    """Return a stage with all that somebody needs to decide."""
    approval, request, stages = seen
    reason = why_not(registry, seen, caller, now)
    return ApprovalDetail(
        **dict(approval_summary(seen)),
        status=approval.status,
        digest=approval.digest,
        purpose=request.purpose,
        duration_days=request.ruling.duration_days if request.ruling is not None else request.duration_days,
        principals=request.principals,
        reasons=() if request.ruling is None else request.ruling.reasons,
        exposed=tuple(Exposed(registry, request, now).table(table) for table in approval.shown),
        stages=tuple(map(stage_view, stages)),
        may_decide=reason is None,
        why_not=reason,
    )


def link_of(registry: Registry, link_id: str, caller: Caller, now: datetime) -> ApprovalLink:
    """Return where a link leads, for the person whom it was sent to.

    Raises LinkUnknown, NotEligible for anybody else, LinkExpired when its time was over before the person decided.
    """
    link = known_link(registry, link_id)
    if link.approver != caller.email:
        raise NotEligible("This link was sent to somebody else: sign in with the address that got it")
    approval = registry.approval(link.request_id, link.number)
    voted = approval is not None and vote_of(approval, caller.email) is not None
    if now >= link.expires_at and not voted:
        raise LinkExpired("The time to decide is over")
    return ApprovalLink(request_id=link.request_id, number=link.number)


def ballot_of(given: DecisionGiven, caller: Caller) -> Ballot:
    """Return what a person says. Who it is, and of which domains, the token tells, nothing that was sent."""
    domains = frozenset(caller.domains)
    return Ballot(caller.email, given.decision, given.comment, "portal", digest=given.digest, domains=domains)


class Exposed:
    """Compares what a request would show with the tables, and with what its same principals can read already."""

    def __init__(self, registry: Registry, request: RequestRecord, now: datetime) -> None:
        self._registry = registry
        self._request = request
        self._now = now
        self._places = TablePlaces(registry)
        self._by_tag: list[TagGrantRecord] | None = None
        self._by_name: dict[tuple[str, str], list[GrantRecord]] = {}

    def table(self, asked: AskedTable) -> ExposedTable:
        """Return what would be shown of a table."""
        request = self._request
        if request.product is not None:
            place: tuple[str, str] | None = (request.product.domain, request.product.name)
        else:
            place = self._places.product_of(asked.name)
        table = None if place is None else self._places.product(*place)[1].get(asked.name.rpartition(".")[2])
        rows = request.rows.get(asked.name)
        already = frozenset() if place is None or table is None else self._already(place, table, rows)
        return ExposedTable(
            name=asked.name,
            columns=asked.columns,
            column_count=asked.column_count,
            sensitive=asked.sensitive,
            hidden=_hidden(asked, table),
            already=tuple(column for column in asked.columns if column in already),
            rows=rows,
        )

    def _already(self, place: tuple[str, str], table: TableRecord, rows: str | None) -> frozenset[str]:
        """Return the columns that every principal of the request reads by grants that stand, in all rows asked for."""
        readable = [self._readable(principal, place, table, rows) for principal in self._request.principals]
        return frozenset.intersection(*readable) if readable else frozenset()

    def _readable(self, principal: str, place: tuple[str, str], table: TableRecord, rows: str | None) -> frozenset[str]:
        found: set[str] = set()
        for grant in self._named(place):
            shown = grant.shown.get(table.name)
            if shown is not None and principal in grant.principals and shown.rows in {None, rows}:
                found.update(shown.columns)
        for tag_grant in self._tagged():
            if table.tagged is not None and principal in tag_grant.principals:
                found.update(matched_columns(tag_grant.expression, table.tagged))
        return frozenset(found)

    def _named(self, place: tuple[str, str]) -> list[GrantRecord]:
        if place not in self._by_name:
            grants = self._registry.grants(*place)
            consumer = self._request.domain
            self._by_name[place] = [each for each in grants if each.consumer == consumer and stands(each, self._now)]
        return self._by_name[place]

    def _tagged(self) -> list[TagGrantRecord]:
        if self._by_tag is None:
            grants = self._registry.tag_grants()
            consumer = self._request.domain
            self._by_tag = [each for each in grants if each.consumer == consumer and stands(each, self._now)]
        return self._by_tag


def _hidden(asked: AskedTable, table: TableRecord | None) -> tuple[str, ...]:
    """Return the columns that the table has and that would not be shown; none where not all that would be are known."""
    if table is None or table.index is None or len(asked.columns) != asked.column_count:
        return ()
    return tuple(column.name for column in table.index.columns if column.name not in asked.columns)


def _open(registry: Registry, caller: Caller, after: str | None) -> Iterator[tuple[str, Seen]]:
    """Yield the stages that wait and that a person was asked about, with their place in the list: those of the nearest
    deadline first. Of all others nothing more is read.
    """
    listed = ((f"{iso(each.deadline)}#{each.request_id}#{each.number:02d}", each) for each in registry.open_approvals())
    for place, each in sorted(listed, key=lambda pair: pair[0]):
        if after is not None and place <= after:
            continue
        seen = _seen(registry, each.request_id, each.number, asked=caller.email)
        if seen is not None and seen.approval.status == "OPEN":
            yield place, seen


def _seen(registry: Registry, request_id: uuid.UUID, number: int, *, asked: str | None = None) -> Seen | None:
    stages = tuple(registry.approvals(request_id))
    approval = next((stage for stage in stages if stage.number == number), None)
    if approval is None or (asked is not None and asked not in approval.approvers):
        return None
    request = registry.request(request_id)
    return None if request is None else Seen(approval, request, stages)
