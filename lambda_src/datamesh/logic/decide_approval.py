"""decide_approval: what a person with a link is shown, and what becomes of a decision by link or webhook.

Showing changes nothing at all, because mail scanners and previews open every link; only a posted form decides.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import AliasChoices, Field

from datamesh.logic.access_ports import Signatures
from datamesh.logic.approval_links import check_signature, known_link
from datamesh.logic.deciding import Deciding
from datamesh.logic.ports import Registry
from datamesh.logic.votes import Ballot, check_eligible, check_open, vote_of
from datamesh.models.approvals import MAX_COMMENT, ApprovalRecord, Decision, LinkRecord
from datamesh.models.base import OpenModel
from datamesh.models.errors import BallotIncomplete, LinkForged, RequestChanged, StageNotFound, VoteNotTaken
from datamesh.models.people import Email
from datamesh.models.registry import RequestRecord

VIA_LINK: Literal["link"] = "link"
_DECISIONS: Mapping[str, Decision] = {"APPROVE": "APPROVE", "DENY": "DENY"}


class Sight(NamedTuple):
    """What a person is shown: the request, the stage, how it stands, and why it cannot be decided on any more."""

    link: LinkRecord
    request: RequestRecord
    approval: ApprovalRecord
    stages: tuple[ApprovalRecord, ...]
    hidden: Mapping[str, tuple[str, ...]]
    """By table: columns that it has and that would not be shown."""
    problem: VoteNotTaken | None


class Form(NamedTuple):
    """What was posted."""

    signature: str | None
    decision: str | None
    comment: str


class WebhookVote(OpenModel):
    """What a ticketing system says that a person has decided."""

    request_id: uuid.UUID
    number: int = Field(ge=0, le=99, validation_alias=AliasChoices("number", "stage"))
    digest: str | None = None
    approver: Email
    decision: Decision
    comment: str = Field("", max_length=MAX_COMMENT)


class ApprovalDecisions:
    """What the pages and the webhook do."""

    def __init__(self, registry: Registry, deciding: Deciding, signatures: Signatures) -> None:
        self._registry = registry
        self._deciding = deciding
        self._signatures = signatures

    def show(self, link_id: str, signature: str | None, now: datetime) -> Sight:
        """Return what the owner of a link is shown. Writes nothing, not even of what is refused.

        Raises LinkUnknown, LinkForged, StageNotFound, RequestChanged, NotEligible.
        """
        link = known_link(self._registry, link_id)
        check_signature(self._signatures, link, signature)
        return self._sight(link, now)

    def decide(self, link_id: str, form: Form, now: datetime) -> Sight:
        """Take the decision of a link's owner, and return how it stands then.

        Raises a VoteNotTaken: LinkUnknown leaves no trace, a form that is not filled in neither; the ledger keeps all
        others.
        """
        link = known_link(self._registry, link_id)
        try:
            check_signature(self._signatures, link, form.signature)
        except LinkForged as forged:
            self._deciding.refused(link.request_id, link.number, link.approver, forged, now, via=VIA_LINK)
            raise
        ballot = Ballot(
            approver=link.approver,
            decision=_decision(form),
            comment=_comment(form),
            via=VIA_LINK,
            link=link,
        )
        self._deciding.vote(link.request_id, link.number, ballot, now)
        return self._sight(link, now)

    def decide_by_webhook(self, vote: WebhookVote, now: datetime) -> ApprovalRecord:
        """Take the decision that a ticketing system tells of. Raises a VoteNotTaken, which the ledger keeps."""
        ballot = Ballot(
            approver=vote.approver,
            decision=vote.decision,
            comment=vote.comment,
            via="webhook",
            digest=vote.digest,
        )
        return self._deciding.vote(vote.request_id, vote.number, ballot, now)

    def _sight(self, link: LinkRecord, now: datetime) -> Sight:
        registry = self._registry
        request = registry.request(link.request_id)
        stages = registry.approvals(link.request_id)
        approval = next((stage for stage in stages if stage.number == link.number), None)
        if request is None or approval is None:
            raise StageNotFound("There is no such request any more")
        if approval.digest != link.digest:
            raise RequestChanged("The request has changed since you were asked: open the link of the latest message")
        probe = Ballot(approver=link.approver, decision="APPROVE", comment="", via=VIA_LINK, link=link)
        problem: VoteNotTaken | None = None
        if vote_of(approval, link.approver) is None:
            consumer = registry.domain(request.domain)
            check_eligible(approval, request, stages, None if consumer is None else consumer.config, probe)
            try:
                check_open(approval, request, probe, now)
            except VoteNotTaken as refusal:
                problem = refusal
        return Sight(link, request, approval, tuple(stages), self._hidden(request, approval), problem)

    def _hidden(self, request: RequestRecord, approval: ApprovalRecord) -> dict[str, tuple[str, ...]]:
        if request.product is None:
            return {}
        shown = {table.name: set(table.columns) for table in approval.shown if len(table.columns) == table.column_count}
        shown |= {name: set(columns) for name, columns in request.columns.items() if name not in shown}
        hidden = {}
        for table in self._registry.tables(request.product.domain, request.product.name):
            if table.name in shown and table.index is not None:
                names = tuple(column.name for column in table.index.columns)
                hidden[table.name] = tuple(name for name in names if name not in shown[table.name])
        return hidden


def _decision(form: Form) -> Decision:
    decision = _DECISIONS.get(form.decision or "")
    if decision is None:
        raise BallotIncomplete("Please choose whether you approve or deny it")
    return decision


def _comment(form: Form) -> str:
    # Browsers send line ends as two characters.
    comment = form.comment.replace("\r\n", "\n").strip()
    if len(comment) > MAX_COMMENT:
        raise BallotIncomplete(f"Please say it in at most {MAX_COMMENT} characters")
    return comment
