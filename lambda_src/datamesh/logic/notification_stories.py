"""What a notification has to say, as the registry has it when it is sent; or that it has nothing to say any more."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.tags import WHOLE_TABLE
from datamesh.models.approvals import ApprovalRecord, AskedTable, Seat
from datamesh.models.base import iso
from datamesh.models.errors import NothingToTellYet
from datamesh.models.notifications import Notification, NotificationKind
from datamesh.models.people import Person
from datamesh.models.registry import STANDING, RequestRecord, RequestStatus, StateChange

# A message is read by people: of a long list they get the beginning, and how much there is.
SHOWN = 20
_OUTCOMES: Mapping[RequestStatus, str] = {
    "APPROVED": "approved",
    "GRANTED": "approved",
    "PROVISIONED": "approved",
    "DENIED": "denied",
    "EXPIRED": "not decided in time",
    "CANCELLED": "taken back",
}
_OVER: frozenset[RequestStatus] = frozenset(
    {"DENIED", "EXPIRED", "CANCELLED", "REVOKING", "REVOKED", "REJECTED", "FAILED"}
)
_ENDS: Mapping[RequestStatus, str] = {"REVOKED": "was taken back", "EXPIRED": "is over", "FAILED": "came to nothing"}


class Story(NamedTuple):
    """What is to be said. `about` names it: what was said once is not said again, what changed is."""

    subject: str
    opening: str
    facts: tuple[tuple[str, str], ...]
    about: str
    quote: tuple[str, str] | None = None
    """Words of somebody who may want to deceive the reader, and whose they are."""
    approvers: tuple[Person, ...] = ()
    deadline: datetime | None = None

    @property
    def asks_for_decision(self) -> bool:
        """Whether those who read it are to decide."""
        return self.deadline is not None


def story_of(
    notification: Notification, request: RequestRecord, approval: ApprovalRecord | None, now: datetime
) -> Story | None:
    """Return what a notification says; None when it is stale.

    Raises NothingToTellYet when it was queued before the registry says what it speaks of.
    """
    return _TELLERS[notification.kind](notification, request, approval, now)


def seated(seats: Iterable[Seat]) -> tuple[Person, ...]:
    """Return all people of some seats, each once."""
    return tuple({person.email: person for seat in seats for person in seat.approvers}.values())


def asked_for(request: RequestRecord) -> str:
    """Return in few words what a request is for."""
    if request.product is not None:
        return f"{request.product.domain}.{request.product.name}"
    expression = request.expression or {}
    return "what is tagged " + ", ".join(f"{key}={'|'.join(values)}" for key, values in expression.items())


def person_of(actor: str) -> str:
    """Return who an actor of the history is, or several are, for people."""
    if ", " in actor:
        return ", ".join(person_of(each) for each in actor.split(", "))
    kind, _, name = actor.partition(":")
    names = {"person": name, "account": f"account {name}", "policy": f"the approval policy, rule {name}"}
    return names.get(kind, "the mesh")


def _decision(
    notification: Notification, request: RequestRecord, approval: ApprovalRecord | None, now: datetime
) -> Story | None:
    if approval is None:
        raise NothingToTellYet(f"Stage {notification.number} of request {request.request_id} is not open yet")
    if request.status in _OVER or approval.status != "OPEN" or approval.deadline <= now:
        return None
    if notification.digest not in {None, approval.digest}:
        return None
    voted = {vote.approver for vote in approval.votes}
    if notification.to is not None and (notification.to in voted or notification.to not in approval.approvers):
        return None
    escalated = notification.kind == "approval_escalated"
    opening = f"{request.domain} asks {_VERBS[request.sort]} {asked_for(request)}."
    if escalated:
        opening += " Nobody decided in time, so you are asked as well."
    stages = request.ruling.stages if request.ruling is not None else ()
    place = f" ({approval.number + 1} of {len(stages)})" if len(stages) > 1 else ""
    return Story(
        subject=f"{'Overdue approval' if escalated else 'Approval needed'}: {request.domain} asks for "
        f"{asked_for(request)}",
        opening=opening,
        facts=(
            *_scope(request, approval.shown),
            ("Stage", f"{approval.name}{place}; {' and '.join(map(_quorum, approval.seats))}"),
            ("Decide until", readable(approval.deadline)),
        ),
        quote=(f"Why {request.domain} asks, in its own words", request.justification),
        about=f"{approval.digest}/{iso(approval.opened_at)}",
        approvers=seated((*approval.seats, *approval.escalation)),
        deadline=approval.deadline,
    )


def _decided(
    _notification: Notification, request: RequestRecord, _approval: ApprovalRecord | None, _now: datetime
) -> Story | None:
    if request.status == "PENDING":
        raise NothingToTellYet(f"Request {request.request_id} is not decided yet")
    if request.status not in _OUTCOMES or (request.status == "EXPIRED" and request.granted_at is not None):
        return None
    wanted: set[RequestStatus] = {"APPROVED"} if _OUTCOMES[request.status] == "approved" else {request.status}
    decision = _last(request.history, wanted)
    outcome = _OUTCOMES[request.status]
    return Story(
        subject=f"Request {outcome}: {request.domain} asked for {asked_for(request)}",
        opening=f"The request of {request.domain} {_VERBS[request.sort]} {asked_for(request)} was {outcome}.",
        facts=(*_by_whom(decision, request), *_scope(request)),
        quote=_reason(decision, request),
        about=f"{outcome}/{iso(decision.at) if decision is not None else ''}",
    )


def _expiring(
    _notification: Notification, request: RequestRecord, _approval: ApprovalRecord | None, now: datetime
) -> Story | None:
    if request.status not in STANDING or request.expires_at is None or request.expires_at <= now:
        return None
    until = readable(request.expires_at)
    return Story(
        subject=f"Access ends soon: {request.domain} and {asked_for(request)}",
        opening=f"The access of {request.domain} to {asked_for(request)} ends on {until}, unless it is extended.",
        facts=(("Ends", until), *_scope(request)),
        about=iso(request.expires_at),
    )


def _ended(
    _notification: Notification, request: RequestRecord, _approval: ApprovalRecord | None, _now: datetime
) -> Story | None:
    if request.status in STANDING or request.status == "REVOKING":
        raise NothingToTellYet(f"The access of request {request.request_id} has not ended yet")
    if request.status not in _ENDS:
        return None
    end = _last(request.history, {request.status})
    return Story(
        subject=f"Access ended: {request.domain} and {asked_for(request)}",
        opening=f"The access of {request.domain} to {asked_for(request)} {_ENDS[request.status]}.",
        facts=(*_by_whom(end, request), *_scope(request)),
        quote=_reason(end, request),
        about=f"{request.status}/{iso(end.at) if end is not None else ''}",
    )


_VERBS = {"access": "to read", "extension": "to go on reading", "widening": "to read more of"}
_Teller = Callable[[Notification, RequestRecord, ApprovalRecord | None, datetime], Story | None]
_TELLERS: Mapping[NotificationKind, _Teller] = {
    "approval_needed": _decision,
    "approval_escalated": _decision,
    "decided": _decided,
    "access_expiring": _expiring,
    "access_ended": _ended,
}


def readable(moment: datetime) -> str:
    """Write a time for people."""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _scope(request: RequestRecord, shown: Sequence[AskedTable] = ()) -> tuple[tuple[str, str], ...]:
    """Return who may read what by a request, and why that is sensitive. `shown` is what central computed."""
    columns = [f"{table} ({shortened(names)})" for table, names in request.columns.items()]
    ruling = request.ruling
    days = ruling.duration_days if ruling is not None else request.duration_days
    facts = (
        ("Domain", f"{request.domain} (account {request.account_id})"),
        ("Asked by", request.requested_by or ""),
        ("For", shortened(request.principals)),
        ("Tables", shortened(request.tables or [table.name for table in shown])),
        ("Columns", shortened([_columns(table) for table in shown] or columns, "; ")),
        (
            "Sensitive",
            shortened([f"{table.name}.{name}" for table in shown for name in table.sensitive if name != WHOLE_TABLE]),
        ),
        ("Rows", shortened([f"{table} where {rows}" for table, rows in request.rows.items()], "; ")),
        ("Later tables", "asked for too; each is decided on when it comes" if _later(request) else ""),
        ("Why it is sensitive", shortened(ruling.reasons, "; ") if ruling is not None and ruling.sensitive else ""),
        ("Purpose", request.purpose or ""),
        ("For how long", f"{days} days" if days is not None else "without an end"),
        ("Request", str(request.request_id)),
    )
    return tuple((label, text) for label, text in facts if text)


def _sensitive(table: AskedTable) -> list[str]:
    return [column for column in table.sensitive if column != WHOLE_TABLE]


def _columns(table: AskedTable) -> str:
    more = table.column_count - min(len(table.columns), SHOWN)
    return f"{table.name} ({', '.join([*table.columns[:SHOWN], *([f'and {more} more'] if more > 0 else [])])})"


def _later(request: RequestRecord) -> bool:
    return request.product is not None and request.later_tables == "included"


def _quorum(seat: Seat) -> str:
    whose = f" of {seat.producer}" if seat.producer is not None else ""
    return f"{seat.quorum} of {len(seat.approvers)} ({', '.join(seat.groups)}{whose}) must agree"


def _by_whom(change: StateChange | None, request: RequestRecord) -> tuple[tuple[str, str], ...]:
    by = change.by if change is not None else request.decided_by
    facts = (("By", person_of(by)) if by else None, ("On", readable(change.at)) if change is not None else None)
    return tuple(fact for fact in facts if fact is not None)


def _reason(change: StateChange | None, request: RequestRecord) -> tuple[str, str] | None:
    reason = change.why if change is not None else request.reason
    return ("Reason", reason) if reason else None


def _last(history: Sequence[StateChange], statuses: set[RequestStatus]) -> StateChange | None:
    return next((change for change in reversed(history) if change.status in statuses), None)


def shortened(names: Sequence[str], separator: str = ", ") -> str:
    """Join names; of many the first ones, and how many more there are."""
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return separator.join([*names[:SHOWN], *more])
