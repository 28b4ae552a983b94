"""The envelope of mesh events: what EventBridge adds, what `detail` holds, and how an event is made.

Every detail-type is a class in `commands` or `facts`; the class name is the detail-type.
"""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError

from datamesh.models.base import AccountId, Model, NonEmpty, OpenModel, UtcTime
from datamesh.models.errors import InvalidCommand, InvalidEvent
from datamesh.models.people import Email

SCHEMA_VERSION: Literal["1.0"] = "1.0"
CENTRAL_SOURCE: Literal["datamesh.central"] = "datamesh.central"
DOMAIN_SOURCE: Literal["datamesh.domain"] = "datamesh.domain"
# Ids of events are derived from what caused them: a repeated step says the same event again, not a second one.
EVENT_NAMESPACE = uuid.UUID("6f1d4a52-5b0e-5c61-9a53-3f2b7c1de0a4")


class Metadata(OpenModel):
    """Who caused what, when, and for whom."""

    schema_version: Literal["1.0"] = Field(SCHEMA_VERSION, description="Version of the event contract.")
    event_id: uuid.UUID = Field(description="Identity of this event; the same when it is sent again.")
    correlation_id: uuid.UUID = Field(description="Shared by all events of one flow.")
    causation_id: uuid.UUID | None = Field(None, description="`event_id` of the event that led to this one.")
    occurred_at: UtcTime = Field(description="When it happened, UTC. Decides which of two events is the newer.")
    target_account: AccountId | None = Field(None, description="The one account that central addresses.")
    person: Email | None = Field(
        None, description="Who asked for it by the API. Believed only of what central's own account says."
    )


class EventData(Model):
    """Base of the `data` of all events."""

    sources: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def detail_type(cls) -> str:
        """Return the detail-type: the class name."""
        return cls.__name__


class Command(EventData):
    """Asks central for something. The envelope's account is the proof of who asks.

    Most are sent by a domain's account, or by central's own, which says what a person asked of the API.
    """

    sources: ClassVar[tuple[str, ...]] = (DOMAIN_SOURCE, CENTRAL_SOURCE)


class CentralFact(EventData):
    """Something that central did."""

    model_config = OpenModel.model_config
    sources: ClassVar[tuple[str, ...]] = (CENTRAL_SOURCE,)


class DomainFact(EventData):
    """Something that a domain did."""

    model_config = OpenModel.model_config
    sources: ClassVar[tuple[str, ...]] = (DOMAIN_SOURCE,)


DataT = TypeVar("DataT", bound=EventData)


class Envelope(OpenModel):
    """An EventBridge event. `account` is set by EventBridge and is the only sender that the mesh believes.

    Source: https://docs.aws.amazon.com/eventbridge/latest/ref/events-structure.html
    """

    version: str = "0"
    id: NonEmpty
    detail_type: NonEmpty = Field(alias="detail-type")
    source: NonEmpty
    account: AccountId
    time: UtcTime
    region: NonEmpty
    resources: tuple[str, ...] = ()
    detail: dict[str, Any]

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> "Envelope":
        """Read an envelope. Raises InvalidEvent when it is none: EventBridge always writes a complete one."""
        try:
            return cls.model_validate(event)
        except ValidationError as error:
            raise InvalidEvent(f"Not an EventBridge event: {describe(error)}") from error

    def metadata(self) -> Metadata:
        """Return the metadata. Raises InvalidEvent when it does not follow the contract."""
        try:
            return Metadata.model_validate(self.detail.get("metadata"))
        except ValidationError as error:
            raise InvalidEvent(f"Invalid metadata: {describe(error)}") from error

    def metadata_or_substitute(self) -> Metadata:
        """Return the metadata, or one derived from the envelope, so that even a broken command can be answered."""
        try:
            return self.metadata()
        except InvalidEvent:
            substitute = uuid.uuid5(EVENT_NAMESPACE, self.id)
            return Metadata(event_id=substitute, correlation_id=substitute, occurred_at=self.time)

    def data(self, model: type[DataT]) -> DataT:
        """Return the data as the given model.

        Raises InvalidEvent when the detail-type or the source is another, or the data does not follow the model.
        """
        if self.detail_type != model.detail_type():
            raise InvalidEvent(f"Expected {model.detail_type()}, got {self.detail_type}")
        if self.source not in model.sources:
            raise InvalidEvent(f"{self.detail_type} does not come from {self.source}")
        try:
            return model.model_validate(self.detail.get("data"))
        except ValidationError as error:
            raise InvalidEvent(f"Invalid {self.detail_type}: {describe(error)}") from error

    def command(self, model: type[DataT]) -> tuple[Metadata, DataT]:
        """Return metadata and data of a command.

        Raises InvalidCommand naming the first field at fault, because that is the sender's to mend.
        """
        try:
            metadata = Metadata.model_validate(self.detail.get("metadata"))
        except ValidationError as error:
            raise InvalidCommand(describe(error), field=_path("metadata", error)) from error
        if self.detail_type != model.detail_type() or self.source not in model.sources:
            raise InvalidEvent(f"Expected {model.detail_type()}, got {self.detail_type} from {self.source}")
        try:
            return metadata, model.model_validate(self.detail.get("data"))
        except ValidationError as error:
            raise InvalidCommand(describe(error), field=_path("", error)) from error


class Entry(Model):
    """One entry of `events:PutEvents`, as a state machine takes it.

    Source: https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsRequestEntry.html
    """

    source: str = Field(alias="Source")
    detail_type: str = Field(alias="DetailType")
    detail: dict[str, Any] = Field(alias="Detail")


def describe(error: ValidationError) -> str:
    """Return the first problem of a validation error, with its place, without the (possibly private) input."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    more = error.error_count() - 1
    return f"{place or 'event'}: {first['msg']}" + (f" (and {more} more)" if more else "")


def _path(start: str, error: ValidationError) -> str | None:
    parts = [start] if start else []
    parts += [str(part) for part in error.errors(include_url=False)[0]["loc"]]
    return ".".join(parts) or None


def derived_id(cause: uuid.UUID, *parts: str) -> uuid.UUID:
    """Return the id of what follows from `cause`: the same cause and parts give the same id."""
    return uuid.uuid5(EVENT_NAMESPACE, "/".join([str(cause), *parts]))


def make_entry(
    data: EventData,
    *,
    cause: Metadata,
    now: datetime,
    source: str | None = None,
    target_account: str | None = None,
    discriminator: str = "",
) -> Entry:
    """Build the entry that says `data` as a consequence of `cause`.

    The correlation id is carried on, and the event id follows from the cause, so a repeated step publishes the same
    event. `discriminator` tells apart several events of one type with one cause. What both domains and central may say
    central says by this: domains' own commands are not made here.
    """
    own = CENTRAL_SOURCE if CENTRAL_SOURCE in data.sources else data.sources[0]
    metadata = Metadata(
        event_id=derived_id(cause.event_id, data.detail_type(), discriminator),
        correlation_id=cause.correlation_id,
        causation_id=cause.event_id,
        occurred_at=now,
        target_account=target_account,
    )
    shown = metadata.to_json()
    for name in ("target_account", "person"):
        if shown[name] is None:
            del shown[name]
    return Entry(
        source=source or own,
        detail_type=data.detail_type(),
        detail={"metadata": shown, "data": data.to_json()},
    )
