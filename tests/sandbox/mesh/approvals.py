"""What is sensitive in the mesh, as tests say it: who asks, who is mailed, who decides, and what is left of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from sandbox.mesh import data, people
from sandbox.mesh.approver import Approver, Decision, Page
from sandbox.mesh.commands import put_command
from sandbox.mesh.layout import CENTRAL, FINANCE, MARKETING, ROOT, SALES, Account
from sandbox.mesh.listener import SeenEvent
from tests.sandbox.mesh.story import DATABASE, Story

OWNER = "owner@sales.example"
COLUMNS = ["manufacturer", "model", "seats", "year"]
BOEING = "manufacturer = 'BOEING'"
DAY = 86_400
MAKERS = f"SELECT DISTINCT manufacturer FROM {DATABASE}.registrations"
TAIL_NUMBERS = f"SELECT tailnum FROM {DATABASE}.registrations LIMIT 1"
FLEET = {"domain": SALES.domain, "name": data.PERSONAL_PRODUCT}


class Approvals:
    """Requests that people decide on, in one applied mesh."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.sandbox = story.sandbox
        self.owner = Approver(story.sandbox, OWNER)

    def fleet(self, **changes: Any) -> dict[str, Any]:
        """The product that holds personal data."""
        return data.personal_product(self.story.mesh.location(SALES)) | changes

    def request(self, **changes: Any) -> dict[str, Any]:
        """A request of marketing's analyst for some columns of some rows of it."""
        asked = {
            "product": FLEET,
            "tables": ["registrations"],
            "columns": {"registrations": COLUMNS},
            "rows": {"registrations": BOEING},
            "duration_days": 30,
        }
        return self.story.access_request(**asked | changes)

    def ask(self, **changes: Any) -> str:
        """Ask, and wait until the owner has got the mail; returns the request id."""
        request = self.request(**changes)
        self.story.put(MARKETING, "RequestDataProductAccess", request)
        request_id = str(request["request_id"])
        asked = self.told("DataProductAccessRequested", request_id)
        assert asked.data["status"] == "PENDING"
        self.owner.mail(request_id)
        return request_id

    def told(self, detail_type: str, request_id: str, receiver: Account = MARKETING) -> SeenEvent:
        """What an account is told about a request."""
        return self.story.listener.wait_for_request(detail_type, request_id, receiver=receiver.name, seconds=60)

    def link(self, request_id: str) -> str:
        """The link in the owner's newest mail about a request."""
        return self.owner.link(self.owner.mail(request_id))

    def decide(self, request_id: str, decision: Decision = "APPROVE", comment: str = "It is needed.") -> Page:
        """Decide as the owner, by the link in the mail."""
        page = self.owner.decide(self.link(request_id), decision, comment)
        assert page.status == 200, page.text
        return page

    def approve(self, request_id: str) -> None:
        """Approve as the owner, and wait until the consumer is provisioned and nothing runs any more."""
        self.decide(request_id)
        self.told("DataProductAccessProvisioned", request_id, CENTRAL)
        self.story.settle()

    def advance(self, *, days: float) -> None:
        """Move the clock."""
        self.sandbox.advance(days * DAY)

    def status(self, request_id: str) -> str:
        """What a request is."""
        return self.story.request_record(request_id).status

    def refusals(self, request_id: str) -> list[str]:
        """Why votes on a request were refused, as the ledger has it, in order."""
        return [entry.details["error"] for entry in self.story.ledger(request_id, "VoteRefused")]

    def put_as(self, account: Account, bus: Account, source: str, detail_type: str, payload: dict[str, Any]) -> str:
        """Put an event on any bus with any source as an administrator of `account`; returns the error, or nothing."""
        metadata = {
            "schema_version": "1.0",
            "event_id": str(uuid.uuid4()),
            "correlation_id": str(uuid.uuid4()),
            "causation_id": None,
            "occurred_at": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        }
        session = self.sandbox.session(role_arn=account.role_arn(people.ADMINISTRATOR))
        events: Any = session.client("events", endpoint_url=self.story.sandbox.url)
        entry = {
            "EventBusName": bus.bus_arn,
            "Source": source,
            "DetailType": detail_type,
            "Detail": json.dumps({"metadata": metadata, "data": payload}),
        }
        try:
            (answer,) = events.put_events(Entries=[entry])["Entries"]
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return str(answer.get("ErrorCode", ""))

    def govern(self, detail_type: str, payload: dict[str, Any]) -> None:
        """Put a command on central's bus as governance does: from central's account."""
        assert self.put_as(CENTRAL, CENTRAL, "datamesh.central", detail_type, payload) == ""

    def revoke(self, request_id: str, by: Account, reason: str = "It is over.") -> str:
        """Ask for the end of an access in the name of the sender's own domain; returns the correlation id."""
        command = {"request_id": request_id, "domain": by.domain, "reason": reason}
        return put_command(people.root_session(by), self.sandbox.url, by, "RevokeDataProductAccess", command)

    def audit(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `datamesh audit …` with the credentials of central's account."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "AWS_ENDPOINT_URL": self.sandbox.url,
            "AWS_ACCESS_KEY_ID": CENTRAL.id,
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": self.sandbox.region,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'lambda_src'}",
        }
        return subprocess.run(
            [sys.executable, "-m", "datamesh.cli.app", "audit", *arguments, "--output", "json"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def left(story: Story) -> dict[str, Any]:
    """All that sharing makes: permissions, links and databases, filters, shares, schedules."""
    lake_formation = story.client("lakeformation", CENTRAL)
    filters = lake_formation.get_paginator("list_data_cells_filter").paginate().build_full_result()
    shares = story.client("ram", CENTRAL).get_resource_shares(resourceOwner="SELF")["resourceShares"]
    schedules = story.client("scheduler", CENTRAL).list_schedules(GroupName="datamesh-central")["Schedules"]
    accounts = (CENTRAL, SALES, MARKETING, FINANCE)
    return {
        # DROP on a database, which lets a flow remove it when it is empty, is of the flow and not of a request.
        "permissions": {
            account.name: {row for row in story.permissions(account) if "unlink-data-product" not in row[0]}
            for account in accounts
        },
        "links": {account.name: links(story, account) for account in accounts if account.domain},
        "filters": sorted(each["Name"] for each in filters["DataCellsFilters"]),
        "shares": sorted(each["resourceShareArn"] for each in shares if each["status"] == "ACTIVE"),
        "schedules": sorted(each["Name"] for each in schedules),
    }


def links(story: Story, account: Account) -> dict[str, list[str]]:
    """The databases and tables that the mesh has made in an account's own catalog."""
    glue = story.client("glue", account)
    return {
        database["Name"]: sorted(table["Name"] for table in glue.get_tables(DatabaseName=database["Name"])["TableList"])
        for database in glue.get_databases()["DatabaseList"]
        if database["Name"].startswith("datamesh_")
    }
