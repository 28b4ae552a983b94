"""What deciding on access, granting it in parts and ending it need of the world, besides `logic/ports.py`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

from datamesh.models.notifications import ChannelSecret, Notification
from datamesh.models.permissions import DataFilter


class DataFilters(Protocol):
    """The data cells filters of central's tables. All changes may be repeated."""

    def get(self, database: str, table: str, name: str) -> DataFilter | None:
        """Return a filter."""

    def ensure(self, wanted: DataFilter) -> Literal["created", "updated", "unchanged"]:
        """Make a filter be as wanted. Raises InvalidRowFilter."""

    def delete(self, database: str, table: str, name: str) -> None:
        """Delete a filter; one that is gone counts as deleted."""

    def list(self, database: str, table: str) -> list[DataFilter]:
        """Return all filters of a table."""


class TagSearch(Protocol):
    """What carries LF-tags in central."""

    def matched_databases(self, expression: Mapping[str, tuple[str, ...]]) -> frozenset[str]:
        """Return the databases of which an expression shows a table, or columns of one."""


class Schedules(Protocol):
    """One-time schedules that put an event on central's own bus."""

    def set(self, name: str, at: datetime, detail_type: str, detail: dict[str, Any]) -> None:
        """Make or move a schedule."""

    def remove(self, name: str) -> None:
        """Remove a schedule; one that is gone, or has fired, counts as removed."""


class Outbox(Protocol):
    """The queue of what people are to be told. At least once: whoever sends looks whether it was sent already."""

    def put(self, notifications: Sequence[Notification]) -> None:
        """Queue all. Raises AwsTemporarilyUnavailable."""


class Mail(Protocol):
    """SNS topics with mail addresses behind them."""

    def publish(self, topic_arn: str, *, to: str, subject: str, text: str) -> None:
        """Publish for one address. Raises DeliveryFailed when the topic does not take it."""


class Web(Protocol):
    """Other systems' HTTP endpoints."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post. Raises DeliveryFailed unless the answer is a success."""


class ChannelSecrets(Protocol):
    """The secrets that say where a channel is."""

    def read(self, secret_arn: str) -> ChannelSecret:
        """Read one. Raises DeliveryFailed when it is not one."""


class Callbacks(Protocol):
    """The executions that wait for a decision."""

    def answer(self, task_token: str, output: dict[str, Any]) -> None:
        """Let an execution go on. Raises CallbackRefused when nothing waits for this token (any more)."""


class Signatures(Protocol):
    """Signs texts with a key that never leaves its store."""

    def sign(self, text: str) -> str:
        """Return the signature, safe in a URL."""

    def verify(self, text: str, signature: str) -> bool:
        """Tell whether this is the signature of the text."""
