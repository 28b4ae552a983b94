"""A domain's own account, looked at from inside: who speaks, and whether what the mesh needs is there."""

import uuid
from typing import Any, NamedTuple

import boto3

from datamesh.aws.clients import DATA_PLANE
from datamesh.aws.domain_bus import DomainBus


class Identity(NamedTuple):
    """Whose credentials are used."""

    account: str
    arn: str


class DomainAccount:
    """The account whose credentials are used. All methods raise ClientError and BotoCoreError."""

    def __init__(self, session: boto3.Session, *, prefix: str, endpoint_url: str | None = None) -> None:
        self._session = session
        self._prefix = prefix
        self._endpoint_url = endpoint_url

    @classmethod
    def of(
        cls, *, prefix: str, region: str | None, aws_profile: str | None = None, endpoint_url: str | None = None
    ) -> "DomainAccount":
        """Return the account of a profile of the AWS CLI, or of whatever credentials there are.

        Raises BotoCoreError for a profile that there is not.
        """
        session = boto3.Session(profile_name=aws_profile, region_name=region)
        return cls(session, prefix=prefix, endpoint_url=endpoint_url)

    @property
    def region(self) -> str | None:
        """The region; None when nothing says which."""
        return self._session.region_name

    def identity(self) -> Identity:
        """Return whose credentials are used."""
        found = self._client("sts").get_caller_identity()
        return Identity(found["Account"], found["Arn"])

    def bus(self) -> str:
        """Return the ARN of the mesh's bus in the account."""
        return str(self._client("events").describe_event_bus(Name=f"{self._prefix}-domain")["Arn"])

    def config_secret(self) -> str:
        """Return the ARN of the secret by which central knows the account; its content is not read."""
        return str(self._client("secretsmanager").describe_secret(SecretId=f"{self._prefix}-domain-config")["ARN"])

    def try_to_put(self) -> None:
        """Put an event on the bus that nobody acts on. Raises PublishFailed, too."""
        bus = DomainBus(self._client("events"), self._client("sqs"), name=f"{self._prefix}-domain")
        bus.try_to_put(uuid.uuid4())

    def _client(self, service: str) -> Any:  # noqa: ANN401 - of any service
        make: Any = self._session.client  # its type stubs want the service's name as a literal
        return make(service, endpoint_url=self._endpoint_url, config=DATA_PLANE)
