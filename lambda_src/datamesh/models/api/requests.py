"""Requests for access and the decisions on them, as the API shows and takes them."""

import uuid
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from datamesh.models.api.base import Page
from datamesh.models.approvals import MAX_COMMENT, AskedTable, Decision, StageStatus
from datamesh.models.base import DomainName, Model, PrincipalArn, TableName, UtcTime
from datamesh.models.commands import (
    MAX_DURATION_DAYS,
    MAX_PRINCIPALS,
    MAX_TABLES,
    ColumnNames,
    Justification,
    ProductRef,
    Purpose,
    RowFilter,
)
from datamesh.models.people import Email
from datamesh.models.registry import RequestStatus, StateChange
from datamesh.models.tags import TagExpression


class AccessRequest(Model):
    """What is asked for: a product (or tables, columns, rows of it), or whatever carries certain LF-tags."""

    domain: DomainName = Field(description="The consumer, which asks.")
    product: ProductRef | None = None
    tables: tuple[TableName, ...] | None = Field(None, min_length=1, max_length=MAX_TABLES)
    columns: dict[TableName, ColumnNames] = Field(default_factory=dict, max_length=MAX_TABLES)
    rows: dict[TableName, RowFilter] = Field(default_factory=dict, max_length=MAX_TABLES)
    later_tables: Literal["excluded", "included"] = "excluded"
    expression: TagExpression | None = None
    principals: tuple[PrincipalArn, ...] = Field(min_length=1, max_length=MAX_PRINCIPALS)
    justification: Justification
    purpose: Purpose | None = None
    duration_days: int | None = Field(None, ge=1, le=MAX_DURATION_DAYS)

    @model_validator(mode="after")
    def _by_name_or_by_tag(self) -> Self:
        if (self.product is None) == (self.expression is None):
            raise ValueError("give exactly one of product and expression")
        return self


class AskedStage(Model):
    """Who would have to agree, or has to."""

    name: str
    approvers: tuple[Email, ...] = Field((), description="Who may decide; eligible people only.")
    quorum: int
    deadline_hours: int


class AccessPreview(Model):
    """The policy's answer to a request before it is sent. Nothing is changed by asking."""

    outcome: Literal["GRANTED_AT_ONCE", "NEEDS_APPROVAL", "REJECTED"]
    rule: str | None = None
    sensitive: bool = True
    reasons: tuple[str, ...] = ()
    stages: tuple[AskedStage, ...] = ()
    duration_days: int | None = None
    shown: tuple[AskedTable, ...] = ()
    code: str | None = Field(None, description="Of the rejection.")
    message: str | None = None
    field: str | None = None


class VoteView(Model):
    """What somebody said."""

    approver: Email
    decision: Decision
    comment: str
    at: UtcTime
    via: Literal["link", "portal", "webhook"]


class StageView(Model):
    """A stage of a request's approval."""

    number: int
    name: str
    status: StageStatus
    approvers: tuple[Email, ...]
    quorum: int
    votes: tuple[VoteView, ...] = ()
    opened_at: UtcTime
    deadline: UtcTime
    escalated: bool = False
    reason: str | None = None


class RequestSummary(Model):
    """A request in a list."""

    request_id: uuid.UUID
    sort: Literal["access", "extension", "widening"]
    of: uuid.UUID | None = None
    status: RequestStatus
    domain: DomainName
    product: ProductRef | None = None
    expression: dict[str, tuple[str, ...]] | None = None
    requested_by: Email | None = None
    requested_at: UtcTime | None = None
    expires_at: UtcTime | None = None
    reason: str | None = Field(None, description="Why it was denied, rejected, or ended.")
    waiting_for: str | None = Field(None, description="The stage that is being decided on.")


class RequestPage(Page):
    """Requests, the newest first."""

    items: tuple[RequestSummary, ...]


class RequestDetail(RequestSummary):
    """A request with its decision and its life."""

    tables: tuple[TableName, ...] = ()
    columns: dict[TableName, tuple[str, ...]] = Field(default_factory=dict)
    rows: dict[TableName, str] = Field(default_factory=dict)
    later_tables: Literal["excluded", "included"] = "excluded"
    principals: tuple[str, ...]
    justification: str
    purpose: str | None = None
    duration_days: int | None = None
    rule: str | None = Field(None, description="Of the approval policy, that decided.")
    sensitive: bool | None = None
    reasons: tuple[str, ...] = ()
    stages: tuple[StageView, ...] = ()
    history: tuple[StateChange, ...] = ()
    granted_at: UtcTime | None = None
    rejection: str | None = None
    rejected_field: str | None = None
    may_cancel: bool = False
    may_extend: bool = False
    may_revoke: bool = False


class Extension(Model):
    """Asks to keep access."""

    duration_days: int = Field(ge=1, le=MAX_DURATION_DAYS)
    justification: Justification


class EndingReason(Model):
    """Why a request is taken back, or access ended."""

    reason: Justification


class ExposedTable(Model):
    """What a request would show of a table, beside what the consumer's same principals have already."""

    name: str
    columns: tuple[str, ...] = ()
    column_count: int
    sensitive: tuple[str, ...] = ()
    hidden: tuple[str, ...] = Field((), description="Columns that the table has and that would not be shown.")
    already: tuple[str, ...] = Field((), description="Of the columns those that the consumer can read already.")
    rows: str | None = None


class ApprovalSummary(Model):
    """A stage that waits for a decision."""

    request_id: uuid.UUID
    number: int
    name: str
    domain: DomainName
    product: ProductRef | None = None
    expression: dict[str, tuple[str, ...]] | None = None
    requested_by: Email | None = None
    justification: str
    opened_at: UtcTime
    deadline: UtcTime
    sensitive: bool


class ApprovalPage(Page):
    """Stages that wait for the one who asks."""

    items: tuple[ApprovalSummary, ...]


class ApprovalDetail(ApprovalSummary):
    """All that somebody needs to decide."""

    status: StageStatus
    digest: str = Field(description="Of what is asked; sent back with the decision.")
    purpose: str | None = None
    duration_days: int | None = None
    principals: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    exposed: tuple[ExposedTable, ...]
    stages: tuple[StageView, ...]
    may_decide: bool
    why_not: str | None = None


class DecisionGiven(Model):
    """What somebody decides."""

    decision: Decision
    comment: Annotated[str, Field(max_length=MAX_COMMENT)] = ""
    digest: str = Field(description="As it was shown: another one means that the request has changed since.")


class DecisionTaken(Model):
    """How the stage stands after a decision."""

    request_id: uuid.UUID
    number: int
    status: StageStatus


class ApprovalLink(Model):
    """Where an approval link of a mail leads, for the person whom it was sent to."""

    request_id: uuid.UUID
    number: int
