"""The authorisation of calls that MiniStack serves: replaces its `enforce` and the words of its refusals.

MiniStack extracts action and resource and asks `enforce(key, action, service, …)`. This module answers with the
caller's identity in its own account, the resource's policy in the owner's, and what else AWS asks for a call: the
customer managed key behind a bucket, secret, queue or topic.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sandbox import adapter, authz, keys, resources, settings
from sandbox.api import AwsError, Caller, Decision, Json
from sandbox.owners import Request

adapter.uses(
    "core.iam_evaluator",
    "AuthError",
    "EvalResult",
    "_ALWAYS_ALLOWED_ACTIONS",
    "_anonymous",
    "_request_caller_arn",
    "_resource_policy",
    "_s3_scope_failure",
    "_signed_request",
    "authenticate",
    "resolve_principal",
)


@dataclass
class Front:
    """What is known about the request at the front door."""

    request: Request
    caller_account: str
    owner_account: str
    region: str
    denial: tuple[str, str, str, Decision] | None = None
    """Principal, action, resource and decision of the refusal, for its message."""
    error: AwsError | None = None
    """A refusal that has words of its own."""
    checked: bool = False


class _Asked(NamedTuple):
    """What MiniStack asks `enforce`."""

    action: str
    service: str
    region: str
    resource: str
    context: dict[str, Any]


front: contextvars.ContextVar[Front | None] = contextvars.ContextVar("sandbox_front", default=None)

_KMS_REQUIRED = "kms"
_OWN_POLICY = {"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"}


def enforce(original: Callable[..., Json]) -> Callable[..., Json]:
    """Replacement of MiniStack's `enforce`: None when allowed, `AuthError`, or a denying `EvalResult`."""

    def enforced(  # noqa: PLR0917  MiniStack's signature
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Json:
        inside = "core.iam_evaluator"
        current = front.get()
        caller_account = current.caller_account if current else adapter.account()
        unsigned = not access_key_id and adapter.internal(inside, "_signed_request").get() is None
        if adapter.internal(inside, "_anonymous").get() or unsigned:
            return original(access_key_id, iam_action, service, region, resource_arn, service_context)
        with adapter.scope(caller_account, adapter.region()):
            failure = adapter.internal(inside, "_s3_scope_failure")(service)
            if failure:
                return failure
            auth_error = adapter.internal(inside, "AuthError")
            checked = adapter.internal(inside, "authenticate")(access_key_id, caller_account)
            if isinstance(checked, auth_error):
                return checked
            if iam_action in adapter.internal(inside, "_ALWAYS_ALLOWED_ACTIONS"):
                return None
            info = adapter.internal(inside, "resolve_principal")(access_key_id, caller_account, checked)
            if isinstance(info, auth_error):
                return info
        authz.access_key.set(access_key_id)
        asked = _Asked(iam_action, service, region, resource_arn, service_context or {})
        return _authorize(_principal(info), asked)

    return enforced


def _principal(info: Json) -> authz.Principal:
    """MiniStack's `PrincipalInfo` as ours. Federated users and odd sessions keep the policies MiniStack resolved."""
    if info.type in ("User", "AssumedRole"):
        return authz.principal_for(info.arn)
    policies = None if info.policies is None else [item for layer in info.policies for item in layer]
    return authz.Principal(info.arn, info.arn, info.account, info.type, policies, (), info.keys)


def _authorize(who: authz.Principal, asked: _Asked) -> Json:
    current = front.get()
    action, service, region, resource, context = asked
    if service == "s3" and current is not None:
        context = {**context, **_encryption_headers(current.request)}
    if service == "kms" and current is not None:
        context = {**context, **_key_parameters(current.request)}
    if action == "sns:Subscribe" and current is not None:
        context = {**context, **_subscriber(current.request)}
    if service == "sts" and current is not None:
        context = {**context, **_session_names(current.request)}
    if action == "events:PutTargets" and current is not None:
        context = {**context, "events:TargetArn": _target_arns(current.request)}
    owner = _owner(service, action, resource, current, who)
    for needed_action, named in resources.as_aws_names(service, action, resource, current.request if current else None):
        policy = None if _mends_its_policy(who, action, owner) else _policy(service, named, owner, region)
        foreign_bus = service == "events" and owner != who.account
        decision = authz.decide(
            who,
            needed_action,
            named,
            context=context,
            resource_policy=policy,
            # The bus policy of another account is judged where its conditions on the entries are known: sandbox/events.
            resource_account=who.account if foreign_bus else owner,
            key_policy_required=service == _KMS_REQUIRED and named.startswith("arn:") and policy is not None,
            region=region,
        )
        authz.record(who, needed_action, named, decision, via="api")
        if not decision.allowed:
            return _denied(current, who, needed_action, named, decision)
    passed = resources.passed_role(action, current.request if current else None)
    if passed is not None:
        role, keys_of_pass = passed
        decision = authz.decide(who, "iam:PassRole", role, context=keys_of_pass, region=region)
        authz.record(who, "iam:PassRole", role, decision, via="api")
        if not decision.allowed:
            return _denied(current, who, "iam:PassRole", role, decision)
    if current is not None:
        if who.account != current.owner_account:
            # Handlers that look at the caller once more (SNS, SQS) would ask the policy without our context.
            root = f"arn:aws:iam::{current.owner_account}:root"
            adapter.internal("core.iam_evaluator", "_request_caller_arn").set(root)
        if not current.checked:
            current.checked = True
            return _unseen_object(current, who, action) or _key_behind(current, who, action, resource)
    return None


def _unseen_object(current: Front, who: authz.Principal, action: str) -> Json:
    """Who may not list a bucket is not told that an object is missing: 403 instead of 404.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (permissions)
    """
    bucket, key = current.request.bucket()
    if action != "s3:GetObject" or not key or adapter.object_exists(bucket, key) or who.kind == "Root":
        return None
    if adapter.bucket_owner(bucket) is None:
        return None
    arn = f"arn:aws:s3:::{bucket}"
    owner = current.owner_account
    decision = authz.decide(
        who, "s3:ListBucket", arn, resource_policy=adapter.bucket_policy(bucket), resource_account=owner
    )
    if decision.allowed:
        return None
    authz.record(who, "s3:ListBucket", arn, decision, via="s3.amazonaws.com")
    return _denied(current, who, "s3:ListBucket", arn, decision)


def _mends_its_policy(who: authz.Principal, action: str, owner: str) -> bool:
    """A bucket's policy cannot shut its owner's root out of the policy itself.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
    """
    return who.kind == "Root" and who.account == owner and action in _OWN_POLICY


def _session_names(request: Request) -> dict[str, str]:
    """What a trust policy may ask of AssumeRole; MiniStack knows it only when it evaluates the trust policy itself."""
    form = request.form()
    named = {"sts:ExternalId": form.get("ExternalId"), "sts:RoleSessionName": form.get("RoleSessionName")}
    return {key: value for key, value in named.items() if value}


def _target_arns(request: Request) -> list[str]:
    """The condition key `events:TargetArn`, which has as many values as the call has targets.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    """
    body = request.json()
    targets = body.get("Targets", []) if isinstance(body, dict) else []
    return [str(target.get("Arn")) for target in targets if isinstance(target, dict)]


def _encryption_headers(request: Request) -> dict[str, str]:
    """Condition keys that MiniStack does not fill: which key a write asks for."""
    name = "x-amz-server-side-encryption-aws-kms-key-id"
    return {f"s3:{name}": request.headers[name]} if name in request.headers else {}


def _key_parameters(request: Request) -> dict[str, str]:
    """Condition keys that repeat what a KMS call asks for.

    https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html
    """
    body = request.json()
    named = {"kms:MacAlgorithm": body.get("MacAlgorithm"), "kms:KeySpec": body.get("KeySpec")}
    named["kms:KeyUsage"] = body.get("KeyUsage")
    alias = str(body.get("KeyId", "")).rpartition(":")[2]
    if alias.startswith("alias/"):
        named["kms:RequestAlias"] = alias
    return {key: str(value) for key, value in named.items() if value}


def _subscriber(request: Request) -> dict[str, str]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html#sns-policy-keys."""
    form = request.form()
    named = {"sns:Endpoint": form.get("Endpoint"), "sns:Protocol": form.get("Protocol")}
    return {key: value for key, value in named.items() if value}


def _owner(service: str, action: str, resource: str, current: Front | None, who: authz.Principal) -> str:
    named = authz.account_of(resource)
    if named.isdigit():
        return named
    if service == "s3" and action != "s3:CreateBucket":
        return adapter.bucket_owner(resource.removeprefix("arn:aws:s3:::").split("/")[0]) or who.account
    return current.owner_account if current else who.account


def _policy(service: str, resource: str, owner: str, region: str) -> dict[str, Any] | None:
    """The resource's own policy, looked up where it lives."""
    if service == "sts":
        role = authz.role_of(resource)
        return adapter.document(role.get("AssumeRolePolicyDocument")) if role else None
    with adapter.scope(owner, region):
        found = adapter.internal("core.iam_evaluator", "_resource_policy")(service, resource)
    return adapter.document(found[0]) if found else None


def _denied(current: Front | None, who: authz.Principal, action: str, resource: str, decision: Decision) -> Json:
    if current is not None:
        current.denial = (who.arn, action, resource, decision)
    result = adapter.internal("core.iam_evaluator", "EvalResult")
    outcome = "Deny" if decision.explicit_deny else "ImplicitDeny"
    return result(outcome, principal_arn=who.arn, reason=decision.reason)


def _key_behind(current: Front, who: authz.Principal, action: str, resource: str) -> Json:
    """The customer managed key a call needs besides its own permission."""
    place = keys.Place(who.account, current.owner_account, current.region)
    for needed in keys.needed(current.request, action, resource, place):
        decision = authz.decide(
            who,
            needed.action,
            needed.key_arn,
            context=needed.context,
            resource_policy=adapter.key_policy(needed.key_arn),
            resource_account=authz.account_of(needed.key_arn),
            key_policy_required=True,
        )
        authz.record(who, needed.action, needed.key_arn, decision, via=needed.via)
        if not decision.allowed:
            current.error = needed.refusal
            return _denied(current, who, needed.action, needed.key_arn, decision)
    return None


def access_denied_response(original: Callable[..., Json]) -> Callable[..., Json]:
    """Replacement of `ministack.core.iam_actions.access_denied_response`: AWS's current words, and its status."""

    def respond(service: str, action: str, principal_arn: str, request_id: str, **options: Json) -> Json:
        current = front.get()
        if options.get("error_code") or options.get("message") or current is None or current.denial is None:
            return original(service, action, principal_arn, request_id, **options)
        principal, denied_action, resource, decision = current.denial
        refusal = current.error or authz.refusal(principal, denied_action, resource, decision)
        code, status, message = _outer(service, refusal)
        if denied_action.startswith("s3:") and _hidden(current, principal):
            message = "Access Denied"
        options.pop("message", None)
        _, headers, body = original(
            service, action, principal_arn, request_id, **{**options, "error_code": code, "message": message}
        )
        return status, headers, body

    return respond


def _outer(service: str, refusal: AwsError) -> tuple[str, int, str]:
    """A key's refusal as the service in front of the key words it."""
    code, status = authz.refusal_code(service)
    if service in ("sns", "sqs") and "kms:" in refusal.message:
        code = "KMSAccessDenied" if service == "sns" else "KMS.AccessDeniedException"
    return code, status, refusal.message


def _hidden(current: Front, principal: str) -> bool:
    """S3 explains a refusal only inside the account or organization.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    """
    account = authz.account_of(principal)
    return account != current.owner_account and not settings.same_organization(account, current.owner_account)


def pin_request_caller(original: Callable[..., None]) -> Callable[..., None]:
    """Keep the owner's root pinned once a foreign caller passed: some handlers pin anew."""

    def pin(headers: dict[str, str], query_params: dict[str, Any] | None = None) -> None:
        current = front.get()
        if current is not None and current.checked and current.caller_account != current.owner_account:
            return
        original(headers, query_params)

    return pin


def resource_policy_allows(original: Callable[..., bool]) -> Callable[..., bool]:
    """Replacement of the second look that SNS and SQS take: the gate has asked, with conditions they do not know."""

    def allows(raw_policy: Json, evaluated: Json, same_account: bool) -> bool:
        current = front.get()
        if current is None or current.checked:
            return True
        return original(raw_policy, evaluated, same_account)

    return allows


def trust(original: Callable[..., bool]) -> Callable[..., bool]:
    """Replacement of `evaluate_trust_policy` for `AssumeRole`: with our condition keys and strict principals."""

    def evaluate(trust_doc: Json, caller_arn: str, evaluated: Json = None) -> bool:
        if evaluated is None or evaluated.action == "sts:AssumeRoleWithWebIdentity":
            return original(trust_doc, caller_arn, evaluated)
        who = authz.principal_for(caller_arn)
        context = {key: value for key, value in evaluated.service_context.items() if value is not None}
        tags = {f"aws:requesttag/{key}": value for key, value in evaluated.request_tags.items()}
        if evaluated.tag_keys:
            context["aws:tagkeys"] = evaluated.tag_keys
        return authz.named_by(
            adapter.document(trust_doc), who, evaluated.action, evaluated.resource_arn, {**context, **tags}
        )

    return evaluate


def caller(access_key_id: str) -> Caller | AwsError:
    """Who signed the request, for services the sandbox serves itself."""
    inside = "core.iam_evaluator"
    account = adapter.account()
    authz.access_key.set(access_key_id)
    checked = adapter.internal(inside, "authenticate")(access_key_id or "", account)
    auth_error = adapter.internal(inside, "AuthError")
    if isinstance(checked, auth_error):
        return AwsError(checked.code, checked.message, 403)
    if adapter.internal(inside, "_anonymous").get():
        return AwsError("MissingAuthenticationTokenException", "Missing Authentication Token", 403)
    info = adapter.internal(inside, "resolve_principal")(access_key_id or "", account, checked)
    if isinstance(info, auth_error):
        return AwsError(info.code, info.message, 400)
    return authz.caller_for(info.arn)
