"""The config secret of a domain, which Terraform writes in the domain's account."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from datamesh.models.base import AccountId, ArnText, DomainName, OpenModel
from datamesh.models.people import Person

# A prefix ends with a slash, so that `products/` never covers `products-of-another/`.
Prefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_.=-]+/)+$", max_length=512)]
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]


class DomainConfig(OpenModel):
    """Where a domain's data and bus are. Believed only as far as it agrees with the account that sent the command."""

    version: Literal[1]
    domain: DomainName
    account_id: AccountId
    region: str
    bucket: BucketName
    prefix: Prefix
    kms_key_arn: ArnText
    event_bus_arn: ArnText
    approval_topic_arn: ArnText | None = None
    product_owners: tuple[Person, ...] = ()
    data_stewards: tuple[Person, ...] = ()

    @property
    def location(self) -> str:
        """The URI under which all of the domain's products lie."""
        return f"s3://{self.bucket}/{self.prefix}"
