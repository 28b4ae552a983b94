"""Handler of reconcile_access: each step of the state machine is one method of the flow."""

from collections.abc import Mapping
from datetime import datetime

from datamesh.aws.callbacks import Callbacks
from datamesh.aws.data_filters import DataFilters
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.outbox import Outbox
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import FlowStep, Json, StepRequest, bound, step_handler
from datamesh.logic.approvals import Approvals
from datamesh.logic.drift import DriftWorld
from datamesh.logic.reconcile_access import AccessReconciliation, ReconcileConfig, World
from datamesh.observability import count
from datamesh.settings import ReconcileAccessSettings, load


def compare(flow: AccessReconciliation, request: StepRequest, now: datetime) -> Json:
    """Compare, and count what is different when all has been compared."""
    result = flow.compare(request, now)
    if result["outcome"] != "more":
        for kind, number in result["counts"].items():
            count(f"Drift_{kind}", number)
        count("DriftHealed", result["healed"])
        count("DriftSkipped", result["skipped"])
    return result


STEPS: Mapping[str, FlowStep[AccessReconciliation]] = {
    "settle": AccessReconciliation.settle,
    "compare": compare,
}


def _flow() -> AccessReconciliation:
    settings = load(ReconcileAccessSettings)
    retrier = Retrier()
    registry = Registry(settings.registry_table, retrier=retrier, ledger_table=settings.ledger_table)
    outbox = Outbox(settings.notifications_queue_url, retrier=retrier)
    world = World(
        drift=DriftWorld(
            registry=registry,
            catalog=GlueCatalog(retrier=retrier),
            permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
            filters=DataFilters(settings.datamesh_account_id, retrier=retrier),
        ),
        approvals=Approvals(registry, outbox, Callbacks(retrier=retrier)),
        outbox=outbox,
    )
    config = ReconcileConfig(
        account_id=settings.datamesh_account_id,
        prefix=settings.datamesh_prefix,
        domain_tag_key=settings.domain_tag_key,
        heal=settings.reconcile_heal,
        own_role_arn=own_role_arn(),
    )
    return AccessReconciliation(world, config)


handler = step_handler(lambda: bound(_flow(), STEPS))
