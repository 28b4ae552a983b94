"""The environment of every function as a typed model: one per handler, composed of mixins.

Field names in upper case are the names of the environment variables; a plan test compares them with what Terraform
sets. Nothing else in the package reads the environment.
"""

from functools import cache
from typing import Annotated, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from datamesh.models.base import AccountId, PrincipalArn
from datamesh.models.errors import InvalidSettings
from datamesh.models.notifications import Channels
from datamesh.models.tags import SensitiveTags, TagKey

Prefix = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,18}$")]
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
RoleArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$")]
QueueArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$")]
BusArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9/_.-]+$")
]
QueueUrl = Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+/[0-9]{12}/[A-Za-z0-9_-]+$")]
SecretArn = Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+$")]
ResourceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,255}$")]


class Observability(BaseSettings):
    """What every function has."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    powertools_service_name: Text
    powertools_metrics_namespace: Text
    powertools_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    datamesh_prefix: Prefix
    datamesh_account_id: AccountId

    @property
    def database_prefix(self) -> str:
        """The prefix in the alphabet of catalog names, `-` replaced by `_`."""
        return self.datamesh_prefix.replace("-", "_")


class UsesRegistry(BaseSettings):
    """The DynamoDB table with the truth about domains, products, requests and grants."""

    registry_table: ResourceName


class UsesLedger(BaseSettings):
    """The DynamoDB table that what is decided, granted and taken back is entered into."""

    ledger_table: ResourceName


class UsesEventBus(BaseSettings):
    """The mesh's event bus in the own account."""

    event_bus_name: ResourceName


class UsesOutbox(BaseSettings):
    """The queue of what people are to be told."""

    notifications_queue_url: QueueUrl


class KeepsSchedules(BaseSettings):
    """The group of schedules that end access, and as whom they say so on central's bus."""

    event_bus_arn: BusArn
    schedule_dlq_arn: QueueArn
    schedule_group: ResourceName
    schedule_role_arn: RoleArn


class KnowsCentral(BaseSettings):
    """The account that owns the catalog."""

    central_account_id: AccountId


class UsesCrawlerRole(BaseSettings):
    """The role that the domain's crawlers take."""

    crawler_role_arn: RoleArn


class KnowsSensitiveTags(BaseSettings):
    """The LF-tags that make sensitive what carries them."""

    sensitive_tags: SensitiveTags


class KnowsLfTags(KnowsSensitiveTags):
    """The LF-tag key whose values are the domains, besides."""

    domain_tag_key: TagKey


class UsesTimeline(BaseSettings):
    """The DynamoDB table of what happened, for people to look at, and for how many days it is kept."""

    timeline_table: ResourceName
    timeline_days: Annotated[int, Field(ge=1, le=3_650)]


class UsesIdempotency(BaseSettings):
    """The DynamoDB table of what the API has answered by idempotency key."""

    idempotency_table: ResourceName


class UsesSearchIndex(BaseSettings):
    """The search index: a file in a bucket, or where there is an endpoint an OpenSearch server."""

    search_bucket: ResourceName
    search_key: Text
    search_endpoint: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$")] | None

    @field_validator("search_endpoint", mode="before")
    @classmethod
    def _no_endpoint_is_none(cls, value: object) -> object:
        return None if value == "" else value


class KnowsStateMachines(BaseSettings):
    """How the names of central's state machines begin, hyphen included: what follows is the workflow."""

    state_machine_prefix: ResourceName


class RegisterDataDomainSettings(Observability, UsesRegistry, UsesEventBus, KnowsLfTags):
    """Environment of register_data_domain."""

    lake_access_role_arn: RoleArn
    routing_role_arn: RoleArn
    routing_dlq_arn: QueueArn
    catalog_writer_role_arn: RoleArn


class DeregisterDataDomainSettings(Observability, UsesRegistry, UsesEventBus):
    """Environment of deregister_data_domain. It takes back what the two roles were granted."""

    catalog_writer_role_arn: RoleArn
    domain_tag_key: TagKey
    registrar_role_arn: RoleArn


class RegisterDataProductSettings(Observability, UsesRegistry, UsesLedger, KnowsLfTags):
    """Environment of register_data_product."""


class DeregisterDataProductSettings(Observability, UsesRegistry):
    """Environment of deregister_data_product."""


class ShareDataProductSettings(Observability, UsesRegistry, UsesLedger, UsesOutbox, KeepsSchedules, KnowsLfTags):
    """Environment of share_data_product. The topic reaches the approval policy's own groups by mail."""

    approval_topic_arn: Annotated[str, StringConstraints(pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:.+$")]


class RevokeAccessSettings(Observability, UsesRegistry, UsesLedger, UsesOutbox, KeepsSchedules):
    """Environment of revoke_access."""


class IndexDataProductSettings(Observability, UsesRegistry, UsesLedger, KnowsLfTags):
    """Environment of index_data_product."""


class ReconcileAccessSettings(Observability, UsesRegistry, UsesLedger, UsesOutbox):
    """Environment of reconcile_access."""

    domain_tag_key: TagKey
    reconcile_heal: Literal["report", "missing", "all"]


class LinkDataProductSettings(Observability, KnowsCentral, UsesCrawlerRole):
    """Environment of link_data_product.

    `schema_reader_role_arn` is crawl_data_product's role: it reads the schema of what it crawled and is no
    administrator, so it is granted DESCRIBE on each table.
    """

    data_principals: tuple[PrincipalArn, ...]
    schema_reader_role_arn: RoleArn


class UnlinkDataProductSettings(Observability, KnowsCentral, UsesCrawlerRole):
    """Environment of unlink_data_product: it takes back what link_data_product gave."""

    data_principals: tuple[PrincipalArn, ...]
    schema_reader_role_arn: RoleArn


class CrawlDataProductSettings(Observability, KnowsCentral, UsesCrawlerRole):
    """Environment of crawl_data_product."""

    crawl_runs_table: ResourceName


class SendNotificationSettings(Observability, UsesRegistry):
    """Environment of send_notification."""

    approval_base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$")]
    approval_key_id: Text
    approval_link_base_url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+$")]
    notification_channels: Channels


class DecideApprovalSettings(Observability, UsesRegistry, UsesLedger):
    """Environment of decide_approval. Without the secret no ticketing system decides."""

    approval_key_id: Text
    approval_webhook_secret_arn: SecretArn | None

    @field_validator("approval_webhook_secret_arn", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value


class ReportWorkflowFailureSettings(Observability, UsesEventBus):
    """Environment of report_workflow_failure."""

    event_source: Literal["datamesh.central", "datamesh.domain"]


class AnswerQuerySettings(
    Observability, UsesRegistry, UsesLedger, UsesTimeline, UsesSearchIndex, KnowsLfTags, KnowsStateMachines
):
    """Environment of answer_query."""


class SendCommandSettings(Observability, UsesRegistry, UsesEventBus, UsesIdempotency, KnowsSensitiveTags):
    """Environment of send_command. What would become sensitive breaks consumers, and is asked about first."""


class CastVoteSettings(Observability, UsesRegistry, UsesLedger, UsesIdempotency):
    """Environment of cast_vote."""


class RetryExecutionSettings(Observability, UsesIdempotency, KnowsStateMachines):
    """Environment of retry_execution."""


class RecordEventSettings(Observability, UsesRegistry, UsesTimeline, KnowsStateMachines):
    """Environment of record_event."""


class IndexSearchSettings(Observability, UsesRegistry, UsesSearchIndex):
    """Environment of index_search."""


class ManageDataLakeSettingsSettings(Observability):
    """Environment of manage_data_lake_settings."""


class ManageLfTagsSettings(Observability, UsesRegistry):
    """Environment of manage_lf_tags."""


SETTINGS: dict[str, type[Observability]] = {
    "register_data_domain": RegisterDataDomainSettings,
    "deregister_data_domain": DeregisterDataDomainSettings,
    "register_data_product": RegisterDataProductSettings,
    "deregister_data_product": DeregisterDataProductSettings,
    "share_data_product": ShareDataProductSettings,
    "revoke_access": RevokeAccessSettings,
    "decide_approval": DecideApprovalSettings,
    "index_data_product": IndexDataProductSettings,
    "reconcile_access": ReconcileAccessSettings,
    "link_data_product": LinkDataProductSettings,
    "unlink_data_product": UnlinkDataProductSettings,
    "crawl_data_product": CrawlDataProductSettings,
    "send_notification": SendNotificationSettings,
    "report_workflow_failure": ReportWorkflowFailureSettings,
    "record_event": RecordEventSettings,
    "index_search": IndexSearchSettings,
    "answer_query": AnswerQuerySettings,
    "send_command": SendCommandSettings,
    "cast_vote": CastVoteSettings,
    "retry_execution": RetryExecutionSettings,
    "manage_data_lake_settings": ManageDataLakeSettingsSettings,
    "manage_lf_tags": ManageLfTagsSettings,
}

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def variable_names(model: type[BaseSettings]) -> set[str]:
    """Return the environment variable names of a settings model."""
    return {name.upper() for name in model.model_fields}


@cache
def load(model: type[SettingsT]) -> SettingsT:
    """Read the environment once.

    Raises InvalidSettings naming the variables at fault (not their values).
    """
    try:
        return model()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise InvalidSettings(problems) from error
    except SettingsError as error:
        raise InvalidSettings(str(error)) from error
