"""Handler of share_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.share_data_product import ProductSharing, World
from datamesh.logic.tagging import TagRules
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
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
    )
    return ProductSharing(
        world,
        account_id=settings.datamesh_account_id,
        database_prefix=settings.database_prefix,
        rules=TagRules(domain_tag_key=settings.domain_tag_key, sensitive_tags=settings.sensitive_tags),
    )


handler = step_handler(lambda: bound(_flow(), STEPS))
