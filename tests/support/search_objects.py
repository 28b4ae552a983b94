"""An S3 bucket of one object in memory, with the conditions that S3 takes, and products to be found."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

from botocore.exceptions import ClientError

from datamesh.models.search import SearchColumn, SearchDocument


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
