"""The sandbox from a test or a tool: start it, get boto3 clients of any account or role, and steer it.

with Sandbox.start() as sandbox:
    sandbox.client("s3", account="111111111111").list_buckets()
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import boto3
import botocore.loaders
import botocore.session
from botocore.config import Config

from sandbox import api_urls
from sandbox.api import Json

REGION = "eu-west-1"
_START_TIMEOUT = 60.0
_LOADER = botocore.loaders.create_loader()


class SandboxError(RuntimeError):
    """The sandbox did not start, or refused what a control endpoint was asked."""


class Sandbox:
    """A running sandbox, by its URL; `start` runs one."""

    def __init__(self, url: str, process: subprocess.Popen[bytes] | None = None, region: str = REGION) -> None:
        self.url = url.rstrip("/")
        self.region = region
        self._process = process

    @classmethod
    def start(cls, port: int = 0, log: str | Path | None = None) -> Self:
        """Run `python -m sandbox serve` and wait until it answers; raises `SandboxError` when it does not.

        Port 0 takes a free one. Without `log` its output goes nowhere. Use it as a context manager, or call `stop`.
        """
        port = port or _free_port()
        output: IO[bytes] | int = Path(log).open("ab") if log else subprocess.DEVNULL  # noqa: SIM115  kept by the process
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
        root = Path(__file__).resolve().parent.parent
        environment["PYTHONPATH"] = os.pathsep.join(
            part for part in (str(root), environment.get("PYTHONPATH", "")) if part
        )
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "serve", "--port", str(port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        if not isinstance(output, int):
            output.close()
        sandbox = cls(f"http://127.0.0.1:{port}", process)
        try:
            sandbox._wait(log)
        except SandboxError:
            sandbox.stop()
            raise
        return sandbox

    def _wait(self, log: str | Path | None) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise SandboxError(f"The sandbox ended with {self._process.returncode}{_tail(log)}")
            try:
                self.health()
            except (OSError, SandboxError):
                time.sleep(0.05)
            else:
                return
        raise SandboxError(f"The sandbox did not answer within {_START_TIMEOUT:.0f} s{_tail(log)}")

    @property
    def process_id(self) -> int | None:
        """The server's process, when this object started it."""
        return self._process.pid if self._process else None

    def stop(self) -> None:
        """End the server that this object started, and the Lambda workers it runs."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # --- AWS ----------------------------------------------------------------------------------------------------------

    def session(self, account: str | None = None, role_arn: str | None = None) -> boto3.Session:
        """A boto3 session as an account's root, or as a role (whatever its trust policy says)."""
        if role_arn is not None:
            keys = self._call("POST", "credentials", {"role_arn": role_arn})
        elif account is not None:
            keys = {"AccessKeyId": account, "SecretAccessKey": "any", "SessionToken": None}
        else:
            raise ValueError("Name an account or a role.")
        core = botocore.session.Session()
        # Reading the services' models is most of what a client costs: read each once.
        core.register_component("data_loader", _LOADER)
        session = boto3.Session(
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
            region_name=self.region,
            botocore_session=core,
        )
        _LOADER.search_paths[:] = dict.fromkeys(_LOADER.search_paths)
        return session

    def client(
        self, service: str, account: str | None = None, role_arn: str | None = None, config: Config | None = None
    ) -> Json:
        """A boto3 client as an account's root or as a role. It does not retry, so that tests see every error."""
        settings = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        session = self.session(account, role_arn)
        made: Json = session.client  # its type stubs want the service's name as a literal
        return made(service, endpoint_url=self.url, config=settings.merge(config) if config else settings)

    # --- control ------------------------------------------------------------------------------------------------------

    def health(self) -> dict[str, Any]:
        """Is it up?"""
        return self._call("GET", "health")

    def ledger(self, **filters: object) -> list[dict[str, Any]]:
        """Authorisation decisions whose fields contain the given texts: principal, role, account, action, resource…"""
        query = urllib.parse.urlencode({key: str(value) for key, value in filters.items()})
        entries: list[dict[str, Any]] = self._call("GET", f"ledger?{query}")["entries"]
        return entries

    def clear_ledger(self) -> None:
        """Forget all entries."""
        self._call("DELETE", "ledger")

    def inject(self, **fault: object) -> int:
        """Arm a fault (sandbox/faults.py `Fault`) and return its id."""
        return int(self._call("POST", "faults", fault)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The armed faults and how often each struck."""
        found: list[dict[str, Any]] = self._call("GET", "faults")["faults"]
        return found

    def clear_faults(self, fault_id: int | None = None) -> None:
        """Disarm one fault, or all."""
        self._call("DELETE", f"faults/{fault_id}" if fault_id else "faults")

    def advance(self, seconds: float) -> str:
        """Move the clock forward; returns the time it shows."""
        return str(self._call("POST", "clock", {"advance_seconds": seconds})["now"])

    def now(self) -> str:
        """The time the clock shows."""
        return str(self._call("GET", "clock")["now"])

    def settings(self, **patch: object) -> dict[str, Any]:
        """Change settings (sandbox/settings.py `Settings`) and return all."""
        return self._call("PATCH", "settings", patch) if patch else self._call("GET", "settings")

    def snapshot(self, name: str = "default") -> dict[str, Any]:
        """Remember the state of all accounts."""
        return self._call("PUT", f"snapshots/{name}")

    def restore(self, name: str = "default") -> dict[str, Any]:
        """Put a remembered state back; raises `SandboxError` when there is none of that name."""
        return self._call("POST", f"snapshots/{name}")

    def reset(self) -> None:
        """Empty all accounts; clear ledger, faults, clock and settings."""
        self._call("POST", "reset")

    def events(self, **filters: object) -> list[dict[str, Any]]:
        """What happened to events: the deliveries that sandbox/events traced."""
        query = urllib.parse.urlencode({key: str(value) for key, value in filters.items()})
        found: list[dict[str, Any]] = self._call("GET", f"events?{query}")["deliveries"]
        return found

    def mails(self, to: str | None = None) -> list[dict[str, Any]]:
        """What SNS mailed, oldest first: to, topic, subject, text, time, message_attributes, subscribe_url…"""
        found: list[dict[str, Any]] = self._call("GET", f"mail?{_query(to=to)}")["mails"]
        return found

    def clear_mails(self, to: str | None = None) -> None:
        """Empty the mailbox, or throw one address's mails away."""
        self._call("DELETE", f"mail?{_query(to=to)}")

    def api_url(self, api_endpoint: str, path: str = "") -> str:
        """The URL at which an HTTP API is called here: `api_endpoint` as Terraform gives it, or any URL below it."""
        found = api_urls.callable_path(api_endpoint)
        if found is None:
            raise ValueError(f"{api_endpoint} is not the endpoint of an HTTP API.")
        return f"{self.url}{found.rstrip('/') if path else found}{path}"

    def portal_url(self, link: str) -> str:
        """The URL at which a browser opens a CloudFront distribution here: its domain name, or any link to it."""
        found = api_urls.site_url(link, self.url)
        if found is None:
            raise ValueError(f"{link} is not at a CloudFront distribution.")
        return found

    def _call(self, method: str, path: str, body: object | None = None) -> dict[str, Any]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/_sandbox/{path}", data=data, method=method)  # noqa: S310  own URL
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
                parsed: dict[str, Any] = json.load(answer)
        except urllib.error.HTTPError as error:
            raise SandboxError(f"{method} {path}: {error.code} {error.read().decode(errors='replace')}") from error
        return parsed


def _query(**fields: str | None) -> str:
    return urllib.parse.urlencode({key: value for key, value in fields.items() if value is not None})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tail(log: str | Path | None) -> str:
    if log is None or not Path(log).is_file():
        return ""
    return ":\n" + "\n".join(Path(log).read_text(errors="replace").splitlines()[-20:])
