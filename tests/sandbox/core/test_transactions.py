"""Transactions over two tables: all or nothing, with a reason for each item.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION

Role = Callable[..., str]
REQUEST, ENTRY = {"id": {"S": "r1"}}, {"id": {"S": "e1"}}


@pytest.fixture
def tables(clean_sandbox: Sandbox) -> Any:
    """The client, with the tables `requests` (r1 is open) and `ledger`."""
    client = clean_sandbox.client("dynamodb", CENTRAL)
    for name in ("requests", "ledger"):
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    client.put_item(TableName="requests", Item={**REQUEST, "state": {"S": "open"}})
    return client


def decide(client: Any, state: str = "approved", entry: str = "e1", **more: Any) -> None:
    client.transact_write_items(
        TransactItems=[
            {
                "Update": {
                    "TableName": "requests",
                    "Key": REQUEST,
                    "UpdateExpression": "SET #s = :new",
                    "ConditionExpression": "#s = :open",
                    "ExpressionAttributeNames": {"#s": "state"},
                    "ExpressionAttributeValues": {":new": {"S": state}, ":open": {"S": "open"}},
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                }
            },
            {
                "Put": {
                    "TableName": "ledger",
                    "Item": {"id": {"S": entry}, "state": {"S": state}},
                    "ConditionExpression": "attribute_not_exists(id)",
                }
            },
        ],
        **more,
    )


def held(client: Any) -> tuple[str, list[str]]:
    request = client.get_item(TableName="requests", Key=REQUEST, ConsistentRead=True)["Item"]["state"]["S"]
    return request, sorted(item["id"]["S"] for item in client.scan(TableName="ledger")["Items"])


def reasons(client: Any, **how: Any) -> list[dict[str, Any]]:
    with pytest.raises(ClientError) as caught:
        decide(client, **how)
    assert caught.value.response["Error"]["Code"] == "TransactionCanceledException"
    found: Any = caught.value.response["CancellationReasons"]
    return list(found)


def test_both_conditions_hold_and_both_are_written(tables: Any) -> None:
    decide(tables)
    assert held(tables) == ("approved", ["e1"])


def test_the_second_condition_keeps_the_first_from_being_written(tables: Any) -> None:
    tables.put_item(TableName="ledger", Item=ENTRY)
    found = reasons(tables)
    assert [reason["Code"] for reason in found] == ["None", "ConditionalCheckFailed"]
    assert found[1]["Message"] == "The conditional request failed"
    assert held(tables) == ("open", ["e1"])


def test_a_reason_carries_the_item_when_asked_for(tables: Any) -> None:
    decide(tables)
    found = reasons(tables, state="denied", entry="e2")
    assert [reason["Code"] for reason in found] == ["ConditionalCheckFailed", "None"]
    assert found[0]["Item"] == {**REQUEST, "state": {"S": "approved"}}
    assert held(tables) == ("approved", ["e1"])


def test_a_token_makes_the_second_call_the_first(tables: Any) -> None:
    decide(tables, ClientRequestToken="once")
    decide(tables, ClientRequestToken="once")
    with pytest.raises(ClientError) as caught:
        decide(tables, state="denied", ClientRequestToken="once")
    assert caught.value.response["Error"]["Code"] == "IdempotentParameterMismatchException"


def test_of_many_at_once_one_wins(tables: Any) -> None:
    outcomes: list[str] = []

    def one(number: int) -> None:
        try:
            decide(tables, state=f"by-{number}", entry=f"e{number}")
            outcomes.append("won")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["TransactionCanceledException"] * 7 + ["won"]
    state, entries = held(tables)
    assert entries == [f"e{state.removeprefix('by-')}"]


def test_every_item_needs_its_permission_on_its_table(tables: Any, clean_sandbox: Sandbox, make_role: Role) -> None:
    requests, ledger = (f"arn:aws:dynamodb:{REGION}:{CENTRAL}:table/{name}" for name in ("requests", "ledger"))
    half = make_role("half", {"Action": ["dynamodb:UpdateItem", "dynamodb:PutItem"], "Resource": requests})
    with pytest.raises(ClientError) as caught:
        decide(clean_sandbox.client("dynamodb", role_arn=half))
    assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    assert f"dynamodb:PutItem on resource: {ledger}" in str(caught.value)
    assert held(tables) == ("open", [])
    whole = make_role(
        "whole",
        {"Action": "dynamodb:UpdateItem", "Resource": requests},
        {"Action": "dynamodb:PutItem", "Resource": ledger},
    )
    decide(clean_sandbox.client("dynamodb", role_arn=whole))
