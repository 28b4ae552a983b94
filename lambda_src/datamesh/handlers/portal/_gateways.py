"""The gateways that routes need, out of the function's environment: each route takes only what its function may use."""

import uuid
from typing import Any

from datamesh.aws.callbacks import Callbacks
from datamesh.aws.events import EventBus
from datamesh.aws.executions import Executions
from datamesh.aws.glue_catalog import GlueCatalog
from datamesh.aws.lake_formation import LakeFormation
from datamesh.aws.ledger import Ledger
from datamesh.aws.lf_tags import LfTags
from datamesh.aws.registry import Registry
from datamesh.aws.timeline import Timeline
from datamesh.handlers import _search
from datamesh.handlers.portal._runtime import WAITING, retrier
from datamesh.logic.deciding import Deciding
from datamesh.logic.portal.commands import Origin, accepted, command_entry
from datamesh.logic.share_world import ShareConfig, World
from datamesh.logic.tagging import TagRules
from datamesh.models.api.base import Accepted
from datamesh.models.events import Command
from datamesh.models.search import SearchIndex
from datamesh.settings import (
    AnswerQuerySettings,
    CastVoteSettings,
    Observability,
    UsesEventBus,
    UsesLedger,
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


def ledger() -> Ledger:
    """Return the ledger, to read from."""
    return Ledger(load(UsesLedger).ledger_table, retrier=retrier())


def executions() -> Executions:
    """Return the executions of central's workflows."""
    return Executions(load(Observability).datamesh_account_id, retrier=retrier())


def deciding() -> Deciding:
    """Return what takes votes: the registry with its ledger, and the executions that wait."""
    settings = load(CastVoteSettings)
    patience = retrier()
    return Deciding(
        Registry(settings.registry_table, retrier=patience, ledger_table=settings.ledger_table),
        Callbacks(retrier=patience),
    )


def world(registry: Registry) -> World:
    """Return what a request is looked at with. There is nothing in it that could make or change anything."""
    account, patience = load(Observability).datamesh_account_id, retrier()
    nothing: Any = None
    return World(
        registry=registry,
        catalog=GlueCatalog(retrier=patience),
        permissions=LakeFormation(account, retrier=patience),
        lf_tags=LfTags(account, retrier=patience),
        filters=nothing,
        schedules=nothing,
        outbox=nothing,
        callbacks=nothing,
    )


def share_config() -> ShareConfig:
    """Return what a request is looked at by."""
    settings = load(AnswerQuerySettings)
    rules = TagRules(domain_tag_key=settings.domain_tag_key, sensitive_tags=settings.sensitive_tags)
    return ShareConfig(settings.datamesh_account_id, settings.datamesh_prefix, rules)


def lf_tags() -> LfTags:
    """Return the LF-tags of central, to look at."""
    return LfTags(load(Observability).datamesh_account_id, retrier=retrier())


def search_index() -> SearchIndex:
    """Return the search index, one for all requests: it keeps what it has read."""
    settings = load(AnswerQuerySettings)
    return _search.search_index(settings, patience=WAITING, name=settings.datamesh_prefix)


def send(command: Command, origin: Origin, *, request_id: uuid.UUID | None = None) -> Accepted:
    """Put a person's command on central's bus. Raises CommandTooLarge, PublishFailed, AwsTemporarilyUnavailable."""
    entry = command_entry(command, origin)
    EventBus(load(UsesEventBus).event_bus_name, retrier=retrier()).publish([entry])
    return accepted(entry, request_id)
