"""From bus to bus across accounts, and every way in which the road can be closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.events.world import (
    CENTRAL,
    MARKETING,
    ORGANIZATION,
    OUTSIDER,
    SALES,
    World,
    allow,
    bus_arn,
    policy,
    queue_arn,
    role_arn,
)

ARRIVED = queue_arn(CENTRAL, "arrived")
LETTERS = queue_arn(SALES, "forward-dlq")


def attributes(message: dict[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}


def dead_letter(world: World) -> dict[str, str]:
    world.settle()
    (message,) = world.messages(LETTERS)
    return attributes(message)


def test_an_event_crosses_with_its_sender_on_it(road: World) -> None:
    event_id = road.put(SALES, "domain", {"n": 7})
    (event,) = road.received(ARRIVED)
    assert (event["id"], event["account"], event["detail"]) == (event_id, SALES, {"n": 7})
    assert [(entry["bus"], entry["target_arn"], entry["outcome"]) for entry in road.deliveries()] == [
        (bus_arn(SALES, "domain"), bus_arn(CENTRAL, "central"), "delivered"),
        (bus_arn(CENTRAL, "central"), ARRIVED, "delivered"),
    ]


def test_domain_to_central_to_domain_takes_a_new_event(road: World) -> None:
    """Central publishes an event of its own for marketing: the road on which the mesh answers."""
    road.bus(
        MARKETING,
        "domain",
        {
            "Principal": {"AWS": f"arn:aws:iam::{CENTRAL}:root"},
            "Condition": {
                "StringEquals": {"events:source": "office"},
                "ArnEquals": {"aws:PrincipalArn": role_arn(CENTRAL, "to-domains")},
            },
        },
    )
    routing = road.rule(
        CENTRAL,
        "central",
        "to-marketing",
        {"source": ["office"], "detail": {"metadata": {"target_account": [MARKETING]}}},
    )
    role = road.role(
        CENTRAL,
        "to-domains",
        allow("events:PutEvents", bus_arn("*", "domain")),
        Condition={"StringEquals": {"aws:SourceAccount": CENTRAL}, "ArnLike": {"aws:SourceArn": routing}},
    )
    road.target(CENTRAL, "central", "to-marketing", bus_arn(MARKETING, "domain"), RoleArn=role)
    arrived = road.rule(MARKETING, "domain", "arrived", {"source": ["office"], "account": [CENTRAL]})
    queue = road.queue(MARKETING, "arrived", arrived)
    road.target(MARKETING, "domain", "arrived", queue)

    road.put(SALES, "domain")
    road.received(ARRIVED)
    detail = {"metadata": {"target_account": MARKETING}}
    event_id = road.put(CENTRAL, "central", detail, Source="office")
    (event,) = road.received(queue)
    assert (event["id"], event["account"], event["detail"]) == (event_id, CENTRAL, detail)


def test_an_event_for_another_domain_is_not_routed(road: World) -> None:
    road.rule(
        CENTRAL, "central", "to-x", {"source": ["office"], "detail": {"metadata": {"target_account": [OUTSIDER]}}}
    )
    road.put(CENTRAL, "central", {"metadata": {"target_account": MARKETING}}, Source="office")
    assert [entry["outcome"] for entry in road.deliveries()] == ["unmatched"]


def _without_bus_policy(world: World) -> None:
    world.client("events", CENTRAL).remove_permission(EventBusName="central", RemoveAllPermissions=True)


def _bus_wants_other_source(world: World) -> None:
    world.bus_policy(CENTRAL, "central", {"Principal": "*", "Condition": {"StringEquals": {"events:source": "x"}}})


def _bus_wants_other_detail_type(world: World) -> None:
    condition = {"StringEquals": {"events:detail-type": "Bought"}}
    world.bus_policy(CENTRAL, "central", {"Principal": "*", "Condition": condition})


def _bus_wants_other_organization(world: World) -> None:
    world.bus_policy(
        CENTRAL, "central", {"Principal": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-other00001"}}}
    )


def _bus_wants_other_role(world: World) -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": role_arn(SALES, "another")}}
    world.bus_policy(CENTRAL, "central", {"Principal": "*", "Condition": condition})


def _bus_wants_other_rule(world: World) -> None:
    condition = {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:eu-west-1:{SALES}:rule/domain/another"}}
    world.bus_policy(CENTRAL, "central", {"Principal": "*", "Condition": condition})


def _bus_names_other_account(world: World) -> None:
    world.bus_policy(CENTRAL, "central", {"Principal": {"AWS": f"arn:aws:iam::{MARKETING}:root"}})


def _role_without_action(world: World) -> None:
    world.client("iam", SALES).delete_role_policy(RoleName="forward", PolicyName="all")


def _role_for_other_bus(world: World) -> None:
    world.client("iam", SALES).put_role_policy(
        RoleName="forward",
        PolicyName="all",
        PolicyDocument=policy(allow("events:PutEvents", bus_arn(CENTRAL, "another"))),
    )


@pytest.mark.parametrize(
    "close",
    [
        _without_bus_policy,
        _bus_wants_other_source,
        _bus_wants_other_detail_type,
        _bus_wants_other_organization,
        _bus_wants_other_role,
        _bus_wants_other_rule,
        _bus_names_other_account,
        _role_without_action,
        _role_for_other_bus,
    ],
)
def test_a_missing_permission_goes_to_the_dead_letters_at_once(road: World, close: Callable[[World], None]) -> None:
    close(road)
    road.put(SALES, "domain")
    letter = dead_letter(road)
    assert letter["ERROR_CODE"] == "NO_PERMISSIONS"
    assert "events:PutEvents" in letter["ERROR_MESSAGE"]
    assert "RETRY_ATTEMPTS" not in letter
    assert road.messages(ARRIVED) == []


def _untrusted(world: World) -> dict[str, Any]:
    return {"Principal": {"Service": "states.amazonaws.com"}}


def _trusts_other_rule(world: World) -> dict[str, Any]:
    arn = f"arn:aws:events:eu-west-1:{SALES}:rule/domain/another"
    return {"Principal": {"Service": "events.amazonaws.com"}, "Condition": {"ArnEquals": {"aws:SourceArn": arn}}}


def _trusts_other_account(world: World) -> dict[str, Any]:
    condition = {"StringEquals": {"aws:SourceAccount": MARKETING}}
    return {"Principal": {"Service": "events.amazonaws.com"}, "Condition": condition}


@pytest.mark.parametrize("trust", [_untrusted, _trusts_other_rule, _trusts_other_account])
def test_a_role_that_eventbridge_may_not_assume(road: World, trust: Callable[[World], dict[str, Any]]) -> None:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole"} | trust(road)
    road.client("iam", SALES).update_assume_role_policy(RoleName="forward", PolicyDocument=policy(statement))
    road.put(SALES, "domain")
    assert dead_letter(road)["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"


def test_a_deleted_role(road: World) -> None:
    iam = road.client("iam", SALES)
    iam.delete_role_policy(RoleName="forward", PolicyName="all")
    iam.delete_role(RoleName="forward")
    road.put(SALES, "domain")
    assert dead_letter(road)["ERROR_CODE"] == "FAILED_TO_ASSUME_ROLE"


def test_a_deleted_bus(road: World) -> None:
    events = road.client("events", CENTRAL)
    events.remove_targets(Rule="arrived", EventBusName="central", Ids=["target"])
    events.delete_rule(Name="arrived", EventBusName="central")
    events.delete_event_bus(Name="central")
    road.put(SALES, "domain")
    assert dead_letter(road)["ERROR_CODE"] == "NO_RESOURCE"


class TestThirdHop:
    """What came from another bus is not sent to a third one."""

    def test_not_to_a_third_account(self, road: World) -> None:
        road.bus(MARKETING, "domain", {"Principal": "*"})
        on = road.rule(CENTRAL, "central", "on", {"source": ["shop"]})
        role = road.role(CENTRAL, "on", allow("events:PutEvents", "*"))
        letters = road.queue(CENTRAL, "on-dlq", on)
        road.target(
            CENTRAL, "central", "on", bus_arn(MARKETING, "domain"), RoleArn=role, DeadLetterConfig={"Arn": letters}
        )
        road.put(SALES, "domain")
        road.settle()
        (message,) = road.messages(letters)
        assert attributes(message)["ERROR_CODE"] == "THIRD_ACCOUNT_HOP_DETECTED"
        assert road.deliveries(bus_account=MARKETING) == []

    def test_not_back_to_the_sender(self, road: World) -> None:
        road.bus(SALES, "second", {"Principal": "*"})
        road.rule(CENTRAL, "central", "back", {"source": ["shop"]})
        role = road.role(CENTRAL, "back", allow("events:PutEvents", "*"))
        road.target(CENTRAL, "central", "back", bus_arn(SALES, "second"), RoleArn=role)
        road.put(SALES, "domain")
        (entry,) = road.deliveries(rule_name="back")
        assert entry["outcome"] == "dropped"
        assert entry["error"].startswith("THIRD_ACCOUNT_HOP_DETECTED")

    def test_not_to_a_third_bus_of_one_account(self, world: World) -> None:
        role = world.role(SALES, "any", allow("events:PutEvents", "*"))
        for name in ("one", "two", "three"):
            world.bus(SALES, name)
        for name, to in (("one", "two"), ("two", "three")):
            world.rule(SALES, name, f"from-{name}")
            world.target(SALES, name, f"from-{name}", bus_arn(SALES, to), RoleArn=role)
        world.put(SALES, "one")
        assert [entry["outcome"] for entry in world.deliveries(rule_name="from-one")] == ["delivered"]
        (second,) = world.deliveries(rule_name="from-two")
        assert (second["outcome"], second["error"].split(":")[0]) == ("dropped", "THIRD_ACCOUNT_HOP_DETECTED")

    def test_a_function_queue_or_topic_is_no_hop(self, road: World) -> None:
        road.put(SALES, "domain")
        assert [entry["outcome"] for entry in road.deliveries(rule_name="arrived")] == ["delivered"]


def test_in_one_account_the_role_suffices(world: World) -> None:
    world.bus(SALES, "one")
    world.bus(SALES, "two")
    role = world.role(SALES, "any", allow("events:PutEvents", bus_arn(SALES, "two")))
    world.rule(SALES, "one", "on")
    world.target(SALES, "one", "on", bus_arn(SALES, "two"), RoleArn=role)
    world.put(SALES, "one")
    assert [entry["outcome"] for entry in world.deliveries(rule_name="on")] == ["delivered"]


def test_the_ledger_knows_what_eventbridge_was_allowed(road: World) -> None:
    road.put(SALES, "domain")
    road.received(ARRIVED)
    entries = road.control("GET", f"ledger?resource={bus_arn(CENTRAL, 'central')}&action=events:PutEvents")["entries"]
    assert {(entry["role"], entry["allowed"]) for entry in entries} == {(role_arn(SALES, "forward"), True)}


def test_a_bus_for_an_organization_only(road: World) -> None:
    """The sandbox's organization can be taken away: then the condition on it closes the road."""
    road.control("PATCH", "settings", {"organization": None})
    road.put(SALES, "domain")
    assert dead_letter(road)["ERROR_CODE"] == "NO_PERMISSIONS"
    assert (
        json.loads(road.client("events", CENTRAL).describe_event_bus(Name="central")["Policy"])["Statement"][0][
            "Condition"
        ]["StringEquals"]["aws:PrincipalOrgID"]
        == ORGANIZATION
    )
