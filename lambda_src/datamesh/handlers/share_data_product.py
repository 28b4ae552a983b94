"""Handler of share_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import Step, step_handler, timed
from datamesh.logic.share_data_product import ProductSharing, World
from datamesh.settings import ShareDataProductSettings, load


def steps() -> Mapping[str, Step]:
    """Return the steps, built from the environment."""
    settings = load(ShareDataProductSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
    )
    flow = ProductSharing(world, account_id=settings.datamesh_account_id)
    return timed(
        {
            "admit": flow.admit,
            "grant": flow.grant,
            "record": flow.record,
            "confirm": flow.confirm,
            "fail": flow.fail,
        }
    )


handler = step_handler(steps)
