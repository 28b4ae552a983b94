"""Secrets Manager: secrets that central shares with a system outside of the mesh."""

import json
from typing import TYPE_CHECKING

from datamesh.aws import clients
from datamesh.aws.retry import Retrier
from datamesh.models.errors import InvalidSharedSecret

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# As long as what HMAC-SHA-256 makes of it; a shorter one can be guessed from a single message.
MIN_LENGTH = 32


class SharedSecrets:
    """Gateway to shared secrets, read anew each time: a rotated one holds at once."""

    def __init__(self, client: "SecretsManagerClient | None" = None, retrier: Retrier | None = None) -> None:
        self._client = client or clients.secrets_manager()
        self._retrier = retrier or Retrier()

    def read(self, secret_arn: str) -> str:
        """Return the `secret` of a secret's JSON. Raises InvalidSharedSecret, which says nothing of the content.

        Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
        """
        answer = self._retrier.run(lambda: self._client.get_secret_value(SecretId=secret_arn))
        try:
            content = json.loads(answer.get("SecretString", ""))
        except json.JSONDecodeError:
            # `from None`: what json raises quotes its input.
            raise InvalidSharedSecret('The secret is not {"secret": …} in JSON') from None
        secret = content.get("secret") if isinstance(content, dict) else None
        if not isinstance(secret, str) or len(secret) < MIN_LENGTH:
            raise InvalidSharedSecret(f"The secret has no `secret` of at least {MIN_LENGTH} characters")
        return secret
