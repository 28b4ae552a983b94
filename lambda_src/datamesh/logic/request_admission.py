"""Who asks for what: reads the three commands that ask for access into a request, and checks that it may be asked."""

import hashlib
import json
import uuid
from datetime import datetime
from typing import Any, NamedTuple

from datamesh.logic.admission import LEASE
from datamesh.logic.answers import read_command, stamp_of
from datamesh.logic.ports import Registry
from datamesh.logic.senders import RegisteredDomain, Sender, registered_sender, sender_of
from datamesh.models.arns import parse_arn
from datamesh.models.commands import (
    ExtendDataProductAccess,
    RequestDataProductAccess,
    WidenDataProductAccess,
)
from datamesh.models.errors import (
    CommandRejection,
    InvalidCommand,
    OwnProduct,
    PrincipalNotInDomain,
    RequestNotFound,
    SenderNotOwner,
)
from datamesh.models.events import Envelope, Metadata
from datamesh.models.registry import STANDING, RequestRecord
from datamesh.models.steps import StepRequest

AccessCommand = RequestDataProductAccess | ExtendDataProductAccess | WidenDataProductAccess
# Fields that came later: a request without them has the digest that it had before.
LATER_FIELDS = ("columns", "rows", "later_tables", "purpose", "duration_days", "requested_by")
UNORDERED = ("tables", "principals")


class Asking(NamedTuple):
    """A command, who sent it, and the domain that it is for."""

    envelope: Envelope
    metadata: Metadata
    command: AccessCommand
    sender: Sender
    consumer: RegisteredDomain
    digest: str


def read(request: StepRequest, registry: Registry, *, account_id: str, now: datetime) -> Asking:
    """Read the command and check that its sender may speak for the domain.

    Raises InvalidCommand and its like, DomainNotRegistered, SenderNotOwner, RecordBusy, RequestNotFound.
    """
    command: AccessCommand
    match request.envelope.detail_type:
        case "ExtendDataProductAccess":
            envelope, metadata, extension = read_command(request, ExtendDataProductAccess, now)
            command, name, account = extension, extension.domain, None
        case "WidenDataProductAccess":
            envelope, metadata, widening = read_command(request, WidenDataProductAccess, now)
            if envelope.account != account_id:
                raise SenderNotOwner("Only central itself widens what stands")
            widens = registry.request(widening.widens)
            if widens is None:
                raise RequestNotFound(f"There is no request {widening.widens}", "widens")
            command, name, account = widening, widens.domain, widens.account_id
        case _:
            envelope, metadata, access = read_command(request, RequestDataProductAccess, now)
            command, name, account = access, access.domain, None
    sender, domain = sender_of(envelope, metadata, account_id), registry.domain(name)
    _check_person(command, sender)
    consumer = registered_sender(domain, name, account or sender.account_of(domain))
    return Asking(envelope, metadata, command, sender, consumer, request_digest(command))


def _check_person(command: AccessCommand, sender: Sender) -> None:
    """Check that who asks by the API is who is said to ask: that one may not decide on it. Raises InvalidCommand."""
    if not sender.central or isinstance(command, WidenDataProductAccess):
        return
    if command.requested_by != sender.person:
        raise InvalidCommand(
            f"requested_by is {command.requested_by}, but {sender.person or 'no person'} asks", "requested_by"
        )


def command_of(request: StepRequest) -> AccessCommand:
    """Return the command that an execution works on. Raises InvalidEvent."""
    match request.envelope.detail_type:
        case "ExtendDataProductAccess":
            return request.envelope.data(ExtendDataProductAccess)
        case "WidenDataProductAccess":
            return request.envelope.data(WidenDataProductAccess)
        case _:
            return request.envelope.data(RequestDataProductAccess)


def drafted(asking: Asking, registry: Registry, execution_id: str, now: datetime) -> RequestRecord:
    """Return the request as a first version of its record, to be decided on.

    Raises RequestNotFound or InvalidCommand for what would be extended or widened.
    """
    command, consumer = asking.command, asking.consumer.record
    common: dict[str, Any] = {
        "status": "APPROVED",
        "stamp": stamp_of(asking.metadata),
        "execution_id": execution_id,
        "lease_expires_at": now + LEASE,
        "updated_at": now,
        "request_id": command.request_id,
        "digest": asking.digest,
        "domain": consumer.domain,
        "account_id": consumer.account_id,
        "requested_at": now,
        "asked_by": asking.sender.actor if asking.sender.person is not None else None,
    }
    if isinstance(command, RequestDataProductAccess):
        asked: dict[str, Any] = {name: getattr(command, name) for name in _ASKED}
        return RequestRecord.model_validate(common | asked | {"tables": command.tables or ()})
    if isinstance(command, ExtendDataProductAccess):
        base = standing(registry, command.extends, consumer.domain, "extends")
        if base.expires_at is None:
            raise InvalidCommand(f"The access of {command.extends} does not end: there is nothing to extend", "extends")
        asked = {
            "sort": "extension",
            "tables": base.tables,
            "justification": command.justification,
            "duration_days": command.duration_days,
            "requested_by": command.requested_by,
        }
    else:
        base = standing(registry, command.widens, consumer.domain, "widens")
        asked = {
            "sort": "widening",
            "tables": tuple(sorted(command.columns)),
            "columns": command.columns,
            "justification": f"What was added since the request {base.request_id} was granted",
            "requested_by": base.requested_by,
        }
    same = {name: getattr(base, name) for name in ("product", "expression", "principals", "purpose")}
    return RequestRecord.model_validate(common | same | asked | {"of": base.request_id})


def standing(registry: Registry, request_id: uuid.UUID, domain: str, field: str) -> RequestRecord:
    """Return a request of a domain whose access stands. Raises RequestNotFound.

    Whose a request is that is not the sender's, or whether there is one, is not said.
    """
    found = registry.request(request_id)
    if found is None or found.domain != domain or found.sort != "access" or found.status not in STANDING:
        raise RequestNotFound(f"{domain} has no standing access by a request {request_id}", field)
    return found


def check_request(record: RequestRecord) -> None:
    """Check what can be seen without looking at anything. Raises OwnProduct, PrincipalNotInDomain."""
    if record.product is not None and record.product.domain == record.domain:
        raise OwnProduct("A domain needs no access to a product of its own")
    for number, principal in enumerate(record.principals):
        if parse_arn(principal).account != record.account_id:
            raise PrincipalNotInDomain(f"{principal} is not in {record.domain}'s account", f"principals.{number}")


def request_digest(command: AccessCommand) -> str:
    """Return a digest of what is asked for, the order of tables and principals aside."""
    asked = command.to_json()
    if isinstance(command, RequestDataProductAccess):
        for name in LATER_FIELDS:
            if getattr(command, name) == RequestDataProductAccess.model_fields[name].get_default(
                call_default_factory=True
            ):
                del asked[name]
        if command.expression is None:
            # Requests by name have the digest that they had before there were others.
            del asked["expression"]
        for name in UNORDERED:
            asked[name] = sorted(asked[name]) if asked[name] is not None else None
    else:
        asked["command"] = command.detail_type()
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def rejection_of(record: RequestRecord) -> CommandRejection:
    """Return the rejection that a refused request records."""
    known = {kind.__name__: kind for kind in CommandRejection.__subclasses__()}
    return known.get(record.rejection or "", CommandRejection)(record.reason or "", record.rejected_field)


_ASKED = (
    "product",
    "columns",
    "rows",
    "later_tables",
    "expression",
    "principals",
    "justification",
    "purpose",
    "duration_days",
    "requested_by",
)
