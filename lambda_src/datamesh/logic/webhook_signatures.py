"""Checks the signatures of messages from outside: HMAC-SHA256 over "<timestamp>.<body>" with a shared secret.

The same scheme as the mesh's own webhook, the other way round (logic/notification_forms.py signs that one).
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import datetime, timedelta

from datamesh.models.errors import WebhookForged

TOLERANCE = timedelta(minutes=5)
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v1=([0-9a-f]{64})")


def check_webhook(
    body: bytes, *, timestamp: str | None, signature: str | None, secret: Callable[[], str], now: datetime
) -> None:
    """Check that whoever has the secret has just sent this. Raises WebhookForged.

    The secret is read only for what could be a message: nobody makes the mesh read it by sending nonsense.
    """
    found = _SIGNATURE.fullmatch(signature or "")
    if found is None or not _TIMESTAMP.fullmatch(timestamp or ""):
        raise WebhookForged("X-Datamesh-Timestamp and X-Datamesh-Signature (v1=<hex>) are needed")
    if abs(now.timestamp() - int(timestamp or "")) > TOLERANCE.total_seconds():
        raise WebhookForged("X-Datamesh-Timestamp is more than 5 minutes away from the time here")
    expected = hmac.new(secret().encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, found[1]):
        raise WebhookForged("X-Datamesh-Signature is not the one of this message")
