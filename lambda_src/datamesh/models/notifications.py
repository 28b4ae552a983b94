"""What people are told, through which channel. Links and signatures are made when it is sent, never queued."""

import uuid
from typing import Literal

from datamesh.models.base import DomainName, Model
from datamesh.models.people import Email

NotificationKind = Literal[
    "approval_needed",  # to approvers
    "approval_escalated",
    "decided",  # to whoever was asked, and the requester
    "access_expiring",
    "access_ended",
]


class Notification(Model):
    """One message to send. What it says is read from the registry when it is sent."""

    kind: NotificationKind
    request_id: uuid.UUID
    number: int | None = None
    """The stage that it speaks of."""
    channel: Literal["mail", "slack", "webhook"]
    to: Email | None = None
    """With `mail`: the person; the topic's filter policy lets only this person's subscription have it."""
    topic_arn: str | None = None
    domain: DomainName | None = None

    @property
    def id(self) -> str:
        """The same message has the same id: it is sent once."""
        parts = (self.kind, self.request_id, self.number, self.channel, self.to, self.topic_arn)
        return "#".join(str(part) for part in parts)
