"""send_notification: one message of the outbox → through its channel, once as far as that is possible.

The queue delivers at least once. Before a message is sent a NotificationRecord claims it, conditionally; after that the
record says that it was sent. A duplicate finds the record and sends nothing. Only a crash between the channel's taking
the message and the record's saying so sends it twice, because no channel can be asked whether it has it: people would
rather hear twice than never. The signed webhook gets the same `Idempotency-Key` then.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from datamesh.logic.access_ports import ChannelSecrets, Mail, Signatures, Web
from datamesh.logic.approval_links import make_link
from datamesh.logic.notification_forms import (
    document,
    encoded,
    idempotency_key,
    mail_subject,
    mail_text,
    signed_headers,
    slack_message,
)
from datamesh.logic.notification_stories import Story, story_of
from datamesh.logic.ports import Registry
from datamesh.models.approvals import ApprovalRecord
from datamesh.models.errors import BeingSent, DeliveryFailed, NothingToTellYet, WriteConflict
from datamesh.models.notifications import Channels, Notification, NotificationRecord
from datamesh.models.registry import RequestRecord, Save

# Longer than the function may run, shorter than the queue hides a message: a retry finds it lapsed.
LEASE = timedelta(seconds=90)
Outcome = Literal["sent", "repeated", "stale", "no channel"]


@dataclass(frozen=True)
class World:
    """What sending needs."""

    registry: Registry
    mail: Mail
    web: Web
    secrets: ChannelSecrets
    signatures: Signatures


class NotificationSending:
    """Sends one notification after the other. People's links are below `link_base_url`, programs answer `base_url`."""

    def __init__(self, world: World, *, channels: Channels, base_url: str, link_base_url: str) -> None:
        self._world = world
        self._channels = channels
        self._base_url = base_url.rstrip("/")
        self._link_base_url = link_base_url.rstrip("/")

    def send(self, notification: Notification, now: datetime) -> Outcome:
        """Send a notification, unless it was sent, is stale, or there is no such channel.

        Raises DeliveryFailed when the channel does not take it, NothingToTellYet, BeingSent: the queue brings it again.
        """
        registry = self._world.registry
        if not self._reachable(notification):
            return "no channel"
        request = registry.request(notification.request_id)
        if request is None:
            raise NothingToTellYet(f"There is no request {notification.request_id} yet")
        approval = (
            registry.approval(request.request_id, notification.number) if notification.number is not None else None
        )
        story = story_of(notification, request, approval, now)
        if story is None:
            return "stale"
        claim = self._claim(notification, story, now)
        if claim is None:
            return "repeated"
        self._deliver(notification, story, request, approval, now)
        # Whoever took the claim over, when it had lapsed, is sending it too: there is nothing left to save.
        with suppress(WriteConflict):
            registry.write([Save(claim.model_copy(update={"version": claim.version + 1, "sent_at": now}))])
        return "sent"

    def _reachable(self, notification: Notification) -> bool:
        match notification.channel:
            case "mail":
                return notification.topic_arn is not None and notification.to is not None
            case "slack":
                return self._channels.slack_secret_arn is not None
            case "webhook":
                return self._channels.webhook_secret_arn is not None

    def _claim(self, notification: Notification, story: Story, now: datetime) -> NotificationRecord | None:
        """Claim a message; None when just this was sent. Raises BeingSent while another invocation has it."""
        registry = self._world.registry
        found = registry.notification(notification.request_id, notification.id)
        if found is not None and found.about == story.about:
            if found.sent_at is not None:
                return None
            if now < found.lease_expires_at:
                raise BeingSent(f"{notification.kind} is being sent until {found.lease_expires_at}")
        claim = NotificationRecord(
            request_id=notification.request_id,
            notification_id=notification.id,
            about=story.about,
            lease_expires_at=now + LEASE,
            version=found.version + 1 if found is not None else 1,
        )
        try:
            registry.write([Save(claim)])
        except WriteConflict as conflict:
            raise BeingSent(f"{notification.kind} has just been claimed: {conflict.message}") from conflict
        return claim

    def _deliver(
        self,
        notification: Notification,
        story: Story,
        request: RequestRecord,
        approval: ApprovalRecord | None,
        now: datetime,
    ) -> None:
        match notification.channel:
            case "mail":
                self._mail(notification, story, approval, now)
            case "slack":
                place = self._world.secrets.read(_given(self._channels.slack_secret_arn))
                body = encoded(slack_message(story))
                self._world.web.post(place.url, body, {"Content-Type": "application/json"})
            case "webhook":
                place = self._world.secrets.read(_given(self._channels.webhook_secret_arn))
                if place.secret is None:
                    raise DeliveryFailed("The secret of the webhook has no key `secret` to sign with")
                body = encoded(document(notification, story, request, approval, self._base_url))
                key = idempotency_key(notification, story.about)
                self._world.web.post(place.url, body, signed_headers(place.secret, body, key=key, now=now))

    def _mail(self, notification: Notification, story: Story, approval: ApprovalRecord | None, now: datetime) -> None:
        to = _given(notification.to)
        link = None
        if approval is not None and story.asks_for_decision:
            world = self._world
            link = make_link(world.registry, world.signatures, approval, to, base_url=self._link_base_url, now=now)
        self._world.mail.publish(
            _given(notification.topic_arn), to=to, subject=mail_subject(story.subject), text=mail_text(story, link)
        )


def _given(value: str | None) -> str:
    assert value is not None  # noqa: S101 - _reachable has looked
    return value
