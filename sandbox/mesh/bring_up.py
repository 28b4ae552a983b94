"""Bring the mesh up in a running sandbox: Terraform for three accounts, their people, data and registrations."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.client import Sandbox
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

    def put_product(self, manifest: dict[str, Any]) -> str:
        """Put RegisterDataProduct on sales' bus as its pipeline does and return the correlation id."""
        pipeline = people.role_session(SALES, people.PIPELINE, self.endpoint)
        return put_command(
            pipeline, self.endpoint, SALES, "RegisterDataProduct", {"domain": SALES.domain, "product": manifest}
        )

    def register_product(self, manifest: dict[str, Any], listener: Listener) -> str:
        """Register a product of sales, wait until its tables are crawled, and return what was found."""
        correlation_id = self.put_product(manifest)
        listener.wait("DataProductRegistered", correlation_id, receiver=SALES.name)
        updated = listener.wait("DataProductSchemaUpdated", correlation_id, receiver="central", seconds=180)
        columns = {table["name"]: table["columns"] for table in updated.data["tables"]}
        return ", ".join(f"{name}: {count} columns" for name, count in columns.items())

    @property
    def portal(self) -> Portal | None:
        """Where the portal is, once central is applied; None when it has none."""
        outputs = self.outputs.get(CENTRAL.name, {})
        if not outputs.get("portal_url"):
            return None
        sandbox = Sandbox(self.endpoint)
        return Portal(
            url=sandbox.portal_url(outputs["portal_url"]),
            # By path: not everybody's resolver knows *.localhost, as browsers do.
            api_url=f"{self.endpoint}/_sandbox/cloudfront/{outputs['portal_distribution_id']}",
            cognito_endpoint=self.endpoint,
            user_pool_id=outputs["portal_user_pool_id"],
            client_id=outputs["portal_client_id"],
        )


@dataclass(frozen=True)
class Portal:
    """The portal as this machine reaches it: its pages, its API, and where people sign in."""

    url: str
    api_url: str
    cognito_endpoint: str
    user_pool_id: str
    client_id: str


def bring_up(mesh: Mesh, progress: Progress, others: Iterable[Account] = (), *, products: bool = False) -> Listener:
    """Apply the three accounts, create their people, load the data, register the domains; return the listener.

    ``others`` are applied beside sales and marketing, and not registered. ``products`` registers two products of sales
    as well, so that whoever opens the portal finds something: one that is open, and one that its owner decides on.
    """
    with progress.step("Apply the central account") as step:
        step.detail = f"{mesh.apply(CENTRAL)} resources in {CENTRAL.id}"
    with progress.step("Apply the domains sales and marketing") as step:
        counts = mesh.apply_all([SALES, MARKETING, *others])
        step.detail = f"{counts['sales']} resources in {SALES.id}, {counts['marketing']} in {MARKETING.id}"
    with progress.step("Create the people: a pipeline in sales, an analyst and an intern in marketing"):
        people.create_pipeline(SALES, mesh.endpoint, mesh.lake(SALES))
        people.create_readers(MARKETING, mesh.endpoint)
    if mesh.portal is not None:
        with progress.step("Create the people who sign in to the portal") as step:
            step.detail = f"{people.create_portal_users(mesh.portal.user_pool_id, mesh.endpoint)} in {CENTRAL.id}"
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
    if products:
        location = mesh.location(SALES)
        for manifest in (data.product(location), data.personal_product(location)):
            with progress.step(f"Sales registers the data product {manifest['name']}") as step:
                step.detail = mesh.register_product(manifest, listener)
    return listener


def describe(mesh: Mesh, process_id: int | None) -> dict[str, Any]:
    """Return what build/sandbox.json holds: all that a client of somebody else needs (design.md §8).

    ``api_url`` and ``portal_url`` are null for a mesh without a portal. Users with a ``role_arn`` are IAM roles, users
    with an ``email`` sign in to the portal.
    """
    portal = mesh.portal
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
        "api_url": portal.api_url if portal else None,
        "portal_url": portal.url if portal else None,
        "users": [
            {
                "name": role,
                "account": account.name,
                "role_arn": account.role_arn(role),
                "what": people.DEMO_USERS[role],
            }
            for account, role in ((SALES, people.PIPELINE), (MARKETING, people.ANALYST), (MARKETING, people.INTERN))
        ]
        + [
            {
                "name": user.name,
                "email": user.email,
                "password": user.password,
                "groups": list(user.groups),
                "what": user.what,
            }
            for user in (people.PORTAL_USERS if portal else ())
        ],
    }


def write_description(mesh: Mesh, process_id: int | None) -> Path:
    """Write build/sandbox.json and return its path."""
    BUILD.mkdir(exist_ok=True)
    file = BUILD / "sandbox.json"
    file.write_text(json.dumps(describe(mesh, process_id), indent=2) + "\n")
    return file
