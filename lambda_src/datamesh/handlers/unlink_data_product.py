"""unlink_data_product: DataProductAccessEnding or DataProductDeregistered → grants and links are gone.

Says DataProductUnlinked.
"""

from collections.abc import Mapping
from datetime import datetime

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.retry import Retrier
from datamesh.aws.shared_catalog import SharedCatalog
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.link_plans import LinkConfig
from datamesh.logic.unlink_data_product import UnlinkDataProduct
from datamesh.models.steps import Json, StepRequest
from datamesh.settings import UnlinkDataProductSettings, load

# Hundreds of revocations may have to wait for one another; below the function's timeout of 900 seconds.
WAIT = 600.0


def _flow() -> UnlinkDataProduct:
    settings = load(UnlinkDataProductSettings)
    retrier = Retrier(total=WAIT)
    return UnlinkDataProduct(
        LinkConfig(
            account_id=settings.datamesh_account_id,
            central_account_id=settings.central_account_id,
            prefix=settings.datamesh_prefix,
            own_role_arn=own_role_arn(),
            data_principals=settings.data_principals,
            crawler_role_arn=settings.crawler_role_arn,
            schema_reader_role_arn=settings.schema_reader_role_arn,
        ),
        shared=SharedCatalog(retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
    )


def _revoke(flow: UnlinkDataProduct, request: StepRequest, now: datetime) -> Json:
    return flow.revoke(request.envelope, int(request.payload.get("revoked") or 0), now)


def _remove_links(flow: UnlinkDataProduct, request: StepRequest, now: datetime) -> Json:
    return flow.remove_links(request.envelope, now)


STEPS: Mapping[str, FlowStep[UnlinkDataProduct]] = {"revoke": _revoke, "remove_links": _remove_links}

handler = step_handler(lambda: bound(_flow(), STEPS))
