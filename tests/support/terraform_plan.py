"""Plan Terraform modules offline and read the result.

The only user of python-terraform, whose traps stay in here: a good plan with changes returns 2 under its `plan()`,
errors return 1 in silence, and a misspelt method is a Terraform command that fails.

Starting the AWS provider takes far longer than planning a module, so modules are planned together: a root is made that
calls each module once for each scenario, and the one plan of it is taken apart again. What was planned is
kept below build/, under a digest of everything that went into it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from python_terraform import IsFlagged, Terraform

from tests.support.aws_answers import state_machine_validator
from tools.terraformrc import unpacked_provider, write_terraformrc

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-1"

# What a plan needs of a Lambda package is a file with a hash. Scenarios name it as `stub.zip`.
STUB_PACKAGE = "stub.zip"

# Copied into the workspace. Modules call each other by relative paths, so the layout stays.
CONFIGURATION_FOLDERS = ("modules", "environments", "examples")
NOT_CONFIGURATION = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.md", "__pycache__")


class TerraformFailedError(Exception):
    """Terraform refused a configuration or its inputs.

    `problems` maps what is at fault to messages: an address, a file where there is none, "" where there is neither.
    """

    def __init__(self, problems: Mapping[str, list[str]], command: str) -> None:
        self.problems = {address: list(messages) for address, messages in problems.items()}
        said = "\n".join(f"{address or '(configuration)'}: {m}" for address, ms in problems.items() for m in ms)
        super().__init__(f"terraform {command} failed\n{said}")


@dataclass(frozen=True)
class Resource:
    """One managed resource or data source of a plan."""

    address: str
    type: str
    values: dict[str, Any]
    """What is known before apply; null and unknown attributes are told apart by `unknown`."""
    unknown: dict[str, Any] = field(default_factory=dict)
    """The attributes that are known after apply, as nested `True`."""

    def json(self, attribute: str) -> Any:
        """Return the attribute, which holds a JSON document, decoded. Raises KeyError when it is not known yet."""
        return json.loads(self.values[attribute])


class Plan:
    """What Terraform would make of one module or root."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.resources: dict[str, Resource] = {
            address: Resource(address, each["type"], each["values"], each["unknown"])
            for address, each in raw["resources"].items()
        }
        self.outputs: dict[str, Any] = raw["outputs"]
        """Outputs by name; those that are only known after apply are missing."""
        self.configuration: dict[str, Any] = raw["configuration"]
        """The root module part of Terraform's JSON configuration representation."""

    def values(self, address: str) -> dict[str, Any]:
        """Return what is known about a resource. Raises KeyError naming the addresses that there are."""
        return self._get(address).values

    def _get(self, address: str) -> Resource:
        if address not in self.resources:
            raise KeyError(f"no {address} in the plan, which has:\n  " + "\n  ".join(sorted(self.resources)))
        return self.resources[address]

    def json(self, address: str, attribute: str) -> Any:
        """Return an attribute that holds a JSON document, decoded."""
        return self._get(address).json(attribute)

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the resources of one type by address."""
        return {address: each for address, each in self.resources.items() if each.type == kind}

    def references(self, address: str, attribute: str) -> set[str]:
        """Return what an argument's expression refers to.

        `address` is a resource or a module call, without instance keys; `attribute` may go into blocks with dots.
        """
        *modules, last = re.findall(r"module\.[^.]+|(?:data\.)?[^.]+\.[^.]+", address)
        here = self.configuration
        for module in modules:
            here = here["module_calls"][module.removeprefix("module.")]["module"]
        if last.startswith("module."):
            expressions: Any = here["module_calls"][last.removeprefix("module.")]["expressions"]
        else:
            expressions = next(each for each in here["resources"] if each["address"] == last)["expressions"]
        for part in attribute.split("."):
            expressions = expressions[int(part)] if isinstance(expressions, list) else expressions[part]
        return set(_references(expressions))


def _references(expression: Any) -> Iterator[str]:
    if isinstance(expression, Mapping):
        yield from expression.get("references", [])
        for key, value in expression.items():
            if key != "references":
                yield from _references(value)
    elif isinstance(expression, list):
        for value in expression:
            yield from _references(value)


def simplify(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a plan in Terraform's JSON what Plan is made from."""
    resources = {
        each["address"]: {
            "type": each["type"],
            "values": each["change"]["after"] or {},
            "unknown": each["change"].get("after_unknown") or {},
        }
        for each in raw.get("resource_changes", [])
        if each["change"]["actions"] != ["delete"]
    }
    # Data sources that could be read already are only in the state before the plan.
    before = raw.get("prior_state", {}).get("values", {}).get("root_module", {})
    resources |= {
        each["address"]: {"type": each["type"], "values": each["values"], "unknown": {}}
        for each in _state_resources(before)
        if each["mode"] == "data"
    }
    outputs = {
        name: change["after"]
        for name, change in raw.get("output_changes", {}).items()
        if change.get("after") is not None
    }
    return {"resources": resources, "outputs": outputs, "configuration": raw["configuration"]["root_module"]}


def _state_resources(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", [])
    for child in module.get("child_modules", []):
        yield from _state_resources(child)


@contextmanager
def workspace() -> Iterator[Path]:
    """Give a temporary copy of all Terraform configuration, and an environment in which nothing reaches AWS."""
    with tempfile.TemporaryDirectory(prefix="plan-") as name:
        folder = Path(name)
        for each in CONFIGURATION_FOLDERS:
            if (ROOT / each).is_dir():
                shutil.copytree(ROOT / each, folder / each, ignore=NOT_CONFIGURATION)
        write_stub_package(folder / STUB_PACKAGE)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
        variables = {
            "AWS_EC2_METADATA_DISABLED": "true",
            "CHECKPOINT_DISABLE": "1",
            "TF_CLI_CONFIG_FILE": str(write_terraformrc()),
            "TF_IN_AUTOMATION": "1",
        }
        with mock.patch.dict(os.environ, kept | variables, clear=True):
            yield folder


def write_stub_package(path: Path) -> None:
    """Write a Lambda package with nothing in it; the same bytes every time, because its hash is in inventories."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo("stub.py", (1980, 1, 1, 0, 0, 0)), "")


def provider_block(endpoint: str) -> dict[str, Any]:
    """Return the provider's configuration for a plan that needs no AWS account.

    The provider has Step Functions validate state machines while it plans, so that service has an endpoint here.
    """
    return {
        "region": REGION,
        "access_key": "plan",
        "secret_key": "plan",
        "skip_credentials_validation": True,
        "skip_metadata_api_check": True,
        "skip_requesting_account_id": True,
        "endpoints": [{"sfn": endpoint}],
    }


def terraform(folder: Path, command: str, *arguments: str, **options: Any) -> str:
    """Run a Terraform command and return what it printed.

    Raises TerraformFailedError with what it found wrong.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # python-terraform's own, for how it logs
        code, out, err = Terraform(working_dir=str(folder)).cmd(command, *arguments, **options)
    if code != 0:
        raise TerraformFailedError(_problems(out) or {"": [f"{out}\n{err}"]}, command)
    return str(out)


def _problems(out: str) -> dict[str, list[str]]:
    """Read the errors out of the output of a command that ran with -json."""
    found: dict[str, list[str]] = {}
    for line in out.splitlines():
        try:
            said = json.loads(line)
        except ValueError:
            continue
        diagnostic = said.get("diagnostic") if isinstance(said, dict) else None
        if diagnostic and diagnostic.get("severity") == "error":
            text = " ".join(f"{diagnostic['summary']}: {diagnostic.get('detail', '')}".split())
            found.setdefault(_address(diagnostic), []).append(text)
    return found


def _address(diagnostic: Mapping[str, Any]) -> str:
    if diagnostic.get("address"):
        return str(diagnostic["address"])
    # An error in the arguments of a module call has no address; the call is its context.
    call = re.match(r'module\."?([^".]+)', (diagnostic.get("snippet") or {}).get("context") or "")
    if call:
        return f"module.{call.group(1)}"
    return str((diagnostic.get("range") or {}).get("filename", ""))


def plan_folder(folder: Path, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Initialise and plan a root in a workspace and return the plan in Terraform's JSON.

    Raises TerraformFailedError.
    """
    if variables is not None:
        (folder / "plan.auto.tfvars.json").write_text(json.dumps(variables))
    # `terraform init` and the plan after it read the whole provider, 700 MB, to compare it with a lock file.
    provider = None if (folder / "plan_override.tf.json").is_file() else unpacked_provider()
    if provider:
        configuration = folder / "terraformrc"
        configuration.write_text(
            "provider_installation {\n"
            f'  dev_overrides {{\n    "hashicorp/aws" = "{provider.as_posix()}"\n  }}\n'
            "  direct {}\n}\n"
        )
        os.environ["TF_CLI_CONFIG_FILE"] = str(configuration)  # for as long as the workspace is there
        terraform(folder, "get", no_color=IsFlagged)
    else:
        terraform(folder, "init", input=False, no_color=IsFlagged)
    terraform(folder, "plan", json=IsFlagged, input=False, lock=False, refresh=False, out="plan.tfplan")
    shown: dict[str, Any] = json.loads(terraform(folder, "show", "plan.tfplan", json=IsFlagged))
    return shown


def plan_root(root: str, variables: Mapping[str, Any]) -> Plan:
    """Plan a root, such as environments/central, with its own provider and backend overridden.

    Raises TerraformFailedError.
    """
    with workspace() as folder, state_machine_validator() as endpoint:
        # Which account the credentials belong to can only be asked of AWS.
        provider = {**provider_block(endpoint), "allowed_account_ids": None}
        override = {"terraform": {"backend": {"local": {}}}, "provider": {"aws": provider}}
        (folder / root / "plan_override.tf.json").write_text(json.dumps(override))
        shutil.copy(folder / STUB_PACKAGE, folder / root)
        return Plan(simplify(plan_folder(folder / root, variables)))


def plan_calls(calls: Mapping[str, tuple[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Plan several module calls, {name: (module folder, inputs)}, at once.

    Returns for each name what Plan is made from. Raises TerraformFailedError, with addresses that start with
    `module.<name>`, when one of the calls is at fault.
    """
    with workspace() as folder, state_machine_validator() as endpoint:
        configuration = {
            "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws"}}},
            "provider": {"aws": provider_block(endpoint)},
            "module": {
                name: {"source": f"./modules/{module}"} | escape(dict(inputs))
                for name, (module, inputs) in calls.items()
            },
            "output": {name: {"value": f"${{module.{name}}}", "sensitive": True} for name in calls},
        }
        (folder / "main.tf.json").write_text(json.dumps(configuration, indent=2))
        whole = simplify(plan_folder(folder))
    return {name: _part(whole, name) for name in calls}


def escape(value: Any) -> Any:
    """Return the value with its strings meaning themselves, where Terraform's JSON syntax reads templates."""
    if isinstance(value, str):
        return value.replace("${", "$${").replace("%{", "%%{")
    if isinstance(value, Mapping):
        return {key: escape(each) for key, each in value.items()}
    return [escape(each) for each in value] if isinstance(value, list) else value


def _part(whole: Mapping[str, Any], name: str) -> dict[str, Any]:
    prefix = f"module.{name}."
    return {
        "resources": {
            address.removeprefix(prefix): each
            for address, each in whole["resources"].items()
            if address.startswith(prefix)
        },
        "outputs": whole["outputs"].get(name) or {},
        "configuration": whole["configuration"]["module_calls"][name]["module"],
    }


def variable_problems(module: str, inputs: Mapping[str, Any]) -> list[str]:
    """Return what a module's variables have against some inputs; needs no provider and so hardly any time.

    An empty list says that the variables accept them; the module's resources may still not.
    """
    with tempfile.TemporaryDirectory(prefix="variables-") as name:
        folder = Path(name)
        for file in (ROOT / "modules" / module).glob("variables*.tf"):
            shutil.copy(file, folder)
        (folder / "case.auto.tfvars.json").write_text(json.dumps(inputs))
        try:
            with mock.patch.dict(
                os.environ, {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": str(write_terraformrc())}
            ):
                terraform(folder, "plan", json=IsFlagged, input=False, lock=False)
        except TerraformFailedError as error:
            return [message for messages in error.problems.values() for message in messages]
    return []
