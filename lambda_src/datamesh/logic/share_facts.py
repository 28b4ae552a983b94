"""What share_data_product tells: the consumer about its request, and producers about requests for what is theirs."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from datamesh.logic.ports import Registry
from datamesh.models.events import EventData, Metadata, make_entry
from datamesh.models.facts import (
    MAX_LISTED_COLUMNS,
    READ_PERMISSIONS,
    DataProductAccessApproved,
    DataProductAccessChanged,
    DataProductAccessDenied,
    DataProductAccessExtended,
    DataProductAccessGranted,
    DataProductAccessRequested,
    GrantedFilter,
)
from datamesh.models.registry import GrantRecord, RequestRecord, TagGrantRecord
from datamesh.models.steps import Json

# https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
MAX_ENTRIES = 10
# Of a widening of more tables the new grant alone tells.
MAX_CHANGED = 5


class Addressee(NamedTuple):
    """Who is told: the discriminator keeps the events of several addressees apart."""

    account_id: str
    domain: str


def addressees(registry: Registry, record: RequestRecord, *, producers: bool) -> list[Addressee]:
    """Return the consumer and, if they are told as well, the producers; nobody twice."""
    found = {record.account_id: Addressee(record.account_id, record.domain)}
    for name in record.producers if producers else ():
        domain = registry.domain(name)
        if domain is not None:
            found.setdefault(domain.account_id, Addressee(domain.account_id, name))
    return list(found.values())


def requested(record: RequestRecord) -> DataProductAccessRequested:
    """Return that a request was taken, and what has to happen for it."""
    ruling = record.ruling
    return DataProductAccessRequested.model_validate(
        _identity(record)
        | {
            "tables": record.tables,
            "principals": record.principals,
            "status": "PENDING" if ruling is not None and ruling.stages else "APPROVED",
            "stages": [stage.name for stage in ruling.stages] if ruling is not None else (),
            "sensitive": ruling.sensitive if ruling is not None else False,
            "purpose": record.purpose,
            "duration_days": record.duration_days,
            "of": record.of,
        }
    )


def approved(record: RequestRecord) -> DataProductAccessApproved:
    """Return that a request was approved."""
    return DataProductAccessApproved.model_validate(
        _identity(record) | {"decided_by": record.decided_by or "", "reason": record.reason or ""}
    )


def denied(record: RequestRecord) -> DataProductAccessDenied:
    """Return that a request came to nothing."""
    said = {"status": record.status, "decided_by": record.decided_by or "", "reason": record.reason or ""}
    return DataProductAccessDenied.model_validate(_identity(record) | said)


def granted(
    record: RequestRecord, grant: GrantRecord | TagGrantRecord, *, catalog_account: str, matches: object
) -> DataProductAccessGranted:
    """Return what is granted by a request. A table of which nothing is shown yet is not there to be linked."""
    what: dict[str, Any] = {"matches": matches or (), "permissions": READ_PERMISSIONS}
    if isinstance(grant, GrantRecord):
        filters = [
            GrantedFilter(table=table, filter=shown.filter)
            for table, shown in sorted(grant.shown.items())
            if shown.columns
        ]
        what = {
            "database": grant.database,
            "tables": [each.table for each in filters],
            "filters": filters,
            "permissions": grant.permissions,
        }
    return DataProductAccessGranted.model_validate(
        _identity(record)
        | what
        | {
            "catalog_account": catalog_account,
            "principals": grant.principals,
            # Nobody grants an account something of its own: there it is the principals that hold it.
            "grant_to": "principals" if grant.account_id == catalog_account else grant.grant_to,
            "resource_shares": grant.resource_shares,
            "expires_at": record.expires_at,
        }
    )


def extended(record: RequestRecord) -> DataProductAccessExtended:
    """Return that an access lasts longer."""
    return DataProductAccessExtended.model_validate(
        _identity(record) | {"extends": record.of, "expires_at": record.expires_at}
    )


def widened(record: RequestRecord, base: RequestRecord) -> list[DataProductAccessChanged]:
    """Return of each table that a standing grant shows more of it."""
    if len(record.columns) > MAX_CHANGED:
        return []
    return [
        DataProductAccessChanged.model_validate(
            _identity(base)
            | {
                "table": table,
                "effect": "widened",
                "columns": columns[:MAX_LISTED_COLUMNS],
                "column_count": len(columns),
                "reason": record.reason or "",
            }
        )
        for table, columns in sorted(record.columns.items())
    ]


def entries(
    facts: Sequence[EventData], to: Iterable[Addressee], cause: Metadata, now: datetime, *, attempt: int = 0
) -> list[Json]:
    """Return the entries that tell everybody all facts. `attempt` tells apart what is said again of another decision.

    Facts of one type about several tables are told apart by their place.
    """
    told = []
    for addressee in to:
        for number, fact in enumerate(facts):
            parts = (addressee.domain, str(number), str(attempt))
            entry = make_entry(
                fact, cause=cause, now=now, target_account=addressee.account_id, discriminator="/".join(parts)
            )
            told.append(entry.to_json())
    return told


def batched(told: Sequence[Json]) -> list[Json]:
    """Return entries in portions that one PutEvents takes."""
    return [{"entries": list(told[start : start + MAX_ENTRIES])} for start in range(0, len(told), MAX_ENTRIES)]


def _identity(record: RequestRecord) -> dict[str, Any]:
    return {
        "request_id": record.request_id,
        "domain": record.domain,
        "product": record.product,
        "expression": record.expression,
    }
