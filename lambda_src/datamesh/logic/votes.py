"""The rules of voting: who may decide on a stage, what counts, and when the stage is decided.

Pure decisions on what the registry says; logic/approvals.py keeps them.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from datamesh.logic.policy import mailbox
from datamesh.models.approvals import ApprovalRecord, Decision, LinkRecord, Seat, StageStatus, Vote
from datamesh.models.config import DomainConfig
from datamesh.models.errors import (
    AlreadyVoted,
    BallotIncomplete,
    LinkExpired,
    LinkUsed,
    NotEligible,
    RequestChanged,
    StageClosed,
    StageOverdue,
)
from datamesh.models.registry import RequestRecord


class Ballot(NamedTuple):
    """What somebody says. `link` or `digest` binds it to what was asked when the person was shown it.

    `domains` are those that the person is known to belong to: the portal knows them from the token, a link does not.
    """

    approver: str
    decision: Decision
    comment: str
    via: Literal["link", "portal", "webhook"]
    link: LinkRecord | None = None
    digest: str | None = None
    domains: frozenset[str] = frozenset()


def vote_of(approval: ApprovalRecord, approver: str) -> Vote | None:
    """Return what a person has said on a stage."""
    return next((vote for vote in approval.votes if mailbox(vote.approver) == mailbox(approver)), None)


def said_before(approval: ApprovalRecord, ballot: Ballot) -> bool:
    """Tell whether a person says once more what it said on this very stage. Raises AlreadyVoted on another decision.

    This is asked before all else: whoever repeats what counts already is told so even when the stage is long decided.
    """
    before = vote_of(approval, ballot.approver)
    if before is None or not _is_about(approval, ballot):
        return False
    if before.decision != ballot.decision:
        raise AlreadyVoted(f"You have decided already: {_WORDS[before.decision]}. A decision cannot be changed")
    return True


def check_open(approval: ApprovalRecord, request: RequestRecord | None, ballot: Ballot, now: datetime) -> None:
    """Check that the stage can still be decided on by this ballot.

    Raises RequestChanged, LinkExpired, LinkUsed, StageClosed, StageOverdue.
    """
    link = ballot.link
    if not _is_about(approval, ballot):
        raise RequestChanged("The request has changed since you were asked: decide by the link of the latest message")
    if link is not None and link.used_at is not None:
        raise LinkUsed("This link has decided once already")
    if approval.status == "EXPIRED":
        raise StageOverdue("The time to decide is over: nobody has decided, and nothing was granted")
    if approval.status != "OPEN":
        raise StageClosed(f"This is decided already: {approval.status.lower()}")
    if link is not None and now >= link.expires_at:
        raise LinkExpired("This link has expired")
    if now >= approval.deadline:
        raise StageOverdue("The time to decide is over")
    if request is None or request.status != "PENDING":
        raise StageClosed("The request is not waiting for a decision any more")
    if request.exposure != approval.digest:
        raise RequestChanged("What the request would show has changed: whoever decides is asked again")


def check_eligible(
    approval: ApprovalRecord,
    request: RequestRecord,
    earlier: Iterable[ApprovalRecord],
    consumer: DomainConfig | None,
    ballot: Ballot,
) -> None:
    """Check that a person may decide on a stage. Raises NotEligible.

    Who was asked had to be of another domain than the one that asks; who has joined that domain since is not asked
    any more. So its current config is looked at as well, and what else is known of the person.
    """
    approver = ballot.approver
    if approver.lower() not in approval.approvers:
        raise NotEligible("You are not among those who decide on this stage of the request")
    box = mailbox(approver)
    if request.requested_by is not None and box == mailbox(request.requested_by):
        raise NotEligible("You have asked for this access yourself: somebody else has to decide")
    seats = (*approval.seats, *approval.escalation)
    named = {person.domain for seat in seats for person in seat.approvers if mailbox(person.email) == box}
    members = () if consumer is None else (*consumer.product_owners, *consumer.data_stewards)
    if request.domain in ballot.domains | named or any(mailbox(person.email) == box for person in members):
        raise NotEligible(f"You belong to {request.domain}, which asks for this access: somebody else has to decide")
    for stage in earlier:
        if stage.number < approval.number and vote_of(stage, approver) is not None:
            raise NotEligible(f"You have decided on the stage {stage.name}: another person has to decide on this one")


def check_comment(ballot: Ballot) -> None:
    """Check that a denial says why. Raises BallotIncomplete."""
    if ballot.decision == "DENY" and not ballot.comment.strip():
        raise BallotIncomplete("Please say why you deny it: whoever asked is told")


def status_after(approval: ApprovalRecord, votes: tuple[Vote, ...]) -> StageStatus:
    """Return what the stage is with these votes: one denial denies it, and it is approved when all seats are filled.

    After the deadline others may decide as well: they help to fill the seats, those of a producer only that
    producer's; or they fill all seats of their own.
    """
    if any(vote.decision == "DENY" for vote in votes):
        return "DENIED"
    agreed = {vote.approver for vote in votes}
    helpers = approval.escalation
    if all(_filled(seat, agreed, helpers) for seat in approval.seats):
        return "APPROVED"
    if helpers and all(_filled(seat, agreed) for seat in helpers):
        return "APPROVED"
    return "OPEN"


def _filled(seat: Seat, agreed: set[str], helpers: tuple[Seat, ...] = ()) -> bool:
    sitting = {person.email for person in seat.approvers}
    for other in helpers:
        if other.producer in {None, seat.producer}:
            sitting |= {person.email for person in other.approvers}
    return len(sitting & agreed) >= seat.quorum


def _is_about(approval: ApprovalRecord, ballot: Ballot) -> bool:
    """Tell whether a ballot speaks of the request as this stage has it."""
    digests = {ballot.digest, None if ballot.link is None else ballot.link.digest} - {None}
    return digests <= {approval.digest}


_WORDS: dict[Decision, str] = {"APPROVE": "you approved it", "DENY": "you denied it"}
