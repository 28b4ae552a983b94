"""May this principal do this? IAM's evaluation for callers, services and across accounts.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

from typing import Any

from sandbox.api import AwsError, Decision


def check(
    principal_arn: str,
    action: str,
    resource_arn: str,
    *,
    context: dict[str, str] | None = None,
    resource_policy: dict[str, Any] | None = None,
    resource_account: str | None = None,
    service: str | None = None,
    key_policy_required: bool = False,
) -> Decision:
    """Decide and write a ledger entry."""
    return Decision(allowed=True, explicit_deny=False, reason="")


def require(
    principal_arn: str,
    action: str,
    resource_arn: str,
    *,
    context: dict[str, str] | None = None,
    resource_policy: dict[str, Any] | None = None,
    resource_account: str | None = None,
    service: str | None = None,
    key_policy_required: bool = False,
) -> None:
    """Raise `AwsError` AccessDeniedException in AWS's words unless allowed."""
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
        raise AwsError(
            "AccessDeniedException",
            f"User: {principal_arn} is not authorized to perform: {action} on resource: {resource_arn} {decision.reason}",
        )


def check_assume(role_arn: str, service_principal: str, *, context: dict[str, str] | None = None) -> Decision:
    """May this service assume the role (trust policy)?"""
    return Decision(allowed=True, explicit_deny=False, reason="")
