"""What the plans of both sides must keep, whatever else they hold: least privilege, and no event lost.

Everything is read from the plans of tests/plan/modules; nothing here repeats what an inventory says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, CentralFact, Command, DomainFact
from datamesh.models.facts import EVENTS, DataProductIndexed, GrantDriftFound, WorkflowFailed
from datamesh.settings import SETTINGS, variable_names
from tests.support.plan_scenarios import module_plan
from tests.support.terraform_plan import ROOT, Plan, Resource

CENTRAL = ("central-governance", "organization")
DOMAIN = ("data-domain", "basic")
PORTAL = ("data-portal", "basic")
SIDES = pytest.mark.parametrize("side", [CENTRAL, DOMAIN, ("central-governance", "accounts")], ids="/".join)
ALL = pytest.mark.parametrize(
    "side", [CENTRAL, DOMAIN, PORTAL, ("central-governance", "accounts"), ("data-portal", "full")], ids="/".join
)

# Services that have no resource-level permissions, or not for these actions, by the service authorization reference.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
WITHOUT_RESOURCE = re.compile(
    r"lakeformation:\w+|organizations:(Describe|List)\w+|xray:\w+|logs:\w+(Delivery|Deliveries|LogGroups|ResourcePolic\w+)"
    r"|ram:(Get|List)(\*|\w+)|ram:CreateResourceShare|ram:AcceptResourceShareInvitation"
)
# Reads that AWS documents only by their first word.
WILDCARD_ACTIONS = {"ram:Get*", "ram:List*"}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy document in a plan. Unknown values are None."""

    where: str
    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str | None, ...]
    services: tuple[str, ...]
    principals: tuple[str | None, ...]
    conditions: dict[str, tuple[str, tuple[str | None, ...]]]
    """{variable => (test, values)}"""

    @property
    def is_identity_policy(self) -> bool:
        """Whether it belongs to a role and not to a resource."""
        return not self.services and not self.principals


def statements(plan: Plan) -> Iterator[Statement]:
    """Yield every statement of every policy document of a plan."""
    for address, document in plan.of_type("aws_iam_policy_document").items():
        for each in document.values.get("statement") or []:
            principals = each.get("principals") or []
            yield Statement(
                where=address,
                sid=each.get("sid") or "",
                effect=each.get("effect") or "Allow",
                actions=tuple(each.get("actions") or ()),
                resources=tuple(each.get("resources") or ()),
                services=tuple(name for who in principals if who["type"] == "Service" for name in who["identifiers"]),
                principals=tuple(name for who in principals if who["type"] != "Service" for name in who["identifiers"]),
                conditions={c["variable"]: (c["test"], tuple(c["values"])) for c in each.get("condition") or []},
            )


def managed(plan: Plan, kind: str) -> dict[str, Resource]:
    """Return the managed resources of one type; fails when there are none, because then nothing is tested."""
    found = plan.of_type(kind)
    assert found, f"no {kind} in the plan"
    return found


# --- what roles may do


@ALL
def test_a_star_stands_only_where_aws_has_no_resources(side: tuple[str, str]) -> None:
    found = [
        f"{each.where} {each.sid}: {action}"
        for each in statements(module_plan(*side))
        if each.is_identity_policy and each.effect == "Allow" and "*" in each.resources
        for action in each.actions
        if not WITHOUT_RESOURCE.fullmatch(action)
    ]

    assert not found


@ALL
def test_actions_are_named_one_by_one(side: tuple[str, str]) -> None:
    found = [
        f"{each.where} {each.sid}: {action}"
        for each in statements(module_plan(*side))
        if each.is_identity_policy
        for action in each.actions
        if "*" in action and action not in WILDCARD_ACTIONS
    ]

    assert not found


def test_every_star_in_the_source_has_its_reason() -> None:
    # GIVEN every line of the modules that lets a policy reach any resource, or any account's
    star = re.compile(r'(resources|identifiers)\s*=.*"(\*|arn:[^"]*:\*:[^"]*)"')
    without = []
    for file in sorted((ROOT / "modules").rglob("*.tf")):
        lines = file.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if not star.search(line):
                continue
            # THEN it says why at its end, or the next line is the statement's `reason`; a Deny needs none
            before = "\n".join(lines[:number]).rpartition("statement")[2]
            if "#" not in line and "reason" not in "".join(lines[number + 1 : number + 2]) and '"Deny"' not in before:
                without.append(f"{file.relative_to(ROOT)}:{number + 1}: {line.strip()}")

    assert not without


@SIDES
def test_a_role_is_lent_to_one_service_and_is_one_role(side: tuple[str, str]) -> None:
    lent = [each for each in statements(module_plan(*side)) if "iam:PassRole" in each.actions]

    assert lent
    for each in lent:
        assert each.actions == ("iam:PassRole",), each.where
        assert len(each.resources) == 1, each.where
        assert re.fullmatch(r"arn:aws:iam::\d{12}:role/[a-z-]+", str(each.resources[0])), each.where
        test, services = each.conditions["iam:PassedToService"]
        assert test == "StringEquals", each.where
        assert len(services) == 1, each.where


def test_the_ledger_is_only_appended_to_and_read() -> None:
    # GIVEN all that roles of central and of the portal may do to the ledger's table
    found = {
        action
        for side in (CENTRAL, PORTAL)
        for each in statements(module_plan(*side))
        if each.is_identity_policy and each.effect == "Allow"
        for action in each.actions
        if any(resource is None or resource == "*" or "-ledger" in resource for resource in each.resources)
        and action.startswith("dynamodb:")
    }

    # THEN nobody changes or removes an entry
    assert found <= {"dynamodb:PutItem", "dynamodb:Query"}


@ALL
def test_nothing_makes_or_changes_roles(side: tuple[str, str]) -> None:
    found = {
        action
        for each in statements(module_plan(*side))
        for action in each.actions
        if action.startswith("iam:") and action not in {"iam:GetRole", "iam:PassRole"}
    }

    assert not found


@ALL
def test_what_reaches_into_other_accounts_is_bound_to_the_mesh(side: tuple[str, str]) -> None:
    # GIVEN statements whose resources may lie in any account (an S3 ARN never says in which one)
    any_account = re.compile(r"arn:aws:\w+:[a-z0-9-]*:\*:.*|arn:aws:s3:::.*")

    for each in statements(module_plan(*side)):
        if each.is_identity_policy and any(any_account.fullmatch(str(name)) for name in each.resources):
            # THEN a condition names the organization or the accounts
            bound = {"aws:ResourceOrgID", "aws:ResourceAccount"} & set(each.conditions)
            assert bound, f"{each.where} {each.sid}"
            assert all(each.conditions[name][0] == "StringEquals" for name in bound)


def test_the_lake_access_role_only_reads() -> None:
    plan = module_plan(*CENTRAL)

    actions = {
        action
        for each in statements(plan)
        if each.where == "data.aws_iam_policy_document.lake_access"
        for action in each.actions
    }

    assert actions == {"s3:GetObject", "s3:ListBucket", "kms:Decrypt"}


@SIDES
def test_services_take_roles_only_for_this_account(side: tuple[str, str]) -> None:
    account = module_plan(*side).values("module.event_bus.aws_cloudwatch_event_bus.this") and _account(side)
    trusts = [each for each in statements(module_plan(*side)) if "sts:AssumeRole" in each.actions]

    assert trusts
    for each in trusts:
        # Lambda takes a function's role for nobody else's functions: CreateFunction wants PassRole on it.
        if each.services != ("lambda.amazonaws.com",):
            assert each.conditions.get("aws:SourceAccount") == ("StringEquals", (account,)), each.where


def _account(side: tuple[str, str]) -> str:
    return "111111111111" if side[0] == "central-governance" else "222222222222"


# --- what resources let in


def bus_statement(side: tuple[str, str]) -> Statement:
    """Return the one statement of the bus policy that lets events in; fails when there are more."""
    (found,) = [each for each in bus_statements(side) if each.effect == "Allow"]
    return found


def bus_statements(side: tuple[str, str]) -> list[Statement]:
    """Return all statements of the bus policy."""
    found = statements(module_plan(*side))
    return [each for each in found if each.where.startswith("module.event_bus.data.aws_iam_policy")]


def detail_types(*kinds: type, source: str) -> set[str]:
    """Return the names of all events of some kinds that a side may say."""
    return {each.detail_type() for each in EVENTS if issubclass(each, kinds) and source in each.sources}


FROM_DOMAINS = detail_types(Command, DomainFact, WorkflowFailed, source=DOMAIN_SOURCE)
# What reconciliation finds, and that a product was indexed, is for listeners in central.
FOR_LISTENERS = {DataProductIndexed.detail_type(), GrantDriftFound.detail_type()}
TO_DOMAINS = detail_types(CentralFact, source=CENTRAL_SOURCE) - FOR_LISTENERS


@SIDES
def test_a_bus_lets_in_exactly_what_the_other_side_says(side: tuple[str, str]) -> None:
    # GIVEN the models, which say who sends what
    expected = FROM_DOMAINS if side[0] == "central-governance" else TO_DOMAINS
    source = "datamesh.domain" if side[0] == "central-governance" else "datamesh.central"

    each = bus_statement(side)

    assert each.actions == ("events:PutEvents",)
    assert each.conditions["events:source"] == ("StringEquals", (source,))
    test, allowed = each.conditions["events:detail-type"]
    assert test == "StringEquals"
    assert set(allowed) == expected


def test_domains_forward_exactly_what_central_lets_in() -> None:
    rule = module_plan(*DOMAIN).json("module.to_central.aws_cloudwatch_event_rule.this", "event_pattern")

    assert set(rule["detail-type"]) == FROM_DOMAINS
    assert rule["source"] == ["datamesh.domain"]
    assert rule["account"] == ["222222222222"]


def test_the_domains_bus_takes_events_from_centrals_routing_role_alone() -> None:
    role = module_plan(*CENTRAL).values("aws_iam_role.routing")["name"]

    who = bus_statement(DOMAIN).conditions["aws:PrincipalArn"]

    assert who == ("ArnEquals", (f"arn:aws:iam::111111111111:role/{role}",))


def test_nobody_in_the_domains_account_speaks_in_centrals_name() -> None:
    (denied,) = [each for each in bus_statements(DOMAIN) if each.effect == "Deny"]

    assert denied.actions == ("events:PutEvents",)
    assert denied.conditions["events:source"] == ("StringEquals", ("datamesh.central",))
    assert denied.conditions["aws:PrincipalArn"] == (
        "ArnNotEquals",
        bus_statement(DOMAIN).conditions["aws:PrincipalArn"][1],
    )


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("aws_kms_key.config", "module.register_data_domain_function.aws_iam_role.this"),
        ("aws_secretsmanager_secret_policy.config", "module.register_data_domain_function.aws_iam_role.this"),
    ],
)
def test_the_config_secret_is_for_the_function_that_registers(address: str, role: str) -> None:
    name = module_plan(*CENTRAL).values(role)["name"]
    policy = module_plan(*DOMAIN).json(address, "policy")

    outside = [each for each in policy["Statement"] if "111111111111" in str(each["Principal"])]

    assert len(outside) == 1
    assert outside[0]["Condition"]["ArnEquals"] == {"aws:PrincipalArn": f"arn:aws:iam::111111111111:role/{name}"}
    assert outside[0]["Action"] in ("kms:Decrypt", "secretsmanager:GetSecretValue")


def test_the_lake_lets_central_read_products_and_nothing_else() -> None:
    central = module_plan(*CENTRAL)
    reader = central.values("aws_iam_role.lake_access")["name"]
    verifier = central.values("module.register_data_domain_function.aws_iam_role.this")["name"]
    roles = {f"arn:aws:iam::111111111111:role/{name}" for name in (reader, verifier)}
    outside = [
        each
        for each in statements(module_plan(*DOMAIN))
        if each.where.startswith("module.lake_storage.") and any("111111111111" in str(who) for who in each.principals)
    ]

    assert {action for each in outside for action in each.actions} <= {
        "kms:Decrypt",
        "kms:DescribeKey",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
    }
    for each in outside:
        test, allowed = each.conditions["aws:PrincipalArn"]
        assert test == "ArnEquals"
        assert set(allowed) <= roles
        assert 'layer["transform"]' in each.where or "key" in each.where, each.where


def test_who_decides_on_access_has_the_key_of_the_links_and_only_that_of_it() -> None:
    # GIVEN the key that signs the right to decide
    plan = module_plan(*CENTRAL)
    policy = [each for each in statements(plan) if each.where == "data.aws_iam_policy_document.approval_links_key"]

    # THEN one function signs and another one checks; an administrator manages the key and uses it for nothing
    uses = {
        each.actions: each.conditions.get("aws:PrincipalArn")
        for each in policy
        if "kms:PutKeyPolicy" not in each.actions
    }
    role = "arn:aws:iam::111111111111:role/datamesh-central-{}-function"
    assert uses == {
        ("kms:GenerateMac",): ("ArnEquals", (role.format("send-notification"),)),
        ("kms:VerifyMac",): ("ArnEquals", (role.format("decide-approval"),)),
    }
    managing = [action for each in policy if "kms:PutKeyPolicy" in each.actions for action in each.actions]
    assert not [action for action in managing if "Mac" in action or action in {"kms:*", "kms:CreateGrant"}]


def test_the_function_that_the_internet_reaches_writes_votes_and_nothing_else() -> None:
    found = [each for each in statements(module_plan(*CENTRAL)) if "decide_approval_function" in each.where]
    mine = [each for each in found if each.is_identity_policy]
    writes = {"dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:UpdateItem"}

    for each in mine:
        if writes & set(each.actions) and not str(each.resources[0]).endswith("-ledger"):
            test, keys = each.conditions["dynamodb:LeadingKeys"]
            assert (test, set(keys)) == ("ForAllValues:StringLike", {"LEDGER", "LINK#*", "OPENAPPROVALS", "REQUEST#*"})
    services = {action.partition(":")[0] for each in mine for action in each.actions}
    assert services <= {"dynamodb", "kms", "logs", "states", "xray"}


def test_the_approval_pages_are_throttled_and_their_log_has_no_addresses() -> None:
    stage = module_plan(*CENTRAL).values("aws_apigatewayv2_stage.approvals")

    assert stage["default_route_settings"][0]["throttling_rate_limit"] == 20
    written = json.loads(stage["access_log_settings"][0]["format"])
    assert not {"$context.path", "$context.customDomain.basePathMatched", "$context.requestOverride.path"} & set(
        written.values()
    )
    assert not [value for value in written.values() if "uery" in value or "eferer" in value or value.endswith("path")]


# --- what happens to events


@SIDES
def test_rules_match_named_events_of_named_senders(side: tuple[str, str]) -> None:
    rules = managed(module_plan(*side), "aws_cloudwatch_event_rule")

    for address, rule in rules.items():
        pattern = rule.json("event_pattern")
        assert rule.values["state"] == "ENABLED", address
        # A rule names its events and who says them, or all of its alternatives do; never both, which EventBridge does
        # not take.
        alternatives = pattern.get("$or", [])
        for field in ("detail-type", "source"):
            named = [{**pattern, **each}.get(field) for each in alternatives] or [pattern.get(field)]
            assert all(named), address
            assert not (field in pattern and any(field in each for each in alternatives)), address
            assert field != "source" or all(len(each) == 1 for each in named if each is not None), address
        if rule.values["event_bus_name"] == "default":
            # Other teams' workflows and crawlers are on this bus, too.
            assert {"stateMachineArn", "crawlerName"} & set(pattern["detail"]), address


@ALL
def test_no_event_is_lost_in_silence(side: tuple[str, str]) -> None:
    plan = module_plan(*side)

    for address, target in managed(plan, "aws_cloudwatch_event_target").items():
        module = address.rpartition(".aws_cloudwatch_event_target")[0]
        assert "module.dead_letter_queue.arn" in plan.references(address, "dead_letter_config.0.arn"), address
        (retry,) = target.values["retry_policy"]
        assert retry["maximum_retry_attempts"] > 0, address
        assert f"{module}.module.dead_letter_queue.aws_sqs_queue.this" in plan.resources


@ALL
def test_every_queue_has_an_alarm(side: tuple[str, str]) -> None:
    plan = module_plan(*side)
    watched = {
        (alarm.values.get("dimensions") or {}).get("QueueName")
        for alarm in managed(plan, "aws_cloudwatch_metric_alarm").values()
        # In the outbox messages come and go: what counts is that none stays.
        if alarm.values["metric_name"] in {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}
    }

    queues = {queue.values["name"] for queue in managed(plan, "aws_sqs_queue").values()}

    assert queues == watched


@pytest.mark.parametrize("side", [CENTRAL, DOMAIN, PORTAL], ids="/".join)
def test_alarms_are_heard(side: tuple[str, str]) -> None:
    alarms = managed(module_plan(*side), "aws_cloudwatch_metric_alarm")

    silent = [address for address, alarm in alarms.items() if not alarm.values.get("alarm_actions")]

    assert not silent


@SIDES
def test_every_failed_workflow_is_reported(side: tuple[str, str]) -> None:
    plan = module_plan(*side)
    pattern = plan.json("module.report_workflow_failure.aws_cloudwatch_event_rule.this", "event_pattern")

    machines = {machine.values["name"] for machine in managed(plan, "aws_sfn_state_machine").values()}

    assert {arn.rpartition(":")[2] for arn in pattern["detail"]["stateMachineArn"]} == machines
    assert set(pattern["detail"]["status"]) == {"ABORTED", "FAILED", "TIMED_OUT"}


@ALL
def test_functions_invoked_by_events_keep_what_they_failed_on(side: tuple[str, str]) -> None:
    plan = module_plan(*side)
    invoked = [
        reference.split(".")[1]
        for address, permission in plan.of_type("aws_lambda_permission").items()
        if permission.values["principal"] == "events.amazonaws.com"
        for reference in plan.references(address.split(".aws_lambda_permission")[0], "target")
        if reference.endswith(".alias_arn")
    ]

    assert invoked
    for function in invoked:
        address = f"module.{function}.aws_lambda_function_event_invoke_config.live[0]"
        assert "module.failure_queue[0].arn" in plan.references(
            address.removesuffix("[0]"), "destination_config.0.on_failure.0.destination"
        )


# --- what functions are told


def environments(side: tuple[str, str]) -> Iterator[tuple[str, set[str]]]:
    """Yield the flow of each function with the names of its environment variables."""
    for address, function in managed(module_plan(*side), "aws_lambda_function").items():
        flow = function.values["handler"].split(".")[2]
        if "variables" in function.values["environment"][0]:
            variables = function.values["environment"][0]["variables"]
            assert variables["POWERTOOLS_SERVICE_NAME"] == flow, address
            yield flow, set(variables)
        else:
            yield flow, written_environment(ROOT / "modules" / side[0], flow)


def written_environment(module: Path, flow: str) -> set[str]:
    """Return the names of a function's variables as the source says them.

    A plan shows nothing of an environment when one of its values is known only after the apply (an API's address).
    """
    everything = "\n".join(file.read_text(encoding="utf-8") for file in sorted(module.glob("*.tf")))
    source = (module / f"{flow}.tf").read_text(encoding="utf-8")
    found = re.search(r"^  environment = merge\((.*?)^  }\)$", source, re.DOTALL | re.MULTILINE)
    assert found, f"{flow}.tf: environment = merge(…)"
    assert re.search(rf'POWERTOOLS_SERVICE_NAME *= "{flow}"$', found[1], re.MULTILINE)
    parts = [found[1]]
    for name in re.findall(r"local\.(\w*environment)\b", found[1]):
        block = re.search(rf"^  {name} = {{(.*?)^  }}$", everything, re.DOTALL | re.MULTILINE)
        assert block, name
        parts.append(block[1])
    return {name for part in parts for name in re.findall(r"^ +([A-Z][A-Z0-9_]+) *=", part, re.MULTILINE)}


@ALL
def test_functions_are_told_exactly_what_their_settings_want(side: tuple[str, str]) -> None:
    for flow, names in environments(side):
        assert names == variable_names(SETTINGS[flow]), flow


def test_every_settings_model_belongs_to_a_function() -> None:
    flows = {flow for side in (CENTRAL, DOMAIN, PORTAL) for flow, _ in environments(side)}

    assert flows == set(SETTINGS)
