"""Show what a scenario of tests/plan/modules plans, as an inventory; `--save` writes it next to the scenario's inputs.

    python tools/plan_inventory.py [--save] MODULE SCENARIO

An inventory that was written like this has everything; cut it down to what the scenario is about.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command line."""
    from tests.support.plan_inventory import describe  # noqa: PLC0415 - ROOT must be importable first
    from tests.support.plan_scenarios import Scenario, module_plan  # noqa: PLC0415

    parser = argparse.ArgumentParser(description="Show what a scenario plans, as an inventory.")
    parser.add_argument("module")
    parser.add_argument("scenario")
    parser.add_argument("--save", action="store_true", help="write the inventory instead of printing it")
    arguments = parser.parse_args()
    text = yaml.safe_dump(describe(module_plan(arguments.module, arguments.scenario)), sort_keys=False, width=120)
    if arguments.save:
        file = Scenario(arguments.module, arguments.scenario).inventory_file
        file.write_text(text)
        print(f"wrote {file.relative_to(ROOT)}")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
