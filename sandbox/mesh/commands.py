"""Put commands on a domain's own bus, as a pipeline in that account does: the account is its identity."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3

from sandbox.mesh.layout import Account

SOURCE = "datamesh.domain"


def put_command(session: boto3.Session, endpoint: str, account: Account, command: str, data: dict[str, Any]) -> str:
    """Put ``command`` on ``account``'s bus and return the correlation id of all that follows from it.

    Raises RuntimeError when EventBridge did not take the event: PutEvents answers 200 all the same.
    """
    correlation_id = str(uuid.uuid4())
    metadata = {
        "schema_version": "1.0",
        "event_id": str(uuid.uuid4()),
        "correlation_id": correlation_id,
        "causation_id": None,
        "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    answer = session.client("events", endpoint_url=endpoint).put_events(
        Entries=[
            {
                "EventBusName": account.bus,
                "Source": SOURCE,
                "DetailType": command,
                "Detail": json.dumps({"metadata": metadata, "data": data}),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        failed = answer["Entries"][0]
        raise RuntimeError(f"{command} was not taken: {failed['ErrorCode']}: {failed['ErrorMessage']}")
    return correlation_id
