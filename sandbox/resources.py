"""Actions and resources as AWS's Service Authorization Reference names them, where MiniStack's extraction differs.

https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox import adapter, authz
from sandbox.api import Call, Json
from sandbox.owners import Request

adapter.uses("services.stepfunctions", "_task_tokens")

# Actions that the reference lists without a resource type: only "*" in a policy grants them.
_WITHOUT_RESOURCE = {
    "states:ListStateMachines",
    "states:ListActivities",
    "states:ValidateStateMachineDefinition",
    "lambda:ListFunctions",
    "lambda:ListEventSourceMappings",
    "logs:DescribeLogGroups",
    "kms:CreateKey",
    "kms:ListKeys",
    "kms:ListAliases",
    "kms:GenerateRandom",
    "events:ListRuleNamesByTarget",
    "secretsmanager:ListSecrets",
    "secretsmanager:GetRandomPassword",
    "sns:ListTopics",
    "sns:ListSubscriptions",
    "sqs:ListQueues",
    "sts:GetCallerIdentity",
}
# The reference gives these no resource type, yet policies that name the state machine work (the AWS CDK's
# grantTaskResponse writes such): the machine's ARN is matched by both.
_TASK_ANSWERS = {"states:SendTaskSuccess", "states:SendTaskFailure", "states:SendTaskHeartbeat"}
# Tokens of tasks that are over, with the ARNs of their state machines; sandbox/states keeps it.
closed_task_tokens: dict[str, str] = {}
_ALIAS_ACTIONS = {"kms:CreateAlias", "kms:DeleteAlias", "kms:UpdateAlias"}


# Calls that hand a role to a service: where the request names it, and which service gets it.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
_PASSED = {
    "lambda:CreateFunction": ("Role", "lambda.amazonaws.com"),
    "lambda:UpdateFunctionConfiguration": ("Role", "lambda.amazonaws.com"),
    "states:CreateStateMachine": ("roleArn", "states.amazonaws.com"),
    "states:UpdateStateMachine": ("roleArn", "states.amazonaws.com"),
    "scheduler:CreateSchedule": ("Target.RoleArn", "scheduler.amazonaws.com"),
    "scheduler:UpdateSchedule": ("Target.RoleArn", "scheduler.amazonaws.com"),
    "pipes:CreatePipe": ("RoleArn", "pipes.amazonaws.com"),
}


def passed_role(action: str, request: Request | None) -> tuple[str, dict[str, str]] | None:
    """The role a call passes to a service and the condition keys of its `iam:PassRole` check."""
    if action not in _PASSED or request is None:
        return None
    path, service = _PASSED[action]
    found: object = request.json()
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str) or not found:
        return None
    return _iam_entity(found), {"iam:PassedToService": service}


def request_context(call: Call) -> dict[str, Any]:
    """Condition keys of a call that the sandbox serves or gates itself: tags, and what EventBridge adds.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    context = _tags(call.params.get("Tags") or call.params.get("tags"))
    if call.service != "events":
        return context
    if call.operation == "PutTargets":
        context["events:TargetArn"] = _one_or_all([str(target.get("Arn", "")) for target in call.params["Targets"]])
    if call.operation == "PutRule" and call.params.get("EventPattern"):
        pattern = _parsed(call.params["EventPattern"])
        for key in ("source", "detail-type"):
            named = [value for value in pattern.get(key, []) if isinstance(value, str)]
            if named:
                context[f"events:{key}"] = _one_or_all(named)
    return context


def _tags(tags: Json) -> dict[str, Any]:
    pairs = tags.items() if isinstance(tags, dict) else ((tag.get("Key"), tag.get("Value")) for tag in tags or [])
    context: dict[str, Any] = {f"aws:RequestTag/{key}": str(value) for key, value in pairs}
    if context:
        context["aws:TagKeys"] = [key.removeprefix("aws:RequestTag/") for key in context]
    return context


def _one_or_all(values: list[str]) -> str | list[str]:
    """A key with one value also meets operators that are not made for several."""
    return values[0] if len(values) == 1 else values


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# "To call a batch action, you need the permission of the single one":
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
_BATCHES = frozenset({"sqs:ChangeMessageVisibilityBatch", "sqs:DeleteMessageBatch", "sqs:SendMessageBatch"})


def as_aws_names(service: str, action: str, resource: str, request: Request | None) -> list[tuple[str, str]]:
    """Every (action, resource) AWS checks for what MiniStack calls (action, resource)."""
    if action in _BATCHES:
        return [(action.removesuffix("Batch"), resource)]
    if action in _WITHOUT_RESOURCE:
        return [(action, "*")]
    if action in _TASK_ANSWERS:
        return [(action, _machine_of_token(request))]
    if service == "lambda":
        return [(action, _function(resource, request))]
    if service == "kms":
        return _key(action, resource, request)
    if service == "iam":
        return [(action, _iam_entity(resource))]
    if service == "events":
        return [(action, re.sub(r":rule/default/", ":rule/", resource))]
    return [(action, resource)]


def _machine_of_token(request: Request | None) -> str:
    token = request.json().get("taskToken") if request else None
    info = adapter.internal("services.stepfunctions", "_task_tokens").get(token)
    if info is None:
        # A policy for the machine still holds when the task is over: the answer is then TaskTimedOut, not a refusal.
        return closed_task_tokens.get(str(token), "*")
    return str(info.get("machine", "*"))


def _function(resource: str, request: Request | None) -> str:
    """`Qualifier` belongs to the ARN: a policy for the alias does not allow the function and vice versa."""
    qualifier = request.query.get("Qualifier", [""])[0] if request else ""
    if qualifier and ":function:" in resource and resource.count(":") == 6:
        return f"{resource}:{qualifier}"
    return resource


def _key(action: str, resource: str, request: Request | None) -> list[tuple[str, str]]:
    """An alias in a request is the key behind it; only the alias operations check alias and key."""
    if action in _ALIAS_ACTIONS and request is not None:
        account, region, body = adapter.account(), adapter.region(), request.json()
        alias = f"arn:aws:kms:{region}:{account}:{body.get('AliasName', '')}"
        keys = (adapter.key_arn(name, account, region) for name in (body.get("TargetKeyId"), alias))
        return [(action, alias), *((action, arn) for arn in keys if arn)]
    if ":alias/" not in resource:
        return [(action, resource)]
    arn = adapter.key_arn(resource, authz.account_of(resource), resource.split(":")[3])
    return [(action, arn or resource)]


def _iam_entity(resource: str) -> str:
    """Roles and users with a path carry it in their ARN; requests name them without."""
    match = re.fullmatch(r"arn:aws:iam::(\d{12}):(role|user)/([^/]+)", resource)
    if match is None:
        return resource
    account, kind, name = match.groups()
    store = adapter.internal("services.iam", "_roles" if kind == "role" else "_users")
    found = store.get_scoped(account, None, name)
    return str(found["Arn"]) if found else resource
