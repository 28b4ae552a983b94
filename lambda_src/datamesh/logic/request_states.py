"""The life of a request: every change of its state with who, when and why, and the ledger's entry of it."""

from datetime import datetime
from typing import Any

from datamesh.logic.admission import changed
from datamesh.models.ledger import LedgerEvent, LedgerKind
from datamesh.models.registry import Append, RequestRecord, RequestStatus, StateChange

FLOW = "datamesh:share_data_product"
MAX_WHY = 2_048


def moved(
    record: RequestRecord, status: RequestStatus, *, now: datetime, by: str, why: str, **changes: object
) -> RequestRecord:
    """Return the next version of a request, in another state."""
    return changed(record, now=now, **entered(record, status, now=now, by=by, why=why), **changes)


def entered(record: RequestRecord, status: RequestStatus, *, now: datetime, by: str, why: str) -> dict[str, Any]:
    """Return the state of a request, and its history with it."""
    step = StateChange(status=status, at=now, by=by, why=why[:MAX_WHY])
    return {"status": status, "history": (*record.history, step)}


def entry(kind: LedgerKind, record: RequestRecord, *, now: datetime, actor: str, **details: object) -> Append:
    """Return what enters something about a request into the ledger."""
    return Append(
        LedgerEvent(kind=kind, at=now, actor=actor, request_id=record.request_id, domain=record.domain, details=details)
    )


def asked_of(record: RequestRecord) -> dict[str, Any]:
    """Return what a request asks for, as the ledger keeps it."""
    return {
        "sort": record.sort,
        "of": str(record.of) if record.of is not None else None,
        "product": record.product.to_json() if record.product is not None else None,
        "tables": list(record.tables),
        "columns": {name: list(columns) for name, columns in record.columns.items()},
        "rows": dict(record.rows),
        "later_tables": record.later_tables,
        "expression": {key: list(values) for key, values in (record.expression or {}).items()},
        "principals": list(record.principals),
        "purpose": record.purpose,
        "duration_days": record.duration_days,
        "requested_by": record.requested_by,
        "digest": record.digest,
    }
