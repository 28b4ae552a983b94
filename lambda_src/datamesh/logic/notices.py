"""Who is told of what became of a request: its approvers, the channels, and whoever asked."""

from collections.abc import Iterator
from typing import Literal

from datamesh.logic.notification_stories import seated
from datamesh.logic.ports import Registry
from datamesh.models.notifications import Notification
from datamesh.models.registry import RequestRecord

NoticeKind = Literal["decided", "access_expiring", "access_ended"]


def notices_for(registry: Registry, request: RequestRecord, kind: NoticeKind) -> tuple[Notification, ...]:
    """Return what to put into the outbox, after the registry says what is told.

    Everybody who was asked to decide hears of it by mail, over the topic that asked them, and so do the channels. Who
    asked hears of it over the topic of the own domain, when that knows the address. Of a request on which nobody
    decided only who asked is told. The same request and kind give the same notifications: repeating is harmless.
    """
    found = [*_of_approvers(registry, request, kind), *_of_requester(registry, request, kind)]
    return tuple({notification.id: notification for notification in found}.values())


def _of_approvers(registry: Registry, request: RequestRecord, kind: NoticeKind) -> Iterator[Notification]:
    approvals = registry.approvals(request.request_id)
    for approval in approvals:
        for seat in (*approval.seats, *approval.escalation):
            if seat.topic_arn is None:
                continue
            for person in seated((seat,)):
                yield Notification(
                    kind=kind,
                    request_id=request.request_id,
                    channel="mail",
                    to=person.email,
                    topic_arn=seat.topic_arn,
                    domain=seat.producer,
                )
    if approvals:
        for channel in ("slack", "webhook"):
            yield Notification(kind=kind, request_id=request.request_id, channel=channel)


def _of_requester(registry: Registry, request: RequestRecord, kind: NoticeKind) -> Iterator[Notification]:
    consumer = registry.domain(request.domain)
    config = consumer.config if consumer is not None else None
    if request.requested_by is None or config is None or config.approval_topic_arn is None:
        return
    # A topic has one subscription for each of these people, and none for others.
    if request.requested_by in {person.email for person in (*config.product_owners, *config.data_stewards)}:
        yield Notification(
            kind=kind,
            request_id=request.request_id,
            channel="mail",
            to=request.requested_by,
            topic_arn=config.approval_topic_arn,
            domain=request.domain,
        )
