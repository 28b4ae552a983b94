"""What share_data_product touches and knows, and what its parts say to one another."""

from collections.abc import Mapping
from typing import NamedTuple

from datamesh.logic.access_ports import Callbacks, DataFilters, Outbox, Schedules
from datamesh.logic.exposed import Exposure
from datamesh.logic.ports import Catalog, LfTags, Permissions, Registry
from datamesh.logic.tagging import TagRules
from datamesh.models.facts import MatchedDatabase
from datamesh.models.policy import PolicyMode
from datamesh.models.registry import Check, GrantRecord, ProductRecord, TagGrantRecord


class World(NamedTuple):
    """What sharing touches."""

    registry: Registry
    catalog: Catalog
    permissions: Permissions
    lf_tags: LfTags
    filters: DataFilters
    schedules: Schedules
    outbox: Outbox
    callbacks: Callbacks


class ShareConfig(NamedTuple):
    """What the deployment gives the flow; `central_topic_arn` reaches the policy's own groups by mail."""

    account_id: str
    prefix: str
    rules: TagRules
    central_topic_arn: str | None = None

    @property
    def database_prefix(self) -> str:
        """The prefix in the alphabet of catalog names."""
        return self.prefix.replace("-", "_")


class Seen(NamedTuple):
    """What a request would show now, and all else that the approval policy may look at."""

    mode: PolicyMode
    exposure: Exposure
    producers: tuple[str, ...]
    classifications: frozenset[str]
    tags: Mapping[str, frozenset[str]]
    database: str | None = None
    matches: tuple[MatchedDatabase, ...] = ()
    product: ProductRecord | None = None
    """By name: the product as it was looked at. What was seen holds as long as its record stands."""

    @property
    def guards(self) -> tuple[Check, ...]:
        """What has to stand while a grant of it is recorded: a registration that has begun would not see the grant."""
        return (Check(self.product),) if self.product is not None else ()


class Granted(NamedTuple):
    """A grant as it was made, and the RAM shares that carry it."""

    record: GrantRecord | TagGrantRecord
    shares: tuple[str, ...]
