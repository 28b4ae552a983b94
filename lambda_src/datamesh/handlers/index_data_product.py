"""Handler of index_data_product: its state machine has one step."""

from collections.abc import Mapping

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.index_data_product import ProductIndexing, World
from datamesh.settings import IndexDataProductSettings, load

STEPS: Mapping[str, FlowStep[ProductIndexing]] = {
    "index": ProductIndexing.index,
}


def _flow() -> ProductIndexing:
    settings = load(IndexDataProductSettings)
    retrier = Retrier()
    return ProductIndexing(
        World(registry=Registry(settings.registry_table, retrier=retrier), catalog=GlueCatalog(retrier=retrier))
    )


handler = step_handler(lambda: bound(_flow(), STEPS))
