"""Use a running mesh with nothing but boto3: register a product, be refused, ask for access, query.

Start the mesh with `make up`, then run: .venv/bin/python examples/share_a_product.py [build/sandbox.json]
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

DATABASE = "datamesh_sales"  # where the mesh links products of sales, in every account that may see one
SQL = f"SELECT min(year), min(origin) FROM {DATABASE}.weather"  # noqa: S608 - a constant


def client(mesh: dict[str, Any], service: str, account: str, role_arn: str | None = None) -> Any:
    """Return a boto3 client of an account's root user (its id is the access key), or of a role."""
    keys = {"aws_access_key_id": mesh["accounts"][account], "aws_secret_access_key": "any"}
    if role_arn:
        sts = boto3.client("sts", endpoint_url=mesh["endpoint"], region_name=mesh["region"], **keys)
        session = sts.assume_role(RoleArn=role_arn, RoleSessionName="example")["Credentials"]
        keys = {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
    return boto3.client(service, endpoint_url=mesh["endpoint"], region_name=mesh["region"], **keys)  # type: ignore[call-overload]


def put(mesh: dict[str, Any], account: str, command: str, data: dict[str, Any]) -> None:
    """Put a command on the domain's own bus. The account is the identity; what the command says of it is not."""
    metadata = {
        "schema_version": "1.0",
        "event_id": str(uuid.uuid4()),
        "correlation_id": str(uuid.uuid4()),
        "occurred_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    answer = client(mesh, "events", account).put_events(
        Entries=[
            {
                "EventBusName": mesh["buses"][account],
                "Source": "datamesh.domain",
                "DetailType": command,
                "Detail": json.dumps({"metadata": metadata, "data": data}),
            }
        ]
    )
    if answer["FailedEntryCount"]:
        sys.exit(f"{command} was not taken: {answer['Entries'][0]}")


def query(mesh: dict[str, Any], role_arn: str) -> list[str] | str:
    """Query as the role: the row, or why Athena refused."""
    athena = client(mesh, "athena", "marketing", role_arn)
    results = f"s3://marketing-athena-results-{mesh['accounts']['marketing']}/"
    execution = athena.start_query_execution(QueryString=SQL, ResultConfiguration={"OutputLocation": results})
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution["QueryExecutionId"])["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            rows = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]["Rows"]
            return [value["VarCharValue"] for value in rows[1]["Data"]]
        if status["State"] == "FAILED":
            return str(status["StateChangeReason"])
        time.sleep(0.2)


def wait(mesh: dict[str, Any], account: str, flow: str, product: str, seconds: float = 120) -> None:
    """Wait until the newest execution of a workflow that is about a product has succeeded."""
    states = client(mesh, "stepfunctions", account)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = states.list_executions(stateMachineArn=mesh["state_machines"][account][flow])["executions"]
        executions = [states.describe_execution(executionArn=each["executionArn"]) for each in found]
        # What one workflow hands to the next is JSON inside of JSON.
        executions = [each for each in executions if f'"{product}"' in each["input"].replace("\\", "")]
        if executions and executions[0]["status"] == "SUCCEEDED":
            return
        if executions and executions[0]["status"] != "RUNNING":
            sys.exit(f"{flow} of {account}: {executions[0]}")
        time.sleep(0.5)
    sys.exit(f"{flow} of {account} did not end within {seconds:.0f} s")


def main() -> None:
    """Play the story."""
    mesh = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else "build/sandbox.json").read_text())
    analyst = next(user["role_arn"] for user in mesh["users"] if user["name"] == "analyst")
    lake = mesh["lakes"]["sales"]

    print("before:", query(mesh, analyst))
    put(
        mesh,
        "sales",
        "RegisterDataProduct",
        {
            "domain": "sales",
            "product": {
                "name": "travel",
                "description": "The weather at the airports of New York City, hour by hour.",
                "classification": "public",
                "pii": False,
                "tables": [
                    {
                        "name": "weather",
                        "location": f"s3://{lake['bucket']}/{lake['prefix']}weather/",
                        "format": "csv",
                        "columns": [],
                        "partition_keys": [],
                    }
                ],
            },
        },
    )
    print("sales registered the product travel; its crawler writes the schema")
    wait(mesh, "sales", "crawl_data_product", "travel")

    put(
        mesh,
        "marketing",
        "RequestDataProductAccess",
        {
            "request_id": str(uuid.uuid4()),
            "domain": "marketing",
            "product": {"domain": "sales", "name": "travel"},
            "tables": ["weather"],
            "principals": [analyst],
            "justification": "A first look at the mesh.",
        },
    )
    print("marketing asked for its table weather")
    wait(mesh, "marketing", "link_data_product", "travel")
    answer = query(mesh, analyst)
    print("after:", answer)
    if isinstance(answer, str):
        sys.exit(1)


if __name__ == "__main__":
    main()
