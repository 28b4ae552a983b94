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
    CONFIGURATION_FOLDERS,
    ROOT,
    Plan,
    TerraformFailedError,
    plan_calls,
    variable_problems,
)

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


@cache
def _plans(*, refused: bool = False) -> dict[str, dict[str, Any]]:
    """Plan everything, or take it from the last time when nothing has changed since."""
    each: list[Scenario] | list[Refusal]
    each = [case for case in refusals() if case.by_precondition] if refused else scenarios()
    calls = {item.key: (item.module, dict(item.inputs)) for item in each}
    kept = KEPT / f"{_digest(calls)}.json"
    KEPT.mkdir(parents=True, exist_ok=True)
    # Test processes that run side by side want the same plans: one makes them, the others wait for it.
    with (KEPT / f"{'refused' if refused else 'accepted'}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.is_file():
            found = _plan_all(calls)
            kept.write_text(json.dumps(found))
    plans: dict[str, dict[str, Any]] = json.loads(kept.read_text())
    return plans


def _plan_all(calls: Mapping[str, tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Plan the calls together; where that fails, find the ones at fault and plan the others without them."""
    if not calls:
        return {}
    try:
        return plan_calls(calls)
    except TerraformFailedError as error:
        if len(calls) == 1:
            return {name: {"problems": error.problems} for name in calls}
        guilty: dict[str, dict[str, list[str]]] = {}
        for address, messages in error.problems.items():
            name = address.removeprefix("module.").split(".")[0]
            guilty.setdefault(name, {})[address] = messages
        named = {name: {"problems": problems} for name, problems in guilty.items() if name in calls}
        rest = {name: call for name, call in calls.items() if name not in named}
        if named:
            return named | _plan_all(rest)
        # The configuration of some module is broken, and Terraform does not say who called it.
        names = sorted(calls)
        half = len(names) // 2
        return _plan_all({n: calls[n] for n in names[:half]}) | _plan_all({n: calls[n] for n in names[half:]})


def _digest(calls: Mapping[str, tuple[str, dict[str, Any]]]) -> str:
    """Return a digest of everything that a plan depends on."""
    digest = hashlib.sha256(json.dumps(calls, sort_keys=True).encode())
    files = [file for folder in CONFIGURATION_FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file()]
    files += (ROOT / "tests" / "support").glob("*plan*.py")
    for file in sorted(files):
        if ".terraform" not in file.parts and file.suffix != ".md":
            digest.update(f"{file.relative_to(ROOT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:32]
