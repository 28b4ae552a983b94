"""Executions in snapshots: what waits for its token when a snapshot is taken waits on when it is restored.

A snapshot is taken of a mesh at rest, and an execution that waits for a person is at rest. Times are kept relative to
the snapshot, because a restore sets the clock back.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sandbox import adapter, authz, clock, snapshots
from sandbox.states import engine, runs
from sandbox.states.runs import Waiting, ministack


def install() -> None:
    """Keep waiting executions in snapshots."""
    snapshots.register_room("states", _taken, _put_back, runs.closed_tokens.clear)


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
