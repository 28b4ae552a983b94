"""The search index as one object in S3: no server to run, to size or to patch.

Writers replace the object on condition that it is the one they started from; readers keep a copy for as long as S3
says that it is the current one.
Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html
"""

import gzip
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from datamesh.aws import clients
from datamesh.aws.retry import Handling, Retrier, Rule, error_of
from datamesh.aws.search_database import SearchDatabase, change, create
from datamesh.models.errors import AwsTemporarilyUnavailable, SearchUnavailable
from datamesh.models.search import FACETS, Facet, SearchChange, SearchDocument, SearchQuery, SearchResult
from datamesh.observability import logger

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Another writer was faster (412), or is writing at this moment (409): what is to be changed is looked at again.
# An index that was there and has gone is another way of being overtaken (404).
OVERTAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
_OVERTAKEN = Rule(Handling.RETRY, budget=30, cap=2)
NOT_THERE: Final = frozenset({"NoSuchKey"})
# Such an answer has no body: botocore reports the status as code.
UNCHANGED: Final = frozenset({"304"})
CONTENT_TYPE: Final = "application/gzip"


class SearchFile:
    """Gateway to an index in S3. One object of this class serves many calls: it keeps what it has read."""

    def __init__(
        self, bucket: str, key: str, client: "S3Client | None" = None, retrier: Callable[[], Retrier] = Retrier
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._client = client or clients.s3()
        self._retrier = retrier
        # In Lambda below /tmp; gone with the process.
        self._directory = tempfile.TemporaryDirectory(prefix="search-", ignore_cleanup_errors=True)
        self._etag: str | None = None
        self._database: SearchDatabase | None = None

    def apply(self, changes: Sequence[SearchChange]) -> None:
        """Make all changes by one write, or by none when the index knows them. Raises SearchUnavailable."""

        def changed(work: Path) -> bool:
            if self._etag is None:
                create(work)
            else:
                work.write_bytes(self._copy.read_bytes())
            return change(work, changes)

        if changes:
            self._write(changed)

    def replace_all(self, documents: Sequence[SearchDocument]) -> None:
        """Write the index anew, whatever was there. Raises SearchUnavailable."""

        def made(work: Path) -> bool:
            create(work, documents)
            return True

        self._write(made)

    def search(self, query: SearchQuery) -> SearchResult:
        """Answer a query by what the index holds right now. Raises SearchUnavailable."""
        with _unavailable():
            self._refresh(self._retrier())
        if self._etag is None:
            return SearchResult(total=0, hits=(), facets=tuple(Facet(name=name, values=()) for name in FACETS))
        if self._database is None:
            self._database = SearchDatabase(self._copy)
        return self._database.search(query)

    @property
    def _copy(self) -> Path:
        return Path(self._directory.name) / "index.sqlite"

    def _write(self, make: Callable[[Path], bool]) -> None:
        """Make the next index from the current one and put it in its place, however often others are faster."""
        retrier, attempt, waited = self._retrier(), 0, 0.0
        following = self._copy.with_name("next.sqlite")
        with _unavailable():
            while True:
                self._refresh(retrier)
                following.unlink(missing_ok=True)
                if not make(following):
                    return
                try:
                    self._etag = self._put(following, retrier)
                except ClientError as error:
                    code, message = error_of(error)
                    if code not in OVERTAKEN:
                        raise
                    waited += retrier.pause(_OVERTAKEN, attempt, waited, f"{code}: {message}")
                    attempt += 1
                else:
                    self._forget_database()
                    following.replace(self._copy)
                    return

    def _put(self, path: Path, retrier: Retrier) -> str:
        # Never an index that was not looked at: the one that was, or none where there was none.
        condition: Any = {"IfNoneMatch": "*"} if self._etag is None else {"IfMatch": self._etag}
        # A third of the size for a second's work: whoever searches next has to fetch it.
        body = gzip.compress(path.read_bytes(), compresslevel=1, mtime=0)
        logger.info("Writing the search index", bytes=len(body))
        answer = retrier.run(
            lambda: self._client.put_object(
                Bucket=self._bucket, Key=self._key, Body=body, ContentType=CONTENT_TYPE, **condition
            )
        )
        return answer["ETag"]

    def _refresh(self, retrier: Retrier) -> None:
        """Fetch the index, unless the copy is the current one."""
        condition: Any = {} if self._etag is None else {"IfNoneMatch": self._etag}
        try:
            answer = retrier.run(lambda: self._client.get_object(Bucket=self._bucket, Key=self._key, **condition))
        except ClientError as error:
            code, _ = error_of(error)
            if code in UNCHANGED:
                return
            if code not in NOT_THERE:
                raise
            self._forget_database()
            self._etag = None
            return
        packed = answer["Body"].read()
        self._forget_database()
        try:
            self._copy.write_bytes(gzip.decompress(packed))
        except (gzip.BadGzipFile, EOFError, zlib.error):
            # Refused when it is opened; a rebuild, which needs the ETag alone, replaces it.
            logger.exception("The search index cannot be unpacked")
            self._copy.write_bytes(b"")
        self._etag = answer["ETag"]

    def _forget_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None


@contextmanager
def _unavailable() -> Iterator[None]:
    """Say that S3 did not answer as SearchUnavailable."""
    try:
        yield
    except ClientError as error:
        raise SearchUnavailable(f"The search index cannot be reached: {error_of(error)[0]}") from error
    except BotoCoreError as error:
        raise SearchUnavailable(f"The search index cannot be reached: {type(error).__name__}") from error
    except AwsTemporarilyUnavailable as error:
        raise SearchUnavailable(f"The search index cannot be reached: {error.message}") from error
