"""Share by LF-tag in a running mesh with nothing but boto3: load, register with tags, ask for the tags, query.

Start the mesh with `make up`, then run: .venv/bin/python examples/share_by_tag.py [build/sandbox.json]
It may be run again: the second time all of it is there already, and the first query is answered as well.
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

# Central's database of what sales shares by LF-tag, which is linked under the same name by whoever is granted a tag.
TABLE = "datamesh_sales_tbac.lounges"
EXPRESSION = {"lob": ["sales"], "confidentiality": ["non-sensitive"]}
EVERYTHING = f"SELECT * FROM {TABLE} ORDER BY airport"  # noqa: S608 - a constant
HIDDEN = f"SELECT manager FROM {TABLE}"  # noqa: S608 - a constant
SECONDS = 180
DATA = b"airport,seats,manager\nJFK,120,Ada\nLGA,80,Grace\nEWR,95,Edith\n"


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


def put(mesh: dict[str, Any], account: str, command: str, data: dict[str, Any]) -> str:
    """Put a command on the domain's own bus; return the id that everything has in common that follows from it."""
    correlation_id = str(uuid.uuid4())
    metadata = {
        "schema_version": "1.0",
        "event_id": str(uuid.uuid4()),
        "correlation_id": correlation_id,
        "occurred_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
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
    return correlation_id


def wait(mesh: dict[str, Any], account: str, flow: str, event: str, correlation_id: str) -> None:
    """Wait until the workflow has succeeded that the event started, which follows from the command.

    The exit tells why a command was rejected, or what failed.
    """
    states = client(mesh, "stepfunctions", account)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        newest = states.list_executions(stateMachineArn=mesh["state_machines"][account][flow])["executions"][:20]
        for arn in (execution["executionArn"] for execution in newest):
            run = states.describe_execution(executionArn=arn)
            if correlation_id not in run["input"] or event not in run["input"] or run["status"] == "RUNNING":
                continue
            outcome = json.loads(run.get("output") or "{}")
            if run["status"] != "SUCCEEDED" or outcome.get("outcome") == "rejected":
                sys.exit(f"{flow} of {account}: {run['status']}: {outcome or run.get('cause')}")
            return
        time.sleep(0.5)
    sys.exit(f"{flow} of {account} did not end within {SECONDS} s")


def query(mesh: dict[str, Any], role_arn: str, sql: str) -> list[list[str]] | str:
    """Query as the role: the rows below the names of the columns, or why Athena refused."""
    athena = client(mesh, "athena", "marketing", role_arn)
    results = f"s3://marketing-athena-results-{mesh['accounts']['marketing']}/"
    execution = athena.start_query_execution(QueryString=sql, ResultConfiguration={"OutputLocation": results})
    while True:
        status = athena.get_query_execution(QueryExecutionId=execution["QueryExecutionId"])["QueryExecution"]["Status"]
        if status["State"] == "SUCCEEDED":
            rows = athena.get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]["Rows"]
            return [[value.get("VarCharValue", "") for value in row["Data"]] for row in rows]
        if status["State"] == "FAILED":
            return str(status["StateChangeReason"])
        time.sleep(0.2)


def product(location: str) -> dict[str, Any]:
    """Return the manifest: a table that carries an open tag, and in it a column that carries another one.

    The column is declared with its type, so that it is tagged before anybody can see the table.
    """
    return {
        "name": "lounges",
        "description": "Lounges at the airports of New York City.",
        "classification": "internal",
        "pii": False,
        "access_mode": "tbac",
        "tags": {"classification": "internal"},
        "tables": [
            {
                "name": "lounges",
                "location": location,
                "format": "csv",
                "tags": {"confidentiality": "non-sensitive"},
                "columns": [
                    {"name": "airport", "type": "string"},
                    {"name": "seats", "type": "bigint"},
                    {"name": "manager", "type": "string", "tags": {"confidentiality": "sensitive"}},
                ],
            }
        ],
    }


def main() -> None:
    """Play the story."""
    mesh = json.loads(Path(sys.argv[1] if len(sys.argv) > 1 else "build/sandbox.json").read_text())
    people = {user["name"]: user["role_arn"] for user in mesh["users"] if "role_arn" in user}
    lake = mesh["lakes"]["sales"]
    key = f"{lake['prefix']}lounges/"

    s3 = client(mesh, "s3", "sales", people["pipeline"])
    s3.put_object(Bucket=lake["bucket"], Key=f"{key}lounges.csv", Body=DATA)
    command = {"domain": "sales", "product": product(f"s3://{lake['bucket']}/{key}")}
    registration = put(mesh, "sales", "RegisterDataProduct", command)
    wait(mesh, "central", "register_data_product", "RegisterDataProduct", registration)
    # All columns are declared: nobody has to wait for the crawler.
    print("sales registered the product lounges, shared by LF-tag")
    print("before:", query(mesh, people["analyst"], EVERYTHING))

    request = put(
        mesh,
        "marketing",
        "RequestDataProductAccess",
        {
            "request_id": str(uuid.uuid4()),
            "domain": "marketing",
            "expression": EXPRESSION,
            "principals": [people["analyst"]],
            "justification": "Where can our guests wait?",
        },
    )
    wait(mesh, "central", "share_data_product", "RequestDataProductAccess", request)
    wait(mesh, "marketing", "link_data_product", "DataProductAccessGranted", request)
    print("marketing asked for whatever carries the tags", EXPRESSION)
    shown = query(mesh, people["analyst"], EVERYTHING)
    hidden = query(mesh, people["analyst"], HIDDEN)
    print("after:", shown)
    print("the hidden column:", hidden)
    if isinstance(shown, str) or "manager" in shown[0] or not isinstance(hidden, str):
        sys.exit(1)


if __name__ == "__main__":
    main()
