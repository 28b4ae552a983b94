"""Bring the mesh up in a running sandbox: Terraform for three accounts, their people, data and registrations."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.mesh import data, people
from sandbox.mesh.commands import put_command
from sandbox.mesh.layout import BUILD, CENTRAL, MARKETING, REGION, SALES, Account
from sandbox.mesh.listener import Listener, SeenEvent
from sandbox.mesh.progress import Progress
from tools.terraform import Environment, TerraformError, Workspace
from tools.terraform import Sandbox as Target


@dataclass
class Mesh:
    """The mesh in one sandbox. ``outputs`` has Terraform's outputs by account name, once applied."""

    endpoint: str
    directory: Path = BUILD / "sandbox" / "terraform"
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def workspace(self, account: Account) -> Workspace:
        """Terraform's workspace of ``account``. Raises TerraformError when the Lambda package is not built."""
        packages = sorted((BUILD / "package").glob("*-host.json"))
        if not packages:
            raise TerraformError("the Lambda package is not built: run `make host-package`")
        environment: Environment = "domain" if account.domain else "central"
        target = Target(self.endpoint, self.directory, REGION)
        return Workspace(environment, account.name, packages[-1], target)

    def apply(self, account: Account) -> int:
        """Apply ``account``'s root and return how many resources it has."""
        workspace = self.workspace(account)
        workspace.prepare()
        self.outputs[account.name] = workspace.apply()
        return len([line for line in workspace.run("state", "list").split() if ".data." not in f".{line}"])

    def apply_all(self, accounts: Iterable[Account]) -> dict[str, int]:
        """Apply several roots side by side and return the number of resources of each."""
        wanted = list(accounts)
        with ThreadPoolExecutor(len(wanted)) as pool:
            return dict(zip((account.name for account in wanted), pool.map(self.apply, wanted), strict=True))

    def lake(self, account: Account) -> dict[str, str]:
        """Where ``account`` keeps its products: bucket, prefix (with the final slash) and key ARN."""
        lake = self.outputs[account.name]["lake"]
        return {"bucket": lake["products_bucket"], "prefix": lake["products_prefix"], "key_arn": lake["kms_key_arn"]}

    def location(self, account: Account) -> str:
        """The URI below which ``account``'s products lie, with the final slash."""
        lake = self.lake(account)
        return f"s3://{lake['bucket']}/{lake['prefix']}"

    def register_domain(self, account: Account, listener: Listener) -> SeenEvent:
        """Put RegisterDataDomain on the domain's bus and wait for central's answer to arrive there."""
        session = people.root_session(account)
        correlation_id = put_command(
            session,
            self.endpoint,
            account,
            "RegisterDataDomain",
            {"domain": account.domain, "config_secret_arn": self.outputs[account.name]["config_secret_arn"]},
        )
        return listener.wait("DataDomainRegistered", correlation_id, receiver=account.name)


def bring_up(mesh: Mesh, progress: Progress, others: Iterable[Account] = ()) -> Listener:
    """Apply the three accounts, create their people, load the data, register the domains; return the listener.

    ``others`` are applied beside sales and marketing, and not registered.
    """
    with progress.step("Apply the central account") as step:
        step.detail = f"{mesh.apply(CENTRAL)} resources in {CENTRAL.id}"
    with progress.step("Apply the domains sales and marketing") as step:
        counts = mesh.apply_all([SALES, MARKETING, *others])
        step.detail = f"{counts['sales']} resources in {SALES.id}, {counts['marketing']} in {MARKETING.id}"
    with progress.step("Create the people: a pipeline in sales, an analyst and an intern in marketing"):
        people.create_pipeline(SALES, mesh.endpoint, mesh.lake(SALES))
        people.create_readers(MARKETING, mesh.endpoint)
    with progress.step("Load the data into the bucket of sales") as step:
        pipeline = people.role_session(SALES, people.PIPELINE, mesh.endpoint)
        lake = mesh.lake(SALES)
        count = data.upload(pipeline.client("s3", endpoint_url=mesh.endpoint), lake["bucket"], lake["prefix"])
        step.detail = f"{count} objects below {mesh.location(SALES)} ({data.LICENCE})"

    def show(event: SeenEvent) -> None:
        progress.event(event.detail_type, event.sender, event.receiver, event.at)

    listener = Listener([CENTRAL, SALES, MARKETING], mesh.endpoint, show)
    with progress.step("Register the domains sales and marketing") as step:
        names = [mesh.register_domain(account, listener).data["domain"] for account in (SALES, MARKETING)]
        step.detail = f"central knows {' and '.join(names)}"
    return listener


def describe(mesh: Mesh, process_id: int | None) -> dict[str, Any]:
    """Return what build/sandbox.json holds: all that a client of somebody else needs (design.md §8).

    ``api_url`` and ``portal_url`` are null: this release has neither.
    """
    domains = {account.name: account for account in (SALES, MARKETING)}
    return {
        "endpoint": mesh.endpoint,
        "region": REGION,
        "process_id": process_id,
        "accounts": {account.name: account.id for account in (CENTRAL, SALES, MARKETING)},
        "buses": {account.name: account.bus for account in (CENTRAL, SALES, MARKETING)},
        "state_machines": {name: outputs["state_machine_arns"] for name, outputs in mesh.outputs.items()},
        "config_secrets": {name: mesh.outputs[name]["config_secret_arn"] for name in domains},
        "lakes": {name: mesh.lake(account) for name, account in domains.items()},
        "api_url": None,
        "portal_url": None,
        "users": [
            {
                "name": role,
                "account": account.name,
                "role_arn": account.role_arn(role),
                "what": people.DEMO_USERS[role],
            }
            for account, role in ((SALES, people.PIPELINE), (MARKETING, people.ANALYST), (MARKETING, people.INTERN))
        ],
    }


def write_description(mesh: Mesh, process_id: int | None) -> Path:
    """Write build/sandbox.json and return its path."""
    BUILD.mkdir(exist_ok=True)
    file = BUILD / "sandbox.json"
    file.write_text(json.dumps(describe(mesh, process_id), indent=2) + "\n")
    return file
