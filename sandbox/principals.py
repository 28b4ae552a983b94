"""Who is who: users, roles, sessions and roots, with what IAM lets them do.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import contextvars
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import adapter
from sandbox.api import Caller

adapter.uses(
    "core.iam_evaluator",
    "_gather_role_policies",
    "_gather_user_policies",
    "_permissions_boundary",
    "_session_policy_limits",
)
adapter.uses("services.iam", "_access_keys", "_roles", "_users")
adapter.uses("services.sts", "_sessions", "register_session")

# The STS access key that signed the request being served; tells which of a role's sessions is calling.
access_key: contextvars.ContextVar[str] = contextvars.ContextVar("sandbox_access_key", default="")

ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


@dataclass(frozen=True)
class Principal:
    """Who asks. `policies` None means root: everything its account owns."""

    arn: str
    role: str
    account: str
    kind: str
    policies: list[Any] | None
    limits: tuple[tuple[str, list[Any]], ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)


def account_of(arn: str) -> str:
    """The account field of an ARN, empty when it has none (S3)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 else ""


def role_arn_of(session_arn: str) -> str:
    """The IAM role (with its path) behind `arn:aws:sts::A:assumed-role/NAME/SESSION`; other ARNs as they are."""
    match = re.fullmatch(r"(arn:aws[a-z-]*):sts::(\d{12}):assumed-role/([^/]+)/.*", session_arn)
    if match is None:
        return session_arn
    partition, account, name = match.groups()
    found = adapter.internal("services.iam", "_roles").get_scoped(account, None, name)
    return str(found["Arn"]) if found else f"{partition}:iam::{account}:role/{name}"


def arn_of_key(key: str, account: str) -> str:
    """Whose access key this is, without asking whether it is valid."""
    session = adapter.internal("services.sts", "_sessions").get(key)
    if session is not None:
        return str(session.get("Arn", ""))
    record = adapter.internal("services.iam", "_access_keys").get_scoped(account, None, key)
    if record is not None:
        return f"arn:aws:iam::{account}:user/{record.get('UserName', '')}"
    return f"arn:aws:iam::{account}:root"


def caller_for(arn: str) -> Caller:
    """The `Caller` for a user, role, session or root ARN."""
    return Caller(arn, role_arn_of(arn), account_of(arn), arn.endswith(":root"))


def principal_for(arn: str) -> Principal:
    """A principal with its policies, boundary and (when a session of it is calling) session policies."""
    account, role = account_of(arn), role_arn_of(arn)
    if ROOT.fullmatch(arn):
        return Principal(arn, arn, account, "Root", None)
    gather = adapter.internal("core.iam_evaluator", "_gather_role_policies")
    store, kind, name = adapter.internal("services.iam", "_roles"), "AssumedRole", role.rsplit("/", 1)[-1]
    if ":user/" in role:
        gather = adapter.internal("core.iam_evaluator", "_gather_user_policies")
        store, kind = adapter.internal("services.iam", "_users"), "User"
    with adapter.scope(account, adapter.region()):
        policies = _flat(gather(name, account))
        limits = [
            ("permissions boundary", _flat(layer))
            for layer in adapter.internal("core.iam_evaluator", "_permissions_boundary")(store, name, account)
        ]
        session = _session_of(arn, role)
        if session is not None:
            passed = adapter.internal("core.iam_evaluator", "_session_policy_limits")(session, account)
            limits += [("session policy", _flat(layer)) for layer in passed]
        entity = store.get_scoped(account, None, name) or {}
    tags = list(entity.get("Tags") or []) + list((session or {}).get("SessionTags") or [])
    keys = {f"aws:principaltag/{tag['Key'].lower()}": tag["Value"] for tag in tags}
    if kind == "User":
        keys["aws:username"] = name
    return Principal(arn, role, account, kind, policies, tuple(limits), keys)


def _flat(documents: list[list[Any]]) -> list[Any]:
    return [statement for statements in documents for statement in statements]


def _session_of(arn: str, role: str) -> dict[str, Any] | None:
    """The live session behind an ARN: the calling one when it is of this role, else the newest of that name."""
    sessions = adapter.internal("services.sts", "_sessions")
    calling: dict[str, Any] | None = sessions.get(access_key.get())
    if calling is not None and role_arn_of(str(calling.get("Arn", ""))) == role:
        return calling
    if ":assumed-role/" not in arn:
        return None
    return next((session for session in reversed(list(sessions.values())) if session.get("Arn") == arn), None)


def role_of(role_arn: str) -> dict[str, Any] | None:
    """The IAM role behind an ARN, or None when there is none (any more)."""
    roles = adapter.internal("services.iam", "_roles")
    found: dict[str, Any] | None = roles.get_scoped(account_of(role_arn), None, role_arn.rsplit("/", 1)[-1])
    return found if found and found.get("Arn") == role_arn else None


def open_session(role_arn: str, session_name: str) -> dict[str, str]:
    """Credentials of a new session of a role, whatever its trust policy says: ask `check_assume` first.

    Raises `ValueError` when the role does not exist.
    """
    role = role_of(role_arn)
    if role is None:
        raise ValueError(f"There is no role {role_arn}")
    account = account_of(role_arn)
    digest = secrets.token_hex(20)
    keys = {
        "AccessKeyId": f"ASIA{digest[:16].upper()}",
        "SecretAccessKey": secrets.token_hex(20),
        "SessionToken": secrets.token_hex(64),
    }
    adapter.internal("services.sts", "register_session")(
        keys["AccessKeyId"],
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role['RoleName']}/{session_name}",
            "UserId": f"{role['RoleId']}:{session_name}",
            "SecretAccessKey": keys["SecretAccessKey"],
            "SessionToken": keys["SessionToken"],
            "AccountId": account,
            "PrincipalType": "AssumedRole",
        },
    )
    return keys
