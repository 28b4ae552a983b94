"""What the domains of the tests send to central, and what central finds in their accounts."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from datamesh.models.base import iso
from datamesh.models.config import DomainConfig

CENTRAL, SALES, MARKETING, FINANCE = "111111111111", "222222222222", "333333333333", "444444444444"
ACCOUNTS = {"sales": SALES, "marketing": MARKETING, "finance": FINANCE}
REGION = "eu-west-1"
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def secret_arn(account_id: str) -> str:
    """Return the ARN of a domain's config secret."""
    return f"arn:aws:secretsmanager:{REGION}:{account_id}:secret:datamesh-domain-config-a1B2c3"


def bucket_of(account_id: str) -> str:
    """Return a domain's bucket."""
    return f"datamesh-domain-clean-{account_id}-{REGION}"


def config_of(domain: str, /, **changes: Any) -> DomainConfig:
    """Return a domain's configuration."""
    account = ACCOUNTS[domain]
    values = {
        "version": 1,
        "domain": domain,
        "account_id": account,
        "region": REGION,
        "bucket": bucket_of(account),
        "prefix": "products/",
        "kms_key_arn": f"arn:aws:kms:{REGION}:{account}:key/0a1b",
        "event_bus_arn": f"arn:aws:events:{REGION}:{account}:event-bus/datamesh-domain",
    }
    return DomainConfig.model_validate(values | changes)


def table_spec(name: str, account_id: str = SALES, **changes: Any) -> dict[str, Any]:
    """Return a table as a command declares it."""
    return {
        "name": name,
        "location": f"s3://{bucket_of(account_id)}/products/air_travel/{name}/",
        "format": "parquet",
        "columns": [],
        "partition_keys": [],
    } | changes


def product_spec(*tables: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a product as a command declares it: classified, and free of personal data."""
    return {
        "name": "air_travel",
        "description": "Flights",
        "classification": "internal",
        "pii": False,
        "tables": list(tables or (table_spec("flights"),)),
    } | changes


def event(
    detail_type: str,
    data: Mapping[str, Any],
    *,
    account: str = SALES,
    minute: int = 0,
    event_id: uuid.UUID | None = None,
    source: str = "datamesh.domain",
) -> dict[str, Any]:
    """Return an envelope as EventBridge delivers it; `minute` says when it happened."""
    identity = event_id or uuid.uuid4()
    moment = iso(NOW - timedelta(hours=1) + timedelta(minutes=minute))
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": account,
        "time": moment,
        "region": REGION,
        "resources": [],
        "detail": {
            "metadata": {
                "schema_version": "1.0",
                "event_id": str(identity),
                "correlation_id": str(uuid.uuid5(identity, "flow")),
                "causation_id": None,
                "occurred_at": moment,
            },
            "data": dict(data),
        },
    }


def register_domain(domain: str = "sales", **more: Any) -> dict[str, Any]:
    """Return a RegisterDataDomain; with `tags`, its LF-tags."""
    account = more.pop("account", ACCOUNTS[domain])
    data = {"domain": domain, "config_secret_arn": secret_arn(account), "tags": more.pop("tags", {})}
    return event("RegisterDataDomain", data, account=account, **more)


def register_product(product: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Return a RegisterDataProduct of sales."""
    return event("RegisterDataProduct", {"domain": "sales", "product": product or product_spec()}, **more)


def request_access(request_id: uuid.UUID | None = None, **more: Any) -> dict[str, Any]:
    """Return a RequestDataProductAccess of marketing."""
    meta = {key: more.pop(key) for key in ("minute", "event_id") if key in more}
    account = more.pop("account", MARKETING)
    data = {
        "request_id": str(request_id or uuid.uuid4()),
        "domain": "marketing",
        "product": {"domain": "sales", "name": "air_travel"},
        "tables": None,
        "principals": [f"arn:aws:iam::{MARKETING}:role/analyst"],
        "justification": "Which routes do our customers fly?",
    }
    return event("RequestDataProductAccess", data | more, account=account, **meta)


def by_person(command: dict[str, Any], person: str | None = "owner@sales.example") -> dict[str, Any]:
    """Return a command as the API puts it on central's bus: central's own account says it, and who asked."""
    metadata = command["detail"]["metadata"] | ({} if person is None else {"person": person})
    detail = command["detail"] | {"metadata": metadata}
    return command | {"source": "datamesh.central", "account": CENTRAL, "detail": detail}
