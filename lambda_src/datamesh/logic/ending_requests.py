"""Who wants an access to end, and whether they may say so."""

from datetime import datetime
from typing import NamedTuple

from datamesh.logic.answers import read_command
from datamesh.logic.ports import Registry
from datamesh.logic.senders import Sender, registered_sender, sender_of
from datamesh.models.commands import ExpireDataProductAccess, RevokeDataProductAccess
from datamesh.models.errors import CommandRejection, InvalidCommand, InvalidEvent, RequestNotFound
from datamesh.models.events import Envelope
from datamesh.models.facts import DataProductLinkFailed
from datamesh.models.registry import STANDING, Ending, RequestRecord
from datamesh.models.steps import StepRequest

MAX_REASON = 2_048


class Wanted(NamedTuple):
    """A request that somebody who may do so wants to end, or with `warning` that ends soon."""

    record: RequestRecord
    ending: Ending
    warning: bool = False


class Moot(NamedTuple):
    """Why nothing follows from an event: it came late, or again. `forged`: the sender had no business to say it."""

    why: str
    forged: bool = False


class EndingRequests:
    """Reads the events that end an access."""

    def __init__(self, registry: Registry, *, account_id: str) -> None:
        self._registry = registry
        self._account_id = account_id

    def read(self, request: StepRequest, now: datetime) -> Wanted | Moot:
        """Return what an event asks for.

        Raises a CommandRejection when a domain asks for what it may not: RequestNotFound tells a stranger nothing, not
        even whether there is such a request.
        """
        envelope = request.envelope
        match envelope.detail_type:
            case "RevokeDataProductAccess":
                return self._revocation(request, now)
            case "ExpireDataProductAccess":
                return self._expiry(envelope)
            case "DataProductLinkFailed":
                return self._failure(envelope)
            case other:
                raise InvalidEvent(f"{other} ends no access")

    def _revocation(self, request: StepRequest, now: datetime) -> Wanted:
        envelope, metadata, command = read_command(request, RevokeDataProductAccess, now)
        sender = sender_of(envelope, metadata, self._account_id)
        record = self._registry.request(command.request_id)
        if record is None or not self._may_revoke(sender, command, record):
            raise RequestNotFound(f"There is no request {command.request_id} that you could end")
        return Wanted(record, Ending(status="REVOKED", by=sender.actor, reason=command.reason))

    def _may_revoke(self, sender: Sender, command: RevokeDataProductAccess, record: RequestRecord) -> bool:
        """Tell whether the sender is governance, the consumer, or the owner of the product. Central that names a domain
        speaks for that one.

        What an expression matches is many owners': each can change what is tagged, none can end another's sharing.
        """
        if command.domain is None:
            if sender.central:
                return True
            raise InvalidCommand("A domain has to say which one it is", "domain")
        domain = self._registry.domain(command.domain)
        account = sender.account_of(domain)
        registered_sender(domain, command.domain, account)
        if record.domain == command.domain:
            return record.account_id == account
        return record.product is not None and record.product.domain == command.domain

    def _expiry(self, envelope: Envelope) -> Wanted | Moot:
        command = envelope.data(ExpireDataProductAccess)
        if envelope.account != self._account_id:
            return Moot(f"{envelope.account} has no say in when an access ends", forged=True)
        record = self._registry.request(command.request_id)
        if record is None:
            return Moot(f"There is no request {command.request_id}")
        if record.expires_at != command.expires_at:
            return Moot("The access lasts until another time")
        if command.warning and record.status not in STANDING:
            return Moot(f"The request is {record.status}")
        reason = f"The access was granted until {command.expires_at:%Y-%m-%d %H:%M} UTC"
        return Wanted(record, Ending(status="EXPIRED", by="datamesh:revoke_access", reason=reason), command.warning)

    def _failure(self, envelope: Envelope) -> Wanted | Moot:
        fact = envelope.data(DataProductLinkFailed)
        record = self._registry.request(fact.request_id)
        if record is None or (record.account_id, record.domain) != (envelope.account, fact.domain):
            return Moot(f"{envelope.account} has not made the request {fact.request_id}", forged=True)
        said = envelope.metadata().occurred_at
        since = record.provisioned.occurred_at if record.provisioned is not None else record.granted_at
        if since is not None and said < since:
            return Moot("The access has been granted, or could be used, since")
        reason = f"The consumer could not make it usable: {fact.error}: {fact.cause}"[:MAX_REASON]
        return Wanted(record, Ending(status="FAILED", by=f"account:{envelope.account}", reason=reason))


def refusal_of(rejection: CommandRejection) -> bool:
    """Tell whether a rejection is of somebody who had no business to ask: the ledger keeps those."""
    return rejection.code in {"RequestNotFound", "SenderNotOwner", "DomainNotRegistered"}
