"""Handler of share_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.share_data_product import ProductSharing, World
from datamesh.settings import ShareDataProductSettings, load

STEPS: Mapping[str, FlowStep[ProductSharing]] = {
    "admit": ProductSharing.admit,
    "grant": ProductSharing.grant,
    "record": ProductSharing.record,
    "confirm": ProductSharing.confirm,
    "fail": ProductSharing.fail,
}


def _flow() -> ProductSharing:
    settings = load(ShareDataProductSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
    )
    return ProductSharing(world, account_id=settings.datamesh_account_id)


handler = step_handler(lambda: bound(_flow(), STEPS))
