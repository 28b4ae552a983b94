"""Unit tests touch no network and no machine's AWS configuration."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from pytest_socket import disable_socket, enable_socket

# Powertools reads these when the package is imported, as it does in Lambda.
POWERTOOLS = {
    "POWERTOOLS_METRICS_NAMESPACE": "datamesh",
    "POWERTOOLS_SERVICE_NAME": "test",
    "POWERTOOLS_TRACE_DISABLED": "true",
}
os.environ.update(POWERTOOLS)

# A busy machine is no finding: an example may take as long as it takes.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# The X-Ray SDK opens a UDP socket (and sends nothing) when it is imported: before sockets are refused.
from datamesh import observability as _observability  # noqa: E402, F401


@pytest.fixture(autouse=True)
def _no_network() -> Iterator[None]:
    """Refuse to open sockets (Unix sockets aside, which asyncio needs)."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give boto3 a region and credentials that open nothing, whatever the machine has."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
