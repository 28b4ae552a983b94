"""Who may put events where, and what EventBridge may do for a rule.

Every question is put to `sandbox.authz`, so every answer stands in the ledger: also what EventBridge itself, or the
role of a target, was allowed or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox import adapter, authz
from sandbox.api import AwsError, Caller, Decision
from sandbox.events.model import Arn, Bus, DeliveryError, Event, Rule

EVENTBRIDGE = "events.amazonaws.com"


def require_put(caller: Caller, bus: Bus, *, source: str, detail_type: str) -> None:
    """May the caller put this event on this bus? Raises `AwsError` AccessDeniedException.

    In the bus's own account an identity policy suffices; across accounts the bus's policy must allow it as well.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus-perms.html
    """
    authz.require(
        caller.arn,
        "events:PutEvents",
        bus.arn,
        context=_put_context(source, detail_type, by_rule=False),
        resource_policy=adapter.bus_policy(bus.arn),
        resource_account=bus.account,
    )


def require_forwarding(role: str, event: Event, rule: Rule, bus: Bus) -> None:
    """May the target's role carry this event to another bus? Raises `DeliveryError`.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-cross-account.html
    """
    decision = authz.check(
        role,
        "events:PutEvents",
        bus.arn,
        context=_put_context(event.source, event.detail_type, by_rule=True) | _rule_context(rule),
        resource_policy=adapter.bus_policy(bus.arn),
        resource_account=bus.account,
    )
    if not decision.allowed:
        raise _not_permitted(role, "events:PutEvents", bus.arn, decision.reason)


def require_role(role: str | None, rule: Rule) -> str:
    """The target's role, when EventBridge may assume it for this rule. Raises `DeliveryError`.

    The trust policy is evaluated with `aws:SourceArn` (the rule) and `aws:SourceAccount`.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html (confused deputy)
    """
    if not role:
        raise DeliveryError("NO_PERMISSIONS", f"The target of {rule.arn} needs a role and has none")
    if Arn.parse(role).account != rule.bus.account:
        raise DeliveryError("FAILED_TO_ASSUME_ROLE", f"{role} does not belong to the rule's account")
    decision = authz.check_assume(role, rule.service, context=_rule_context(rule))
    if not decision.allowed:
        raise DeliveryError("FAILED_TO_ASSUME_ROLE", f"{rule.service} may not assume {role} {decision.reason}".rstrip())
    return role


def require_action(
    role: str | None,
    action: str,
    resource: str,
    rule: Rule,
    policy: Mapping[str, Any] | None = None,
    *,
    across_accounts: bool = False,
) -> None:
    """May EventBridge act on a target: with the target's role, or without one as the service itself.

    With a role its policy decides (and across accounts the resource's policy too); without one the resource's policy
    must name `events.amazonaws.com`, usually with `aws:SourceArn` = the rule. Schedules always need a role.
    A dead-letter queue may be in another account without a role (`across_accounts`). Raises `DeliveryError`.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-service-cross-account.html
    """
    owner = Arn.parse(resource).account
    document = dict(policy) if policy is not None else None
    if role or rule.scheduled:
        role = require_role(role, rule)
        decision = authz.check(
            role, action, resource, context=_rule_context(rule), resource_policy=document, resource_account=owner
        )
        if not decision.allowed:
            raise _not_permitted(role, action, resource, decision.reason)
        return
    if owner != rule.bus.account and not across_accounts:
        raise DeliveryError("NO_PERMISSIONS", f"{resource} is in another account: its target needs a role")
    if not service_may(action, resource, rule, document):
        raise _not_permitted(EVENTBRIDGE, action, resource, "because no resource-based policy allows it")


def service_may(action: str, resource: str, rule: Rule, policy: dict[str, Any] | None) -> bool:
    """Does the resource's policy let EventBridge itself do this for this rule?"""
    return authz.check(
        EVENTBRIDGE,
        action,
        resource,
        context=_rule_context(rule),
        resource_policy=policy,
        resource_account=Arn.parse(resource).account,
        service=EVENTBRIDGE,
    ).allowed


def require_key(key_arn: str, rule: Rule) -> None:
    """May EventBridge use the key of an encrypted queue or topic? Raises `DeliveryError`.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html (encrypted queues)
    """
    policy = adapter.key_policy(key_arn)
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        if not service_may(action, key_arn, rule, policy):
            raise _not_permitted(EVENTBRIDGE, action, key_arn, "because no key policy allows it")


def require_pass_role(caller: Caller, role: str) -> None:
    """May the caller hand this role to EventBridge? Raises `AwsError` AccessDeniedException.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    if Arn.parse(role).account != caller.account:
        raise AwsError("ValidationException", "Cross-account pass role is not allowed.")
    decision = authz.check(caller.arn, "iam:PassRole", role, context={"iam:PassedToService": EVENTBRIDGE})
    if not decision.allowed:
        # EventBridge refuses in IAM's words but with its own code.
        raise AwsError("AccessDeniedException", authz.message(caller.arn, "iam:PassRole", role, decision))


def require_target_bus_open(role: str, bus: Bus, rule_arn: str, account: str) -> None:
    """Does the other account's bus let this role in at all, whatever the event? If not, raises `AwsError`.

    EventBridge asks when the target is put, not only when it delivers. AWS does not document this; it is reported by
    users (github.com/ministryofjustice/modernisation-platform-environments/pull/19002, aws/aws-cdk/pull/3323).
    Conditions on the event (`events:…`) cannot count then, there being none.
    """
    allowed = authz.named_by(
        _without_event_conditions(adapter.bus_policy(bus.arn)),
        authz.principal_for(role),
        "events:PutEvents",
        bus.arn,
        {"aws:SourceArn": rule_arn, "aws:SourceAccount": account},
    )
    if not allowed:
        reason = "because no resource-based policy allows the events:PutEvents action"
        decision = Decision(allowed=False, explicit_deny=False, reason=reason)
        raise authz.refusal(role, "events:PutEvents", bus.arn, decision)


def _without_event_conditions(policy: dict[str, Any] | None) -> dict[str, Any] | None:
    if policy is None:
        return None
    statements = policy.get("Statement", [])
    kept = []
    for statement in statements if isinstance(statements, list) else [statements]:
        conditions = {
            operator: {key: value for key, value in tests.items() if not key.lower().startswith("events:")}
            for operator, tests in statement.get("Condition", {}).items()
        }
        conditions = {operator: tests for operator, tests in conditions.items() if tests}
        if statement.get("Effect") == "Deny" and conditions != statement.get("Condition", {}):
            continue
        kept.append({**{key: value for key, value in statement.items() if key != "Condition"}, "Condition": conditions})
    return {**policy, "Statement": kept}


def _put_context(source: str, detail_type: str, *, by_rule: bool) -> dict[str, str]:
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoneventbridge.html
    return {
        "events:source": source,
        "events:detail-type": detail_type,
        "events:eventBusInvocation": "true" if by_rule else "false",
    }


def _rule_context(rule: Rule) -> dict[str, str]:
    return {"aws:SourceArn": rule.source_arn, "aws:SourceAccount": rule.bus.account}


def _not_permitted(who: str, action: str, resource: str, reason: str) -> DeliveryError:
    return DeliveryError(
        "NO_PERMISSIONS", f"{who} is not authorized to perform: {action} on resource: {resource} {reason}".rstrip()
    )
