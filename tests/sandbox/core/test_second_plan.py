"""Terraform finds what it made: a second plan is empty, and what was made can be destroyed."""

from __future__ import annotations

import os
import shutil
import subprocess
import urllib.request
import zipfile
from pathlib import Path

from sandbox.client import Sandbox
from tests.sandbox.core.conftest import CENTRAL, REGION
from tools.terraformrc import write_terraformrc

SOURCE = Path(__file__).parent / "second_plan" / "main.tf"
FUNCTION = "def handler(event, context):\n    return {'statusCode': 200, 'body': event['rawPath']}\n"


def test_schedules_mails_apis_keys_and_mappings(clean_sandbox: Sandbox, tmp_path: Path) -> None:
    for name in ("letters", "work"):
        clean_sandbox.client("sqs", CENTRAL).create_queue(QueueName=name, Attributes={"VisibilityTimeout": "180"})
    shutil.copy(SOURCE, tmp_path)
    with zipfile.ZipFile(tmp_path / "function.zip", "w") as package:
        package.writestr("h.py", FUNCTION)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_"))}
    environment = kept | {
        "TF_CLI_CONFIG_FILE": str(write_terraformrc()),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_ENDPOINT_URL": clean_sandbox.url,
        "AWS_ACCESS_KEY_ID": CENTRAL,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    def terraform(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            ["terraform", *arguments, "-no-color"],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    for step in (["init", "-input=false"], ["apply", "-auto-approve", "-input=false"]):
        code, said = terraform(*step)
        assert code == 0, said
    code, said = terraform("plan", "-detailed-exitcode", "-input=false")
    assert code == 0, said
    _, endpoint = terraform("output", "-raw", "endpoint")
    with urllib.request.urlopen(clean_sandbox.api_url(endpoint, "/requests/1"), timeout=30) as answer:  # noqa: S310
        assert answer.read() == b"/requests/1"
    code, said = terraform("destroy", "-auto-approve", "-input=false")
    assert code == 0, said
