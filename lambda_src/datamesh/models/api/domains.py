"""Domains, as the API shows them."""

from typing import Literal

from pydantic import Field

from datamesh.models.api.base import Page
from datamesh.models.base import AccountId, ArnText, DomainName, Model, UtcTime
from datamesh.models.facts import Databases
from datamesh.models.people import Person
from datamesh.models.tags import Tags

DomainStatus = Literal["REGISTERING", "REGISTERED", "FAILED", "DEREGISTERING", "DEREGISTERED"]
# Whether events reach the domain and answers come back: OK after one has come back since the last was sent to it.
LinkHealth = Literal["OK", "WAITING", "FAILING", "UNKNOWN"]


class DomainLink(Model):
    """How well central and the domain's account reach each other, told from the events of both."""

    health: LinkHealth
    last_sent_at: UtcTime | None = Field(None, description="When central last addressed the domain.")
    last_heard_at: UtcTime | None = Field(None, description="When the domain's account was last heard.")
    last_failure: str | None = Field(None, description="Of the domain's last failed workflow, if nothing came after.")


class DomainSummary(Model):
    """A domain in a list."""

    domain: DomainName
    account_id: AccountId
    status: DomainStatus
    product_count: int
    registered_at: UtcTime | None = None


class DomainPage(Page):
    """Domains by name."""

    items: tuple[DomainSummary, ...]


class DomainDetail(DomainSummary):
    """A domain. What only those see who belong to it is null for all others."""

    databases: Databases | None = None
    region: str | None = None
    location: str | None = Field(None, description="`s3://<bucket>/<prefix>/`: where its products live. Members only.")
    bus_arn: str | None = Field(None, description="Members only.")
    config_secret_arn: str | None = Field(None, description="Members only.")
    owners: tuple[Person, ...] = Field((), description="Who decides on requests for its products.")
    stewards: tuple[Person, ...] = ()
    tags: Tags = Field(default_factory=dict)
    error: str | None = None
    link: DomainLink


class DomainRegistration(Model):
    """Asks to register a domain, or tells that its configuration changed."""

    domain: DomainName
    config_secret_arn: ArnText = Field(description="Full ARN (with suffix) of the config secret in its own account.")
    tags: Tags = Field(default_factory=dict)
