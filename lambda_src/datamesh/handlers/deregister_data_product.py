"""Handler of deregister_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.deregister_data_product import ProductDeregistration, World
from datamesh.settings import DeregisterDataProductSettings, load

STEPS: Mapping[str, FlowStep[ProductDeregistration]] = {
    "admit": ProductDeregistration.admit,
    "end": ProductDeregistration.end,
    "wait": ProductDeregistration.wait,
    "remove": ProductDeregistration.remove,
    "close": ProductDeregistration.close,
    "fail": ProductDeregistration.fail,
}


def _flow() -> ProductDeregistration:
    settings = load(DeregisterDataProductSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
    )
    return ProductDeregistration(world, account_id=settings.datamesh_account_id, own_role_arn=own_role_arn())


handler = step_handler(lambda: bound(_flow(), STEPS))
