"""Handler of register_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws import clients
from datamesh.aws.data_filters import DataFilters
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.register_data_product import ProductRegistration, World
from datamesh.logic.tagging import TagRules
from datamesh.settings import RegisterDataProductSettings, load

STEPS: Mapping[str, FlowStep[ProductRegistration]] = {
    "admit": ProductRegistration.admit,
    "tables": ProductRegistration.tables,
    "grant": ProductRegistration.grant,
    "record": ProductRegistration.record,
    "tell": ProductRegistration.tell,
    "confirm": ProductRegistration.confirm,
    "fail": ProductRegistration.fail,
}


def _flow() -> ProductRegistration:
    settings = load(RegisterDataProductSettings)
    retrier = Retrier()
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier, ledger_table=settings.ledger_table),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
        filters=DataFilters(settings.datamesh_account_id, retrier=retrier),
    )
    rules = TagRules(domain_tag_key=settings.domain_tag_key, sensitive_tags=settings.sensitive_tags)
    return ProductRegistration(world, rules, account_id=settings.datamesh_account_id, partition=clients.partition())


handler = step_handler(lambda: bound(_flow(), STEPS))
