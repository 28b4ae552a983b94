"""The command line in the process of a test: an API that answers as it is told, and what a command prints."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from datamesh.cli.app import app
from datamesh.cli.client import ApiClient, ApiUnreachable, Response
from datamesh.cli.config import Profile, config_path, write_profile

URL = "https://a.example"
ID = uuid.UUID(int=5)
REQUEST = uuid.UUID(int=7)
AT = "2026-02-01T12:00:00Z"
ANALYST = "arn:aws:iam::333333333333:role/analyst"
ACCEPTED = {"correlation_id": str(ID), "command": "RequestDataProductAccess", "request_id": str(REQUEST)}
ME = {"email": "analyst@marketing.example", "domains": [{"domain": "marketing", "roles": ["member"]}]}
STAGE = {
    "number": 0,
    "name": "owner",
    "status": "OPEN",
    "approvers": ["owner@sales.example"],
    "quorum": 1,
    "opened_at": AT,
    "deadline": "2026-02-04T12:00:00Z",
}
SUMMARY = {
    "request_id": str(REQUEST),
    "sort": "access",
    "status": "PENDING",
    "domain": "marketing",
    "product": {"domain": "sales", "name": "fleet"},
    "requested_by": "analyst@marketing.example",
    "requested_at": AT,
    "waiting_for": "owner",
}
DETAIL = {**SUMMARY, "principals": [ANALYST], "justification": "to see", "tables": ["planes"], "stages": [STAGE]}


def problem(status: int, code: str, detail: str = "no") -> tuple[int, Any]:
    """An answer of the API that says no."""
    said = {"type": f"urn:datamesh:{code}", "title": code, "status": status, "detail": detail, "code": code}
    return status, said


class FakeApi:
    """Answers by method and path: one answer always, or several one after the other of which the last one stays."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.keys: list[str | None] = []
        self.time = 0.0
        self.answers: dict[tuple[str, str], Any] = {
            ("GET", "/v1/me"): (200, ME),
            ("GET", f"/v1/operations/{ID}"): (200, {"correlation_id": str(ID), "status": "SUCCEEDED", "events": []}),
        }

    def says(self, method: str, path: str, *answers: Any, status: int = 200) -> None:
        """Answer a request with these bodies, or with these pairs of a status and a body."""
        found = [each if isinstance(each, tuple | Exception) else (status, each) for each in answers]
        self.answers[(method, path)] = found if len(found) > 1 else found[0]

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        path, _, query = url.removeprefix(URL).partition("?")
        self.asked.append((method, path, json.loads(body) if body is not None else query))
        self.keys.append(headers.get("Idempotency-Key"))
        found = self.answers[(method, path)]
        if isinstance(found, list):
            found = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(found, Exception):
            raise found
        status, answer = found
        return Response(status, {}, json.dumps(answer).encode())

    def sent(self, method: str, path: str) -> list[Any]:
        """What was sent there."""
        return [body for asked, where, body in self.asked if (asked, where) == (method, path)]

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds

    def client(self) -> ApiClient:
        """The client of a person who is signed in."""
        return ApiClient(URL, lambda: "t", self, pause=self.pause, clock=lambda: self.time)


def speaks(monkeypatch: pytest.MonkeyPatch, modules: Iterable[ModuleType], **profile: str) -> FakeApi:
    """Have these modules ask a fake API; the default profile is that of a person."""
    api = FakeApi()
    values = {"api_url": URL, "region": "eu-west-1", "user_pool_id": "p", "client_id": "c", **profile}
    write_profile(config_path(), "default", Profile.model_validate(values))
    for module in modules:
        monkeypatch.setattr(module, "api", lambda name: api.client())
    return api


def run(*arguments: str, given: str | None = None) -> tuple[int, str, str]:
    """Run a command; returns how it ends and what it prints. What it raises is raised."""
    done = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "250"}, input=given)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.stdout, done.stderr


UNREACHABLE = ApiUnreachable("nobody there")
