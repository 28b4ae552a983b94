"""Executions in snapshots: what waits for its token when a snapshot is taken waits on when it is restored.

A snapshot is taken of a mesh at rest, and an execution that waits for a person is at rest. Times are kept relative to
the snapshot, because a restore sets the clock back.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from sandbox import adapter, authz, clock, snapshots
from sandbox.states import engine, runs
from sandbox.states.runs import Waiting, ministack

_SETTLE_SECONDS = 5.0


def install() -> None:
    """Keep waiting executions in snapshots."""
    snapshots.before_taking(_settle)
    snapshots.register_room("states", _taken, _put_back, runs.closed_tokens.clear)


def _settle() -> None:
    """Who was just given a token may be seen with it before the task that gave it waits."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while time.monotonic() < deadline and any(run.asking for run in list(runs.running.values())):
        time.sleep(0.01)


def _taken() -> dict[str, Any]:
    now = clock.time()
    waiting = {arn: (run.waiting, run.execution) for arn, run in list(runs.running.items()) if run.waiting}
    found = {}
    for arn, (task, execution) in waiting.items():
        left = asdict(task)
        left["deadline"] = None if task.deadline is None else task.deadline - now
        found[arn] = {"waiting": left, "age": now - float(execution.get(engine.STARTED, now))}
    return {"waiting": found, "closed": dict(runs.closed_tokens)}


def _put_back(state: dict[str, Any]) -> None:
    runs.closed_tokens.update(state["closed"])
    # The clock goes back to the machine's time right after this.
    now = clock.time() - clock.offset()
    for arn, kept in state["waiting"].items():
        task = Waiting(**kept["waiting"])
        if task.deadline is not None:
            task.deadline += now
        with adapter.scope(authz.account_of(arn), arn.split(":")[3]):
            execution = ministack("_executions").get(arn)
            if execution is None or execution["status"] != "RUNNING":
                continue
            execution[engine.STARTED] = now - kept["age"]
            runs.open_token(task.token, execution["stateMachineArn"])
            adapter.start_background(engine.run, arn, task)
