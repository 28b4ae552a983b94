"""Where HTTP APIs and CloudFront distributions are called in the sandbox: AWS's host names, turned into this port's.

`https://<api-id>.execute-api.<region>.amazonaws.com/<path>` is `/_sandbox/api/<api-id>/<path>`, and
`https://<label>.cloudfront.net/<path>` is `http://<label>.cloudfront.localhost:<port>/<path>`: pages need a host of
their own. No imports of the sandbox's inside: its client uses this too.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

PREFIX = "/_sandbox/api/"
SITES = "/_sandbox/cloudfront/"
_AWS = re.compile(r"https?://([a-z0-9]+)\.execute-api\.[a-z0-9.-]+(?::\d+)?(/[^\s]*)?", re.IGNORECASE)
_SITE = re.compile(r"(?:https?://)?([a-z0-9]+)\.cloudfront\.(?:net|localhost)(?::\d+)?([/?#][^\s]*)?", re.IGNORECASE)


def callable_path(url: str) -> str | None:
    """The sandbox's path (with the query) for a URL of an API as AWS has it; None for any other URL."""
    found = _AWS.fullmatch(url)
    return f"{PREFIX}{found.group(1)}{found.group(2) or '/'}" if found else None


def site_url(url: str, sandbox: str) -> str | None:
    """A distribution's domain name, or any link to it, as a browser opens it here; None for any other URL.

    ``sandbox`` is the sandbox's own URL: its port is the distribution's, too.
    """
    found = _SITE.fullmatch(url)
    if found is None:
        return None
    rest = found.group(2) or "/"
    path = rest if rest.startswith("/") else f"/{rest}"
    return f"http://{found.group(1).lower()}.cloudfront.localhost:{urlsplit(sandbox).port}{path}"


def site_path(url: str) -> str | None:
    """The same as a path of the sandbox's own port, for clients that do not resolve `*.localhost`."""
    found = _SITE.fullmatch(url)
    if found is None:
        return None
    rest = found.group(2) or "/"
    return f"{SITES}{found.group(1).lower()}{rest if rest.startswith('/') else f'/{rest}'}"
