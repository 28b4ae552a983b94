"""The timeline: every event of the mesh and every execution in central, kept for people to look at. Not the truth.

It lies in a table of its own (`<prefix>-timeline`) whose items expire, written by record_event from mesh events and
Step Functions status changes. Everything in it may come twice and in any order.
"""

import uuid
from typing import Any, ClassVar, Literal

from pydantic import Field

from datamesh.models.api.operations import ExecutionStatus
from datamesh.models.base import Model, UtcTime

# Of one redrive: what runs has not ended yet, and what has ended may wait to be redriven.
_ORDER: dict[str, int] = {"RUNNING": 0, "SUCCEEDED": 1, "FAILED": 1, "TIMED_OUT": 1, "ABORTED": 1, "PENDING_REDRIVE": 2}


class TimelineEvent(Model):
    """A mesh event. Kept under its correlation id, and under each domain that it concerns.

    Keys: `pk` CORRELATION#<id> or DOMAIN#<name>#EVENTS or EVENTS#<yyyy-mm>; `sk` <occurred_at>#<event_id>.
    """

    kind: ClassVar[str] = "event"

    event_id: uuid.UUID
    correlation_id: uuid.UUID
    causation_id: uuid.UUID | None = None
    detail_type: str
    source: str
    account: str
    occurred_at: UtcTime
    target_account: str | None = None
    person: str | None = None
    domains: tuple[str, ...] = Field((), description="That it concerns: its sender's, its addressee's, those it names.")
    request_id: uuid.UUID | None = None
    data: dict[str, Any]


class TimelineExecution(Model):
    """An execution in central. The newest status wins: one that has ended is never running again, but by a redrive.

    Keys: `pk` CORRELATION#<id> or DOMAIN#<name>#EXECUTIONS or EXECUTIONS#<yyyy-mm> with `sk` <started_at>#<id>, and
    EXECUTION#<workflow>:<name>/META, which alone is read to find it.
    """

    kind: ClassVar[str] = "execution"

    workflow: str
    name: str
    execution_arn: str
    status: ExecutionStatus
    correlation_id: uuid.UUID | None = None
    event_id: uuid.UUID | None = Field(None, description="Of the event that started it.")
    source: str | None = Field(None, description="Of the event that started it: its id alone others can take as well.")
    account: str | None = Field(None, description="That sent the event that started it, as EventBridge knows it.")
    domains: tuple[str, ...] = ()
    subject: str | None = None
    started_at: UtcTime
    stopped_at: UtcTime | None = None
    redrive_count: int = 0
    error: str | None = None
    cause: str | None = None

    @property
    def execution_id(self) -> str:
        """Identity: `<workflow>:<name>`."""
        return f"{self.workflow}:{self.name}"

    @property
    def rank(self) -> int:
        """How new the status is: a redrive runs after what it redrives, and what has ended ran before."""
        return self.redrive_count * len(_ORDER) + _ORDER[self.status]

    def merged(self, other: "TimelineExecution") -> "TimelineExecution":
        """Return what two reports of one execution say together, whichever came first.

        The newest status wins with its end. What started the execution is known of those reports only in which its
        input was not too large.
        """
        newer, older = (other, self) if other.rank > self.rank else (self, other)
        known = newer if newer.event_id is not None or older.event_id is None else older
        return newer.model_copy(
            update={
                "correlation_id": known.correlation_id,
                "event_id": known.event_id,
                "source": known.source,
                "account": known.account,
                "domains": tuple(dict.fromkeys((*known.domains, *newer.domains, *older.domains))),
                "subject": known.subject,
                "started_at": min(newer.started_at, older.started_at),
            }
        )


LinkSignKind = Literal["SENT", "HEARD", "FAILED"]


class LinkSign(Model):
    """When something last passed between central and the account of a domain. The newest of a sort wins.

    Keys: `pk` DOMAIN#<name>#LINK, `sk` the sort: central addressed it (SENT), it said something (HEARD), or it said
    that a workflow of its own failed (FAILED).
    """

    kind: ClassVar[str] = "link"

    domain: str
    sign: LinkSignKind
    at: UtcTime
    text: str | None = Field(None, description="Of a failure: what failed and why.")


class LinkSigns(Model):
    """The signs of a domain."""

    sent: LinkSign | None = None
    heard: LinkSign | None = None
    failed: LinkSign | None = None
