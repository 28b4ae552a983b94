"""The sandbox's time: the machine's, moved forward as far as tests ask.

Whatever waits or expires (state machine waits, RAM invitations, schedules, retention) asks this clock, so that a test
passes twelve hours in no time.
"""

from __future__ import annotations

import mmap
import struct
import tempfile
import threading
import time as _time
from datetime import UTC, datetime
from typing import IO

_condition = threading.Condition()
_offset = 0.0
# How far resets have turned the clock back in all: who waits measures without them, or a wait that began while the
# clock stood a day ahead would last a day.
_turned_back = 0.0
# Where the processes of Lambda functions read how far the clock stands ahead; see `share`.
_shared: tuple[IO[bytes], mmap.mmap] | None = None


def share() -> str:
    """The name of a file in which other processes of this machine find the offset, as one double (`<d`)."""
    global _shared  # noqa: PLW0603  one process has one clock
    if _shared is None:
        file = tempfile.NamedTemporaryFile(prefix="sandbox-clock-")  # noqa: SIM115  lives as long as the process
        file.write(struct.pack("<d", _offset))
        file.flush()
        _shared = file, mmap.mmap(file.fileno(), 8)
    return _shared[0].name


def _publish() -> None:
    if _shared is not None:
        _shared[1][:8] = struct.pack("<d", _offset)


def time() -> float:
    """Seconds since the epoch, never running backwards between resets."""
    return _time.time() + _offset


def _steady() -> float:
    """The time as if the clock had never been turned back."""
    return time() + _turned_back


def now() -> datetime:
    """The current time, UTC."""
    return datetime.fromtimestamp(time(), UTC)


def advance(seconds: float) -> datetime:
    """Move forward and wake who waits; raises `ValueError` for going back."""
    global _offset  # noqa: PLW0603  one process has one clock
    if seconds < 0:
        raise ValueError("The clock only moves forward.")
    with _condition:
        _offset += seconds
        _publish()
        _condition.notify_all()
    return now()


def reset() -> None:
    """Back to the machine's time."""
    global _offset, _turned_back  # noqa: PLW0603
    with _condition:
        _turned_back += _offset
        _offset = 0.0
        _publish()
        _condition.notify_all()


def offset() -> float:
    """How far the clock stands ahead of the machine's."""
    return _offset


def wait_until(moment: float, cancelled: threading.Event | None = None) -> bool:
    """Block until this time of this clock (or until `cancelled` is set): True when the time came."""
    with _condition:
        moment += _turned_back
        while (left := moment - _steady()) > 0:
            if cancelled is not None and cancelled.is_set():
                return False
            # A cancellation has no way to notify, so look for it now and then.
            _condition.wait(left if cancelled is None else min(left, 0.1))
    return True


def sleep(seconds: float, cancelled: threading.Event | None = None) -> bool:
    """Wait that long on this clock."""
    return wait_until(time() + seconds, cancelled)


def wait_for(event: threading.Event, timeout: float | None) -> bool:
    """`event.wait(timeout)` with the timeout measured on this clock."""
    if timeout is None:
        event.wait()
        return True
    deadline = _steady() + timeout
    while not event.is_set():
        left = deadline - _steady()
        if left <= 0:
            return False
        # Wakes at once when the event is set; the clock can only be looked at in between.
        event.wait(min(left, 0.05))
    return True
