"""manage_lf_tags: Terraform's `aws_lambda_invocation` → the LF-tags that the mesh declares."""

import random
import time

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from datamesh.aws.identity import own_role_arn
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import Json, observed, utc_now
from datamesh.logic.manage_lf_tags import TagManagement
from datamesh.models.errors import InvalidLfTags, RecordBusy
from datamesh.models.events import describe
from datamesh.models.lf_tags import LfTagsRequest
from datamesh.observability import count, logger
from datamesh.settings import ManageLfTagsSettings, load

# No state machine waits for the workflows that work on tags; so this function does, for about a minute.
LOOK_AGAIN = (1.0, 3.0)
MAX_WAITS = 30


def _management() -> TagManagement:
    settings = load(ManageLfTagsSettings)
    # Together with the waiting for workflows less than the function's timeout.
    retrier = Retrier(total=120)
    return TagManagement(
        Registry(settings.registry_table, retrier=retrier),
        LfTags(settings.datamesh_account_id, retrier=retrier),
        LakeFormation(settings.datamesh_account_id, retrier=retrier),
        own_role_arn=own_role_arn(),
    )


def _pause() -> None:
    time.sleep(random.uniform(*LOOK_AGAIN))  # noqa: S311 - spreads writers, protects nothing


@observed
def handler(event: Json, context: LambdaContext) -> Json:
    """Bring the LF-tags to what is declared.

    Raises InvalidLfTags, TagInUse, and RecordBusy when a workflow kept working on tags; Terraform shows the message.
    """
    management = _management()
    try:
        request = LfTagsRequest.model_validate(event)
    except ValidationError as error:
        raise InvalidLfTags(describe(error)) from error
    waits = 0
    while True:
        try:
            answer = management.apply(request, f"manage_lf_tags/{context.aws_request_id}", utc_now())
            break
        except RecordBusy:
            waits += 1
            if waits > MAX_WAITS:
                raise
            _pause()
    count("LfTagsManaged")
    logger.info("LF-tags are as declared", action=request.tf.action, **answer)
    return answer
