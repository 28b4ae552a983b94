"""Who may speak for a domain: the account that EventBridge says the event comes from, as the registry knows it.

Central's own account speaks for the domain that a command names: so the commands of people come, whose roles the API
has checked. That an event says `datamesh.central` proves nothing; that it comes from central's account as well does.
"""

from typing import NamedTuple

from datamesh.models.config import DomainConfig
from datamesh.models.errors import DomainNotRegistered, InvalidEvent, RecordBusy, SenderNotOwner
from datamesh.models.events import CENTRAL_SOURCE, Envelope, Metadata
from datamesh.models.facts import Databases
from datamesh.models.registry import DomainRecord


class RegisteredDomain(NamedTuple):
    """A domain whose registration is in force."""

    record: DomainRecord
    config: DomainConfig
    databases: Databases


class Sender(NamedTuple):
    """Who sent a command. `person` is who asked by the API: what a domain says about people proves nothing."""

    account: str
    central: bool = False
    person: str | None = None

    @property
    def actor(self) -> str:
        """Who it was, as the ledger names it."""
        return f"person:{self.person}" if self.person is not None else f"account:{self.account}"

    def account_of(self, domain: DomainRecord | None) -> str:
        """Return the account in whose name the command comes: the sender's, of central's own command the domain's."""
        return domain.account_id if self.central and domain is not None else self.account


def sender_of(envelope: Envelope, metadata: Metadata, central: str) -> Sender:
    """Return who sent a command to the account `central`.

    Raises SenderNotOwner when another account says that it is central.
    """
    if envelope.source != CENTRAL_SOURCE:
        return Sender(envelope.account)
    if envelope.account != central:
        raise SenderNotOwner(f"{envelope.account} may not speak as {CENTRAL_SOURCE}")
    return Sender(envelope.account, central=True, person=metadata.person)


def actor_of(envelope: Envelope, central: str) -> str:
    """Return who sent an event, as the ledger names it, be the event forged or broken."""
    try:
        return sender_of(envelope, envelope.metadata(), central).actor
    except (InvalidEvent, SenderNotOwner):
        return Sender(envelope.account).actor


def registered_sender(domain: DomainRecord | None, name: str, account: str) -> RegisteredDomain:
    """Return the domain if it is registered for the account that sent the command.

    Raises DomainNotRegistered, SenderNotOwner, and RecordBusy while it is leaving or its very first registration is in
    progress.
    """
    if domain is None or domain.status == "DEREGISTERED":
        raise DomainNotRegistered(f"The domain {name} is not registered")
    if domain.account_id != account:
        raise SenderNotOwner(f"{name} is not the domain of account {account}")
    if domain.status == "DEREGISTERING":
        raise RecordBusy(f"The domain {name} is leaving")
    if domain.config is None or domain.databases is None:
        if domain.in_progress:
            raise RecordBusy(f"The domain {name} is being registered")
        raise DomainNotRegistered(f"The domain {name} is not registered")
    return RegisteredDomain(domain, domain.config, domain.databases)
