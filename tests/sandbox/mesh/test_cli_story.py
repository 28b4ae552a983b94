"""The story of a shared product by the command line alone: examples/share_a_product.sh against the applied mesh."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.mesh import people
from sandbox.mesh.bring_up import describe
from sandbox.mesh.layout import FINANCE, MARKETING, PREFIX, REGION, ROOT, SALES, Account
from sandbox.mesh.people import PORTAL_USERS, PortalUser
from sandbox.mesh.query import QueryRefusedError
from tests.sandbox.mesh.approvals import left
from tests.sandbox.mesh.story import Story
from tests.support.applied_mesh import REGISTERED, Applied

SCRIPT = ROOT / "examples" / "share_a_product.sh"
FRED = PortalUser(
    "Fred Finance", "owner@finance.example", "Owner-of-Finance-2013!", ("finance.owner",), "joins", "finance-owner"
)
MINUTES = 20


class CommandLine:
    """`datamesh` with profiles of this mesh, in a home of its own."""

    def __init__(self, applied: Applied, home: Path) -> None:
        portal = applied.mesh.portal
        assert portal is not None
        people.create_portal_users(portal.user_pool_id, applied.sandbox.url, (FRED,))
        config = configparser.ConfigParser(interpolation=None)
        api = {
            "api_url": portal.api_url,
            "cognito_endpoint": portal.cognito_endpoint,
            "region": REGION,
            "user_pool_id": portal.user_pool_id,
            "client_id": portal.client_id,
        }
        for user in (*PORTAL_USERS, FRED):
            config[f"profile {user.profile}"] = api | {"email": user.email}
        for account in (SALES, MARKETING):
            config[f"profile {account.domain}-pipeline"] = {
                "mode": "bus",
                "domain": account.domain,
                "prefix": PREFIX,
                "region": REGION,
                "endpoint_url": applied.sandbox.url,
            }
        profiles, mesh = home / "profiles.ini", home / "mesh.json"
        with profiles.open("w") as file:
            config.write(file)
        described = describe(applied.mesh, None)
        described["users"].append({"name": FRED.name, "email": FRED.email, "password": FRED.password})
        mesh.write_text(json.dumps(described))
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
            "HOME": str(home),
            "COLUMNS": "160",
            "DATAMESH_CONFIG_FILE": str(profiles),
            "MESH_FILE": str(mesh),
            "PYTHON": sys.executable,
            "DATAMESH": str(Path(sys.executable).with_name("datamesh")),
        }

    def run(self, *arguments: str, account: Account | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command, of an account's pipeline with the credentials of its root user."""
        keys = {} if account is None else {"AWS_ACCESS_KEY_ID": account.id, "AWS_SECRET_ACCESS_KEY": "any"}
        return self._run([self.environment["DATAMESH"], *arguments], keys, given)

    def script(self, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the example."""
        return self._run([str(SCRIPT)], more, "")

    @contextmanager
    def tail(self, *arguments: str, account: Account) -> Iterator[subprocess.Popen[str]]:
        """Listen until the block ends, then press Ctrl-C."""
        keys = {"AWS_ACCESS_KEY_ID": account.id, "AWS_SECRET_ACCESS_KEY": "any", "PYTHONUNBUFFERED": "1"}
        listening = subprocess.Popen(
            [self.environment["DATAMESH"], "events", "tail", *arguments],
            env=self.environment | keys,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield listening
        finally:
            listening.kill()
            listening.wait()

    def _run(self, words: list[str], more: dict[str, str], given: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            env=self.environment | more,
            input=given,
            capture_output=True,
            text=True,
            timeout=MINUTES * 60,
            check=False,
            cwd=ROOT,
        )


@pytest.fixture
def story(applied: Applied) -> Story:
    """The mesh whose domains sales and marketing are registered, and no product."""
    applied.sandbox.restore(REGISTERED)
    applied.sandbox.clear_mails()
    return Story(applied.sandbox, applied.mesh)


@pytest.fixture
def command_line(applied: Applied, story: Story, tmp_path: Path) -> CommandLine:
    """The command line of the people of that mesh, in which nobody has signed in yet."""
    return CommandLine(applied, tmp_path)


def test_the_whole_story_is_played_by_a_script(story: Story, command_line: CommandLine) -> None:
    assert story.registry.domain("finance") is None
    before = left(story)
    done = command_line.script(
        NEW_DOMAIN="finance",
        NEW_DOMAIN_PROFILE=FRED.profile,
        NEW_DOMAIN_SECRET=story.mesh.outputs[FINANCE.name]["config_secret_arn"],
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    granted, denied = (_id(done.stdout, name) for name in ("granted and revoked", "denied"))
    story.settle()
    # What the script says is what the mesh knows.
    finance = story.registry.domain("finance")
    assert finance is not None
    assert (finance.status, finance.account_id) == ("REGISTERED", FINANCE.id)
    assert story.request_record(granted).status == "REVOKED"
    assert story.request_record(denied).status == "DENIED"
    assert left(story)["filters"] == before["filters"] == []
    asked = story.request_record(granted)
    assert asked.requested_by == "analyst@marketing.example"
    assert asked.rows == {"registrations": "manufacturer = 'BOEING'"}
    votes = [entry for entry in story.ledger(kind="VoteCast") if str(entry.request_id) in {granted, denied}]
    said = {str(vote.request_id): (vote.actor, vote.details["decision"], vote.details["via"]) for vote in votes}
    owner = "person:owner@sales.example"
    assert said == {granted: (owner, "APPROVE", "portal"), denied: (owner, "DENY", "portal")}
    kinds = [entry.kind for entry in story.ledger(granted)]
    wanted = ["AccessRequested", "VoteCast", "AccessApproved", "AccessGranted", "AccessProvisioned", "AccessRevoked"]
    assert [kind for kind in kinds if kind in wanted] == wanted
    # AND the ledger is printed with them, and the mistakes of the contract with line and field
    for word in (*wanted, "broken.odcs.yaml:", "descripton"):
        assert word in done.stdout
    # AND nobody's password or token is
    for user in (*PORTAL_USERS, FRED):
        assert user.password not in done.stdout + done.stderr


def test_the_shown_query_runs_while_access_lasts(story: Story, command_line: CommandLine) -> None:
    story.register_product(story.manifest(("airports",)))
    analyst = next(user for user in PORTAL_USERS if user.profile == "analyst")
    assert command_line.run("login", "--profile", "analyst", "--password-stdin", given=analyst.password).returncode == 0
    ask = ("--principal", MARKETING.role_arn(people.ANALYST), "--justification", "a test", "--profile", "analyst")
    done = command_line.run("access", "request", "sales.departures", *ask, "--wait", "--output", "json")
    assert done.returncode == 0, done.stderr
    request_id = json.loads(done.stdout)["request_id"]
    shown = command_line.run("product", "show", "sales.departures", "--profile", "analyst", "--output", "json")
    (hint,) = json.loads(shown.stdout)["queries"]
    assert story.query(hint["sql"]).rows
    # WHEN the owner of the consumer gives it back
    maria = next(user for user in PORTAL_USERS if user.profile == "marketing-owner")
    command_line.run("login", "--profile", maria.profile, "--password-stdin", given=maria.password)
    ended = command_line.run(
        "access", "revoke", request_id, "--reason", "done", "--yes", "--profile", maria.profile, "--output", "json"
    )
    assert (ended.returncode, json.loads(ended.stdout)["status"]) == (0, "SUCCEEDED")
    story.settle()
    # THEN the query that was shown is refused
    with pytest.raises(QueryRefusedError):
        story.query(hint["sql"])


def test_a_pipeline_speaks_on_its_own_bus(story: Story, command_line: CommandLine) -> None:
    def rules_and_queues(account: Account) -> tuple[list[str], list[str]]:
        rules = story.client("events", account).list_rules(EventBusName=account.bus)["Rules"]
        queues = story.client("sqs", account).list_queues().get("QueueUrls", [])
        return sorted(rule["Name"] for rule in rules), sorted(queues)

    story.register_product(story.manifest(("airports",)))
    before = rules_and_queues(MARKETING)
    doctor = command_line.run("doctor", "--listen", "--profile", "marketing-pipeline", account=MARKETING)
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    # GIVEN somebody who listens on the bus of marketing
    with command_line.tail("--profile", "marketing-pipeline", "--output", "json", account=MARKETING) as listening:
        assert listening.stderr is not None
        assert listening.stdout is not None
        assert "Listening" in listening.stderr.readline()
        # WHEN marketing's pipeline asks, and gives back
        ask = ("--principal", MARKETING.role_arn(people.ANALYST), "--justification", "a test")
        done = command_line.run(
            "access",
            "request",
            "sales.departures",
            *ask,
            "--wait",
            "--profile",
            "marketing-pipeline",
            account=MARKETING,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        request_id = str(uuid.UUID(re.findall(r"The request is ([0-9a-f-]{36})", done.stderr)[0]))
        assert story.request_record(request_id).status == "PROVISIONED"
        # THEN the one who listens hears all of it, and ends cleanly
        heard = [json.loads(listening.stdout.readline())["detail_type"]]
        while heard[-1] != "DataProductAccessProvisioned":
            heard.append(json.loads(listening.stdout.readline())["detail_type"])
        assert {"RequestDataProductAccess", "DataProductAccessGranted"} <= set(heard)
        listening.send_signal(2)
        assert listening.wait(60) == 0
    done = command_line.run(
        *("access", "revoke", request_id, "--reason", "over", "--yes", "--profile", "marketing-pipeline"),
        account=MARKETING,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # AND what central refuses ends with 1, what only the API knows with 2
    words = ("product", "deregister", "sales.departures", "--yes", "--profile", "marketing-pipeline")
    refused = command_line.run(*words, account=MARKETING)
    assert (refused.returncode, "SenderNotOwner" in refused.stdout) == (1, True)
    assert command_line.run("access", "show", request_id, "--profile", "marketing-pipeline").returncode == 2
    story.settle()
    assert rules_and_queues(MARKETING) == before


def _id(text: str, name: str) -> str:
    (found,) = re.findall(rf"^{name}: +([0-9a-f-]{{36}})$", text, re.MULTILINE)
    return str(uuid.UUID(found))
