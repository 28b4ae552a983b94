"""The types that the sandbox's rooms (events, lakeformation, ram, glue, athena) share with its core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value of AWS's JSON or of MiniStack's stores, of which only its user knows the shape."""


@dataclass(frozen=True)
class Caller:
    """Who calls: the identity that AWS would name in an error message and in CloudTrail."""

    arn: str
    """STS assumed-role ARN, user ARN or `arn:aws:iam::<account>:root`."""
    principal_arn: str
    """The IAM principal that Lake Formation knows: role ARN (of an assumed-role session), user ARN or root ARN."""
    account: str
    is_root: bool
    is_service: bool = False
    """A service acting itself, e.g. `events.amazonaws.com`."""


@dataclass(frozen=True)
class Call:
    """One API call, its parameters decoded and validated with botocore's model of the service."""

    service: str
    operation: str
    params: dict[str, Any]
    caller: Caller
    region: str


class AwsError(Exception):
    """An error answer of AWS: what a client sees as `ClientError` with this code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


@dataclass(frozen=True)
class Decision:
    """The outcome of an authorisation check; `reason` completes AWS's sentence ("because …")."""

    allowed: bool
    explicit_deny: bool
    reason: str


Handler = Callable[[Call], dict[str, Any]]
"""Synchronous; runs in a worker thread in the caller's account and region; answers in botocore's shape or raises
`AwsError`."""

Gate = Callable[[Call, Handler], dict[str, Any]]
"""A handler around MiniStack's own: it calls `next(call)`, possibly with other parameters or in another account's
scope, or answers itself."""
