"""manage_data_lake_settings: Terraform's `aws_lambda_invocation` → Lake Formation's settings, merged."""

import random
import time

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from datamesh.aws.data_lake_settings import DataLakeSettings
from datamesh.handlers._runtime import Json, observed
from datamesh.logic.manage_data_lake_settings import apply
from datamesh.models.data_lake_settings import DataLakeSettingsRequest
from datamesh.models.errors import InvalidDataLakeSettings
from datamesh.models.events import describe
from datamesh.observability import count, logger
from datamesh.settings import ManageDataLakeSettingsSettings, load

# Longer than another writer takes between its read and its write, and never the same for two writers.
LOOK_AGAIN = (0.5, 1.5)


def _pause() -> None:
    time.sleep(random.uniform(*LOOK_AGAIN))  # noqa: S311 - spreads writers, protects nothing


@observed
def handler(event: Json, _context: LambdaContext) -> Json:
    """Merge the request into the settings.

    Raises InvalidDataLakeSettings, TooManyAdministrators, SettingsConflict; Terraform shows the message.
    """
    load(ManageDataLakeSettingsSettings)
    try:
        request = DataLakeSettingsRequest.model_validate(event)
    except ValidationError as error:
        raise InvalidDataLakeSettings(describe(error)) from error
    answer = apply(request, DataLakeSettings(), _pause)
    count("DataLakeSettingsMerged")
    logger.info("Settings are as asked", action=request.tf.action, **answer)
    return answer
