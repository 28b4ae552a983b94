"""Remove the routing rules that registrations left on central's bus, so that the bus can be deleted.

    python tools/routing_rules.py --bus-arn ARN [--assume-role-arn ARN]

They are made by the workflow register_data_domain and not by Terraform, and EventBridge deletes no bus that has rules.
A domain that registers again gets its rule again.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import boto3

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient

SIDE = "-central"


def remove(events: EventBridgeClient, bus: str) -> list[str]:
    """Remove all rules `<prefix>-to-<domain>` of the bus `<prefix>-central`, and return their names.

    Rules of others stay, and with them the bus: they belong to somebody who has to know.
    """
    pages = events.get_paginator("list_rules").paginate(EventBusName=bus, NamePrefix=f"{bus.removesuffix(SIDE)}-to-")
    names = [rule["Name"] for page in pages for rule in page["Rules"]]
    for name in names:
        targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
        if targets:
            events.remove_targets(Rule=name, EventBusName=bus, Ids=[target["Id"] for target in targets])
        events.delete_rule(Name=name, EventBusName=bus)
    return names


def session(assume_role_arn: str | None) -> boto3.Session:
    """Return a session with the credentials of the environment, or of a role that they may take."""
    if assume_role_arn is None:
        return boto3.Session()
    taken: Any = boto3.client("sts").assume_role(RoleArn=assume_role_arn, RoleSessionName="datamesh-destroy")
    return boto3.Session(
        aws_access_key_id=taken["Credentials"]["AccessKeyId"],
        aws_secret_access_key=taken["Credentials"]["SecretAccessKey"],
        aws_session_token=taken["Credentials"]["SessionToken"],
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Remove the routing rules of a central bus.")
    parser.add_argument("--bus-arn", required=True)
    parser.add_argument("--assume-role-arn")
    arguments = parser.parse_args()
    region, bus = arguments.bus_arn.split(":")[3], arguments.bus_arn.rpartition("/")[2]
    for name in remove(session(arguments.assume_role_arn).client("events", region_name=region), bus):
        print(f"removed the routing rule {name}")


if __name__ == "__main__":
    main()
