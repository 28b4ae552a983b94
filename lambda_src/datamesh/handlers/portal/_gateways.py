"""The gateways that routes need, out of the function's environment: each route takes only what its function may use."""

import uuid

from datamesh.aws.events import EventBus
from datamesh.aws.registry import Registry
from datamesh.handlers.portal._runtime import retrier
from datamesh.logic.portal.commands import Origin, accepted, command_entry
from datamesh.models.api.base import Accepted
from datamesh.models.events import Command
from datamesh.settings import UsesEventBus, UsesRegistry, load


def registry() -> Registry:
    """Return the registry, to read from."""
    return Registry(load(UsesRegistry).registry_table, retrier=retrier())


def send(command: Command, origin: Origin, *, request_id: uuid.UUID | None = None) -> Accepted:
    """Put a person's command on central's bus. Raises CommandTooLarge, PublishFailed, AwsTemporarilyUnavailable."""
    entry = command_entry(command, origin)
    EventBus(load(UsesEventBus).event_bus_name, retrier=retrier()).publish([entry])
    return accepted(entry, request_id)
