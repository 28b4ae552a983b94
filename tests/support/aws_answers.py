"""The one answer of AWS that a Terraform plan cannot do without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class _Validator(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        """Answer ValidateStateMachineDefinition; anything else is a plan that talks to AWS, and fails."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("X-Amz-Target") != "AWSStepFunctions.ValidateStateMachineDefinition":
            self._answer(400, {"__type": "UnsupportedOperation", "message": "a plan must not call AWS"})
            return
        states = json.loads(json.loads(body)["definition"]).get("States")
        self._answer(200, {"result": "OK" if states else "FAIL", "diagnostics": []})

    def _answer(self, status: int, document: object) -> None:
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's signature
        """Stay quiet: tests have nothing to say about requests that went well."""


@contextmanager
def state_machine_validator() -> Iterator[str]:
    """Serve the endpoint that the AWS provider asks about a state machine's definition while it plans.

    The definitions themselves are checked in tests/unit/state_machines; an emulator would accept any too.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Validator)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
