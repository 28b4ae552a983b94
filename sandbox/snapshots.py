"""Snapshots: the state of all accounts, taken and put back, so that tests apply Terraform once.

Taken is everything MiniStack keeps per account (its scoped stores, found by type in every loaded service), the few
unscoped stores named below, and what rooms register. Stores are changed in place, because modules hold references to
each other's. Immutable values (object bodies, code archives) are shared, so a snapshot costs little.
"""

from __future__ import annotations

import contextlib
import copy
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType

from sandbox import adapter, clock, faults, ledger, settings
from sandbox.api import Json

adapter.uses("core.responses", "AccountRegionScopedDict", "AccountScopedDict")
adapter.uses("core.lambda_runtime", "invalidate_worker")
adapter.uses("services.lambda_svc", "_functions")

# State that MiniStack keeps outside its scoped stores.
_UNSCOPED = {
    "services.cognito": (
        "_auth_codes",
        "_authorization_codes",
        "_pending_new_password",
        "_pending_user_auth",
        "_pool_keys",
        "_refresh_tokens",
        "_revoked_tokens",
        "_totp_session_secrets",
    ),
    "services.eventbridge": ("_rule_last_fired",),
    "services.iam": ("_aws_managed_policies",),
    "services.scheduler": ("_schedule_last_fired",),
    "services.sts": ("_sessions",),
}
for _module, _names in _UNSCOPED.items():
    adapter.uses(_module, *_names)

_IMMUTABLE = (str, bytes, int, float, bool, type(None))


@dataclass(frozen=True)
class Room:
    """How a room's state is read, put back and emptied."""

    get_state: Callable[[], Json]
    set_state: Callable[[Json], None]
    reset: Callable[[], None]


@dataclass
class Snapshot:
    """The stores by module and name, the rooms' states, and the rest of the sandbox's own."""

    stores: dict[tuple[str, str], Json] = field(default_factory=dict)
    rooms: dict[str, Json] = field(default_factory=dict)
    settings: Json = None


_rooms: dict[str, Room] = {}
_snapshots: dict[str, Snapshot] = {}
_lock = threading.Lock()
_before: list[Callable[[], None]] = []
_before_taking: list[Callable[[], None]] = []


def register_room(
    name: str, get_state: Callable[[], Json], set_state: Callable[[Json], None], reset: Callable[[], None]
) -> None:
    """Include a room in snapshots and resets.

    What `get_state` returns is copied, and `set_state` gets a copy of its own.
    """
    _rooms[name] = Room(get_state, set_state, reset)


def before_change(function: Callable[[], None]) -> None:
    """Call this before a restore or reset: stop what is running on the state that goes away."""
    _before.append(function)


def before_taking(function: Callable[[], None]) -> None:
    """Call this before a snapshot is taken: wait for what comes to rest by itself."""
    _before_taking.append(function)


def take(name: str) -> Json:
    """Remember the present state under this name. Bring what is under way to rest first: threads are not in it."""
    started = time.monotonic()
    for function in _before_taking:
        function()
    with _lock:
        snapshot = Snapshot(settings=settings.get())
        for key, store in _stores():
            snapshot.stores[key] = duplicate(_content(store))
        for room, functions in _rooms.items():
            snapshot.rooms[room] = duplicate(functions.get_state())
        _snapshots[name] = snapshot
    return {"name": name, "seconds": round(time.monotonic() - started, 3)}


def restore(name: str) -> Json:
    """Put a remembered state back; raises `KeyError` when there is none of that name.

    Faults are disarmed, ledger and clock start anew: they belong to a test, not to a state.
    """
    started = time.monotonic()
    with _lock:
        snapshot = _snapshots[name]
        _quiesce()
        functions = _function_versions()
        sessions = dict(adapter.internal("services.sts", "_sessions"))
        for key, store in _stores():
            _replace(store, duplicate(snapshot.stores.get(key)))
        _keep_sessions(sessions)
        for room, known in _rooms.items():
            if room in snapshot.rooms:
                known.set_state(duplicate(snapshot.rooms[room]))
            else:
                known.reset()
        _end_stale_workers(functions)
        _start_anew()
        settings.replace_all(snapshot.settings)
    return {"name": name, "seconds": round(time.monotonic() - started, 3)}


def reset() -> None:
    """Empty all accounts, rooms, ledger and faults; settings and clock as at the start. Snapshots stay."""
    with _lock:
        _quiesce()
        adapter.internal("app", "_reset_all_state")()
        for room in _rooms.values():
            room.reset()
        _start_anew()
        settings.reset()


def _quiesce() -> None:
    for function in _before:
        function()


def _start_anew() -> None:
    ledger.clear()
    faults.clear()
    clock.reset()


# --- MiniStack's stores -----------------------------------------------------------------------------------------------


def _stores() -> Iterator[tuple[tuple[str, str], Json]]:
    scoped = (
        adapter.internal("core.responses", "AccountScopedDict"),
        adapter.internal("core.responses", "AccountRegionScopedDict"),
    )
    seen: set[int] = set()
    for module_name, module in _service_modules():
        unscoped = _UNSCOPED.get(module_name, ())
        for name, value in list(vars(module).items()):
            if (isinstance(value, scoped) or name in unscoped) and id(value) not in seen:
                seen.add(id(value))
                yield (module_name, name), value


def _service_modules() -> list[tuple[str, ModuleType]]:
    prefix = "ministack."
    found = [
        (name.removeprefix(prefix), module)
        for name, module in list(sys.modules.items())
        if name.startswith(f"{prefix}services.") and module is not None
    ]
    return sorted(found, key=lambda pair: pair[0])


def _content(store: Json) -> Json:
    return getattr(store, "_data", store)


def _replace(store: Json, content: Json) -> None:
    held = _content(store)
    held.clear()
    if content:
        held.update(content)


def _keep_sessions(sessions: dict[str, Json]) -> None:
    """Warm Lambda workers go on using the session they were started with."""
    held = adapter.internal("services.sts", "_sessions")
    for key, session in sessions.items():
        held.setdefault(key, session)


def duplicate(value: Json) -> Json:
    """A copy in which nothing mutable is shared; what cannot be copied (locks, events) is."""
    if isinstance(value, _IMMUTABLE):
        return value
    kind = type(value)
    if kind is dict:
        return {key: duplicate(item) for key, item in value.items()}
    if kind is list:
        return [duplicate(item) for item in value]
    if kind is tuple:
        return tuple(duplicate(item) for item in value)
    if kind is set:
        return set(value)
    if kind is deque:
        return deque((duplicate(item) for item in value), value.maxlen)
    with contextlib.suppress(TypeError):
        return copy.deepcopy(value)
    return value


# --- Lambda -----------------------------------------------------------------------------------------------------------


def _function_versions() -> dict[tuple[str, str, str], Json]:
    """What makes a worker stale, by account, region and function name."""
    functions = adapter.internal("services.lambda_svc", "_functions")._data
    return {key: _version(record) for key, record in functions.items()}


def _version(record: Json) -> Json:
    config = record.get("config", {})
    names = ("CodeSha256", "Handler", "Role", "Environment", "Timeout", "MemorySize", "Layers")
    return {name: duplicate(config.get(name)) for name in names}


def _end_stale_workers(before: dict[tuple[str, str, str], Json]) -> None:
    after = _function_versions()
    for key, version in before.items():
        if after.get(key) != version:
            account, region, name = key
            adapter.internal("core.lambda_runtime", "invalidate_worker")(name, account=account, region=region)
