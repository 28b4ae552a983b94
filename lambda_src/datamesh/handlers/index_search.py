"""Handler of index_search: events of the mesh, one or some at a time, or `{"rebuild": true}`."""

import json
from collections.abc import Mapping

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import TypeAdapter, ValidationError

from datamesh.aws.registry import Registry
from datamesh.aws.retry import Retrier
from datamesh.handlers._runtime import Json, observed
from datamesh.handlers._search import search_index
from datamesh.logic.index_search import SearchIndexing
from datamesh.models.errors import InvalidEvent, Transient
from datamesh.models.events import Envelope
from datamesh.observability import count, logger
from datamesh.settings import IndexSearchSettings, load

# For all calls of an invocation together; EventBridge and Lambda bring back what takes longer.
PATIENCE = 60.0
_JSON = TypeAdapter[dict[str, object]](dict[str, object])


def _flow() -> SearchIndexing:
    settings = load(IndexSearchSettings)
    registry = Registry(settings.registry_table, retrier=Retrier(total=PATIENCE))
    return SearchIndexing(registry, search_index(settings, patience=PATIENCE, name=settings.datamesh_prefix))


@observed
def handler(event: Json, _context: LambdaContext) -> Json:
    """Bring the search index up to date with what events speak of, or make it anew.

    An event comes alone, or with others in the `Records` of a queue. Raises InvalidEvent, SearchUnavailable: everything
    that came with it is tried again then, which changes nothing of what was done.
    """
    try:
        result = _flow().rebuild() if event.get("rebuild") is True else _flow().take(_events(event))
    except Transient as error:
        logger.warning("The search index must be brought up to date again", error=error.code, reason=error.message)
        count("SearchIndexRetried")
        raise
    logger.info("Search index is up to date", **result)
    count("SearchIndexRebuilt" if result["outcome"] == "rebuilt" else "SearchIndexChanged")
    return result


def _events(payload: Mapping[str, object]) -> list[Envelope]:
    """Return what came. Raises InvalidEvent."""
    records = payload.get("Records")
    if records is None:
        return [Envelope.read(payload)]
    if not isinstance(records, list):
        raise InvalidEvent("Records: expected a list")
    return [Envelope.read(_body(record)) for record in records]


def _body(record: object) -> dict[str, object]:
    body = record.get("body") if isinstance(record, Mapping) else None
    try:
        return _JSON.validate_python(json.loads(body if isinstance(body, str) else "null"))
    except (ValidationError, json.JSONDecodeError) as error:
        raise InvalidEvent("Records: a message that holds no event") from error
