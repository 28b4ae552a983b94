"""Where an HTTP API is called in the sandbox: AWS's host name of an API, turned into a path of the one port.

`https://<api-id>.execute-api.<region>.amazonaws.com/<path>` is `/_sandbox/api/<api-id>/<path>`. No imports of the
sandbox's inside: its client uses this too.
"""

from __future__ import annotations

import re

PREFIX = "/_sandbox/api/"
_AWS = re.compile(r"https?://([a-z0-9]+)\.execute-api\.[a-z0-9.-]+(?::\d+)?(/[^\s]*)?", re.IGNORECASE)


def callable_path(url: str) -> str | None:
    """The sandbox's path (with the query) for a URL of an API as AWS has it; None for any other URL."""
    found = _AWS.fullmatch(url)
    return f"{PREFIX}{found.group(1)}{found.group(2) or '/'}" if found else None
