"""Functions that tests deploy: one file, a role, and what it answered."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from sandbox.client import Sandbox


def deploy(
    sandbox: Sandbox, account: str, name: str, source: str, role: str, *, timeout: int = 30, **environment: str
) -> str:
    """Create a function from the source of its only module (with `handler`) and return its ARN."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("h.py", source)
    created = sandbox.client("lambda", account).create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="h.handler",
        Code={"ZipFile": archive.getvalue()},
        Timeout=timeout,
        Environment={"Variables": environment},
    )
    return str(created["FunctionArn"])


def invoke(sandbox: Sandbox, account: str, name: str, event: Any = None) -> Any:
    """What the function answers."""
    answer = sandbox.client("lambda", account).invoke(FunctionName=name, Payload=json.dumps(event or {}).encode())
    return json.loads(answer["Payload"].read())
