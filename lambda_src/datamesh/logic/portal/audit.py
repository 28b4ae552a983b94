"""The audit trail, as people ask for it."""

import uuid
from collections.abc import Callable

from datamesh.logic.portal.paging import Paging
from datamesh.models.errors import InvalidRequest
from datamesh.models.ledger import LedgerEntry, LedgerKind


def accepted(
    *, kind: LedgerKind | None, request_id: uuid.UUID | None, domain: str | None = None
) -> Callable[[LedgerEntry], bool]:
    """Return what tells whether an entry is asked for. What is None is not looked at."""
    return lambda entry: (
        kind in {None, entry.kind} and request_id in {None, entry.request_id} and domain in {None, entry.domain}
    )


def sequence_of(paging: Paging) -> int | None:
    """Return before which entry a page begins. Raises InvalidRequest."""
    position = paging.position
    if position is None:
        return None
    if not (position.isascii() and position.isdigit() and len(position) <= 12):
        raise InvalidRequest("The cursor is none that this API gave", "cursor")
    return int(position)
