"""Handler of send_notification: messages of the outbox, some at a time; those that failed stay in the queue."""

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from datamesh.aws.mail import Mail
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.aws.secrets import ChannelSecrets
from datamesh.aws.signatures import Signatures
from datamesh.aws.web import Web
from datamesh.handlers._runtime import Json, observed, utc_now
from datamesh.logic.send_notification import NotificationSending, World
from datamesh.models.errors import DatameshError, InvalidEvent, Transient
from datamesh.models.events import describe
from datamesh.models.notifications import Notification
from datamesh.observability import count, logger
from datamesh.settings import SendNotificationSettings, load

# All messages of a batch share the function's time: what takes longer waits in the queue.
PATIENCE = 15.0


def _flow() -> NotificationSending:
    settings = load(SendNotificationSettings)
    retrier = Retrier(total=PATIENCE)
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        mail=Mail(retrier=retrier),
        web=Web(),
        secrets=ChannelSecrets(retrier=retrier),
        signatures=Signatures(settings.approval_key_id, retrier=retrier),
    )
    return NotificationSending(
        world,
        channels=settings.notification_channels,
        base_url=settings.approval_base_url,
        link_base_url=settings.approval_link_base_url,
    )


@observed
def handler(event: Json, context: LambdaContext) -> Json:
    """Send the batch's messages, and answer which ones failed: only these come again, in the end to the dead letters.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    flow = _flow()

    def send(record: SQSRecord) -> str:
        try:
            notification = Notification.model_validate_json(record.body)
        except ValidationError as error:
            logger.exception("Not a notification", message_id=record.message_id)
            raise InvalidEvent(f"Not a notification: {describe(error)}") from error
        logger.append_keys(
            notification=notification.kind, channel=notification.channel, request_id=str(notification.request_id)
        )
        try:
            outcome = flow.send(notification, utc_now())
        except DatameshError as error:
            # A warning: the queue brings it again, and what stays undelivered raises the dead letters' alarm.
            logger.warning("Not sent", error=error.code, reason=error.message)
            count("NotificationRetried" if isinstance(error, Transient) else "NotificationFailed")
            raise
        logger.info("Notification done", outcome=outcome)
        count(f"Notification{outcome.title().replace(' ', '')}")
        return outcome

    # A batch that failed as a whole is no error of the function: its messages come again like any others.
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(event, record_handler=send, processor=processor, context=context)
    return dict(answer)
