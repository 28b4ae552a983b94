"""Lake Formation's settings of an account and region: read and written as a whole, as the API has it."""

from typing import TYPE_CHECKING, Any, cast

from datamesh.aws import clients
from datamesh.aws.retry import Retrier

if TYPE_CHECKING:
    from mypy_boto3_lakeformation import LakeFormationClient


class DataLakeSettings:
    """Gateway to the settings."""

    def __init__(self, client: "LakeFormationClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.lake_formation()
        self._retrier = retrier or Retrier()

    def get(self) -> dict[str, Any]:
        """Return all settings, those that this project knows nothing of included.

        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GetDataLakeSettings.html
        """
        return cast("dict[str, Any]", self._retrier.run(self._client.get_data_lake_settings)["DataLakeSettings"])

    def put(self, settings: dict[str, Any]) -> None:
        """Replace all settings: what is left out is lost.

        An administrator whose role was made a moment ago is waited for.
        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_PutDataLakeSettings.html
        """
        self._retrier.run(lambda: self._client.put_data_lake_settings(DataLakeSettings=cast("Any", settings)))
