"""Three accounts with buses, rules, roles and queues, built by the tests through the public APIs only."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.client import Sandbox

REGION = "eu-west-1"
CENTRAL = "111111111111"
SALES = "222222222222"
MARKETING = "333333333333"
OUTSIDER = "999999999999"
ORGANIZATION = "o-datamesh01"


def bus_arn(account: str, name: str) -> str:
    return f"arn:aws:events:{REGION}:{account}:event-bus/{name}"


def queue_arn(account: str, name: str) -> str:
    return f"arn:aws:sqs:{REGION}:{account}:{name}"


def role_arn(account: str, name: str) -> str:
    return f"arn:aws:iam::{account}:role/{name}"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str | list[str], resource: str, **extra: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **extra}


def eventually(question: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Ask until the answer is truthy; fails naming what never came."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.02)
    return answer


@dataclass
class World:
    """What the tests say about a sandbox."""

    sandbox: Sandbox
    _clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, service: str, account: str) -> Any:
        """A boto3 client of the account's root."""
        if (service, account) not in self._clients:
            self._clients[service, account] = self.sandbox.client(service, account=account)
        return self._clients[service, account]

    def as_role(self, service: str, account: str, name: str) -> Any:
        """A boto3 client of a session of this role."""
        return self.sandbox.client(service, role_arn=role_arn(account, name))

    # --- building -----------------------------------------------------------------------------------------------------

    def bus(self, account: str, name: str, *statements: dict[str, Any]) -> str:
        """A bus, with a policy when statements are given (their resource is the bus)."""
        events = self.client("events", account)
        arn: str = events.create_event_bus(Name=name)["EventBusArn"]
        if statements:
            self.bus_policy(account, name, *statements)
        return arn

    def bus_policy(self, account: str, name: str, *statements: dict[str, Any]) -> None:
        """Replace the bus's policy."""
        filled = [
            {"Effect": "Allow", "Action": "events:PutEvents", "Resource": bus_arn(account, name)} | one
            for one in statements
        ]
        self.client("events", account).put_permission(EventBusName=name, Policy=policy(*filled))

    def role(
        self,
        account: str,
        name: str,
        *statements: dict[str, Any],
        trusts: str = "events.amazonaws.com",
        **condition: Any,
    ) -> str:
        """A role that a service, or an account's root given as ARN, may assume; with these statements as its policy."""
        principal = {"AWS": trusts} if trusts.startswith("arn:") else {"Service": trusts}
        trust = allow("sts:AssumeRole", "*", Principal=principal, **condition)
        del trust["Resource"]
        iam = self.client("iam", account)
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy(trust))
        if statements:
            iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=policy(*statements))
        return role_arn(account, name)

    def rule(self, account: str, bus: str, name: str, pattern: dict[str, Any] | None = None, **more: Any) -> str:
        """A rule; its pattern takes everything of source `shop` unless given."""
        if "ScheduleExpression" not in more:
            more["EventPattern"] = json.dumps(pattern or {"source": ["shop"]})
        found = self.client("events", account).put_rule(Name=name, EventBusName=bus, **more)
        return str(found["RuleArn"])

    def target(self, account: str, bus: str, rule: str, arn: str, **more: Any) -> None:
        """One target of a rule."""
        self.client("events", account).put_targets(
            Rule=rule, EventBusName=bus, Targets=[{"Id": "target", "Arn": arn, **more}]
        )

    def queue(self, account: str, name: str, *rules: str, **attributes: str) -> str:
        """A queue that EventBridge may write to for these rules."""
        arn = queue_arn(account, name)
        if rules:
            attributes["Policy"] = policy(
                allow(
                    "sqs:SendMessage",
                    arn,
                    Principal={"Service": "events.amazonaws.com"},
                    Condition={"ArnEquals": {"aws:SourceArn": list(rules)}},
                )
            )
        self.client("sqs", account).create_queue(QueueName=name, Attributes=attributes)
        return arn

    # --- looking ------------------------------------------------------------------------------------------------------

    def put(self, account: str, bus: str, detail: dict[str, Any] | None = None, **more: Any) -> str:
        """Put one event of source `shop`; returns its id."""
        entry = {"Source": "shop", "DetailType": "Sold", "Detail": json.dumps(detail or {"n": 1}), "EventBusName": bus}
        answer = self.client("events", account).put_events(Entries=[entry | more])
        assert answer["FailedEntryCount"] == 0, answer
        return str(answer["Entries"][0]["EventId"])

    def messages(self, arn: str) -> list[dict[str, Any]]:
        """What waits in a queue, taken out of it."""
        account, name = arn.split(":")[4], arn.split(":")[5]
        sqs = self.client("sqs", account)
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        taken: list[dict[str, Any]] = []
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get(
            "Messages"
        ):
            taken += found
            for message in found:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return taken

    def received(self, arn: str, count: int = 1) -> list[dict[str, Any]]:
        """The bodies of `count` messages, waiting until they are there."""
        taken: list[dict[str, Any]] = []

        def enough() -> bool:
            taken.extend(json.loads(message["Body"]) for message in self.messages(arn))
            return len(taken) >= count

        eventually(enough, f"{count} messages in {arn}")
        return taken

    def settle(self) -> None:
        """Wait until no delivery is under way."""
        eventually(lambda: self.control("POST", "events", {"settle": 10})["settled"], "the end of all deliveries")

    def deliveries(self, **equal_to: str) -> list[dict[str, Any]]:
        """The trace, after everything has been delivered."""
        self.settle()
        found = self.control("GET", "events")["deliveries"]
        return [entry for entry in found if all(entry[key] == value for key, value in equal_to.items())]

    def metric(self, name: str, rule: str) -> int:
        """The sum of a metric of a rule."""
        rows = self.control("GET", "events")["metrics"]
        return sum(row["value"] for row in rows if row["metric"] == name and row["rule"] == rule)

    def control(self, method: str, name: str, body: dict[str, Any] | None = None) -> Any:
        """Call the sandbox's control endpoint."""
        request = urllib.request.Request(  # noqa: S310
            f"{self.sandbox.url}/_sandbox/{name}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"{}")
