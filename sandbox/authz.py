"""May this principal do this? IAM's evaluation for callers, for services, and across accounts.

Statements, wildcards, condition operators and the lists of a principal's policies are MiniStack's; how they combine is
decided here, because MiniStack knows one account only. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html (the flow),
…_policies-cross-account-policy-evaluation-logic.html (both sides must allow),
…/troubleshoot_access-denied.html (the words of a refusal),
https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html (a key policy must always allow).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox import adapter, clock, ledger, settings
from sandbox.api import AwsError, Decision, Json
from sandbox.principals import (
    ROOT,
    Principal,
    access_key,
    account_of,
    arn_of_key,
    caller_for,
    open_session,
    principal_for,
    role_arn_of,
    role_of,
)

__all__ = [
    "Principal",
    "access_key",
    "account_of",
    "arn_of_key",
    "caller_for",
    "check",
    "check_assume",
    "decide",
    "message",
    "named_by",
    "open_session",
    "principal_for",
    "record",
    "refusal",
    "refusal_code",
    "require",
    "role_arn_of",
    "role_of",
]

adapter.uses("core.iam_evaluator", "EvalContext", "_first_match", "_resolve_condition_key", "parse_policy_document")


def install() -> None:
    """Let MiniStack's evaluator look condition keys up in our contexts."""
    adapter.patch("core.iam_evaluator", "_resolve_condition_key", resolve_key)


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
        elif name == principal.account or ((root := ROOT.fullmatch(name)) and root.group(1) == principal.account):
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
    "apigateway": ("AccessDeniedException", 403),
    "cloudfront": ("AccessDenied", 403),
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
