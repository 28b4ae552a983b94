"""PutEvents: what it takes, what it refuses, and whose name it writes on the envelope."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.events.world import (
    CENTRAL,
    MARKETING,
    ORGANIZATION,
    OUTSIDER,
    SALES,
    World,
    allow,
    bus_arn,
    role_arn,
)

ENTRY = {"Source": "shop", "DetailType": "Sold", "Detail": "{}"}


def refused(code: str, world: World, account: str, *entries: dict[str, Any]) -> str:
    with pytest.raises(ClientError) as error:
        world.client("events", account).put_events(Entries=list(entries))
    assert error.value.response["Error"]["Code"] == code
    return str(error.value.response["Error"]["Message"])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Source": ""}, "InvalidArgument"),
        ({"DetailType": ""}, "InvalidArgument"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Source": "aws.glue"}, "NotAuthorizedForSourceException"),
        ({"Detail": "no json"}, "MalformedDetail"),
        ({"Detail": "[1]"}, "MalformedDetail"),
        ({"Detail": '"text"'}, "MalformedDetail"),
    ],
)
def test_a_bad_entry_fails_alone_and_the_call_succeeds(world: World, change: dict[str, str], code: str) -> None:
    answer = world.client("events", CENTRAL).put_events(Entries=[ENTRY | change, ENTRY])
    assert answer["FailedEntryCount"] == 1
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [code, None]
    assert "EventId" in answer["Entries"][1]


def test_a_missing_member_fails_its_entry(world: World) -> None:
    answer = world.client("events", CENTRAL).put_events(Entries=[{"Source": "shop"}])
    assert answer["Entries"] == [
        {
            "ErrorCode": "InvalidArgument",
            "ErrorMessage": "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
        }
    ]


def test_eleven_entries_are_too_many(world: World) -> None:
    message = refused("ValidationException", world, CENTRAL, *[ENTRY] * 11)
    assert "less than or equal to 10" in message


def test_a_request_over_one_mebibyte_is_too_large(world: World) -> None:
    half = ENTRY | {"Detail": json.dumps({"text": "x" * 530_000})}
    assert world.client("events", CENTRAL).put_events(Entries=[half])["FailedEntryCount"] == 0
    assert "over the limit" in refused("ValidationException", world, CENTRAL, half, half)


def test_a_bus_that_does_not_exist_swallows_the_event(world: World) -> None:
    answer = world.client("events", CENTRAL).put_events(Entries=[ENTRY | {"EventBusName": "nowhere"}])
    assert answer["FailedEntryCount"] == 0
    assert answer["Entries"][0]["EventId"]
    assert world.deliveries() == []


def test_the_envelope_names_the_sender_and_keeps_what_was_sent(world: World) -> None:
    bus = world.bus(CENTRAL, "central", {"Principal": {"AWS": f"arn:aws:iam::{SALES}:root"}})
    arrived = world.rule(CENTRAL, "central", "arrived")
    queue = world.queue(CENTRAL, "arrived", arrived)
    world.target(CENTRAL, "central", "arrived", queue)
    event_id = world.put(SALES, bus, {"account": CENTRAL}, Resources=["arn:aws:s3:::b"], Time=1_700_000_000)
    assert world.received(queue) == [
        {
            "version": "0",
            "id": event_id,
            "detail-type": "Sold",
            "source": "shop",
            "account": SALES,
            "time": "2023-11-14T22:13:20Z",
            "region": "eu-west-1",
            "resources": ["arn:aws:s3:::b"],
            "detail": {"account": CENTRAL},
        }
    ]


def test_an_event_that_no_rule_takes_is_seen_in_the_trace(world: World) -> None:
    world.put(CENTRAL, "default")
    assert [entry["outcome"] for entry in world.deliveries()] == ["unmatched"]


class TestAcrossAccounts:
    """Another account needs an identity policy and the bus's policy."""

    CONDITION = {
        "StringEquals": {
            "aws:PrincipalOrgID": ORGANIZATION,
            "events:source": "shop",
            "events:detail-type": "Sold",
        }
    }

    def test_no_policy_no_entry(self, world: World) -> None:
        arn = world.bus(CENTRAL, "central")
        message = refused("AccessDeniedException", world, SALES, ENTRY | {"EventBusName": arn})
        assert message == (
            f"User: arn:aws:iam::{SALES}:root is not authorized to perform: events:PutEvents on resource: {arn} "
            "because no resource-based policy allows the events:PutEvents action"
        )

    @pytest.mark.parametrize(
        ("account", "change"),
        [(SALES, {"Source": "other"}), (SALES, {"DetailType": "Bought"}), (OUTSIDER, {})],
        ids=["source", "detail type", "organization"],
    )
    def test_each_condition_counts(self, world: World, account: str, change: dict[str, str]) -> None:
        arn = world.bus(CENTRAL, "central", {"Principal": "*", "Condition": self.CONDITION})
        world.put(SALES, arn)
        refused("AccessDeniedException", world, account, ENTRY | {"EventBusName": arn} | change)

    def test_one_refused_entry_fails_the_whole_call(self, world: World) -> None:
        arn = world.bus(CENTRAL, "central", {"Principal": "*", "Condition": self.CONDITION})
        world.bus(SALES, "domain")
        refused(
            "AccessDeniedException",
            world,
            SALES,
            ENTRY | {"EventBusName": "domain"},
            {**ENTRY, "Source": "x", "EventBusName": arn},
        )
        assert world.deliveries() == []

    def test_a_role_needs_its_own_permission_too(self, world: World) -> None:
        arn = world.bus(CENTRAL, "central", {"Principal": "*", "Condition": self.CONDITION})
        root = f"arn:aws:iam::{SALES}:root"
        world.role(SALES, "may", allow("events:PutEvents", arn), trusts=root)
        world.role(SALES, "may-not", allow("sqs:*", "*"), trusts=root)
        entry = ENTRY | {"EventBusName": arn}
        assert world.as_role("events", SALES, "may").put_events(Entries=[entry])["FailedEntryCount"] == 0
        with pytest.raises(ClientError, match="no identity-based policy allows the events:PutEvents action"):
            world.as_role("events", SALES, "may-not").put_events(Entries=[entry])

    def test_a_policy_for_one_role_lets_no_other_in(self, world: World) -> None:
        arn = world.bus(CENTRAL, "central")
        root = f"arn:aws:iam::{SALES}:root"
        for name in ("named", "unnamed"):
            world.role(SALES, name, allow("events:PutEvents", "*"), trusts=root)
        world.bus_policy(
            CENTRAL,
            "central",
            {
                "Principal": {"AWS": root},
                "Condition": {"ArnEquals": {"aws:PrincipalArn": role_arn(SALES, "named")}},
            },
        )
        entry = ENTRY | {"EventBusName": arn}
        assert world.as_role("events", SALES, "named").put_events(Entries=[entry])["FailedEntryCount"] == 0
        with pytest.raises(ClientError, match="no resource-based policy"):
            world.as_role("events", SALES, "unnamed").put_events(Entries=[entry])

    def test_a_bus_of_another_account_that_does_not_exist_is_refused(self, world: World) -> None:
        refused("AccessDeniedException", world, SALES, ENTRY | {"EventBusName": bus_arn(MARKETING, "none")})


def test_in_the_own_account_an_identity_policy_suffices(world: World) -> None:
    arn = world.bus(CENTRAL, "central")
    root = f"arn:aws:iam::{CENTRAL}:root"
    world.role(CENTRAL, "may", allow("events:PutEvents", arn), trusts=root)
    world.role(CENTRAL, "elsewhere", allow("events:PutEvents", bus_arn(CENTRAL, "other")), trusts=root)
    entry = ENTRY | {"EventBusName": "central"}
    assert world.as_role("events", CENTRAL, "may").put_events(Entries=[entry])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="AccessDenied"):
        world.as_role("events", CENTRAL, "elsewhere").put_events(Entries=[entry])


def test_an_explicit_deny_in_the_bus_policy_wins(world: World) -> None:
    arn = world.bus(
        CENTRAL,
        "central",
        {"Effect": "Deny", "Principal": "*", "Condition": {"StringEquals": {"events:source": "shop"}}},
    )
    root = f"arn:aws:iam::{CENTRAL}:root"
    world.role(CENTRAL, "may", allow("events:PutEvents", arn), trusts=root)
    with pytest.raises(ClientError, match="explicit deny"):
        world.as_role("events", CENTRAL, "may").put_events(Entries=[ENTRY | {"EventBusName": "central"}])
