"""A real HTTP server on this machine, which keeps what it is sent and answers as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answers:
    """What the server answers next, one after the other, and 200 after these; what it was sent."""

    statuses: list[int] = field(default_factory=list)
    location: str = ""
    delay: float = 0.0
    received: list[Received] = field(default_factory=list)
    url: str = ""


@contextmanager
def serving() -> Iterator[Answers]:
    """Serve on a free port of 127.0.0.1."""
    answers = Answers()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answers.received.append(Received(self.path, dict(self.headers), body))
            time.sleep(answers.delay)
            self.send_response(answers.statuses.pop(0) if answers.statuses else 200)
            if answers.location:
                self.send_header("Location", answers.location)
            self.send_header("Content-Length", "7")
            self.end_headers()
            with suppress(BrokenPipeError):
                self.wfile.write(b"secret!")

        def do_GET(self) -> None:
            answers.received.append(Received(self.path, dict(self.headers), b""))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *_args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    answers.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield answers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
