"""Posts to real HTTP servers on this machine: what arrives, what counts as failure, and what is never said."""

import socket
from collections.abc import Iterator

import pytest
from pytest_socket import enable_socket

from datamesh import observability
from datamesh.aws.web import Web
from datamesh.models.errors import DeliveryFailed
from tests.support.http_server import Answers, serving


@pytest.fixture
def server(_no_network: None) -> Iterator[Answers]:
    enable_socket()
    with serving() as answers:
        yield answers


def test_a_post_arrives_as_it_was_sent(server: Answers) -> None:
    Web().post(f"{server.url}/services/T0/B0?x=1", "{“ü”}".encode(), {"Content-Type": "application/json"})
    [request] = server.received
    assert request.path == "/services/T0/B0?x=1"
    assert request.body.decode() == "{“ü”}"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"] == "datamesh-notifications"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_successes_are_successes(server: Answers, status: int) -> None:
    server.statuses = [status]
    Web().post(server.url, b"{}", {})
    assert len(server.received) == 1


@pytest.mark.parametrize("status", [300, 400, 401, 404, 410, 429, 500, 503])
def test_another_answer_is_a_failure_that_quotes_nothing(server: Answers, status: int) -> None:
    server.statuses = [status]
    with pytest.raises(DeliveryFailed) as failure:
        Web().post(f"{server.url}/services/secret", b"{}", {})
    assert failure.value.message == f"127.0.0.1 answers {status}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Answers, status: int) -> None:
    with serving() as elsewhere:
        server.statuses = [status]
        server.location = f"{elsewhere.url}/stolen"
        with pytest.raises(DeliveryFailed, match=f"answers {status}"):
            Web().post(server.url, b"{}", {"X-Datamesh-Signature": "v1=…".encode().decode("latin-1")})
        assert elsewhere.received == []


def test_who_does_not_answer_in_time_has_failed(server: Answers) -> None:
    server.delay = 0.5
    with pytest.raises(DeliveryFailed, match="does not answer: TimeoutError"):
        Web(timeout=0.1).post(f"{server.url}/services/secret", b"{}", {})


@pytest.mark.usefixtures("server")
def test_who_is_not_there_has_failed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(DeliveryFailed, match="does not answer: ConnectionRefusedError"):
        Web().post(f"http://127.0.0.1:{port}/services/secret", b"{}", {})


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/x",
        "http://127.0.0.1.example.com/x",
        "http://127.0.0.1@example.com/x",
        "https://user:password@hooks.example.com/x",
        "ftp://127.0.0.1/x",
        "file:///etc/passwd",
        "https:///x",
        "https://hooks.example.com:port/x",
        "https://[::1/x",
        "hooks.example.com/x",
        "",
    ],
)
def test_only_https_or_the_machine_itself(url: str) -> None:
    # Sockets are refused here: whatever opened one would fail otherwise.
    with pytest.raises(DeliveryFailed, match=r"HTTPS|must name a host|is none"):
        Web().post(url, b"{}", {})


@pytest.mark.parametrize("path", ["/x\r\nX-Evil: 1", "/x y", "/ü"])
def test_a_path_that_http_does_not_have_is_a_failure(server: Answers, path: str) -> None:
    with pytest.raises(DeliveryFailed):
        Web().post(f"{server.url}{path}", b"{}", {})
    assert all("X-Evil" not in request.headers for request in server.received)


def test_no_url_gets_into_a_trace(server: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    untraced: list[str] = []

    def ignore(*, hostname: str) -> None:
        assert server.received == [], "the trace is kept from it before anything is sent"
        untraced.append(hostname)

    monkeypatch.setattr(observability.tracer, "ignore_endpoint", ignore)
    Web().post(f"{server.url}/services/secret", b"{}", {})
    assert untraced == ["127.0.0.1"]
