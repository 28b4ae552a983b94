"""One execution at a time changes what a consumer is granted, from its first grant or revocation to its last.

A revocation leaves alone what other requests of the consumer need: links, grants on them, tag expressions. What they
need holds only as long as nobody else grants to the consumer or takes from it.
"""

from contextlib import suppress
from datetime import datetime

from datamesh.logic.admission import LEASE
from datamesh.logic.ports import Registry
from datamesh.models.errors import RecordBusy, WriteConflict
from datamesh.models.registry import AccessWork, Drop, Save


def take(registry: Registry, consumer: str, holder: str, now: datetime) -> AccessWork:
    """Take the right to change what a consumer is granted, or keep it; every step that needs it takes it anew.

    `holder` is the id of the execution. Raises RecordBusy, which the state machines retry, while another execution that
    may still be alive has it.
    """
    found = registry.access_work(consumer)
    if found is not None and found.holder != holder and now < found.lease_expires_at:
        raise RecordBusy(f"What {consumer} is granted is being changed by {found.holder}")
    version = found.version + 1 if found is not None else 1
    mine = AccessWork(consumer=consumer, holder=holder, lease_expires_at=now + LEASE, version=version)
    try:
        registry.write([Save(mine)])
    except WriteConflict as conflict:
        raise RecordBusy(f"What {consumer} is granted is being changed: {conflict.message}") from conflict
    return mine


def release(registry: Registry, consumer: str, holder: str) -> None:
    """Give the right back. Whoever took over after the lease keeps it."""
    found = registry.access_work(consumer)
    if found is not None and found.holder == holder:
        with suppress(WriteConflict):
            registry.write([Drop(found)])
