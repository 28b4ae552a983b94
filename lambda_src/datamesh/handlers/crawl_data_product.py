"""crawl_data_product: link_data_product succeeded → crawlers → DataProductSchemaUpdated or DataProductCrawlFailed.

One function with two callers: the state machine asks for steps, EventBridge brings "Glue Crawler State Change".
"""

from collections.abc import Mapping
from datetime import datetime

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from datamesh.aws.crawlers import Crawlers
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.retry import Retrier
from datamesh.aws.runs import CrawlRuns
from datamesh.aws.step_functions import StepFunctions
from datamesh.handlers._runtime import FlowStep, bound, observed, step_handler
from datamesh.logic.crawl_data_product import CrawlConfig, CrawlDataProduct
from datamesh.models.crawls import CRAWLER_STATE_CHANGE, CrawlPlan
from datamesh.models.errors import InvalidEvent
from datamesh.models.events import Envelope, describe
from datamesh.models.steps import Json, StepRequest
from datamesh.observability import count, logger
from datamesh.settings import CrawlDataProductSettings, load


def _flow() -> CrawlDataProduct:
    settings = load(CrawlDataProductSettings)
    retrier = Retrier()
    return CrawlDataProduct(
        CrawlConfig(
            account_id=settings.datamesh_account_id,
            central_account_id=settings.central_account_id,
            prefix=settings.datamesh_prefix,
            crawler_role_arn=settings.crawler_role_arn,
        ),
        catalog=GlueCatalog(retrier=retrier),
        crawlers=Crawlers(retrier=retrier),
        runs=CrawlRuns(settings.crawl_runs_table, retrier=retrier),
        executions=StepFunctions(retrier=retrier),
    )


def _read_plan(request: StepRequest) -> CrawlPlan:
    try:
        plan = CrawlPlan.model_validate(request.payload.get("plan"))
    except ValidationError as error:
        raise InvalidEvent(f"Not a crawl plan: {describe(error)}") from error
    logger.set_correlation_id(str(plan.correlation_id))
    return plan


def _plan(flow: CrawlDataProduct, request: StepRequest, now: datetime) -> Json:
    result = flow.plan(request.envelope, request.execution.id, now)
    if "correlation_id" in result:
        # The event that started this workflow is Step Functions' own; the flow's id is in what was linked.
        logger.set_correlation_id(result["correlation_id"])
    return result


def _start(flow: CrawlDataProduct, request: StepRequest, _now: datetime) -> Json:
    return flow.start(_read_plan(request), request.execution.id, str(request.payload["task_token"]))


def _check(flow: CrawlDataProduct, request: StepRequest, _now: datetime) -> Json:
    return flow.check(_read_plan(request))


def _finish(flow: CrawlDataProduct, request: StepRequest, now: datetime) -> Json:
    return flow.finish(_read_plan(request), request.execution.id, now)


def _clean_up(flow: CrawlDataProduct, request: StepRequest, _now: datetime) -> Json:
    return flow.clean_up(_read_plan(request), request.execution.id, failed=bool(request.payload["failed"]))


STEPS: Mapping[str, FlowStep[CrawlDataProduct]] = {
    "plan": _plan,
    "start": _start,
    "check": _check,
    "finish": _finish,
    "clean_up": _clean_up,
}


@observed
def _on_crawler_event(event: Json, _context: LambdaContext) -> Json:
    result = _flow().resume(Envelope.read(event))
    count(f"Crawler{str(result['outcome']).capitalize()}")
    logger.info("Crawler ended", crawler=event.get("detail", {}).get("crawlerName"), outcome=result["outcome"])
    return result


_on_step = step_handler(lambda: bound(_flow(), STEPS))


def handler(event: Json, context: LambdaContext) -> Json:
    """Tell the two callers apart: Step Functions wraps its event, EventBridge sends it bare."""
    if event.get("detail-type") == CRAWLER_STATE_CHANGE:
        return _on_crawler_event(event, context)
    return _on_step(event, context)
