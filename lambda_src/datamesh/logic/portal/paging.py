"""Pages of a list: an opaque cursor says where the next one begins, and of which query it is.

A cursor holds nothing secret and gives no right: whoever changes it gets another page of what may be seen anyway.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from typing import NamedTuple, TypeVar

from datamesh.models.api.base import DEFAULT_LIMIT
from datamesh.models.errors import InvalidRequest

T = TypeVar("T")
# A function answers with 6 MB at most.
MAX_BYTES = 4_000_000
# No key by which lists are kept is longer; DynamoDB takes 1,024 bytes of a sort key.
MAX_POSITION = 512


class Paging(NamedTuple):
    """Which page of a query is asked for. `query` is all that decides what the list holds and in which order."""

    query: tuple[str, ...]
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None

    @property
    def position(self) -> str | None:
        """Where the page begins: after the item of this key; None for the first page.

        Raises InvalidRequest when the cursor is broken, or of another query.
        """
        if self.cursor is None:
            return None
        try:
            said = json.loads(base64.urlsafe_b64decode(self.cursor.encode()))
            digest, position = said["q"], said["p"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise InvalidRequest("The cursor is none that this API gave", "cursor") from error
        if not (isinstance(position, str) and _is_key(position)):
            raise InvalidRequest("The cursor is none that this API gave", "cursor")
        if digest != _digest(self.query):
            raise InvalidRequest("The cursor is that of another query: ask for the first page anew", "cursor")
        return position

    def cursor_at(self, position: str) -> str:
        """Return the cursor of the page that begins after the item of this key."""
        said = json.dumps({"q": _digest(self.query), "p": position}, separators=(",", ":"))
        return base64.urlsafe_b64encode(said.encode()).decode()

    def page_of(
        self, items: Sequence[T], key: Callable[[T], str], size: Callable[[T], int] = lambda _item: 0
    ) -> tuple[tuple[T, ...], str | None]:
        """Return the page out of a whole list, which is in the order of its keys, and the cursor of the next one.

        Where items may be large (`size` in bytes) a page ends before it is too large for an answer, after one at least.
        """
        position = self.position
        rest = items if position is None else [item for item in items if key(item) > position]
        sizes = accumulate(size(item) for item in rest[: self.limit])
        page = tuple(rest[: max(1, sum(1 for _ in takewhile(lambda total: total <= MAX_BYTES, sizes)))])
        more = len(rest) > len(page)
        return page, self.cursor_at(key(page[-1])) if more else None


def _is_key(position: str) -> bool:
    """Tell whether a list may have such a key: what else DynamoDB is asked about may be an error to it."""
    return 0 < len(position) <= MAX_POSITION and position.isascii() and position.isprintable()


def _digest(query: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(query).encode()).hexdigest()[:16]
