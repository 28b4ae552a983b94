"""Facts: what central and the domains say has happened."""

import uuid
from typing import Literal

from pydantic import Field

from datamesh.models.base import AccountId, ArnText, DomainName, OpenModel, PrincipalArn, ProductName, TableName
from datamesh.models.commands import COMMANDS, ProductRef
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, CentralFact, DomainFact, EventData

RegistrationOutcome = Literal["registered", "updated", "unchanged"]
TableOutcome = Literal["created", "updated", "unchanged"]
CrawlStatus = Literal["SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "NOT_STARTED"]
READ_PERMISSIONS: tuple[Literal["SELECT", "DESCRIBE"], ...] = ("SELECT", "DESCRIBE")
POLICY_NOT_SENSITIVE = "policy:not-sensitive"
MAX_CAUSE = 8_192


class Databases(OpenModel):
    """The two catalog databases of a domain in central."""

    nrac: str = Field(description="Shared by named resource.")
    tbac: str = Field(description="Shared by LF-tag.")


class RegisteredTable(OpenModel):
    """What registration did with one table."""

    name: TableName
    location: str
    outcome: TableOutcome


class LinkedTable(OpenModel):
    """What linking did with one table."""

    name: TableName
    outcome: Literal["created", "unchanged"]


class TableSchema(OpenModel):
    """What a crawl found of one table. The columns themselves are in central's catalog: an event has 256 KiB."""

    name: TableName
    columns: int = Field(ge=0, description="Number of columns, partition keys included.")
    digest: str = Field(min_length=1, max_length=128, description="Changes when a column, a type or the order does.")
    changed: bool


class CrawledTable(OpenModel):
    """How the crawl of one table ended."""

    name: TableName
    status: CrawlStatus
    error: str | None = Field(None, max_length=1024)


class DataDomainRegistered(CentralFact):
    """A domain is registered. Addressed to its account."""

    domain: DomainName
    account_id: AccountId
    region: str
    catalog_account: AccountId
    databases: Databases
    location: str = Field(description="`s3://<bucket>/<prefix>/`: where the domain's products live.")
    bus_arn: ArnText
    outcome: RegistrationOutcome


class DataProductRegistered(CentralFact):
    """A product's tables are in the catalog and granted to their producer. Addressed to the producer."""

    domain: DomainName
    product: ProductName
    catalog_account: AccountId
    database: str
    tables: tuple[RegisteredTable, ...]
    resource_shares: tuple[str, ...] = Field((), description="RAM shares that carry the grants.")
    outcome: RegistrationOutcome


class DataProductAccessRequested(CentralFact):
    """A request for access was taken. Addressed to the consumer."""

    request_id: uuid.UUID
    domain: DomainName
    product: ProductRef
    tables: tuple[TableName, ...]
    principals: tuple[PrincipalArn, ...]


class DataProductAccessApproved(CentralFact):
    """A request was approved. Addressed to the consumer."""

    request_id: uuid.UUID
    domain: DomainName
    product: ProductRef
    decided_by: str
    reason: str


class DataProductAccessGranted(CentralFact):
    """Lake Formation grants the consumer's account what was asked. Addressed to the consumer."""

    request_id: uuid.UUID
    domain: DomainName
    product: ProductRef
    catalog_account: AccountId
    database: str
    tables: tuple[TableName, ...]
    principals: tuple[PrincipalArn, ...]
    permissions: tuple[Literal["SELECT", "DESCRIBE"], ...]
    resource_shares: tuple[str, ...] = ()


class CommandRejected(CentralFact):
    """A command was refused; nothing was done. Addressed to the account that sent it."""

    command: str = Field(description="Detail-type of the command.")
    domain: str = Field(max_length=128, description="The domain as the command named it, right or wrong.")
    code: str = Field(description="Stable name of the reason.")
    message: str = Field(max_length=4096)
    field: str | None = Field(None, description="Path of the field to blame.")
    request_id: uuid.UUID | None = None


class DataProductLinked(DomainFact):
    """A domain can see a product's tables in its own catalog."""

    domain: DomainName = Field(description="The domain that linked, and says so.")
    product: ProductRef
    role: Literal["producer", "consumer"]
    database: str = Field(description="Local database that holds the links.")
    tables: tuple[LinkedTable, ...]
    request_id: uuid.UUID | None = None


class DataProductSchemaUpdated(DomainFact):
    """A producer crawled its product: the catalog has its schema."""

    domain: DomainName
    product: ProductName
    tables: tuple[TableSchema, ...]


class DataProductCrawlFailed(DomainFact):
    """A producer's crawl failed for at least one table."""

    domain: DomainName
    product: ProductName
    tables: tuple[CrawledTable, ...]


class DataProductAccessProvisioned(DomainFact):
    """A consumer's principals can query what was granted."""

    request_id: uuid.UUID
    domain: DomainName
    product: ProductRef
    database: str
    tables: tuple[TableName, ...]
    principals: tuple[PrincipalArn, ...]


class WorkflowFailed(EventData):
    """An execution of one of the mesh's workflows failed, in central or in a domain."""

    model_config = OpenModel.model_config
    sources = (CENTRAL_SOURCE, DOMAIN_SOURCE)

    workflow: str
    execution_arn: ArnText
    status: Literal["FAILED", "TIMED_OUT", "ABORTED"]
    error: str | None = Field(None, max_length=256)
    cause: str | None = Field(None, max_length=MAX_CAUSE, description="Cut to its first 8,192 characters.")


FACTS: tuple[type[EventData], ...] = (
    DataDomainRegistered,
    DataProductRegistered,
    DataProductLinked,
    DataProductSchemaUpdated,
    DataProductCrawlFailed,
    DataProductAccessRequested,
    DataProductAccessApproved,
    DataProductAccessGranted,
    DataProductAccessProvisioned,
    CommandRejected,
    WorkflowFailed,
)
EVENTS: tuple[type[EventData], ...] = (*COMMANDS, *FACTS)
EVENTS_BY_DETAIL_TYPE: dict[str, type[EventData]] = {event.detail_type(): event for event in EVENTS}
