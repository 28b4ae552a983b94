"""The recorded sample events of tests/events."""

import json
import re
from pathlib import Path
from typing import Any

EVENTS = Path(__file__).resolve().parents[1] / "events"


def sample_name(detail_type: str) -> str:
    """Return the file name, without extension, of the sample of a detail-type."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", detail_type).lower()


def load_event(name: str) -> dict[str, Any]:
    """Return a sample envelope, by file name or by detail-type."""
    event: dict[str, Any] = json.loads((EVENTS / f"{sample_name(name)}.json").read_text(encoding="utf-8"))
    return event
