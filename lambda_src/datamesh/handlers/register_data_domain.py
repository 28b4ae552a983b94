"""Handler of register_data_domain: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws import clients
from datamesh.aws.buckets import Buckets
from datamesh.aws.events import EventBus
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.aws.secrets import DomainConfigs
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.domains import Central
from datamesh.logic.register_data_domain import DomainRegistration, World
from datamesh.settings import RegisterDataDomainSettings, load

STEPS: Mapping[str, FlowStep[DomainRegistration]] = {
    "admit": DomainRegistration.admit,
    "verify": DomainRegistration.verify,
    "prepare": DomainRegistration.prepare,
    "route": DomainRegistration.route,
    "record": DomainRegistration.record,
    "tell": DomainRegistration.tell,
    "confirm": DomainRegistration.confirm,
    "fail": DomainRegistration.fail,
}


def _flow() -> DomainRegistration:
    settings = load(RegisterDataDomainSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        configs=DomainConfigs(retrier=retrier),
        buckets=Buckets(retrier=retrier),
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
        router=EventBus(settings.event_bus_name, retrier=retrier),
    )
    central = Central(
        prefix=settings.datamesh_prefix,
        account_id=settings.datamesh_account_id,
        region=clients.region(),
        partition=clients.partition(),
        own_role_arn=own_role_arn(),
        catalog_writer_role_arn=settings.catalog_writer_role_arn,
        lake_access_role_arn=settings.lake_access_role_arn,
        routing_role_arn=settings.routing_role_arn,
        routing_dlq_arn=settings.routing_dlq_arn,
        domain_tag_key=settings.domain_tag_key,
        sensitive_tags=settings.sensitive_tags,
    )
    return DomainRegistration(world, central)


handler = step_handler(lambda: bound(_flow(), STEPS))
