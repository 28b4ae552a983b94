"""What deciding on access, granting it in parts and ending it touch besides registry and Lake Formation, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from datamesh.models.errors import CallbackRefused
from datamesh.models.notifications import Notification
from datamesh.models.permissions import DataFilter


class FakeDataFilters:
    """The data cells filters of central's tables."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str], DataFilter] = {}

    def get(self, database: str, table: str, name: str) -> DataFilter | None:
        return self.found.get((database, table, name))

    def ensure(self, wanted: DataFilter) -> Literal["created", "updated", "unchanged"]:
        assert wanted.columns, "Lake Formation takes no empty list of columns"
        key, known = (wanted.database, wanted.table, wanted.name), wanted.model_copy(update={"version_id": None})
        before = self.found.get(key)
        self.found[key] = known
        if before is None:
            return "created"
        return "unchanged" if before == known else "updated"

    def delete(self, database: str, table: str, name: str) -> None:
        self.found.pop((database, table, name), None)

    def list(self, database: str, table: str) -> list[DataFilter]:
        return [each for (place, of, _), each in sorted(self.found.items()) if (place, of) == (database, table)]


class FakeSchedules:
    """One-time schedules."""

    def __init__(self) -> None:
        self.set_for: dict[str, tuple[datetime, str, dict[str, Any]]] = {}

    def set(self, name: str, at: datetime, detail_type: str, detail: dict[str, Any]) -> None:
        self.set_for[name] = (at, detail_type, detail)

    def remove(self, name: str) -> None:
        self.set_for.pop(name, None)


class FakeOutbox:
    """The queue of what people are to be told."""

    def __init__(self) -> None:
        self.queued: list[Notification] = []

    def put(self, notifications: Sequence[Notification]) -> None:
        self.queued += notifications


class FakeCallbacks:
    """The executions that wait: by task token what they were answered, None while they wait."""

    def __init__(self) -> None:
        self.waiting: dict[str, dict[str, Any] | None] = {}

    def answer(self, task_token: str, output: dict[str, Any]) -> None:
        if task_token not in self.waiting or self.waiting[task_token] is not None:
            raise CallbackRefused("Task Timed Out: 'Provided task does not exist anymore'")
        self.waiting[task_token] = output
