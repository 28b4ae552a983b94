"""People who decide, and the domains that name them."""

from __future__ import annotations

from datamesh.models.config import DomainConfig
from datamesh.models.people import Person


def person(name: str, domain: str | None = None) -> Person:
    return Person(email=f"{name}@example.com", domain=domain)


def config(
    domain: str, owners: tuple[str, ...] = (), stewards: tuple[str, ...] = (), topic: bool = True
) -> DomainConfig:
    arn = "arn:aws:sns:eu-west-1:222222222222:"
    return DomainConfig(
        version=1,
        domain=domain,
        account_id="222222222222",
        region="eu-west-1",
        bucket="bucket",
        prefix="products/",
        kms_key_arn="arn:aws:kms:eu-west-1:222222222222:key/1",
        event_bus_arn="arn:aws:events:eu-west-1:222222222222:event-bus/datamesh-domain",
        approval_topic_arn=arn + domain if topic else None,
        product_owners=tuple(person(name) for name in owners),
        data_stewards=tuple(person(name) for name in stewards),
    )
