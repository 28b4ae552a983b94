"""The scenarios of tests/plan/modules: inputs and what must come of them.

`<module>/<scenario>.tfvars.json` with `<scenario>.yaml`: inputs, and an inventory of what is planned with them.
`<module>/<scenario>.fail.yaml`: inputs that the module must refuse. Each case names what it changes (dotted
paths) in the inputs of the scenario `base` and the message to expect:

    base: basic
    cases:
      name_with_spaces:
        inputs: {name: "a b"}
        message: name must have
"""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.support.terraform_plan import (
    ROOT,
    Plan,
    TerraformFailedError,
    plan_calls,
    variable_problems,
)
from tools.terraform_files import blocks

SCENARIOS = ROOT / "tests" / "plan" / "modules"
KEPT = ROOT / "build" / "plans"


@dataclass(frozen=True)
class Scenario:
    """A module with inputs that it accepts."""

    module: str
    name: str

    @property
    def key(self) -> str:
        """The name of the module call that plans it."""
        return f"{self.module}--{self.name}"

    @property
    def inputs(self) -> dict[str, Any]:
        """The inputs of the module."""
        text = (SCENARIOS / self.module / f"{self.name}.tfvars.json").read_text()
        inputs: dict[str, Any] = json.loads(text)
        return inputs

    @property
    def inventory_file(self) -> Path:
        """Where the inventory is."""
        return SCENARIOS / self.module / f"{self.name}.yaml"


@dataclass(frozen=True)
class Refusal:
    """A module with inputs that it must refuse."""

    module: str
    name: str
    inputs: Mapping[str, Any]
    message: str
    by_precondition: bool = False
    """Whether not a variable's validation, but a resource's precondition refuses them."""

    @property
    def key(self) -> str:
        """The name of the module call that plans it."""
        return f"{self.module}--{self.name}"


def scenarios() -> list[Scenario]:
    """Return all scenarios."""
    return [
        Scenario(file.parent.name, file.name.removesuffix(".tfvars.json"))
        for file in sorted(SCENARIOS.glob("*/*.tfvars.json"))
    ]


def refusals() -> list[Refusal]:
    """Return all cases of inputs that must be refused."""
    return [case for file in sorted(SCENARIOS.glob("*/*.fail.yaml")) for case in _cases(file)]


def _cases(file: Path) -> Iterator[Refusal]:
    document = yaml.safe_load(file.read_text())
    base = Scenario(file.parent.name, document["base"]).inputs
    for name, case in document["cases"].items():
        inputs = deepcopy(base)
        for path, value in case["inputs"].items():
            _set(inputs, path.split("."), value)
        yield Refusal(file.parent.name, name, inputs, case["message"], case.get("by_precondition", False))


def _set(inputs: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        inputs = inputs[int(part)] if isinstance(inputs, list) else inputs.setdefault(part, {})
    inputs[int(last) if isinstance(inputs, list) else last] = value


def module_plan(module: str, scenario: str) -> Plan:
    """Return the plan of a scenario. Raises TerraformFailedError when Terraform refuses it."""
    found = _plans()[Scenario(module, scenario).key]
    if "problems" in found:
        raise TerraformFailedError(found["problems"], "plan")
    return Plan(found)


def refused(case: Refusal) -> list[str]:
    """Return the messages with which Terraform refuses a case, none when it accepts it."""
    if not case.by_precondition:
        return variable_problems(case.module, case.inputs)
    found = _plans(refused=True)[case.key].get("problems", {})
    return [message for messages in found.values() for message in messages]


Calls = dict[str, tuple[str, dict[str, Any]]]


@cache
def _plans(*, refused: bool = False) -> dict[str, dict[str, Any]]:
    """Plan all scenarios, except those of which nothing has changed since the last time."""
    each: list[Scenario] | list[Refusal]
    each = [case for case in refusals() if case.by_precondition] if refused else scenarios()
    calls: Calls = {item.key: (item.module, dict(item.inputs)) for item in each}
    files = {name: KEPT / f"{name}.{_digest(module, inputs)}.json" for name, (module, inputs) in calls.items()}
    KEPT.mkdir(parents=True, exist_ok=True)
    # Test processes that run side by side want the same plans: one makes them, the others wait for it.
    with (KEPT / f"{'refused' if refused else 'accepted'}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = {name: call for name, call in calls.items() if not files[name].is_file()}
        for name, found in _plan_all(missing).items():
            for old in KEPT.glob(f"{name}.*.json"):
                old.unlink()
            files[name].write_text(json.dumps(found))
    return {name: json.loads(file.read_text()) for name, file in files.items()}


def _plan_all(calls: Calls) -> dict[str, dict[str, Any]]:
    """Plan the calls together; where that fails, find the ones at fault and plan the others without them."""
    if not calls:
        return {}
    try:
        return plan_calls(calls)
    except TerraformFailedError as error:
        guilty: dict[str, dict[str, list[str]]] = {}
        for where, messages in error.problems.items():
            for name in _at_fault(where, calls):
                guilty.setdefault(name, {})[where] = messages
        rest = {name: call for name, call in calls.items() if name not in guilty}
        return {name: {"problems": problems} for name, problems in guilty.items()} | _plan_all(rest)


def _at_fault(where: str, calls: Calls) -> list[str]:
    """Return the calls that an error concerns: the one in its address, all that use the file, or else all."""
    parts = where.replace("/", ".").split(".")
    if where.startswith("module.") and parts[1] in calls:
        return [parts[1]]
    if where.startswith("modules/"):
        return [name for name, (module, _) in calls.items() if parts[1] in modules_of(module)]
    return list(calls)


@cache
def modules_of(module: str) -> frozenset[str]:
    """Return the names of a module and of all modules that it calls, directly or not."""
    found = {module}
    for _, _, call in blocks(ROOT / "modules" / module, "module"):
        if call["source"].startswith("../"):
            found |= modules_of(call["source"].removeprefix("../"))
    return frozenset(found)


def _digest(module: str, inputs: Mapping[str, Any]) -> str:
    """Return a digest of everything that the plan of a module with some inputs depends on."""
    digest = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode())
    files = [file for each in modules_of(module) for file in (ROOT / "modules" / each).iterdir() if file.is_file()]
    files += [ROOT / "tests" / "support" / "terraform_plan.py"]
    for file in sorted(files):
        if file.suffix != ".md":
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]
