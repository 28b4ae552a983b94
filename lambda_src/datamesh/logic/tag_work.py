"""One step at a time changes LF-tags or grants by them, in the whole mesh.

A request is decided by what its expression matches now; a change of tags by which grants stand now. Each holds only as
long as the other does not happen, and neither Lake Formation nor the registry can check both in one transaction.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from datamesh.logic.ports import Registry
from datamesh.models.errors import RecordBusy, WriteConflict
from datamesh.models.registry import Drop, Save, TagWork

# Longer than any function that does such work may run (300 s): when it has passed, the holder has died.
LEASE = timedelta(seconds=330)


@contextmanager
def tag_work(registry: Registry, holder: str, now: datetime) -> Iterator[None]:
    """Hold the right to change LF-tags, or to grant by them, until the block ends.

    `holder` names execution and step: a repeated step takes over from its own earlier attempt. Raises RecordBusy, which
    the state machines retry, while somebody else holds it.
    """
    found = registry.tag_work()
    if found is not None and found.holder != holder and now < found.lease_expires_at:
        raise RecordBusy(f"LF-tags are being worked on by {found.holder}")
    version = found.version + 1 if found is not None else 1
    mine = TagWork(holder=holder, lease_expires_at=now + LEASE, version=version)
    try:
        registry.write([Save(mine)])
    except WriteConflict as conflict:
        raise RecordBusy(f"LF-tags are being worked on: {conflict.message}") from conflict
    try:
        yield
    finally:
        # Whoever took over after the lease has made it its own.
        with suppress(WriteConflict):
            registry.write([Drop(mine)])
