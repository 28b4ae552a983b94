"""The gateways that routes need, out of the function's environment: each route takes only what its function may use."""

import uuid
from functools import cache

from datamesh.aws.events import EventBus
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.search_file import SearchFile
from datamesh.aws.timeline import Timeline
from datamesh.handlers.portal._runtime import retrier
from datamesh.logic.portal.commands import Origin, accepted, command_entry
from datamesh.models.api.base import Accepted
from datamesh.models.events import Command
from datamesh.models.search import SearchIndex
from datamesh.settings import (
    AnswerQuerySettings,
    Observability,
    UsesEventBus,
    UsesRegistry,
    UsesTimeline,
    load,
)


def prefix() -> str:
    """Return the prefix of all names of the mesh."""
    return str(load(Observability).datamesh_prefix)


def registry() -> Registry:
    """Return the registry, to read from."""
    return Registry(load(UsesRegistry).registry_table, retrier=retrier())


def timeline() -> Timeline:
    """Return the timeline, to read from."""
    return Timeline(load(UsesTimeline).timeline_table, retrier=retrier())


def lf_tags() -> LfTags:
    """Return the LF-tags of central, to look at."""
    return LfTags(load(Observability).datamesh_account_id, retrier=retrier())


@cache
def search_index() -> SearchIndex:
    """Return the search index. It keeps what it has read, so that there is one for all requests."""
    settings = load(AnswerQuerySettings)
    return SearchFile(settings.search_bucket, settings.search_key, retrier=retrier)


def send(command: Command, origin: Origin, *, request_id: uuid.UUID | None = None) -> Accepted:
    """Put a person's command on central's bus. Raises CommandTooLarge, PublishFailed, AwsTemporarilyUnavailable."""
    entry = command_entry(command, origin)
    EventBus(load(UsesEventBus).event_bus_name, retrier=retrier()).publish([entry])
    return accepted(entry, request_id)
