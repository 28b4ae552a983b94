"""Lake Formation's settings of an account and region: read and written as a whole, as the API has it."""

from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from datamesh.aws import clients
from datamesh.aws.retry import INVALID_INPUT, RULES, Handling, Retrier, Rule, error_of
from datamesh.models.errors import PrincipalNotKnownYet

if TYPE_CHECKING:
    from mypy_boto3_lakeformation import LakeFormationClient


_NEW_ROLE = Rule(Handling.FATAL, INVALID_INPUT, ("invalid principal",))
_PUT_RULES = (_NEW_ROLE, *RULES)


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

        Raises PrincipalNotKnownYet for an administrator whose role was made a moment ago. It is not waited for here:
        what was read before the wait would be written after it, over what others wrote meanwhile.
        Source: https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_PutDataLakeSettings.html
        """
        try:
            self._retrier.run(
                lambda: self._client.put_data_lake_settings(DataLakeSettings=cast("Any", settings)), rules=_PUT_RULES
            )
        except ClientError as error:
            if _NEW_ROLE.matches(*error_of(error)):
                raise PrincipalNotKnownYet(str(error)) from error
            raise
