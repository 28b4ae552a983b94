"""What sending notifications needs, in memory; posts go to real servers where a test has one."""

from __future__ import annotations

from dataclasses import dataclass, field

from datamesh.logic.access_ports import Web
from datamesh.logic.send_notification import NotificationSending, World
from datamesh.models.errors import DeliveryFailed
from datamesh.models.notifications import Channels, ChannelSecret, Notification
from tests.support.approvals import BASE_URL, REQUEST, WaitingRequest

SLACK = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:slack-a1B2c3"
WEBHOOK = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:webhook-a1B2c3"
SHARED_SECRET = "0123456789abcdef0123456789abcdef"


@dataclass
class FakeMail:
    """The topics: what was published for whom."""

    sent: list[dict[str, str]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)

    def publish(self, topic_arn: str, *, to: str, subject: str, text: str) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append({"topic": topic_arn, "to": to, "subject": subject, "text": text})


class NoWeb:
    """Nobody is there."""

    def post(self, url: str, body: bytes, headers: object) -> None:
        raise DeliveryFailed("nobody is there")


class FakeSecrets:
    """The secrets of the channels."""

    def __init__(self, secrets: dict[str, ChannelSecret]) -> None:
        self._secrets = secrets

    def read(self, secret_arn: str) -> ChannelSecret:
        return self._secrets[secret_arn]


class Notifying:
    """A request that waits, and the function that tells of it."""

    def __init__(self, waiting: WaitingRequest, *, web: Web | None = None, url: str = "http://127.0.0.1:1") -> None:
        self.waiting = waiting
        self.link_base_url = BASE_URL
        self.mail = FakeMail()
        secrets = FakeSecrets(
            {SLACK: ChannelSecret(url=f"{url}/slack"), WEBHOOK: ChannelSecret(url=f"{url}/t", secret=SHARED_SECRET)}
        )
        self.world = World(waiting.registry, self.mail, web or NoWeb(), secrets, waiting.signatures)
        self.channels = Channels(slack_secret_arn=SLACK, webhook_secret_arn=WEBHOOK)

    def send(self, notification: Notification) -> str:
        """Send one as the function does."""
        flow = NotificationSending(
            self.world, channels=self.channels, base_url=BASE_URL, link_base_url=self.link_base_url
        )
        return flow.send(notification, self.waiting.now)

    def queued(self, channel: str, to: str | None = None) -> Notification:
        """Return what the opening of the stage has queued for a channel."""
        return next(
            message
            for message in reversed(self.waiting.outbox.queued)
            if message.channel == channel and to in {None, message.to}
        )

    def links(self) -> int:
        """Return how many links there are."""
        return sum(key.pk.startswith("LINK#") for key in self.waiting.registry.items)

    def everything_stored(self) -> str:
        """Return all that the registry, the ledger and the outbox hold."""
        items = self.waiting.registry.items.values()
        stored = [item if isinstance(item, str) else item.model_dump_json() for item in items]
        stored += [entry.model_dump_json() for entry in self.waiting.registry.ledger]
        return "\n".join([*stored, *(message.model_dump_json() for message in self.waiting.outbox.queued)])


def message(kind: str, channel: str = "mail", **changes: object) -> Notification:
    """Return a notification about the request."""
    return Notification.model_validate({"kind": kind, "request_id": REQUEST, "channel": channel} | changes)
