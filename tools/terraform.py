"""Run Terraform for one account workspace, against AWS or against the sandbox.

    python tools/terraform.py plan|apply|destroy|output --environment central|domain --workspace NAME
                              [--target aws|sandbox] [--delete-data yes|no]

Against AWS the root in environments/<environment> is used as it stands: its S3 backend is configured from
environments/<environment>/backend.hcl, its variables from <workspace>.tfvars.

Against the sandbox the same root is laid out below build/ with a local backend, so that neither state nor
overrides get into the source tree and several workspaces can be applied side by side.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
PORTAL = ROOT / "portal" / "dist"
Environment = Literal["central", "domain"]

# SQS queues take the provider 25 s each to see consistent, so they had better be created side by side.
PARALLELISM = 40

LOCAL_BACKEND = """\
# Written by tools/terraform.py: the sandbox keeps its state on this machine.
terraform {
  backend "local" {}
}
"""


class TerraformError(Exception):
    """A Terraform command failed. The message is what Terraform printed."""


@dataclass(frozen=True)
class Sandbox:
    """Where the sandbox listens, and where the roots' copies and states for it are kept."""

    url: str
    directory: Path = ROOT / "build" / "sandbox" / "terraform"
    region: str = "eu-west-1"


@dataclass
class Workspace:
    """One account workspace of an environment root, ready to run Terraform in."""

    environment: Environment
    name: str
    package: Path
    sandbox: Sandbox | None = None
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def source(self) -> Path:
        """The root as it stands in the repository."""
        return ROOT / "environments" / self.environment

    @property
    def directory(self) -> Path:
        """Where Terraform runs."""
        if self.sandbox is None:
            return self.source
        return self.sandbox.directory / self.name / "environments" / self.environment

    @property
    def variable_file(self) -> Path:
        """The workspace's tfvars. Raises TerraformError when there is none."""
        folder = self.source if self.sandbox is None else self.source / "sandbox"
        file = folder / f"{self.name}.tfvars"
        if not file.is_file():
            raise TerraformError(
                f"the workspace {self.name!r} has no variables: expected {file.relative_to(ROOT)} "
                f"(copy {(self.source / 'example.tfvars').relative_to(ROOT)})"
            )
        return file

    def account_id(self) -> str:
        """The account that the workspace's tfvars name. Raises TerraformError when they name none."""
        account = self._text_variable("account_id")
        if account is None:
            raise TerraformError(f"{self.variable_file.relative_to(ROOT)} does not set account_id")
        return account

    def _text_variable(self, name: str) -> str | None:
        """The text that the workspace's tfvars give to a variable, on one line; None when they do not."""
        for line in self.variable_file.read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == name:
                return value.split("#")[0].strip().strip('"')
        return None

    def prepare(self) -> None:
        """Lay the root out (sandbox only), initialise it and select the workspace."""
        if self.sandbox is not None:
            self._lay_out()
            self.run("init", "-input=false", "-no-color")
        else:
            backend = self.source / "backend.hcl"
            if not backend.is_file():
                raise TerraformError(
                    f"expected {backend.relative_to(ROOT)} with the state bucket (copy backend.example.hcl beside it)"
                )
            self.run("init", "-input=false", f"-backend-config={backend}")
        self.run("workspace", "select", "-or-create", self.name)

    def _lay_out(self) -> None:
        """Copy the root and link the modules beside it, so that its relative module paths hold."""
        assert self.sandbox is not None  # noqa: S101 - the caller's branch, said for the type checker
        self.directory.mkdir(parents=True, exist_ok=True)
        for file in self.source.glob("*.tf"):
            shutil.copy(file, self.directory)
        (self.directory / "backend_override.tf").write_text(LOCAL_BACKEND)
        modules = self.sandbox.directory / self.name / "modules"
        if not modules.is_symlink():
            modules.symlink_to(ROOT / "modules")
        # The pages as they are now: whoever builds them meanwhile does not change what is being applied.
        shutil.rmtree(self._pages, ignore_errors=True)
        if self.environment == "central" and (PORTAL / "index.html").is_file():
            shutil.copytree(PORTAL, self._pages)

    @property
    def _pages(self) -> Path:
        """Where the sandbox's copy of the portal's pages is, once laid out and if they were built."""
        assert self.sandbox is not None  # noqa: S101 - the caller's branch, said for the type checker
        return self.sandbox.directory / self.name / "portal"

    def plan(self) -> None:
        """Show what would change."""
        self.run("plan", *self._inputs(), stream=True)

    def changes(self) -> list[str]:
        """Return what a plan would change, as ``action address`` lines. Empty: nothing."""
        file = self.directory / f"{self.name}.tfplan"
        self.run("plan", *self._inputs(), f"-out={file}")
        planned = json.loads(self.run("show", "-json", str(file)))
        return [
            f"{'/'.join(change['change']['actions'])} {change['address']}"
            for change in planned.get("resource_changes", [])
            if change["change"]["actions"] not in (["no-op"], ["read"])
        ]

    def apply(self, *, stream: bool = False) -> dict[str, Any]:
        """Apply without asking and return the outputs."""
        self.run("apply", "-auto-approve", *self._inputs(), stream=stream)
        return self.outputs()

    def outputs(self) -> dict[str, Any]:
        """Return the outputs, by name."""
        return {name: output["value"] for name, output in json.loads(self.run("output", "-json")).items()}

    def destroy(self, *, delete_data: bool, stream: bool = False) -> list[str]:
        """Take the workspace down and return the addresses that were kept because they hold data.

        Kept resources leave the state, so that a later apply asks to import them instead of emptying them.
        """
        kept = [] if delete_data else self._data_addresses()
        if kept:
            self.run("state", "rm", *kept)
        elif delete_data:
            # Buckets and tables refuse to go while they are protected: first the protection, then they.
            self.variables["delete_data"] = True
            self.run("apply", "-auto-approve", *self._inputs(), stream=stream)
        if self.environment == "central":
            self._remove_routing_rules()
        self.run("destroy", "-auto-approve", *self._inputs(), stream=stream)
        return kept

    def _remove_routing_rules(self) -> None:
        """Remove what registrations left on the bus and Terraform does not know, or the bus could not be deleted."""
        bus = self.outputs().get("event_bus_arn")
        if bus is None:
            return
        role = self._text_variable("assume_role_arn")
        command = [sys.executable, str(ROOT / "tools" / "routing_rules.py"), "--bus-arn", bus]
        command += ["--assume-role-arn", role] if role and role != "null" else []
        done = subprocess.run(command, env=self._environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise TerraformError(f"the routing rules of {bus} could not be removed\n{done.stderr}")

    def _data_addresses(self) -> list[str]:
        prefixes = tuple(self.outputs().get("data_addresses", []))
        state = self.run("state", "list").split()
        return [address for address in state if address.startswith(prefixes)] if prefixes else []

    def _inputs(self) -> list[str]:
        package = json.loads(self.package.read_text())
        keys = ("path", "architecture", "runtime")
        variables = {"lambda_package": {key: package[key] for key in keys}, **self._portal(), **self.variables}
        return [
            "-input=false",
            "-no-color",
            f"-parallelism={PARALLELISM}",
            f"-var-file={self.variable_file}",
            *(f"-var={name}={json.dumps(value)}" for name, value in variables.items()),
        ]

    def _portal(self) -> dict[str, Any]:
        """The portal that the sandbox's tfvars ask for, with what only this machine knows: sign-in and pages.

        Pages that are not built (`make portal`) are left out.
        """
        if self.sandbox is None or self.environment != "central":
            return {}
        from tools.terraform_files import parse  # noqa: PLC0415 - a development package, not needed for AWS

        asked = parse(self.variable_file).get("portal")
        if asked is None:
            return {}
        built = {"assets_path": str(self._pages)} if self._pages.is_dir() else {}
        return {"portal": {"cognito_endpoint": self.sandbox.url, **built, **asked}}

    def run(self, *arguments: str, stream: bool = False) -> str:
        """Run one Terraform command and return what it prints. Raises TerraformError when it fails."""
        done = subprocess.run(
            ["terraform", *arguments],
            cwd=self.directory,
            env=self._environment(),
            stdout=None if stream else subprocess.PIPE,
            stderr=None if stream else subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            said = f"\n{done.stdout}\n{done.stderr}" if not stream else ""
            raise TerraformError(f"terraform {arguments[0]} of {self.environment}/{self.name} failed{said}")
        return done.stdout or ""

    def _environment(self) -> dict[str, str]:
        variables = dict(os.environ) | {
            "TF_CLI_CONFIG_FILE": str(cli_configuration()),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
        }
        if self.sandbox is not None:
            for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
                variables.pop(name, None)
            variables |= {
                "AWS_ENDPOINT_URL": self.sandbox.url,
                "AWS_ACCESS_KEY_ID": self.account_id(),
                "AWS_SECRET_ACCESS_KEY": "sandbox",
                "AWS_REGION": self.sandbox.region,
                "AWS_EC2_METADATA_DISABLED": "true",
            }
        return variables


def cli_configuration() -> Path:
    """Return a Terraform CLI configuration that finds the AWS provider, from a mirror or from the registry."""
    from tools.terraformrc import write_terraformrc  # noqa: PLC0415 - only needed once Terraform runs

    return write_terraformrc()


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Run Terraform for one account workspace.")
    parser.add_argument("command", choices=["plan", "apply", "destroy", "output"])
    parser.add_argument("--environment", required=True, choices=["central", "domain"])
    parser.add_argument("--workspace", required=True)
    parser.add_argument("--target", default="aws", choices=["aws", "sandbox"])
    parser.add_argument("--delete-data", default="no", choices=["yes", "no"])
    arguments = parser.parse_args()
    packages = sorted(
        (ROOT / "build" / "package").glob(f"*-{'host' if arguments.target == 'sandbox' else 'arm64'}.json")
    )
    try:
        sandbox = None
        if arguments.target == "sandbox":
            description = ROOT / "build" / "sandbox.json"
            if not description.is_file():
                raise TerraformError("the sandbox is not running: start it with `make up`")
            sandbox = Sandbox(json.loads(description.read_text())["endpoint"])
        workspace = Workspace(arguments.environment, arguments.workspace, packages[-1], sandbox)
        workspace.prepare()
        if arguments.command == "plan":
            workspace.plan()
        elif arguments.command == "apply":
            workspace.apply(stream=True)
        elif arguments.command == "output":
            print(json.dumps(workspace.outputs(), indent=2))
        else:
            kept = workspace.destroy(delete_data=arguments.delete_data == "yes", stream=True)
            for address in kept:
                print(f"kept, because it holds data: {address}")
    except TerraformError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
