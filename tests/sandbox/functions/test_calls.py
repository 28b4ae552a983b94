"""A function calls a server on this machine: nothing stands between, not even a proxy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL
from tests.sandbox.functions.support import deploy, invoke

SOURCE = """
import urllib.request

def handler(event, context):
    request = urllib.request.Request(event["url"], data=b"{}", headers={"x-signature": "abc"}, method="POST")
    with urllib.request.urlopen(request, timeout=5) as answer:
        return {"status": answer.status, "body": answer.read().decode()}
"""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_webhook_is_called(clean_sandbox: Sandbox, make_role: Callable[..., str], host: str) -> None:
    signatures: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            signatures.append(str(self.headers["x-signature"]))
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(202)
            self.end_headers()
            self.wfile.write(b"taken")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    deploy(clean_sandbox, CENTRAL, "hook", SOURCE, make_role("hook"))
    answer = invoke(clean_sandbox, CENTRAL, "hook", {"url": f"http://{host}:{server.server_port}/hook"})
    server.shutdown()
    server.server_close()
    assert (answer, signatures) == ({"status": 202, "body": "taken"}, ["abc"])
