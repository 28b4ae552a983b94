"""The registry: the truth about domains, products, tables, requests and grants, and the changes that may be made to it.

Every record has a version, and every change is conditional: it happens only if the record is still as it was read.
docs/registry.md describes the table.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field

from datamesh.models.base import AccountId, DomainName, Model, ProductName, TableName, UtcTime, iso
from datamesh.models.commands import AccessMode, Classification, ProductRef, TableSpec
from datamesh.models.config import DomainConfig
from datamesh.models.facts import AccessChange, CrawlStatus, Databases, RegistrationOutcome, SharingMode
from datamesh.models.ledger import LedgerEvent
from datamesh.models.policy import GrantTo, Ruling
from datamesh.models.tags import TableTags, TagExpression, Tags


class Key(Model):
    """Primary key of a record."""

    pk: str
    sk: str


class Stamp(Model):
    """When something was said, and by which event. Later stamps win; the event id decides between equal times."""

    occurred_at: UtcTime
    event_id: uuid.UUID

    def newer_than(self, other: "Stamp | None") -> bool:
        """Tell whether this was said after `other`."""
        return other is None or (self.occurred_at, self.event_id.int) > (other.occurred_at, other.event_id.int)


class Record(Model):
    """Base of all records. Version 1 is a record that must not exist yet."""

    kind: ClassVar[str]
    version: int = Field(1, ge=1)

    @property
    def key(self) -> Key:
        """The primary key."""
        raise NotImplementedError

    @property
    def listing(self) -> Key | None:
        """Where the index `listing` has the record; null: the index has it not."""
        return None


class WorkRecord(Record):
    """A record that one execution at a time works on.

    While `status` is in progress the execution in `execution_id` holds it; when that has crashed, another may take it
    over after `lease_expires_at`.
    """

    in_progress_status: ClassVar[str]

    status: str
    stamp: Stamp = Field(description="The command that was admitted last.")
    execution_id: str
    lease_expires_at: UtcTime
    updated_at: UtcTime
    error: str | None = None

    @property
    def in_progress(self) -> bool:
        """Whether an execution holds the record."""
        return self.status == self.in_progress_status

    def is_worked_on(self, now: datetime) -> bool:
        """Tell whether an execution holds the record that may still be alive."""
        return self.in_progress and now < self.lease_expires_at


class DomainRecord(WorkRecord):
    """A domain. `config` is what is in force, `pending` what the execution in progress is putting in force."""

    kind = "domain"
    in_progress_status = "REGISTERING"

    status: Literal["REGISTERING", "REGISTERED", "FAILED", "DEREGISTERING", "DEREGISTERED"]
    domain: DomainName
    account_id: AccountId
    secret_arn: str
    config: DomainConfig | None = None
    pending: DomainConfig | None = None
    tags: Tags = Field(
        default_factory=dict, description="LF-tags of its tag-based database, besides the domain's value."
    )
    pending_tags: Tags | None = None
    content_stamp: Stamp | None = Field(None, description="The command that `config` comes from.")
    databases: Databases | None = None
    registered_at: UtcTime | None = None
    outcome: RegistrationOutcome | None = Field(None, description="Recorded, but not yet announced.")

    @property
    def key(self) -> Key:
        return domain_key(self.domain)

    @property
    def listing(self) -> Key:
        return Key(pk=DOMAINS, sk=self.domain)

    @property
    def in_progress(self) -> bool:
        """Whether an execution holds the record: it registers the domain, or ends it."""
        return self.status in {"REGISTERING", "DEREGISTERING"}


class ProductContent(Model):
    """What a producer says of a product as a whole."""

    description: str
    classification: Classification | None
    pii: bool | None
    tags: Tags = Field(default_factory=dict)
    stamp: Stamp


class ProductRecord(WorkRecord):
    """A data product; its tables are records of their own."""

    kind = "product"
    in_progress_status = "REGISTERING"

    status: Literal["REGISTERING", "REGISTERED", "FAILED", "DEREGISTERING", "DEREGISTERED"]
    domain: DomainName
    name: ProductName
    account_id: AccountId
    database: str = Field(description="The domain's database for what is shared by name.")
    tag_database: str | None = Field(None, description="The domain's database for what is shared by LF-tag.")
    access_mode: AccessMode = "nrac"
    pending_mode: AccessMode | None = Field(
        None, description="To which the mode is being widened: from the first table on that is placed so."
    )
    locations: tuple[str, ...] = Field((), description="Of all tables, those that are only being registered included.")
    content: ProductContent | None = None
    pending: ProductContent | None = None
    resource_shares: tuple[str, ...] = ()
    table_count: int = 0
    registered_at: UtcTime | None = None
    outcome: RegistrationOutcome | None = Field(None, description="Recorded, but not yet announced.")

    @property
    def key(self) -> Key:
        return product_key(self.domain, self.name)

    @property
    def in_progress(self) -> bool:
        """Whether an execution holds the record: it registers the product, or ends it."""
        return self.status in {"REGISTERING", "DEREGISTERING"}

    @property
    def placed(self) -> dict[SharingMode, str]:
        """The databases that hold the product's tables, by what they are shared by."""
        return self.placed_by(self.access_mode)

    def placed_by(self, mode: AccessMode) -> dict[SharingMode, str]:
        """Return the databases that hold the product's tables when it is shared so."""
        found: dict[SharingMode, str] = {}
        if mode in {"nrac", "both"}:
            found["nrac"] = self.database
        if mode in {"tbac", "both"} and self.tag_database is not None:
            found["tbac"] = self.tag_database
        return found


class IndexedColumn(Model):
    """A column as the central catalog has it."""

    name: str
    type: str
    comment: str | None = None
    pii: bool = False
    partition_key: bool = False
    tags: dict[str, str] = Field(default_factory=dict, description="LF-tags of its own.")


class TableIndex(Model):
    """What the central catalog said of a table when it was indexed."""

    stamp: Stamp
    columns: tuple[IndexedColumn, ...]
    column_count: int
    truncated: bool = Field(False, description="Not all columns fit into the record.")
    digest: str
    data_classification: str | None
    tags: dict[str, str] = Field(default_factory=dict, description="LF-tags, inherited ones included.")
    sensitive: bool
    reasons: tuple[str, ...] = ()


class CrawlState(Model):
    """How the last crawl of a table ended."""

    stamp: Stamp
    status: CrawlStatus
    error: str | None = None


class TableRecord(Record):
    """A table of a product: what was declared, and what the catalog and the crawlers say."""

    kind = "table"

    domain: DomainName
    product: ProductName
    name: TableName
    spec: TableSpec
    stamp: Stamp = Field(description="The command that `spec` comes from.")
    index: TableIndex | None = None
    crawl: CrawlState | None = None
    linked: Stamp | None = Field(None, description="The producer has the table linked since.")
    tagged: TableTags | None = Field(
        None, description="LF-tags and columns in the tag-based database when consumers were last told of them."
    )

    @property
    def key(self) -> Key:
        return table_key(self.domain, self.product, self.name)


class Ending(Model):
    """Why access ends: what the request will be then, who said so, and the reason."""

    status: Literal["REVOKED", "EXPIRED", "FAILED"]
    by: str
    reason: str


RequestStatus = Literal[
    "PENDING",  # people are asked
    "APPROVED",  # being granted
    "GRANTED",
    "PROVISIONED",
    "DENIED",
    "EXPIRED",  # nobody decided in time, or the time of the access is over
    "CANCELLED",
    "REVOKING",  # being taken back
    "REVOKED",
    "REJECTED",  # not a request that could be decided on
    "FAILED",
]
STANDING: frozenset[str] = frozenset({"GRANTED", "PROVISIONED"})


class StateChange(Model):
    """A step in the life of a request."""

    status: RequestStatus
    at: UtcTime
    by: str = Field(description="`account:<id>`, `person:<address>`, `policy:<rule>` or `datamesh:<flow>`.")
    why: str


class RequestRecord(WorkRecord):
    """A request for access with its decision. While it is PENDING no execution holds it: one waits to be called back.

    An `extension` asks to keep what the request `of` was granted, a `widening` (made by central) to show more by it.
    """

    kind = "request"
    in_progress_status = "APPROVED"

    status: RequestStatus
    sort: Literal["access", "extension", "widening"] = "access"
    of: uuid.UUID | None = None
    request_id: uuid.UUID
    digest: str = Field(description="Of what was asked: the same request id cannot ask for something else.")
    domain: DomainName
    account_id: AccountId
    product: ProductRef | None = None
    tables: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    rows: dict[str, str] = Field(default_factory=dict)
    later_tables: Literal["excluded", "included"] = "excluded"
    expression: TagExpression | None = None
    principals: tuple[str, ...]
    justification: str
    purpose: str | None = None
    duration_days: int | None = None
    requested_by: str | None = None
    requested_at: UtcTime | None = None
    asked_by: str | None = Field(
        None, description="`person:<address>` whom the API let ask; null: the domain's account did. Never its claim."
    )
    ruling: Ruling | None = Field(None, description="What the approval policy said.")
    exposure: str | None = Field(
        None, description="Digest of what is asked for and would be shown, when people were asked."
    )
    producers: tuple[str, ...] = Field((), description="Whose products that is.")
    stage: int | None = Field(None, description="Number of the stage that is being decided on.")
    history: tuple[StateChange, ...] = ()
    decided_by: str | None = None
    reason: str | None = None
    rejection: str | None = Field(None, description="Code of the reason for the rejection.")
    rejected_field: str | None = Field(None, description="The field to blame for the rejection.")
    granted_at: UtcTime | None = None
    expires_at: UtcTime | None = None
    provisioned: Stamp | None = None
    unlinked: Stamp | None = Field(None, description="The consumer's account has taken back what it passed on.")
    ending: Ending | None = Field(None, description="Why the access ends, while it does.")

    @property
    def key(self) -> Key:
        return request_key(self.request_id)

    @property
    def listing(self) -> Key | None:
        if self.requested_at is None:
            return None
        return Key(pk=requests_listing(self.domain), sk=f"{iso(self.requested_at)}#{self.request_id}")

    @property
    def in_progress(self) -> bool:
        """Whether an execution holds the record: it grants, or takes back."""
        return self.status in {"APPROVED", "REVOKING"}


class ShownTable(Model):
    """What a grant by name shows of a table: these columns, in the rows for which `rows` holds."""

    filter: str = Field(description="Name of the data cells filter, of this request's own.")
    columns: tuple[str, ...] = Field(description="What the filter lists; empty: nothing is granted on the filter.")
    approved: tuple[str, ...] = Field((), description="Those of them that are sensitive, and that people approved.")
    held_back: tuple[str, ...] = Field((), description="What was asked for and is sensitive now, and not approved.")
    all_columns: bool = Field(True, description="All columns were asked for: additions are decided on as they come.")
    rows: str | None = None


class GrantRecord(Record):
    """A grant as it should be: what reconciliation compares Lake Formation with."""

    kind = "grant"

    request_id: uuid.UUID
    product: ProductRef
    consumer: DomainName
    account_id: AccountId
    database: str
    tables: tuple[str, ...]
    shown: dict[str, ShownTable] = Field(default_factory=dict, description="By table.")
    later_tables: Literal["excluded", "included"] = "excluded"
    grant_to: GrantTo = "account"
    principals: tuple[str, ...]
    permissions: tuple[str, ...]
    resource_shares: tuple[str, ...] = ()
    granted_at: UtcTime
    expires_at: UtcTime | None = None

    @property
    def key(self) -> Key:
        return Key(pk=product_pk(self.product.domain, self.product.name), sk=f"GRANT#{self.consumer}#{self.request_id}")

    @property
    def listing(self) -> Key:
        return Key(pk=grants_listing(self.consumer), sk=f"{self.product.domain}.{self.product.name}#{self.request_id}")


class TagGrantRecord(Record):
    """A tag expression that a domain is granted, as it should be. All lie together: a change of tags asks for all."""

    kind = "tag_grant"

    request_id: uuid.UUID
    consumer: DomainName
    account_id: AccountId
    expression: TagExpression
    principals: tuple[str, ...]
    grant_to: GrantTo = "account"
    approved: tuple[str, ...] = Field(
        (), description="`<database>.<table>.<column>` that are sensitive and that people approved."
    )
    resource_shares: tuple[str, ...] = ()
    granted_at: UtcTime
    expires_at: UtcTime | None = None

    @property
    def key(self) -> Key:
        return Key(pk=TAG_GRANTS, sk=f"GRANT#{self.consumer}#{self.request_id}")


class AccessWork(Record):
    """Who grants to a consumer or takes from it right now: one execution at a time.

    What a revocation has to leave alone (links and grants that other requests need) holds only as long as nobody else
    changes what the consumer is granted.
    """

    kind = "access_work"

    consumer: DomainName
    holder: str
    lease_expires_at: UtcTime

    @property
    def key(self) -> Key:
        return access_work_key(self.consumer)


class PolicyRecord(Record):
    """The approval policy in force, as Terraform writes it; `document` is an ApprovalPolicy in JSON."""

    kind = "policy"

    document: str

    @property
    def key(self) -> Key:
        return POLICY


class PolicySeen(Record):
    """The version of the approval policy that was last entered into the ledger."""

    kind = "policy_seen"

    digest: str

    @property
    def key(self) -> Key:
        return POLICY_SEEN


class LedgerHead(Record):
    """The last entry of the ledger: entries that are cut off its end show, too."""

    kind = "ledger_head"

    sequence: int
    digest: str

    @property
    def key(self) -> Key:
        return LEDGER_HEAD


class TagChangeRecord(Record):
    """What a change of tags or columns of a table did to consumers' access. Never taken back after it was written."""

    kind = "tag_change"

    domain: DomainName
    product: ProductName
    stamp: Stamp = Field(description="The event that made the change.")
    recorded_at: UtcTime
    table: TableName
    changes: tuple[AccessChange, ...]
    reasons: tuple[str, ...] = Field(
        (), description="Why something that was gained is sensitive: nobody asked for it, a crawler found it."
    )

    @property
    def key(self) -> Key:
        return tag_change_key(self.domain, self.product, self.stamp, self.table)


class TagWork(Record):
    """Who changes LF-tags or grants by them right now: one step of one workflow in the whole mesh.

    A decision on what an expression matches holds only as long as nobody changes tags, and the reverse.
    """

    kind = "tag_work"

    holder: str
    lease_expires_at: UtcTime

    @property
    def key(self) -> Key:
        return TAG_WORK


class AddedTags(Record):
    """The LF-tag values that the mesh has added as its ontology declares them, so that it removes no others."""

    kind = "added_tags"

    tags: dict[str, tuple[str, ...]] = Field(default_factory=dict)

    @property
    def key(self) -> Key:
        return ADDED_TAGS


class Claim(Model):
    """Who has a name that only one may have: an account, a bucket, a table name inside a domain."""

    key: Key
    owner: str


DOMAINS = "DOMAINS"
TAG_GRANTS = "TAGGRANTS"
ADDED_TAGS = Key(pk="LFTAGS", sk="META")
TAG_WORK = Key(pk="TAGWORK", sk="META")
POLICY = Key(pk="POLICY", sk="META")
POLICY_SEEN = Key(pk="POLICY", sk="SEEN")
LEDGER_HEAD = Key(pk="LEDGER", sk="HEAD")


def domain_key(domain: str) -> Key:
    """Return the key of a domain."""
    return Key(pk=f"DOMAIN#{domain}", sk="META")


def product_key(domain: str, product: str) -> Key:
    """Return the key of a product."""
    return Key(pk=f"DOMAIN#{domain}", sk=f"PRODUCT#{product}")


def product_pk(domain: str, product: str) -> str:
    """Return the partition key of what belongs to a product."""
    return f"PRODUCT#{domain}#{product}"


def table_key(domain: str, product: str, table: str) -> Key:
    """Return the key of a table."""
    return Key(pk=product_pk(domain, product), sk=f"TABLE#{table}")


def tag_change_key(domain: str, product: str, stamp: Stamp, table: str) -> Key:
    """Return the key of what an event changed for the consumers of a table; with "" the start of all its keys."""
    return Key(pk=product_pk(domain, product), sk=f"TAGCHANGE#{iso(stamp.occurred_at)}#{stamp.event_id}#{table}")


def request_pk(request_id: uuid.UUID) -> str:
    """Return the partition key of what belongs to a request."""
    return f"REQUEST#{request_id}"


def request_key(request_id: uuid.UUID) -> Key:
    """Return the key of a request."""
    return Key(pk=request_pk(request_id), sk="META")


def requests_listing(consumer: str) -> str:
    """Return where the index `listing` has a domain's requests for access, by time."""
    return f"REQUESTS#{consumer}"


def grants_listing(consumer: str) -> str:
    """Return where the index `listing` has what a domain is granted by name, by product."""
    return f"GRANTS#{consumer}"


def access_work_key(consumer: str) -> Key:
    """Return the key of who changes what a consumer is granted."""
    return Key(pk=f"ACCESSWORK#{consumer}", sk="META")


def account_claim(account_id: str, domain: str) -> Claim:
    """Return the claim of a domain on its account."""
    return Claim(key=Key(pk=f"ACCOUNT#{account_id}", sk="META"), owner=domain)


def bucket_claim(bucket: str, domain: str) -> Claim:
    """Return the claim of a domain on its bucket."""
    return Claim(key=Key(pk=f"BUCKET#{bucket}", sk="META"), owner=domain)


def table_claim(domain: str, table: str, product: str) -> Claim:
    """Return the claim of a product on a table name inside its domain."""
    return Claim(key=Key(pk=f"DOMAIN#{domain}", sk=f"TABLE#{table}"), owner=product)


@dataclass(frozen=True)
class Save:
    """Write a record of version n, if the registry has version n - 1 (none for n = 1)."""

    record: Record


@dataclass(frozen=True)
class Drop:
    """Delete a record, if the registry has this version."""

    record: Record


@dataclass(frozen=True)
class Check:
    """Do nothing, if the registry has this version; otherwise fail what is written together with it."""

    record: Record


@dataclass(frozen=True)
class Take:
    """Take a name, if it is free or one's own already."""

    claim: Claim


@dataclass(frozen=True)
class GiveBack:
    """Give a name back, if it is one's own or free already."""

    claim: Claim


@dataclass(frozen=True)
class Append:
    """Enter something into the ledger, together with what is written with it or not at all."""

    event: LedgerEvent


Change = Save | Drop | Check | Take | GiveBack | Append
