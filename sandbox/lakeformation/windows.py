"""Two changes of permissions must not overlap on a principal or a resource.

AWS answers the later one with ConcurrentModificationException
(https://docs.aws.amazon.com/lake-formation/latest/APIReference/API_GrantPermissions.html#API_GrantPermissions_Errors).
"""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sandbox.lakeformation import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLD_SECONDS = 0.005
"""How long a change takes at least, so that callers who do not serialise meet each other."""

_lock = threading.Lock()
_changing: set[tuple[str, str]] = set()


@contextmanager
def changing(account: str, *what: str) -> Iterator[None]:
    """Hold principals and resources of one account while their permissions change.

    Raises:
        AwsError: ConcurrentModificationException when one of them is being changed.
    """
    keys = {(account, item) for item in what}
    with _lock:
        if keys & _changing:
            raise errors.concurrent()
        _changing.update(keys)
    started = time.monotonic()
    try:
        yield
        time.sleep(max(0.0, HOLD_SECONDS - (time.monotonic() - started)))
    finally:
        with _lock:
            _changing.difference_update(keys)
