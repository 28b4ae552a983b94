"""May this principal do this? IAM's evaluation for callers, for services, and across accounts.

Statements, wildcards, condition operators and the lists of a principal's policies are MiniStack's; how they combine is
decided here, because MiniStack knows one account only. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (the flow),
…_policies-cross-account-policy-evaluation-logic.html (both sides must allow),
…/troubleshoot_access-denied.html (the words of a refusal),
https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html (a key policy must always allow).
"""

from __future__ import annotations

import contextvars
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import adapter, clock, ledger, settings
from sandbox.api import AwsError, Caller, Decision, Json

adapter.uses(
    "core.iam_evaluator",
    "EvalContext",
    "_conditions_met",
    "_first_match",
    "_gather_role_policies",
    "_gather_user_policies",
    "_permissions_boundary",
    "_resolve_condition_key",
    "_session_policy_limits",
    "fnmatch_iam",
    "parse_policy_document",
)
adapter.uses("services.iam", "_access_keys", "_roles", "_users")
adapter.uses("services.sts", "_sessions", "register_session")

# The STS access key that signed the request being served; tells which of a role's sessions is calling.
access_key: contextvars.ContextVar[str] = contextvars.ContextVar("sandbox_access_key", default="")

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


def install() -> None:
    """Let MiniStack's evaluator look condition keys up in our contexts."""
    adapter.patch("core.iam_evaluator", "_resolve_condition_key", resolve_key)


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
    if _ROOT.fullmatch(arn):
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


# --- the condition context --------------------------------------------------------------------------------------------


class Context(dict[str, Any]):
    """All condition keys of a request, in lower case. A key that is not here is absent: nothing is guessed."""


def resolve_key(original: Callable[[str, Json], Json]) -> Callable[[str, Json], Json]:
    """MiniStack's look-up of a condition key, for contexts of ours: what is not in them does not exist."""

    def resolve(key: str, evaluated: Json) -> Json:
        context = evaluated.service_context
        if isinstance(context, Context):
            return context.get(key.lower())
        return original(key, evaluated)

    return resolve


def _context(
    principal: Principal, resource: str, resource_account: str, region: str, extra: Mapping[str, Any]
) -> Context:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html."""
    context = Context({key.lower(): value for key, value in principal.keys.items()})
    now = clock.now()
    context.update(
        {
            "aws:currenttime": now.isoformat(),
            "aws:epochtime": str(int(now.timestamp())),
            "aws:requestedregion": region,
            # 127.0.0.1 is plain HTTP; on AWS every endpoint of the product is TLS.
            "aws:securetransport": "true",
            "aws:sourceip": "127.0.0.1",
            "aws:resourceaccount": resource_account,
            "aws:resourceorgid": settings.organization_of(resource_account),
            "aws:principalisawsservice": str(principal.kind == "Service").lower(),
        }
    )
    if principal.kind == "Service":
        context["aws:principalservicename"] = principal.arn
        context["aws:sourceorgid"] = settings.organization_of(_lowered(extra).get("aws:sourceaccount"))
    else:
        context["aws:principalarn"] = principal.role
        context["aws:principalaccount"] = principal.account
        context["aws:principaltype"] = "Account" if principal.kind == "Root" else principal.kind
        context["aws:principalorgid"] = settings.organization_of(principal.account)
        context["aws:viaawsservice"] = "false"
    context.update(_lowered(extra))
    if str(resource).startswith("arn:aws:s3:::"):
        context["s3:resourceaccount"] = resource_account
    return Context({key: value for key, value in context.items() if value is not None})


def _lowered(extra: Mapping[str, Any]) -> dict[str, Any]:
    return {key.lower(): value for key, value in extra.items()}


# --- evaluation -------------------------------------------------------------------------------------------------------

_NAMED, _DIRECT, _DELEGATED, _NONE = "named", "direct", "delegated", ""


def _statement_names(statement: Mapping[str, Any], principal: Principal) -> str:
    """How a resource policy's statement names the principal: itself, its very session or user, or only its account."""
    if "NotPrincipal" in statement:
        return _NONE if _names(statement["NotPrincipal"], principal) else _NAMED
    return _names(statement.get("Principal"), principal)


def _names(element: Json, principal: Principal) -> str:
    if element == "*":
        return _NAMED
    if not isinstance(element, dict):
        return _NONE
    if principal.kind == "Service":
        if any(name.lower() == principal.arn.lower() for name in _as_list(element.get("Service"))):
            return _NAMED
        return _NAMED if "*" in _as_list(element.get("AWS")) else _NONE
    best = _NONE
    for name in _as_list(element.get("AWS")):
        if principal.kind in ("User", "AssumedRole") and name == principal.arn and ":role/" not in name:
            return _DIRECT
        if name in ("*", principal.role, principal.arn):
            best = _NAMED
        elif name == principal.account or ((root := _ROOT.fullmatch(name)) and root.group(1) == principal.account):
            best = best or (_NAMED if principal.kind == "Root" else _DELEGATED)
    return best


def _as_list(value: Json) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [item for item in value if isinstance(item, str)]


def _resource_outcome(policy: dict[str, Any] | None, principal: Principal, evaluated: Json) -> tuple[bool, set[str]]:
    """Explicit deny, and how the allowing statements name the principal."""
    parse = adapter.internal("core.iam_evaluator", "parse_policy_document")
    first = adapter.internal("core.iam_evaluator", "_first_match")
    statements = (policy or {}).get("Statement", [])
    allowed: set[str] = set()
    for statement in [statements] if isinstance(statements, dict) else statements:
        named = _statement_names(statement, principal)
        if not named:
            continue
        parsed = parse({"Statement": [statement]})
        if first(evaluated, parsed, "Deny"):
            return True, set()
        if first(evaluated, parsed, "Allow"):
            allowed.add(named)
    return False, allowed


def decide(
    principal: Principal,
    action: str,
    resource: str,
    *,
    context: Mapping[str, Any] | None = None,
    resource_policy: dict[str, Any] | None = None,
    resource_account: str | None = None,
    key_policy_required: bool = False,
    region: str | None = None,
) -> Decision:
    """Evaluate without writing to the ledger; `resource_account` None means the principal's own account."""
    owner = resource_account or principal.account
    region = region or _region_of(resource)
    evaluated = adapter.internal("core.iam_evaluator", "EvalContext")(
        principal_arn=principal.arn,
        principal_type=principal.kind,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=region,
        service_context=_context(principal, resource, owner, region, context or {}),
    )
    first = adapter.internal("core.iam_evaluator", "_first_match")
    layers = [("identity-based policy", principal.policies or []), *principal.limits]
    for name, statements in layers:
        if first(evaluated, statements, "Deny"):
            return Decision(allowed=False, explicit_deny=True, reason=f"with an explicit deny in {_article(name)}")
    denied, named = _resource_outcome(resource_policy, principal, evaluated)
    if denied:
        reason = "with an explicit deny in a resource-based policy"
        return Decision(allowed=False, explicit_deny=True, reason=reason)
    if principal.kind == "Service":
        return _decision(bool(named), "resource-based policy", action)
    by_identity = principal.policies is None or bool(first(evaluated, principal.policies, "Allow"))
    narrowed = next((name for name, statements in principal.limits if not first(evaluated, statements, "Allow")), None)
    if _DIRECT in named and owner == principal.account:
        # A statement for the very user or session is not narrowed by boundary or session policies.
        return _decision(True, "", action)
    if owner == principal.account:
        if key_policy_required:
            sufficient = _NAMED in named or (_DELEGATED in named and by_identity)
            missing = "identity-based policy" if named else "resource-based policy"
        else:
            sufficient = by_identity or _NAMED in named
            missing = "identity-based policy"
    else:
        sufficient = by_identity and bool(named)
        missing = "resource-based policy" if by_identity else "identity-based policy"
    if sufficient and narrowed:
        return _decision(False, narrowed, action)
    return _decision(sufficient, missing, action)


def named_by(
    policy: dict[str, Any] | None, principal: Principal, action: str, resource: str, context: Mapping[str, Any]
) -> bool:
    """Does a policy let this principal in, apart from its own? Naming its account is enough."""
    owner = account_of(resource)
    evaluated = adapter.internal("core.iam_evaluator", "EvalContext")(
        principal_arn=principal.arn,
        principal_type=principal.kind,
        principal_account=principal.account,
        action=action,
        resource_arn=resource,
        region=adapter.region(),
        service_context=_context(principal, resource, owner, adapter.region(), context),
    )
    denied, named = _resource_outcome(policy, principal, evaluated)
    return bool(named) and not denied


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _decision(allowed: bool, missing: str, action: str) -> Decision:
    reason = "" if allowed else f"because no {missing} allows the {action} action"
    return Decision(allowed=allowed, explicit_deny=False, reason=reason)


def _region_of(resource: str) -> str:
    parts = resource.split(":")
    return parts[3] if len(parts) > 5 and parts[3] else adapter.region()


# --- what rooms call --------------------------------------------------------------------------------------------------


def check(
    principal_arn: str,
    action: str,
    resource_arn: str,
    *,
    context: Mapping[str, Any] | None = None,
    resource_policy: dict[str, Any] | None = None,
    resource_account: str | None = None,
    service: str | None = None,
    key_policy_required: bool = False,
) -> Decision:
    """Decide and write a ledger entry.

    `principal_arn` is a role, user, session or root ARN. With `service` (`events.amazonaws.com`) a service acts itself
    and only the resource policy counts. Without `resource_account` the resource is taken for the principal's own.
    """
    who = Principal(service, service, "", "Service", []) if service is not None else principal_for(principal_arn)
    decision = decide(
        who,
        action,
        resource_arn,
        context=context,
        resource_policy=resource_policy,
        resource_account=resource_account,
        key_policy_required=key_policy_required,
    )
    record(who, action, resource_arn, decision, via=service or "room")
    return decision


def record(who: Principal, action: str, resource: str, decision: Decision, *, via: str) -> None:
    """The ledger entry of a decision."""
    ledger.record(
        principal=who.arn,
        role=who.role,
        account=who.account,
        action=action,
        resource=resource,
        allowed=decision.allowed,
        reason=decision.reason,
        via=via,
    )


def require(
    principal_arn: str,
    action: str,
    resource_arn: str,
    *,
    context: Mapping[str, Any] | None = None,
    resource_policy: dict[str, Any] | None = None,
    resource_account: str | None = None,
    service: str | None = None,
    key_policy_required: bool = False,
) -> None:
    """`check`, raising `AwsError` in AWS's words unless allowed."""
    decision = check(
        principal_arn,
        action,
        resource_arn,
        context=context,
        resource_policy=resource_policy,
        resource_account=resource_account,
        service=service,
        key_policy_required=key_policy_required,
    )
    if not decision.allowed:
        raise refusal(service or principal_arn, action, resource_arn, decision)


def refusal(principal: str, action: str, resource: str, decision: Decision) -> AwsError:
    """The error AWS answers with; code and status differ by service."""
    code, status = refusal_code(action.partition(":")[0])
    return AwsError(code, message(principal, action, resource, decision), status)


# Services whose refusal is not `AccessDeniedException` with HTTP 400, from their "Common errors" pages.
_REFUSALS: dict[str, tuple[str, int]] = {
    "s3": ("AccessDenied", 403),
    "sts": ("AccessDenied", 403),
    "iam": ("AccessDenied", 403),
    "sqs": ("AccessDenied", 403),
    "sns": ("AuthorizationError", 403),
    "cloudwatch": ("AccessDenied", 403),
    "lambda": ("AccessDeniedException", 403),
    "execute-api": ("AccessDeniedException", 403),
}


def refusal_code(service: str) -> tuple[str, int]:
    """Code and HTTP status of a service's refusals, by IAM namespace or MiniStack's name of the service."""
    return _REFUSALS.get({"monitoring": "cloudwatch"}.get(service, service), ("AccessDeniedException", 400))


def message(principal: str, action: str, resource: str, decision: Decision) -> str:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html."""
    shown = f'"{resource}"' if action.startswith("s3:") else resource
    spoken = action
    if action.startswith("sns:"):
        spoken = f"SNS:{action[4:]}"
    elif action.startswith("sqs:"):
        spoken = f"sqs:{action[4:].lower()}"
    reason = decision.reason.replace(f" {action} ", f" {spoken} ")
    return f"User: {principal} is not authorized to perform: {spoken} on resource: {shown} {reason}".rstrip()


def role_of(role_arn: str) -> dict[str, Any] | None:
    """The IAM role behind an ARN, or None when there is none (any more)."""
    roles = adapter.internal("services.iam", "_roles")
    found: dict[str, Any] | None = roles.get_scoped(account_of(role_arn), None, role_arn.rsplit("/", 1)[-1])
    return found if found and found.get("Arn") == role_arn else None


def check_assume(
    role_arn: str, service_principal: str, *, context: Mapping[str, Any] | None = None, action: str = "sts:AssumeRole"
) -> Decision:
    """May this service assume the role? Its trust policy decides; a role that does not exist cannot be assumed."""
    role = role_of(role_arn)
    who = Principal(service_principal, service_principal, "", "Service", [])
    if role is None:
        decision = Decision(allowed=False, explicit_deny=False, reason="because the role does not exist")
    else:
        policy = adapter.document(role.get("AssumeRolePolicyDocument"))
        owner = account_of(role_arn)
        decision = decide(who, action, role_arn, context=context, resource_policy=policy, resource_account=owner)
    record(who, action, role_arn, decision, via=service_principal)
    return decision


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
