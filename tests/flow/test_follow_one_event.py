"""Follow one event through each flow: from its sample, over the rule, the state machine and the function, to IAM.

Every link of the chain is read from what is deployed (the plan, the definition, the package) and compared with the next
one, so the rows of README's "Follow one event" hold.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, cast

import pytest
from moto.events.models import EventPattern

from datamesh.models import errors
from datamesh.models.crawls import CrawlerStateChange, LinkResult
from datamesh.models.events import CENTRAL_SOURCE, DOMAIN_SOURCE, Envelope
from datamesh.models.executions import ExecutionStatusChange
from datamesh.models.facts import EVENTS_BY_DETAIL_TYPE
from datamesh.settings import SETTINGS, variable_names
from tests.support.asl import AWS_ERRORS, TEMPLATE_INPUTS, error_names, render, tasks, template_inputs
from tests.support.aws_actions import CROSS_ACCOUNT_GRANT, function_actions
from tests.support.plan_scenarios import module_plan
from tests.support.terraform_plan import ROOT, Plan

EVENTS = ROOT / "tests" / "events"
SCENARIOS = {"central-governance": "organization", "data-domain": "basic", "data-portal": "basic"}

Event = dict[str, Any]
Change = Callable[[Event], None]


def load(sample: str) -> Event:
    """Return a sample event; `aws/…` are events of AWS services."""
    event: Event = json.loads((EVENTS / f"{sample}.json").read_text(encoding="utf-8"))
    return event


def changed(sample: str, change: Change) -> Event:
    """Return a sample event with one thing changed."""
    event = deepcopy(load(sample))
    change(event)
    return event


def _from_somewhere_else(event: Event) -> None:
    event["account"] = "999999999999"


def _unchanged(event: Event) -> None:
    event["detail"]["data"]["outcome"] = "unchanged"


def _of_another_machine(event: Event) -> None:
    event["detail"]["stateMachineArn"] += "-of-somebody-else"


def _of_another_team(event: Event) -> None:
    event["detail"]["crawlerName"] = "nightly-sales-crawler"


def _still_running(event: Event) -> None:
    event["detail"]["status"] = "RUNNING"


def _source_of_central(event: Event) -> None:
    event["source"] = "datamesh.central"


def by_a_person(sample: str) -> Event:
    """Return a sample as the API says it for a person, on central's own bus."""
    event = changed(sample, _source_of_central)
    event["account"] = "111111111111"
    event["detail"]["metadata"]["person"] = "owner@sales.example"
    return event


@dataclass(frozen=True)
class Flow:
    """What starts a flow, and what looks alike and must not."""

    name: str
    module: str
    samples: tuple[str, ...]
    siblings: tuple[Event, ...]
    grants_across_accounts: bool = False
    scenario: str | None = None
    """Another one than the module's usual: one that turns on all that the function can do."""

    @property
    def plan(self) -> Plan:
        """The plan of the module that owns the flow."""
        return module_plan(self.module, self.scenario or SCENARIOS[self.module])

    @property
    def account(self) -> str:
        """The account of the plan."""
        return "222222222222" if self.module == "data-domain" else "111111111111"


WORKFLOWS = (
    Flow(
        "register_data_domain",
        "central-governance",
        ("register_data_domain",),
        (load("register_data_product"), changed("register_data_domain", _source_of_central)),
        grants_across_accounts=True,
    ),
    Flow(
        "deregister_data_domain",
        "central-governance",
        ("deregister_data_domain",),
        (load("register_data_domain"), changed("deregister_data_domain", _source_of_central)),
        grants_across_accounts=True,
    ),
    Flow(
        "register_data_product",
        "central-governance",
        ("register_data_product",),
        (load("register_data_domain"), changed("register_data_product", _source_of_central)),
        grants_across_accounts=True,
    ),
    Flow(
        "deregister_data_product",
        "central-governance",
        ("deregister_data_product",),
        (load("register_data_product"), changed("deregister_data_product", _source_of_central)),
        grants_across_accounts=True,
    ),
    Flow(
        "share_data_product",
        "central-governance",
        ("request_data_product_access", "by_tag/request_data_product_access", "extend_data_product_access"),
        (
            load("register_data_product"),
            load("data_product_access_requested"),
            changed("request_data_product_access", _source_of_central),
            changed("extend_data_product_access", _source_of_central),
        ),
        grants_across_accounts=True,
    ),
    Flow(
        "index_data_product",
        "central-governance",
        (
            "data_product_access_provisioned",
            "data_product_crawl_failed",
            "data_product_linked",
            "data_product_schema_updated",
            "data_product_unlinked",
        ),
        (load("register_data_product"), load("workflow_failed")),
        grants_across_accounts=True,
    ),
    Flow(
        "revoke_access",
        "central-governance",
        ("revoke_data_product_access", "expire_data_product_access", "data_product_link_failed"),
        (
            load("data_product_access_ending"),
            load("data_product_access_provisioned"),
            changed("expire_data_product_access", _from_somewhere_else),
            changed("revoke_data_product_access", _source_of_central),
        ),
        grants_across_accounts=True,
    ),
    Flow(
        "reconcile_access",
        "central-governance",
        ("reconcile_access",),
        (load("grant_drift_found"), changed("reconcile_access", _from_somewhere_else)),
        grants_across_accounts=True,
    ),
    Flow(
        "link_data_product",
        "data-domain",
        (
            "data_product_registered",
            "by_tag/data_product_registered",
            "data_product_access_granted",
            "by_tag/data_product_access_granted",
            "data_product_tags_changed",
        ),
        (
            load("data_product_access_approved"),
            changed("data_product_tags_changed", _from_somewhere_else),
            changed("data_product_registered", _unchanged),
            changed("data_product_registered", _from_somewhere_else),
        ),
    ),
    Flow(
        "unlink_data_product",
        "data-domain",
        ("data_product_access_ending", "data_product_deregistered"),
        (
            load("data_product_access_revoked"),
            changed("data_product_access_ending", _from_somewhere_else),
            changed("data_product_deregistered", _from_somewhere_else),
        ),
    ),
    Flow(
        "crawl_data_product",
        "data-domain",
        ("aws/link_data_product_succeeded",),
        (load("aws/link_data_product_failed"), changed("aws/link_data_product_succeeded", _of_another_machine)),
    ),
)


@dataclass(frozen=True)
class Subscription:
    """A rule that invokes a function without a workflow."""

    rule: str
    flow: Flow


SUBSCRIPTIONS = (
    Subscription(
        "crawler_state_change",
        Flow(
            "crawl_data_product",
            "data-domain",
            ("aws/crawler_succeeded",),
            (changed("aws/crawler_succeeded", _of_another_team), load("aws/link_data_product_succeeded")),
        ),
    ),
    Subscription(
        "report_workflow_failure",
        Flow(
            "report_workflow_failure",
            "data-domain",
            ("aws/link_data_product_failed",),
            (load("aws/link_data_product_succeeded"), changed("aws/link_data_product_failed", _still_running)),
        ),
    ),
    Subscription(
        "report_workflow_failure",
        Flow("report_workflow_failure", "central-governance", (), (load("aws/link_data_product_failed"),)),
    ),
    Subscription(
        "record_event",
        Flow(
            "record_event",
            "data-portal",
            ("register_data_product", "data_product_registered", "data_product_linked", "reconcile_access"),
            (load("aws/link_data_product_failed"), load("aws/crawler_succeeded")),
        ),
    ),
    Subscription(
        "record_execution",
        Flow(
            "record_event",
            "data-portal",
            ("aws/register_data_product_failed",),
            (load("aws/link_data_product_failed"), load("aws/crawler_succeeded"), load("data_product_registered")),
        ),
    ),
    Subscription(
        "index_search",
        Flow(
            "index_search",
            "data-portal",
            (
                "data_domain_deregistered",
                "data_domain_registered",
                "data_product_deregistered",
                "data_product_indexed",
                "data_product_registered",
                "data_product_tags_changed",
            ),
            (
                load("data_product_schema_updated"),
                load("register_data_product"),
                changed("data_product_registered", _from_somewhere_else),
            ),
        ),
    ),
)

FUNCTIONS = (
    *WORKFLOWS,
    *(each.flow for each in SUBSCRIPTIONS if each.rule == each.flow.name),
    *(Flow(name, "data-portal", (), ()) for name in ("answer_query", "send_command", "cast_vote", "retry_execution")),
    Flow("decide_approval", "central-governance", (), (), scenario="accounts"),
    Flow("manage_data_lake_settings", "central-governance", (), ()),
    Flow("manage_data_lake_settings", "data-domain", (), ()),
    Flow("manage_lf_tags", "central-governance", (), ()),
)

by_workflow = pytest.mark.parametrize("flow", WORKFLOWS, ids=lambda flow: flow.name)
by_function = pytest.mark.parametrize("flow", FUNCTIONS, ids=lambda flow: f"{flow.module}/{flow.name}")
by_subscription = pytest.mark.parametrize(
    "subscription", SUBSCRIPTIONS, ids=lambda each: f"{each.flow.module}/{each.rule}"
)


# --- 1. the sample is an event that the package understands


SAMPLES = {sample for flow in (*FUNCTIONS, *(each.flow for each in SUBSCRIPTIONS)) for sample in flow.samples}


@pytest.mark.parametrize("sample", sorted(SAMPLES))
def test_the_sample_parses_with_its_model(sample: str) -> None:
    envelope = Envelope.read(load(sample))

    if not sample.startswith("aws/"):
        envelope.metadata()
        assert envelope.data(EVENTS_BY_DETAIL_TYPE[envelope.detail_type])
    elif envelope.source == "aws.glue":
        CrawlerStateChange.model_validate(envelope.detail)
    else:
        change = ExecutionStatusChange.model_validate(envelope.detail)
        if change.status == "SUCCEEDED":
            LinkResult.model_validate(change.output_object)


# --- 2. the rule takes it, and not what looks alike


def matches(plan: Plan, rule: str, event: Event) -> bool:
    """Tell whether a rule in a plan takes an event."""
    return EventPattern.load(plan.values(rule)["event_pattern"]).matches_event(cast("Any", event))


@by_workflow
def test_the_rule_matches_the_event_and_no_sibling(flow: Flow) -> None:
    rule = f"module.{flow.name}.module.trigger.aws_cloudwatch_event_rule.this"

    assert flow.samples
    assert all(matches(flow.plan, rule, load(sample)) for sample in flow.samples)
    assert not [sibling["detail-type"] for sibling in flow.siblings if matches(flow.plan, rule, sibling)]


@by_workflow
def test_the_rule_takes_from_people_what_it_takes_from_domains(flow: Flow) -> None:
    # GIVEN what domains say to the flow, as if the API had said it for a person
    rule = f"module.{flow.name}.module.trigger.aws_cloudwatch_event_rule.this"
    said = {name for name in flow.samples if load(name)["source"] == DOMAIN_SOURCE}
    as_people = {name: matches(flow.plan, rule, by_a_person(name)) for name in said}

    # THEN the rule takes just those that a person may send
    may = {name: CENTRAL_SOURCE in EVENTS_BY_DETAIL_TYPE[load(name)["detail-type"]].sources for name in said}
    assert as_people == may


@by_subscription
def test_the_subscription_matches_the_event_and_no_sibling(subscription: Subscription) -> None:
    flow = subscription.flow
    rule = f"module.{subscription.rule}.aws_cloudwatch_event_rule.this"

    assert all(matches(flow.plan, rule, load(sample)) for sample in flow.samples)
    assert not [sibling["detail-type"] for sibling in flow.siblings if matches(flow.plan, rule, sibling)]


@by_workflow
def test_the_rule_listens_where_the_event_arrives(flow: Flow) -> None:
    rule = flow.plan.values(f"module.{flow.name}.module.trigger.aws_cloudwatch_event_rule.this")
    mesh_bus = "datamesh-central" if flow.module == "central-governance" else "datamesh-domain"

    for sample in flow.samples:
        assert rule["event_bus_name"] == ("default" if sample.startswith("aws/") else mesh_bus)


# --- 3. the target is the state machine, with a role and a dead-letter queue


@by_workflow
def test_the_rule_starts_the_state_machine(flow: Flow) -> None:
    plan = flow.plan
    trigger = f"module.{flow.name}.module.trigger"

    assert "aws_sfn_state_machine.this.arn" in plan.references(trigger, "target")
    assert "local.target_arn" in plan.references(f"{trigger}.aws_cloudwatch_event_target.this", "arn")
    assert "aws_iam_role.events" in plan.references(f"{trigger}.aws_cloudwatch_event_target.this", "role_arn")
    assert "module.dead_letter_queue.arn" in plan.references(
        f"{trigger}.aws_cloudwatch_event_target.this", "dead_letter_config.0.arn"
    )
    assert actions(plan, f"{trigger}.data.aws_iam_policy_document.events[0]") == {"states:StartExecution"}


@by_subscription
def test_the_subscription_invokes_the_functions_alias(subscription: Subscription) -> None:
    flow, plan = subscription.flow, subscription.flow.plan

    assert f"module.{flow.name}_function.alias_arn" in plan.references(f"module.{subscription.rule}", "target")
    permission = plan.values(f"module.{subscription.rule}.aws_lambda_permission.this[0]")
    assert permission["principal"] == "events.amazonaws.com"
    assert permission["source_account"] == flow.account


# --- 4. the definition gets what it names, and calls the flow's function


@by_workflow
def test_the_definition_gets_exactly_its_inputs(flow: Flow) -> None:
    template = (ROOT / "modules" / flow.module / f"{flow.name}.asl.json").read_text(encoding="utf-8")
    source = (ROOT / "modules" / flow.module / f"{flow.name}.tf").read_text(encoding="utf-8")
    (call,) = re.findall(
        rf'templatefile\("\$\{{path.module\}}/{flow.name}.asl.json", \{{\n(.*?)\n  \}}\)', source, re.DOTALL
    )
    supplied = set(re.findall(r"^\s*(\w+)\s*=", call, re.MULTILINE))

    assert supplied == set(TEMPLATE_INPUTS)
    assert template_inputs(template) <= supplied
    assert supplied - template_inputs(template) <= ({"event_bus_arn"} if not publishes(flow) else set())


@by_workflow
def test_the_state_machine_calls_the_flows_function(flow: Flow) -> None:
    plan = flow.plan
    function = f"module.{flow.name}_function.alias_arn"

    assert function in plan.references(f"module.{flow.name}", "definition")
    assert plan.references(f"module.{flow.name}", "function_arns") >= {function}
    called = {
        state["Arguments"]["FunctionName"]
        for state in tasks(definition(flow)).values()
        if ":lambda:invoke" in state["Resource"]
    }
    assert called == {TEMPLATE_INPUTS["function_arn"]}


def definition(flow: Flow) -> Mapping[str, Any]:
    """Return the rendered definition of a flow."""
    return render(ROOT / "modules" / flow.module / f"{flow.name}.asl.json")


def publishes(flow: Flow) -> bool:
    """Tell whether the state machine puts events on the bus."""
    return any(state["Resource"].endswith(":events:putEvents") for state in tasks(definition(flow)).values())


# --- 5. the function is there and is told what it wants to know


@by_function
def test_the_handler_is_a_function_of_the_package(flow: Flow) -> None:
    handler = function_of(flow)["handler"]
    module, _, name = handler.rpartition(".")

    assert module == f"datamesh.handlers.{flow.name}"
    assert callable(getattr(importlib.import_module(module), name))


@by_function
def test_the_environment_is_what_the_settings_read(flow: Flow) -> None:
    assert set(function_of(flow)["environment"][0]["variables"]) == variable_names(SETTINGS[flow.name])


def function_address(flow: Flow) -> str:
    """Return the address of the module call that is the flow's function."""
    if flow.name == "manage_data_lake_settings":
        return "module.lake_formation_settings.module.function"
    return f"module.{flow.name}_function"


def function_of(flow: Flow) -> dict[str, Any]:
    """Return the planned function of a flow."""
    return flow.plan.values(f"{function_address(flow)}.aws_lambda_function.this")


# --- 6. errors have names that exist


@by_workflow
def test_the_errors_that_are_caught_exist(flow: Flow) -> None:
    own = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}

    assert error_names(definition(flow)) <= own | AWS_ERRORS


# --- 7. what the code asks of AWS is what the roles allow, no more and no less

# Whoever grants or revokes on a table must see it, by IAM as well:
# https://docs.aws.amazon.com/lake-formation/latest/dg/required-permissions-for-grant.html
REVOKING_BY_NAME = {"deregister_data_product", "revoke_access", "unlink_data_product"}
# A dry run takes the flow's own logic and touches nothing of it that changes something.
ONLY_READING = {"answer_query"}
READS = re.compile(r"\w+:(Get|List|Query|Search)\w*")
# What the building blocks give to every function and every state machine.
OF_EVERY_FUNCTION = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
OF_EVERY_WORKFLOW = re.compile(r"(logs|xray):\w+")
# https://docs.aws.amazon.com/step-functions/latest/dg/integrate-optimized.html
INTEGRATIONS = {"lambda:invoke": "lambda:InvokeFunction", "events:putEvents": "events:PutEvents"}


def actions(plan: Plan, address: str) -> set[str]:
    """Return the actions that a policy document allows."""
    return set(_actions(plan.values(address)))


def _actions(document: Mapping[str, Any]) -> Iterator[str]:
    for statement in document["statement"]:
        assert statement.get("effect") in (None, "Allow")
        yield from statement["actions"]


@by_function
def test_the_function_may_do_what_its_code_does_and_nothing_else(flow: Flow) -> None:
    needed = function_actions(flow.name)
    if flow.name in ONLY_READING:
        needed = {action for action in needed if READS.fullmatch(action)}
    needed |= OF_EVERY_FUNCTION
    if flow.grants_across_accounts:
        needed |= CROSS_ACCOUNT_GRANT
    if flow.name in REVOKING_BY_NAME:
        needed |= {"glue:GetTable"}
    if f"{function_address(flow)}.aws_lambda_function_event_invoke_config.live[0]" in flow.plan.resources:
        needed |= {"sqs:SendMessage"}

    allowed = actions(flow.plan, f"{function_address(flow)}.data.aws_iam_policy_document.this")

    assert needed - allowed == set(), "the code calls these, and the role does not allow them"
    assert allowed - needed == set(), "the role allows these, and the code does not call them"


@by_workflow
def test_the_state_machine_may_do_what_its_definition_does_and_nothing_else(flow: Flow) -> None:
    used = {
        INTEGRATIONS[state["Resource"].partition(":states:::")[2].removesuffix(".waitForTaskToken")]
        for state in tasks(definition(flow)).values()
    }

    allowed = actions(flow.plan, f"module.{flow.name}.data.aws_iam_policy_document.workflow")

    assert {action for action in allowed if not OF_EVERY_WORKFLOW.fullmatch(action)} == used


# --- the same noun in every column


@by_workflow
def test_the_flow_has_one_name_everywhere(flow: Flow) -> None:
    for path in (
        f"modules/{flow.module}/{flow.name}.tf",
        f"modules/{flow.module}/{flow.name}.asl.json",
        f"lambda_src/datamesh/handlers/{flow.name}.py",
        f"lambda_src/datamesh/logic/{flow.name}.py",
    ):
        assert (ROOT / path).is_file(), path
    side = "central" if flow.module == "central-governance" else "domain"
    assert function_of(flow)["function_name"] == f"datamesh-{side}-{flow.name.replace('_', '-')}"


@by_workflow
def test_the_readme_has_a_row_with_links_that_lead_somewhere(flow: Flow) -> None:
    (row,) = [
        line
        for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and f"/{flow.name}.asl.json" in line
    ]
    links = re.findall(r"\]\(([^)]+)\)", row)

    assert [link for link in links if not (ROOT / link).exists()] == []
    assert any(f"tests/events/{sample}.json" in links for sample in flow.samples)
