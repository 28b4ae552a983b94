"""The search indexes that the contract is held against: the file always, a server where OPENSEARCH_URL names one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "datamesh")
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "test")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")

from datamesh.aws.search_file import SearchFile
from datamesh.aws.search_server import SearchServer, connect
from datamesh.models.search import SearchIndex
from tests.support.search_objects import FakeObjects

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

SERVER = os.environ.get("OPENSEARCH_URL")


@pytest.fixture(
    params=[
        "file",
        pytest.param(
            "server",
            marks=pytest.mark.skipif(not SERVER, reason="OPENSEARCH_URL names no OpenSearch server"),
        ),
    ]
)
def index(request: pytest.FixtureRequest) -> Iterator[SearchIndex]:
    """Return an index that was never written."""
    if request.param == "file":
        yield SearchFile("bucket", "search.gz", FakeObjects())  # type: ignore[arg-type]
        return
    client, name = connect(str(SERVER)), f"contract-{uuid.uuid4().hex[:12]}"
    yield SearchServer(client, name=name)
    for made in client.indices.get(index=f"{name}-*"):
        client.indices.delete(index=made)
