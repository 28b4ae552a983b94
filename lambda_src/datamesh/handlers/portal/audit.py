"""The audit trail: the ledger, all of it or what concerns a domain."""

import uuid
from collections.abc import Callable
from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from datamesh.handlers.portal import _gateways
from datamesh.handlers.portal._runtime import DomainInPath, Limit, NextPage, Routes
from datamesh.logic.portal.audit import accepted, sequence_of
from datamesh.logic.portal.paging import Paging
from datamesh.models.api.base import DEFAULT_LIMIT
from datamesh.models.api.operations import AuditPage
from datamesh.models.api.routes import BY_OPERATION
from datamesh.models.ledger import LedgerEntry, LedgerKind

route = Routes("Audit")
Kind = Annotated[LedgerKind | None, Query(description="Only entries of this kind.")]
OfRequest = Annotated[uuid.UUID | None, Query(description="Only entries about this request for access.")]


@route(BY_OPERATION["list_audit"])
def list_audit(
    kind: Kind = None, request_id: OfRequest = None, limit: Limit = DEFAULT_LIMIT, cursor: NextPage = None
) -> AuditPage:
    """Entries of the ledger, the newest first, each with the digest of the one before it.

    A page may have fewer than `limit`, even none, and still be followed by others: `next_cursor` alone says so.
    """
    paging = Paging(("list_audit", kind or "", str(request_id)), limit, cursor)
    return _page(paging, accepted(kind=kind, request_id=request_id))


@route(BY_OPERATION["list_domain_audit"])
def list_domain_audit(
    domain: DomainInPath,
    kind: Kind = None,
    request_id: OfRequest = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: NextPage = None,
) -> AuditPage:
    """Entries of the ledger that are about a domain, the newest first. Pages are as those of the whole ledger."""
    paging = Paging(("list_domain_audit", domain, kind or "", str(request_id)), limit, cursor)
    return _page(paging, accepted(kind=kind, request_id=request_id, domain=domain))


def _page(paging: Paging, accept: Callable[[LedgerEntry], bool]) -> AuditPage:
    entries, before = _gateways.ledger().newest(limit=paging.limit, before=sequence_of(paging), accept=accept)
    following = None if before is None else paging.cursor_at(str(before))
    return AuditPage(items=tuple(entries), next_cursor=following)
