"""The threads that deliver: jobs wait for their time on the sandbox's clock and run in no promised order.

EventBridge promises delivery at least once and no order
(https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules-best-practices.html), so several workers take jobs as
they become due.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable

from sandbox import clock

Job = Callable[[], None]

_log = logging.getLogger(__name__)


class Workers:
    """A pool of daemon threads over a queue ordered by due time."""

    # A test that moves the clock cannot wake the pool, so due times are looked at this often (seconds).
    _GLANCE = 0.05
    # How long `clear` waits for running jobs: the time an API destination has to answer.
    _LONGEST_JOB = 5.0

    def __init__(self, threads: int = 8) -> None:
        self._threads = threads
        self._started = False
        self._changed = threading.Condition()
        # Due time, a number that keeps equal times in order, the generation it belongs to, the job.
        self._waiting: list[tuple[float, int, int, Job]] = []
        self._held: list[Job] = []
        self._running = 0
        self._generation = 0
        self._numbers = itertools.count()
        self._own = threading.local()

    def submit(self, job: Job, *, delay: float = 0.0) -> None:
        """Run `job` after `delay` seconds of the sandbox's clock. What a job submits after a `clear` is dropped."""
        with self._changed:
            held, self._held = self._held, []
            self._waiting = [entry for entry in self._waiting if entry[3] not in held]
            heapq.heapify(self._waiting)
            self._push(_in_turn(job, held) if held else job, delay)

    def hold(self, job: Job, *, at_most: float) -> None:
        """Run `job` after the next submitted one, or after `at_most` seconds: two events change places."""
        with self._changed:
            self._held.append(job)
            self._push(job, at_most)

    def pending(self) -> int:
        """How many jobs wait or run."""
        with self._changed:
            return len(self._waiting) + self._running

    def settle(self, timeout: float) -> bool:
        """Wait until no job waits or runs; False when `timeout` real seconds did not suffice."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._waiting or self._running:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, self._GLANCE))
        return True

    def clear(self) -> None:
        """Drop what waits and let what runs come to its end; whatever that submits is dropped."""
        deadline = time.monotonic() + self._LONGEST_JOB
        with self._changed:
            self._generation += 1
            self._waiting.clear()
            self._held.clear()
            self._changed.notify_all()
            while self._running and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)

    def _push(self, job: Job, delay: float) -> None:
        if getattr(self._own, "generation", self._generation) != self._generation:
            return
        self._start()
        heapq.heappush(self._waiting, (clock.time() + delay, next(self._numbers), self._generation, job))
        self._changed.notify_all()

    def _start(self) -> None:
        if self._started:
            return
        self._started = True
        for number in range(self._threads):
            threading.Thread(target=self._work, name=f"events-{number}", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._next()
            try:
                job()
            except Exception:  # noqa: BLE001
                # One broken delivery must not take the worker with it; the log is what remains to look at.
                _log.exception("A delivery ended in an unexpected error")
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

    def _next(self) -> Job:
        with self._changed:
            while True:
                if self._waiting:
                    left = self._waiting[0][0] - clock.time()
                    if left <= 0:
                        self._running += 1
                        _, _, self._own.generation, job = heapq.heappop(self._waiting)
                        if job in self._held:
                            self._held.remove(job)
                        return job
                    self._changed.wait(min(left, self._GLANCE))
                else:
                    self._changed.wait()


def _in_turn(first: Job, then: list[Job]) -> Job:
    """One job that runs these one after the other, so that no other worker overtakes."""

    def run() -> None:
        try:
            first()
        finally:
            for job in then:
                job()

    return run
