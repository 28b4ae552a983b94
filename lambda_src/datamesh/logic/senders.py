"""Who may speak for a domain: the account that EventBridge says the event comes from, as the registry knows it."""

from typing import NamedTuple

from datamesh.models.config import DomainConfig
from datamesh.models.errors import DomainNotRegistered, RecordBusy, SenderNotOwner
from datamesh.models.facts import Databases
from datamesh.models.registry import DomainRecord


class RegisteredDomain(NamedTuple):
    """A domain whose registration is in force."""

    record: DomainRecord
    config: DomainConfig
    databases: Databases


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
