"""Handler of deregister_data_domain: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws import clients
from datamesh.aws.events import EventBus
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.deregister_data_domain import DomainDeregistration, World
from datamesh.logic.domains import Mesh
from datamesh.settings import DeregisterDataDomainSettings, load

STEPS: Mapping[str, FlowStep[DomainDeregistration]] = {
    "admit": DomainDeregistration.admit,
    "release": DomainDeregistration.release,
    "close": DomainDeregistration.close,
    "fail": DomainDeregistration.fail,
}


def _flow() -> DomainDeregistration:
    settings = load(DeregisterDataDomainSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
        router=EventBus(settings.event_bus_name, retrier=retrier),
    )
    mesh = Mesh(
        prefix=settings.datamesh_prefix,
        account_id=settings.datamesh_account_id,
        partition=clients.partition(),
        own_role_arn=settings.registrar_role_arn,
        catalog_writer_role_arn=settings.catalog_writer_role_arn,
        domain_tag_key=settings.domain_tag_key,
    )
    return DomainDeregistration(world, mesh, own_role_arn=own_role_arn())


handler = step_handler(lambda: bound(_flow(), STEPS))
