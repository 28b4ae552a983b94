"""HTTP: posts to other systems' endpoints, over the standard library.

HTTPS with the certificate checked; plain HTTP to the machine itself only, where tests listen. `http.client` follows no
redirect: whoever answers with one could send a message, and the signature on it, anywhere. Nor does it know of proxies.
"""

import http.client
import ssl
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import SplitResult, urlsplit

from datamesh.models.errors import DeliveryFailed
from datamesh.observability import tracer

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Seconds for connecting, and for each wait for the answer.
TIMEOUT = 5.0
USER_AGENT = "datamesh-notifications"


class Web:
    """Gateway to HTTP endpoints. Their URLs are secrets: a Slack webhook's is all that is needed to post."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post a body.

        Raises DeliveryFailed when the URL is none to post to, nobody answers in time, or the answer is no success
        (2xx). What it says names the host alone, neither the path nor the answer, which may have secrets.
        """
        parts = _checked(url)
        # X-Ray's patch of http.client would write the URL into the trace.
        tracer.ignore_endpoint(hostname=parts.hostname)
        path = parts.path or "/"
        try:
            with closing(self._connection(parts)) as connection:
                connection.request(
                    "POST",
                    f"{path}?{parts.query}" if parts.query else path,
                    body,
                    {"User-Agent": USER_AGENT, **headers},
                )
                status = connection.getresponse().status
        except (OSError, http.client.HTTPException, ValueError) as error:
            # `from None`: what is raised below may quote the path.
            raise DeliveryFailed(f"{parts.hostname} does not answer: {type(error).__name__}") from None
        if not 200 <= status < 300:
            raise DeliveryFailed(f"{parts.hostname} answers {status}")

    def _connection(self, parts: SplitResult) -> http.client.HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, parts.port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, parts.port, timeout=self._timeout)


def _checked(url: str) -> SplitResult:
    """Return the parts of a URL that may be posted to. Raises DeliveryFailed."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise DeliveryFailed("The channel's URL is none") from None
    if not named or parts.username is not None or parts.password is not None:
        raise DeliveryFailed("The channel's URL must name a host, and nobody's password")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise DeliveryFailed(f"The channel at {parts.hostname} must be reached over HTTPS")
    return parts
