"""Run `terraform validate` in every environment and example, which validates all modules that they call as well.

They are copied below build/ first: `terraform init` writes a lock file and a data directory next to the
configuration, and neither belongs into the source tree.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "validate"
FOLDERS = ("modules", "environments", "examples")


def configurations() -> list[Path]:
    """Return the folders below the copy that hold a root."""
    return sorted({file.parent for folder in FOLDERS if folder != "modules" for file in (COPY / folder).rglob("*.tf")})


def not_called() -> list[str]:
    """Return the modules that no configuration calls, which would go unvalidated."""
    text = "".join(file.read_text(encoding="utf-8") for folder in FOLDERS for file in (COPY / folder).rglob("*.tf"))
    return [
        f"modules/{module.name}: no environment, example or module calls it, so nothing validates it"
        for module in sorted((COPY / "modules").iterdir())
        if f'/{module.name}"' not in text
    ]


def validate(directory: Path, configuration: Path) -> str:
    """Validate one configuration and return what Terraform had to say against it, or an empty string."""
    environment = dict(os.environ) | {
        "TF_CLI_CONFIG_FILE": str(configuration),
        "CHECKPOINT_DISABLE": "1",
        "AWS_REGION": "eu-west-1",
    }
    for command in (["init", "-backend=false", "-input=false"], ["validate"]):
        done = subprocess.run(
            ["terraform", *command, "-no-color"],
            cwd=directory,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        # `init` warns that its lock file, which is thrown away, holds for this platform alone.
        if done.returncode or (command[0] == "validate" and "Warning:" in done.stdout):
            return f"{directory.relative_to(COPY)}: terraform {command[0]}\n{done.stdout}{done.stderr}"
    return ""


def main() -> int:
    """Validate everything, two at a time; print the complaints and return 1 when there are any."""
    from tools.terraformrc import write_terraformrc  # noqa: PLC0415 - ROOT must be importable first

    shutil.rmtree(COPY, ignore_errors=True)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, COPY / folder, ignore=shutil.ignore_patterns(".terraform*"))
    configuration = write_terraformrc()
    with ThreadPoolExecutor(2) as pool:
        complaints = [text for text in pool.map(lambda each: validate(each, configuration), configurations()) if text]
    complaints += not_called()
    for text in complaints:
        print(text, file=sys.stderr)
    if not complaints:
        print(f"terraform validate: {len(configurations())} configurations are valid")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
