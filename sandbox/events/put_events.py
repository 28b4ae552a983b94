"""PutEvents: which entries are taken, which are refused, and with whose name on them.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sandbox import clock
from sandbox.api import AwsError, Caller
from sandbox.events import access, delivery, metrics, store
from sandbox.events.model import Bus, Event

MAXIMUM_ENTRIES = 10
MAXIMUM_REQUEST_BYTES = 1_048_576


def put_events(
    entries: Sequence[Mapping[str, Any]], *, caller: Caller, region: str, authorise: bool = True
) -> dict[str, Any]:
    """Take the entries onto their buses under the caller's account.

    Returns the response of PutEvents: HTTP 200 with `FailedEntryCount`, whatever becomes of single entries. Raises
    `AwsError`: AccessDeniedException for the whole call when the caller may not write to one of the buses, and
    ValidationException when the request as a whole is too large. `authorise=False` is for calls that another room has
    authorised already.
    """
    _check_size(entries)
    buses = [_bus(entry, caller.account, region) for entry in entries]
    if authorise:
        for entry, bus in zip(entries, buses, strict=True):
            access.require_put(
                caller, bus, source=str(entry.get("Source", "")), detail_type=str(entry.get("DetailType", ""))
            )
    results = [_take(entry, bus, caller, region) for entry, bus in zip(entries, buses, strict=True)]
    failed = sum(1 for result in results if "ErrorCode" in result)
    return {"FailedEntryCount": failed, "Entries": results}


def put_aws_event(
    source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str], *, account: str, region: str
) -> None:
    """An event that an AWS service emits about itself: always on the default bus of the account it happened in.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events.html
    """
    bus = Bus(account, region, "default")
    delivery.publish(
        Event(
            id=str(uuid.uuid4()),
            source=source,
            detail_type=detail_type,
            detail=json.dumps(detail, default=_jsonable),
            account=account,
            region=region,
            time=int(clock.time()),
            resources=tuple(resources),
            bus=bus,
        )
    )


def entry_size(entry: Mapping[str, Any]) -> int:
    """The size that counts against the limit of a request.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-calculate-event-size: 14 bytes for a
    `Time`, and the UTF-8 length of source, detail type, detail and every resource.
    """
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *(entry.get("Resources") or [])]
    return sum(len(str(text).encode()) for text in texts if text) + (14 if entry.get("Time") else 0)


def _check_size(entries: Sequence[Mapping[str, Any]]) -> None:
    if not 1 <= len(entries) <= MAXIMUM_ENTRIES:
        bound = "greater than or equal to 1" if not entries else f"less than or equal to {MAXIMUM_ENTRIES}"
        raise AwsError(
            "ValidationException",
            f"1 validation error detected: Value '{len(entries)}' at 'entries' failed to satisfy constraint: "
            f"Member must have length {bound}",
        )
    if sum(map(entry_size, entries)) > MAXIMUM_REQUEST_BYTES:
        raise AwsError("ValidationException", "Total size of the entries in the request is over the limit.")


def _bus(entry: Mapping[str, Any], account: str, region: str) -> Bus:
    try:
        return Bus.of(entry.get("EventBusName"), account=account, region=region)
    except ValueError as error:
        raise AwsError(
            "ValidationException",
            f"Parameter {entry.get('EventBusName')} is not valid. Reason: Provided Arn is not in correct format.",
        ) from error


def _take(entry: Mapping[str, Any], bus: Bus, caller: Caller, region: str) -> dict[str, Any]:
    metrics.count("PutEventsEntriesCount", bus)
    refusal = refuse(entry)
    if refusal is not None:
        metrics.count("PutEventsFailedEntriesCount", bus)
        return {"ErrorCode": refusal[0], "ErrorMessage": refusal[1]}
    event = Event(
        id=str(uuid.uuid4()),
        source=str(entry["Source"]),
        detail_type=str(entry["DetailType"]),
        detail=str(entry["Detail"]),
        account=caller.account,
        region=region,
        time=_time(entry.get("Time")),
        resources=tuple(str(resource) for resource in entry.get("Resources") or ()),
        bus=bus,
    )
    # A bus that does not exist swallows the event: PutEvents answers as if all were well.
    if store.bus_exists(bus.account, bus.region, bus.name):
        delivery.publish(event)
    return {"EventId": event.id}


def refuse(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """Error code and message for an entry that EventBridge does not take, or None."""
    for member in ("Source", "DetailType", "Detail"):
        if not entry.get(member):
            return "InvalidArgument", f"Parameter {member} is not valid. Reason: {member} is a required argument."
    if str(entry["Source"]).lower().startswith("aws."):
        return "NotAuthorizedForSourceException", "Not authorized for the source."
    try:
        detail = json.loads(str(entry["Detail"]))
    except ValueError:
        return "MalformedDetail", "Detail is malformed."
    if not isinstance(detail, dict):
        return "MalformedDetail", "Detail is malformed."
    return None


def _time(value: object) -> int:
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, int | float):
        return int(value)
    return int(clock.time())


def _jsonable(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    raise TypeError(f"{type(value).__name__} has no JSON form")
