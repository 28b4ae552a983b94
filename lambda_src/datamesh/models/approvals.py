"""Approvals: who was asked to decide on a request, what they said, and the links that let them say it."""

import uuid
from typing import ClassVar, Literal

from pydantic import Field

from datamesh.models.base import DomainName, Model, UtcTime
from datamesh.models.people import Email, Person
from datamesh.models.policy import PolicyName
from datamesh.models.registry import Key, Record, request_pk

Decision = Literal["APPROVE", "DENY"]
StageStatus = Literal["OPEN", "APPROVED", "DENIED", "EXPIRED", "CANCELLED"]
SYSTEM = "datamesh"
MAX_COMMENT = 2_048


class Seat(Model):
    """A place at a stage: of these people so many must agree. One per producer, or one for groups of the policy."""

    groups: tuple[PolicyName, ...]
    producer: DomainName | None = None
    approvers: tuple[Person, ...] = Field(
        description="Eligible people only: nobody of the consumer, not the requester."
    )
    topic_arn: str | None = Field(None, description="SNS topic that reaches them by mail.")
    quorum: int


class Vote(Model):
    """What one person said."""

    approver: Email
    decision: Decision
    comment: str = Field(max_length=MAX_COMMENT)
    at: UtcTime
    via: Literal["link", "portal", "webhook"]


class AskedTable(Model):
    """What a request would show of a table, as those who decide are told."""

    name: str = Field(description="Of a tag expression `<database>.<table>`.")
    columns: tuple[str, ...] = Field((), description="Of many the first ones.")
    column_count: int
    sensitive: tuple[str, ...] = ()


class ApprovalRecord(Record):
    """A stage of a request's approval. `task_token` never leaves the registry but to Step Functions."""

    kind: ClassVar[str] = "approval"

    request_id: uuid.UUID
    number: int = Field(ge=0, description="Place of the stage in the rule.")
    name: PolicyName
    digest: str = Field(description="Of the request and what it exposes: another digest voids links and votes.")
    status: StageStatus = "OPEN"
    shown: tuple[AskedTable, ...] = Field((), description="What the digest speaks of, for those who decide.")
    seats: tuple[Seat, ...]
    escalation: tuple[Seat, ...] = Field((), description="Who may decide as well since the deadline was over once.")
    votes: tuple[Vote, ...] = ()
    opened_at: UtcTime
    deadline: UtcTime
    escalated: bool = False
    told: bool = Field(False, description="The notifications of its opening, or of its escalation, are queued.")
    task_token: str | None = None
    answered: bool = Field(False, description="Step Functions has taken the answer.")
    decided_at: UtcTime | None = None
    cancelled_by: str | None = Field(None, description="Who took the request back, as its history names them.")
    reason: str | None = None

    @property
    def key(self) -> Key:
        return approval_key(self.request_id, self.number)

    @property
    def approvers(self) -> frozenset[str]:
        """The addresses of all who may decide."""
        return frozenset(person.email for seat in (*self.seats, *self.escalation) for person in seat.approvers)


class LinkRecord(Record):
    """A link that lets one person decide once on one stage. Its id is random; the signature stands in the link only."""

    kind: ClassVar[str] = "link"

    link_id: str
    request_id: uuid.UUID
    number: int
    digest: str
    approver: Email
    expires_at: UtcTime
    used_at: UtcTime | None = None

    @property
    def key(self) -> Key:
        return link_key(self.link_id)

    @property
    def signed_text(self) -> str:
        """What the signature covers."""
        parts = (
            self.link_id,
            self.request_id,
            self.number,
            self.digest,
            self.approver,
            int(self.expires_at.timestamp()),
        )
        return "\n".join(str(part) for part in ("datamesh-approval-link-v1", *parts))


class OpenApproval(Record):
    """A stage that waits, or whose answer Step Functions has not taken. All lie together: a sweeper asks for all."""

    kind: ClassVar[str] = "open_approval"

    request_id: uuid.UUID
    number: int
    deadline: UtcTime

    @property
    def key(self) -> Key:
        return Key(pk=OPEN_APPROVALS, sk=f"{self.request_id}#{self.number}")


OPEN_APPROVALS = "OPENAPPROVALS"


def approval_key(request_id: uuid.UUID, number: int) -> Key:
    """Return the key of a stage of a request's approval."""
    return Key(pk=request_pk(request_id), sk=f"STAGE#{number:02d}")


def link_key(link_id: str) -> Key:
    """Return the key of an approval link."""
    return Key(pk=f"LINK#{link_id}", sk="META")
