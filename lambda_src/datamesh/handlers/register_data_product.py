"""Handler of register_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws import clients
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import Step, step_handler, timed
from datamesh.logic.register_data_product import ProductRegistration, World
from datamesh.settings import RegisterDataProductSettings, load


def steps() -> Mapping[str, Step]:
    """Return the steps, built from the environment."""
    settings = load(RegisterDataProductSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
    )
    flow = ProductRegistration(world, account_id=settings.datamesh_account_id, partition=clients.partition())
    return timed(
        {
            "admit": flow.admit,
            "tables": flow.tables,
            "grant": flow.grant,
            "record": flow.record,
            "confirm": flow.confirm,
            "fail": flow.fail,
        }
    )


handler = step_handler(steps)
