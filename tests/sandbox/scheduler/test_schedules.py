"""EventBridge Scheduler: what fires when the clock says so, with whose permission, and what Terraform reads back."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.sandbox.core.conftest import refusal
from tests.sandbox.events.world import CENTRAL, SALES, World, allow, bus_arn, eventually, role_arn

GROUP = f"arn:aws:scheduler:eu-west-1:{CENTRAL}:schedule-group/expiries"
BUS = bus_arn(CENTRAL, "approvals")
OFF = {"Mode": "OFF"}


@pytest.fixture
def office(world: World) -> World:
    """A bus with a rule into a queue, a schedule group, and a role that may put events on that bus."""
    world.bus(CENTRAL, "approvals")
    rule = world.rule(CENTRAL, "approvals", "expired", {"source": ["approvals"], "detail-type": ["Expired"]})
    world.target(CENTRAL, "approvals", "expired", world.queue(CENTRAL, "expired", rule))
    world.client("scheduler", CENTRAL).create_schedule_group(Name="expiries", Tags=[{"Key": "mesh", "Value": "yes"}])
    world.role(
        CENTRAL,
        "expire",
        allow("events:PutEvents", BUS, Condition={"StringEquals": {"events:source": "approvals"}}),
        trusts="scheduler.amazonaws.com",
        Condition={"StringEquals": {"aws:SourceArn": GROUP, "aws:SourceAccount": CENTRAL}},
    )
    return world


def at(world: World, seconds: float) -> str:
    moment = datetime.fromisoformat(world.sandbox.now()) + timedelta(seconds=seconds)
    return f"at({moment:%Y-%m-%dT%H:%M:%S})"


def schedule(world: World, expression: str, name: str = "one", client: Any = None, **more: Any) -> dict[str, Any]:
    target = {
        "Arn": BUS,
        "RoleArn": role_arn(CENTRAL, "expire"),
        "Input": json.dumps({"request": name, "at": "<aws.scheduler.scheduled-time>"}),
        "EventBridgeParameters": {"DetailType": "Expired", "Source": "approvals"},
        **more.pop("target", {}),
    }
    asked = {"Name": name, "GroupName": "expiries", "FlexibleTimeWindow": OFF, "Target": target} | more
    made: dict[str, Any] = (client or world.client("scheduler", CENTRAL)).create_schedule(
        ScheduleExpression=expression, **asked
    )
    return made


class TestOnce:
    def test_it_puts_its_event_when_the_clock_comes_there_and_is_gone(self, office: World) -> None:
        schedule(office, at(office, 86_400), ActionAfterCompletion="DELETE")
        office.sandbox.advance(86_000)
        office.settle()
        assert office.messages(office_queue()) == []
        office.sandbox.advance(401)
        (event,) = office.received(office_queue())
        assert (event["source"], event["detail-type"], event["account"]) == ("approvals", "Expired", CENTRAL)
        assert event["detail"]["request"] == "one"
        assert abs(datetime.fromisoformat(event["time"]) - datetime.fromisoformat(event["detail"]["at"])).seconds < 10
        client = office.client("scheduler", CENTRAL)
        code, _ = refusal(lambda: client.get_schedule(Name="one", GroupName="expiries"))
        assert code == "ResourceNotFoundException"
        (entry,) = office.sandbox.ledger(action="events:PutEvents", role="expire")
        assert entry["allowed"]

    def test_one_that_stays_does_not_fire_again_until_it_is_changed_or_made_anew(self, office: World) -> None:
        client = office.client("scheduler", CENTRAL)
        schedule(office, at(office, 60))
        office.sandbox.advance(61)
        office.received(office_queue())
        office.sandbox.advance(3600)
        office.settle()
        assert office.messages(office_queue()) == []
        asked = client.get_schedule(Name="one", GroupName="expiries")
        kept = {key: asked[key] for key in ("Name", "GroupName", "FlexibleTimeWindow", "Target")}
        client.update_schedule(ScheduleExpression=at(office, 60), **kept)
        office.sandbox.advance(61)
        office.received(office_queue())
        client.delete_schedule(Name="one", GroupName="expiries")
        schedule(office, at(office, 60))
        office.sandbox.advance(61)
        office.received(office_queue())

    def test_a_time_zone_counts(self, office: World) -> None:
        """Tokyo's midnight is nine hours before UTC's."""
        moment = datetime.fromisoformat(office.sandbox.now()) + timedelta(hours=9, seconds=60)
        schedule(office, f"at({moment:%Y-%m-%dT%H:%M:%S})", ScheduleExpressionTimezone="Asia/Tokyo")
        office.sandbox.advance(65)
        office.received(office_queue())

    def test_a_disabled_one_does_not_fire(self, office: World) -> None:
        schedule(office, at(office, 60), State="DISABLED")
        office.sandbox.advance(3600)
        office.settle()
        assert office.messages(office_queue()) == []

    def test_it_survives_a_snapshot(self, office: World) -> None:
        schedule(office, at(office, 3600))
        office.sandbox.snapshot("scheduled")
        office.sandbox.restore("scheduled")
        office.sandbox.advance(3601)
        office.received(office_queue())


def office_queue() -> str:
    return f"arn:aws:sqs:eu-west-1:{CENTRAL}:expired"


class TestRefusals:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/security_iam_id-based-policies.html"""

    def test_the_maker_needs_the_schedules_arn_and_to_pass_the_role(self, office: World) -> None:
        mine = f"arn:aws:scheduler:eu-west-1:{CENTRAL}:schedule/expiries/mine-*"
        office.role(CENTRAL, "maker", allow("scheduler:CreateSchedule", mine))
        maker = office.as_role("scheduler", CENTRAL, "maker")
        code, message = refusal(lambda: schedule(office, at(office, 60), "theirs", maker))
        assert code == "AccessDeniedException"
        assert "scheduler:CreateSchedule" in message
        code, message = refusal(lambda: schedule(office, at(office, 60), "mine-1", maker))
        assert code == "AccessDeniedException"
        assert "iam:PassRole" in message
        passing = allow(
            "iam:PassRole",
            role_arn(CENTRAL, "expire"),
            Condition={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
        )
        office.role(CENTRAL, "passer", allow("scheduler:CreateSchedule", mine), passing)
        schedule(office, at(office, 60), "mine-1", office.as_role("scheduler", CENTRAL, "passer"))

    @pytest.mark.parametrize(
        "expression",
        ["at(tomorrow)", "at(2026-01-01T00:00:00Z)", "rate(0 days)", "rate(1 week)", "cron(1 2 3)", "never"],
    )
    def test_an_expression_that_is_none(self, office: World, expression: str) -> None:
        code, message = refusal(lambda: schedule(office, expression))
        assert (code, message) == ("ValidationException", f"Invalid Schedule Expression {expression}.")

    def test_a_role_that_trusts_another_group(self, office: World) -> None:
        code, message = refusal(lambda: schedule(office, at(office, 60), GroupName="default"))
        assert code == "ValidationException"
        assert "must allow AWS EventBridge Scheduler to assume the role" in message

    def test_a_name_that_is_taken_and_a_group_that_is_not_there(self, office: World) -> None:
        schedule(office, at(office, 60))
        assert refusal(lambda: schedule(office, at(office, 60)))[0] == "ConflictException"
        client = office.client("scheduler", CENTRAL)
        assert refusal(lambda: client.get_schedule(Name="one"))[0] == "ResourceNotFoundException"

    def test_what_the_role_may_not_put_ends_in_the_dead_letter_queue(self, office: World) -> None:
        letters = office.queue(CENTRAL, "letters")
        iam = office.client("iam", CENTRAL)
        may = json.dumps({"Version": "2012-10-17", "Statement": [allow("sqs:SendMessage", letters)]})
        iam.put_role_policy(RoleName="expire", PolicyName="letters", PolicyDocument=may)
        bus = {"DetailType": "Expired", "Source": "somebody.else"}
        extra = {"EventBridgeParameters": bus, "DeadLetterConfig": {"Arn": letters}}
        schedule(office, at(office, 60), target=extra)
        office.sandbox.advance(61)
        (letter,) = eventually(lambda: office.messages(letters), "the dead letter")
        attributes = {key: value["StringValue"] for key, value in letter["MessageAttributes"].items()}
        assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
        assert attributes["SCHEDULE_ARN"].endswith(":schedule/expiries/one")
        assert attributes["TARGET_ARN"] == BUS
        assert json.loads(letter["Body"])["request"] == "one"

    def test_a_bus_of_another_account_asks_both(self, office: World) -> None:
        other = office.bus(SALES, "theirs")
        role = {"EventBridgeParameters": {"DetailType": "Expired", "Source": "approvals"}, "Arn": other}
        office.client("iam", CENTRAL).put_role_policy(
            RoleName="expire",
            PolicyName="theirs",
            PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow("events:PutEvents", other)]}),
        )
        schedule(office, at(office, 60), target=role)
        office.sandbox.advance(61)
        (entry,) = eventually(lambda: office.deliveries(rule_name="one"), "the refusal")
        assert (entry["outcome"], entry["error"].split(":")[0]) == ("dropped", "NO_PERMISSIONS")


def test_a_rate_starts_a_state_machine_again_and_again(office: World) -> None:
    states = office.client("stepfunctions", CENTRAL)
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = states.create_state_machine(
        name="sweep",
        definition=definition,
        roleArn=office.role(CENTRAL, "sweep", trusts="states.amazonaws.com"),
    )["stateMachineArn"]
    role = office.role(CENTRAL, "start", allow("states:StartExecution", machine), trusts="scheduler.amazonaws.com")
    office.client("scheduler", CENTRAL).create_schedule(
        Name="sweep",
        GroupName="expiries",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow=OFF,
        Target={"Arn": machine, "RoleArn": role, "Input": '{"sweep": true}'},
    )

    def executions() -> Any:
        return states.list_executions(stateMachineArn=machine)["executions"]

    office.sandbox.advance(3601)
    eventually(lambda: len(executions()) == 1, "the first execution")
    office.sandbox.advance(3601)
    eventually(lambda: len(executions()) == 2, "the second execution")
    runs = executions()
    described = states.describe_execution(executionArn=runs[0]["executionArn"])
    assert json.loads(described["input"]) == {"sweep": True}


def test_what_is_read_back_is_what_aws_shows(office: World) -> None:
    schedule(office, at(office, 60), Description="")
    client = office.client("scheduler", CENTRAL)
    shown = client.get_schedule(Name="one", GroupName="expiries")
    assert shown["ScheduleExpressionTimezone"] == "UTC"
    assert shown["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    assert client.get_schedule_group(Name="expiries")["State"] == "ACTIVE"
    assert client.list_tags_for_resource(ResourceArn=GROUP)["Tags"] == [{"Key": "mesh", "Value": "yes"}]
    assert [item["Name"] for item in client.list_schedules(GroupName="expiries")["Schedules"]] == ["one"]
    client.delete_schedule_group(Name="expiries")
    assert client.list_schedules()["Schedules"] == []
