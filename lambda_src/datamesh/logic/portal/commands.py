"""Commands of people: what the API puts on central's own bus.

Nobody but central's own account says `datamesh.central` there, so that the flows believe `metadata.person`: the API has
checked what that person may do.
"""

import hashlib
import json
import uuid
from datetime import datetime
from typing import NamedTuple

from datamesh.logic.answers import MAX_COMMAND_BYTES
from datamesh.logic.portal.authorization import Caller
from datamesh.models.api.base import Accepted
from datamesh.models.errors import CommandTooLarge
from datamesh.models.events import CENTRAL_SOURCE, EVENT_NAMESPACE, Command, Entry, Metadata, derived_id

# EventBridge's envelope around the detail, generously.
_ENVELOPE = 1_024


class Origin(NamedTuple):
    """Where a change comes from: who asks, when, and by which request. A repeated request has the same `cause`."""

    caller: Caller
    cause: uuid.UUID
    now: datetime

    @property
    def request_id(self) -> uuid.UUID:
        """The id of the request for access that is made, if one is."""
        return derived_id(self.cause, "request")


def cause_of(caller: Caller, operation: str, key: str) -> uuid.UUID:
    """Return the id that all follows from: the same whenever the person's request comes again."""
    return owned(uuid.uuid5(EVENT_NAMESPACE, "/".join(["api", caller.email, operation, key])), caller)


def owned(seed: uuid.UUID, caller: Caller) -> uuid.UUID:
    """Return an id that is made of a seed and tells whose it is: its second half follows from the first and the person.

    So whoever asks for an operation of its own before anything has been heard of it is told that it is under way, and
    nobody else. It gives no right: whoever makes up such an id learns that nothing was heard of it.
    """
    first = seed.bytes[:8]
    second = hashlib.sha256(b"/".join([EVENT_NAMESPACE.bytes, first, caller.email.encode()])).digest()[:8]
    # The variant of RFC 9562 in its two bits; the version lies in the first half.
    return uuid.UUID(bytes=first + bytes([0x80 | second[0] & 0x3F]) + second[1:])


def is_owned(identity: uuid.UUID, caller: Caller) -> bool:
    """Tell whether an id was made for this person."""
    return owned(identity, caller) == identity


def command_entry(data: Command, origin: Origin) -> Entry:
    """Return the entry that says a person's command on central's bus. Raises CommandTooLarge."""
    metadata = Metadata(
        event_id=derived_id(origin.cause, data.detail_type()),
        correlation_id=origin.cause,
        occurred_at=origin.now,
        person=origin.caller.email,
    )
    detail = {
        "metadata": {name: value for name, value in metadata.to_json().items() if name != "target_account"},
        "data": data.to_json(),
    }
    size = len(json.dumps(detail).encode()) + _ENVELOPE
    if size > MAX_COMMAND_BYTES:
        raise CommandTooLarge(f"The command has {size} bytes, more than {MAX_COMMAND_BYTES}: send fewer tables at once")
    return Entry(source=CENTRAL_SOURCE, detail_type=data.detail_type(), detail=detail)


def accepted(entry: Entry, request_id: uuid.UUID | None = None) -> Accepted:
    """Return what the person is told of a command that was published."""
    correlation_id = uuid.UUID(entry.detail["metadata"]["correlation_id"])
    return Accepted(correlation_id=correlation_id, command=entry.detail_type, request_id=request_id)
