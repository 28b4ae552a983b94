"""What deciding on access, granting it in parts and ending it need of AWS, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from datamesh.models.errors import CallbackRefused
from datamesh.models.notifications import Notification
from datamesh.models.permissions import DataFilter, FilterResource
from tests.support.central_fakes import FakeLakeFormation


class FakeDataFilters:
    """The data cells filters of central's tables. One on which something is granted is not deleted."""

    def __init__(self, lake_formation: FakeLakeFormation) -> None:
        self.filters: dict[tuple[str, str, str], DataFilter] = {}
        self.writes = 0
        self._lake_formation = lake_formation

    def get(self, database: str, table: str, name: str) -> DataFilter | None:
        return self.filters.get((database, table, name))

    def ensure(self, wanted: DataFilter) -> Literal["created", "updated", "unchanged"]:
        key = (wanted.database, wanted.table, wanted.name)
        found = self.filters.get(key)
        if found == wanted:
            return "unchanged"
        assert wanted.columns, "a filter cannot show nothing"
        self.filters[key] = wanted
        self.writes += 1
        return "created" if found is None else "updated"

    def delete(self, database: str, table: str, name: str) -> None:
        held = [
            who
            for who, what in self._lake_formation.granted
            if isinstance(what, FilterResource) and (what.database, what.table, what.name) == (database, table, name)
        ]
        assert not held, f"{name} is still granted to {held}"
        self.filters.pop((database, table, name), None)

    def list(self, database: str, table: str) -> list[DataFilter]:
        return [found for key, found in sorted(self.filters.items()) if key[:2] == (database, table)]


@dataclass
class FakeSchedules:
    """The schedules that end access, by name."""

    known: dict[str, tuple[datetime, str, dict[str, Any]]] = field(default_factory=dict)

    def set(self, name: str, at: datetime, detail_type: str, detail: dict[str, Any]) -> None:
        self.known[name] = (at, detail_type, detail)

    def remove(self, name: str) -> None:
        self.known.pop(name, None)


@dataclass
class FakeOutbox:
    """The queue of what people are to be told; the same message counts once."""

    queued: dict[str, Notification] = field(default_factory=dict)

    def put(self, notifications: Sequence[Notification]) -> None:
        self.queued |= {notification.id: notification for notification in notifications}


@dataclass
class FakeCallbacks:
    """The tasks that wait, by token, and what they were answered."""

    waiting: set[str] = field(default_factory=set)
    answered: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, task_token: str, output: dict[str, Any]) -> None:
        if task_token not in self.waiting:
            raise CallbackRefused("the workflow has gone on, timed out or ended")
        self.waiting.discard(task_token)
        self.answered[task_token] = output
