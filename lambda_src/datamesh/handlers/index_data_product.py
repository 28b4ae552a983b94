"""Handler of index_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.data_filters import DataFilters
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.index_data_product import ProductIndexing, World
from datamesh.logic.tagging import TagRules
from datamesh.settings import IndexDataProductSettings, load

STEPS: Mapping[str, FlowStep[ProductIndexing]] = {
    "index": ProductIndexing.index,
    "tell": ProductIndexing.tell,
    "review": ProductIndexing.review,
}


def _flow() -> ProductIndexing:
    settings = load(IndexDataProductSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier, ledger_table=settings.ledger_table),
        catalog=GlueCatalog(retrier=retrier),
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        filters=DataFilters(settings.datamesh_account_id, retrier=retrier),
    )
    rules = TagRules(domain_tag_key=settings.domain_tag_key, sensitive_tags=settings.sensitive_tags)
    return ProductIndexing(world, rules, account_id=settings.datamesh_account_id)


handler = step_handler(lambda: bound(_flow(), STEPS))
