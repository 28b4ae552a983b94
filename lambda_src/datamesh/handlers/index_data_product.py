"""Handler of index_data_product: its state machine has one step."""

from collections.abc import Mapping

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import Step, step_handler, timed
from datamesh.logic.index_data_product import ProductIndexing, World
from datamesh.settings import IndexDataProductSettings, load


def steps() -> Mapping[str, Step]:
    """Return the steps, built from the environment."""
    settings = load(IndexDataProductSettings)
    retrier = Retrier()
    flow = ProductIndexing(
        World(registry=Registry(settings.registry_table, retrier=retrier), catalog=GlueCatalog(retrier=retrier))
    )
    return timed({"index": flow.index})


handler = step_handler(steps)
