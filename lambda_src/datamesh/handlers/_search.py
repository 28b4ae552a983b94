"""The search index that the settings name: a file in S3, or an OpenSearch server where there is an endpoint."""

from functools import cache

from datamesh.aws.retry import Retrier
from datamesh.aws.search_file import SearchFile
from datamesh.models.search import SearchIndex
from datamesh.settings import UsesSearchIndex


def search_index(settings: UsesSearchIndex, *, patience: float, name: str) -> SearchIndex:
    """Return the search index, the same one for all calls of a container: it keeps what it has fetched.

    `patience` is how many seconds a call may wait for S3 to mend, `name` the prefix of the names in OpenSearch.
    """
    return _index(settings.search_bucket, settings.search_key, settings.search_endpoint, patience, name)


@cache
def _index(bucket: str, key: str, endpoint: str | None, patience: float, name: str) -> SearchIndex:
    if endpoint is None:
        return SearchFile(bucket, key, retrier=lambda: Retrier(total=patience))
    # Only where it is used: importing the client takes longer than most answers.
    from datamesh.aws.search_server import SearchServer, connect  # noqa: PLC0415

    return SearchServer(connect(endpoint), name=f"{name}-products")
