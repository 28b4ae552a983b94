"""What EventBridge refuses when rules, targets and policies are written."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.events.world import CENTRAL, SALES, World, allow, bus_arn, policy, queue_arn, role_arn


def refused(code: str, call: Any, /, **parameters: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**parameters)
    assert error.value.response["Error"]["Code"] == code, error.value
    return str(error.value.response["Error"]["Message"])


@pytest.fixture
def ruled(world: World) -> World:
    """A rule on central's default bus."""
    world.rule(CENTRAL, "default", "rule")
    return world


def put_targets(world: World, *targets: dict[str, Any]) -> dict[str, Any]:
    return {"Rule": "rule", "Targets": [{"Id": str(number)} | target for number, target in enumerate(targets)]}


class TestTargets:
    def test_five_targets_and_no_more(self, ruled: World) -> None:
        events = ruled.client("events", CENTRAL)
        queues = [{"Arn": queue_arn(CENTRAL, f"q{number}")} for number in range(6)]
        refused("LimitExceededException", events.put_targets, **put_targets(ruled, *queues))
        events.put_targets(**put_targets(ruled, *queues[:5]))
        events.put_targets(**put_targets(ruled, queues[5]))
        sixth = {"Rule": "rule", "Targets": [{"Id": "sixth", "Arn": queue_arn(CENTRAL, "q6")}]}
        refused("LimitExceededException", events.put_targets, **sixth)

    @pytest.mark.parametrize(
        "arn",
        [
            bus_arn(SALES, "domain"),
            bus_arn(CENTRAL, "other"),
            f"arn:aws:states:eu-west-1:{CENTRAL}:stateMachine:m",
            f"arn:aws:events:eu-west-1:{CENTRAL}:api-destination/hook/1",
        ],
        ids=["bus of another account", "own bus", "state machine", "API destination"],
    )
    def test_these_need_a_role(self, ruled: World, arn: str) -> None:
        message = refused(
            "ValidationException", ruled.client("events", CENTRAL).put_targets, **put_targets(ruled, {"Arn": arn})
        )
        assert message == f"RoleArn is required for target {arn}."

    def test_the_role_must_be_passed(self, ruled: World) -> None:
        machine = f"arn:aws:states:eu-west-1:{CENTRAL}:stateMachine:m"
        role = ruled.role(CENTRAL, "start")
        root = f"arn:aws:iam::{CENTRAL}:root"
        passing = {"StringEquals": {"iam:PassedToService": "events.amazonaws.com"}}
        ruled.role(CENTRAL, "engineer", allow("events:*", "*"), trusts=root)
        ruled.role(CENTRAL, "lead", allow("events:*", "*"), allow("iam:PassRole", role, Condition=passing), trusts=root)
        call = put_targets(ruled, {"Arn": machine, "RoleArn": role})
        message = refused("AccessDeniedException", ruled.as_role("events", CENTRAL, "engineer").put_targets, **call)
        assert "is not authorized to perform: iam:PassRole on resource" in message
        ruled.as_role("events", CENTRAL, "lead").put_targets(**call)

    def test_a_role_of_another_account_cannot_be_passed(self, ruled: World) -> None:
        machine = f"arn:aws:states:eu-west-1:{CENTRAL}:stateMachine:m"
        call = put_targets(ruled, {"Arn": machine, "RoleArn": role_arn(SALES, "start")})
        refused("ValidationException", ruled.client("events", CENTRAL).put_targets, **call)

    def test_the_other_accounts_bus_must_be_open(self, ruled: World) -> None:
        events = ruled.client("events", CENTRAL)
        role = ruled.role(CENTRAL, "forward", allow("events:PutEvents", "*"))
        call = put_targets(ruled, {"Arn": bus_arn(SALES, "domain"), "RoleArn": role})
        ruled.bus(SALES, "domain")
        refused("AccessDeniedException", events.put_targets, **call)
        ruled.bus_policy(SALES, "domain", {"Principal": {"AWS": f"arn:aws:iam::{SALES}:root"}})
        refused("AccessDeniedException", events.put_targets, **call)
        # Conditions on the event do not count: there is none yet.
        condition = {"StringEquals": {"events:source": "x"}, "ArnEquals": {"aws:PrincipalArn": role}}
        ruled.bus_policy(SALES, "domain", {"Principal": "*", "Condition": condition})
        events.put_targets(**call)

    def test_one_shape_of_input_only(self, ruled: World) -> None:
        target = {"Arn": queue_arn(CENTRAL, "q"), "Input": "{}", "InputPath": "$.detail"}
        refused("ValidationException", ruled.client("events", CENTRAL).put_targets, **put_targets(ruled, target))

    def test_a_target_that_cannot_be_reached_here_is_refused(self, ruled: World) -> None:
        target = {"Arn": f"arn:aws:kinesis:eu-west-1:{CENTRAL}:stream/s"}
        refused("ValidationException", ruled.client("events", CENTRAL).put_targets, **put_targets(ruled, target))

    def test_a_dead_letter_queue_is_a_standard_queue(self, ruled: World) -> None:
        target = {"Arn": queue_arn(CENTRAL, "q"), "DeadLetterConfig": {"Arn": queue_arn(CENTRAL, "q.fifo")}}
        refused("ValidationException", ruled.client("events", CENTRAL).put_targets, **put_targets(ruled, target))

    @pytest.mark.parametrize(
        ("call", "parameters"),
        [
            ("put_targets", {"Rule": "none", "Targets": [{"Id": "1", "Arn": queue_arn(CENTRAL, "q")}]}),
            ("remove_targets", {"Rule": "none", "Ids": ["1"]}),
            ("list_targets_by_rule", {"Rule": "none"}),
            ("enable_rule", {"Name": "none"}),
            ("disable_rule", {"Name": "none"}),
            ("describe_rule", {"Name": "none"}),
        ],
    )
    def test_a_rule_that_does_not_exist(self, world: World, call: str, parameters: dict[str, Any]) -> None:
        refused("ResourceNotFoundException", getattr(world.client("events", CENTRAL), call), **parameters)


class TestRules:
    def test_three_hundred_a_bus_and_no_more(self, world: World) -> None:
        world.bus(CENTRAL, "mesh")
        for number in range(300):
            world.rule(CENTRAL, "mesh", f"rule-{number}")
        put = world.client("events", CENTRAL).put_rule
        pattern = json.dumps({"source": ["shop"]})
        refused("LimitExceededException", put, Name="one-more", EventBusName="mesh", EventPattern=pattern)
        put(Name="rule-7", EventBusName="mesh", EventPattern=pattern)
        world.rule(CENTRAL, "default", "elsewhere")

    def test_a_pattern_or_a_schedule(self, world: World) -> None:
        refused("ValidationException", world.client("events", CENTRAL).put_rule, Name="empty")

    def test_a_pattern_of_2048_characters(self, world: World) -> None:
        pattern = json.dumps({"source": ["x" * 2_048]})
        refused("LimitExceededException", world.client("events", CENTRAL).put_rule, Name="long", EventPattern=pattern)

    def test_a_bad_pattern(self, world: World) -> None:
        pattern = json.dumps({"source": "shop"})
        put = world.client("events", CENTRAL).put_rule
        refused("InvalidEventPatternException", put, Name="bad", EventPattern=pattern)

    def test_a_rule_without_role_needs_no_pass_role(self, world: World) -> None:
        world.role(CENTRAL, "engineer", allow("events:*", "*"), trusts=f"arn:aws:iam::{CENTRAL}:root")
        engineer = world.as_role("events", CENTRAL, "engineer")
        pattern = json.dumps({"source": ["shop"]})
        engineer.put_rule(Name="plain", EventPattern=pattern)
        role = role_arn(CENTRAL, "any")
        refused("AccessDeniedException", engineer.put_rule, Name="with-role", EventPattern=pattern, RoleArn=role)

    def test_a_rule_with_targets_stays(self, ruled: World) -> None:
        ruled.target(CENTRAL, "default", "rule", queue_arn(CENTRAL, "q"))
        events = ruled.client("events", CENTRAL)
        refused("ValidationException", events.delete_rule, Name="rule")
        events.remove_targets(Rule="rule", Ids=["target"])
        events.delete_rule(Name="rule")

    def test_a_disabled_rule_takes_nothing(self, ruled: World) -> None:
        ruled.target(CENTRAL, "default", "rule", queue_arn(CENTRAL, "q"))
        ruled.client("events", CENTRAL).disable_rule(Name="rule")
        ruled.put(CENTRAL, "default")
        assert [entry["outcome"] for entry in ruled.deliveries()] == ["unmatched"]

    def test_a_bus_named_by_its_arn(self, world: World) -> None:
        arn = world.bus(CENTRAL, "mesh")
        world.rule(CENTRAL, arn, "named")
        assert (
            world.client("events", CENTRAL).describe_rule(Name="named", EventBusName="mesh")["EventBusName"] == "mesh"
        )

    def test_iam_is_asked_for_the_rule(self, world: World) -> None:
        allowed = allow("events:PutRule", f"arn:aws:events:eu-west-1:{CENTRAL}:rule/mesh/mine-*")
        world.role(CENTRAL, "engineer", allowed, trusts=f"arn:aws:iam::{CENTRAL}:root")
        world.bus(CENTRAL, "mesh")
        put = world.as_role("events", CENTRAL, "engineer").put_rule
        pattern = json.dumps({"source": ["shop"]})
        put(Name="mine-1", EventBusName="mesh", EventPattern=pattern)
        refused("AccessDeniedException", put, Name="yours-1", EventBusName="mesh", EventPattern=pattern)
        refused("AccessDeniedException", put, Name="mine-1", EventPattern=pattern)


class TestPolicies:
    def test_a_policy_comes_back_as_it_was_sent(self, world: World) -> None:
        statement = {
            "Sid": "Members",
            "Effect": "Allow",
            "Principal": "*",
            "Action": "events:PutEvents",
            "Resource": bus_arn(CENTRAL, "mesh"),
            "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-datamesh01", "events:source": ["a", "b"]}},
        }
        world.bus(CENTRAL, "mesh", statement)
        found = world.client("events", CENTRAL).describe_event_bus(Name="mesh")["Policy"]
        assert json.loads(found) == {"Version": "2012-10-17", "Statement": [statement]}

    def test_10240_characters_and_no_more(self, world: World) -> None:
        world.bus(CENTRAL, "mesh")
        put = world.client("events", CENTRAL).put_permission
        resource = bus_arn(CENTRAL, "mesh")

        def document(count: int) -> str:
            return policy(
                *(
                    allow("events:PutEvents", resource, Sid=f"Account{n}", Principal={"AWS": f"{n:012}"})
                    for n in range(count)
                )
            )

        put(EventBusName="mesh", Policy=document(60))
        refused("PolicyLengthExceededException", put, EventBusName="mesh", Policy=document(80))

    def test_single_statements_are_added_and_removed(self, world: World) -> None:
        world.bus(CENTRAL, "mesh")
        events = world.client("events", CENTRAL)
        condition = {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-datamesh01"}
        common = {"EventBusName": "mesh", "Action": "events:PutEvents"}
        events.put_permission(**common, StatementId="one", Principal=SALES)
        events.put_permission(**common, StatementId="all", Principal="*", Condition=condition)
        statements = json.loads(events.describe_event_bus(Name="mesh")["Policy"])["Statement"]
        assert [one["Principal"] for one in statements] == [{"AWS": f"arn:aws:iam::{SALES}:root"}, "*"]
        assert statements[1]["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-datamesh01"}}
        events.remove_permission(EventBusName="mesh", StatementId="one")
        statements = json.loads(events.describe_event_bus(Name="mesh")["Policy"])["Statement"]
        assert [one["Sid"] for one in statements] == ["all"]

    @pytest.mark.parametrize("text", ["no json", "[]", "{}"])
    def test_no_policy_at_all(self, world: World, text: str) -> None:
        put = world.client("events", CENTRAL).put_permission
        refused("ValidationException", put, EventBusName="default", Policy=text)

    def test_a_bus_that_does_not_exist(self, world: World) -> None:
        put = world.client("events", CENTRAL).put_permission
        refused("ResourceNotFoundException", put, EventBusName="none", Policy=policy(allow("events:PutEvents", "*")))


class TestBuses:
    def test_a_bus_with_rules_stays(self, world: World) -> None:
        world.bus(CENTRAL, "mesh")
        world.rule(CENTRAL, "mesh", "rule")
        delete = world.client("events", CENTRAL).delete_event_bus
        refused("ValidationException", delete, Name="mesh")
        world.client("events", CENTRAL).delete_rule(Name="rule", EventBusName="mesh")
        delete(Name="mesh")

    def test_a_hundred_buses_and_no_more(self, world: World) -> None:
        for number in range(99):
            world.bus(CENTRAL, f"bus-{number}")
        refused("LimitExceededException", world.client("events", CENTRAL).create_event_bus, Name="one-more")
