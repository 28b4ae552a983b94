"""What people are told, through which channel. Links and signatures are made when it is sent, never queued."""

import uuid
from typing import ClassVar, Literal

from pydantic import Field

from datamesh.models.base import ArnText, DomainName, Model, UtcTime
from datamesh.models.people import Email
from datamesh.models.registry import Key, Record, request_pk

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
    digest: str | None = None
    """The stage's: when the request changes, everybody is told anew."""
    channel: Literal["mail", "slack", "webhook"]
    to: Email | None = None
    """With `mail`: the person; the topic's filter policy lets only this person's subscription have it."""
    topic_arn: str | None = None
    domain: DomainName | None = None

    @property
    def id(self) -> str:
        """The same message has the same id: it is sent once."""
        parts = (self.kind, self.request_id, self.number, self.digest, self.channel, self.to, self.topic_arn)
        return "#".join(str(part) for part in parts)


class NotificationRecord(Record):
    """That a message is being sent, or was. Kept: the queue may bring the same message again at any time.

    `about` names what it said: the same stage asked anew for something else, or a longer access, is told anew.
    """

    kind: ClassVar[str] = "notification"

    request_id: uuid.UUID
    notification_id: str
    about: str
    lease_expires_at: UtcTime = Field(description="Until then only who wrote this sends it.")
    sent_at: UtcTime | None = None

    @property
    def key(self) -> Key:
        return notification_key(self.request_id, self.notification_id)


class Channels(Model):
    """Which channels there are besides mail: the secrets that say where they are."""

    slack_secret_arn: ArnText | None = None
    webhook_secret_arn: ArnText | None = None


class ChannelSecret(Model):
    """The secret of a channel: where it is and, of the signed one, what both sides sign with."""

    url: str = Field(max_length=2_048)
    secret: str | None = Field(None, min_length=32, max_length=1_024)


def notification_key(request_id: uuid.UUID, notification_id: str) -> Key:
    """Return the key of what was sent about a request."""
    return Key(pk=request_pk(request_id), sk=f"TOLD#{notification_id}")
