"""Handler of revoke_access: each step of the state machine is one method of the flow."""

from collections.abc import Mapping

from datamesh.aws.callbacks import Callbacks
from datamesh.aws.data_filters import DataFilters
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import TagSearch
from datamesh.aws.outbox import Outbox
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.aws.schedules import OneTimeSchedules, ScheduleTarget
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.approvals import Approvals
from datamesh.logic.revoke_access import AccessRevocation, World
from datamesh.settings import RevokeAccessSettings, load

STEPS: Mapping[str, FlowStep[AccessRevocation]] = {
    "admit": AccessRevocation.admit,
    "cut": AccessRevocation.cut,
    "finish": AccessRevocation.finish,
    "confirm": AccessRevocation.confirm,
    "fail": AccessRevocation.fail,
}


def _flow() -> AccessRevocation:
    settings = load(RevokeAccessSettings)
    retrier = Retrier()
    registry = Registry(settings.registry_table, retrier=retrier, ledger_table=settings.ledger_table)
    outbox = Outbox(settings.notifications_queue_url, retrier=retrier)
    target = ScheduleTarget(
        group=settings.schedule_group,
        role_arn=settings.schedule_role_arn,
        bus_arn=settings.event_bus_arn,
        dead_letter_arn=settings.schedule_dlq_arn,
    )
    world = World(
        registry=registry,
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
        tag_search=TagSearch(settings.datamesh_account_id, retrier=retrier),
        filters=DataFilters(settings.datamesh_account_id, retrier=retrier),
        schedules=OneTimeSchedules(target, retrier=retrier),
        outbox=outbox,
        approvals=Approvals(registry, outbox, Callbacks(retrier=retrier)),
    )
    return AccessRevocation(
        world, account_id=settings.datamesh_account_id, prefix=settings.datamesh_prefix, own_role_arn=own_role_arn()
    )


handler = step_handler(lambda: bound(_flow(), STEPS))
