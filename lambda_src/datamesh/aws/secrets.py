"""Secrets Manager: reads the config secret of a domain across accounts, and where central's own channels are."""

import json
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import ValidationError

from datamesh.aws import clients
from datamesh.aws.retry import Retrier, error_of
from datamesh.models.config import DomainConfig
from datamesh.models.errors import DeliveryFailed, InvalidConfigSecret
from datamesh.models.events import describe
from datamesh.models.notifications import ChannelSecret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# What the owner of the secret has to mend. A key that does not let central decrypt shows as the last two.
_OWNERS_FAULT = {
    "AccessDeniedException": "central may not read it",
    "ResourceNotFoundException": "it does not exist",
    "InvalidRequestException": "it is being deleted",
    "InvalidParameterException": "Secrets Manager does not take this ARN",
    "DecryptionFailure": "central may not use its key",
    "KMSAccessDeniedException": "central may not use its key",
}


class DomainConfigs:
    """Gateway to the config secrets of the domains."""

    def __init__(self, client: "SecretsManagerClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.secrets_manager()
        self._retrier = retrier or Retrier()

    def read(self, secret_arn: str) -> DomainConfig:
        """Read a domain's configuration.

        Raises InvalidConfigSecret when it cannot be read or is not one: the domain's account has to mend that.
        Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
        """
        try:
            answer = self._retrier.run(lambda: self._client.get_secret_value(SecretId=secret_arn))
        except ClientError as error:
            code, _ = error_of(error)
            if code not in _OWNERS_FAULT:
                raise
            raise InvalidConfigSecret(f"The config secret cannot be read: {_OWNERS_FAULT[code]} ({code})") from error
        try:
            return DomainConfig.model_validate(json.loads(answer.get("SecretString", "")))
        except ValidationError as error:
            raise InvalidConfigSecret(f"The config secret is not one: {describe(error)}") from error
        except json.JSONDecodeError as error:
            raise InvalidConfigSecret("The config secret is not JSON") from error


class ChannelSecrets:
    """Gateway to the secrets that say where a channel is, read anew each time: a rotated one holds at once."""

    def __init__(self, client: "SecretsManagerClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.secrets_manager()
        self._retrier = retrier or Retrier()

    def read(self, secret_arn: str) -> ChannelSecret:
        """Read a channel's secret, `{"url": …}` and of the signed webhook `"secret"` besides.

        Raises DeliveryFailed, which says nothing of the content, when it cannot be read or is not one.
        Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
        """
        try:
            answer = self._retrier.run(lambda: self._client.get_secret_value(SecretId=secret_arn))
        except ClientError as error:
            raise DeliveryFailed(f"The secret {secret_arn} cannot be read: {error_of(error)[0]}") from error
        try:
            return ChannelSecret.model_validate_json(answer.get("SecretString", ""))
        except ValidationError:
            # `from None`: what pydantic raises quotes its input.
            raise DeliveryFailed(f"The secret {secret_arn} is not {{url, secret}} in JSON") from None
