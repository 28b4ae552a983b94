"""`make destroy` takes down what `apply` made: data is kept unless asked otherwise, nothing else is left behind."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.mesh.layout import FINANCE
from tests.sandbox.mesh.story import Story
from tests.support.applied_mesh import REGISTERED, Applied


def inventory(story: Story) -> dict[str, Any]:
    """All that a domain account holds, by kind, without what AWS itself keeps in every account."""
    client = {
        name: story.client(name, FINANCE)
        for name in ("events", "stepfunctions", "lambda", "sqs", "s3", "iam", "dynamodb", "logs", "cloudwatch", "glue")
    }
    return {
        "buses": [bus["Name"] for bus in client["events"].list_event_buses()["EventBuses"] if bus["Name"] != "default"],
        "rules": [rule["Name"] for rule in client["events"].list_rules()["Rules"]],
        "machines": [machine["name"] for machine in client["stepfunctions"].list_state_machines()["stateMachines"]],
        "functions": [function["FunctionName"] for function in client["lambda"].list_functions()["Functions"]],
        "queues": [url.rsplit("/", 1)[1] for url in client["sqs"].list_queues().get("QueueUrls", [])],
        "buckets": [bucket["Name"] for bucket in client["s3"].list_buckets()["Buckets"]],
        "roles": [role["RoleName"] for role in client["iam"].list_roles()["Roles"]],
        "tables": client["dynamodb"].list_tables()["TableNames"],
        "log_groups": [group["logGroupName"] for group in client["logs"].describe_log_groups()["logGroups"]],
        "alarms": [alarm["AlarmName"] for alarm in client["cloudwatch"].describe_alarms()["MetricAlarms"]],
        "crawlers": client["glue"].list_crawlers()["CrawlerNames"],
    }


# What the tests themselves made in the account (the readers and the listener), and what Lambda makes on its own.
NOT_OURS = (
    "lake-administrator",
    "analyst",
    "intern",
    "demo-listener",
    "finance-athena-results",
    "AWSServiceRole",
    "/aws/lambda/",
)


def left(found: dict[str, Any]) -> dict[str, list[str]]:
    """What is left of the mesh."""
    return {
        kind: ours
        for kind, names in found.items()
        if (ours := [name for name in names if not name.startswith(NOT_OURS)])
    }


@pytest.fixture
def finance(applied: Applied) -> Story:
    """A mesh whose domain finance may be destroyed; Terraform's state is put back with the snapshot."""
    applied.sandbox.restore(REGISTERED)
    return Story(applied.sandbox, applied.mesh, heard=())


def test_destroy_keeps_the_data_and_nothing_else(finance: Story, applied: Applied) -> None:
    state = applied.mesh.workspace(FINANCE)
    saved = state.run("state", "pull")
    try:
        lake = applied.mesh.lake(FINANCE)
        s3 = finance.client("s3", FINANCE)
        s3.put_object(Bucket=lake["bucket"], Key=f"{lake['prefix']}kept.csv", Body=b"a\n1\n")
        kept = state.destroy(delete_data=False)
        assert kept
        assert s3.get_object(Bucket=lake["bucket"], Key=f"{lake['prefix']}kept.csv")["Body"].read() == b"a\n1\n"
        assert set(left(inventory(finance))) == {"buckets"}
    finally:
        put_back(state, saved)


def test_destroy_with_the_data_leaves_nothing(finance: Story, applied: Applied) -> None:
    state = applied.mesh.workspace(FINANCE)
    saved = state.run("state", "pull")
    try:
        lake = applied.mesh.lake(FINANCE)
        finance.client("s3", FINANCE).put_object(Bucket=lake["bucket"], Key="products/gone.csv", Body=b"a\n1\n")
        assert state.destroy(delete_data=True) == []
        assert left(inventory(finance)) == {}
    finally:
        put_back(state, saved)


def put_back(state: Any, saved: str) -> None:
    """Make Terraform's state again what it was, as the snapshot does with the account."""
    file = state.directory / "saved.tfstate"
    file.write_text(saved)
    state.run("state", "push", "-force", str(file))
