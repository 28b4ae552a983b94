"""Facts: what central and the domains say has happened."""

import uuid
from typing import Literal

from pydantic import Field

from datamesh.models.base import (
    AccountId,
    ArnText,
    DomainName,
    OpenModel,
    PrincipalArn,
    ProductName,
    TableName,
    UtcTime,
)
from datamesh.models.commands import COMMANDS, ProductRef
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, CentralFact, DomainFact, EventData
from datamesh.models.policy import GrantTo
from datamesh.models.tags import TagExpression

RegistrationOutcome = Literal["registered", "updated", "unchanged"]
TableOutcome = Literal["created", "updated", "unchanged"]
CrawlStatus = Literal["SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "NOT_STARTED"]
READ_PERMISSIONS: tuple[Literal["SELECT", "DESCRIBE"], ...] = ("SELECT", "DESCRIBE")
MAX_CAUSE = 8_192
# Of a table with more columns a change of access names the first ones and counts the rest.
MAX_LISTED_COLUMNS = 20
SharingMode = Literal["nrac", "tbac"]
DriftKind = Literal["missing", "excess", "wrong_filter", "dangling_filter"]
MAX_DRIFTS = 20
AccessEffect = Literal["gained", "widened", "changed", "narrowed", "lost"]


class Databases(OpenModel):
    """The two catalog databases of a domain in central."""

    nrac: str = Field(description="Shared by named resource.")
    tbac: str = Field(description="Shared by LF-tag.")


class MatchedDatabase(OpenModel):
    """A database in central, and those of its tables of which a tag expression shows something."""

    domain: DomainName = Field(description="Whose products they are.")
    database: str
    tables: tuple[TableName, ...]


class TaggedTable(OpenModel):
    """The LF-tags of a table as they are now, inherited ones included."""

    name: TableName
    tags: dict[str, str]
    columns: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Columns with LF-tags of their own, and these."
    )


class AccessChange(OpenModel):
    """Who gains or loses what of a table by a change of tags or columns."""

    consumer: DomainName
    principals: tuple[PrincipalArn, ...]
    table: TableName
    effect: AccessEffect
    gained: tuple[str, ...] = Field((), max_length=MAX_LISTED_COLUMNS, description="Columns, the first ones.")
    gained_count: int = 0
    lost: tuple[str, ...] = Field((), max_length=MAX_LISTED_COLUMNS, description="Columns, the first ones.")
    lost_count: int = 0


class StandingTagGrant(OpenModel):
    """A tag expression that a domain was granted, and for whom it asked."""

    request_id: uuid.UUID
    expression: TagExpression
    principals: tuple[PrincipalArn, ...]
    resource_shares: tuple[str, ...] = ()


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


class DataDomainDeregistered(CentralFact):
    """A domain has left the mesh. Addressed to its account; nothing comes after it."""

    domain: DomainName
    account_id: AccountId
    databases: Databases = Field(description="They are gone from the catalog.")


class DataProductRegistered(CentralFact):
    """A product's tables are in the catalog and granted to their producer. Addressed to the producer.

    A product that is shared both ways has its tables in two databases, and is announced twice.
    """

    domain: DomainName
    product: ProductName
    access_mode: SharingMode = Field("nrac", description="By what the tables in `database` are shared.")
    catalog_account: AccountId
    database: str
    expression: TagExpression | None = Field(
        None, description="With `tbac`: the tag expression by which the producer's account holds its own tables."
    )
    tables: tuple[RegisteredTable, ...]
    resource_shares: tuple[str, ...] = Field((), description="RAM shares that carry the grants.")
    outcome: RegistrationOutcome


class DataProductTagsChanged(CentralFact):
    """LF-tags of a product changed, or columns of a tagged table did.

    Addressed to the producer, with everybody's change of access, and to every domain whose access changed, with its
    own.
    """

    domain: DomainName
    product: ProductName
    catalog_account: AccountId
    database: str
    tables: tuple[TaggedTable, ...] = Field(description="The tables whose tags or columns changed, as they are now.")
    changes: tuple[AccessChange, ...] = ()
    grants: tuple[StandingTagGrant, ...] = Field(
        (), description="To a consumer: its tag grants that show something of the database now."
    )


class AccessScope(CentralFact):
    """What facts about a request have in common."""

    request_id: uuid.UUID
    domain: DomainName = Field(description="The consumer.")
    product: ProductRef | None = None
    expression: TagExpression | None = None


class DataProductAccessRequested(AccessScope):
    """A request for access was taken. Addressed to the consumer, and where people must decide to the producers."""

    tables: tuple[TableName, ...] = ()
    principals: tuple[PrincipalArn, ...]
    status: Literal["APPROVED", "PENDING"] = Field("APPROVED", description="PENDING: people have to decide.")
    stages: tuple[str, ...] = Field((), description="Of the approval that is needed, in order.")
    sensitive: bool = False
    purpose: str | None = None
    duration_days: int | None = None
    of: uuid.UUID | None = Field(
        None, description="The request that is to be extended, or whose grant would show more."
    )


class DataProductAccessApproved(AccessScope):
    """A request was approved. Addressed to the consumer."""

    decided_by: str
    reason: str


class DataProductAccessDenied(AccessScope):
    """A request came to nothing: denied, not decided in time, or taken back. Addressed to the consumer."""

    status: Literal["DENIED", "EXPIRED", "CANCELLED"]
    decided_by: str
    reason: str


class GrantedFilter(OpenModel):
    """The data cells filter by which a table is granted."""

    table: TableName
    filter: str


class DataProductAccessGranted(AccessScope):
    """Lake Formation grants what was asked for and approved. Addressed to the consumer.

    To the consumer's account, which passes it on to the principals; or with `grant_to` principals to these alone.
    """

    catalog_account: AccountId
    database: str | None = Field(None, description="Of a product asked for by name.")
    tables: tuple[TableName, ...] = ()
    filters: tuple[GrantedFilter, ...] = Field((), description="Of a product asked for by name, one per table.")
    principals: tuple[PrincipalArn, ...]
    grant_to: GrantTo = "account"
    matches: tuple[MatchedDatabase, ...] = Field((), description="What a tag expression matches now.")
    permissions: tuple[Literal["SELECT", "DESCRIBE"], ...]
    resource_shares: tuple[str, ...] = ()
    expires_at: UtcTime | None = None


class EndingTable(OpenModel):
    """A table to which a request's access ends, and who goes on using its link by other requests."""

    name: TableName
    filter: str
    keep_link: bool = False
    keep_principals: tuple[PrincipalArn, ...] = ()


class EndingDatabase(OpenModel):
    """A database that was linked for a tag expression, and who goes on using the link by other requests."""

    name: str
    keep_link: bool = False
    keep_principals: tuple[PrincipalArn, ...] = ()


class DataProductAccessEnding(AccessScope):
    """Access is about to be taken back: the consumer takes back first what it passed on. Addressed to the consumer.

    Once central has revoked its grant, Lake Formation knows in the consumer's account nothing any more of what was
    passed on there, and leaves it lying.
    """

    catalog_account: AccountId
    database: str | None = None
    tables: tuple[EndingTable, ...] = ()
    databases: tuple[EndingDatabase, ...] = Field((), description="Of a tag expression.")
    keep_expression_for: tuple[PrincipalArn, ...] = Field((), description="Who holds the same expression otherwise.")
    principals: tuple[PrincipalArn, ...]
    grant_to: GrantTo = "account"
    reason: str


class DataProductAccessRevoked(AccessScope):
    """Access was taken back. Addressed to the consumer, and to the producer."""

    revoked_by: str
    reason: str


class DataProductAccessExpired(AccessScope):
    """The time of an access is over; nothing is granted any more. Addressed to the consumer, and to the producer."""

    expired_at: UtcTime


class DataProductAccessExpiring(AccessScope):
    """The time of an access will be over soon. Addressed to the consumer."""

    expires_at: UtcTime


class DataProductAccessExtended(AccessScope):
    """An access lasts longer. Addressed to the consumer."""

    extends: uuid.UUID
    expires_at: UtcTime | None


class DataProductAccessChanged(AccessScope):
    """A standing grant shows less, because something became sensitive, or more, because that was approved.

    Addressed to the consumer.
    """

    table: TableName
    effect: Literal["narrowed", "widened"]
    columns: tuple[str, ...] = Field((), max_length=MAX_LISTED_COLUMNS, description="The first ones.")
    column_count: int
    reason: str


class DataProductDeregistered(CentralFact):
    """A product has left the mesh. Addressed to the producer, which removes its links."""

    domain: DomainName
    product: ProductName
    catalog_account: AccountId
    databases: tuple[str, ...] = Field(description="Of central, that had its tables.")
    tables: tuple[TableName, ...]
    access_modes: tuple[SharingMode, ...] = ()


class DataProductIndexed(CentralFact):
    """What the registry says of a product's tables has changed: columns, tags, crawls, links. For listeners in central.

    It says which product, not what: listeners read the registry, so that none that comes late brings back what was.
    """

    domain: DomainName
    product: ProductName


class Drift(OpenModel):
    """A difference between what is granted and what should be."""

    kind: DriftKind = Field(
        description="`missing`: a grant or its filter is not there; `excess`: somebody may read what nobody granted in "
        "the mesh; `wrong_filter`: a filter shows other columns or rows; `dangling_filter`: a filter of no grant."
    )
    resource: str = Field(max_length=512, description="In words.")
    principal: str | None = None
    domain: DomainName | None = Field(None, description="The consumer, where one is concerned.")
    request_id: uuid.UUID | None = None
    healed: bool = False


class GrantDriftFound(CentralFact):
    """What Lake Formation grants is not what should be granted. For listeners in central."""

    heal: Literal["report", "missing", "all"] = Field(description="What was to be done about it.")
    counts: dict[DriftKind, int]
    healed: int = Field(description="How many of all differences are mended.")
    items: tuple[Drift, ...] = Field(max_length=MAX_DRIFTS, description="The first ones.")


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
    access_mode: SharingMode = "nrac"
    database: str = Field(description="Local database that holds the links, or with `tbac` is one itself.")
    tables: tuple[LinkedTable, ...]
    request_id: uuid.UUID | None = None


class DataProductSchemaUpdated(DomainFact):
    """A producer crawled its product: the catalog has its schema."""

    domain: DomainName
    product: ProductName
    access_mode: SharingMode = "nrac"
    tables: tuple[TableSchema, ...]


class DataProductCrawlFailed(DomainFact):
    """A producer's crawl failed for at least one table."""

    domain: DomainName
    product: ProductName
    access_mode: SharingMode = "nrac"
    tables: tuple[CrawledTable, ...]


class DataProductAccessProvisioned(DomainFact):
    """A consumer's principals can query what was granted."""

    request_id: uuid.UUID
    domain: DomainName
    product: ProductRef | None = None
    expression: TagExpression | None = None
    database: str | None = Field(None, description="Of a product asked for by name.")
    tables: tuple[TableName, ...] = ()
    principals: tuple[PrincipalArn, ...]
    databases: tuple[str, ...] = Field(
        (), description="Local databases in which what a tag expression matches appears."
    )


class DataProductUnlinked(DomainFact):
    """A domain has taken back what it passed on of a request's access, and removed the links that nobody needs."""

    domain: DomainName
    product: ProductRef | None = None
    expression: TagExpression | None = None
    role: Literal["producer", "consumer"]
    request_id: uuid.UUID | None = None
    tables: tuple[TableName, ...] = ()


class DataProductLinkFailed(DomainFact):
    """A domain could not make usable what its request was granted, for good. Central takes the grant back."""

    domain: DomainName
    request_id: uuid.UUID
    error: str = Field(max_length=256)
    cause: str = Field(max_length=MAX_CAUSE)


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
    DataDomainDeregistered,
    DataProductRegistered,
    DataProductTagsChanged,
    DataProductLinked,
    DataProductSchemaUpdated,
    DataProductCrawlFailed,
    DataProductAccessRequested,
    DataProductAccessApproved,
    DataProductAccessDenied,
    DataProductAccessGranted,
    DataProductAccessProvisioned,
    DataProductAccessChanged,
    DataProductAccessExtended,
    DataProductAccessExpiring,
    DataProductAccessEnding,
    DataProductUnlinked,
    DataProductLinkFailed,
    DataProductAccessRevoked,
    DataProductAccessExpired,
    DataProductDeregistered,
    DataProductIndexed,
    GrantDriftFound,
    CommandRejected,
    WorkflowFailed,
)
EVENTS: tuple[type[EventData], ...] = (*COMMANDS, *FACTS)
EVENTS_BY_DETAIL_TYPE: dict[str, type[EventData]] = {event.detail_type(): event for event in EVENTS}
