"""Every module, planned with the inputs of its scenarios, gives what their inventories say."""

from __future__ import annotations

import pytest
import yaml

from tests.support.plan_inventory import describe, differences
from tests.support.plan_scenarios import Refusal, Scenario, module_plan, refusals, refused, scenarios
from tests.support.terraform_plan import ROOT
from tools.terraform_files import error_messages


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: f"{scenario.module}/{scenario.name}")
def test_plan_is_what_the_inventory_says(scenario: Scenario) -> None:
    # GIVEN the inventory of the scenario
    file = scenario.inventory_file
    assert file.is_file(), f"write it with: python tools/plan_inventory.py --save {scenario.module} {scenario.name}"
    inventory = yaml.safe_load(file.read_text())

    # WHEN its module is planned with the scenario's inputs
    plan = module_plan(scenario.module, scenario.name)

    # THEN the plan holds what the inventory says
    found = differences(plan, inventory)
    if found:
        concerned = {line.split(":")[0].split("[")[0] for line in found}
        part = {
            address: values
            for address, values in describe(plan)["values"].items()
            if any(where.startswith(address.split("[")[0]) for where in concerned)
        }
        pytest.fail(
            f"{file.relative_to(ROOT)}\n  "
            + "\n  ".join(found)
            + f"\n\nPlanned:\n{yaml.safe_dump(part, sort_keys=False)}\nTo see the whole plan as an inventory: "
            f"python tools/plan_inventory.py {scenario.module} {scenario.name} (--save replaces the file)",
            pytrace=False,
        )


@pytest.mark.parametrize("case", refusals(), ids=lambda case: f"{case.module}/{case.name}")
def test_inputs_are_refused(case: Refusal) -> None:
    messages = refused(case)

    assert messages, "the module accepts these inputs"
    assert any(case.message in message for message in messages), messages


@pytest.mark.parametrize("module", sorted(folder.name for folder in (ROOT / "modules").iterdir() if folder.is_dir()))
def test_every_validation_and_precondition_has_a_case(module: str) -> None:
    expected = [case.message for case in refusals() if case.module == module]

    without = [
        text
        for text in error_messages(ROOT / "modules" / module)
        if not any(message in text or message.startswith(text) for message in expected)
    ]

    assert not without, "no case in tests/plan/modules is refused with these messages"
