"""link_data_product: DataProductRegistered, DataProductAccessGranted or DataProductTagsChanged → links and grants.

Says DataProductLinked, and where it was a request DataProductAccessProvisioned, or DataProductLinkFailed in the end.
"""

from collections.abc import Mapping
from datetime import datetime

from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.ram import ResourceShares
from datamesh.aws.retry import Retrier
from datamesh.aws.shared_catalog import SharedCatalog
from datamesh.handlers._runtime import FlowStep, bound, step_handler
from datamesh.logic.link_data_product import LinkDataProduct
from datamesh.logic.link_plans import LinkConfig
from datamesh.models.steps import Json, StepRequest
from datamesh.settings import LinkDataProductSettings, load

# Hundreds of grants may have to wait for one another; below the function's timeout of 900 seconds.
WAIT = 600.0


def _flow() -> LinkDataProduct:
    settings = load(LinkDataProductSettings)
    retrier = Retrier(total=WAIT)
    return LinkDataProduct(
        LinkConfig(
            account_id=settings.datamesh_account_id,
            central_account_id=settings.central_account_id,
            prefix=settings.datamesh_prefix,
            own_role_arn=own_role_arn(),
            data_principals=settings.data_principals,
            crawler_role_arn=settings.crawler_role_arn,
            schema_reader_role_arn=settings.schema_reader_role_arn,
        ),
        shares=ResourceShares(settings.central_account_id, retrier=retrier),
        shared=SharedCatalog(retrier=retrier),
        catalog=GlueCatalog(retrier=retrier),
        permissions=LakeFormation(settings.datamesh_account_id, retrier=retrier),
    )


def _accept_share(flow: LinkDataProduct, request: StepRequest, _now: datetime) -> Json:
    return flow.accept_share(request.envelope)


def _await_visibility(flow: LinkDataProduct, request: StepRequest, _now: datetime) -> Json:
    return flow.await_visibility(request.envelope)


def _create_links(flow: LinkDataProduct, request: StepRequest, _now: datetime) -> Json:
    return flow.create_links(request.envelope)


def _grant_principals(flow: LinkDataProduct, request: StepRequest, now: datetime) -> Json:
    return flow.grant_principals(request.envelope, request.payload["links"], now)


def _fail(flow: LinkDataProduct, request: StepRequest, now: datetime) -> Json:
    return flow.fail(request.envelope, request.payload["error"], now)


STEPS: Mapping[str, FlowStep[LinkDataProduct]] = {
    "accept_share": _accept_share,
    "await_visibility": _await_visibility,
    "create_links": _create_links,
    "grant_principals": _grant_principals,
    "fail": _fail,
}

handler = step_handler(lambda: bound(_flow(), STEPS))
