"""Who may work on a record: one execution at a time, duplicates end, the crashed are replaced.

Every workflow's first step admits its command: a conditional write that makes the execution the holder of the record.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import TypeVar

from datamesh.models.errors import LeaseLost, RecordBusy, WriteConflict
from datamesh.models.registry import Stamp, WorkRecord

# Longer than any workflow may run (TimeoutSeconds of the state machines is 1,800): when a lease has ended, the
# execution that held it has ended as well.
LEASE = timedelta(seconds=1_900)
ATTEMPTS = 5
MAX_ERROR = 4_000

T = TypeVar("T")
RecordT = TypeVar("RecordT", bound=WorkRecord)


class Verdict(Enum):
    """What the state of a record means for an execution that asks for it."""

    START = "start"
    RESUME = "resume"
    DUPLICATE = "duplicate"


def judge(record: WorkRecord | None, *, same_command: bool, execution_id: str, now: datetime) -> Verdict:
    """Decide whether an execution may work on a record.

    `same_command` tells whether the record was last admitted for what is asked now. Raises RecordBusy when another
    execution works on it for another command: that one is not lost, it waits.
    """
    if record is None:
        return Verdict.START
    if record.in_progress:
        if record.execution_id == execution_id:
            return Verdict.RESUME
        if now >= record.lease_expires_at:
            return Verdict.START
        if same_command:
            return Verdict.DUPLICATE
        raise RecordBusy(f"{record.key.pk}/{record.key.sk} is held by {record.execution_id}")
    if same_command and record.status != "FAILED":
        return Verdict.DUPLICATE
    return Verdict.START


def claimed(record: RecordT, *, stamp: Stamp, execution_id: str, now: datetime, **changes: object) -> RecordT:
    """Return the record as held by an execution, ready to be saved."""
    return changed(
        record,
        now=now,
        status=record.in_progress_status,
        stamp=stamp,
        execution_id=execution_id,
        lease_expires_at=now + LEASE,
        error=None,
        **changes,
    )


def changed(record: RecordT, *, now: datetime, **changes: object) -> RecordT:
    """Return the next version of a record. Its time never goes back, whichever clock says what."""
    since = max(now, record.updated_at)
    return record.model_copy(update={**changes, "version": record.version + 1, "updated_at": since})


def held(record: RecordT | None, execution_id: str) -> RecordT:
    """Return the record if this execution holds it. Raises LeaseLost otherwise."""
    if record is None or record.execution_id != execution_id or not record.in_progress:
        who = "nobody" if record is None or not record.in_progress else record.execution_id
        raise LeaseLost(f"{execution_id} no longer holds the record, {who} does")
    return record


def failed(record: RecordT | None, *, execution_id: str, error: str, now: datetime) -> RecordT | None:
    """Return the record marked as failed, or None when it is not this execution's to mark."""
    if record is None or record.execution_id != execution_id or not record.in_progress:
        return None
    return changed(record, now=now, status="FAILED", error=error[:MAX_ERROR])


def deciding_again(act: Callable[[], T]) -> T:
    """Run read-decide-write; when the record changed in between, read and decide again.

    Raises RecordBusy when it keeps changing.
    """
    for _ in range(ATTEMPTS):
        try:
            return act()
        except WriteConflict as conflict:
            last = conflict
    raise RecordBusy(f"The record kept changing: {last.message}")
