"""Handler of share_data_product: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.callbacks import Callbacks
from datamesh.aws.data_filters import DataFilters
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.outbox import Outbox
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.aws.schedules import OneTimeSchedules, ScheduleTarget
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.share_data_product import ProductSharing
from datamesh.logic.share_world import ShareConfig, World
from datamesh.logic.tagging import TagRules
from datamesh.settings import ShareDataProductSettings, load

STEPS: Mapping[str, FlowStep[ProductSharing]] = {
    "admit": ProductSharing.admit,
    "open_stage": ProductSharing.open_stage,
    "deadline": ProductSharing.deadline,
    "resume": ProductSharing.resume,
    "grant": ProductSharing.grant,
    "record": ProductSharing.record,
    "confirm": ProductSharing.confirm,
    "fail": ProductSharing.fail,
}


def _flow() -> ProductSharing:
    settings = load(ShareDataProductSettings)
    retrier = Retrier()
    schedules = ScheduleTarget(
        group=settings.schedule_group,
        role_arn=settings.schedule_role_arn,
        bus_arn=settings.event_bus_arn,
        dead_letter_arn=settings.schedule_dlq_arn,
    )
    world = World(
        registry=Registry(settings.registry_table, retrier=retrier, ledger_table=settings.ledger_table),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        lf_tags=LfTags(settings.datamesh_account_id, retrier=retrier),
        filters=DataFilters(settings.datamesh_account_id, retrier=retrier),
        schedules=OneTimeSchedules(schedules, retrier=retrier),
        outbox=Outbox(settings.notifications_queue_url, retrier=retrier),
        callbacks=Callbacks(retrier=retrier),
    )
    config = ShareConfig(
        account_id=settings.datamesh_account_id,
        prefix=settings.datamesh_prefix,
        rules=TagRules(domain_tag_key=settings.domain_tag_key, sensitive_tags=settings.sensitive_tags),
        central_topic_arn=settings.approval_topic_arn,
    )
    return ProductSharing(world, config)


handler = step_handler(lambda: bound(_flow(), STEPS))
