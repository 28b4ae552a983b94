"""The one Logger, Tracer and Metrics of the package.

Payloads stay out of traces (`capture_response=False` everywhere), and the correlation id of the flow is on every line.
"""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
tracer = Tracer()
metrics = Metrics()


def correlation_id_of(event: Mapping[str, Any]) -> str | None:
    """Return `detail.metadata.correlation_id` of a mesh event, which is the same through the whole flow."""
    detail = event.get("detail")
    metadata = detail.get("metadata") if isinstance(detail, Mapping) else None
    value = metadata.get("correlation_id") if isinstance(metadata, Mapping) else None
    return value if isinstance(value, str) else None


def count(name: str, value: float = 1) -> None:
    """Add to a metric that counts something that happened."""
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)


__all__ = ["correlation_id_of", "count", "logger", "metrics", "tracer"]
