"""What search needs, in memory: a bucket of one object with the conditions that S3 takes, an index, products."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import Any

from botocore.exceptions import ClientError

from datamesh.models.search import SearchChange, SearchColumn, SearchDocument, SearchQuery, SearchResult


def refusal(operation: str, code: str, status: int) -> ClientError:
    """Return an answer of S3 that is none."""
    return ClientError(
        {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        operation,
    )


class FakeObjects:
    """The two calls of S3 that the index needs.

    Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
    """

    def __init__(self) -> None:
        self.body: bytes | None = None
        self.reads = 0
        self.writes = 0
        self.before_put: Callable[[], None] | None = None
        self.failing: ClientError | None = None

    @property
    def etag(self) -> str:
        assert self.body is not None
        return f'"{hashlib.md5(self.body, usedforsecurity=False).hexdigest()}"'

    def get_object(self, *, Bucket: str, Key: str, IfNoneMatch: str | None = None) -> dict[str, Any]:  # noqa: N803
        if self.failing is not None:
            raise self.failing
        if self.body is None:
            raise refusal("GetObject", "NoSuchKey", 404)
        if IfNoneMatch == self.etag:
            raise refusal("GetObject", "304", 304)
        self.reads += 1
        return {"Body": BytesIO(self.body), "ETag": self.etag}

    def put_object(
        self,
        *,
        Bucket: str,  # noqa: N803
        Key: str,  # noqa: N803
        Body: bytes,  # noqa: N803
        ContentType: str,  # noqa: N803
        IfMatch: str | None = None,  # noqa: N803
        IfNoneMatch: str | None = None,  # noqa: N803
    ) -> dict[str, Any]:
        if self.before_put is not None:
            act, self.before_put = self.before_put, None
            act()
        assert (IfMatch is None) != (IfNoneMatch is None), "an index is never written without a condition"
        if IfNoneMatch == "*" and self.body is not None:
            raise refusal("PutObject", "PreconditionFailed", 412)
        if IfMatch is not None and self.body is None:
            raise refusal("PutObject", "NoSuchKey", 404)
        if IfMatch is not None and IfMatch != self.etag:
            raise refusal("PutObject", "PreconditionFailed", 412)
        self.body = Body
        self.writes += 1
        return {"ETag": self.etag}


def product(name: str, **fields: Any) -> SearchDocument:
    """Return a product to be found; a column is written `table.column`."""
    columns = [
        SearchColumn(table=column.partition(".")[0], name=column.partition(".")[2])
        for column in fields.pop("columns", ())
    ]
    known: dict[str, Any] = {
        "domain": "sales",
        "description": "",
        "classification": "internal",
        "pii": False,
        "sensitive": False,
        "access_mode": "nrac",
        "sequence": 1,
    }
    return SearchDocument.model_validate({**known, "name": name, "columns": columns, **fields})


class FakeIndex:
    """A search index that only remembers: the newest of what it was told of each product."""

    def __init__(self) -> None:
        self.known: dict[str, SearchChange] = {}
        self.batches: list[int] = []
        self.failing: Exception | None = None

    def apply(self, changes: Sequence[SearchChange]) -> None:
        if self.failing is not None:
            raise self.failing
        self.batches.append(len(changes))
        for change in changes:
            before = self.known.get(change.id)
            if before is None or before.sequence < change.sequence:
                self.known[change.id] = change

    def replace_all(self, documents: Sequence[SearchDocument]) -> None:
        if self.failing is not None:
            raise self.failing
        self.known = {document.id: document for document in documents}

    def search(self, query: SearchQuery) -> SearchResult:
        raise NotImplementedError

    @property
    def shown(self) -> dict[str, SearchDocument]:
        """What is to be found, without what says only how new it is."""
        return {
            name: change.model_copy(update={"sequence": 0})
            for name, change in sorted(self.known.items())
            if isinstance(change, SearchDocument)
        }
